"""Reader of qlib's binary store: a calendar, instrument spans, one little-endian float32 file a field.

The first value of a ``.day.bin`` file is the position of its first bar in the calendar. Prices there
are adjusted (price times factor) and volume is divided by the factor; both are undone here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from market.codes import index_name, is_index_code, normalise_code
from market.errors import DataError
from market.panel import Market
from market.readers.spans import fill_spans

_PRICES = ("open", "high", "low", "close", "vwap")


def open_qlib(folder: Path) -> Market:
    """Read a qlib store into a market with unadjusted prices.

    Folder names may be in either case; ``instruments/csi300.txt`` and the like become indexes with
    membership but no weights, and index codes (``SH000300``) become index levels.

    Raises
    ------
    DataError
        A stock without a close, or a file that does not fit the calendar.
    """
    lines = (folder / "calendars" / "day.txt").read_text(encoding="utf-8").split()
    dates = pd.DatetimeIndex(pd.to_datetime(lines), name="date").as_unit("ns")
    listed = _spans(folder / "instruments" / "all.txt")
    folders = {normalise_code(p.name): p for p in sorted((folder / "features").iterdir())}
    absent = sorted(set(listed["stock"]) - set(folders))
    if absent:
        raise DataError(
            f"{len(absent)} stocks of instruments/all.txt have no feature folder: {absent[:5]}; "
            "copy the folders or drop the lines"
        )
    stocks = pd.Index(sorted(c for c in set(listed["stock"]) if not is_index_code(c)), name="stock")
    fields = {
        name: _read_all([folders[s] for s in stocks], name, len(dates))
        for name in (*_PRICES, "volume", "factor")
        if any((folders[s] / f"{name}.day.bin").exists() for s in stocks)
    }
    _unadjust(fields, stocks)
    levels = {
        index_name(code): _read(path / "close.day.bin", len(dates)).astype(np.float64)
        for code, path in folders.items()
        if is_index_code(code)
    }
    return Market(
        dates,
        stocks,
        {**fields, **_members(folder, dates, stocks)},
        levels=pd.DataFrame(levels, index=dates),
    )


def _spans(path: Path) -> pd.DataFrame:
    """Read ``code start end`` lines; spans may overlap, and codes come in either case."""
    if not path.exists():
        raise DataError(f"{path.name} is missing from the qlib store's instruments folder")
    frame = pd.read_csv(path, sep="\t", header=None, names=["stock", "start", "end"], dtype=str)
    return frame.assign(
        stock=frame["stock"].map(normalise_code),
        start=pd.to_datetime(frame["start"]),
        end=pd.to_datetime(frame["end"]),
    )


def _read_all(folders: Sequence[Path], name: str, sessions: int) -> np.ndarray:
    columns = [_read(folder / f"{name}.day.bin", sessions) for folder in folders]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _read(path: Path, sessions: int) -> np.ndarray:
    """Return one field of one stock ``[T]`` float32, NaN outside its bars."""
    column = np.full(sessions, np.nan, dtype=np.float32)
    if not path.exists():
        return column
    stored = np.fromfile(path, dtype="<f4")
    first, bars = int(stored[0]), stored[1:]
    if first + len(bars) > sessions:
        raise DataError(
            f"{path.parent.name}/{path.name} ends {first + len(bars) - sessions} sessions after the "
            f"calendar's {sessions}; the store was written half"
        )
    column[first : first + len(bars)] = bars
    return column


def _unadjust(fields: dict[str, np.ndarray], stocks: pd.Index) -> None:
    """Divide prices and multiply volume by the factor, in place of the stored ones."""
    for name in ("open", "high", "low", "close", "volume"):
        if name not in fields:
            raise DataError(f"field {name} is missing from every stock of the qlib store")
    empty = stocks[np.isnan(fields["close"]).all(axis=0)]
    if len(empty):
        raise DataError(f"{len(empty)} stocks have no close in the qlib store: {list(empty[:5])}")
    # a bar, even one of volume 0, says that the stock is listed
    fields["listed"] = ~np.isnan(fields["volume"])
    traded = fields["volume"] > 0
    factor = fields.get("factor", np.ones_like(fields["close"]))
    for name in _PRICES:
        if name in fields:
            raw = np.where(traded, fields[name] / factor, np.float32(np.nan))
            fields[name] = raw if name == "vwap" else _on_ticks(raw)
    fields["volume"] = np.where(traded, fields["volume"] * factor, np.float32(np.nan))
    fields["factor"] = factor


def _on_ticks(price: np.ndarray) -> np.ndarray:
    """Take away the float32 noise of adjusting: Chinese prices are whole cents."""
    ticks = np.rint(price.astype(np.float64) * 100.0)
    near = np.abs(ticks / 100.0 - price) <= 1e-4 * np.maximum(price, 1.0)
    return np.where(near, ticks / 100.0, price).astype(np.float32)


def _members(folder: Path, dates: pd.DatetimeIndex, stocks: pd.Index) -> dict[str, np.ndarray]:
    members: dict[str, np.ndarray] = {}
    for path in sorted((folder / "instruments").glob("*.txt")):
        if path.stem == "all":
            continue
        spans = _spans(path)
        member = np.zeros((len(dates), len(stocks)), dtype=bool)
        fill_spans(spans, np.ones(len(spans), dtype=bool), dates, stocks, member)
        members[f"member:{path.stem.lower()}"] = member
    return members
