"""From spans and snapshots, as sources write them, to the grid."""

from __future__ import annotations

import numpy as np
import pandas as pd

from market.errors import DataError

Array = np.ndarray


def fill_spans(
    spans: pd.DataFrame, values: Array, dates: pd.DatetimeIndex, stocks: pd.Index, out: Array
) -> None:
    """Write ``values`` into ``out`` ``[T, N]`` over spans ``stock, start, end`` (both inclusive).

    An open end (NaT) reaches the last session. Later rows win where spans overlap; stocks that are not
    on the grid are passed over.
    """
    column = stocks.get_indexer(pd.Index(spans["stock"]))
    first = dates.searchsorted(spans["start"].to_numpy(), side="left")
    end = spans["end"].fillna(dates[-1]).to_numpy()
    last = dates.searchsorted(end, side="right")
    for k in np.flatnonzero(column >= 0):
        out[first[k] : last[k], column[k]] = values[k]


def wide_snapshots(
    snapshots: pd.DataFrame, dates: pd.DatetimeIndex, stocks: pd.Index, name: str
) -> Array:
    """Spread weight snapshots ``date, stock, weight`` over the grid ``[T, N]``, NaN on other days.

    A snapshot dated on a day that is no session takes effect on the session after it.

    Raises
    ------
    DataError
        A snapshot whose weights do not sum to 1 within 1e-3, or that has a negative weight.
    """
    total = snapshots.groupby("date")["weight"].sum()
    wrong = total[(total - 1.0).abs() > 1e-3]
    if len(wrong):
        raise DataError(
            f"weights of index {name} sum to {wrong.iloc[0]:.4f} on {wrong.index[0]:%Y-%m-%d} "
            f"({len(wrong)} such dates); give fractions that sum to 1"
        )
    if (snapshots["weight"] < 0).any():
        first = snapshots[snapshots["weight"] < 0].iloc[0]
        raise DataError(
            f"weight of {first['stock']} in index {name} is {first['weight']} on "
            f"{first['date']:%Y-%m-%d}; weights are zero or positive"
        )
    row = dates.searchsorted(snapshots["date"].to_numpy(), side="left")
    column = stocks.get_indexer(pd.Index(snapshots["stock"]))
    wide = np.full((len(dates), len(stocks)), np.nan, dtype=np.float32)
    known = (row < len(dates)) & (column >= 0)
    wide[row[known], column[known]] = snapshots["weight"].to_numpy()[known]
    return wide


def members_from_snapshots(snapshot: Array) -> Array:
    """Members from one snapshot until the day before the next, ``[T, N]`` bool."""
    published = np.flatnonzero(np.isfinite(snapshot).any(axis=1))
    member = np.zeros(snapshot.shape, dtype=bool)
    for start, end in zip(published, np.append(published[1:], len(snapshot)), strict=True):
        member[start:end] = snapshot[start] > 0
    return member
