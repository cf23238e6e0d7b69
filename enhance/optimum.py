"""The optimum over all stocks by whichever road takes it, and the same without dust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from enhance.check import check
from enhance.constraint import Constraint
from enhance.decision import Decision
from enhance.objective import Objective
from enhance.problem import Problem
from enhance.reach import Reach, band
from enhance.solvers import BY_STRUCTURE, SOLVED, Run, SolverName, maximise
from enhance.structured import Standard, State, answer, shadow_prices, standard

Array = np.ndarray

# Weights and trades below a tenth of a basis point are a solver's dust (1,000 CNY of 100 million),
# on which a minimum commission would still be charged. The smaller size is tried where limits are
# so tight that the larger cannot be removed.
DUST = (1e-5, 1e-7)
# The last bits of an answer depend on where its arrays lay in memory, and a backtest in whole lots
# would carry them on; 1e-10 is a cent of 100 million
DIGITS = 10
RISKLESS = 1e-6  # annual: less is what a solver leaves where the benchmark can be held


@dataclass(frozen=True, eq=False)
class Optimum:
    """The optimum of convex limits, not yet checked.

    Attributes
    ----------
    run, road
        How the solver ended, and which it was; see ``Solution.road``.
    weights
        ``[N]``, NaN where there is none.
    prices
        Shadow price by constraint.
    gap
        Most by which the objective falls short, by duality; NaN where the solver does not say.
    form
        The standard form, where it was solved by structure.
    """

    run: Run
    road: str
    weights: Array
    prices: dict[str, float]
    gap: float = float("nan")
    form: Standard | None = None


def optimum_of(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName,
    state: State | None,
) -> Optimum:
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
    road = "clarabel" if solver in BY_STRUCTURE else solver
    if not run.solved:
        return Optimum(run, road, np.full(len(problem.stocks), np.nan), {})
    pinned_gains = np.zeros(len(problem.stocks))
    if x.pin:
        pinned_gains[x.pinned] = _moved(x) / scale
    prices = {
        c.name: c.shadow_price(rows[c.name], x) / scale + c.pinned_price(pinned_gains, problem)
        for c in constraints
    }
    return Optimum(run, road, np.asarray(x.weights.value), prices)


def _moved(x: Decision) -> Array:
    """Return what each pinned stock would gain by moving up, or minus what by moving down."""
    gain, every = np.asarray(x.pin[0].dual_value), np.ones(len(x.pinned), dtype=bool)
    up, down = gain - x.corner(x.pinned, every), -gain - x.corner(x.pinned, ~every)
    return np.where(up > 0.0, up, np.where(down > 0.0, -down, 0.0))


def _by_structure(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    fixed: Array,
    state: State | None,
) -> Optimum | None:
    """Solve a problem of the standard shape; None where it has another."""
    began = perf_counter()
    form = standard(problem, constraints, objective, fixed)
    if form is None:
        return None
    found = answer(form, state)
    run = Run(found.status, perf_counter() - began, found.iterations)
    if not run.solved:
        return Optimum(run, found.road, found.weights, {})
    prices = shadow_prices(problem, constraints, form, found.weights, found.prices, fixed)
    worth, gap = 1.0, found.gap
    if form.rooted:
        worth, gap = _of_the_root(problem.tracking_error(found.weights), found.gap)
    priced = {name: worth * price for name, price in prices.items()}
    return Optimum(run, found.road, found.weights, priced, gap, form)


def _of_the_root(risk: float, gap: float) -> tuple[float, float]:
    """Return what a unit of half the variance is worth in tracking error, and a gap of it likewise.

    At no risk at all no limit costs any.
    """
    least = float(np.sqrt(max(risk * risk - 2.0 * gap, 0.0)))
    return (1.0 / risk if risk > RISKLESS else 0.0), risk - least


def settled(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName,
    optimum: Optimum,
) -> Optimum:
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
        if weights is None:
            continue
        weights = np.where(np.isnan(fixed), np.round(weights, DIGITS), weights)
        if check(problem, weights, constraints).passed:
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
