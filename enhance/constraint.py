"""What a limit is: a name, an expression, one number. The limits themselves are in constraints.py.

A limit of your own is one frozen class with two views of the same quantity, one for the solver and
one in numpy for the check of the answer:

>>> @dataclass(frozen=True)
... class NamedGroup(Constraint):
...     limit: float = 0.05
...     name: str = "named_group"
...     stocks: tuple[str, ...] = ()
...
...     def expression(self, x: Decision) -> cp.Expression:
...         return cp.sum(x.weights[x.problem.stocks.get_indexer(list(self.stocks))])
...
...     def measure(self, weights: Array, problem: Problem) -> Array:
...         return np.array(weights[problem.stocks.get_indexer(list(self.stocks))].sum())

It can then be solved, priced, diagnosed, relaxed and swept like any other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import cvxpy as cp
import numpy as np

from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class Constraint(ABC):
    """``expression <= limit``, entry by entry, under one name (``>=`` where ``floor``).

    One scalar limit is shared by all entries, so the sum of their duals is the gain in the objective
    per unit by which the limit is loosened: the shadow price.
    """

    limit: float
    name: str

    floor: ClassVar[bool] = False  # the limit is a least value
    hard: ClassVar[bool] = False  # may never be loosened to make a problem feasible

    def __post_init__(self) -> None:
        if not (np.isfinite(self.limit) and self.limit >= 0.0):
            raise ValueError(f"{self.name} has limit {self.limit}; a limit is finite and >= 0")

    @abstractmethod
    def expression(self, x: Decision) -> cp.Expression | None:
        """Return what is limited, convex (concave where ``floor``); None where nothing is."""

    @abstractmethod
    def measure(self, weights: Array, problem: Problem) -> Array:
        """Return the same quantity of given weights, in numpy."""

    @property
    def tolerance(self) -> float:
        """How far the check lets the measure exceed the limit."""
        return 1e-6

    def rows(self, x: Decision, slack: cp.Expression | float = 0.0) -> list[cp.Constraint]:
        """Return the limit as solver rows, loosened by ``slack``."""
        expression = self.expression(x)
        if expression is None or expression.size == 0:
            return []
        if self.floor:
            return [expression >= self.limit - slack]
        return [expression <= self.limit + slack]

    def excess(self, weights: Array, problem: Problem) -> Array:
        """Return by how much each entry breaks the limit; negative is room."""
        distance = self.measure(weights, problem) - self.limit
        return -distance if self.floor else distance

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        """Return this limit's part of what the pinned stocks would gain by moving.

        ``gains`` is the gain of the objective per unit of each pinned weight ``[N]``, zero where the
        weight is open. Pinned stocks have no row of their own in any limit; the limits that pin them
        answer here.
        """
        del gains, problem
        return 0.0

    def loosened(self, amount: float) -> Self:
        """Return the same limit with ``amount`` more room."""
        return replace(self, limit=self.limit + (-amount if self.floor else amount))


@dataclass(frozen=True)
class StockLimit(Constraint):
    """A limit on each stock by itself, which can therefore be read as an interval of its weight."""

    @abstractmethod
    def interval(self, problem: Problem) -> tuple[Array, Array]:
        """Return the least and the greatest weight that the limit allows ``[N]``, ``[N]``."""
