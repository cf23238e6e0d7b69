"""TopkDropout: the portfolio rule of the reference reports and of qlib."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.orders import Orders, places
from backtest.policies import numeric, rows_of, whole
from market import Snapshot

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class TopkDropout:
    """Hold about ``topk`` stocks and replace at most ``n_drop`` of them at each rebalance.

    Of the holdings and the best ``n_drop + topk - held`` others, the ``n_drop`` with the lowest scores
    go, as far as they are held; as many of the others come in as seats are free. Whole positions are
    sold; each purchase gets the same share of ``invest`` times the cash after the sales, at the price
    of the fill. What cannot trade stays, and its money in cash. A holding without a score is worst; a
    stock without a price at the close is no candidate. On a date with scores for nobody there is no
    order and everything is held (``TopN`` raises there).

    The rule of qlib's ``TopkDropoutStrategy`` (0.9.7) on the same fills: ``run`` with
    ``schedule="daily"``, ``lots=True`` and ``Costs.flat(0.0005, 0.0015, minimum=5.0)``.

    Attributes
    ----------
    scores
        Date x stock, NaN for no score; a rebalance date needs its row.
    topk, n_drop
        Seats, and how many may change hands at once.
    limit
        ``"one_sided"``: at the upper limit nothing is bought, at the lower one nothing sold.
        ``"two_sided"``: at either limit the stock does not trade at all, qlib's default.
    hold
        Sessions that a position is kept at least.
    invest
        Share of the cash that the purchases get.

    Examples
    --------
    Three seats, one may change: A, B and C are held, D scores above B and C, so B goes for D.

    >>> best = pd.DataFrame([[0.9, 0.1, 0.5, 0.8, 0.3]], columns=list("ABCDE"))
    >>> TopkDropout(best, topk=3, n_drop=1).orders(best.iloc[0], pd.Index(["A", "B", "C"]))
    (['B'], ['D'])
    """

    scores: pd.DataFrame
    topk: int = 50
    n_drop: int = 5
    limit: str = "two_sided"
    hold: int = 1
    invest: float = 0.95

    def __post_init__(self) -> None:
        for name, value in (("topk", self.topk), ("n_drop", self.n_drop), ("hold", self.hold)):
            if not whole(value):
                raise ValueError(f"{name} is {value!r}; give a whole number")
        if self.topk < 1 or not 0 <= self.n_drop <= self.topk or self.hold < 1:
            raise ValueError(
                f"topk {self.topk}, n_drop {self.n_drop} and hold {self.hold}; use topk and hold of at "
                "least 1, and n_drop from 0 to topk"
            )
        if self.limit not in ("one_sided", "two_sided"):
            raise ValueError(f"limit is {self.limit!r}; use 'one_sided' or 'two_sided'")
        if not 0.0 < self.invest <= 1.0:
            raise ValueError(f"invest is {self.invest}; it is a share of the cash, such as 0.95")

    @property
    def two_sided(self) -> bool:
        """Whether a limit on one side closes both."""
        return self.limit == "two_sided"

    @property
    def rule(self) -> tuple[int, int, int, float]:
        """What the compiled rule reads."""
        return int(self.topk), int(self.n_drop), int(self.hold), float(self.invest)

    def table(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> Array:
        """Return the scores of the rebalance dates over all stocks ``[D, N]``, NaN for none."""
        rows = rows_of(self.scores, dates, "scores")
        columns = places(self.scores.columns, stocks, "stocks with scores")
        given = numeric(self.scores, rows, "scores")
        if self.scores.columns.equals(stocks):
            return np.ascontiguousarray(given)
        table = np.full((len(dates), len(stocks)), np.nan)
        table[:, columns] = given
        return table

    def __call__(self, snapshot: Snapshot) -> Orders:
        """Return the orders of one close; ``run`` itself plays the compiled rule."""
        if self.hold > 1:
            raise ValueError(
                f"hold is {self.hold}, and a snapshot does not say since when a stock is held; pass "
                "the policy itself to backtest.run"
            )
        world = snapshot.market
        given = self.table(pd.DatetimeIndex([snapshot.date]), world.stocks)[0]
        known = np.isfinite(world.values("adj_close")[-1])
        score = pd.Series(np.where(known, given, np.nan), world.stocks)
        sell, buy = self.orders(score, snapshot.holdings.index)
        spend = pd.Series(self.invest / max(len(buy), 1), index=pd.Index(buy, dtype="object"))
        return Orders(pd.Index(sell), spend, two_sided=self.two_sided)

    def orders(self, score: pd.Series, held: pd.Index) -> tuple[list[str], list[str]]:
        """Return what goes and what comes in, of one row of scores and the stocks held."""
        if score.isna().all():
            return [], []
        ranked = score.sort_values(ascending=False, kind="stable", na_position="last")
        others = ranked[~ranked.index.isin(held)].dropna().index
        today = others[: max(self.n_drop + self.topk - len(held), 0)]
        both = ranked.index[ranked.index.isin(held.append(today))]
        last = both[len(both) - min(self.n_drop, len(both)) :]
        sell = [stock for stock in last if stock in held]
        return sell, list(today[: max(len(sell) + self.topk - len(held), 0)])
