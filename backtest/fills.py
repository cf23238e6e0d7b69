"""The orders of one session, compiled: refusals, sizes, cash, and the booking.

Sales come first and their proceeds pay for purchases of the same session. A stock has one order a
session and a sale is at most what was held before it, so what is bought today cannot be sold today
(T+1).

Numba counts the references of a tuple's arrays wherever the tuple is passed on or read, which was two
thirds of the time of a session. Hence functions that the compiler inlines, and loops over rows that
were taken out of the tuples before.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from backtest.account import Account, Path
from backtest.charges import Tariff, affordable_share, bill, note_charges, order_charge
from backtest.cuts import add_lots, scale
from backtest.dividends import note_lots, withheld
from backtest.lots import SLACK, bought_lots, sold_lots
from backtest.tape import (
    CASH,
    FILLED,
    LIMIT_DOWN,
    LIMIT_UP,
    NO_DEAL,
    NOT_LISTED,
    PARTICIPATION,
    SUSPENDED,
    Tape,
    Terms,
)

Array = np.ndarray

DUST = 1e-9  # fraction of NAV: a difference this small is arithmetic, not an order
COMPLETE = 1e-12  # a fill that misses its order by less than this fraction of it is complete


@njit(cache=True, inline="always")
def sell(
    row: int, tape: Tape, terms: Terms, account: Account, path: Path, log: Array, n: int
) -> int:
    """Play the sales of a session into ``log`` from entry ``n``; return where they end."""
    entries = log[n : collect(row, account.wanted, -1.0, log, n)]
    judge(entries, row, tape, terms)
    size_sales(entries, account.units, row, tape, terms)
    entries = entries[: compact(entries)]
    values, depths = values_of(entries, row, tape, terms)
    taxes = withheld(entries, row, tape, terms, account)
    tariff = tariff_on(row, 1, tape, terms)
    money = after_sales(account.cash[0], values, depths, taxes, tariff)
    if money < 0.0:  # sales that cost more than they bring would not be sent
        for i in range(len(entries)):
            if values[i] < order_charge(values[i], depths[i], tariff) + taxes[i]:
                entries[i].done, entries[i].reason = 0.0, CASH
                values[i] = taxes[i] = 0.0
        money = after_sales(account.cash[0], values, depths, taxes, tariff)
    account.cash[0] = money
    note_charges(values, depths, tariff, path.charges[row])
    path.traded[row] += values.sum()
    note_lots(entries, row, taxes.sum(), account, path.charges[row])
    book(row, entries, account.units, account.since)
    return n + len(entries)


@njit(cache=True, inline="always")
def after_sales(money: float, values: Array, depths: Array, taxes: Array, tariff: Tariff) -> float:
    """Return the cash that sales ``[k]`` leave, CNY."""
    money += values.sum()
    for i in range(len(values)):
        money -= order_charge(values[i], depths[i], tariff)
    return money - taxes.sum()


@njit(cache=True, inline="always")
def buy(
    row: int, tape: Tape, terms: Terms, account: Account, path: Path, log: Array, n: int
) -> int:
    """Play the purchases of a session with the cash that the sales left; return where they end."""
    money = account.cash[0]
    size_spending(row, tape, account.spend, account.wanted, money)
    entries = log[n : collect(row, account.wanted, 1.0, log, n)]
    judge(entries, row, tape, terms)
    size_purchases(entries, row, tape, terms)
    entries = entries[: compact(entries)]
    values, depths = values_of(entries, row, tape, terms)
    tariff = tariff_on(row, 0, tape, terms)
    share = affordable_share(values, depths, tariff, money)
    if share * values.sum() <= DUST * path.nav[row - 1]:
        share = 0.0  # the cash is what the rounding of earlier bills left
    if share < 1.0:
        missing = scale(entries, values, share, tape, terms)
        if terms.lots:
            add_lots(entries, values, depths, missing, money, tariff, tape)
    account.cash[0] = money - bill(values, depths, 1.0, tariff)
    note_charges(values, depths, tariff, path.charges[row])
    path.traded[row] += values.sum()
    note_lots(entries, row, 0.0, account, path.charges[row])
    book(row, entries, account.units, account.since)
    return n + len(entries)


# --- from orders to entries -----------------------------------------------------------------------


@njit(cache=True, inline="always")
def collect(row: int, wanted: Array, sign: float, log: Array, n: int) -> int:
    """Write the orders of one sign into ``log`` from entry ``n``; return where they end."""
    for j in range(len(wanted)):
        if wanted[j] * sign > 0.0:
            entry = log[n]
            entry.row, entry.stock, entry.wanted, entry.done = row, j, wanted[j], 0.0
            n += 1
    return n


@njit(cache=True, inline="always")
def size_spending(row: int, tape: Tape, spend: Array, wanted: Array, money: float) -> None:
    """Turn shares of the cash into units, at the deal or, where there is none, the last close."""
    deal, today = tape.deal[row], tape.factor[row]
    close, before = tape.close[row - 1], tape.factor[row - 1]
    for j in range(len(spend)):
        if spend[j] > 0.0:
            price = np.float64(deal[j]) * np.float64(today[j])
            if not price > 0.0:
                price = np.float64(close[j]) * np.float64(before[j])
            wanted[j] = spend[j] * money / price if price > 0.0 else 0.0


@njit(cache=True, inline="always")
def judge(entries: Array, row: int, tape: Tape, terms: Terms) -> None:
    """Give each order its reason, its factor, and its price: 0 where nothing can trade."""
    deal, today, before = tape.deal[row], tape.factor[row], tape.factor[row - 1]
    listed, suspended = tape.listed[row], tape.suspended[row]
    can_buy, can_sell, both = tape.can_buy[row], tape.can_sell[row], terms.two_sided
    for i in range(len(entries)):
        entry = entries[i]
        j = entry.stock
        price, factor = np.float64(deal[j]), np.float64(today[j])
        up, down = not can_buy[j], not can_sell[j]
        shut = (up or down) if both else (up if entry.wanted > 0.0 else down)
        if not shut:
            entry.reason = FILLED if np.isfinite(price) else NO_DEAL
        elif not listed[j]:
            entry.reason = NOT_LISTED
        elif suspended[j]:
            entry.reason = SUSPENDED
        else:
            upper = up if both else entry.wanted > 0.0
            entry.reason = LIMIT_UP if upper else LIMIT_DOWN
        entry.factor = factor if np.isfinite(factor) else np.float64(before[j])
        entry.price = price * factor if entry.reason == FILLED else 0.0


@njit(cache=True, inline="always")
def size_sales(entries: Array, units: Array, row: int, tape: Tape, terms: Terms) -> None:
    """Round sales to lots and cut them to the volume; one below a lot wants nothing."""
    small, step, volume = tape.smallest, tape.step, tape.volume
    for i in range(len(entries)):
        entry = entries[i]
        j, factor = entry.stock, entry.factor
        held = units[j] * factor
        if terms.lots and units[j] > 0.0:
            shares = sold_lots(-entry.wanted * factor, held, small[j], step[j], SLACK)
            entry.wanted = -units[j] if shares == held else -shares / factor
        if entry.reason != FILLED:
            continue
        entry.done = entry.wanted
        if terms.participation < np.inf:
            space = room(np.float64(volume[row, j]), terms.participation)
            if -entry.wanted * factor > space:
                if terms.lots:
                    space = sold_lots(space, held, small[j], step[j], 0.0)
                entry.done, entry.reason = -space / factor, PARTICIPATION


@njit(cache=True, inline="always")
def size_purchases(entries: Array, row: int, tape: Tape, terms: Terms) -> None:
    """Round purchases to lots and cut them to the volume; one below a lot wants nothing."""
    small, step, volume = tape.smallest, tape.step, tape.volume
    for i in range(len(entries)):
        entry = entries[i]
        j, factor = entry.stock, entry.factor
        if terms.lots:
            entry.wanted = bought_lots(entry.wanted * factor, small[j], step[j], SLACK) / factor
        if entry.reason != FILLED:
            continue
        entry.done = entry.wanted
        if terms.participation < np.inf:
            space = room(np.float64(volume[row, j]), terms.participation)
            if entry.wanted * factor > space:
                if terms.lots:
                    space = bought_lots(space, small[j], step[j], 0.0)
                entry.done, entry.reason = space / factor, PARTICIPATION


@njit(cache=True)
def room(volume: float, participation: float) -> float:
    """Return how many shares of a session's volume one order may be."""
    return participation * volume if volume > 0.0 else 0.0


@njit(cache=True, inline="always")
def compact(entries: Array) -> int:
    """Drop the entries that want nothing; return how many stay."""
    kept = 0
    for i in range(len(entries)):
        if entries[i].wanted != 0.0:
            if kept < i:
                entries[kept] = entries[i]
            kept += 1
    return kept


# --- from entries to money ------------------------------------------------------------------------


@njit(cache=True, inline="always")
def tariff_on(row: int, side: int, tape: Tape, terms: Terms) -> Tariff:
    """Return what purchases (side 0) or sales (side 1) pay on a session."""
    stamp, fee, spread = tape.fees[row, side, 0], tape.fees[row, side, 1], tape.fees[row, side, 2]
    commission = terms.commission_sell if side else terms.commission_buy
    return Tariff(commission, terms.minimum, stamp, fee, spread)


@njit(cache=True, inline="always")
def values_of(entries: Array, row: int, tape: Tape, terms: Terms) -> tuple[Array, Array]:
    """Return each fill's value, CNY, and impact coefficient of the close before ``[k]``."""
    values, depths, depth = np.zeros(len(entries)), np.zeros(len(entries)), tape.depth
    for i in range(len(entries)):
        values[i] = abs(entries[i].done) * entries[i].price
        if terms.impact:
            depths[i] = depth[row - 1, entries[i].stock]
    return values, depths


@njit(cache=True, inline="always")
def book(row: int, entries: Array, units: Array, since: Array) -> None:
    """Move the units; a position that was sold whole is exactly nothing."""
    for i in range(len(entries)):
        j, done = entries[i].stock, entries[i].done
        if done > 0.0 and units[j] == 0.0:
            since[j] = row
        units[j] += done
