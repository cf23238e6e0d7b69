"""What a limit is: a name, an expression, one number. The limits themselves are in enhance.constraints.

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

It can then be solved, priced, diagnosed, relaxed, softened and swept like any other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class Constraint(ABC):
    """``expression <= limit * share``, entry by entry, under one name (``>=`` where ``floor``).

    One scalar limit is common to all entries, and an entry may be allowed a multiple of it: its
    ``share``. So the duals weighted by the shares sum to the gain in the objective per unit by which
    the limit is loosened: the shadow price.
    """

    limit: float
    name: str

    floor: ClassVar[bool] = False  # the limit is a least value
    hard: ClassVar[bool] = False  # may never be loosened to make a problem feasible
    discrete: ClassVar[bool] = False  # not convex: kept by choosing names, see enhance.names
    percent: ClassVar[bool] = False  # a fraction of value, quoted in percent

    def __post_init__(self) -> None:
        if not (np.isfinite(self.limit) and self.limit >= 0.0):
            raise ValueError(f"{self.name} has limit {self.limit}; a limit is finite and >= 0")

    @abstractmethod
    def expression(self, x: Decision) -> cp.Expression | None:
        """Return what is limited, convex (concave where ``floor``); None where nothing is."""

    @abstractmethod
    def measure(self, weights: Array, problem: Problem) -> Array:
        """Return the same quantity of given weights, in numpy."""

    def share(self, problem: Problem) -> Array | float:
        """Return the part of the limit that each entry of ``measure`` is allowed; inf: no limit."""
        del problem
        return 1.0

    def entries(self, x: Decision) -> Array | None:
        """Return which entries of ``measure`` those of ``expression`` are; None where they agree."""
        del x
        return None

    @property
    def number(self) -> float:
        """The number by which the limit is quoted: ``limit``, unless a class says otherwise."""
        return self.limit

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns of ``Problem.data`` that this limit reads."""
        return ()

    @property
    def tolerance(self) -> float:
        """How far the check lets the measure exceed the limit."""
        return 1e-6

    def rows(self, x: Decision, slack: cp.Expression | float = 0.0) -> list[cp.Constraint]:
        """Return the limit as solver rows, loosened by ``slack``."""
        expression = self.expression(x)
        if expression is None or expression.size == 0:
            return []
        share = self._shares(x)
        if share is not None:
            kept = np.flatnonzero(np.isfinite(share))
            if len(kept) == 0:
                return []
            expression, share = expression[kept], share[kept]
        limit = self.limit + (-slack if self.floor else slack)
        allowed = limit if share is None else share * limit
        return [expression >= allowed if self.floor else expression <= allowed]

    def shadow_price(self, rows: list[cp.Constraint], x: Decision) -> float:
        """Return the gain of the objective per unit of limit, from the duals of the solved rows."""
        share = self._shares(x)
        weight = 1.0 if share is None else share[np.isfinite(share)]
        return sum(float(np.sum(weight * row.dual_value)) for row in rows)

    def excess(self, weights: Array, problem: Problem) -> Array:
        """Return by how much each entry breaks the limit; negative is room."""
        share = self.share(problem)
        allowed = self.limit * share if np.ndim(share) else self.limit
        distance = self.measure(weights, problem) - allowed
        return -distance if self.floor else distance

    def breach(self, weights: Array, problem: Problem, exempt: Array | None = None) -> float:
        """Return by how much the limit would have to be loosened; negative is room.

        ``exempt`` marks entries that do not count, bool.
        """
        part, share = self.excess(weights, problem), np.asarray(self.share(problem))
        if share.ndim:
            excess, part = part, np.where(part > 0.0, np.inf, -np.inf)  # of a share of zero
            np.divide(excess, share, out=part, where=(share > 0.0) & np.isfinite(share))
        if exempt is not None:
            part = np.where(exempt, -np.inf, part)
        return float(np.max(part, initial=-np.inf))

    def reached(self, weights: Array, problem: Problem, exempt: Array | None = None) -> float:
        """Return the value to hold against the limit: that of the entry nearest to breaking it."""
        breach = self.breach(weights, problem, exempt)
        return self.limit - breach if self.floor else self.limit + breach

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        """Return this limit's part of what the pinned stocks would gain by moving.

        ``gains`` is the gain of the objective per unit of each pinned weight ``[N]``, zero where the
        weight is open. Pinned stocks have no row of their own in any limit; the limits that pin them
        answer here.
        """
        del gains, problem
        return 0.0

    def penalty(self, x: Decision) -> cp.Expression | float:
        """Return what breaking the limit costs the objective; only a soft limit can be broken."""
        del x
        return 0.0

    def loss(self, breach: float) -> float:
        """Return the penalty of a breach, in numpy."""
        del breach
        return 0.0

    def loosened(self, amount: float) -> Self:
        """Return the same limit with ``amount`` more room."""
        return replace(self, limit=self.limit + (-amount if self.floor else amount))

    def quoted(self, value: float) -> str:
        """Return a value of the limit as one says it: 0.2 as 20% where it is a fraction of value."""
        return f"{100.0 * round(value, 8):.5g}%" if self.percent else f"{value:.5g}"

    def _shares(self, x: Decision) -> Array | None:
        share = self.share(x.problem)
        if np.ndim(share) == 0:
            return None
        at = self.entries(x)
        return np.asarray(share) if at is None else np.asarray(share)[at]


@dataclass(frozen=True)
class StockLimit(Constraint):
    """A limit on each stock by itself, which can therefore be read as an interval of its weight.

    Limits by stock can contradict each other on one stock: it is held above its band and cannot be
    sold. Then those of the lower ``rank`` stand and the others give way, stock by stock; see ``Reach``.
    """

    rank: ClassVar[int] = (
        3  # 0 what is possible, 1 what can be traded, 2 what must leave, 3 the rest
    )
    percent: ClassVar[bool] = True

    @abstractmethod
    def interval(self, problem: Problem) -> tuple[Array, Array]:
        """Return the least and the greatest weight that the limit allows ``[N]``, ``[N]``."""

    def shadow_price(self, rows: list[cp.Constraint], x: Decision) -> float:
        """Return the gain per unit of limit: the duals, net of what the corner of trading has in them."""
        share = self._shares(x)
        weight = 1.0 if share is None else share[np.isfinite(share)]
        return sum(float(np.sum(weight * _moving(row, x))) for row in rows)


def _moving(row: cp.Constraint, x: Decision) -> Array:
    """Return what each stock that a row blocks would gain by moving on ``[M]``."""
    limited = row.args[0] if row.args[1].is_constant() else row.args[0] - row.args[1]
    stocks, entries, signs = sp.find(limited.grad[x.weights])
    gain = np.array(row.dual_value, dtype=float).ravel()
    gain[entries] -= x.corner(stocks, signs > 0.0)
    return np.maximum(gain, 0.0)


@dataclass(frozen=True)
class RowLimit(Constraint):
    """A limit on linear combinations of the weights: low <= A w <= high."""

    @abstractmethod
    def combinations(self, problem: Problem) -> sp.csr_array:
        """Return A ``[M, N]``."""

    @abstractmethod
    def interval(self, problem: Problem) -> tuple[Array, Array]:
        """Return low and high ``[M]``, ``[M]``, infinite where there is no limit."""
