"""The share counts that orders can reach: lots bought, odd remainders only sold, and what each costs.

An order buys nothing or at least ``minimum`` shares in steps of ``step`` (100 and 100 on the main board,
200 and 1 on STAR). It sells likewise, and the odd remainder of a holding goes out whole: of 250 shares
one can sell 50, 100, 150, 200 or all, and never buy 30.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from enhance.problem import Problem
from market import Costs, DataError, Venue
from market.grid import board_of
from market.venue import LotRule

Array = np.ndarray

WIDTH = 1e-9  # of weight: closer to a limit than this is on it

# Reachable counts kept on either side of the target, beside holding still and leaving: the nearest, and
# some lots further, so that an account can pay for charges and mend an exposure without dropping a name.
NEAR, FAR = (-1, 0, 1), (-4, 2, 5)
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Terms:
    """What an account trades at: prices, lot rules and charges, in the order of a problem's stocks.

    Attributes
    ----------
    capital
        Net asset value, CNY.
    prices
        CNY a share ``[N]``; NaN where the account neither holds nor wants the stock.
    rules
        Lot rule by stock ``[N]``.
    held
        Shares held ``[N]``, whole numbers.
    costs
        The charges with their least commission; None charges the rates of the problem.
    """

    capital: float
    prices: Array
    rules: tuple[LotRule, ...]
    held: Array
    costs: Costs | None = None

    @classmethod
    def of(
        cls,
        problem: Problem,
        wanted: Array,
        prices: pd.Series,
        capital: float,
        *,
        venue: Venue | None = None,
        boards: pd.Series | None = None,
        shares: pd.Series | None = None,
        costs: Costs | None = None,
    ) -> Terms:
        """Align the account with a problem.

        Without ``shares`` the account is empty.

        Raises
        ------
        DataError
            A price that is missing or not positive, shares that are not whole, an account without
            value.
        """
        if not (np.isfinite(capital) and capital > 0.0):
            raise DataError(f"capital is {capital} on {problem.date:%Y-%m-%d}; give CNY above zero")
        needed = (wanted > 0.0) | (problem.holdings > 0.0)
        if shares is not None:
            needed |= problem.stocks.isin(shares.index[shares.to_numpy() > 0])
        marks = _prices(problem, prices, needed)
        rules = _rules(problem, venue or Venue.cn(), boards)
        held = _given(problem, shares)
        return cls(capital, marks, rules, held, costs)

    def charges(self, i: int, counts: Array, problem: Problem) -> Array:
        """Return what it costs to go from the held to each of ``counts`` of stock ``i``, CNY."""
        value = np.abs(counts - self.held[i]) * self.prices[i]
        bought = counts > self.held[i]
        buy, sell = problem.costs if self.costs is None else self.costs.rates(problem.date)
        charged = np.where(bought, buy, sell) * value
        if self.costs is not None:
            rate = np.where(bought, self.costs.commission_buy, self.costs.commission_sell)
            charged += np.where(
                value > 0.0, np.maximum(self.costs.minimum - rate * value, 0.0), 0.0
            )
        return np.asarray(charged)


@dataclass(frozen=True, eq=False)
class Grid:
    """The counts among which the rounding chooses, one after the other, by stock and then by size.

    Attributes
    ----------
    terms
        Prices, rules, charges.
    owner
        Position of the stock of each option ``[V]``.
    count, weight, cost
        Shares, weight and charge (fractions of capital) of each option ``[V]``.
    wanted
        Target weights ``[N]``.
    """

    terms: Terms
    owner: Array
    count: Array
    weight: Array
    cost: Array
    wanted: Array

    @classmethod
    def around(
        cls,
        problem: Problem,
        terms: Terms,
        wanted: Array,
        low: Array,
        high: Array,
        fixed: Array,
        least: float = 0.0,
    ) -> Grid:
        """List the reachable counts near ``wanted`` that lie in [low, high], at least ``least`` or none.

        ``fixed`` stocks take the one nearest to ``wanted``, whatever their interval. A stock that is
        wanted or held and has no such count is left to ``without_option``.
        """
        owner, count, cost = [_NONE], [_NONE], [np.zeros(0)]
        for i in map(int, np.flatnonzero((wanted > 0.0) | (terms.held > 0))):
            options = _options(problem, terms, wanted, i)
            weight = options * terms.prices[i] / terms.capital
            if fixed[i]:
                options = options[[np.argmin(np.abs(weight - wanted[i]))]]
            else:
                inside = (weight >= low[i] - WIDTH) & (weight <= high[i] + WIDTH)
                options = options[inside & ((options == 0) | (weight >= least))]
            owner.append(np.full(len(options), i))
            count.append(options)
            cost.append(terms.charges(i, options, problem) / terms.capital)
        owners, counts = np.concatenate(owner), np.concatenate(count)
        weights = counts * terms.prices[owners] / terms.capital
        return cls(terms, owners, counts, weights, np.concatenate(cost), wanted)

    def without_option(self) -> Array:
        """Return the stocks that are wanted or held and have no count inside their limits."""
        concerned = np.flatnonzero((self.wanted > 0.0) | (self.terms.held > 0))
        return np.setdiff1d(concerned, self.owner)

    def weights(self, chosen: Array) -> Array:
        """Return the weights ``[N]`` of the options ``chosen``, one a stock."""
        spread = np.zeros(len(self.wanted))
        spread[self.owner[chosen]] = self.weight[chosen]
        return spread

    def shares(self, chosen: Array) -> Array:
        """Return the counts ``[N]`` of the options ``chosen``."""
        spread = np.zeros(len(self.wanted), dtype=np.int64)
        spread[self.owner[chosen]] = self.count[chosen]
        return spread


def legal(rule: LotRule, held: int, count: int) -> bool:
    """Return whether one order leads from ``held`` to ``count`` shares under a lot rule.

    >>> main = LotRule("main", 100, 100)
    >>> [count for count in range(0, 260, 10) if legal(main, 250, count)]
    [0, 50, 100, 150, 200, 250]
    """
    order = abs(count - held)
    if order == 0 or count == 0:
        return True
    odd = held % rule.step if count < held else 0
    whole = [order, order - odd] if order >= odd else [order]
    return count > 0 and any(
        q % rule.step == 0 and (q >= rule.minimum or (q == 0 and odd > 0)) for q in whole
    )


def _options(problem: Problem, terms: Terms, wanted: Array, i: int) -> Array:
    """Return the reachable counts of stock ``i`` nearest its target, ascending."""
    held, rule = int(terms.held[i]), terms.rules[i]
    target = wanted[i] * terms.capital / terms.prices[i]
    reached = {held}
    if problem.can_sell[i]:
        reached |= {0} | _sold(rule, held, target)
    if problem.can_buy[i]:
        reached |= _bought(rule, held, target)
    return np.array(sorted(reached), dtype=np.int64)


def _bought(rule: LotRule, held: int, target: float) -> set[int]:
    """Return the counts above ``held`` that are nearest ``target``."""
    steps = int(np.floor((target - held - rule.minimum) / rule.step))
    return {held + rule.minimum + max(steps + k, 0) * rule.step for k in _steps(rule)}


def _sold(rule: LotRule, held: int, target: float) -> set[int]:
    """Return the counts below ``held`` that are nearest ``target``, with and without an odd remainder."""
    counts = set()
    for start in (held, held - held % rule.step):  # the odd remainder stays, or goes with the rest
        steps = int(np.floor((start - target) / rule.step))
        least = rule.minimum if start == held else 0
        counts |= {start - max((steps + k) * rule.step, least) for k in _steps(rule)}
    return {c for c in counts if 0 <= c < held and legal(rule, held, c)}


def _steps(rule: LotRule) -> tuple[int, ...]:
    """Return how many steps from the target to look; where a step is one share, far is by hundreds."""
    lot = max(rule.minimum // (2 * rule.step), 1)
    return NEAR + tuple(k * lot for k in FAR)


def _prices(problem: Problem, prices: pd.Series, needed: Array) -> Array:
    marks = prices.reindex(problem.stocks).to_numpy(np.float64)
    bad = needed & ~(np.isfinite(marks) & (marks > 0.0))
    if bad.any():
        first = problem.stocks[bad][0]
        raise DataError(
            f"{bad.sum()} stocks that are wanted or held have no price on {problem.date:%Y-%m-%d}, "
            f"first {first}; give CNY a share for each, the last close where it is suspended"
        )
    return marks


def _rules(problem: Problem, venue: Venue, boards: pd.Series | None) -> tuple[LotRule, ...]:
    if boards is None and "board" in problem.data:
        boards = problem.data["board"]
    if boards is None:
        return tuple(venue.lot(board_of(str(stock))) for stock in problem.stocks)
    missing = problem.stocks.difference(boards.index, sort=False)
    if len(missing):
        raise DataError(
            f"{len(missing)} stocks have no board on {problem.date:%Y-%m-%d}, first {missing[0]}; "
            "give the board column of market.securities"
        )
    return tuple(venue.lot(str(board)) for board in boards.loc[problem.stocks])


def _given(problem: Problem, shares: pd.Series | None) -> Array:
    if shares is None:
        return np.zeros(len(problem.stocks), dtype=np.int64)
    strangers = shares.index.difference(problem.stocks, sort=False)
    counts = shares.reindex(problem.stocks).fillna(0.0).to_numpy(np.float64)
    if len(strangers) or (counts < 0.0).any() or (counts != np.round(counts)).any():
        bad = problem.stocks[(counts < 0.0) | (counts != np.round(counts))]
        first = strangers[0] if len(strangers) else bad[0]
        raise DataError(
            f"shares of {problem.date:%Y-%m-%d} are not whole counts of the problem's stocks, first "
            f"{first}; give integers >= 0 by stock"
        )
    return counts.astype(np.int64)
