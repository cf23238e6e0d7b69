"""Trading sessions of a simulated calendar: weekdays without the long public holidays."""

from __future__ import annotations

import numpy as np
import pandas as pd

_NEW_MOON = pd.Timestamp("2000-01-06 22:20")  # a mean new moon, Beijing time
_LUNATION = 29.530589  # days between mean new moons


def sessions(start: str | pd.Timestamp, days: int) -> pd.DatetimeIndex:
    """Return ``days`` sessions from the first one on or after ``start``.

    Closed are weekends, New Year, the seven days from the eve of the lunar new year, 1-3 May and
    1-7 October: the shape of the Chinese calendar, not its yearly decrees.
    """
    weekdays = pd.bdate_range(pd.Timestamp(start), periods=days + days // 10 + 20)
    return weekdays[~holidays(weekdays)][:days].rename("date")


def holidays(dates: pd.DatetimeIndex) -> np.ndarray:
    """Tell which dates ``[T]`` are public holidays."""
    month, day = dates.month.to_numpy(), dates.day.to_numpy()
    fixed = ((month == 1) & (day == 1)) | ((month == 5) & (day <= 3)) | ((month == 10) & (day <= 7))
    years = range(dates[0].year, dates[-1].year + 1)
    festival = [lunar_new_year(year) + pd.Timedelta(days=k) for year in years for k in range(-1, 6)]
    return fixed | dates.normalize().isin(festival)


def lunar_new_year(year: int) -> pd.Timestamp:
    """Return the first mean new moon on or after 21 January, Beijing date.

    The true new moon lies within fourteen hours of the mean one, so the date is right to a day.

    Examples
    --------
    >>> lunar_new_year(2019)
    Timestamp('2019-02-05 00:00:00')
    """
    elapsed = (pd.Timestamp(year, 1, 21) - _NEW_MOON) / pd.Timedelta(days=1)
    moons = np.ceil(elapsed / _LUNATION)
    return (_NEW_MOON + pd.Timedelta(days=float(moons * _LUNATION))).normalize()
