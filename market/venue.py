"""The rule calendar of the exchanges, as data: price limits, lots, days without a limit.

The optimiser's masks and the simulator's refusals read the same rows. Every row carries its source;
"secondary" marks one that no primary text was found for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

Array = np.ndarray


@dataclass(frozen=True)
class LimitRule:
    """Daily price limit of a board, as a fraction of the previous close, from a date on."""

    board: str
    st: bool  # risk-warning (ST, *ST) stocks
    since: str
    rate: float
    source: str


@dataclass(frozen=True)
class FreeDays:
    """Number of first sessions after listing that have no price limit, for listings from a date on."""

    board: str
    since: str
    sessions: int
    source: str


@dataclass(frozen=True)
class LotRule:
    """Smallest buy order and the step above it, in shares. Odd remainders may only be sold."""

    board: str
    minimum: int
    step: int


_LIMITS = (
    LimitRule("main", False, "1996-12-16", 0.10, "China Daily 2020-08-18"),
    LimitRule("main", True, "1998-04-22", 0.05, "China Daily 2020-08-18"),
    LimitRule("main", True, "2026-07-06", 0.10, "proposal Xinhua 2025-06-27; date secondary"),
    LimitRule("chinext", False, "2009-10-30", 0.10, "China Daily 2020-08-18"),
    LimitRule("chinext", True, "2009-10-30", 0.05, "secondary"),
    LimitRule("chinext", False, "2020-08-24", 0.20, "Bloomberg 2020-08-16, China Daily"),
    LimitRule("chinext", True, "2020-08-24", 0.20, "secondary"),
    LimitRule("star", False, "2019-07-22", 0.20, "star.sse.com.cn comparison table"),
    LimitRule("star", True, "2019-07-22", 0.20, "secondary"),
    LimitRule("bse", False, "2021-11-15", 0.30, "secondary"),
    LimitRule("bse", True, "2021-11-15", 0.30, "secondary"),
)
_FREE = (
    FreeDays("main", "2023-04-10", 5, "yicaiglobal.com 2023-04-10"),
    FreeDays("chinext", "2020-08-24", 5, "Bloomberg 2020-08-16"),
    FreeDays("star", "2019-07-22", 5, "star.sse.com.cn comparison table"),
    FreeDays("bse", "2021-11-15", 1, "secondary"),
)
_LOTS = (
    LotRule("main", 100, 100),
    LotRule("chinext", 100, 100),
    LotRule("star", 200, 1),
    LotRule("bse", 100, 1),
)


@dataclass(frozen=True)
class Venue:
    """Trading rules by board and date.

    A board without rows has no price limit and trades single shares, which is what a market outside
    China looks like; ``Venue.open()`` is such a market for every board.
    """

    limits: tuple[LimitRule, ...] = ()
    free_days: tuple[FreeDays, ...] = ()
    lots: tuple[LotRule, ...] = ()
    tick: float = 0.01  # CNY

    @classmethod
    def cn(cls) -> Venue:
        """Return the rules of the Shanghai, Shenzhen and Beijing exchanges."""
        return cls(_LIMITS, _FREE, _LOTS)

    @classmethod
    def open(cls) -> Venue:
        """Return a market without price limits and lots."""
        return cls()

    def limit_rates(
        self, dates: pd.DatetimeIndex, boards: Array, st: Array, listed_on: Array, age: Array
    ) -> Array:
        """Return the daily limit as a fraction of the previous close, ``inf`` where there is none.

        Parameters
        ----------
        dates
            Sessions ``[T]``.
        boards
            Board of each stock ``[N]``.
        st
            Risk-warning flag ``[T, N]``.
        listed_on
            Listing dates ``[N]``, ``datetime64``; NaT means listed before any rule that asks.
        age
            Sessions since listing ``[T, N]``, 0 on the first one.

        Returns
        -------
        ndarray
            ``[T, N]`` float64.
        """
        rates = np.full(st.shape, np.inf)
        for rule in self.limits:
            rows = dates >= pd.Timestamp(rule.since)
            columns = np.flatnonzero(boards == rule.board)
            block = np.ix_(np.flatnonzero(rows), columns)
            rates[block] = np.where(st[block] == rule.st, rule.rate, rates[block])
        for free in self.free_days:
            young = (boards == free.board) & (listed_on >= np.datetime64(free.since))
            columns = np.flatnonzero(young)
            rates[:, columns] = np.where(age[:, columns] < free.sessions, np.inf, rates[:, columns])
        return rates

    def round_to_tick(self, price: Array) -> Array:
        """Round a price to the tick, halves up, as the exchanges do."""
        steps = price / self.tick
        # the small term lets a half that floating point left just below itself still go up
        return np.floor(steps + 0.5 + 1e-6) * self.tick

    def lot(self, board: str) -> LotRule:
        """Return the lot rule of a board; single shares where none is listed."""
        for rule in self.lots:
            if rule.board == board:
                return rule
        return LotRule(board, 1, 1)
