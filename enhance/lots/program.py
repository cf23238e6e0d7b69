"""Rounding all stocks at once: a small integer program with the limits' own rows.

Each stock takes one of the counts of its grid, so weights, charges with their minimum, and specific
risk are exactly linear in the choice. What is left of tracking error is a convex quadratic in the K
active exposures, and any other limit that is no polyhedron is convex too: both enter as tangents, added
where an answer turns out to break them (outer approximation: Duran and Grossmann 1986, "An
Outer-Approximation Algorithm for a Class of Mixed-Integer Nonlinear Programs").
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from enhance.constraint import Constraint, StockLimit
from enhance.constraints import MaxNames, TrackingError
from enhance.decision import Decision
from enhance.lots.account import Account
from enhance.objective import MaxAlpha

Array = np.ndarray

ROUNDS = 12
GAP = 1e-3  # of the objective: lots blur more than that
SLACK = 1e-9  # of the units of a limit: a tangent touched is not broken


@dataclass(frozen=True)
class Answer:
    """How the search ended: options ``[M]`` or None, and whether that was proved to be so."""

    chosen: Array | None
    proved: bool


def best(account: Account, seconds: float) -> Answer:
    """Choose the counts of the greatest objective that meet every limit, within ``GAP``."""
    ends = perf_counter() + seconds
    pieces = _Pieces(account)
    for _ in range(ROUNDS):
        left = ends - perf_counter()
        if left <= 0.0:
            break
        status = pieces.solve(left)
        if status == "infeasible":
            return Answer(None, proved=True)
        if status == "failed" or pieces.pick.value is None:
            break
        chosen = pieces.chosen()
        if account.holds(chosen):
            return Answer(chosen, proved=status == "optimal")
        if not pieces.cut():
            break
    return Answer(None, proved=False)


@dataclass(frozen=True, eq=False)
class _Lots(Decision):
    """The decision whose weights are those of chosen lots."""

    held: cp.Expression = field(kw_only=True)

    @cached_property
    def weights(self) -> cp.Expression:
        return self.held


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Variables and rows of the integer program, and the tangents it has collected."""

    account: Account
    tangents: list[cp.Constraint] = field(default_factory=list)

    @cached_property
    def pick(self) -> cp.Variable:
        return cp.Variable(len(self.account.grid.owner), boolean=True)

    @cached_property
    def factor_variance(self) -> cp.Variable:
        return cp.Variable(nonneg=True)

    @cached_property
    def view(self) -> _Lots:
        p, grid = self.account.problem, self.account.grid
        n, options = len(p.stocks), len(grid.owner)
        place = sp.csr_array((grid.weight, (grid.owner, np.arange(options))), shape=(n, options))
        return _Lots(p, np.full(n, np.nan), held=place @ self.pick)

    @cached_property
    def variance(self) -> cp.Expression:
        """Active variance, annual: exact in the specific part, from below in the factors'."""
        p, grid = self.account.problem, self.account.grid
        a = grid.weight - p.benchmark[grid.owner]
        concerned = np.unique(grid.owner)
        rest = np.delete(p.specific_variance * p.benchmark**2, concerned).sum()
        specific = (p.specific_variance[grid.owner] * a**2) @ self.pick
        return specific + float(rest) + self.factor_variance

    @cached_property
    def curved(self) -> list[tuple[Constraint, cp.Expression]]:
        """Limits that are no polyhedron, tracking error aside, each as a convex expression <= 0."""
        found = []
        for c in self._portfolio_limits:
            found += [(c, row.expr) for row in c.rows(self.view) if not row.expr.is_pwl()]
        return found

    @cached_property
    def rows(self) -> list[cp.Constraint]:
        grid, account = self.account.grid, self.account
        stocks, slot = np.unique(grid.owner, return_inverse=True)
        options = len(grid.owner)
        one = sp.csr_array(
            (np.ones(options), (slot, np.arange(options))), shape=(len(stocks), options)
        )
        spent = (grid.weight + grid.cost) @ self.pick
        rows = [one @ self.pick == 1.0, spent <= 1.0 - account.least_cash]
        rows.append(spent >= 1.0 - account.most_cash)
        for c in account.constraints:
            if isinstance(c, TrackingError):
                rows.append(self.variance <= c.limit**2)
            if isinstance(c, MaxNames):
                rows.append((grid.count > 0).astype(float) @ self.pick <= c.limit)
        for c in self._portfolio_limits:
            rows += [row for row in c.rows(self.view) if row.expr.is_pwl()]
        return rows

    @cached_property
    def gain(self) -> cp.Expression:
        """Alpha after charges and the penalty on risk; nearness to the target for other objectives."""
        p, goal, grid = self.account.problem, self.account.goal, self.account.grid
        if not isinstance(goal, MaxAlpha):
            away = p.specific_variance[grid.owner] * (grid.weight - grid.wanted[grid.owner]) ** 2
            return -(away / (away.mean() or 1.0)) @ self.pick
        value = p.alpha @ self.view.active - goal.cost_aversion * (grid.cost @ self.pick)
        if goal.risk_aversion > 0.0:
            value = value - 0.5 * goal.risk_aversion * self.variance
        return goal.scale(p) * value

    @property
    def _portfolio_limits(self) -> list[Constraint]:
        """Limits that are neither kept by the grid nor written as a variance."""
        limits = self.account.constraints
        return [c for c in limits if not isinstance(c, StockLimit | TrackingError)]

    def solve(self, seconds: float) -> str:
        """Solve with the tangents collected so far; the status in cvxpy's words."""
        if not self.tangents:
            self._touch_variance(self.account.problem.active_exposures(self.account.grid.wanted))
        rows, gain = self.rows, self.gain  # made first: both add ties to the view
        program = cp.Problem(cp.Maximize(gain), rows + self.view.ties + self.tangents)
        options: dict[str, Any] = {"time_limit": seconds, "mip_rel_gap": GAP}
        with warnings.catch_warnings():
            # an answer found in time but not proved best is judged by the check
            warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
            try:
                program.solve(solver="SCIPY", scipy_options=options)
            except cp.error.SolverError:  # cvxpy's word for no answer in time
                return "failed"
        return str(program.status)

    def chosen(self) -> Array:
        """Return the option picked for each stock ``[M]``."""
        _, first = np.unique(self.account.grid.owner, return_index=True)
        ends = np.append(first[1:], len(self.pick.value))
        picked = [
            a + int(np.argmax(self.pick.value[a:b])) for a, b in zip(first, ends, strict=True)
        ]
        return np.array(picked, dtype=np.int64)

    def cut(self) -> bool:
        """Add the tangents that the last answer breaks; False where it breaks none."""
        before = len(self.tangents)
        weights = self.account.grid.weights(self.chosen())
        y = self.account.problem.active_exposures(weights)
        common = float(y @ self.account.problem.factor_covariance @ y)
        if common > float(self.factor_variance.value) + SLACK:
            self._touch_variance(y)
        for _, expr in self.curved:
            if float(np.max(expr.value)) > SLACK:
                self.tangents.append(_tangent(expr) <= 0.0)
        return len(self.tangents) > before

    def _touch_variance(self, y: Array) -> None:
        """Bound the factors' variance from below by its tangent at exposures y."""
        slope = self.account.problem.factor_covariance @ y
        self.tangents.append(self.factor_variance >= 2.0 * (slope @ self.view.factor) - y @ slope)


def _tangent(expr: cp.Expression) -> cp.Expression:
    """Return the first-order expansion of a convex expression at the values of its variables."""
    value: cp.Expression = cp.Constant(expr.value)
    for variable, gradient in expr.grad.items():
        value = value + gradient.T @ (variable - variable.value)
    return value
