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
from typing import Literal

import numpy as np
import pandas as pd

from market import inference
from market.calendar import TRADING_DAYS

Side = Literal["up", "down"]

_PER_YEAR = float(TRADING_DAYS)
ROUNDING = 1e-12  # of the growth of a day, about 1: less is the rounding of the levels


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


def active(nav: pd.Series, benchmark: pd.Series) -> pd.Series:
    """Return the daily returns less the benchmark's."""
    return returns(nav) - returns(benchmark)


def varies(daily: pd.Series) -> bool:
    """Tell whether daily returns vary by more than the rounding of the levels they are of.

    Examples
    --------
    >>> level = pd.Series([1.0, 1.1, 1.2, 1.35])
    >>> varies(returns(level)), varies(active(3.0 * level, level))
    (True, False)
    """
    return bool(daily.std(ddof=1) > ROUNDING)


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
    return annual_deviation(float(daily.std(ddof=1)))


def annual_deviation(daily: float) -> float:
    """Return the standard deviation of a year, given that of a day, for independent days."""
    return float(daily * np.sqrt(_PER_YEAR))


def tracking_error(nav: pd.Series, benchmark: pd.Series) -> float:
    """Return the realised annual volatility of the daily return less the benchmark's."""
    return volatility(active(nav, benchmark))


def information_ratio(nav: pd.Series, benchmark: pd.Series) -> float:
    """Return the annual arithmetic mean of the active return over its tracking error.

    NaN where the active return does not vary, as that of a NAV which is a multiple of the benchmark.
    """
    return mean_over_deviation(active(nav, benchmark))


def mean_over_deviation(daily: pd.Series) -> float:
    """Return the annual mean of daily returns over their volatility; NaN where they do not vary."""
    return mean_annual_return(daily) / volatility(daily) if varies(daily) else float("nan")


def newey_west_lags(count: int) -> int:
    """Return ``floor(4 (n / 100)^(2/9))``, the rule of Newey and West (1994), for n values."""
    return int(4.0 * (count / 100.0) ** (2.0 / 9.0))


def newey_west_t(values: pd.Series) -> float:
    """Return the t-statistic of the mean, allowing for correlation between neighbouring days.

    NaN where the values do not vary.
    """
    if not varies(values):
        return float("nan")
    return inference.newey_west_t(values.to_numpy(), newey_west_lags(len(values)))


def beta(nav: pd.Series, benchmark: pd.Series) -> float:
    """Return the slope of daily returns on those of the benchmark; NaN where it does not move."""
    own, market = returns(nav), returns(benchmark)
    return float(own.cov(market) / market.var(ddof=1)) if varies(market) else float("nan")


def capture(nav: pd.Series, benchmark: pd.Series, side: Side) -> float:
    """Return the share of the benchmark's up (down) months that the NAV takes part in.

    The geometric mean monthly return of the NAV over the benchmark's own, in the calendar months in
    which the benchmark rose (fell); above 1 upward and below 1 downward is what one wants. NaN where
    there is no such month.

    Examples
    --------
    >>> days = pd.to_datetime(["2020-01-31", "2020-02-28", "2020-03-31", "2020-04-30"])
    >>> nav, index = pd.Series([1, 1.3, 1.17, 1.17], days), pd.Series([1, 1.2, 1.08, 1.08], days)
    >>> round(capture(nav, index, "up"), 4), round(capture(nav, index, "down"), 4)
    (1.5, 1.0)
    """
    own, market = monthly(nav), monthly(benchmark)
    chosen = (market > 0.0 if side == "up" else market < 0.0).to_numpy()
    if not chosen.any():
        return float("nan")
    grown = [np.log1p(r.to_numpy()[chosen]).mean() for r in (own, market)]
    return float(np.expm1(grown[0]) / np.expm1(grown[1]))


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


def calmar(level: pd.Series) -> float:
    """Return the annual return over the depth of the deepest drawdown; NaN without a drawdown."""
    depth = -max_drawdown(level).depth
    return annual_return(level) / depth if depth > 0.0 else float("nan")


def weekly(level: pd.Series) -> pd.Series:
    """Return the return of each calendar week, dated by its last session; partial weeks count."""
    return _by_period(level, "W")


def monthly(level: pd.Series) -> pd.Series:
    """Return the return of each calendar month, dated by its last session; partial months count."""
    return _by_period(level, "M")


def weekly_win_rate(nav: pd.Series, benchmark: pd.Series) -> float:
    """Return the share of calendar weeks in which the NAV gained on the benchmark."""
    return _share_won(weekly(nav / benchmark))


def monthly_hit_rate(nav: pd.Series, benchmark: pd.Series) -> float:
    """Return the share of calendar months in which the NAV gained on the benchmark."""
    return _share_won(monthly(nav / benchmark))


def monthly_table(level: pd.Series) -> pd.DataFrame:
    """Return the return of each month: a row a year, columns 1 to 12, and ``year`` for the whole.

    Of a ratio NAV / benchmark it is the monthly excess. NaN where nothing was run; months compound to
    their year.
    """
    months = monthly(level)
    dates = _dates(months)
    table = months.groupby([dates.year, dates.month]).first().unstack()
    table = table.reindex(columns=range(1, 13))
    table["year"] = (1.0 + table).prod(axis=1) - 1.0  # of the months that there are
    return table.rename_axis(index="year", columns="month")


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


def _by_period(level: pd.Series, period: str) -> pd.Series:
    ends = ~_dates(level).to_period(period).duplicated(keep="last")
    ends[0] = True  # the base of the first period, whatever day it falls on
    return returns(level[ends])


def _share_won(excesses: pd.Series) -> float:
    return float((excesses > 0.0).mean()) if len(excesses) else float("nan")


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
