"""A market from the long table that a notebook holds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from market.codes import normalise_code
from market.errors import DataError
from market.panel import Market
from market.readers.spans import members_from_snapshots, wide_snapshots
from market.venue import Venue

_NEEDED = ("open", "high", "low", "close", "volume")


def from_frames(
    bars: pd.DataFrame,
    columns: Mapping[str, str] | None = None,
    *,
    weights: Mapping[str, pd.DataFrame] | None = None,
    levels: pd.DataFrame | None = None,
    venue: Venue | None = None,
) -> Market:
    """Build a market from one row per stock and session.

    Parameters
    ----------
    bars
        Long table with a date, a stock and the fields; prices unadjusted in CNY, volume in shares. Object
        or string columns (an industry, say) become coded fields. Polars frames are accepted too. A column
        ``available_on``, the day on which the newest figure of the row was published, is checked and left
        out: no row may hold what came out after its date.
    columns
        Names in ``bars`` of the standard fields: ``{"stock": "ts_code", "volume": "vol"}``. Names not
        given are taken as they are.
    weights
        For each index a long table ``date, stock, weight`` of weight snapshots; a stock is a member
        from a snapshot until the next one.
    levels
        Published index levels, date x index name.
    venue
        Trading rules; Chinese by default, ``Venue.open()`` for a market without limits.

    Raises
    ------
    DataError
        A missing column, a stock without prices, a stock that has two rows on one date, or a row with
        figures that were published after its date.
    """
    table = _named(bars, columns or {})
    dates = pd.DatetimeIndex(np.sort(table["date"].unique()), name="date").as_unit("ns")
    stocks = pd.Index(np.sort(table["stock"].unique()), name="stock")
    rows, cells = (
        dates.get_indexer(pd.Index(table["date"])),
        stocks.get_indexer(pd.Index(table["stock"])),
    )
    fields: dict[str, np.ndarray] = {}
    categories: dict[str, tuple[str, ...]] = {}
    for name in table.columns.drop(["date", "stock"]):
        wide, labels = _wide(table[name], rows, cells, (len(dates), len(stocks)))
        fields[name] = wide
        if labels:
            categories[name] = labels
    fields["volume"] = np.where(fields["volume"] > 0, fields["volume"], np.float32(np.nan))
    _refuse_empty(fields["close"], stocks)
    for name, frame in (weights or {}).items():
        snapshot = wide_snapshots(_named_weights(frame, name), dates, stocks, name)
        fields[f"snapshot:{name}"] = snapshot
        fields[f"member:{name}"] = members_from_snapshots(snapshot)
    return Market(dates, stocks, fields, levels=levels, categories=categories, venue=venue)


def _named(bars: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    # polars frames know how to become pandas frames; the bar table is small enough to copy
    frame: pd.DataFrame = getattr(bars, "to_pandas", lambda: bars)()
    table = frame.rename(columns={theirs: ours for ours, theirs in columns.items()})
    missing = [name for name in ("date", "stock", *_NEEDED) if name not in table]
    if missing:
        raise DataError(
            f"columns {missing} are missing from the bars, which have {list(frame.columns)}; "
            "name them with columns={'volume': 'vol', ...}"
        )
    table = table.assign(
        date=pd.to_datetime(table["date"]), stock=table["stock"].map(_codes(table["stock"]))
    )
    repeated = table.duplicated(["date", "stock"])
    if repeated.any():
        first = table[repeated].iloc[0]
        raise DataError(
            f"{int(repeated.sum())} rows repeat a stock and date, first {first['stock']} on "
            f"{first['date']:%Y-%m-%d}; keep one row each"
        )
    return _without_future(table)


def _without_future(table: pd.DataFrame) -> pd.DataFrame:
    """Refuse rows that hold what was published after their date; drop the column that tells."""
    if "available_on" not in table:
        return table
    late = table[pd.to_datetime(table["available_on"]) > table["date"]]
    if len(late):
        first = late.iloc[0]
        raise DataError(
            f"{len(late)} rows hold figures from their future, first {first['stock']} on "
            f"{first['date']:%Y-%m-%d}, available on {pd.Timestamp(first['available_on']):%Y-%m-%d}; "
            "give each row what was published by its date"
        )
    return table.drop(columns="available_on")


def _codes(stocks: pd.Series) -> dict[str, str]:
    return {code: normalise_code(code) for code in stocks.unique()}


def _named_weights(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    missing = [column for column in ("date", "stock", "weight") if column not in frame]
    if missing:
        raise DataError(
            f"weights of {name}: columns {missing} are missing; give date, stock, weight"
        )
    return frame.assign(
        date=pd.to_datetime(frame["date"]), stock=frame["stock"].map(_codes(frame["stock"]))
    )


def _wide(
    column: pd.Series, rows: np.ndarray, cells: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Spread one column over the grid: flags stay bool, words become codes, numbers float32."""
    if column.dtype == bool:
        flags = np.zeros(shape, dtype=bool)
        flags[rows, cells] = column.to_numpy()
        return flags, ()
    if not pd.api.types.is_numeric_dtype(column):
        codes, labels = pd.factorize(column, sort=True)
        coded = np.full(shape, -1, dtype=np.int8)
        coded[rows, cells] = codes
        return coded, tuple(str(label) for label in labels)
    values = np.full(shape, np.nan, dtype=np.float32)
    values[rows, cells] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values, ()


def _refuse_empty(close: np.ndarray, stocks: pd.Index) -> None:
    empty = stocks[np.isnan(close).all(axis=0)]
    if len(empty):
        raise DataError(
            f"{len(empty)} stocks have no close on any date: {list(empty[:5])}; drop their rows or "
            "supply their prices"
        )
