"""How strongly each limit pulls at each stock: duals of the whole problem, told apart by term.

The pull of a term on a weight is what the optimum would gain per unit if that term alone saw the weight
changed. Every term gets its own view of the weights, ``w`` plus a shift that must be zero; the dual of
that equality is the pull, whatever the term is made of: linear rows, cones, or functions with a corner,
where it is the subgradient that the optimum chooses (Boyd and Vandenberghe 2004, "Convex
Optimization", section 5.6: a dual is the derivative by a perturbation). Stationarity in ``w`` says that
the pulls on a stock sum to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cvxpy as cp
import numpy as np

from enhance.constraint import Constraint
from enhance.constraints import Soft, TrackingError
from enhance.decision import Decision, factor_root
from enhance.errors import SolverError
from enhance.explain import Optimality
from enhance.objective import Objective
from enhance.problem import Problem
from enhance.reach import Reach
from enhance.solvers import SolverName, maximise

Array = np.ndarray


def pulls(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName = "clarabel",
) -> Optimality:
    """Solve the whole problem, before any dust is removed, and take its first-order conditions apart.

    Costs about two solves; no other road to the optimum needs to know anything for it.

    Raises
    ------
    SolverError
        The solver found no optimum.
    """
    x = Decision(problem, Reach.of(problem, constraints).fixed(problem))
    terms, limits = objective.terms(), {c.name: c for c in constraints}
    views = {name: _View.of(x) for name in (*terms, *limits)}
    gain = sum(term(views[name]) for name, term in terms.items())
    gain -= sum(c.penalty(views[name]) for name, c in limits.items())
    rows = [row for name, c in limits.items() for row in c.rows(views[name])]
    seen = {name: view for name, view in views.items() if view.used}
    scale = objective.scale(problem)
    run = maximise(
        scale * gain, rows + x.ties + x.pin + [view.unmoved for view in seen.values()], solver
    )
    if not run.solved:
        raise SolverError(
            f"{solver} ended {run.status!r} on {problem.date:%Y-%m-%d} when asked for the pull of each "
            "limit; try the other solver"
        )
    found = {name: view.pull / scale for name, view in seen.items()}
    if x.pin:
        found["pinned"] = np.zeros(len(problem.stocks))
        found["pinned"][x.pinned] = -np.asarray(x.pin[0].dual_value) / scale
    risk = [c.name for c in constraints if isinstance(_plain(c), TrackingError)]
    return Optimality(problem, np.asarray(x.weights.value), found, ("risk", *risk))


@dataclass(frozen=True, eq=False)
class _View(Decision):
    """The decision as one term sees it: its own weights, and whatever follows from them."""

    base: Decision = field(kw_only=True)

    @classmethod
    def of(cls, base: Decision) -> _View:
        return cls(base.problem, base.fixed, ties=base.ties, breaches=base.breaches, base=base)

    @cached_property
    def shift(self) -> cp.Variable:
        return cp.Variable(len(self.fixed))

    @cached_property
    def weights(self) -> cp.Expression:
        return self.base.weights + self.shift

    @cached_property
    def risk(self) -> cp.Expression:
        """As in ``Decision``, but with a gradient at the pinned stocks too."""
        p = self.problem
        own = cp.multiply(np.sqrt(p.specific_variance), self.active)
        return cp.hstack([factor_root(p).T @ self.factor, own])

    @cached_property
    def unmoved(self) -> cp.Constraint:
        return self.shift == 0.0

    @property
    def used(self) -> bool:
        return "weights" in self.__dict__

    @property
    def pull(self) -> Array:
        return np.asarray(self.unmoved.dual_value)


def _plain(constraint: Constraint) -> Constraint:
    return constraint.constraint if isinstance(constraint, Soft) else constraint
