"""What each weight can be before any portfolio limit is asked, and which limits must give way to it.

A suspended stock weighs what it weighs. If that is outside its active-weight band the band is not an
error but a fact of the week: the stock is pinned where it can be, is exempt from the limits it breaks,
and is listed as forced. Limits by stock stand in the order of their ``rank``: what is possible (long
only, no buy, no sell), what can be traded in a day, what must leave, and then the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from enhance.constraint import Constraint, StockLimit
from enhance.constraints import Soft
from enhance.problem import Problem

Array = np.ndarray

WIDTH = 1e-9  # an interval narrower than this is a point
NO_ROWS = pd.DataFrame({"constraint": pd.Series(dtype=str), "stock": [], "excess": []})
LAST = 3  # the rank whose limits bound a weight together, as rows of the program


@dataclass(frozen=True, eq=False)
class Reach:
    """The weights each stock can take, and those it must take.

    Attributes
    ----------
    least, greatest
        Interval ``[N]`` left by the limits of the lower ranks.
    pinned
        Stocks whose weight is no choice ``[N]``, bool: nothing else is possible, or a limit cannot be
        met and the stock goes as near to it as it can.
    at
        The weights ``[N]`` that pinned stocks take: the held one, except where a stock must leave and
        what can be traded decides how far it gets.
    outside
        By name, which stocks are pinned outside that limit ``[N]``, bool.
    forced
        One row per stock and limit that gives way: ``constraint``, ``stock``, ``excess`` (by how
        much the pinned weight lies outside the limit).
    """

    least: Array
    greatest: Array
    pinned: Array
    at: Array
    outside: Mapping[str, Array]
    forced: pd.DataFrame

    @classmethod
    def of(cls, problem: Problem, constraints: Sequence[Constraint]) -> Reach:
        """Intersect the limits by stock, rank by rank, and see which ones the earlier contradict."""
        limits = sorted(_by_stock(constraints), key=lambda limit: limit.rank)
        least = np.full(len(problem.stocks), -np.inf)
        greatest = np.full(len(problem.stocks), np.inf)
        pinned = np.zeros(len(problem.stocks), dtype=bool)
        at = np.array(problem.holdings)
        outside: dict[str, Array] = {}
        forced: list[pd.DataFrame] = []
        for limit in limits:
            low, high = limit.interval(problem)
            if limit.rank == 0:
                missed = np.zeros_like(pinned)
            elif limit.rank < LAST:
                missed = (low > greatest + WIDTH) | (high < least - WIDTH)
            else:
                missed = _missed(problem, low, high, least, greatest)
            new = missed & ~pinned
            at[new] = np.where(low > greatest - WIDTH, greatest, least)[new]
            pinned |= missed
            outside[limit.name] = missed
            forced += _forced_rows(problem, limit, missed, at)
            if limit.rank < LAST:
                least = np.where(missed, least, np.maximum(least, low))
                greatest = np.where(missed, greatest, np.minimum(greatest, high))
                point = (greatest - least <= WIDTH) & ~pinned
                at[point] = np.clip(problem.holdings, least, np.maximum(least, greatest))[point]
                pinned |= point
        rows = pd.concat(forced) if forced else NO_ROWS.copy()
        return cls(least, greatest, pinned, at, outside, rows)

    def fixed(self, problem: Problem) -> Array:
        """Return the pinned weights ``[N]``, NaN for the others."""
        del problem
        return np.where(self.pinned, self.at, np.nan)

    def exempt(self, constraint: Constraint, problem: Problem) -> Array:
        """Return which stocks are pinned outside ``constraint`` ``[N]``, bool."""
        nothing = np.zeros(len(problem.stocks), dtype=bool)
        return self.outside.get(constraint.name, nothing)


def band(problem: Problem, constraints: Sequence[Constraint]) -> tuple[Array, Array]:
    """Return the interval ``[N]`` of each weight that all limits by stock leave together."""
    low = np.full(len(problem.stocks), -np.inf)
    high = np.full(len(problem.stocks), np.inf)
    for limit in (c for c in constraints if isinstance(c, StockLimit)):
        lowest, highest = limit.interval(problem)
        low, high = np.maximum(low, lowest), np.minimum(high, highest)
    return low, high


def forced_trades(problem: Problem, constraints: Sequence[Constraint]) -> Array:
    """Return the change of weight ``[N]`` that limits by stock demand, whatever else is chosen."""
    low, high = band(problem, constraints)
    nearest = np.maximum(np.minimum(problem.holdings, high), low)
    reach = Reach.of(problem, constraints)
    return np.where(reach.pinned, reach.at, nearest) - problem.holdings


def forced_turnover(problem: Problem, constraints: Sequence[Constraint]) -> float:
    """Return the one-way turnover that limits by stock demand: the larger of forced buys and sells."""
    trades = forced_trades(problem, constraints)
    return float(max(trades.clip(min=0.0).sum(), -trades.clip(max=0.0).sum()))


def _by_stock(constraints: Sequence[Constraint]) -> list[StockLimit]:
    """Return the limits by stock, soft ones too: a fact of the week is no breach that can be bought."""
    plain = [c.constraint if isinstance(c, Soft) else c for c in constraints]
    return [c for c in plain if isinstance(c, StockLimit)]


def _missed(problem: Problem, low: Array, high: Array, least: Array, greatest: Array) -> Array:
    """Return where an interval misses what is possible, or touches it where the stock cannot move in."""
    stuck = (least >= problem.holdings - WIDTH) | (greatest <= problem.holdings + WIDTH)
    touches = (low >= greatest - WIDTH) | (high <= least + WIDTH)
    misses = (low > greatest + WIDTH) | (high < least - WIDTH)
    return misses | (stuck & touches)


def _forced_rows(
    problem: Problem, limit: StockLimit, missed: Array, at: Array
) -> list[pd.DataFrame]:
    """Return the rows of one limit as a frame, or nothing."""
    if not missed.any():
        return []
    excess = limit.excess(at, problem)
    excess = np.asarray(excess).reshape(-1, len(at)).max(axis=0)
    rows = np.flatnonzero(missed & (excess > WIDTH))
    if len(rows) == 0:
        return []
    found = {"constraint": limit.name, "stock": problem.stocks[rows], "excess": excess[rows]}
    return [pd.DataFrame(found)]
