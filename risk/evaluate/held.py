"""The weights that a portfolio has between its rebalances."""

from __future__ import annotations

import numpy as np
import pandas as pd

from market import DataError, Market


def active_weights(weights: pd.DataFrame, market: Market, index: str) -> pd.DataFrame:
    """Carry weights from rebalance to rebalance by the stocks' returns, and take the index's away.

    Parameters
    ----------
    weights
        Session x stock, at the close of sessions with trades, such as ``backtest.Result.weights``; the
        rest of the portfolio is cash.
    market
        Gives returns and the index.
    index
        Name of the benchmark.

    Returns
    -------
    DataFrame
        Active weights at the close of every session from the first row to the last, session x stock
        of the market; made for ``Given``.

    Raises
    ------
    DataError
        A date that is no session, a stock that the market does not have, or no index weights yet.
    """
    rows = market.dates.get_indexer(weights.index)
    unknown = weights.columns.difference(market.stocks)
    if (rows < 0).any() or len(unknown):
        raise DataError(
            f"weights have {int((rows < 0).sum())} dates that are no sessions of the market and "
            f"{len(unknown)} stocks that it lacks, first {list(unknown[:3])}; use the market they "
            "were traded on"
        )
    span = np.arange(rows[0], rows[-1] + 1)
    grown = 1.0 + np.nan_to_num(market.values("returns")[span].astype(np.float64))
    given = weights.reindex(columns=market.stocks).fillna(0.0).to_numpy(dtype=np.float64)
    base = market.values(f"weight:{market.index(index).name}")[span].astype(np.float64)
    if not (np.nan_to_num(base).sum(axis=1) > 0.0).all():
        raise DataError(f"index {index} has no weights on {market.dates[rows[0]]:%Y-%m-%d}")
    active = np.empty_like(grown)
    position = dict(zip(rows.tolist(), given, strict=True))
    held = given[0]
    for t, row in enumerate(span):
        if row in position:
            held = position[row]
        else:
            cash = 1.0 - held.sum()
            held = held * grown[t]
            held = held / (cash + held.sum())
        active[t] = held - np.nan_to_num(base[t])
    return pd.DataFrame(active, market.dates[span], market.stocks)
