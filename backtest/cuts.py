"""Purchases that the cash does not pay in full, compiled: one share of all, then lots one by one."""

from __future__ import annotations

import numpy as np
from numba import njit

from backtest.charges import Tariff, bill, order_charge
from backtest.lots import bought_lots
from backtest.tape import CASH, Tape, Terms

Array = np.ndarray

_SPARE = 1e-13  # of the cash, kept back so that the rounding of a sum cannot overspend
_ROUNDING = 1e-12  # of a value: a lot that is missing but for this fraction is missing


@njit(cache=True, inline="always")
def scale(entries: Array, values: Array, share: float, tape: Tape, terms: Terms) -> Array:
    """Scale all purchases by one share, in lots down to whole ones; return the value cut ``[k]``."""
    small, step, missing = tape.smallest, tape.step, np.zeros(len(entries))
    for i in range(len(entries)):
        if values[i] > 0.0:
            entry, before = entries[i], values[i]
            j = entry.stock
            entry.reason = CASH
            entry.done *= share
            values[i] = share * before
            if terms.lots:
                shares = bought_lots(entry.done * entry.factor, small[j], step[j], 0.0)
                entry.done = shares / entry.factor
                values[i] = entry.done * entry.price
            missing[i] = before - values[i]
    return missing


@njit(cache=True, inline="always")
def add_lots(
    entries: Array, values: Array, depths: Array, missing: Array, money: float, tariff: Tariff,
    tape: Tape,
) -> None:  # fmt: skip
    """Spend what rounding down left: one lot more, where most is missing first."""
    left = money - bill(values, depths, 1.0, tariff) - _SPARE * money
    small, step = tape.smallest, tape.step
    for i in np.argsort(-missing, kind="mergesort"):
        entry = entries[i]
        lot = (step[entry.stock] if entry.done > 0.0 else small[entry.stock]) / entry.factor
        value = (entry.done + lot) * entry.price
        if missing[i] <= 0.0 or value - values[i] > missing[i] * (1.0 + _ROUNDING):
            continue
        more = value + order_charge(value, depths[i], tariff)
        more -= values[i] + order_charge(values[i], depths[i], tariff)
        if more <= left:
            left -= more
            entry.done += lot
            values[i] = value
