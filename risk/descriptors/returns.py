"""Momentum, reversal and their kin: what past returns say about the trend of a stock.

Each function takes arrays ``[M, N]`` (sessions, stocks) whose last ``size`` rows are asked for and
returns ``[size, N]``; the rows before serve as the trailing window. Returns are daily, NaN where a stock
did not trade; the risk-free rate is zero, which only shifts the country factor. A month is 21 sessions.
Sums with weights are divided by the weights of what was there; windows with under a quarter of their
observations give NaN. Definitions: public summaries of the USE4 methodology (2011), the CNE5 notes
(2012) and CNE6 replications.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from risk.arrays import Codes, Floats
from risk.rolling import ranges
from risk.windows import delayed_mean, enough, lagged, trailing_mean, trailing_sum

MONTH = 21
YEAR = 252
SEASONS = 5  # years that seasonality looks back on, of which it wants three
TREND_SPAN = 3  # half-lives after which an average price forgets


def relative_strength(logs: Floats, size: int) -> Floats:
    """Mean log return over 504 sessions, half-life 126, that ended 21 sessions ago (RSTR)."""
    return trailing_mean(lagged(logs, MONTH), 2 * YEAR, size, half_life=126)


def smoothed_strength(logs: Floats, size: int) -> Floats:
    """RSTR6, the CNE6 form: mean of the 11 values of 11 to 21 sessions ago of a year's mean log return.

    The year is 252 sessions with half-life 126.
    """

    def strength(end: int, wanted: int) -> Floats:
        return trailing_mean(logs[:end], YEAR, wanted, half_life=126)

    return delayed_mean(strength, len(logs), lag=11, days=11, size=size)


def long_reversal(logs: Floats, size: int) -> Floats:
    """Minus the mean of 11 values, the last 273 sessions old, of 1,040 sessions' mean log return.

    Half-life 260 (LTRSTR).
    """

    def strength(end: int, wanted: int) -> Floats:
        return trailing_mean(logs[:end], 1040, wanted, half_life=260)

    return -delayed_mean(strength, len(logs), lag=273, days=11, size=size)


def short_reversal(logs: Floats, size: int) -> Floats:
    """Minus the mean log return of 21 sessions, half-life 5 (STREV)."""
    return -trailing_mean(logs, MONTH, size, half_life=5)


def slow_reversal(logs: Floats, size: int) -> Floats:
    """Minus the mean log return of 63 sessions, half-life 10, averaged over the 3 sessions before.

    The second public reading of short-term reversal (STREV63).
    """

    def strength(end: int, wanted: int) -> Floats:
        return trailing_mean(logs[:end], 3 * MONTH, wanted, half_life=10)

    return -delayed_mean(strength, len(logs), lag=1, days=3, size=size)


def seasonality(logs: Floats, dates: pd.DatetimeIndex, size: int) -> Floats:
    """Mean over one to five years ago of the 21 sessions' log return that began on this day (SEASON).

    ``dates`` ``[M]``. The 21 sessions follow the last session on or before the same day of that year. A
    year counts where the stock traded on a quarter of them; three years are needed.
    """
    seen = np.isfinite(logs)
    grown = np.cumsum(np.where(seen, logs, 0.0), axis=0)
    traded = np.cumsum(seen, axis=0, dtype=np.int32)
    total, years = np.zeros((size, logs.shape[1])), np.zeros((size, logs.shape[1]))
    for k in range(1, SEASONS + 1):
        then = dates[-size:] - pd.DateOffset(years=k)
        row = dates.searchsorted(then, side="right") - 1
        inside = np.flatnonzero(row >= 0)
        begin = row[inside]
        known = traded[begin + MONTH] - traded[begin] >= MONTH / 4
        total[inside] += np.where(known, grown[begin + MONTH] - grown[begin], 0.0)
        years[inside] += known
    return np.where(years >= 3, total / np.maximum(years, 1), np.nan)


def industry_momentum(logs: Floats, cap: Floats, industry: Codes, size: int) -> Floats:
    """Strength of the industry without the stock's own part (INDMOM).

    ``RS_I - c_n RS_n`` with ``RS_n`` the mean log return of 126 sessions, half-life 21, ``c_n`` the stock's
    share of the industry's sum of sqrt(cap) and ``RS_I = sum c_n RS_n``. ``cap`` and ``industry`` are
    ``[size, N]``; a stock without industry has none.
    """
    strength = trailing_mean(logs, 6 * MONTH, size, half_life=21)
    known = np.isfinite(strength) & np.isfinite(cap) & (industry >= 0)
    root = np.where(known, np.sqrt(np.where(known, cap, 0.0)), 0.0)
    own = root * np.where(known, strength, 0.0)
    result = np.full(strength.shape, np.nan)
    groups = int(industry.max(initial=-1)) + 1
    for t in range(size):
        at = known[t]
        code = industry[t, at]
        mass = np.bincount(code, root[t, at], groups)[code]
        result[t, at] = (np.bincount(code, own[t, at], groups)[code] - own[t, at]) / mass
    return result


def trend(price: Floats, half_life: int, size: int) -> Floats:
    """Average adjusted price with half-life 20 over that with a longer one (TREND_120, TREND_240).

    Each average reaches back three half-lives; prices are carried through suspensions.
    """
    fast = trailing_mean(price, TREND_SPAN * 20, size, half_life=20)
    slow = trailing_mean(price, TREND_SPAN * half_life, size, half_life=half_life)
    return fast / slow


def cumulative_range(logs: Floats, size: int) -> Floats:
    """Largest minus smallest log return of the last 1, 2, ... 12 months (CMRA, the CNE6 form).

    Sessions without a trade count as zero; the first return after a suspension holds the whole gap.
    """
    months = trailing_sum(logs, MONTH, min(len(logs), size + YEAR - MONTH))
    begun = np.zeros((size + YEAR - MONTH - len(months), logs.shape[1]))
    months = np.vstack([begun, months]) if len(begun) else months  # no return before the data
    return np.where(enough(logs, YEAR, size), ranges(months, MONTH, 12, size), np.nan)
