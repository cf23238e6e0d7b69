"""The standard limits of a rebalance as arrays: intervals of the weights, linear rows, turnover, cone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from enhance.constraint import Constraint, RowLimit, StockLimit
from enhance.constraints import TrackingError, Turnover
from enhance.decision import factor_root
from enhance.problem import Problem
from enhance.reach import Reach, band

Array = np.ndarray

KNOWN: tuple[type[Constraint], ...] = (StockLimit, RowLimit, Turnover, TrackingError)


@dataclass(frozen=True, eq=False)
class Region:
    """The feasible set as arrays, its rows in active weights d = w - b.

    Attributes
    ----------
    loadings
        X R ``[N, K]`` with R R' = F, annual.
    low, high
        Interval of each weight ``[N]``; a point where the stock is pinned.
    rows, floor, ceiling
        Linear limits floor <= rows d <= ceiling, ``[M, N]``, ``[M]``, ``[M]``.
    turnover, tracking_error
        Infinite where there is no such limit.
    """

    loadings: Array
    low: Array
    high: Array
    rows: Array
    floor: Array
    ceiling: Array
    turnover: float
    tracking_error: float

    @classmethod
    def of(cls, problem: Problem, constraints: Sequence[Constraint]) -> Region:
        """Read the constraints, each one of ``KNOWN``."""
        low, high = band(problem, constraints)
        fixed = Reach.of(problem, constraints).fixed(problem)
        pinned = ~np.isnan(fixed)
        rows, floor, ceiling = [np.zeros((0, len(low)))], [np.zeros(0)], [np.zeros(0)]
        for c in (c for c in constraints if isinstance(c, RowLimit)):
            combinations, (least, greatest) = c.combinations(problem), c.interval(problem)
            held = combinations @ problem.benchmark
            rows.append(combinations.toarray())
            floor.append(least - held)
            ceiling.append(greatest - held)
        return cls(
            loadings=np.asarray(problem.exposures @ factor_root(problem)),
            low=np.where(pinned, fixed, low),
            high=np.where(pinned, fixed, high),
            rows=np.vstack(rows),
            floor=np.concatenate(floor),
            ceiling=np.concatenate(ceiling),
            turnover=_least(constraints, Turnover),
            tracking_error=_least(constraints, TrackingError),
        )


def _least(constraints: Sequence[Constraint], kind: type[Constraint]) -> float:
    return min((c.limit for c in constraints if isinstance(c, kind)), default=np.inf)
