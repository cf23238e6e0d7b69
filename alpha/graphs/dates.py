"""Dates of relations: from when to when a row holds, read without guessing; and the sessions of a panel."""

import re
import warnings
from numbers import Number

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market import DataError

ALWAYS = np.iinfo(np.int32).max  # a last day that never comes
WHOLE_DAY = r"\d{4}-\d{2}-\d{2}([ T].*)?|\d{8}"
EARLIEST = pd.Timestamp("1990-01-01")  # the exchanges opened in that year


def spans(table: pd.DataFrame, what: str, point_in_time: bool) -> NDArray[np.int32]:
    """First and last day of each row ``[2, R]``, in days since 1970.

    Parameters
    ----------
    table
        Columns ``since``, and if there ``until`` and ``published``; ``stock`` or ``source`` to name a row.
    what
        The table, for messages.
    point_in_time
        Whether a history is asked for.

    Raises
    ------
    DataError
        No dates and a history asked for, or dates that would be thrown away; dates that are numbers, have
        a time zone, or lie before 1990; a first or last day with a time of day; a missing first day; an
        end before the beginning; used before published.
    """
    if not point_in_time:
        lost = [name for name in ("since", "until", "published") if name in table.columns]
        if lost:
            raise DataError(
                f"{what}: it has a column {lost[0]}, which point_in_time=False would throw away; leave "
                "that out, or drop the column"
            )
        return np.repeat(np.array([[-ALWAYS], [ALWAYS]], np.int32), len(table), axis=1)
    if "since" not in table.columns:
        raise DataError(
            f"{what}: no column since, so nobody can say when its {len(table)} rows became known; "
            "add it, or ask for point_in_time=False and live with the look-ahead"
        )
    since = _midnights(table, "since", what)
    until = pd.Series(pd.NaT, table.index)
    if "until" in table:
        until = _midnights(table, "until", what)
    if since.isna().any():
        raise DataError(
            f"{what}: {int(since.isna().sum())} of {len(table)} rows have no since, first at row "
            f"{table.index[since.isna()][0]}; give the day each became known"
        )
    if (until < since).any():
        row = np.flatnonzero(until < since)[0]
        raise DataError(
            f"{what}: {int((until < since).sum())} rows end before they begin, first row "
            f"{table.index[row]}: since {since.iloc[row]:%Y-%m-%d}, until {until.iloc[row]:%Y-%m-%d}"
        )
    if "published" in table:
        _check_published(_dates(table, "published", what), since, what)
    first = since.to_numpy().astype("datetime64[D]").astype(np.int32)
    last = until.fillna(pd.Timestamp("2262-01-01")).to_numpy().astype("datetime64[D]")
    return np.stack([first, np.where(until.isna(), ALWAYS, last.astype(np.int32))])


def check_panel(panel: pd.DataFrame, what: str) -> None:
    """Dates by stocks: increasing days, and nobody twice (DataError)."""
    days = panel.index
    if not len(days):
        raise DataError(f"{what}: there are no rows; give a frame of dates by stocks")
    if not isinstance(days, pd.DatetimeIndex):
        raise DataError(
            f"{what}: the rows must be dates, got {type(days).__name__} of {len(days)}, first {days[0]!r}; "
            "use frame.set_axis(pd.to_datetime(frame.index))"
        )
    if not days.is_monotonic_increasing:
        raise DataError(f"{what}: the rows must be increasing dates; use sort_index()")
    if days.tz is not None or (days != days.normalize()).any():
        raise DataError(
            f"{what}: the rows must be days without a time or a zone, got {days[0]}; what is known "
            "after the close belongs to the next session"
        )
    for axis, name in ((days, "dates"), (panel.columns, "stocks")):
        if not axis.is_unique:
            twice = axis[axis.duplicated()].unique()
            raise DataError(
                f"{what}: {len(twice)} {name} appear more than once, first {twice[0]}; keep one"
            )


def _midnights(table: pd.DataFrame, name: str, what: str) -> pd.Series:
    """A column of days; a time within a day is not cut off, since 20:00 is not known at the close."""
    dates = _dates(table, name, what)
    within = (dates != dates.dt.normalize()) & dates.notna()
    if within.any():
        raise DataError(
            f"{what}: {int(within.sum())} of {len(table)} {name} have a time of day, first "
            f"{_who(table, within)} {dates[within].iloc[0]}; give days: what is known after the close "
            "belongs to the next session"
        )
    return dates


def _dates(table: pd.DataFrame, name: str, what: str) -> pd.Series:
    """A column of a table as dates (DataError: numbers, a time zone, before 1990, or no dates)."""
    column = table[name]
    number = _numbers(column)
    if number.any():
        raise DataError(
            f"{what}: column {name} holds numbers, first {column[number].iloc[0]:.15g}, which would be "
            f'read as nanoseconds since 1970; use pd.to_datetime(..., format="%Y%m%d") before'
        )
    dates = _read(column, f"{what}: column {name}")
    zone = getattr(dates.dtype, "tz", None)
    if zone is not None:
        raise DataError(
            f"{what}: column {name} is in the time zone {zone}, first {dates.iloc[0]}; give days of the "
            "exchange without a zone: what is known after the close belongs to the next session"
        )
    early = dates < EARLIEST
    if early.any():
        raise DataError(
            f"{what}: {int(early.sum())} of {len(table)} {name} are before {EARLIEST:%Y-%m-%d}, first "
            f"{_who(table, early)} {dates[early].iloc[0]:%Y-%m-%d}; see how the column was read"
        )
    return dates


def _read(column: pd.Series, what: str) -> pd.Series:
    """Dates of a column; text is a whole day, year first, as nothing else has one meaning."""
    if not pd.api.types.is_datetime64_any_dtype(column):
        text = (value for value in column if isinstance(value, str))
        other = [value for value in text if not re.fullmatch(WHOLE_DAY, value)]
        if other:
            raise DataError(
                f"{what} cannot be read as dates: {len(other)} are written like {other[0]!r}, which "
                "may mean several days; write 2020-01-31 or 20200131, or use pd.to_datetime with its format"
            )
    with warnings.catch_warnings(record=True) as guessed:
        warnings.simplefilter("always", UserWarning)
        try:
            dates = pd.to_datetime(column)
            reason = str(guessed[0].message) if guessed else ""
        except (ValueError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
    if reason:
        raise DataError(
            f"{what} cannot be read as dates ({reason}); use pd.to_datetime with its format"
        )
    return dates


def _numbers(column: pd.Series) -> NDArray[np.bool_]:
    """Where a column holds a number; NaN is none."""
    known = column.notna().to_numpy()
    if pd.api.types.is_numeric_dtype(column):
        return known
    if column.dtype != object:
        return np.zeros(len(column), bool)
    return known & np.array([isinstance(value, Number) for value in column], bool)


def _check_published(published: pd.Series, since: pd.Series, what: str) -> None:
    if published.isna().any():
        raise DataError(
            f"{what}: {int(published.isna().sum())} of {len(since)} rows have no day of publication, first "
            f"at row {since.index[published.isna()][0]}; give it, or leave the column out"
        )
    early = ~(published <= since).to_numpy()
    if early.any():
        row = np.flatnonzero(early)[0]
        stamp = str(published.iloc[row]).removesuffix(" 00:00:00")
        raise DataError(
            f"{what}: {int(early.sum())} of {len(since)} rows are used before they were published, "
            f"first row {since.index[row]}: since {since.iloc[row]:%Y-%m-%d}, published {stamp}; let "
            "since be the day of publication, or the session after one with a time of day"
        )


def _who(table: pd.DataFrame, rows: pd.Series) -> str:
    return str(table["stock" if "stock" in table else "source"][rows].iloc[0])
