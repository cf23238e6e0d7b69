"""One rebalance: align at the door, solve, settle on the support, verify, answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enhance.check import Check, check
from enhance.constraint import Constraint
from enhance.constraints import NoBuy
from enhance.diagnose import changes, diagnose
from enhance.errors import InfeasibleError, SolverError
from enhance.explain import Optimality
from enhance.names import choose_names
from enhance.objective import MaxAlpha, Objective, Staged
from enhance.optimum import optimum_of, settled
from enhance.problem import Problem
from enhance.pulls import pulls
from enhance.reach import Reach
from enhance.relax import Ladder, loosenings
from enhance.solution import Solution
from enhance.solvers import SolverName, refuse_unknown
from enhance.stages import Stages
from enhance.structured import State
from market import DataError

if TYPE_CHECKING:
    from risk import RiskModel

Array = np.ndarray


def optimize(
    alpha: pd.Series,
    risk: RiskModel,
    benchmark: pd.Series,
    holdings: pd.Series,
    constraints: Sequence[Constraint],
    *,
    costs: tuple[float, float] = (0.0, 0.0),
    can_buy: pd.Series | None = None,
    can_sell: pd.Series | None = None,
    objective: Objective | None = None,
    solver: SolverName = "auto",
    relax: Ladder = (),
    data: pd.DataFrame | None = None,
    capital: float | None = None,
    state: State | None = None,
) -> Solution:
    """Choose the portfolio with the greatest expected active return that meets every limit.

    Parameters
    ----------
    alpha
        Expected return over the holding period by stock ``[N]``, fraction. Its index is the universe.
        NaN means no score: a benchmark member then counts as zero, any other stock can only be sold.
    risk
        Exposures, factor covariance and specific variance; must cover the universe.
    benchmark, holdings
        Weights of the stocks that have some; the benchmark sums to one.
    constraints
        Limits, each under its own name.
    costs
        Proportional cost of buying and of selling.
    can_buy, can_sell
        Tradability ``[N]``, bool; None where everything trades. They bind through ``NoBuy`` and
        ``NoSell``.
    objective
        ``MaxAlpha()`` by default.
    solver
        ``"auto"`` sends problems of the standard shape to the structured solver and others to
        ``"clarabel"``; both can be asked for by name, and so can ``"osqp"``, for problems without a
        tracking-error limit.
    relax
        Kinds of limits that may give where no portfolio exists, first to give first. Empty: raise.
    data, capital
        What some limits read besides: columns by stock (``Problem.data``), net asset value in CNY.
    state
        What an earlier rebalance taught, see ``State``: where the structured solver begins, and what it
        leaves for the next. None: from nothing.

    Returns
    -------
    Solution
        Weights that passed the check; ``relaxations`` says what had to give.

    Raises
    ------
    DataError
        Inputs that do not fit each other.
    InfeasibleError
        No portfolio exists, whatever may be relaxed.
    SolverError
        The solver broke down or its answer failed the check.
    """
    problem = Problem.align(
        alpha, risk, benchmark, holdings, costs, can_buy, can_sell, data, capital
    )
    return solve(problem, constraints, objective or MaxAlpha(), solver, relax, state)


def solve(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName = "auto",
    relax: Ladder = (),
    state: State | None = None,
) -> Solution:
    """Solve an aligned problem; see ``optimize``."""
    refuse_unknown(solver)
    _refuse_unsound(problem, constraints, objective, relax)
    if isinstance(objective, Staged):
        stages = Stages(lambda *a: solve(problem, a[1], a[0], solver, a[2]), constraints, relax)
        return objective.in_stages(problem, stages)
    if any(c.discrete for c in constraints):
        return _solve_names(problem, constraints, objective, solver, relax)
    began = perf_counter()
    used = list(constraints)
    optimum = optimum_of(problem, used, objective, solver, state)
    if optimum.run.undecided:
        for used in loosenings(problem, constraints, relax):
            optimum = optimum_of(problem, used, objective, solver, state)
            if optimum.run.solved:
                break
        if used == list(constraints) and (found := diagnose(problem, constraints)) is not None:
            raise InfeasibleError(found)
    if not optimum.run.solved:
        raise SolverError(
            f"{solver} ended {optimum.run.status!r} on {problem.date:%Y-%m-%d} after "
            f"{optimum.run.iterations} iterations; bound the portfolio or try the other solver"
        )
    final = settled(problem, used, objective, solver, optimum)
    verdict = check(problem, final.weights, used)
    solution = Solution(
        problem=problem,
        vector=final.weights,
        check=verdict,
        objective=_worth(problem, used, objective, final.weights, verdict),
        shadow_prices=optimum.prices,
        relaxations=changes(constraints, used),
        forced=Reach.of(problem, used).forced,
        status="relaxed" if used != list(constraints) else optimum.run.status,
        seconds=perf_counter() - began,
        iterations=final.run.iterations,
        trimmed=final is not optimum,
        constraints=tuple(used),
        goal=objective,
        solver=solver,
        road=optimum.road,
        gap=optimum.gap,
    )
    if not solution.check.passed:
        raise SolverError(
            f"the answer of {solver} ({optimum.run.status}) on {problem.date:%Y-%m-%d} failed the "
            f"check: {'; '.join(solution.check.broken)}; try the other solver",
            solution,
        )
    return solution


def _solve_names(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName,
    relax: Ladder,
) -> Solution:
    """Solve under limits on names, see ``enhance.names``."""

    def trial(limits: Sequence[Constraint]) -> Optimality | None:
        try:
            return pulls(problem, limits, objective, solver)
        except SolverError:  # no portfolio with these names
            return None

    return choose_names(
        problem,
        constraints,
        lambda limits, ladder: solve(problem, limits, objective, solver, ladder),
        trial,
        relax,
        objective if solver == "highs" else None,
    )


def _refuse_unsound(
    problem: Problem, constraints: Sequence[Constraint], objective: Objective, relax: Ladder
) -> None:
    """Refuse what is no limit, repeated names, a ladder over hard limits, and what has no score."""
    strange = [c for c in constraints if not isinstance(c, Constraint)]
    if strange:
        raise ValueError(f"{strange[0]!r} is no limit; give values such as Turnover(0.20)")
    repeated = [name for name, n in Counter(c.name for c in constraints).items() if n > 1]
    if repeated:
        raise ValueError(f"two limits are called {repeated[0]!r}; give each its own name=")
    hard = [kind.__name__ for kind in relax if kind.hard]
    if hard:
        raise ValueError(f"{hard[0]} is never relaxed; leave it out of the ladder")
    if objective.needs_scores and not problem.scored.any():
        raise DataError(
            f"none of the {len(problem.stocks)} stocks has a score on {problem.date:%Y-%m-%d}; give "
            "alpha for some, or an objective without alpha such as MinTrackingError()"
        )
    barred = ~problem.scored & (problem.benchmark == 0.0)
    if barred.any() and not any(isinstance(c, NoBuy) for c in constraints):
        raise ValueError(
            f"{barred.sum()} stocks outside the benchmark have no score on {problem.date:%Y-%m-%d}, "
            f"first {problem.stocks[barred][0]}; add NoBuy() so that they are not bought, or drop them"
        )


def _worth(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    weights: Array,
    verdict: Check,
) -> float:
    """Return the objective of given weights, less what the breaches of soft limits cost."""
    broken = sum(c.loss(verdict.violations.get(c.name, 0.0)) for c in constraints)
    return objective.value(weights, problem) - broken
