"""Descriptors computed elsewhere: a user's own factor, the exposures of a network, of a PCA.

A given descriptor is a frame date x stock, known at the close of its date. From its first date on it
must have every session and every stock of the market; before, and where it is NaN, its style is absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from market import DataError
from risk.arrays import Floats
from risk.descriptors import DESCRIPTORS
from risk.styles import StyleSpec

Given = Mapping[str, pd.DataFrame]


def laid_out(
    given: Given | None,
    specs: Sequence[StyleSpec],
    dates: pd.DatetimeIndex,
    stocks: pd.Index,
    start: int = 0,
) -> dict[str, Floats]:
    """Lay given descriptors on the grid of a market ``[T, N]``; NaN before their first date.

    Parameters
    ----------
    given
        Descriptor name to frame, date x stock. Dates after the market's last session and stocks that the
        market does not have are left out.
    specs
        The styles; every descriptor they name is either known or given.
    dates, stocks
        The grid.
    start
        First session that will be described; a frame of a continued history must begin by then.

    Raises
    ------
    DataError
        A descriptor that is neither known nor given, or given but used by no style; a frame that lacks
        sessions or stocks, holds dates that are no sessions, repeats labels, is infinite somewhere, or is
        no frame of numbers.
    """
    frames = {} if given is None else dict(given)
    _check_names(frames, specs)
    return {name: _aligned(name, frame, dates, stocks, start) for name, frame in frames.items()}


def _check_names(frames: Given, specs: Sequence[StyleSpec]) -> None:
    wanted = dict.fromkeys(chain.from_iterable(spec.descriptors for spec in specs))
    unknown = [name for name in wanted if name not in DESCRIPTORS and name not in frames]
    if unknown:
        raise DataError(
            f"descriptors {unknown} are neither given nor known; pass given={{{unknown[0]!r}: frame}} "
            f"or use some of {sorted(DESCRIPTORS)}"
        )
    idle = sorted(set(frames) - set(wanted))
    if idle:
        raise DataError(f"given descriptors {idle} belong to no style; add a StyleSpec for each")
    taken = sorted(set(frames) & set(DESCRIPTORS))
    if taken:
        raise DataError(f"given descriptors {taken} are named like known ones; rename them")


def _aligned(
    name: str, frame: pd.DataFrame, dates: pd.DatetimeIndex, stocks: pd.Index, start: int
) -> Floats:
    """Check one frame and put it on the grid."""
    index = _sessions_of(name, frame)
    if not index.is_monotonic_increasing or index.has_duplicates or frame.columns.has_duplicates:
        raise DataError(
            f"given {name}: dates must increase and no date or stock may come twice; sort the frame"
        )
    first = _first_session(name, index, dates, start)
    column = frame.columns.get_indexer(stocks)
    if (column < 0).any():
        raise DataError(
            f"given {name} lacks {int((column < 0).sum())} of {len(stocks)} stocks of the market, first "
            f"{list(stocks[column < 0][:5])}; add them, NaN where unknown"
        )
    inside = frame.iloc[index.searchsorted(dates[first]) : index.searchsorted(dates[-1], "right")]
    values = inside.to_numpy(np.float64 if inside.dtypes.nunique() > 1 else None)
    ordered = np.array_equal(column, np.arange(values.shape[1]))
    values = values if ordered else values[:, column]
    if np.isinf(values).any():
        row, stock = np.argwhere(np.isinf(values))[0]
        raise DataError(
            f"given {name} is infinite in {int(np.isinf(values).sum())} cells, first "
            f"{stocks[stock]} on {inside.index[row]:%Y-%m-%d}; use NaN for what is unknown"
        )
    before = np.full((first, len(stocks)), np.nan, dtype=values.dtype)
    return np.concatenate([before, values]) if first else values


def _sessions_of(name: str, frame: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the dates of a frame of numbers; refuse anything else."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"given {name} is a {type(frame).__name__}; give a DataFrame, date x stock")
    text = frame.columns[[not is_numeric_dtype(kind) for kind in frame.dtypes]]
    if len(text):
        raise DataError(
            f"given {name} holds no numbers in {len(text)} of {frame.shape[1]} columns, first "
            f"{list(text[:5])} of type {frame.dtypes[text[0]]}; use frame.astype(float)"
        )
    index = pd.DatetimeIndex(frame.index)
    if index.tz is not None:
        raise DataError(
            f"given {name} has dates of time zone {index.tz}, and sessions have none; use "
            "frame.tz_localize(None)"
        )
    return index


def _first_session(name: str, index: pd.DatetimeIndex, dates: pd.DatetimeIndex, start: int) -> int:
    """Return the first session of the frame; refuse holes, strange dates and a late or early end."""
    inside = index[(index >= dates[0]) & (index <= dates[-1])]
    if not len(inside):
        raise DataError(
            f"given {name} has no date between {dates[0]:%Y-%m-%d} and {dates[-1]:%Y-%m-%d}"
        )
    strange = inside.difference(dates)
    if len(strange):
        raise DataError(
            f"given {name} holds {len(strange)} dates that are no sessions, first "
            f"{strange[0]:%Y-%m-%d}; use the sessions of the market"
        )
    first = int(dates.searchsorted(inside[0]))
    lacking = dates[first:].difference(inside)
    if len(lacking):
        raise DataError(
            f"given {name} lacks {len(lacking)} sessions after its first, {inside[0]:%Y-%m-%d}: from "
            f"{lacking[0]:%Y-%m-%d}; it must reach {dates[-1]:%Y-%m-%d} without holes, with NaN rows "
            "where the factor is absent"
        )
    if 0 < start < first:
        raise DataError(
            f"given {name} begins on {inside[0]:%Y-%m-%d}, after the first new session "
            f"{dates[start]:%Y-%m-%d}; give it from there on"
        )
    return first
