"""Whole lots, compiled: the legal sizes of an order nearest below the one that is wanted.

A board has a smallest order and a step above it, in shares (``market.Venue.lot``): purchases are such
sizes, and what is left of a position below them is sold in one order with nothing remaining.
"""

from __future__ import annotations

import numpy as np
from numba import njit

Array = np.ndarray

SLACK = 0.1  # shares: a size that misses a whole lot by less has lost it to rounding
_WHOLE = 1e-9  # of the position: a sale of all but this fraction of it is one of all


@njit(cache=True)
def bought_lots(shares: float, smallest: float, step: float, slack: float) -> float:
    """Return the largest legal purchase of at most ``shares`` (plus ``slack``), 0 below the smallest.

    A main-board stock (100, 100): 250 -> 200, 99.95 -> 100 with the slack of 0.1. A STAR stock
    (200, 1): 250 -> 250, 199 -> 0.
    """
    size = np.floor((shares + slack) / step) * step
    return size if size >= smallest else 0.0


@njit(cache=True)
def sold_lots(shares: float, held: float, smallest: float, step: float, slack: float) -> float:
    """Return the largest legal sale of at most ``shares`` out of ``held``.

    The whole position is always legal, odd lots included; a part of it is so in steps from the
    smallest order on. Held 250 on the main board: 250 -> 250, 240 -> 200, 60 -> 0.
    """
    if shares >= held * (1.0 - _WHOLE):
        return held
    size = np.floor((shares + slack) / step) * step
    return min(size, held) if size >= smallest else 0.0
