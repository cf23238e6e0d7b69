"""One rebalance: align at the door, solve, settle on the support, verify, answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enhance.check import check
from enhance.constraint import Constraint
from enhance.constraints import NoBuy
from enhance.decision import Decision
from enhance.diagnose import changes, diagnose
from enhance.errors import InfeasibleError, SolverError
from enhance.objective import MaxAlpha
from enhance.problem import Problem
from enhance.reach import Reach, band
from enhance.relax import Ladder, feasible, loosenings
from enhance.solution import Solution
from enhance.solvers import Run, SolverName, maximise

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
    objective: MaxAlpha | None = None,
    solver: SolverName = "clarabel",
    relax: Ladder = (),
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
        ``"clarabel"``, or ``"osqp"`` for problems without a tracking-error limit.
    relax
        Kinds of limits that may give where no portfolio exists, first to give first. Empty: raise.

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
    problem = Problem.align(alpha, risk, benchmark, holdings, costs, can_buy, can_sell)
    return solve(problem, constraints, objective or MaxAlpha(), solver, relax)


def solve(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: MaxAlpha,
    solver: SolverName = "clarabel",
    relax: Ladder = (),
) -> Solution:
    """Solve an aligned problem; see ``optimize``."""
    _refuse_unsound(problem, constraints, relax)
    began = perf_counter()
    used = list(constraints)
    optimum = _optimum(problem, used, objective, solver)
    if optimum.run.undecided:
        for used in loosenings(problem, constraints, relax):
            optimum = _optimum(problem, used, objective, solver)
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
    solution = Solution(
        problem=problem,
        vector=settled.weights,
        check=check(problem, settled.weights, used),
        objective=objective.value(settled.weights, problem),
        shadow_prices=optimum.prices,
        relaxations=changes(constraints, used),
        forced=Reach.of(problem, used).forced,
        status="relaxed" if used != list(constraints) else optimum.run.status,
        seconds=perf_counter() - began,
        iterations=settled.run.iterations,
        trimmed=settled is not optimum,
    )
    if not solution.check.passed:
        raise SolverError(
            f"the answer of {solver} ({optimum.run.status}) on {problem.date:%Y-%m-%d} failed the "
            f"check: {'; '.join(solution.check.broken)}; try the other solver",
            solution,
        )
    return solution


@dataclass(frozen=True, eq=False)
class _Optimum:
    run: Run
    weights: Array
    prices: dict[str, float]


def _refuse_unsound(problem: Problem, constraints: Sequence[Constraint], relax: Ladder) -> None:
    """Refuse repeated names, a ladder over hard limits, and unscored stocks that could be bought."""
    repeated = [name for name, n in Counter(c.name for c in constraints).items() if n > 1]
    if repeated:
        raise ValueError(f"two limits are called {repeated[0]!r}; give each its own name=")
    hard = [kind.__name__ for kind in relax if kind.hard]
    if hard:
        raise ValueError(f"{hard[0]} is never relaxed; leave it out of the ladder")
    barred = ~problem.scored & (problem.benchmark == 0.0)
    if barred.any() and not any(isinstance(c, NoBuy) for c in constraints):
        raise ValueError(
            f"{barred.sum()} stocks outside the benchmark have no score on {problem.date:%Y-%m-%d}, "
            f"first {problem.stocks[barred][0]}; add NoBuy() so that they are not bought, or drop them"
        )


def _optimum(
    problem: Problem, constraints: Sequence[Constraint], objective: MaxAlpha, solver: SolverName
) -> _Optimum:
    """Solve over all stocks, with a dual for every limit."""
    x = Decision(problem, Reach.of(problem, constraints).fixed(problem))
    rows = {c.name: c.rows(x) for c in constraints}
    scale = _scale(problem)
    gain = scale * objective.expression(x)
    run = maximise(gain, [row for named in rows.values() for row in named] + x.ties + x.pin, solver)
    if not run.solved:
        return _Optimum(run, np.full(len(problem.stocks), np.nan), {})
    pinned_gains = np.zeros(len(problem.stocks))
    if x.pin:
        pinned_gains[x.pinned] = x.pin[0].dual_value / scale
    prices = {
        c.name: sum(float(np.sum(row.dual_value)) for row in rows[c.name]) / scale
        + c.pinned_price(pinned_gains, problem)
        for c in constraints
    }
    return _Optimum(run, np.asarray(x.weights.value), prices)


def _settled(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: MaxAlpha,
    solver: SolverName,
    optimum: _Optimum,
) -> _Optimum:
    """Solve again with dust weights at zero and idle trades at nothing; the optimum if that fails.

    What is neither dust nor idle adjusts, so every limit holds exactly as asked: nothing is rescaled.
    The weights of this smaller program differ from the optimum by dust; prices are the optimum's.
    """
    for dust in DUST:
        fixed = _dust_free(problem, constraints, optimum.weights, dust)
        weights, iterations = _on_support(problem, constraints, objective, solver, fixed)
        if weights is not None and check(problem, weights, constraints).passed:
            run = replace(optimum.run, iterations=optimum.run.iterations + iterations)
            return _Optimum(run, weights, optimum.prices)
    return optimum


def _on_support(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: MaxAlpha,
    solver: SolverName,
    fixed: Array,
) -> tuple[Array | None, int]:
    """Solve over the stocks that are not fixed; None where that has no answer."""
    x = Decision(problem, fixed, eliminated=True)
    if len(x.open) == 0:
        return fixed, 0
    rows = [row for c in constraints for row in c.rows(x)]
    run = maximise(_scale(problem) * objective.expression(x), rows + x.ties, solver)
    return (np.asarray(x.weights.value) if run.solved else None), run.iterations


def _dust_free(
    problem: Problem, constraints: Sequence[Constraint], weights: Array, dust: float
) -> Array:
    """Return the weights to fix ``[N]``: pinned, unsold or gone; NaN for the stocks that trade."""
    low, high = band(problem, constraints)
    h = problem.holdings
    idle = (np.abs(weights - h) < dust) & (h >= low) & (h <= high)
    gone = (np.abs(weights) < dust) & problem.can_sell & (low <= 0.0) & (high >= 0.0)
    pinned = Reach.of(problem, constraints).pinned
    return np.where(pinned, h, np.where(gone, 0.0, np.where(idle, h, np.nan)))


def _scale(problem: Problem) -> float:
    """Return the factor that brings the objective to unit size, where solver tolerances are meant."""
    spread = float(np.std(problem.alpha))
    return 1.0 / spread if spread > 0.0 else 100.0
