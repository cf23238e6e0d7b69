"""The engine once more, slowly: Python floats, a loop over days and one over stocks.

It shares no code with ``backtest``; charges are written out for a commission with a minimum, stamp
duty with its cut of 2023-08-28, and a transfer fee.
"""

from __future__ import annotations

import pandas as pd

from market import Market

RATE, LEAST, FEE = 0.0002, 5.0, 0.00001


def charge(values, stamp=0.0):
    total = 0.0
    for value in values:
        if value > 0.0:
            total += max(RATE * value, LEAST) + FEE * value + stamp * value
    return total


def largest_affordable(bought, cash):
    def bill(share):
        return sum(share * value for value in bought) + charge([share * value for value in bought])

    if bill(1.0) <= cash:
        return 1.0, bill(1.0)
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2.0
        if bill(middle) <= cash:
            low = middle
        else:
            high = middle
    return low, bill(low)


class Twin:
    def __init__(
        self, market: Market, targets: pd.DataFrame, capital: float, deal: str, haircut: float
    ):
        self.market, self.targets, self.haircut = market, targets, haircut
        self.price = market.deal_price(deal).to_numpy().astype(float)
        self.close = market.values("close_filled").astype(float)
        self.factor = market.values("factor").astype(float)
        self.stocks = range(len(market.stocks))
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

    def fill(self, row: int) -> None:
        stamp = 0.0005 if self.market.dates[row] >= pd.Timestamp("2023-08-28") else 0.001
        sold, bought = [0.0 for _ in self.stocks], [0.0 for _ in self.stocks]
        for i in self.stocks:
            price = self.price[row, i] * self.factor[row, i]
            if self.orders[i] > 0.0 and self.market.values("can_buy")[row, i]:
                bought[i] = self.orders[i] * price
            if self.orders[i] < 0.0 and self.market.values("can_sell")[row, i]:
                sold[i] = -self.orders[i] * price
        cash = self.cash + sum(sold) - charge(sold, stamp)
        if cash < 0.0:
            cash, sold = self.cash, [0.0 for _ in self.stocks]
        share, bill = largest_affordable(bought, cash)
        self.cash = cash - bill
        for i in self.stocks:
            done = self.orders[i] if sold[i] > 0.0 else 0.0
            done = share * self.orders[i] if bought[i] > 0.0 else done
            self.units[i] += done
            if done != 0.0:
                value = abs(done) * self.price[row, i] * self.factor[row, i]
                self.traded.append((row, i, done, value))
            if done != self.orders[i]:
                self.refused.append((row, i, self.orders[i], done))

    def decide(self, row: int, nav: float) -> None:
        self.orders = [0.0 for _ in self.stocks]
        if self.market.dates[row] not in self.targets.index:
            return
        for i in self.stocks:
            weight = float(self.targets.loc[self.market.dates[row]].iloc[i])
            if weight > 0.0 or self.units[i] > 0.0:
                mark = self.close[row, i] * self.factor[row, i]
                difference = weight * nav / mark - self.units[i]
                if abs(difference) * mark > 1e-9 * nav:
                    self.orders[i] = difference
