"""What happens to orders on the session after they were decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from backtest.account import Account
from market import Costs, Market

Array = np.ndarray

REASONS = ("filled", "not listed", "suspended", "limit up", "limit down", "no price", "cash")
_FILLED, _NOT_LISTED, _SUSPENDED, _LIMIT_UP, _LIMIT_DOWN, _NO_PRICE, _CASH = range(len(REASONS))
_SLACK = 1e-13  # of the full bill, kept back so that the rounding of a sum cannot overspend


@dataclass(frozen=True, eq=False)
class Fill:
    """One session's orders and what became of them; arrays run over the k stocks with an order.

    ``wanted`` and ``done`` are units with a sign, positive to buy; ``price`` is CNY per unit and zero
    where nothing could trade; ``reason`` indexes ``REASONS``.
    """

    positions: Array
    wanted: Array
    done: Array
    price: Array
    reason: Array
    charges: dict[str, float]

    @property
    def traded(self) -> float:
        """Value bought plus value sold, CNY."""
        return float(np.abs(self.done) @ self.price)


class Exchange:
    """The fills of one market at one deal price; arrays are pulled once, then read by row."""

    def __init__(self, market: Market, deal: str, costs: Costs) -> None:
        self._dates = market.dates
        self._deal = market.deal_price(deal).to_numpy()
        self._factor = market.values("factor")
        self._listed = market.values("listed")
        self._suspended = market.values("suspended")
        self._can_buy = market.values("can_buy")
        self._can_sell = market.values("can_sell")
        self._costs = costs

    def fill(self, row: int, orders: Array, account: Account) -> Fill:
        """Execute ``orders`` ``[N]`` (units, signed) on session ``row`` and book them.

        Sales come first and their proceeds pay for purchases of the same session. Where the cash does
        not reach, every purchase is scaled by the same share. A stock has one order a session, so
        what is bought today cannot be sold today (T+1).
        """
        positions = np.flatnonzero(orders)
        wanted = orders[positions]
        reason = self._refusals(row, positions, wanted > 0.0)
        deal, factor = self._deal[row, positions], self._factor[row, positions]
        price = np.where(reason == _FILLED, deal.astype(np.float64) * factor, 0.0)
        charge = partial(self._costs.charge, self._dates[row])
        none = np.zeros_like(price)

        sold = np.where(wanted < 0.0, -wanted * price, 0.0)
        sale_charges = charge(none, sold)
        cash = account.cash + float(sold.sum()) - sum(sale_charges.values())
        if cash < 0.0:  # minimum commissions above the proceeds: such sales would not be sent
            reason[sold > 0.0] = _CASH
            sale_charges, cash = charge(none, none), account.cash
        bought = np.where(wanted > 0.0, wanted * price, 0.0)
        value = float(bought.sum())

        def bill(share: float) -> float:
            return share * value + sum(charge(share * bought, none).values())

        share = affordable_share(bill, cash)
        done = np.where(reason == _FILLED, wanted, 0.0)
        done[bought > 0.0] *= share
        if share < 1.0:
            reason[bought > 0.0] = _CASH
        account.cash = cash - bill(share)
        account.units[positions] += done
        charges = _sum(sale_charges, charge(share * bought, none))
        return Fill(positions, wanted, done, price, reason, charges)

    def _refusals(self, row: int, positions: Array, buy: Array) -> Array:
        """Return why each order may not trade, ``_FILLED`` where it may."""
        allowed = np.where(buy, self._can_buy[row, positions], self._can_sell[row, positions])
        reason = np.where(buy, _LIMIT_UP, _LIMIT_DOWN)
        reason = np.where(self._suspended[row, positions], _SUSPENDED, reason)
        reason = np.where(self._listed[row, positions], reason, _NOT_LISTED)
        priced = np.isfinite(self._deal[row, positions])
        return np.where(allowed, np.where(priced, _FILLED, _NO_PRICE), reason)


def affordable_share(bill: Callable[[float], float], cash: float) -> float:
    """Return the largest share of the purchases, at most 1, whose bill the cash pays.

    The bill is convex in the share (minimum commissions are its kinks), so the chord to the full bill
    lies above it: stepping to where the chord meets the cash never overspends.
    """
    full = bill(1.0)
    if full <= cash:
        return 1.0
    slack = _SLACK * full
    goal = cash - slack
    share = 1e-15  # the smallest order already costs the minimum commissions
    spent = bill(share)
    if spent > goal:
        return 0.0
    while goal - spent > slack:
        share += (goal - spent) / (full - spent) * (1.0 - share)
        spent = bill(share)
    return share


def _sum(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    return {kind: first[kind] + second[kind] for kind in first}


def forecast(market: Market, row: int) -> tuple[pd.Series, pd.Series]:
    """Return who can be bought and sold next session, judged at the close of ``row`` ``[N]``."""
    traded = ~np.isnan(market.values("close")[row])
    up, down = market.values("closed_at_limit_up")[row], market.values("closed_at_limit_down")[row]
    return (
        pd.Series(traded & ~up, index=market.stocks, name="can_buy"),
        pd.Series(traded & ~down, index=market.stocks, name="can_sell"),
    )
