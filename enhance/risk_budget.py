"""An active risk budget: how much of the active variance each group of stocks may bring."""

from __future__ import annotations

from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from enhance.constraints.table import Times, refuse_times, shares
from enhance.decision import Decision
from enhance.errors import SolverError
from enhance.objective import Objective, Staged, Term, of_alpha
from enhance.problem import Problem
from enhance.solution import Solution
from enhance.stages import Stages
from market import DataError

Array = np.ndarray

ROUNDS = 40  # of Newton's method: six to twelve are usual
LEANING = 1000.0  # a start far inside the logarithms matters more than its risk
CLOSE = 1e-9  # a smaller gain of the objective is the solver's


@dataclass(frozen=True)
class ActiveRiskBudget(Staged):
    """Every group of stocks brings its budget of the active variance, on the side of its alpha.

    Maximises sum_g beta_g log(a_g'(w - b)_g) - (w - b)'V (w - b) / (2 te^2), concave. Where no limit
    binds, group g brings exactly the part beta_g of the active variance and the tracking error is te:
    multiply the first-order condition V x / te^2 = beta_g a_g / (a_g'x_g) by x_g (the log-barrier form
    of risk parity of Spinu 2013, "An Algorithm for Computing Risk Parity Weights", with the alpha of a
    group in place of a weight, so that long and short positions need no signs fixed beforehand).
    Binding limits, that on cash among them, pull the parts away from their budgets; a group that cannot
    lean to the side of its alpha has none. For budgets by kind of factor, whose contributions no convex
    program fixes, limit each kind by ``GroupRisk``.

    Attributes
    ----------
    tracking_error
        te, annual: what the tracking error settles at where no limit binds.
    by
        ``"industry"``, ``"stock"`` (each stock with a score leans to the side of its alpha, so a stock
        with negative alpha has to be in the benchmark), or a data column of labels.
    times
        Budgets by label up to a common factor; ``"*"`` is that of every other group.
    """

    tracking_error: float = 0.03
    by: str = "industry"
    times: Times | None = field(default=None, hash=False)
    needs_scores = True

    def __post_init__(self) -> None:
        refuse_times("active risk budget", self.times)
        if not (np.isfinite(self.tracking_error) and self.tracking_error > 0.0):
            raise ValueError(f"tracking_error is {self.tracking_error}; give a fraction above zero")

    @property
    def needs(self) -> tuple[str, ...]:
        return () if self.by in ("industry", "stock") else (self.by,)

    def terms(self) -> dict[str, Term]:
        return {
            "budget": self._balance,
            "risk": lambda x: -0.5 / self.tracking_error**2 * cp.sum_squares(x.risk),
        }

    def in_stages(self, problem: Problem, solve: Stages) -> Solution:
        """Maximise by Newton's method: second-order models of the logarithms, one program each.

        Each step goes as far towards the maximum of its model as the objective gains by; the programs are
        quadratic, where a solver for cones of logarithms breaks down on one week in thirty. The start is
        the portfolio whose least alpha of a group is greatest.

        Raises
        ------
        SolverError
            Some group with a budget cannot lean to the side of its alpha under the limits.
        """
        A, budget = self._groups(problem)
        at = solve(_LeastGain(A, self.tracking_error)).vector
        gains = A @ (at - problem.benchmark)
        if not gains.min() > 0.0:
            raise SolverError(
                f"under the limits of {problem.date:%Y-%m-%d} {int((gains <= 0.0).sum())} of "
                f"{len(gains)} groups of {self.by} cannot lean to the side of their alpha; give them no "
                "budget by times, or loosen what forbids it"
            )
        for _ in range(ROUNDS):
            model = _Model(A, budget, A @ (at - problem.benchmark), self.tracking_error)
            answer = solve(model)
            step, gained = self._step(at, answer.vector, problem)
            at = at + step * (answer.vector - at)
            if step == 1.0 and gained < CLOSE:
                break
        return solve.finished(answer, objective=self.value(answer.vector, problem))

    def _step(self, start: Array, end: Array, problem: Problem) -> tuple[float, float]:
        """Return how far to go from one portfolio to another, and what that gains: halving, from all."""
        before, step = self.value(start, problem), 1.0
        while step > 1e-6:
            gained = self.value(start + step * (end - start), problem) - before
            if gained > -CLOSE:
                return step, gained
            step *= 0.5
        return step, 0.0

    def value(self, weights: Array, problem: Problem) -> float:
        A, budget = self._groups(problem)
        gains = A @ (weights - problem.benchmark)
        if (gains <= 0.0).any():
            return -float("inf")
        variance = sum(problem.active_variance(weights)) / self.tracking_error**2
        return float(budget @ np.log(gains)) - 0.5 * variance

    def contributions(self, weights: Array, problem: Problem) -> Array:
        """Return the part of the active variance that each group with a budget brings ``[G]``."""
        A, _ = self._groups(problem)
        active = weights - problem.benchmark
        y = problem.exposures.T @ active
        risk = problem.exposures @ (problem.factor_covariance @ y)
        parts = active * (risk + problem.specific_variance * active)
        return np.asarray((A != 0.0) @ parts / parts.sum())

    def _balance(self, x: Decision) -> cp.Expression:
        A, budget = self._groups(x.problem)
        return budget @ cp.log(A @ x.active)

    def _groups(self, problem: Problem) -> tuple[sp.csr_array, Array]:
        """Return the alpha of each group, spread over the stocks ``[G, N]``, and its budget ``[G]``."""
        unit = of_alpha(problem) * problem.alpha
        if self.by == "stock":
            names, codes = tuple(problem.stocks), np.arange(len(unit))
        else:
            names, codes = problem.labels(self.by)
        inside = np.flatnonzero(codes >= 0)
        A = sp.csr_array((unit[inside], (codes[inside], inside)), shape=(len(names), len(unit)))
        budget = np.full(len(names), 1.0) * shares("active risk budget", self.times, names)
        kept = np.flatnonzero((budget > 0.0) & (abs(A) @ _leans(problem).astype(float) > 0.0))
        if len(kept) == 0:
            raise DataError(
                f"no group of {self.by} has a budget and can lean to the side of its alpha on "
                f"{problem.date:%Y-%m-%d}; give scores, or a budget above zero"
            )
        return A[kept], budget[kept] / budget[kept].sum()


@dataclass(frozen=True, eq=False)
class _LeastGain(Objective):
    """The least alpha that any group brings, with enough risk aversion to be bounded."""

    groups: sp.csr_array
    tracking_error: float

    def terms(self) -> dict[str, Term]:
        return {
            "alpha": lambda x: LEANING * cp.min(self.groups @ x.active),
            "risk": lambda x: -0.5 / self.tracking_error**2 * cp.sum_squares(x.risk),
        }

    def value(self, weights: Array, problem: Problem) -> float:
        least = float((self.groups @ (weights - problem.benchmark)).min())
        variance = sum(problem.active_variance(weights)) / self.tracking_error**2
        return LEANING * least - 0.5 * variance


@dataclass(frozen=True, eq=False)
class _Model(Objective):
    """The budget's objective with log l replaced by log g + (l - g) / g - ((l - g) / g)^2 / 2."""

    groups: sp.csr_array
    budget: Array
    gains: Array
    tracking_error: float

    def terms(self) -> dict[str, Term]:
        return {
            "budget": self._balance,
            "risk": lambda x: -0.5 / self.tracking_error**2 * cp.sum_squares(x.risk),
        }

    def value(self, weights: Array, problem: Problem) -> float:
        part = self.groups @ (weights - problem.benchmark) / self.gains - 1.0
        variance = sum(problem.active_variance(weights)) / self.tracking_error**2
        gain = np.log(self.gains) + part - 0.5 * part**2
        return float(self.budget @ gain) - 0.5 * variance

    def _balance(self, x: Decision) -> cp.Expression:
        part = cp.multiply(1.0 / self.gains, self.groups @ x.active) - 1.0
        curved = cp.sum_squares(cp.multiply(np.sqrt(self.budget), part))
        return self.budget @ (np.log(self.gains) + part) - 0.5 * curved


def _leans(problem: Problem) -> Array:
    """Return which stocks can hold an active weight on the side of their alpha ``[N]``, bool."""
    held = problem.holdings - problem.benchmark
    over = np.where(problem.can_buy, np.inf, held)
    under = np.where(problem.can_sell, -problem.benchmark, held)
    return ((problem.alpha > 0.0) & (over > 0.0)) | ((problem.alpha < 0.0) & (under < 0.0))
