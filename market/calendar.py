"""Sessions, rebalance dates, and the one number that annualises."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import SupportsInt, TypeGuard

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
        An unknown word, a step that is no whole number or below one, or an explicit date that is not
        one of the sessions.

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
    if _whole(schedule):
        if int(schedule) < 1:
            raise DataError(f"schedule {schedule} is below one session; use 1 or more")
        return dates[:: int(schedule)]
    if not isinstance(schedule, Iterable):
        raise DataError(
            f"schedule is {schedule!r}; use 'daily', 'weekly', 'monthly', a whole number of sessions "
            "or dates"
        )
    return _explicit(dates, pd.DatetimeIndex([pd.Timestamp(date) for date in schedule]))


def _whole(schedule: object) -> TypeGuard[SupportsInt]:
    return isinstance(schedule, Integral) and not isinstance(schedule, bool)


def _explicit(dates: pd.DatetimeIndex, wanted: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return ``wanted``, every date of which must be among the sessions."""
    missing = wanted.difference(dates)
    if not len(missing):
        return wanted
    outside = missing[(missing < dates[0]) | (missing > dates[-1])]
    if len(outside):
        raise DataError(
            f"schedule has {len(outside)} dates outside {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, "
            f"first {outside[0]:%Y-%m-%d}; drop them, or move start or end so that they are inside"
        )
    raise DataError(
        f"schedule has {len(missing)} dates that are not sessions, first {missing[0]:%Y-%m-%d}; "
        f"sessions run {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}"
    )
