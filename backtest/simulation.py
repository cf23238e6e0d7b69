"""One pass over the sessions: a plain loop over days, vectorised over stocks.

On each session, in this order: delistings, fills of the orders that were decided at the close before,
charges, marking at the close, and on a rebalance day the decision that makes the next orders. Nothing
dated after t reaches a decision at t: a policy receives ``market.until(t)``, and tradability as it
looked at that close.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtest.account import Account
from backtest.exchange import Exchange, forecast
from backtest.ledger import Ledger
from backtest.orders import aligned, opened, orders_for
from backtest.result import Result
from market import Costs, DataError, Market, Snapshot, Target
from market.progress import track

Array = np.ndarray
Policy = Callable[[Snapshot], pd.Series | Target]


@dataclass(frozen=True)
class Settings:
    """What a run is told beside the data and the policy; see ``backtest.run``."""

    benchmark: str | None
    costs: Costs
    deal: str
    capital: float
    delisting_haircut: float

    def __post_init__(self) -> None:
        if not self.capital > 0.0:
            raise ValueError(f"capital is {self.capital} CNY; a run needs money to start with")
        if not 0.0 <= self.delisting_haircut <= 1.0:
            raise ValueError(
                f"delisting_haircut is {self.delisting_haircut}; it is a fraction from 0 to 1"
            )


class Simulation:
    """One pass over the sessions of ``market``, deciding at the close of the rows ``decide_on``."""

    def __init__(self, market: Market, settings: Settings, decide_on: Array) -> None:
        self.market = market
        self.settings = settings
        self.account = Account(settings.capital, len(market.stocks))
        self.exchange = Exchange(market, settings.deal, settings.costs)
        self.ledger = Ledger(market.dates, market.stocks)
        self._first = int(decide_on[0])
        self._decide_on = frozenset(decide_on.tolist())
        self._dates = market.dates
        self._close = market.values("close_filled")
        self._factor = market.values("factor")
        self._listed = market.values("listed")
        self._nav = np.zeros(len(market.dates))
        self._cash = np.zeros(len(market.dates))

    def play(self, policy: Policy, progress: bool) -> None:
        """Run from the first decision to the last session."""
        orders: Array | None = None
        sessions = range(self._first, len(self._dates))
        for row in track(sessions, progress, "sessions", len(sessions)):
            self._retire(row)
            if orders is not None:
                self._fill(row, orders)
                orders = None
            self._mark(row)
            if row in self._decide_on:
                orders = self._decide(row, policy)

    def marks(self, row: int) -> Array:
        """Return the value of a unit at the close of ``row`` ``[N]``, CNY."""
        price: Array = self._close[row].astype(np.float64) * self._factor[row]
        return price

    def _retire(self, row: int) -> None:
        """Turn what has left the exchange since the last session into cash at its last price."""
        held = self.account.held
        gone = held[~self._listed[row, held]]
        if not len(gone):
            return
        kept = 1.0 - self.settings.delisting_haircut
        price = self._close[row - 1, gone].astype(np.float64) * kept
        shares = self.account.units[gone] * self._factor[row - 1, gone]
        self.account.sell_out(gone, shares * price)
        self.ledger.delisting(row, gone, shares, price)

    def _fill(self, row: int, orders: Array) -> None:
        fill = self.exchange.fill(row, orders, self.account)
        today, before = (self._factor[r, fill.positions].astype(np.float64) for r in (row, row - 1))
        factor = np.where(np.isfinite(today), today, before)  # delisted overnight: none today
        self.ledger.fill(row, fill, factor, self._nav[row - 1])
        self.ledger.holding(row, self.account.weights(self.marks(row)))

    def _mark(self, row: int) -> None:
        value = self.account.value(self.marks(row))
        if not np.isfinite(value):
            self._explain_missing_price(row)
        self._nav[row], self._cash[row] = value, self.account.cash

    def _explain_missing_price(self, row: int) -> None:
        held = self.account.held
        lost = held[~np.isfinite(self.marks(row)[held])]
        raise DataError(
            f"{len(lost)} held stocks have no close or factor on {self._dates[row]:%Y-%m-%d}, first "
            f"{self.market.stocks[lost[0]]}; a listed stock needs both on every session"
        )

    def _decide(self, row: int, policy: Policy) -> Array:
        snapshot = self._snapshot(row)
        answer = policy(snapshot)
        given, log = opened(answer)
        weights = aligned(given, self.market.stocks, snapshot.date)
        self.ledger.decision(row, weights, log)
        return orders_for(
            weights, self.account.units, self.marks(row), self._nav[row], self.market.stocks,
            snapshot.date,
        )  # fmt: skip

    def _snapshot(self, row: int) -> Snapshot:
        date = self._dates[row]
        weights = self.account.weights(self.marks(row))
        held = self.account.held
        can_buy, can_sell = forecast(self.market, row)
        return Snapshot(
            date=date,
            market=self.market.until(date),
            holdings=pd.Series(weights[held], index=self.market.stocks[held], name="weight"),
            cash=self.account.cash / self._nav[row],
            capital=self._nav[row],
            can_buy=can_buy,
            can_sell=can_sell,
            costs=self.settings.costs,
            benchmark=self.settings.benchmark,
        )

    def result(self, level: pd.Series | None, config: dict[str, Any]) -> Result:
        days = slice(self._first, len(self._dates))
        dates, ledger = self._dates[days], self.ledger
        nav = self._nav[days]
        return Result(
            nav=pd.Series(nav / self.settings.capital, index=dates, name="nav"),
            cash=pd.Series(self._cash[days] / nav, index=dates, name="cash"),
            benchmark=level,
            targets=ledger.targets(),
            weights=ledger.weights(),
            trades=ledger.trades(),
            refusals=ledger.refusals(),
            costs=ledger.costs(self._first),
            turnover=ledger.turnover(),
            solver=ledger.solver(),
            notes=_notes(self.market.between(dates[0], dates[-1]), self.settings.deal),
            config={**config, "start": f"{dates[0]:%Y-%m-%d}", "end": f"{dates[-1]:%Y-%m-%d}"},
        )


def _notes(market: Market, deal: str) -> tuple[str, ...]:
    """Return the market's approximations and the run's own."""
    if deal != "vwap":
        return market.notes
    share = market.substituted_vwap()
    if share == 0.0:
        return market.notes
    text = f"{share:.1%} of stock-days have no VWAP; (open + high + low + close) / 4 stands in"
    return (*market.notes, text)
