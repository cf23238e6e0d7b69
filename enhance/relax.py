"""How little must be given up, in a stated order, for a portfolio to exist.

The order is lexicographic. Limits named later are kept if giving up the earlier ones is enough; the
last limit that has to give gives as little as it can, then the one before it, and so on up to the
first. So with the weekly order turnover pays for everything it can pay for, at the least turnover
that will do, and cash is left only where no other limit could have helped to invest it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, floor, log10

import cvxpy as cp
import numpy as np

from enhance.constraint import Constraint
from enhance.constraints import (
    ActiveWeight,
    Beta,
    Budget,
    ConstituentShare,
    GroupRisk,
    Groups,
    IndustryExposure,
    LatentExposure,
    MaxNames,
    MinHolding,
    StyleExposure,
    TrackingError,
    Turnover,
)
from enhance.decision import Decision
from enhance.problem import Problem
from enhance.reach import Reach
from enhance.solvers import maximise

Array = np.ndarray
Ladder = Sequence[type[Constraint]]

# How many names are held matters least. Trading more costs money once; each next step gives up a little
# more of what an index fund promises. Cash comes last: it is left where the tradable stocks cannot take
# it, whatever else is given up.
WEEKLY: Ladder = (
    MaxNames,
    MinHolding,
    Turnover,
    StyleExposure,
    LatentExposure,
    Beta,
    IndustryExposure,
    Groups,
    ActiveWeight,
    GroupRisk,
    TrackingError,
    ConstituentShare,
    Budget,
)


CENT = 0.01  # cash is quoted to a thousandth of a percent
NOTHING = 1e-7  # a slack that an interior point leaves where none is needed

# Room beyond the least slack, in units of the rounding step. At the exact least slack the feasible set
# is a single face; where several limits give at once it can stay too thin for the solver, and the
# wider rooms are tried.
ROOMS = (0.1, 1.0, 10.0)


def loosenings(
    problem: Problem, constraints: Sequence[Constraint], ladder: Ladder
) -> Iterator[list[Constraint]]:
    """Yield the constraints with the fewest limits of ``ladder`` loosened, each as little as can be.

    Limits that stay are the same objects. What follows the first answer is the same with more room,
    for a solver that cannot find the portfolio in it. Nothing comes when the limits outside the ladder
    already conflict.
    """
    steps = [c for kind in ladder for c in constraints if isinstance(c, kind)]
    for depth, last in enumerate(steps):
        found = _least(problem, _without(constraints, steps[:depth]), last)
        if found is not None:
            break
    else:
        return
    for room in ROOMS:
        current = _replaced(constraints, last, _repaired(last, *found, room))
        given = _given_the_last(problem, current, steps[:depth], room)
        if given is not None:
            yield given


def _given_the_last(
    problem: Problem, constraints: list[Constraint], steps: list[Constraint], room: float
) -> list[Constraint] | None:
    """Loosen ``steps``, last first, each before those that come earlier in the ladder are asked for."""
    current = constraints
    for k in range(len(steps) - 1, -1, -1):
        found = _least(problem, _without(current, steps[:k]), steps[k])
        if found is None:  # it exists, in a set too thin to find it
            return None
        if found[0] > NOTHING:
            current = _replaced(current, steps[k], _repaired(steps[k], *found, room))
    return current


def repair(
    problem: Problem, constraints: Sequence[Constraint], loose: Constraint
) -> Constraint | None:
    """Return ``loose`` with the nearest limit that can be met, the others holding; None if none can."""
    found = _least(problem, constraints, loose)
    return None if found is None else _repaired(loose, *found, ROOMS[0])


def _least(
    problem: Problem, constraints: Sequence[Constraint], loose: Constraint
) -> tuple[float, float] | None:
    """Return the least slack of ``loose`` and the cash of a portfolio that needs no more."""
    x = Decision(problem, Reach.of(problem, constraints).fixed(problem))
    slack = cp.Variable(nonneg=True)
    rows = [row for c in constraints for row in c.rows(x, slack if c is loose else 0.0)]
    scale = max(loose.number, 0.01)
    run = maximise(-slack / scale, rows + x.ties + x.pin, "clarabel")
    if not run.solved:
        return None
    return float(slack.value), 1.0 - float(np.sum(x.weights.value))


def feasible(problem: Problem, constraints: Sequence[Constraint]) -> bool:
    """Return whether some portfolio meets all the limits.

    One slack shared by all limits is minimised, so that the program always has an interior: asked
    directly, an interior point has no verdict on problems that miss by a hair.
    """
    x = Decision(problem, Reach.of(problem, constraints).fixed(problem))
    slack = cp.Variable(nonneg=True)
    rows = [row for c in constraints for row in c.rows(x, slack)]
    run = maximise(-slack, rows + x.ties + x.pin, "clarabel")
    return run.solved and float(slack.value) <= NOTHING


def nearest(constraint: Constraint, slack: float, room: float = ROOMS[0]) -> Constraint:
    """Return ``constraint`` loosened by ``slack`` and rounded outwards to a number one can quote.

    The step is a thousandth of the limit's magnitude: a turnover of 0.2 that lacks 0.03127 becomes
    0.2313.
    """
    if constraint.floor:
        return replace(constraint, limit=_below(constraint.limit - slack, constraint.limit, room))
    return replace(constraint, limit=_above(constraint.limit + slack, constraint.limit, room))


def _repaired(constraint: Constraint, slack: float, cash: float, room: float) -> Constraint:
    """Return ``constraint`` loosened by ``slack``; a budget towards the side where ``cash`` lies."""
    if not isinstance(constraint, Budget):
        return nearest(constraint, slack, room)
    if cash >= constraint.limit:  # more cash than asked for: it could not be invested
        most = _above(cash, CENT, room)
        return replace(constraint, spare=most - constraint.limit)
    least = _below(cash, CENT, room)
    return replace(constraint, limit=least, spare=max(cash, 0.0) + NOTHING - least)


def _above(value: float, size: float, room: float) -> float:
    step = _step(size)
    return round(max(ceil(value / step + room) * step, 0.0), 12)


def _below(value: float, size: float, room: float) -> float:
    step = _step(size)
    return round(max(floor(value / step - room) * step, 0.0), 12)


def _step(size: float) -> float:
    return float(10.0 ** (floor(log10(max(size, 0.001))) - 3))


def _without(constraints: Sequence[Constraint], dropped: list[Constraint]) -> list[Constraint]:
    return [c for c in constraints if not any(c is one for one in dropped)]


def _replaced(
    constraints: Sequence[Constraint], old: Constraint, new: Constraint
) -> list[Constraint]:
    return [new if c is old else c for c in constraints]
