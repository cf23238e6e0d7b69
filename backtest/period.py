"""The sessions of a run: from when to when, when it decides, and the benchmark over them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from market import DataError, Market, rebalance_dates
from market.calendar import Schedule

Array = np.ndarray
Date = pd.Timestamp | str


def span(market: Market, start: Date | None, end: Date | None) -> slice:
    """Return the rows from ``start`` to ``end``, which must lie inside the data."""
    dates = market.dates
    first = dates[0] if start is None else pd.Timestamp(start)
    last = dates[-1] if end is None else pd.Timestamp(end)
    if first < dates[0] or last > dates[-1]:
        raise DataError(
            f"the run {first:%Y-%m-%d} to {last:%Y-%m-%d} leaves the data, which has "
            f"{len(dates)} sessions from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}; "
            "pass dates inside them, or leave start or end out"
        )
    rows = slice(int(dates.searchsorted(first)), int(dates.searchsorted(last, side="right")))
    if rows.start >= rows.stop:
        raise DataError(
            f"no session from {first:%Y-%m-%d} to {last:%Y-%m-%d}; pass a start before the end"
        )
    return rows


def decision_rows(market: Market, rows: slice, schedule: Schedule) -> Array:
    """Return the rows on which the policy is asked: rebalance dates that a session follows."""
    dates = market.dates[rows]
    chosen = rebalance_dates(dates, schedule)
    decide_on = rows.start + np.flatnonzero(dates[:-1].isin(chosen))
    if not len(decide_on):
        raise DataError(
            f"the schedule has no rebalance date that a session follows among the {len(dates)} "
            f"sessions {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}; pass a longer span or other dates"
        )
    return decide_on


def level(market: Market, name: str, first: int, stop: int) -> pd.Series:
    """Return the index from 1 at row ``first`` on."""
    change = market.index(name).returns().iloc[first:stop].astype(np.float64)
    change.iloc[0] = 0.0
    if change.isna().any():
        missing = change.index[change.isna()]
        raise DataError(
            f"benchmark {name} has no return on {len(missing)} sessions, first "
            f"{missing[0]:%Y-%m-%d}; pass dates where its level or weights are known"
        )
    return (1.0 + change).cumprod().rename("benchmark")
