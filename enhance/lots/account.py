"""The rounding problem: a grid of share counts, limits with a little room, and cash that stays positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from enhance.check import Check, check
from enhance.constraint import Constraint, StockLimit
from enhance.constraints import Budget, MinHolding, Soft
from enhance.errors import InfeasibleError, SolverError
from enhance.lots.grid import Grid, Terms, legal
from enhance.objective import MaxAlpha, Objective
from enhance.optimize import solve
from enhance.problem import Problem
from enhance.reach import Reach, band

Array = np.ndarray

ROUNDING = 1e-12  # of capital: sums of exact lots


@dataclass(frozen=True, eq=False)
class Account:
    """A target portfolio seen by an account that trades whole lots.

    Attributes
    ----------
    problem
        The rebalance, with holdings as the account's shares make them.
    constraints
        Its limits without the budget, each soft one with the room it is given.
    goal
        What the target maximises.
    wanted
        Weights of the target ``[N]``.
    grid
        The counts to choose among, around the part of the target that can be paid for.
    least_cash, most_cash
        Fraction of capital that may stay uninvested after charges.
    """

    problem: Problem
    constraints: tuple[Constraint, ...]
    goal: Objective
    wanted: Array
    grid: Grid
    least_cash: float
    most_cash: float

    @classmethod
    def of(
        cls,
        problem: Problem,
        constraints: Sequence[Constraint],
        goal: Objective,
        wanted: Array,
        terms: Terms,
        eps: float,
        idle: float,
        optimal: bool,
    ) -> Account:
        """Give every limit its room and list the counts within the limits by stock.

        The counts lie around what the account would hold if it could trade fractions: ``wanted`` less
        the charges, chosen anew where the target is ``optimal`` and may therefore be.
        """
        owned = np.nan_to_num(terms.held * terms.prices) / terms.capital
        own = replace(problem, holdings=owned, capital=terms.capital)
        budget = next((c for c in constraints if isinstance(c, Budget)), None)
        others = [c for c in constraints if c is not budget]
        least, most = (0.0, 1.0) if budget is None else (budget.limit, budget.number + idle)
        near = _funded(own, wanted, 1.0 - least)
        if optimal and budget is not None:
            cash = replace(budget, limit=least + own.cost(near))
            near = _optimum(own, [cash, *(c for c in others if not c.discrete)], goal, near)
        limits = tuple(roomier(c, eps, near, own) for c in others)
        smallest = max((c.limit for c in others if isinstance(c, MinHolding)), default=0.0)
        pinned = Reach.of(own, limits).pinned
        grid = Grid.around(own, terms, near, *_bands(own, limits), pinned, smallest)
        return cls(own, limits, goal, wanted, grid, least, most)

    @classmethod
    def empty(cls, problem: Problem, wanted: Array, terms: Terms) -> Account:
        """Return an account in cash that may buy anything and has no limit but its cash."""
        n = len(problem.stocks)
        nothing, anything = np.zeros(n), np.full(n, np.inf)
        yes, no = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
        free = replace(problem, holdings=nothing, can_buy=yes, costs=(0.0, 0.0))
        grid = Grid.around(free, terms, wanted, nothing, anything, no)
        return cls(free, (), MaxAlpha(), wanted, grid, 0.0, 1.0)

    def value(self, chosen: Array) -> float:
        """Return the objective of the options ``chosen``, with the charges of whole orders."""
        weights = self.grid.weights(chosen)
        # what least commissions, and rates of their own, charge beyond the rates of the problem
        beyond = float(self.grid.cost[chosen].sum()) - self.problem.cost(weights)
        aversion = self.goal.cost_aversion if isinstance(self.goal, MaxAlpha) else 0.0
        return self.goal.value(weights, self.problem) - aversion * beyond

    def cash(self, chosen: Array) -> float:
        """Return the fraction of capital left after orders and charges."""
        return 1.0 - float(self.grid.weight[chosen].sum() + self.grid.cost[chosen].sum())

    def check(self, chosen: Array) -> Check:
        """Measure every limit on the weights of whole lots, apart from how they were found."""
        return check(self.problem, self.grid.weights(chosen), self.constraints)

    def violation(self, weights: Array) -> float:
        """Return by how much the worst limit is broken, relative to its tolerance; zero if none is."""
        worst = 0.0
        for c in self.constraints:
            if not isinstance(c, StockLimit):  # those by stock hold for every option of the grid
                over = float(np.max(c.excess(weights, self.problem), initial=-np.inf))
                worst = max(worst, over / max(c.tolerance, 1e-12))
        return worst if worst > 1.0 else 0.0

    def holds(self, chosen: Array) -> bool:
        """Return whether the options ``chosen`` are orders that can be sent: lots, cash, limits."""
        cash = self.cash(chosen)
        terms = self.grid.terms
        lots = all(
            legal(terms.rules[i], int(terms.held[i]), int(count))
            for i, count in zip(self.grid.owner[chosen], self.grid.count[chosen], strict=True)
        )
        funded = self.least_cash - ROUNDING <= cash <= self.most_cash + ROUNDING
        return lots and funded and self.check(chosen).passed

    def obstacle(self, near: Array) -> str:
        """Return the stock without a lot inside its limits, or the limits that the lots ``near`` break."""
        p, terms = self.problem, self.grid.terms
        stuck = self.grid.without_option()
        if len(stuck):
            low, high = band(p, self.constraints)
            order = (
                np.array([terms.prices[i] * terms.rules[i].minimum for i in stuck]) / terms.capital
            )
            i = stuck[int(np.argmax(order))]
            return (
                f"{len(stuck)} stocks have no lot in their limits, first {p.stocks[i]}, which must weigh "
                f"{max(low[i], 0.0):.2%} to {high[i]:.2%} and whose smallest order is {order.max():.2%}"
            )
        broken = self.check(near).broken
        cash = self.cash(near)
        if not self.least_cash <= cash <= self.most_cash:
            broken.append(f"cash {cash:.2%} against {self.most_cash:.2%}")
        return (
            f"the nearest lots break {'; '.join(broken)}"
            if broken
            else "no lots were found in time"
        )


def _funded(problem: Problem, wanted: Array, available: float) -> Array:
    """Return the target with a little less of everything bought, so that charges are paid as well."""
    buys = np.maximum(wanted - problem.holdings, 0.0)
    short = float(wanted.sum()) + problem.cost(wanted) - available
    total = float(buys.sum())
    return wanted - buys * min(max(short, 0.0) / total, 1.0) if total > 0.0 else wanted


def _optimum(
    problem: Problem, limits: Sequence[Constraint], goal: Objective, otherwise: Array
) -> Array:
    """Return the best weights of an account that trades fractions and pays its charges from cash."""
    try:
        found = solve(problem, limits, goal).vector
    except (InfeasibleError, SolverError):
        return otherwise  # with room its lots may exist all the same
    return np.maximum(found, 0.0)


def _bands(problem: Problem, limits: Sequence[Constraint]) -> tuple[Array, Array]:
    """Return the least and greatest weight of each stock ``[N]``, ``[N]``, short positions aside."""
    low, high = band(problem, limits)
    return np.maximum(low, 0.0), high


def roomier(constraint: Constraint, eps: float, near: Array, problem: Problem) -> Constraint:
    """Return a limit with ``eps`` of it as room; a zero limit counts as 1%.

    Hard limits and counts of names have none. A soft limit becomes one that may be broken as far as the
    weights ``near`` break it, and ``eps`` beyond.
    """
    if isinstance(constraint, Soft):
        broken = max(constraint.breach(near, problem), 0.0)
        return roomier(constraint.constraint.loosened(broken), eps, near, problem)
    if constraint.hard or constraint.discrete:
        return constraint
    return constraint.loosened(eps * max(constraint.limit, 0.01))
