"""A limit that may be broken at a price."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import cvxpy as cp
import numpy as np

from enhance.constraint import Constraint
from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray

OWN = float("nan")  # the limit of the wrapped constraint


@dataclass(frozen=True)
class Soft(Constraint):
    """The largest breach of ``constraint`` costs the objective ``price`` per unit of its limit.

    The natural price is a shadow price: as long as it is above that of the hard limit, the answer is
    that of the hard limit, and where none exists the breach is the least one that is worth it (an exact
    penalty; Nocedal and Wright 2006, "Numerical Optimization", theorem 17.3). ``Check.violations`` lists
    the breaches. ``Soft(StyleExposure(0.3), price=0.002)`` asks 20 basis points of return per standard
    deviation.
    """

    constraint: Constraint
    price: float
    limit: float = field(default=OWN, kw_only=True)
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        inner = self.constraint
        if not isinstance(inner, Constraint) or isinstance(inner, Soft):
            raise ValueError(f"Soft wraps one plain limit, not {inner!r}")
        if inner.hard or inner.discrete:
            raise ValueError(f"{inner.name} cannot be broken at a price; leave it as it is")
        if not (np.isfinite(self.price) and self.price >= 0.0):
            raise ValueError(f"soft {inner.name} has price {self.price}; give a number >= 0")
        if np.isnan(self.limit):
            object.__setattr__(self, "limit", inner.limit)
        if self.limit != inner.limit:  # replace(soft, limit=...) speaks about the wrapped limit
            object.__setattr__(self, "constraint", replace(inner, limit=self.limit))
        object.__setattr__(self, "name", self.name or inner.name)
        object.__setattr__(self, "floor", inner.floor)
        super().__post_init__()

    @property
    def number(self) -> float:
        return self.constraint.number

    @property
    def needs(self) -> tuple[str, ...]:
        return self.constraint.needs

    @property
    def tolerance(self) -> float:
        return float("inf")  # a breach is paid for, not wrong

    def expression(self, x: Decision) -> cp.Expression | None:
        return self.constraint.expression(x)

    def measure(self, weights: Array, problem: Problem) -> Array:
        return self.constraint.measure(weights, problem)

    def share(self, problem: Problem) -> Array | float:
        return self.constraint.share(problem)

    def entries(self, x: Decision) -> Array | None:
        return self.constraint.entries(x)

    def rows(self, x: Decision, slack: cp.Expression | float = 0.0) -> list[cp.Constraint]:
        """Return the rows of the limit, loosened by the breach and by ``slack``."""
        return self.constraint.rows(x, x.breach(self.name) + slack)

    def shadow_price(self, rows: list[cp.Constraint], x: Decision) -> float:
        """Return the gain per unit of limit: at most the price of breaking it."""
        return self.constraint.shadow_price(rows, x)

    def excess(self, weights: Array, problem: Problem) -> Array:
        return self.constraint.excess(weights, problem)

    def breach(self, weights: Array, problem: Problem, exempt: Array | None = None) -> float:
        return self.constraint.breach(weights, problem, exempt)

    def reached(self, weights: Array, problem: Problem, exempt: Array | None = None) -> float:
        return self.constraint.reached(weights, problem, exempt)

    def penalty(self, x: Decision) -> cp.Expression:
        return self.price * x.breach(self.name)

    def loss(self, breach: float) -> float:
        return self.price * max(breach, 0.0)

    def loosened(self, amount: float) -> Self:
        return replace(self, limit=self.constraint.loosened(amount).limit)

    def quoted(self, value: float) -> str:
        return self.constraint.quoted(value)
