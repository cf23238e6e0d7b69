"""Tax on cash dividends, compiled: owed when shares are sold, by how long they were held.

Shares leave in the order in which they came. What was held for more than a year owes nothing, so the
purchases of the last year are all that is remembered, in a ring of sessions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numba import njit

from backtest.account import Account
from backtest.charges import DIVIDEND_TAX
from backtest.tape import Tape, Terms
from market import Market
from market.costs import DIVIDEND_TAX_CN, DIVIDEND_TAX_CN_SINCE

Array = np.ndarray


def dividend_note(market: Market, rates: tuple[float, float]) -> str:
    """Return what a reader should know of the dividends that were taxed."""
    rows = np.flatnonzero((market.values("cash_dividend") > 0.0).any(axis=1))
    known = market.dates[rows]
    when = f"{known[0]:%Y-%m-%d} to {known[-1]:%Y-%m-%d}" if len(known) else "none"
    text = f"ex-dates of the cash dividends that are taxed at sale: {when}"
    if rates == DIVIDEND_TAX_CN and market.dates[0] < pd.Timestamp(DIVIDEND_TAX_CN_SINCE):
        text += f"; the rates are those since {DIVIDEND_TAX_CN_SINCE}, on earlier sales too"
    return text


@njit(cache=True, inline="always")
def begin(row: int, account: Account) -> None:
    """Forget what was bought a ring ago: it owes nothing any more."""
    ring = account.lots.shape[1]
    if ring:
        account.lots[:, row % ring] = 0.0


@njit(cache=True, inline="always")
def withheld(entries: Array, row: int, tape: Tape, terms: Terms, account: Account) -> Array:
    """Return the tax on the sales ``entries`` ``[k]`` of a session, CNY."""
    taxes = np.zeros(len(entries))
    if account.lots.shape[1]:
        rates = terms.tax_month, terms.tax_year
        for i in range(len(entries)):
            j = entries[i].stock
            free = account.units[j] - account.lots[j].sum()  # the oldest go first, free of tax
            sold = -entries[i].done - max(free, 0.0)
            if sold > 0.0:
                taxes[i] = _owed(
                    row, j, sold, tape.paid, tape.held_since[row], rates, account.lots[j]
                )
    return taxes


@njit(cache=True, inline="always")
def note_lots(entries: Array, row: int, tax: float, account: Account, out: Array) -> None:
    """Take fills into the ring, before they are booked, and the tax into the charges ``out``."""
    ring = account.lots.shape[1]
    if not ring:
        return
    out[DIVIDEND_TAX] += tax
    for i in range(len(entries)):
        lots, done = account.lots[entries[i].stock], entries[i].done
        if done > 0.0:
            lots[row % ring] += done
        elif done < 0.0:
            free = account.units[entries[i].stock] - lots.sum()
            _leave(row, -done - max(free, 0.0), lots)


@njit(cache=True)
def _owed(
    row: int, j: int, sold: float, paid: Array, since: Array, rates: tuple[float, float], lots: Array
) -> float:  # fmt: skip
    """Return the tax on ``sold`` units of the ring ``lots`` ``[K]`` of stock ``j``."""
    tax, slot = 0.0, row % len(lots)
    for bought in range(row + 1 - len(lots), row):
        slot = slot + 1 if slot + 1 < len(lots) else 0
        if lots[slot] > 0.0 and sold > 0.0:
            taken = min(lots[slot], sold)
            sold -= taken
            if bought >= since[1]:
                rate = rates[0] if bought >= since[0] else rates[1]
                tax += rate * taken * (paid[row, j] - paid[bought, j])
    return tax


@njit(cache=True)
def _leave(row: int, sold: float, lots: Array) -> None:
    """Take ``sold`` units, the oldest first, out of the ring ``lots`` ``[K]``."""
    slot = row % len(lots)
    for _ in range(len(lots) - 1):
        slot = slot + 1 if slot + 1 < len(lots) else 0
        if lots[slot] > 0.0 and sold > 0.0:
            taken = min(lots[slot], sold)
            sold -= taken
            lots[slot] -= taken
