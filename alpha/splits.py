"""Walk-forward splits by calendar time, purged by the horizon of the label."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Rows = NDArray[np.intp]

# The first session of a year lies a few days into January; data that begin there count as the year.
HOLIDAYS = pd.Timedelta(days=14)


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the sessions of one fold in the market's dates; train, then valid, then test."""

    name: str
    train: Rows
    valid: Rows
    test: Rows

    @property
    def first(self) -> int:
        """First session of the fold; one that is only scored has no training period."""
        return int(min(part[0] for part in (self.train, self.valid, self.test) if len(part)))

    @property
    def last(self) -> int:
        """Last session that is scored."""
        return int(self.test[-1])


class Splits(Protocol):
    """What cuts the sessions of a market into folds; a frozen dataclass, for the run folder."""

    def folds(self, dates: pd.DatetimeIndex, horizon: int) -> tuple[Fold, ...]:
        """Return the folds in the order of their tests; a label looks ``horizon`` sessions ahead."""
        ...


@dataclass(frozen=True)
class WalkForward:
    """Train on the years before, validate on the year before, test on the year, step by a year.

    Spans are written ``"5y"`` or ``"6m"``. The last ``horizon`` sessions of train and of valid are
    purged: their labels use prices of the period that follows.

    Parameters
    ----------
    train, valid, test
        Lengths. Early folds train on what exists, down to ``min_train``.
    min_train
        Least history before a validation period.
    start, end
        First and last day of testing. The default start is the first January (first of a month for
        spans in months) that ``min_train`` and ``valid`` allow.
    """

    train: str = "5y"
    valid: str = "1y"
    test: str = "1y"
    min_train: str = "2y"
    start: str | None = None
    end: str | None = None

    def __post_init__(self) -> None:
        for name in ("train", "valid", "test", "min_train"):
            span_offset(getattr(self, name), name)

    def folds(self, dates: pd.DatetimeIndex, horizon: int) -> tuple[Fold, ...]:
        """Cut ``dates`` into folds.

        Raises
        ------
        ValueError
            The start leaves less than ``min_train`` before validation, lies outside the data, or the
            purge empties a period.
        """
        first, end = self._first_test(dates), self._last_test(dates)
        if first > end:
            raise ValueError(
                f"walk-forward: the first test day {first:%Y-%m-%d} lies after the last day "
                f"{end:%Y-%m-%d}; the data run {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, shorten "
                "train, valid or min_train, or move start and end"
            )
        return tuple(self._fold(dates, begin, end, horizon) for begin in self._begins(first, end))

    def _begins(self, first: pd.Timestamp, end: pd.Timestamp) -> Iterator[pd.Timestamp]:
        step = span_offset(self.test, "test")
        begin = first
        while begin <= end:
            yield begin
            begin = begin + step

    def _first_test(self, dates: pd.DatetimeIndex) -> pd.Timestamp:
        before = span_offset(self.min_train, "min_train"), span_offset(self.valid, "valid")
        earliest = dates[0] - HOLIDAYS + before[0] + before[1]
        if self.start is None:
            calendar = "YS" if self.test.endswith("y") else "MS"
            return pd.date_range(earliest, periods=1, freq=calendar)[0].normalize()
        start = pd.Timestamp(self.start)
        if start < earliest:
            raise ValueError(
                f"walk-forward: start {start:%Y-%m-%d} leaves less than min_train={self.min_train} "
                f"and valid={self.valid} after the first session {dates[0]:%Y-%m-%d}; the earliest "
                f"start is {earliest + HOLIDAYS:%Y-%m-%d}, or lower min_train"
            )
        return start

    def _last_test(self, dates: pd.DatetimeIndex) -> pd.Timestamp:
        end = dates[-1] if self.end is None else pd.Timestamp(self.end)
        if end > dates[-1] + HOLIDAYS:
            raise ValueError(
                f"walk-forward: end {end:%Y-%m-%d} lies after the data, which end on "
                f"{dates[-1]:%Y-%m-%d}; leave end out to test to the last session"
            )
        return min(end, dates[-1])

    def _fold(
        self, dates: pd.DatetimeIndex, begin: pd.Timestamp, end: pd.Timestamp, horizon: int
    ) -> Fold:
        valid_begin = begin - span_offset(self.valid, "valid")
        train_begin = valid_begin - span_offset(self.train, "train")
        test_end = min(begin + span_offset(self.test, "test"), end + pd.Timedelta(days=1))
        edges = pd.DatetimeIndex([train_begin, valid_begin, begin, test_end])
        a, b, c, d = (int(k) for k in dates.searchsorted(edges))
        name = f"{begin:%Y}" if begin.day_of_year == 1 else f"{begin:%Y-%m-%d}"
        fold = Fold(name, np.arange(a, b - horizon), np.arange(b, c - horizon), np.arange(c, d))
        for part in ("train", "valid", "test"):
            if not len(getattr(fold, part)):
                raise ValueError(
                    f"walk-forward: the {part} period of test fold {name} is empty after purging "
                    f"{horizon} sessions (train from {train_begin:%Y-%m-%d}, valid from "
                    f"{valid_begin:%Y-%m-%d}, test from {begin:%Y-%m-%d}; data "
                    f"{dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}); lengthen it or move start"
                )
        return fold


def checked(folds: tuple[Fold, ...], dates: pd.DatetimeIndex, horizon: int) -> tuple[Fold, ...]:
    """Return ``folds`` as they are, if no model of theirs can have seen what it is tested on.

    Raises
    ------
    ValueError
        There is no fold, a period is empty or not in order, a label of training or validation ends in
        the period that follows, or two folds test the same session or bear the same name.
    """
    if not folds:
        raise ValueError("splits: no fold; a fit needs at least one")
    for fold in folds:
        for name in ("train", "valid", "test"):
            _check_period(fold, name, dates)
        _check_purge(fold, ("train", "valid"), dates, horizon)
        _check_purge(fold, ("valid", "test"), dates, horizon)
    for before, after in pairwise(folds):
        if before.name == after.name or before.test[-1] >= after.test[0]:
            raise ValueError(
                f"splits: fold {before.name} tests to {dates[before.test[-1]]:%Y-%m-%d} and fold "
                f"{after.name} from {dates[after.test[0]]:%Y-%m-%d}; tests must follow each other, "
                "none twice, under names of their own"
            )
    return folds


def _check_period(fold: Fold, name: str, dates: pd.DatetimeIndex) -> None:
    rows = getattr(fold, name)
    if not len(rows):
        raise ValueError(
            f"splits: the {name} period of fold {fold.name} is empty; give it sessions"
        )
    if rows[0] < 0 or rows[-1] >= len(dates) or (np.diff(rows) <= 0).any():
        raise ValueError(
            f"splits: the {name} period of fold {fold.name} has rows {rows[0]} to {rows[-1]}, which are "
            f"not increasing positions among the {len(dates)} sessions of the market"
        )


def _check_purge(fold: Fold, parts: tuple[str, str], dates: pd.DatetimeIndex, horizon: int) -> None:
    earlier, later = (getattr(fold, part) for part in parts)
    if earlier[-1] + horizon >= later[0]:
        raise ValueError(
            f"splits: fold {fold.name} has its {parts[0]} period end on {dates[earlier[-1]]:%Y-%m-%d} "
            f"and its {parts[1]} period begin on {dates[later[0]]:%Y-%m-%d}; labels look {horizon} "
            f"sessions ahead, so leave out the last {horizon} sessions before it"
        )


def span_offset(span: str, name: str) -> pd.DateOffset:
    """``"5y"`` -> five years, ``"6m"`` -> six months."""
    match = re.fullmatch(r"([1-9]\d*)([ym])", span)
    if match is None:
        raise ValueError(
            f'walk-forward: {name}={span!r} is no span; write years "5y" or months "6m"'
        )
    count = int(match[1])
    return pd.DateOffset(years=count) if match[2] == "y" else pd.DateOffset(months=count)


# The twelve windows of the yearly retrain of the reference report: five years, one year, one year.
WINDOWS_12 = WalkForward(min_train="5y", start="2010-01-01", end="2021-02-02")
