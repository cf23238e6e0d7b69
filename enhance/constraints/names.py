"""Limits on which names are held. They are not convex: ``enhance.names`` chooses the names."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from enhance.constraint import Constraint
from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray

HELD = 1e-9  # a weight above this is a holding


@dataclass(frozen=True)
class MinHolding(Constraint):
    """A stock weighs at least ``limit`` or nothing; what cannot be sold may weigh what it weighs."""

    limit: float = 0.001
    name: str = "min_holding"
    floor = True
    discrete = True
    percent = True

    def expression(self, x: Decision) -> cp.Expression | None:
        del x
        return None

    def measure(self, weights: Array, problem: Problem) -> Array:
        stuck = ~problem.can_sell & (problem.holdings > 0.0)
        return np.where((weights > HELD) & ~stuck, weights, np.inf)


@dataclass(frozen=True)
class MaxNames(Constraint):
    """At most ``limit`` stocks are held."""

    limit: float = 100.0
    name: str = "max_names"
    discrete = True

    def expression(self, x: Decision) -> cp.Expression | None:
        del x
        return None

    def measure(self, weights: Array, problem: Problem) -> Array:
        del problem
        return np.array(float((weights > HELD).sum()))
