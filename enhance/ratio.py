"""The greatest information ratio, by a few concave programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np

from enhance.errors import SolverError
from enhance.objective import MaxAlpha, MaxInformationRatio, Objective, Term, of_alpha
from enhance.problem import Problem
from enhance.solution import Solution

Array = np.ndarray

ROUNDS = 20  # convergence is faster than linear: four or five are usual
CLOSE = 1e-7  # of the ratio: a smaller gain is the solver's


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


def best_ratio(
    problem: Problem, objective: MaxInformationRatio, solve: Callable[[Objective], Solution]
) -> Solution:
    """Maximise the ratio; ``solve`` answers a concave objective under the limits.

    theta is raised to the ratio of the portfolio that gains most over theta TE, until none gains
    (Dinkelbach 1967). Then the size is settled: of the portfolios within the margin of theta, the one
    that returns most. Shadow prices are divided by TE, which makes them those of the ratio.

    Raises
    ------
    SolverError
        No portfolio has an expected active return above its costs: there is no ratio to maximise.
    """
    first = solve(AlphaLessRisk(0.0, objective.cost_aversion))
    if first.objective <= 0.0:
        raise SolverError(
            f"no portfolio of {problem.date:%Y-%m-%d} has an expected active return above its costs "
            f"(the best has {first.objective:.3g}), so there is no information ratio to maximise; use "
            "MaxAlpha or MinTrackingError"
        )
    seconds, iterations = first.seconds, first.iterations
    theta = objective.value(first.vector, problem)
    for _ in range(ROUNDS):
        if not np.isfinite(theta):  # a return without any risk
            return replace(first, objective=theta)
        step = solve(AlphaLessRisk(theta, objective.cost_aversion))
        seconds, iterations = seconds + step.seconds, iterations + step.iterations
        ratio = objective.value(step.vector, problem)
        if not ratio > theta * (1.0 + CLOSE):
            break
        theta = ratio
    settled = solve(AlphaLessRisk(theta * (1.0 - objective.margin), objective.cost_aversion))
    risk = settled.tracking_error
    return replace(
        settled,
        objective=objective.value(settled.vector, problem),
        shadow_prices={name: price / risk for name, price in settled.shadow_prices.items()},
        seconds=seconds + settled.seconds,
        iterations=iterations + settled.iterations,
    )
