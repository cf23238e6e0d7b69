"""The project's parquet layout: integer-coded wide fields, a manifest, long tables beside them.

A field is one file: a ``date`` column, then one column per stock; value = stored * scale, null is
missing. The manifest names the fields, their scale and their checksums; it is written last, so a folder
without it was never finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from market.errors import DataError
from market.panel import Market
from market.readers.tables import Tables, fields_from_tables
from market.store import Array, Loader

FORMAT = "wide-int-parquet/1"
_TICKS = {"open": 0.01, "high": 0.01, "low": 0.01, "close": 0.01}


def open_parquet(folder: Path) -> Market:
    """Open a folder in the project's layout; fields load when first used.

    Raises
    ------
    DataError
        Another format, a file that the manifest names but the folder lacks, or a table without the
        columns that it needs.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if manifest.get("format") != FORMAT:
        raise DataError(
            f"manifest.json in {folder} says format {manifest.get('format')!r}; this reads {FORMAT!r}"
        )
    _check_files(folder, manifest)
    dates, stocks = _read_grid(folder, manifest)
    fields: dict[str, Array | Loader] = {
        name: partial(_read_field, folder, entry, len(dates), len(stocks))
        for name, entry in manifest["fields"].items()
    }
    categories = {
        name: tuple(entry["categories"])
        for name, entry in manifest["fields"].items()
        if "categories" in entry
    }
    tables = Tables(folder, frozenset(manifest["tables"]), dates, stocks)
    built = fields_from_tables(tables, fields)
    fields["volume"], fields["listed"] = _volume_and_listed(fields["volume"], fields.get("listed"))
    return Market(
        dates,
        stocks,
        {**fields, **built.fields},
        securities=built.securities,
        levels=built.levels,
        categories={**categories, **built.categories},
        notes=(*manifest.get("notes", ()), *built.notes),
    )


def save(market: Market, path: Path) -> Path:
    """Write every stored field and table of a market so that ``open`` gives it back.

    The folder appears in one rename, when it is complete; a folder already there is replaced only then.

    Raises
    ------
    DataError
        ``path`` exists and is not a saved market.
    OSError
        The disk refuses; what was there before stays.
    """
    if path.exists() and not (path / "manifest.json").exists():
        raise DataError(f"{path} exists and is not a saved market; choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        _write(market, half)
        _replace(half, path)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return path


def _check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    for kind in ("fields", "tables"):
        for name, entry in manifest[kind].items():
            if not (folder / entry["file"]).exists():
                raise DataError(
                    f"{kind[:-1]} {name}: {entry['file']} is missing from {folder}; copy it"
                )


def _read_grid(folder: Path, manifest: Mapping[str, Any]) -> tuple[pd.DatetimeIndex, pd.Index]:
    file = folder / manifest["fields"]["close"]["file"]
    stocks = pd.Index(pq.read_schema(file).names[1:], name="stock")
    dates = pq.read_table(file, columns=[manifest["date_column"]]).column(0).to_pandas()
    return pd.DatetimeIndex(dates, name="date").as_unit("ns"), stocks


def _read_field(folder: Path, entry: Mapping[str, Any], sessions: int, stocks: int) -> Array:
    """Read one wide file into ``[T, N]``: float32, bool or int8."""
    table = pq.read_table(folder / entry["file"])
    if table.shape != (sessions, stocks + 1):
        raise DataError(
            f"{entry['file']} has {table.shape[0]} sessions and {table.shape[1] - 1} stocks, "
            f"close has {sessions} and {stocks}; the folder mixes two data sets"
        )
    kind = {"bool": np.bool_, "int8": np.int8}.get(entry["stored"], np.float32)
    columns: Array = np.empty((stocks, sessions), dtype=kind)
    scale = np.float64(entry["scale"])
    for k in range(stocks):
        column = table.column(k + 1).to_numpy()
        columns[k] = column * scale if kind is np.float32 else column
    return np.ascontiguousarray(columns.T)


def _volume_and_listed(
    volume: Array | Loader, listed: Array | Loader | None
) -> tuple[Loader, Loader]:
    """Split the file's volume: null is not listed, 0 is suspended, the rest is shares traded."""
    raw: list[Array] = []

    def read() -> Array:
        if not raw:
            raw.append(volume() if callable(volume) else volume)
        return raw[0]

    def traded() -> Array:
        stored = read()
        return np.where(stored > 0, stored, np.float32(np.nan))

    if listed is not None:
        return traded, listed if callable(listed) else lambda: listed
    return traded, lambda: ~np.isnan(read())


def _write(market: Market, folder: Path) -> None:
    (folder / "panel").mkdir()
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "date_column": "date",
        "days": len(market.dates),
        "stocks": len(market.stocks),
        "missing": "null",
        "value": "stored * scale",
        "notes": list(market.notes),
        "fields": {name: _write_field(market, name, folder) for name in market.fields},
        "tables": {},
    }
    securities = market.securities.rename_axis("instrument").reset_index()
    levels = market.levels.rename_axis("date").reset_index()
    for name, frame in (("market_securities", securities), ("market_levels", levels)):
        frame.to_parquet(folder / f"{name}.parquet", compression="zstd")
        manifest["tables"][name] = _entry(folder, f"{name}.parquet", rows=len(frame))
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    with (folder / "manifest.json").open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _write_field(market: Market, name: str, folder: Path) -> dict[str, Any]:
    values = market.values(name)
    stored, scale = _coded(values, _TICKS.get(name))
    columns: dict[str, pa.Array] = {
        "date": pa.array(market.dates.to_numpy().astype("datetime64[ms]"))
    }
    for k, stock in enumerate(market.stocks):
        column = np.ascontiguousarray(stored[:, k])
        missing = np.isnan(values[:, k]) if values.dtype.kind == "f" else None
        columns[stock] = pa.array(column, mask=missing)
    file = f"panel/{name.replace(':', '-')}.parquet"
    pq.write_table(pa.table(columns), folder / file, compression="zstd")
    kind = {"b": "bool", "i": "int8"}.get(values.dtype.kind, "float64")
    entry = _entry(folder, file, scale=scale, stored=kind)
    if values.dtype == np.int8:
        entry["categories"] = list(market.categories(name))
    return entry


def _coded(values: Array, tick: float | None) -> tuple[Array, float]:
    """Store prices as integer ticks where that loses nothing, everything else as it is."""
    if tick is None or values.dtype != np.float32:
        return values, 1.0
    ticks = np.nan_to_num(np.rint(values.astype(np.float64) / tick)).astype(np.int32)
    exact = np.isnan(values) | ((ticks * np.float64(tick)).astype(np.float32) == values)
    return (ticks, tick) if exact.all() else (values, 1.0)


def _entry(folder: Path, file: str, **facts: Any) -> dict[str, Any]:
    digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    return {"file": file, **facts, "sha256": digest}


def _replace(half: Path, path: Path) -> None:
    """Put a finished folder in place; the old one leaves only when the new one stands."""
    old = half.with_name(half.name + "-old")
    if path.exists():
        path.rename(old)
    try:
        half.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
