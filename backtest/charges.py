"""What orders cost, compiled: commission with its minimum, dated rates, and impact.

``tests/backtest`` holds these to ``market.Costs.charge``, where every charge has its source.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

Array = np.ndarray

KINDS = ("commission", "stamp_duty", "transfer_fee", "spread", "impact", "dividend_tax")
IMPACT, DIVIDEND_TAX = 4, 5
_SLACK = 1e-13  # of the full bill, kept back so that the rounding of a sum cannot overspend


class Tariff(NamedTuple):
    """What one side pays on one session: rates are fractions of value, ``minimum`` CNY per order."""

    commission: float
    minimum: float
    stamp_duty: float
    transfer_fee: float
    spread: float


@njit(cache=True)
def order_charge(value: float, depth: float, tariff: Tariff) -> float:
    """Return all charges of an order of ``value`` CNY, 0 for one of nothing.

    ``depth`` is eta sigma / sqrt(amount) of the stock: the square-root law charges
    ``depth * value^(3/2)``; 0 leaves impact out.
    """
    if value <= 0.0:
        return 0.0
    rate = tariff.stamp_duty + tariff.transfer_fee + tariff.spread
    charge = max(tariff.commission * value, tariff.minimum) + rate * value
    return charge + depth * value * np.sqrt(value) if depth > 0.0 else charge


@njit(cache=True)
def bill(values: Array, depths: Array, share: float, tariff: Tariff) -> float:
    """Return what the fraction ``share`` of all purchases ``[k]`` takes from the cash, CNY."""
    total = 0.0
    for i in range(len(values)):
        value = share * values[i]
        total += value + order_charge(value, depths[i], tariff)
    return total


@njit(cache=True)
def affordable_share(values: Array, depths: Array, tariff: Tariff, cash: float) -> float:
    """Return the largest share of the purchases, at most 1, whose bill the cash pays.

    The bill is convex in the share (minimum commissions are its kinks, impact bends it), so the chord
    to the full bill lies above it: stepping to where the chord meets the cash never overspends.
    """
    full = bill(values, depths, 1.0, tariff)
    if full <= cash:
        return 1.0
    slack = _SLACK * full
    goal = cash - slack
    share = 1e-15  # the smallest order already costs the minimum commissions
    spent = bill(values, depths, share, tariff)
    if spent > goal:
        return 0.0
    while goal - spent > slack:
        share += (goal - spent) / (full - spent) * (1.0 - share)
        spent = bill(values, depths, share, tariff)
    return share


@njit(cache=True)
def note_charges(values: Array, depths: Array, tariff: Tariff, out: Array) -> float:
    """Add the charges of the orders ``[k]`` to ``out`` ``[kinds]``; return their sum, CNY."""
    commission, total, impact = 0.0, 0.0, 0.0
    for i in range(len(values)):
        value = values[i]
        if value > 0.0:
            total += value
            commission += max(tariff.commission * value, tariff.minimum)
            if depths[i] > 0.0:
                impact += depths[i] * value * np.sqrt(value)
    rates = (tariff.stamp_duty, tariff.transfer_fee, tariff.spread)
    out[0] += commission
    for kind in range(3):
        out[kind + 1] += rates[kind] * total
    out[IMPACT] += impact
    return commission + (rates[0] + rates[1] + rates[2]) * total + impact
