"""What a market's constructor checks and completes: the grid, the fields and the securities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from market.errors import DataError
from market.store import Array, FieldStore, Loader


def checked_grid(dates: pd.DatetimeIndex, stocks: pd.Index) -> tuple[pd.DatetimeIndex, pd.Index]:
    """Return sessions ``[T]`` and codes ``[N]``; refuse repeats, disorder and emptiness."""
    sessions = pd.DatetimeIndex(dates, name="date")
    codes = pd.Index(stocks, name="stock")
    if not sessions.is_monotonic_increasing or sessions.has_duplicates:
        bad = sessions[1:][sessions[1:] <= sessions[:-1]]
        raise DataError(f"dates must increase without repeats; first offender {bad[0]:%Y-%m-%d}")
    if codes.has_duplicates:
        repeated = codes[codes.duplicated()].unique()
        raise DataError(f"{len(repeated)} stocks appear twice, first {list(repeated[:5])}")
    if not len(sessions) or not len(codes):
        raise DataError(f"a market needs sessions and stocks; got {len(sessions)} and {len(codes)}")
    return sessions, codes


def completed_fields(shape: tuple[int, int], fields: Mapping[str, Array | Loader]) -> FieldStore:
    """Complete the given fields: volume 0 is missing, and whoever has a bar is listed."""
    missing = [name for name in ("open", "high", "low", "close", "volume") if name not in fields]
    if missing:
        raise DataError(
            f"fields {missing} are missing; a market needs open, high, low, close, volume"
        )
    sources: dict[str, Array | Loader] = dict(fields)
    for name, default in (("factor", np.ones(shape, np.float32)), ("st", np.zeros(shape, bool))):
        sources.setdefault(name, default)
    store = FieldStore(shape, sources)
    if "listed" not in sources:
        store = store.replaced({"listed": _between_first_and_last(store.get("close"))})
    return store


def _between_first_and_last(close: Array) -> Array:
    """Listed from the first to the last bar: all that can be said when the source does not say more."""
    traded = ~np.isnan(close)
    begun = np.logical_or.accumulate(traded, axis=0)
    not_over = np.logical_or.accumulate(traded[::-1], axis=0)[::-1]
    return begun & not_over


def completed_securities(given: pd.DataFrame | None, stocks: pd.Index) -> pd.DataFrame:
    """Return ``name``, ``board``, ``listed_on`` and ``delisted_on`` of every stock ``[N]``."""
    frame = pd.DataFrame(index=stocks) if given is None else given.reindex(stocks).copy()
    if "board" not in frame:
        frame["board"] = [board_of(code) for code in stocks]
    if "name" not in frame:
        frame["name"] = ""
    for column in ("listed_on", "delisted_on"):
        if column not in frame:
            frame[column] = pd.NaT
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[ns]")
    return frame


def board_of(code: str) -> str:
    """Return the board that a Chinese code belongs to; ``other`` for any other code."""
    if code.startswith(("SH688", "SH689")):
        return "star"
    if code.startswith(("SZ300", "SZ301", "SZ302")):
        return "chinext"
    if code.startswith("BJ"):
        return "bse"
    return "main" if code.startswith(("SH6", "SZ0")) else "other"
