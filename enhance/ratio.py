"""The greatest information ratio, by a few concave programs."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from enhance.errors import SolverError
from enhance.objective import MaxAlpha, Objective, Staged, Term, of_alpha, refuse_negative
from enhance.problem import Problem
from enhance.solution import Solution
from enhance.stages import Stages

Array = np.ndarray

ROUNDS = 20  # convergence is faster than linear: four or five are usual
CLOSE = 1e-7  # of the ratio: a smaller gain is the solver's


@dataclass(frozen=True)
class MaxInformationRatio(Staged):
    """Greatest ratio of expected active return after costs to tracking error.

    A ratio is not concave but quasiconcave: its greatest value theta is where the greatest
    a'(w - b) - kappa cost - theta TE is zero, found by a few programs of that form (Dinkelbach 1967,
    "On Nonlinear Fractional Programming"; the program of each step is ``AlphaLessRisk``). Alpha is per holding period and TE
    annual, so the ratio is annual only after multiplying by the periods a year.

    Along a line through the benchmark the ratio does not change: of the portfolios within ``margin`` of
    the best ratio, the one with the greatest return is taken. Prices are those of the ratio.
    """

    cost_aversion: float = 1.0
    margin: float = 1e-3
    needs_scores = True

    def __post_init__(self) -> None:
        refuse_negative(self, "cost_aversion")
        if not 0.0 < self.margin < 1.0:
            raise ValueError(f"margin is {self.margin}; give a small fraction of the ratio")

    def terms(self) -> dict[str, Term]:
        """Return those of the return alone; the ratio has no concave expression."""
        return MaxAlpha(cost_aversion=self.cost_aversion).terms()

    def value(self, weights: Array, problem: Problem) -> float:
        """Return the ratio; zero where there is neither return nor risk."""
        gain = float(problem.alpha @ (weights - problem.benchmark))
        gain -= self.cost_aversion * problem.cost(weights)
        risk = problem.tracking_error(weights)
        return gain / risk if risk > 0.0 else float(np.sign(gain)) * float("inf") if gain else 0.0

    def scale(self, problem: Problem) -> float:
        return of_alpha(problem, self.cost_aversion)

    def in_stages(self, problem: Problem, solve: Stages) -> Solution:
        """Raise theta to the ratio of the portfolio that gains most over theta TE, until none gains.

        Then the size is settled: of the portfolios within the margin of theta, the one that returns
        most. Shadow prices are divided by TE, which makes them those of the ratio.

        Raises
        ------
        SolverError
            No portfolio has an expected active return above its costs: there is no ratio to maximise.
        """
        first = solve(AlphaLessRisk(0.0, self.cost_aversion))
        if first.objective <= 0.0:
            raise SolverError(
                f"no portfolio of {problem.date:%Y-%m-%d} has an expected active return above its "
                f"costs (the best has {first.objective:.3g}), so there is no information ratio to "
                "maximise; use MaxAlpha or MinTrackingError"
            )
        theta = self.value(first.vector, problem)
        for _ in range(ROUNDS):
            if not np.isfinite(theta):  # a return without any risk
                return solve.finished(first, objective=theta)
            ratio = self.value(solve(AlphaLessRisk(theta, self.cost_aversion)).vector, problem)
            if not ratio > theta * (1.0 + CLOSE):
                break
            theta = ratio
        last = solve(AlphaLessRisk(theta * (1.0 - self.margin), self.cost_aversion))
        risk = last.tracking_error
        return solve.finished(
            last,
            objective=self.value(last.vector, problem),
            shadow_prices={name: price / risk for name, price in last.shadow_prices.items()},
        )


@dataclass(frozen=True)
class AlphaLessRisk(Objective):
    """a'(w - b) - kappa cost - theta TE: what a ratio of theta leaves over.

    At the best ratio the greatest value is zero, and its first-order conditions are those of the ratio.
    """

    theta: float
    cost_aversion: float

    def terms(self) -> dict[str, Term]:
        terms = MaxAlpha(cost_aversion=self.cost_aversion).terms()
        if self.theta > 0.0:
            terms["risk"] = lambda x: -self.theta * cp.norm(x.risk)
        return terms

    def value(self, weights: Array, problem: Problem) -> float:
        gain = float(problem.alpha @ (weights - problem.benchmark))
        gain -= self.cost_aversion * problem.cost(weights)
        return gain - self.theta * problem.tracking_error(weights)

    def scale(self, problem: Problem) -> float:
        return of_alpha(problem, self.cost_aversion)
