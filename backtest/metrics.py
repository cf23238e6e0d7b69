"""The measures of a run, one definition each.

A *level* is a Series by date that compounds: a NAV, a benchmark, or their ratio. Returns are simple
and daily. Everything annual passes through ``_PER_YEAR``.

Two measures of excess, under two names:

- **geometric**: the ratio NAV / benchmark, both starting at 1. Its growth a year is the headline
  ``annual_excess``, its falls are the excess drawdown; a year's excess compounds to the total.
- **arithmetic**: daily return less the benchmark's. Its standard deviation is the tracking error and
  its mean over that the information ratio, because that is what a t-statistic can be given for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market import inference
from market.calendar import TRADING_DAYS

_PER_YEAR = float(TRADING_DAYS)


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall of a level from an earlier high, as a negative fraction of that high."""

    depth: float
    peak: pd.Timestamp
    trough: pd.Timestamp
    recovered: pd.Timestamp | None  # first session back at the high; None when not yet


def returns(level: pd.Series) -> pd.Series:
    """Return the simple returns of a level, one fewer than it has dates."""
    return level.pct_change(fill_method=None).iloc[1:]


def excess(nav: pd.Series, benchmark: pd.Series) -> pd.DataFrame:
    """Return both excess levels, starting at 1.

    Returns
    -------
    DataFrame
        ``geometric``: NAV over benchmark. ``arithmetic``: 1 plus the running sum of the daily
        differences of the returns.

    Examples
    --------
    >>> days = pd.to_datetime(["2020-01-02", "2020-01-03", "2020-01-06"])
    >>> excess(pd.Series([1.0, 1.10, 1.21], days), pd.Series([1.0, 1.0, 1.1], days)).round(4)
                geometric  arithmetic
    2020-01-02        1.0         1.0
    2020-01-03        1.1         1.1
    2020-01-06        1.1         1.1
    """
    ratio = (nav / nav.iloc[0]) / (benchmark / benchmark.iloc[0])
    difference = (returns(nav) - returns(benchmark)).reindex(nav.index, fill_value=0.0)
    return pd.DataFrame({"geometric": ratio, "arithmetic": 1.0 + difference.cumsum()})


def annual_return(level: pd.Series) -> float:
    """Return the constant yearly growth that ends where ``level`` ends: geometric."""
    sessions = len(level) - 1
    if sessions < 1:
        return float("nan")
    return float((level.iloc[-1] / level.iloc[0]) ** (_PER_YEAR / sessions) - 1.0)


def mean_annual_return(daily: pd.Series) -> float:
    """Return the mean daily return times the sessions of a year: the arithmetic form."""
    return float(daily.mean() * _PER_YEAR)


def volatility(daily: pd.Series) -> float:
    """Return the standard deviation of daily returns (n - 1), annualised."""
    if len(daily) < 2:
        return float("nan")
    return float(daily.std(ddof=1) * np.sqrt(_PER_YEAR))


def tracking_error(nav: pd.Series, benchmark: pd.Series) -> float:
    """Return the realised annual volatility of the daily return less the benchmark's."""
    return volatility(returns(nav) - returns(benchmark))


def information_ratio(nav: pd.Series, benchmark: pd.Series) -> float:
    """Return the annual arithmetic mean of the active return over its tracking error."""
    active = returns(nav) - returns(benchmark)
    deviation = volatility(active)
    return mean_annual_return(active) / deviation if deviation > 0.0 else float("nan")


def newey_west_t(values: pd.Series) -> float:
    """Return the t-statistic of the mean, allowing for correlation between neighbouring days.

    Over ``floor(4 (n / 100)^(2/9))`` lags, the rule of Newey and West (1994).
    """
    lags = int(4.0 * (len(values) / 100.0) ** (2.0 / 9.0))
    return inference.newey_west_t(values.to_numpy(), lags)


def drawdowns(level: pd.Series) -> pd.Series:
    """Return the distance below the highest level so far, zero or negative fractions."""
    return level / level.cummax() - 1.0


def max_drawdown(level: pd.Series) -> Drawdown:
    """Return the deepest drawdown and its dates; of equal ones the first.

    Examples
    --------
    >>> days = pd.to_datetime(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"])
    >>> fall = max_drawdown(pd.Series([1.0, 1.2, 0.9, 1.3], days))
    >>> round(fall.depth, 4), str(fall.trough.date()), str(fall.recovered.date())
    (-0.25, '2020-01-06', '2020-01-07')
    """
    dates, height, below = _dates(level), level.to_numpy(), drawdowns(level).to_numpy()
    trough = int(below.argmin())
    peak = int(height[: trough + 1].argmax())
    back = trough + np.flatnonzero(height[trough:] >= height[peak])
    recovered = dates[back[0]] if len(back) else None
    return Drawdown(float(below[trough]), dates[peak], dates[trough], recovered)


def weekly(level: pd.Series) -> pd.Series:
    """Return the return of each calendar week, dated by its last session; partial weeks count."""
    ends = ~_dates(level).to_period("W").duplicated(keep="last")
    ends[0] = True  # the base of the first week, whatever day it falls on
    return returns(level[ends])


def weekly_win_rate(nav: pd.Series, benchmark: pd.Series) -> float:
    """Return the share of calendar weeks in which the NAV gained on the benchmark."""
    weeks = weekly(nav / benchmark)
    return float((weeks > 0.0).mean()) if len(weeks) else float("nan")


def yearly(nav: pd.Series, benchmark: pd.Series | None) -> pd.DataFrame:
    """Return one row a calendar year, each based on the last level of the year before.

    Returns
    -------
    DataFrame
        ``return``, ``sessions`` and, with a benchmark, ``benchmark``, ``excess`` (geometric, so that
        the years compound to the total), ``tracking_error``, ``information_ratio``,
        ``excess_drawdown``, ``weekly_win_rate``. Returns are of the part of the year that was run.
    """
    rows = {}
    years = _dates(nav).year.to_numpy()
    for year in np.unique(years[1:]):
        first = max(int(np.searchsorted(years, year)) - 1, 0)  # the base: last session before it
        stop = int(np.searchsorted(years, year, side="right"))
        base = None if benchmark is None else benchmark.iloc[first:stop]
        rows[int(year)] = _one_year(nav.iloc[first:stop], base)
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "year"
    return table


def _dates(level: pd.Series) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(level.index)


def _one_year(nav: pd.Series, benchmark: pd.Series | None) -> dict[str, float]:
    row = {"return": float(nav.iloc[-1] / nav.iloc[0] - 1.0), "sessions": len(nav) - 1}
    if benchmark is None:
        return row
    ratio = nav / benchmark
    return {
        **row,
        "benchmark": float(benchmark.iloc[-1] / benchmark.iloc[0] - 1.0),
        "excess": float(ratio.iloc[-1] / ratio.iloc[0] - 1.0),
        "tracking_error": tracking_error(nav, benchmark),
        "information_ratio": information_ratio(nav, benchmark),
        "excess_drawdown": max_drawdown(ratio).depth,
        "weekly_win_rate": weekly_win_rate(nav, benchmark),
    }
