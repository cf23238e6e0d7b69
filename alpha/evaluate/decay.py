"""How long scores keep their worth."""

from collections.abc import Mapping, Sequence

import pandas as pd

from alpha.evaluate.correlations import rank_ic
from alpha.evaluate.tables import summary
from alpha.labels import Label
from market import Market

HORIZONS = (1, 2, 3, 5, 10, 15, 20)  # sessions held: a day to a month


def decay(
    models: Mapping[str, pd.DataFrame],
    market: Market,
    horizons: Sequence[int] = HORIZONS,
    every: int = 1,
    price: str = "vwap",
) -> pd.DataFrame:
    """RankIC with the return of the next h sessions, and of the h-th session alone.

    Entry is the deal price of the session after the score, as in :class:`alpha.Label`.

    Parameters
    ----------
    models
        Name to scores, date x stock, on sessions and stocks of the market.
    horizons
        Sessions held.
    every, price
        Judge each ``every``-th date of the scores; deal price of the market.

    Returns
    -------
    DataFrame
        Row a horizon h, columns (measure, model): ``rank_ic`` and ``icir`` with
        ``P[t+1+h] / P[t+1] - 1``; ``alone``, the RankIC with ``P[t+1+h] / P[t+h] - 1``, which tells in
        which session the score is earned.

    Raises
    ------
    ValueError
        A horizon below 1, or scores outside the market.
    """
    if not horizons or min(horizons) < 1:
        raise ValueError(f"evaluate: decay horizons are {tuple(horizons)}; they must be >= 1")
    rows = {}
    for h in horizons:
        held = Label(f"{h} sessions", h + 1, 1, price).values(market)
        alone = Label(f"session {h}", h + 1, h, price).values(market)
        row = {}
        for name, scores in models.items():
            whole = summary(rank_ic(scores, held, every))
            row["rank_ic", name], row["icir", name] = whole["mean"], whole["icir"]
            row["alone", name] = rank_ic(scores, alone, every).mean()
        rows[h] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("horizon")
    return table[["rank_ic", "icir", "alone"]]
