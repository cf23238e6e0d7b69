"""Cash and shares, what is on order, and the path they leave: the arrays that a run changes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from backtest.charges import KINDS

Array = np.ndarray

NO_TROUBLE, NO_MARK, NO_PRICE = 0, 1, 2  # why the compiled loop stopped before its end

# one order of one session, or one delisting: units with a sign, CNY per unit, shares per unit
ORDER = np.dtype(
    [
        ("row", np.int64),
        ("stock", np.int64),
        ("wanted", np.float64),
        ("done", np.float64),
        ("price", np.float64),
        ("factor", np.float64),
        ("reason", np.int64),
    ]
)


class Account(NamedTuple):
    """Cash in CNY, adjusted shares ("units") of N stocks, and the orders for the next session.

    A unit is worth ``price * factor``: its value carries dividends, splits and rights by itself, so
    corporate actions need no entry, and the shares on the exchange are ``units * factor``.

    Attributes
    ----------
    cash
        ``[1]``, never below zero.
    units
        ``[N]``, never below zero.
    since
        ``[N]``, the session on which the position was opened.
    wanted
        ``[N]``, units to trade next, signed.
    spend
        ``[N]``, purchases whose size is a share of the cash after the sales of the session.
    open
        ``[1]``, whether orders wait.
    lots
        ``[N, K]``, units by the session they were bought on, K sessions in a ring; ``[N, 0]`` where
        dividends are not taxed.
    places, size
        ``[N]`` and ``[1]``: the first ``size`` of ``places`` are the positions held, in order.
    """

    cash: Array
    units: Array
    since: Array
    wanted: Array
    spend: Array
    open: Array
    lots: Array
    places: Array
    size: Array

    @classmethod
    def of(cls, cash: float, stocks: int, ring: int = 0) -> Account:
        """Return an account that is all cash, and remembers ``ring`` sessions of purchases."""
        units, wanted, spend = (np.zeros(stocks) for _ in range(3))
        since, places = (np.zeros(stocks, np.int64) for _ in range(2))
        waiting, size = np.zeros(1, np.bool_), np.zeros(1, np.int64)
        lots = np.zeros((stocks, ring))
        return cls(np.array([cash]), units, since, wanted, spend, waiting, lots, places, size)

    @property
    def held(self) -> Array:
        """Positions of the stocks that are held."""
        return np.flatnonzero(self.units)

    def value(self, marks: Array) -> float:
        """Return net asset value at ``marks`` ``[N]``, CNY per unit, read for held stocks only."""
        held = self.held
        return float(self.cash[0] + self.units[held] @ marks[held])

    def weights(self, marks: Array) -> Array:
        """Return each stock's share of net asset value ``[N]``, zero where nothing is held."""
        held = self.held
        worth = np.zeros_like(self.units)
        worth[held] = self.units[held] * marks[held]
        return worth / (self.cash[0] + worth[held].sum())


class Path(NamedTuple):
    """What a run leaves behind by session.

    Attributes
    ----------
    nav, cash, traded
        ``[T]``, CNY at the close; ``traded`` is the value bought plus sold.
    charges
        ``[T, kinds]``, CNY.
    weights, rows
        Weights ``[F, N]`` at the close of the sessions ``rows`` ``[F]`` on which orders were out.
    fills
        ``[1]``, how many rows of ``weights`` are written.
    trouble
        ``[2]``, why and on which session the loop stopped; zero when it did not.
    """

    nav: Array
    cash: Array
    traded: Array
    charges: Array
    weights: Array
    rows: Array
    fills: Array
    trouble: Array

    @classmethod
    def of(cls, sessions: int, stocks: int, fills: int) -> Path:
        """Return empty arrays, with room for ``fills`` sessions with orders."""
        nav, cash, traded = (np.zeros(sessions) for _ in range(3))
        weights = np.empty((fills, stocks))  # untouched pages cost nothing
        ints = np.zeros(fills, np.int64), np.zeros(1, np.int64), np.zeros(2, np.int64)
        return cls(nav, cash, traded, np.zeros((sessions, len(KINDS))), weights, *ints)
