"""The engine once more, slowly: Python floats, a loop over days and one over stocks.

It shares no code with ``backtest``; charges are written out for a commission with a minimum, stamp
duty with its cut of 2023-08-28, and a transfer fee.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from market import Market

RATE, LEAST, FEE = 0.0002, 5.0, 0.00001


class Twin:
    def __init__(
        self, market: Market, targets: pd.DataFrame, capital: float, deal: str, haircut: float,
        lots: bool = False, cap: float | None = None, eta: float | None = None, daily: bool = False,
        taxed: bool = False,
    ):  # fmt: skip
        self.market, self.targets, self.haircut = market, targets, haircut
        self.lots, self.cap, self.eta, self.daily, self.capital = lots, cap, eta, daily, capital
        self.price = market.deal_price(deal).to_numpy().astype(float)
        self.close = market.values("close_filled").astype(float)
        self.factor = market.values("factor").astype(float)
        self.board = [market.venue.lot(board) for board in market.securities["board"]]
        self.stocks = range(len(market.stocks))
        self.taxed = taxed
        self.bought: list[list[list]] = [[] for _ in self.stocks]  # row, units, oldest first
        self.cash = capital
        self.units = [0.0 for _ in self.stocks]
        self.orders = [0.0 for _ in self.stocks]
        self.navs: list[float] = []
        self.cashes: list[float] = []
        self.traded: list[tuple[int, int, float, float]] = []  # row, stock, units, CNY
        self.refused: list[tuple[int, int, float, float]] = []  # row, stock, wanted, done

    def play(self) -> Twin:
        for row in range(self.market.row(self.targets.index[0]), len(self.market.dates)):
            self.delist(row)
            self.fill(row)
            nav = self.cash
            for i in self.stocks:
                if self.units[i] > 0.0:
                    nav += self.units[i] * self.close[row, i] * self.factor[row, i]
            self.decide(row, nav)
            self.navs.append(nav)
            self.cashes.append(self.cash)
        return self

    def delist(self, row: int) -> None:
        for i in self.stocks:
            if self.units[i] > 0.0 and not self.market.values("listed")[row, i]:
                last = self.close[row - 1, i] * self.factor[row - 1, i]
                self.cash += self.units[i] * last * (1.0 - self.haircut)
                self.units[i] = 0.0
                self.bought[i] = []

    # --- charges ----------------------------------------------------------------------------------

    def liquidity(self, row: int, i: int) -> tuple[float, float]:
        """Volatility over 60 sessions; average value of a trading day among 20, or as it last was."""
        seen = self.market.values("returns")[max(row - 59, 0) : row + 1, i].astype(float)
        seen = seen[np.isfinite(seen)]
        traded: list[float] = []
        for last in range(row, -1, -1):
            amount = self.market.values("amount")[max(last - 19, 0) : last + 1, i].astype(float)
            traded = [x for x in amount if x > 0.0]
            if traded:
                break
        average = max(sum(traded) / len(traded) if traded else 0.0, 1e-6 * self.capital)
        return (float(np.std(seen, ddof=1)) if len(seen) > 1 else math.nan), average

    def depth(self, row: int, i: int) -> float:
        if self.eta is None:
            return 0.0
        sigma, amount = self.liquidity(row, i)
        if math.isnan(sigma):
            others = [self.liquidity(row, k)[0] for k in self.stocks]
            sigma = float(np.median([x for x in others if x == x]))
        return self.eta * sigma / math.sqrt(amount)

    def charge(self, row: int, i: int, value: float, stamp: float = 0.0) -> float:
        if value <= 0.0:
            return 0.0
        impact = self.depth(row - 1, i) * value**1.5 if self.eta is not None else 0.0
        return max(RATE * value, LEAST) + FEE * value + stamp * value + impact

    def bill(self, row: int, bought: list[float], share: float = 1.0) -> float:
        return sum(share * v + self.charge(row, i, share * v) for i, v in enumerate(bought))

    def largest_affordable(self, row: int, bought: list[float], cash: float) -> float:
        if self.bill(row, bought) <= cash:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self.bill(row, bought, middle) <= cash else (low, middle)
        return low

    def dividends(self, bought: int, sold: int, i: int) -> float:
        """CNY that a unit bought on one session and sold on another was paid between."""
        total = 0.0
        for row in range(bought + 1, sold + 1):
            paid = float(self.market.values("cash_dividend")[row, i])
            if paid > 0.0:
                total += paid * self.factor[row - 1, i]
        return total

    def tax(self, row: int, i: int, units: float, leave: bool) -> float:
        total, today = 0.0, self.market.dates[row]
        lots = self.bought[i] if leave else [list(lot) for lot in self.bought[i]]
        while units > 0.0 and lots:
            taken = min(lots[0][1], units)
            date = self.market.dates[lots[0][0]]
            if date + pd.DateOffset(months=1) >= today:
                total += 0.2 * taken * self.dividends(lots[0][0], row, i)
            elif date + pd.DateOffset(years=1) >= today:
                total += 0.1 * taken * self.dividends(lots[0][0], row, i)
            units -= taken
            lots[0][1] -= taken
            if lots[0][1] <= 0.0:
                lots.pop(0)
        return total

    # --- sizes, in shares -------------------------------------------------------------------------

    def whole_lots(self, i: int, shares: float, slack: float) -> float:
        rule = self.board[i]
        size = math.floor((shares + slack) / rule.step) * rule.step
        return float(size) if size >= rule.minimum else 0.0

    def saleable(self, i: int, shares: float, held: float, slack: float) -> float:
        if shares >= held * (1.0 - 1e-9):
            return held
        return min(self.whole_lots(i, shares, slack), held)

    def space(self, row: int, i: int) -> float:
        if self.cap is None:
            return math.inf
        volume = float(self.market.values("volume")[row, i])
        return self.cap * volume if volume > 0.0 else 0.0

    # --- one session ------------------------------------------------------------------------------

    def fill(self, row: int) -> None:
        self.done = [0.0 for _ in self.stocks]  # units, signed
        self.unit = [self.price[row, i] * self.factor[row, i] for i in self.stocks]
        factors = [
            self.factor[row, i] if math.isfinite(self.factor[row, i]) else self.factor[row - 1, i]
            for i in self.stocks
        ]
        self.sell(row, factors)
        self.buy(row, factors)
        left = [0.0 for _ in self.stocks]
        for i in self.stocks:
            done, wanted = self.done[i], self.orders[i]
            self.units[i] += done
            if abs(self.units[i]) < 1e-9 * abs(done):
                self.units[i] = 0.0
            if done > 0.0:
                self.bought[i].append([row, done])
            if done != 0.0:
                self.traded.append((row, i, done, abs(done) * self.unit[i]))
            if abs(wanted - done) > 1e-12 * abs(wanted):
                self.refused.append((row, i, wanted, done))
                if self.daily and self.market.values("listed")[row, i]:
                    left[i] = wanted - done
        self.orders = left

    def sell(self, row: int, factors: list[float]) -> None:
        stamp = 0.0005 if self.market.dates[row] >= pd.Timestamp("2023-08-28") else 0.001
        net: dict[int, float] = {}
        for i in self.stocks:
            if self.orders[i] >= 0.0:
                continue
            held = self.units[i] * factors[i]
            if self.lots and held > 0.0:
                shares = self.saleable(i, -self.orders[i] * factors[i], held, 0.1)
                self.orders[i] = -shares / factors[i]
            if not self.market.values("can_sell")[row, i]:
                continue
            shares = min(-self.orders[i] * factors[i], self.space(row, i))
            if self.lots and shares < -self.orders[i] * factors[i]:
                shares = self.saleable(i, shares, held, 0.0)
            self.done[i] = -shares / factors[i]
            value = -self.done[i] * self.unit[i]
            net[i] = value - self.charge(row, i, value, stamp)
            if self.taxed:
                net[i] -= self.tax(row, i, -self.done[i], leave=False)
        if self.cash + sum(net.values()) < 0.0:
            for i in [i for i in net if net[i] < 0.0]:
                self.done[i] = 0.0
                del net[i]
        self.cash += sum(net.values())
        for i in net:
            self.tax(row, i, -self.done[i], leave=True)

    def buy(self, row: int, factors: list[float]) -> None:
        bought = [0.0 for _ in self.stocks]
        for i in self.stocks:
            if self.orders[i] <= 0.0:
                continue
            if self.lots:
                self.orders[i] = self.whole_lots(i, self.orders[i] * factors[i], 0.1) / factors[i]
            if not self.market.values("can_buy")[row, i]:
                continue
            shares = min(self.orders[i] * factors[i], self.space(row, i))
            if self.lots and shares < self.orders[i] * factors[i]:
                shares = self.whole_lots(i, shares, 0.0)
            self.done[i] = shares / factors[i]
            bought[i] = self.done[i] * self.unit[i]
        share = self.largest_affordable(row, bought, self.cash)
        if share * sum(bought) <= 1e-9 * (self.navs or [self.capital])[-1]:
            share = 0.0
        if share < 1.0:
            self.cut(row, factors, bought, share)
        self.cash -= self.bill(row, bought)

    def cut(self, row: int, factors: list[float], bought: list[float], share: float) -> None:
        asked = list(bought)
        for i in self.stocks:
            if asked[i] > 0.0:
                self.done[i] *= share
                if self.lots:
                    shares = self.whole_lots(i, self.done[i] * factors[i], 0.0)
                    self.done[i] = shares / factors[i]
                bought[i] = self.done[i] * self.unit[i]
        if self.lots:
            self.add_lots(row, factors, asked, bought)

    def add_lots(
        self, row: int, factors: list[float], asked: list[float], bought: list[float]
    ) -> None:
        left = self.cash * (1.0 - 1e-13) - self.bill(row, bought)
        missing = [asked[i] - bought[i] for i in self.stocks]
        for i in sorted(self.stocks, key=lambda i: -missing[i]):
            rule = self.board[i]
            lot = (rule.step if self.done[i] > 0.0 else rule.minimum) / factors[i]
            value = (self.done[i] + lot) * self.unit[i]
            if missing[i] <= 0.0 or value - bought[i] > missing[i] * (1.0 + 1e-12):
                continue
            before = bought[i] + self.charge(row, i, bought[i])
            more = value + self.charge(row, i, value) - before
            if more <= left:
                left -= more
                self.done[i] += lot
                bought[i] = value

    def decide(self, row: int, nav: float) -> None:
        if self.market.dates[row] not in self.targets.index:
            return
        self.orders = [0.0 for _ in self.stocks]
        for i in self.stocks:
            weight = float(self.targets.loc[self.market.dates[row]].iloc[i])
            if weight > 0.0 or self.units[i] > 0.0:
                mark = self.close[row, i] * self.factor[row, i]
                difference = weight * nav / mark - self.units[i]
                if abs(difference) * mark > 1e-9 * nav:
                    self.orders[i] = difference
