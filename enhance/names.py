"""Which names to hold: limits on their number and on the least holding, which are not convex.

Without them the problem is solved first: its optimum bounds every choice of names (``Solution.bound``). The
choice is a heuristic, see ``enhance.narrow``; with ``solver="highs"`` and a linear problem it is exact, by a
mixed-integer program. Then the problem is solved over the chosen names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cvxpy as cp
import numpy as np

from enhance.check import check
from enhance.constraint import Constraint
from enhance.constraints import MaxNames, MinHolding
from enhance.decision import Decision
from enhance.errors import SolverError
from enhance.narrow import CHOSEN, DROPPED, Choice, Room, Trial, narrowed
from enhance.objective import Objective
from enhance.problem import Problem
from enhance.reach import Reach, band
from enhance.relax import Ladder
from enhance.solution import Solution
from enhance.solvers import maximise

Array = np.ndarray


def choose_names(
    problem: Problem,
    constraints: Sequence[Constraint],
    solve: Callable[[Sequence[Constraint], Ladder], Solution],
    trial: Trial,
    relax: Ladder,
    exact: Objective | None = None,
) -> Solution:
    """Solve under limits on names.

    Parameters
    ----------
    problem, constraints
        With at least one discrete limit.
    solve
        Answers the problem under convex limits, loosening those of a ladder if it has to.
    trial
        The first-order conditions under convex limits, None where there is no portfolio.
    relax
        Kinds of limits that may give; ``MaxNames`` and ``MinHolding`` among them, they become what
        could be reached.
    exact
        The objective, to choose by a mixed-integer program; None: in batches.

    Raises
    ------
    SolverError
        No choice of names was found, and they may not give.
    """
    convex = solve([c for c in constraints if not c.discrete], relax)
    discrete = [c for c in constraints if c.discrete]
    base = list(convex.constraints)
    most = min((c.limit for c in discrete if isinstance(c, MaxNames)), default=np.inf)
    least = max((c.limit for c in discrete if isinstance(c, MinHolding)), default=0.0)
    best = None if exact is None else _exact(problem, base, exact, most, least)
    choice = best or narrowed(problem, base, trial, most, least)
    solution = solve([*base, *choice.limits(problem, least)], ())
    used = [_reached(c, solution.vector, problem) for c in discrete]
    gave = {c.name: (c.limit, u.limit) for c, u in zip(discrete, used, strict=True) if u is not c}
    stubborn = [
        c for c, u in zip(discrete, used, strict=True) if u is not c and type(c) not in relax
    ]
    if stubborn:
        name, (asked, met) = stubborn[0].name, gave[stubborn[0].name]
        raise SolverError(
            f"no choice of names was found on {problem.date:%Y-%m-%d} that meets {name} {asked:g} and "
            f"the other limits; {met:g} was reached: loosen it to that, or what forbids to sell names"
        )
    bound = convex.objective if best is None else solution.objective
    return replace(_answer(problem, constraints, solution, convex, used, gave), bound=bound)


def _answer(
    problem: Problem,
    constraints: Sequence[Constraint],
    solution: Solution,
    convex: Solution,
    used: Sequence[Constraint],
    gave: dict[str, tuple[float, float]],
) -> Solution:
    """Return the solution under the limits that were asked for, with their verdict and prices."""
    by_name = {c.name: c for c in (*convex.constraints, *used)}
    final = tuple(by_name[c.name] for c in constraints)
    prices = dict(solution.shadow_prices)
    filled, _ = prices.pop(CHOSEN), prices.pop(DROPPED)
    prices |= {c.name: filled for c in used if isinstance(c, MinHolding)}
    relaxations = {**convex.relaxations, **gave}
    verdict = check(problem, solution.vector, final)
    if not verdict.passed:
        raise SolverError(
            f"the chosen names of {problem.date:%Y-%m-%d} failed the check: "
            f"{'; '.join(verdict.broken)}; try the other solver",
            replace(solution, check=verdict),
        )
    return replace(
        solution,
        check=verdict,
        shadow_prices=prices,
        relaxations=relaxations,
        status="relaxed" if relaxations else solution.status,
        forced=convex.forced,
        constraints=(*solution.constraints, *used),
        seconds=convex.seconds + solution.seconds,
        iterations=convex.iterations + solution.iterations,
    )


def _exact(
    problem: Problem, base: Sequence[Constraint], objective: Objective, most: float, least: float
) -> Choice | None:
    """Choose by a mixed-integer program; None where it found no portfolio in its time."""
    x = Decision(problem, Reach.of(problem, base).fixed(problem))
    room = Room.of(problem, base, least)
    may_go, may_fill = room.may_go, room.may_fill
    free, fill = np.flatnonzero(may_go), np.flatnonzero(may_fill)
    held = cp.Variable(len(may_go), boolean=True)
    greatest = np.minimum(band(problem, base)[1], 1.0)
    choice = [
        held[np.flatnonzero(~may_go)] == 1.0,
        x.weights[free] <= cp.multiply(greatest[free], held[free]),
        x.weights[fill] >= least * held[fill],
    ]
    if np.isfinite(most):
        choice.append(cp.sum(held) <= most)
    if least > 0.0:
        choice.append(held[np.flatnonzero(may_go & ~may_fill)] == 0.0)
    gain = objective.expression(x) - sum(c.penalty(x) for c in base)
    rows = [row for c in base for row in c.rows(x)] + x.ties + x.pin
    run = maximise(objective.scale(problem) * gain, rows + choice, "highs")
    if not run.solved:
        return None
    dropped = may_go & (held.value < 0.5)
    return Choice(dropped, may_fill & ~dropped & (least > 0.0))


def _reached(c: Constraint, weights: Array, problem: Problem) -> Constraint:
    """Return the limit as it is met: itself, or loosened to what was reached."""
    if float(np.max(c.excess(weights, problem))) <= c.tolerance:
        return c
    return replace(c, limit=c.reached(weights, problem))
