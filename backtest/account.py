"""Cash and shares: the one thing that changes during a run."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


class Account:
    """Cash in CNY and adjusted shares ("units") of N stocks.

    A unit is worth ``price * factor``: its value carries dividends, splits and rights by itself, so
    corporate actions need no entry, and the shares on the exchange are ``units * factor``.

    Attributes
    ----------
    cash
        CNY, never below zero.
    units
        ``[N]`` float64, never below zero.
    """

    def __init__(self, cash: float, stocks: int) -> None:
        self.cash = cash
        self.units = np.zeros(stocks)

    @property
    def held(self) -> Array:
        """Positions of the stocks that are held."""
        return np.flatnonzero(self.units)

    def value(self, marks: Array) -> float:
        """Return net asset value at ``marks`` ``[N]``, CNY per unit, read for held stocks only."""
        held = self.held
        return self.cash + float(self.units[held] @ marks[held])

    def weights(self, marks: Array) -> Array:
        """Return each stock's share of net asset value ``[N]``, zero where nothing is held."""
        held = self.held
        worth = np.zeros_like(self.units)
        worth[held] = self.units[held] * marks[held]
        return worth / (self.cash + worth[held].sum())

    def sell_out(self, positions: Array, proceeds: Array) -> None:
        """Turn whole positions into cash: what a delisting does."""
        self.units[positions] = 0.0
        self.cash += float(proceeds.sum())
