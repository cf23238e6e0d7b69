"""Attributions on disk: a folder of parquet tables and a json file, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from pathlib import Path

import pandas as pd

from backtest.attribution.factors import FactorAttribution
from backtest.attribution.linking import Attribution
from backtest.attribution.segments import BrinsonAttribution
from backtest.attribution.shadow import LimitAttribution
from backtest.attribution.tracking import TrackingRisk
from backtest.plain import plain
from backtest.storage import recover, write_whole
from market import DataError
from market.run_files import write_json

Stored = Attribution | LimitAttribution | TrackingRisk

_KINDS: dict[str, type[Stored]] = {
    kind.__name__: kind
    for kind in (
        Attribution, BrinsonAttribution, FactorAttribution, LimitAttribution, TrackingRisk,
    )
}  # fmt: skip
_HEAD = "attribution.json"
_FORMAT = 1


def save(attribution: Stored, path: str | Path) -> Path:
    """Write what a function of this package returned into the folder ``path``.

    Raises
    ------
    FileExistsError
        ``path`` exists and is no attribution.
    """
    return write_whole(Path(path), _HEAD, partial(_write, attribution))


def load(path: str | Path) -> Stored:
    """Return the attribution saved in the folder ``path``, of its kind and bit-equal.

    Raises
    ------
    DataError
        The folder holds no attribution, or one of another format.
    """
    folder = Path(path)
    recover(folder)
    if not (folder / _HEAD).is_file():
        raise DataError(f"{folder} holds no {_HEAD}; give a folder written by attribution.save")
    head = json.loads((folder / _HEAD).read_text())
    if head["format"] != _FORMAT:
        raise DataError(
            f"{folder} has format {head['format']}, this version reads {_FORMAT}; make it again"
        )
    values = dict(head["numbers"])
    for name in head["frames"]:
        values[name] = pd.read_parquet(folder / f"{name}.parquet")
    for name, label in head["series"].items():
        values[name] = pd.read_parquet(folder / f"{name}.parquet")["value"].rename(label)
    return _KINDS[head["kind"]](**values)


def _write(attribution: Stored, folder: Path) -> None:
    values = {f.name: getattr(attribution, f.name) for f in fields(attribution)}
    frames = {k: v for k, v in values.items() if isinstance(v, pd.DataFrame)}
    series = {k: v for k, v in values.items() if isinstance(v, pd.Series)}
    tables = frames | {k: v.to_frame("value") for k, v in series.items()}
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", compression="zstd")
    head = {
        "format": _FORMAT,
        "kind": type(attribution).__name__,
        "frames": list(frames),
        "series": {name: one.name for name, one in series.items()},
        "numbers": {k: v for k, v in values.items() if k not in tables},
    }
    write_json(folder / _HEAD, plain(head))
