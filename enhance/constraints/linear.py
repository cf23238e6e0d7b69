"""Any linear limit of the user's, by rows of coefficients."""

from __future__ import annotations

from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np
import pandas as pd
import scipy.sparse as sp

from enhance import door
from enhance.constraint import RowLimit
from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray
Bound = float | pd.Series


@dataclass(frozen=True, eq=False)
class Linear(RowLimit):
    """lower <= A'w <= upper, row by row, for coefficients A ``[stocks, rows]``.

    ``Linear(esg, lower=0.6, name="esg")`` bounds a score averaged over the weights,
    ``Linear(days, upper=5.0, name="liquidity_days")`` the sum of w times days to sell, and
    ``Linear(themes, -0.02, 0.02, active=True, name="themes")`` each column of a frame of 0 and 1.

    Attributes
    ----------
    frame
        Coefficients by stock: a Series for one row, a frame with a column for each, or the names of
        data columns. Covers the universe, without gaps.
    lower, upper
        Numbers, or Series by column of ``frame``; infinite for no limit.
    active
        Speaks about w - b instead of w.
    limit
        How far outside all of them the portfolio may be: zero. The price is the gain per unit by which
        every bound is widened.
    """

    frame: pd.DataFrame | pd.Series | str | tuple[str, ...]
    lower: Bound = -np.inf
    upper: Bound = np.inf
    limit: float = field(default=0.0, kw_only=True)
    name: str = field(default="linear", kw_only=True)
    active: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self._bounds()
        rows = self._rows()
        crossed = ~(low <= high)  # catches NaN too
        if crossed.any():
            at = int(np.argmax(crossed))
            raise ValueError(
                f"{self.name} has lower {low[at]} above upper {high[at]} in row {rows[at]!r}; "
                "swap them, or give two numbers"
            )
        if not (np.isfinite(low) | np.isfinite(high)).any():
            raise ValueError(f"{self.name} has no finite bound; give lower= or upper=")

    @property
    def needs(self) -> tuple[str, ...]:
        if isinstance(self.frame, str):
            return (self.frame,)
        return self.frame if isinstance(self.frame, tuple) else ()

    def expression(self, x: Decision) -> cp.Expression:
        A, (low, high) = self.combinations(x.problem), self._bounds()
        value = A @ (x.active if self.active else x.weights)
        below, above = np.flatnonzero(np.isfinite(low)), np.flatnonzero(np.isfinite(high))
        return cp.hstack([value[above] - high[above], low[below] - value[below]])

    def measure(self, weights: Array, problem: Problem) -> Array:
        low, high = self._bounds()
        held = weights - problem.benchmark if self.active else weights
        value = self.combinations(problem) @ held
        return np.concatenate([(value - high)[np.isfinite(high)], (low - value)[np.isfinite(low)]])

    def excess(self, weights: Array, problem: Problem) -> Array:
        """Return by how much each bound is broken, in units of weight where coefficients are large."""
        low, high = self._bounds()
        size = np.maximum(abs(self.combinations(problem)).max(axis=1).toarray().ravel(), 1.0)
        unit = np.concatenate([size[np.isfinite(high)], size[np.isfinite(low)]])
        return (self.measure(weights, problem) - self.limit) / unit

    def breach(self, weights: Array, problem: Problem, exempt: Array | None = None) -> float:
        """Return how much wider the bounds would have to be, in their own unit."""
        del exempt
        return float(np.max(self.measure(weights, problem))) - self.limit

    def combinations(self, problem: Problem) -> sp.csr_array:
        if isinstance(self.frame, str | tuple):
            return sp.csr_array(np.array([problem.column(name) for name in self.needs]))
        frame = self.frame.to_frame() if isinstance(self.frame, pd.Series) else self.frame
        missing = problem.stocks.difference(frame.index, sort=False)
        if len(missing) or frame.index.has_duplicates:
            where = missing if len(missing) else frame.index[frame.index.duplicated()]
            remedy = "give every candidate one row"
            door.refuse(f"{self.name} lacks or repeats coefficients", where, problem.date, remedy)
        values = frame.loc[problem.stocks].to_numpy(np.float64)
        bad = ~np.isfinite(values).all(axis=1)
        if bad.any():
            where = problem.stocks[bad]
            door.refuse(f"{self.name} has gaps", where, problem.date, "fill the coefficients")
        return sp.csr_array(values.T)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        low, high = self._bounds()
        centre = self.combinations(problem) @ problem.benchmark if self.active else 0.0
        return low - self.limit + centre, high + self.limit + centre

    def _rows(self) -> list[str]:
        if isinstance(self.frame, pd.DataFrame):
            return [str(column) for column in self.frame.columns]
        return [self.name] if isinstance(self.frame, pd.Series) else list(self.needs)

    def _bounds(self) -> tuple[Array, Array]:
        low, high = (self._spread(bound) for bound in (self.lower, self.upper))
        return low, high

    def _spread(self, bound: Bound) -> Array:
        rows = self._rows()
        if not isinstance(bound, pd.Series):
            return np.full(len(rows), float(bound))
        missing = set(rows) - set(bound.index.astype(str))
        if missing:
            raise ValueError(f"{self.name} has no bound for row {min(missing)!r}; give one per row")
        return bound.set_axis(bound.index.astype(str)).loc[rows].to_numpy(np.float64)
