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
    if len(account.lots):
        account.lots[row % len(account.lots)] = 0.0


@njit(cache=True, inline="always")
def withheld(entries: Array, row: int, tape: Tape, terms: Terms, account: Account) -> float:
    """Return the tax on the sales ``entries`` of a session, CNY."""
    tax = 0.0
    if terms.taxed:
        for i in range(len(entries)):
            entry = entries[i]
            held = account.units[entry.stock]
            tax += _owed(row, entry.stock, -entry.done, held, tape, terms, account.lots, False)
    return tax


@njit(cache=True, inline="always")
def note_lots(
    entries: Array, row: int, tax: float, tape: Tape, terms: Terms, account: Account, out: Array
) -> None:
    """Take fills into the ring, before they are booked, and the tax into the charges ``out``."""
    if not terms.taxed:
        return
    out[DIVIDEND_TAX] += tax
    for i in range(len(entries)):
        entry = entries[i]
        if entry.done > 0.0:
            account.lots[row % len(account.lots), entry.stock] += entry.done
        elif entry.done < 0.0:
            held = account.units[entry.stock]
            _owed(row, entry.stock, -entry.done, held, tape, terms, account.lots, True)


@njit(cache=True)
def _owed(
    row: int, j: int, sold: float, held: float, tape: Tape, terms: Terms, lots: Array, leave: bool
) -> float:  # fmt: skip
    """Return the tax on ``sold`` of ``held`` units; with ``leave`` they leave the ring."""
    first, young = max(row - len(lots) + 1, 0), 0.0
    for bought in range(first, row):
        young += lots[bought % len(lots), j]
    rest = sold - max(held - young, 0.0)  # the oldest go first, free of tax
    month, year = tape.held_since[row, 0], tape.held_since[row, 1]
    tax = 0.0
    for bought in range(first, row):
        if rest <= 0.0:
            break
        taken = min(lots[bought % len(lots), j], rest)
        rest -= taken
        gained = taken * (tape.paid[row, j] - tape.paid[bought, j])
        if bought >= month:
            tax += terms.tax_month * gained
        elif bought >= year:
            tax += terms.tax_year * gained
        if leave:
            lots[bought % len(lots), j] -= taken
    return tax
