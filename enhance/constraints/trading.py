"""Limits on what is traded."""

from __future__ import annotations

from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np
import pandas as pd

from enhance import door
from enhance.constraint import Constraint, StockLimit
from enhance.decision import Decision
from enhance.problem import Problem
from market import DataError

Array = np.ndarray


@dataclass(frozen=True)
class NoBuy(StockLimit):
    """What cannot be bought (closed at its upper limit, suspended, unscored) weighs w <= h + limit."""

    limit: float = 0.0
    name: str = "no_buy"
    hard = True
    rank = 0

    def expression(self, x: Decision) -> cp.Expression | None:
        blocked = x.open[~x.problem.can_buy[x.open]]
        return x.trades[blocked] if len(blocked) else None

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.where(problem.can_buy, -np.inf, weights - problem.holdings)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        greatest = np.where(problem.can_buy, np.inf, problem.holdings + self.limit)
        return np.full_like(greatest, -np.inf), greatest

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        return float(np.maximum(gains[~problem.can_buy], 0.0).sum())


@dataclass(frozen=True)
class NoSell(StockLimit):
    """What is held and cannot be sold (closed at its lower limit, suspended) weighs w >= h - limit.

    A stock that is not held has nothing to sell: keeping it from a short position is ``LongOnly``'s.
    """

    limit: float = 0.0
    name: str = "no_sell"
    hard = True
    rank = 0

    def expression(self, x: Decision) -> cp.Expression | None:
        blocked = x.open[_locked_in(x.problem)[x.open]]
        return -x.trades[blocked] if len(blocked) else None

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.where(_locked_in(problem), problem.holdings - weights, -np.inf)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        least = np.where(_locked_in(problem), problem.holdings - self.limit, -np.inf)
        return least, np.full_like(least, np.inf)

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        return float(np.maximum(-gains[_locked_in(problem)], 0.0).sum())


def _locked_in(problem: Problem) -> Array:
    return ~problem.can_sell & (problem.holdings > 0.0)


@dataclass(frozen=True)
class Participation(StockLimit):
    """No trade above ``limit`` of the stock's average daily value: abs(w - h) capital <= limit amount.

    What cannot be traded in a day waits: limits by stock that ask for more give way, see ``Reach``.

    Attributes
    ----------
    amount
        Average daily traded value by stock, CNY; None reads the data column ``amount``, which the
        weekly policy attaches.
    """

    limit: float = 0.10
    name: str = "participation"
    amount: pd.Series | None = field(default=None, kw_only=True, compare=False)
    rank = 1
    percent = False  # of the day's value, not of the portfolio's

    @property
    def needs(self) -> tuple[str, ...]:
        return ("amount",) if self.amount is None else ()

    def expression(self, x: Decision) -> cp.Expression:
        trades = x.trades[x.open]
        return cp.hstack([trades, -trades])

    def entries(self, x: Decision) -> Array:
        return np.tile(x.open, 2)

    def share(self, problem: Problem) -> Array:
        return daily_share(problem, self.name, self.amount)

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.abs(weights - problem.holdings)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        room = self.limit * self.share(problem)
        return problem.holdings - room, problem.holdings + room


@dataclass(frozen=True)
class Turnover(Constraint):
    """One-way turnover: half the sum of abs(w - h) over stocks; cash does not count."""

    limit: float = 0.20
    name: str = "turnover"
    percent = True

    def expression(self, x: Decision) -> cp.Expression:
        return 0.5 * cp.sum(x.buys + x.sells)

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.array(problem.turnover(weights))


def daily_share(problem: Problem, name: str, amount: pd.Series | None) -> Array:
    """Return the average daily value of each stock as a fraction of the portfolio's value ``[N]``.

    Raises
    ------
    DataError
        The capital is not known, or an amount is missing or negative.
    """
    if np.isnan(problem.capital):
        raise DataError(
            f"{name} needs the capital of {problem.date:%Y-%m-%d}; pass capital= in CNY"
        )
    if amount is None:
        values = problem.column("amount")
    else:
        missing = problem.stocks.difference(amount.index, sort=False)
        if len(missing):
            door.refuse(f"{name} has no amount", missing, problem.date, "give every candidate's")
        values = door.numbers("amount", amount.loc[problem.stocks], problem.date)
    bad = ~(values >= 0.0)
    if bad.any():
        where = problem.stocks[bad]
        door.refuse("amount is negative or missing", where, problem.date, "give CNY >= 0")
    return values / problem.capital
