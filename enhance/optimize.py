"""One rebalance: align at the door, solve, settle on the support, verify, answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enhance.check import Check, check
from enhance.constraint import Constraint
from enhance.constraints import NoBuy
from enhance.decision import Decision
from enhance.diagnose import changes, diagnose
from enhance.errors import InfeasibleError, SolverError
from enhance.explain import Optimality
from enhance.names import choose_names
from enhance.objective import MaxAlpha, Objective
from enhance.problem import Problem
from enhance.pulls import pulls
from enhance.reach import Reach, band
from enhance.relax import Ladder, feasible, loosenings
from enhance.solution import Solution
from enhance.solvers import BY_STRUCTURE, SOLVED, Run, SolverName, maximise, refuse_unknown
from enhance.stages import Stages
from enhance.structured import Standard, State, answer, shadow_prices, standard
from market import DataError

if TYPE_CHECKING:
    from risk import RiskModel

Array = np.ndarray

# Weights and trades below a tenth of a basis point are a solver's dust (1,000 CNY of 100 million),
# on which a minimum commission would still be charged. The smaller size is tried where limits are
# so tight that the larger cannot be removed.
DUST = (1e-5, 1e-7)


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
    if objective.staged:
        stages = Stages(lambda *a: solve(problem, a[1], a[0], solver, a[2]), constraints, relax)
        return objective.in_stages(problem, stages)
    if any(c.discrete for c in constraints):
        return _solve_names(problem, constraints, objective, solver, relax)
    began = perf_counter()
    used = list(constraints)
    optimum = _optimum(problem, used, objective, solver, state)
    if optimum.run.undecided:
        for used in loosenings(problem, constraints, relax):
            optimum = _optimum(problem, used, objective, solver, state)
            if optimum.run.solved:
                break
        if used == list(constraints) and not feasible(problem, constraints):
            raise InfeasibleError(diagnose(problem, constraints))
    if not optimum.run.solved:
        raise SolverError(
            f"{solver} ended {optimum.run.status!r} on {problem.date:%Y-%m-%d} after "
            f"{optimum.run.iterations} iterations; bound the portfolio or try the other solver"
        )
    settled = _settled(problem, used, objective, solver, optimum)
    verdict = check(problem, settled.weights, used)
    solution = Solution(
        problem=problem,
        vector=settled.weights,
        check=verdict,
        objective=_worth(problem, used, objective, settled.weights, verdict),
        shadow_prices=optimum.prices,
        relaxations=changes(constraints, used),
        forced=Reach.of(problem, used).forced,
        status="relaxed" if used != list(constraints) else optimum.run.status,
        seconds=perf_counter() - began,
        iterations=settled.run.iterations,
        trimmed=settled is not optimum,
        constraints=tuple(used),
        goal=objective,
        solver=solver,
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


@dataclass(frozen=True, eq=False)
class _Optimum:
    run: Run
    weights: Array
    prices: dict[str, float]
    gap: float = float("nan")
    form: Standard | None = None  # where it was solved by structure


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


def _optimum(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName,
    state: State | None,
) -> _Optimum:
    """Solve over all stocks, with a dual for every limit."""
    fixed = Reach.of(problem, constraints).fixed(problem)
    if solver in BY_STRUCTURE:
        found = _by_structure(problem, constraints, objective, fixed, state)
        if found is not None and (found.run.status != "failed" or solver == "structured"):
            return found
        if solver == "structured":
            raise ValueError(
                f"the problem of {problem.date:%Y-%m-%d} has a limit, an objective or factors that the "
                "structured solver does not take; use solver='auto' or 'clarabel'"
            )
    x = Decision(problem, fixed)
    rows = {c.name: c.rows(x) for c in constraints}
    scale = objective.scale(problem)
    gain = scale * (objective.expression(x) - sum(c.penalty(x) for c in constraints))
    run = maximise(gain, [row for named in rows.values() for row in named] + x.ties + x.pin, solver)
    if not run.solved:
        return _Optimum(run, np.full(len(problem.stocks), np.nan), {})
    pinned_gains = np.zeros(len(problem.stocks))
    if x.pin:
        pinned_gains[x.pinned] = x.pin[0].dual_value / scale
    prices = {
        c.name: c.shadow_price(rows[c.name], x) / scale + c.pinned_price(pinned_gains, problem)
        for c in constraints
    }
    return _Optimum(run, np.asarray(x.weights.value), prices)


def _by_structure(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    fixed: Array,
    state: State | None,
) -> _Optimum | None:
    """Solve a problem of the standard shape; None where it has another."""
    began = perf_counter()
    form = standard(problem, constraints, objective, fixed)
    if form is None:
        return None
    found = answer(form, state)
    run = Run(found.status, perf_counter() - began, found.iterations)
    if not run.solved:
        return _Optimum(run, found.weights, {})
    prices = shadow_prices(problem, constraints, form, found.weights, found.prices, fixed)
    return _Optimum(run, found.weights, prices, found.gap, form)


def _settled(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName,
    optimum: _Optimum,
) -> _Optimum:
    """Solve again with dust weights at zero and idle trades at nothing; the optimum if that fails.

    What is neither dust nor idle adjusts, so every limit holds exactly as asked: nothing is rescaled.
    The weights of this smaller program differ from the optimum by dust; prices are the optimum's.
    """
    for dust in DUST:
        fixed = _dust_free(problem, constraints, optimum.weights, dust)
        if optimum.form is not None:
            found = answer(optimum.form.fixed(fixed))
            weights = found.weights if found.status in SOLVED else None
            iterations = found.iterations
        else:
            weights, iterations = _on_support(problem, constraints, objective, solver, fixed)
        if weights is not None and check(problem, weights, constraints).passed:
            run = replace(optimum.run, iterations=optimum.run.iterations + iterations)
            return replace(optimum, run=run, weights=weights)
    return optimum


def _on_support(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName,
    fixed: Array,
) -> tuple[Array | None, int]:
    """Solve over the stocks that are not fixed; None where that has no answer."""
    x = Decision(problem, fixed, eliminated=True)
    if len(x.open) == 0:
        return fixed, 0
    rows = [row for c in constraints for row in c.rows(x)]
    gain = objective.expression(x) - sum(c.penalty(x) for c in constraints)
    run = maximise(objective.scale(problem) * gain, rows + x.ties, solver)
    return (np.asarray(x.weights.value) if run.solved else None), run.iterations


def _dust_free(
    problem: Problem, constraints: Sequence[Constraint], weights: Array, dust: float
) -> Array:
    """Return the weights to fix ``[N]``: pinned, unsold or gone; NaN for the stocks that trade."""
    low, high = band(problem, constraints)
    h = problem.holdings
    idle = (np.abs(weights - h) < dust) & (h >= low) & (h <= high)
    gone = (np.abs(weights) < dust) & problem.can_sell & (low <= 0.0) & (high >= 0.0)
    reach = Reach.of(problem, constraints)
    return np.where(reach.pinned, reach.at, np.where(gone, 0.0, np.where(idle, h, np.nan)))


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
