"""Sessions, rebalance dates, and the one number that annualises."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from market.errors import DataError

TRADING_DAYS = 252  # sessions a year: the annualising constant of the whole toolkit

Schedule = str | int | Iterable[str | pd.Timestamp]


def rebalance_dates(dates: pd.DatetimeIndex, schedule: Schedule = "weekly") -> pd.DatetimeIndex:
    """Sessions after whose close a portfolio is decided.

    Parameters
    ----------
    dates
        Sessions ``[T]``, increasing.
    schedule
        ``"weekly"`` (last session of each calendar week), ``"monthly"`` (last session of each month),
        ``"daily"``, an integer n (every n-th session, the first included) or explicit sessions.

    Raises
    ------
    DataError
        An unknown word, a step below one, or an explicit date that is not a session.

    Notes
    -----
    Whether a session is the last of its week is read off the next session in ``dates``, that is off
    the exchange calendar, which is published ahead; the final session counts as last of its week.
    """
    if isinstance(schedule, str):
        if schedule == "daily":
            return dates
        if schedule in ("weekly", "monthly"):
            period = dates.to_period("W" if schedule == "weekly" else "M")
            return dates[~period.duplicated(keep="last")]
        raise DataError(
            f"schedule {schedule!r} is unknown; use 'daily', 'weekly', 'monthly', an integer or dates"
        )
    if isinstance(schedule, int):
        if schedule < 1:
            raise DataError(f"schedule {schedule} is below one session; use 1 or more")
        return dates[::schedule]
    wanted = pd.DatetimeIndex([pd.Timestamp(date) for date in schedule])
    missing = wanted.difference(dates)
    if len(missing):
        raise DataError(
            f"schedule has {len(missing)} dates that are not sessions, first {missing[0]:%Y-%m-%d}; "
            f"sessions run {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}"
        )
    return wanted
