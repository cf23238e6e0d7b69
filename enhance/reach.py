"""What each weight can be before any portfolio limit is asked, and which limits must give way to it.

A suspended stock weighs what it weighs. If that is outside its active-weight band the band is not an
error but a fact of the week: the stock is pinned at its held weight, is exempt from the limits it
breaks, and is listed as forced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from enhance.constraint import Constraint, StockLimit
from enhance.problem import Problem

Array = np.ndarray

WIDTH = 1e-9  # an interval narrower than this is a point


@dataclass(frozen=True, eq=False)
class Reach:
    """The weights each stock can take, and those it must keep.

    Attributes
    ----------
    least, greatest
        Interval ``[N]`` left by the hard limits: long only, no buy, no sell.
    pinned
        Stocks that keep their held weight ``[N]``, bool: nothing else is possible, or the possible
        weight nearest to a limit is the held one.
    forced
        One row per stock and limit that gives way: ``constraint``, ``stock``, ``excess`` (by how
        much the held weight lies outside the limit).
    """

    least: Array
    greatest: Array
    pinned: Array
    forced: pd.DataFrame

    @classmethod
    def of(cls, problem: Problem, constraints: Sequence[Constraint]) -> Reach:
        """Intersect the hard limits by stock, then see which softer ones they contradict."""
        limits = [c for c in constraints if isinstance(c, StockLimit)]
        least = np.full(len(problem.stocks), -np.inf)
        greatest = np.full(len(problem.stocks), np.inf)
        for limit in (c for c in limits if c.hard):
            low, high = limit.interval(problem)
            least, greatest = np.maximum(least, low), np.minimum(greatest, high)
        pinned = greatest - least <= WIDTH
        forced = []
        for limit in (c for c in limits if not c.hard):
            outside = _outside(problem, limit, least, greatest)
            pinned |= outside
            forced.append(_forced_rows(problem, limit, outside))
        return cls(least, greatest, pinned, pd.concat(forced) if forced else _no_rows())

    def fixed(self, problem: Problem) -> Array:
        """Return the pinned weights ``[N]``, NaN for the others."""
        return np.where(self.pinned, problem.holdings, np.nan)

    def exempt(self, constraint: Constraint, problem: Problem) -> Array:
        """Return which stocks are pinned outside ``constraint`` ``[N]``, bool."""
        if constraint.hard or not isinstance(constraint, StockLimit):
            return np.zeros(len(problem.stocks), dtype=bool)
        return _outside(problem, constraint, self.least, self.greatest)


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
    pinned = Reach.of(problem, constraints).pinned
    return np.where(pinned, 0.0, nearest - problem.holdings)


def _outside(problem: Problem, limit: StockLimit, least: Array, greatest: Array) -> Array:
    """Return where the interval of ``limit`` misses what is possible, and the stock cannot move in."""
    low, high = limit.interval(problem)
    blocked = (least >= problem.holdings - WIDTH) | (greatest <= problem.holdings + WIDTH)
    return blocked & ((low >= greatest - WIDTH) | (high <= least + WIDTH))


def _forced_rows(problem: Problem, limit: StockLimit, outside: Array) -> pd.DataFrame:
    excess = limit.excess(problem.holdings, problem)
    rows = np.flatnonzero(outside & (excess > WIDTH))
    if len(rows) == 0:
        return _no_rows()
    return pd.DataFrame(
        {"constraint": limit.name, "stock": problem.stocks[rows], "excess": excess[rows]}
    )


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame({"constraint": pd.Series(dtype=str), "stock": [], "excess": []})
