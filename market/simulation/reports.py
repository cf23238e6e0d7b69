"""Companies' books: reports on the Chinese timetable, and dividends on ex-dates."""

from __future__ import annotations

import numpy as np
import pandas as pd

Array = np.ndarray

# annual and first quarter together, half year, third quarter
_DEADLINES = ((4, 30), (8, 31), (10, 31))
_SPREAD = 20  # sessions before the deadline over which the reports come out
_EX_SEASON = (6, 10, 35)  # month and day it begins, and its length in sessions
_MOST_PAID = 0.12  # of the market value: a collapsed company does not pay by last year's earnings
_PAYERS = 0.8  # share of the companies that ever pay a dividend


def announcements(rng: np.random.Generator, dates: pd.DatetimeIndex, stocks: int) -> Array:
    """Draw the sessions ``[T, N]`` on which each company reports, bool: thrice a year."""
    early = rng.integers(0, _SPREAD, stocks)
    return _spread(dates, [(m, d, -early) for m, d in _DEADLINES], stocks)


def ex_dates(rng: np.random.Generator, dates: pd.DatetimeIndex, stocks: int) -> Array:
    """Draw the sessions ``[T, N]`` on which each stock goes ex dividend, bool: once a year."""
    month, day, length = _EX_SEASON
    return _spread(dates, [(month, day, rng.integers(1, length, stocks))], stocks)


def _spread(dates: pd.DatetimeIndex, events: list[tuple[int, int, Array]], stocks: int) -> Array:
    """Mark, every year, the session a number of sessions away from the last one by month and day."""
    marked = np.zeros((len(dates), stocks), dtype=bool)
    column = np.arange(stocks)
    for year in range(dates[0].year, dates[-1].year + 1):
        for month, day, shift in events:
            row = dates.searchsorted(pd.Timestamp(year, month, day), side="right") - 1 + shift
            inside = (row >= 1) & (row < len(dates))
            marked[row[inside], column[inside]] = True
    return marked


class Books:
    """Book equity, earnings, dividends and debt of each company, as last reported ``[N]``, CNY.

    Return on equity and debt revert to the company's own level; book equity follows retained earnings
    and, slowly, the market value, so that book to price does not wander off.
    """

    def __init__(self, rng: np.random.Generator, cap: Array, industry: Array) -> None:
        stocks, groups = len(cap), int(industry.max()) + 1
        self._rng = rng
        self._book_to_price = np.exp(
            -0.8 + rng.normal(0, 0.3, groups)[industry] + rng.normal(0, 0.4, stocks)
        )
        self._level = 0.08 + rng.normal(0, 0.03, groups)[industry] + rng.normal(0, 0.05, stocks)
        self._debt_level = np.clip(
            0.45 + rng.normal(0, 0.10, groups)[industry] + rng.normal(0, 0.12, stocks), 0.08, 0.90
        )
        self._payout = np.where(rng.random(stocks) < _PAYERS, rng.uniform(0.15, 0.6, stocks), 0.0)
        self._return = self._level + rng.normal(0, 0.03, stocks)
        self.book_equity = cap * self._book_to_price
        self.net_income = self._return * self.book_equity
        self.dividends = self._payout * np.maximum(self.net_income, 0.0)
        self.debt_to_assets = self._debt_level.copy()

    def report(self, due: Array, cap: Array, distressed: Array) -> None:
        """Publish the reports that are due ``[N]`` bool; distressed companies lose money."""
        chosen = np.flatnonzero(due)
        noise = self._rng.normal(size=(2, len(chosen)))
        level = self._level[chosen]
        usual = level + 0.85 * (self._return[chosen] - level) + 0.02 * noise[0]
        earned = np.where(distressed[chosen], -0.08 + 0.04 * noise[0], usual)
        before = self.book_equity[chosen]
        kept = earned * np.where(earned > 0, 1.0 - self._payout[chosen], 1.0) / len(_DEADLINES)
        target = np.log(cap[chosen] * self._book_to_price[chosen] / before)
        self._return[chosen] = earned
        self.book_equity[chosen] = before * (1.0 + kept) * np.exp(0.10 * target)
        self.net_income[chosen] = earned * before
        debt, usual_debt = self.debt_to_assets[chosen], self._debt_level[chosen]
        moved = usual_debt + 0.9 * (debt - usual_debt) + 0.015 * noise[1]
        self.debt_to_assets[chosen] = np.clip(moved, 0.05, 0.95)

    def pay(self, due: Array, cap: Array) -> Array:
        """Pay out on the ex-date of the stocks due ``[N]`` bool; return the CNY paid ``[N]``."""
        earned = self._payout * np.maximum(self.net_income, 0.0)
        paid = np.where(due, np.minimum(earned, _MOST_PAID * cap), 0.0)
        self.dividends = np.where(due, paid, self.dividends)
        return paid
