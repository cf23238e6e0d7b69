"""The unknowns of one rebalance, and the affine views of them that a limit may speak about."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from enhance.problem import Problem

Array = np.ndarray

IDLE = 1e-6  # a smaller trade is a solver's: the stock is at its held weight


@dataclass(frozen=True, eq=False)
class Decision:
    """Variables over a problem; each view is made once and shared by every limit that reads it.

    ``w`` is the weight, ``p`` what is bought, ``p - (w - h)`` what is sold, ``y = X'(w - b)`` the
    active exposures. Only y and p are variables beside w: a limit on twelve exposures then costs
    twelve rows instead of twelve dense combinations of N weights.

    Attributes
    ----------
    problem
        The numbers.
    fixed
        Weights that are not open to choice ``[N]``, NaN where the weight is open.
    eliminated
        True leaves the fixed weights out of the program. False keeps them as variables tied by
        equalities, so that their duals say what being fixed costs.
    ties
        The equalities that define the views in use.
    breaches
        By how much each soft limit is broken, a variable >= 0 by name.
    kinks
        Those of the ties that make ``buys`` the positive part of the trades.
    """

    problem: Problem
    fixed: Array
    eliminated: bool = False
    ties: list[cp.Constraint] = field(default_factory=list)
    breaches: dict[str, cp.Variable] = field(default_factory=dict)
    kinks: list[cp.Constraint] = field(default_factory=list)

    @cached_property
    def open(self) -> Array:
        """Positions of the stocks whose weight is open: limits by stock speak about these only."""
        return np.flatnonzero(np.isnan(self.fixed))

    @cached_property
    def weights(self) -> cp.Expression:
        """Weights ``[N]``."""
        if self.eliminated:
            return self._spread(cp.Variable(len(self.open)), np.nan_to_num(self.fixed))
        return cp.Variable(len(self.fixed))

    @cached_property
    def pinned(self) -> Array:
        """Positions of the stocks whose weight is fixed."""
        return np.flatnonzero(~np.isnan(self.fixed))

    @cached_property
    def pin(self) -> list[cp.Constraint]:
        """The equality that holds the pinned stocks; its dual is the gain per unit of each weight."""
        if self.eliminated or len(self.pinned) == 0:
            return []
        return [self.weights[self.pinned] == self.fixed[self.pinned]]

    @cached_property
    def active(self) -> cp.Expression:
        """Active weights w - b ``[N]``."""
        return self.weights - self.problem.benchmark

    @cached_property
    def trades(self) -> cp.Expression:
        """Weight changes w - h ``[N]``."""
        return self.weights - self.problem.holdings

    @cached_property
    def buys(self) -> cp.Expression:
        """Weights bought ``[N]``, at least the positive part of the trades."""
        if not self.eliminated:
            bought = cp.Variable(len(self.fixed))
            self.kinks.extend([bought >= 0.0, bought >= self.trades])
            self.ties.extend(self.kinks)
            return bought
        known = np.maximum(np.nan_to_num(self.fixed) - self.problem.holdings, 0.0)
        known[self.open] = 0.0
        unknown = cp.Variable(len(self.open), nonneg=True)
        self.ties.append(unknown >= self.trades[self.open])
        return self._spread(unknown, known)

    @cached_property
    def sells(self) -> cp.Expression:
        """Weights sold ``[N]``, at least the negative part of the trades."""
        return self.buys - self.trades

    @cached_property
    def factor(self) -> cp.Expression:
        """Active exposures X'(w - b) ``[K]``, a variable tied by equalities."""
        y = cp.Variable(len(self.problem.factors))
        self.ties.append(y == self.problem.exposures.T @ self.active)
        return y

    @cached_property
    def risk(self) -> cp.Expression:
        """Vector whose norm is the annual tracking error: factor part, specific part."""
        p = self.problem
        common = factor_root(p).T @ self.factor
        volatility = np.sqrt(p.specific_variance)
        if not self.eliminated:  # pinned stocks too, or their duals would miss their own risk
            return cp.hstack([common, cp.multiply(volatility, self.active)])
        own = cp.multiply(volatility[self.open], self.active[self.open])
        fixed = volatility[self.pinned] * (self.fixed[self.pinned] - p.benchmark[self.pinned])
        if len(self.pinned) == 0:
            return cp.hstack([common, own])
        return cp.hstack([common, own, np.array([np.linalg.norm(fixed)])])

    def corner(self, stocks: Array, upward: Array) -> Array:
        """Return the part of a dual that is the corner of trading at the held weight ``[M]``, solved.

        Where a stock is blocked at its held weight, the dual says what moving would gain if it went on at
        the subgradient of the cost that the solver chose; in truth a move up pays for buying, one down for
        selling. ``stocks`` are positions ``[M]``, ``upward`` whether the move is one up.
        """
        if not self.kinks:
            return np.zeros(len(stocks))
        idle = np.abs(np.asarray(self.trades.value)) <= IDLE
        up, down = (np.where(idle, row.dual_value, 0.0) for row in self.kinks)
        return np.where(upward, up[stocks], down[stocks])

    def breach(self, name: str) -> cp.Variable:
        """Return the breach of a soft limit, one variable for its rows and its penalty."""
        return self.breaches.setdefault(name, cp.Variable(nonneg=True))

    def _spread(self, unknown: cp.Variable, known: Array) -> cp.Expression:
        """Place a variable over the open stocks among the known values of the others."""
        n, rows = len(known), self.open
        place = sp.csr_array(
            (np.ones(len(rows)), (rows, np.arange(len(rows)))), shape=(n, len(rows))
        )
        return place @ unknown + known


def factor_root(problem: Problem, columns: Array | None = None) -> Array:
    """Return R ``[K, R]`` with R R' = F (annual), by eigenvalues so that a singular F is no accident.

    ``columns`` takes the block of some factors.
    """
    F = problem.factor_covariance
    values, vectors = np.linalg.eigh(F if columns is None else F[np.ix_(columns, columns)])
    kept = values > 1e-12 * max(values[-1], 0.0)
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))
