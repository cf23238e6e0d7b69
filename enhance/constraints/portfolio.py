"""Limits on the portfolio as a whole: cash, members, risk."""

from __future__ import annotations

from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from enhance.constraint import Constraint, RowLimit
from enhance.constraints.phase import fraction_left
from enhance.decision import Decision, factor_root
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class Budget(RowLimit):
    """Cash is ``limit``, or up to ``limit + spare``: limit <= 1 - sum w <= limit + spare.

    An equality by default, so its price, the gain per unit of cash, may be negative. ``spare=1`` leaves
    it to the objective how much to invest. Cash is never negative, whatever is relaxed.
    """

    limit: float = 0.0
    name: str = "budget"
    spare: float = field(default=0.0, kw_only=True)
    percent = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.spare) and self.spare >= 0.0):
            raise ValueError(f"{self.name} has spare {self.spare}; give a fraction >= 0")

    @property
    def number(self) -> float:
        return self.limit + self.spare

    def expression(self, x: Decision) -> cp.Expression:
        return 1.0 - cp.sum(x.weights)

    def rows(self, x: Decision, slack: cp.Expression | float = 0.0) -> list[cp.Constraint]:
        """Return the equality, or most and least cash; ``slack`` loosens both, down to no cash."""
        cash = self.expression(x)
        exact = isinstance(slack, float)
        if exact and self.spare == 0.0:
            return [cash == self.limit]
        rows = [cash <= self.limit + self.spare + slack, cash >= 0.0]
        if self.limit > 0.0:
            rows.append(cash >= self.limit - slack)
        return rows

    def shadow_price(self, rows: list[cp.Constraint], x: Decision) -> float:
        """Return the gain per unit of cash: of more of the most, less that of more of the least."""
        del x
        if self.spare == 0.0:
            return float(rows[0].dual_value)
        least = rows[2 if self.limit > 0.0 else 1]
        return float(rows[0].dual_value) - float(least.dual_value)

    def measure(self, weights: Array, problem: Problem) -> Array:
        del problem
        return np.array(1.0 - weights.sum())

    def excess(self, weights: Array, problem: Problem) -> Array:
        cash = self.measure(weights, problem)
        return np.maximum(cash - self.limit - self.spare, self.limit - cash)

    def reached(self, weights: Array, problem: Problem, exempt: Array | None = None) -> float:
        del exempt
        return float(self.measure(weights, problem))

    def combinations(self, problem: Problem) -> sp.csr_array:
        return sp.csr_array(np.ones((1, len(problem.stocks))))

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        del problem
        return np.array([1.0 - self.limit - self.spare]), np.array([1.0 - self.limit])


@dataclass(frozen=True)
class ConstituentShare(RowLimit):
    """At least ``limit`` of net asset value in members of the benchmark.

    Attributes
    ----------
    weeks
        A stock that left the benchmark counts in part for so many weeks (data column ``weeks_out``),
        so that its sale is spread over them; one: not at all.
    """

    limit: float = 0.80
    name: str = "constituent_share"
    weeks: int = field(default=1, kw_only=True)
    floor = True
    percent = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weeks < 1:
            raise ValueError(f"{self.name} has weeks {self.weeks}; give 1 for at once, or more")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("weeks_out",) if self.weeks > 1 else ()

    def expression(self, x: Decision) -> cp.Expression:
        counted = self._counted(x.problem)
        inside = np.flatnonzero(counted)
        return counted[inside] @ x.weights[inside]

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.array(weights @ self._counted(problem))

    def combinations(self, problem: Problem) -> sp.csr_array:
        return sp.csr_array(self._counted(problem)[None, :])

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        del problem
        return np.array([self.limit]), np.array([np.inf])

    def _counted(self, problem: Problem) -> Array:
        """Return the part of each stock's weight that counts ``[N]``: one for members."""
        member = (problem.benchmark > 0.0).astype(float)
        if self.weeks == 1:
            return member
        left = fraction_left(problem.column("weeks_out", gaps=True), self.weeks)
        return np.maximum(member, left)


@dataclass(frozen=True)
class TrackingError(Constraint):
    """Predicted tracking error, annual: sqrt((w - b)'(XFX' + D)(w - b)) <= limit; a cone."""

    limit: float = 0.04
    name: str = "tracking_error"
    percent = True

    @property
    def tolerance(self) -> float:
        return max(1e-4 * self.limit, 1e-7)  # dust weighs that much where nothing is allowed

    def expression(self, x: Decision) -> cp.Expression:
        return cp.norm(x.risk)

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.array(problem.tracking_error(weights))


@dataclass(frozen=True)
class GroupRisk(Constraint):
    """Annual active risk of the factors of one kind, standing alone: sqrt(y'F y) <= limit; a cone.

    A risk budget by source: one limit for ``"style"``, one for ``"industry"``, one for ``"specific"``.
    The covariance between groups is in none of them, so the squares need not sum to that of the
    tracking error.
    """

    limit: float = 0.02
    name: str = "group_risk"
    kind: str = field(default="style", kw_only=True)
    percent = True

    @property
    def tolerance(self) -> float:
        return max(1e-4 * self.limit, 1e-7)  # dust weighs that much where nothing is allowed

    def expression(self, x: Decision) -> cp.Expression:
        p = x.problem
        if self.kind == "specific":
            return cp.norm(cp.multiply(np.sqrt(p.specific_variance), x.active))
        columns = p.factor_columns(self.kind)
        return cp.norm(factor_root(p, columns).T @ x.factor[columns])

    def measure(self, weights: Array, problem: Problem) -> Array:
        if self.kind == "specific":
            return np.array(np.sqrt(problem.active_variance(weights)[1]))
        columns = problem.factor_columns(self.kind)
        y = problem.active_exposures(weights)[columns]
        return np.array(np.sqrt(y @ problem.factor_covariance[np.ix_(columns, columns)] @ y))
