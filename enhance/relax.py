"""How little must be given up, in a stated order, for a portfolio to exist.

The order is lexicographic. Limits named later are kept if giving up the earlier ones is enough; the
last limit that has to give gives as little as it can, then the one before it, and so on up to the
first. So with the weekly order turnover pays for everything it can pay for, at the least turnover
that will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, floor, log10

import cvxpy as cp

from enhance.constraint import Constraint
from enhance.constraints import (
    ActiveWeight,
    ConstituentShare,
    IndustryExposure,
    StyleExposure,
    TrackingError,
    Turnover,
)
from enhance.decision import Decision
from enhance.problem import Problem
from enhance.reach import Reach
from enhance.solvers import maximise

Ladder = Sequence[type[Constraint]]

# Trading more costs money once; each next step gives up a little more of what an index fund promises.
WEEKLY: Ladder = (
    Turnover,
    StyleExposure,
    IndustryExposure,
    ActiveWeight,
    TrackingError,
    ConstituentShare,
)


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
        slack = least_slack(problem, _without(constraints, steps[:depth]), last)
        if slack is not None:
            break
    else:
        return
    for room in ROOMS:
        current = _replaced(constraints, last, nearest(last, slack, room))
        found = _given_the_last(problem, current, steps[:depth], room)
        if found is not None:
            yield found


def _given_the_last(
    problem: Problem, constraints: list[Constraint], steps: list[Constraint], room: float
) -> list[Constraint] | None:
    """Loosen ``steps``, last first, each before those that come earlier in the ladder are asked for."""
    current = constraints
    for k in range(len(steps) - 1, -1, -1):
        slack = least_slack(problem, _without(current, steps[:k]), steps[k])
        if slack is None:  # it exists, in a set too thin to find it
            return None
        if slack > NOTHING:
            current = _replaced(current, steps[k], nearest(steps[k], slack, room))
    return current


def least_slack(
    problem: Problem, constraints: Sequence[Constraint], loose: Constraint
) -> float | None:
    """Return the least room that ``loose`` must be given, the others holding; None if none will do."""
    fixed = Reach.of(problem, constraints).fixed(problem)
    x = Decision(problem, fixed)
    slack = cp.Variable(nonneg=True)
    rows = [row for c in constraints for row in c.rows(x, slack if c is loose else 0.0)]
    scale = max(loose.limit, 0.01)
    run = maximise(-slack / scale, rows + x.ties + x.pin, "clarabel")
    return float(slack.value) if run.solved else None


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
    step = 10.0 ** (floor(log10(max(constraint.limit, 0.001))) - 3)
    if constraint.floor:
        limit = floor((constraint.limit - slack) / step - room) * step
    else:
        limit = ceil((constraint.limit + slack) / step + room) * step
    return replace(constraint, limit=round(max(limit, 0.0), 12))


def _without(constraints: Sequence[Constraint], dropped: list[Constraint]) -> list[Constraint]:
    return [c for c in constraints if c not in dropped]


def _replaced(
    constraints: Sequence[Constraint], old: Constraint, new: Constraint
) -> list[Constraint]:
    return [new if c is old else c for c in constraints]
