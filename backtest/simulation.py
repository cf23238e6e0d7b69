"""One account: what was decided for it, the compiled sessions between, and the result.

Nothing dated after t reaches a decision at t: a policy receives ``market.until(t)``, and tradability
as it looked at that close.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from backtest.account import NO_MARK, NO_PRICE, ORDER, Account, Path
from backtest.charges import DIVIDEND_TAX, IMPACT, KINDS
from backtest.dividends import dividend_note
from backtest.dropout import intended, play_dropout
from backtest.exchange import View
from backtest.ledger import Ledger
from backtest.orders import Orders, aligned, check_priced, opened, placed_orders
from backtest.plain import plain
from backtest.policies import FixedWeights
from backtest.result import Result
from backtest.session import play, play_targets
from backtest.settings import Settings
from backtest.tape import Tape, Terms, sealed
from backtest.topk import TopkDropout
from market import DataError, Market, Snapshot, Target

Array = np.ndarray
Policy = Callable[[Snapshot], pd.Series | Target | Orders]


class Simulation:
    """The account of one policy, deciding at the close of the rows ``decide_on``."""

    def __init__(
        self, market: Market, tape: Tape, settings: Settings, policy: Policy, decide_on: Array
    ) -> None:
        self.market = market
        self.settings = settings
        self.policy = policy
        self._tape = tape
        self._decide_on = decide_on
        self._first = int(decide_on[0])
        sessions, stocks = len(market.dates), len(market.stocks)
        daily = settings.retry == "daily"
        taxed = len(tape.held_since) > 0
        ring = int((np.arange(sessions) - tape.held_since[:, 1]).max()) + 1 if taxed else 0
        self.account = Account.of(settings.capital, stocks, ring)
        self.path = Path.of(sessions, stocks, sessions if daily else len(decide_on))
        self.path.nav[self._first] = self.path.cash[self._first] = settings.capital
        self._log: list[Array] = []
        self._targets: list[Array] = []
        self._solver: list[dict[str, Any]] = []

    # --- decisions --------------------------------------------------------------------------------

    def play_known(self) -> bool:
        """Play a policy whose decisions are known in advance, in one go; false for any other."""
        dates, stocks = self.market.dates[self._decide_on], self.market.stocks
        rows, stop = sealed(self._decide_on), len(self.market.dates)
        if type(self.policy) is FixedWeights:
            targets = self.policy.table(dates, stocks)
            log, n = play_targets(sealed(targets), rows, stop, *self._book(two_sided=False))
        elif type(self.policy) is TopkDropout:
            scores = self.policy.table(dates, stocks)
            targets, rule = np.zeros_like(scores), self.policy.rule
            rest = self._book(self.policy.two_sided)
            log, n = play_dropout(sealed(scores), rule, rows, stop, *rest, targets)
        else:
            return False
        self._targets = [targets]
        self._keep(log, n)
        return True

    def decide(self, view: View) -> None:
        """Ask the policy at one close and play on to the close of the next decision."""
        answer = self.policy(self._snapshot(view))
        given, log = opened(answer)
        self._solver.append({str(key): plain(value) for key, value in log.items()})
        after = self._decide_on[self._decide_on > view.row]
        stop = int(after[0]) + 1 if len(after) else len(self.market.dates)
        if isinstance(given, Orders):
            self._targets.append(self._place(given, view))
            self._keep(*play(view.row + 1, stop, *self._book(given.two_sided), 0))
            return
        weights = aligned(given, self.market.stocks, view.date)[None, :]
        self._targets.append(weights)
        row = sealed(np.array([view.row]))
        self._keep(*play_targets(sealed(weights), row, stop, *self._book(two_sided=False)))

    def _place(self, orders: Orders, view: View) -> Array:
        """Put orders into the account; return the weights that they lead to ``[1, N]``."""
        units, marks = self.account.units, self.marks(view.row)
        sell, spend = placed_orders(orders, units, marks, self.market.stocks, view.date)
        self.account.wanted[:] = 0.0
        self.account.wanted[sell] = -self.account.units[sell]
        self.account.spend[:] = spend
        self.account.open[0] = True
        weights = np.zeros((1, len(spend)))
        intended(view.row, self._tape, self.account, self.path, weights[0])
        return weights

    def _snapshot(self, view: View) -> Snapshot:
        nav, cash = self.path.nav[view.row], self.path.cash[view.row]
        weights = self.account.weights(self.marks(view.row))
        held = self.account.held
        return Snapshot(
            date=view.date,
            market=view.market,
            holdings=pd.Series(weights[held], index=self.market.stocks[held], name="weight"),
            cash=cash / nav,
            capital=nav,
            can_buy=view.can_buy,
            can_sell=view.can_sell,
            costs=self.settings.costs,
            benchmark=self.settings.benchmark,
        )

    def marks(self, row: int) -> Array:
        """Return the value of a unit at the close of ``row`` ``[N]``, CNY."""
        price: Array = self._tape.close[row].astype(np.float64) * self._tape.factor[row]
        return price

    # --- the log ----------------------------------------------------------------------------------

    def _book(self, two_sided: bool) -> tuple[Tape, Terms, Account, Path, Array]:
        """Return what the compiled session reads and writes, with paper for the orders."""
        paper = np.empty(4 * len(self.market.stocks), ORDER)
        terms = self.settings.terms(bool(two_sided))
        return self._tape, terms, self.account, self.path, paper

    def _keep(self, log: Array, n: int) -> None:
        self._log.append(log[:n])
        why, row = int(self.path.trouble[0]), int(self.path.trouble[1])
        if why == NO_PRICE:
            d = int(np.searchsorted(self._decide_on, row))
            weights = np.concatenate(self._targets)[d]
            date, stocks = self.market.dates[row], self.market.stocks
            check_priced(weights, self.account.units, self.marks(row), stocks, date)
        if why == NO_MARK:
            held = self.account.held
            lost = held[~np.isfinite(self.marks(row)[held])]
            raise DataError(
                f"{len(lost)} held stocks have no close or factor on "
                f"{self.market.dates[row]:%Y-%m-%d}, first {self.market.stocks[lost[0]]}; a listed "
                "stock needs both on every session"
            )

    def result(
        self, level: pd.Series | None, config: dict[str, Any], notes: tuple[str, ...]
    ) -> Result:
        """Return the frames of the run, with ``notes`` after those of the market."""
        days = slice(self._first, len(self.market.dates))
        dates, path, decided = self.market.dates[days], self.path, self._decide_on
        log = self._log[0] if len(self._log) == 1 else np.concatenate(self._log)
        ledger = Ledger(self.market.dates, self.market.stocks, log, path)
        nav = path.nav[days]
        logs = pd.DataFrame(self._solver or None, index=self.market.dates[decided])
        return Result(
            nav=pd.Series(nav / self.settings.capital, index=dates, name="nav"),
            cash=pd.Series(path.cash[days] / nav, index=dates, name="cash"),
            benchmark=level,
            targets=ledger.wide(decided, np.concatenate(self._targets)),
            weights=ledger.weights(),
            trades=ledger.trades(),
            refusals=ledger.refusals(),
            costs=ledger.costs(self._first, self._kinds()),
            turnover=ledger.turnover(decided),
            solver=logs,
            notes=_notes(self.market.between(dates[0], dates[-1]), self.settings) + notes,
            config={**config, "start": f"{dates[0]:%Y-%m-%d}", "end": f"{dates[-1]:%Y-%m-%d}"},
        )

    def _kinds(self) -> list[int]:
        """Return the kinds of charges that the run can have."""
        never = set()
        if self.settings.impact is None:
            never.add(IMPACT)
        if not self.settings.costs.taxes_dividends:
            never.add(DIVIDEND_TAX)
        return [kind for kind in range(len(KINDS)) if kind not in never]


def _notes(market: Market, settings: Settings) -> tuple[str, ...]:
    """Return the market's approximations and the run's own."""
    own = []
    share = market.substituted_vwap() if settings.deal == "vwap" else 0.0
    if share > 0.0:
        own.append(
            f"{share:.1%} of stock-days have no VWAP; (open + high + low + close) / 4 stands in"
        )
    if settings.costs.taxes_dividends:
        own.append(dividend_note(market, settings.costs.dividend_tax))
    return (*market.notes, *own)
