"""What is asked of the rounding, whatever the size of the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from enhance import door
from enhance.constraint import Constraint
from enhance.lots.account import Account
from enhance.lots.greedy import greedy
from enhance.lots.grid import Terms
from enhance.objective import MaxAlpha, Objective
from enhance.problem import Problem
from enhance.solution import Solution
from market import Costs, Venue

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Request:
    """A target with its limits, and the terms at which accounts trade; see ``round_to_lots``.

    ``optimal`` tells a target that is the optimum of its problem from weights that are asked for as they
    are.
    """

    problem: Problem
    constraints: Sequence[Constraint]
    goal: Objective
    wanted: Array
    optimal: bool
    prices: pd.Series
    venue: Venue | None
    boards: pd.Series | None
    costs: Costs | None
    idle: float

    @classmethod
    def of(
        cls,
        target: Solution | pd.Series,
        prices: pd.Series,
        *,
        problem: Problem | None = None,
        constraints: Sequence[Constraint] | None = None,
        goal: Objective | None = None,
        venue: Venue | None = None,
        boards: pd.Series | None = None,
        costs: Costs | None = None,
        idle: float = 0.01,
    ) -> Request:
        """Take problem, limits and objective from a solution where they are not given."""
        optimal = isinstance(target, Solution)
        if isinstance(target, Solution):
            problem, goal = problem or target.problem, goal or target.goal
            constraints = target.constraints if constraints is None else constraints
            wanted = np.maximum(target.weights.to_numpy(np.float64), 0.0)
        elif problem is None or constraints is None:
            raise ValueError(
                "weights alone have no limits to keep; give problem= and constraints=, or a Solution"
            )
        else:
            wanted = door.weights("target", target, problem.stocks, problem.date)
        goal = goal or MaxAlpha()
        return cls(problem, constraints, goal, wanted, optimal, prices, venue, boards, costs, idle)

    def account(self, capital: float, room: float, shares: pd.Series | None) -> Account:
        """Return the account of one size; without ``shares`` it holds the lots nearest the holdings."""
        terms = Terms.of(
            self.problem, self.wanted, self.prices, capital,
            venue=self.venue, boards=self.boards, shares=shares, costs=self.costs,
        )  # fmt: skip
        if shares is None:
            empty = Account.empty(self.problem, self.problem.holdings, replace(terms, costs=None))
            terms = replace(terms, held=empty.grid.shares(greedy(empty)))
        return Account.of(
            self.problem, self.constraints, self.goal, self.wanted, terms, room, self.idle,
            self.optimal,
        )  # fmt: skip
