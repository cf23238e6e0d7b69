"""Results on disk: a folder of parquet tables and two json files, written whole or not at all.

A new folder is filled beside the old one under a hidden name, synced, and swapped in by two renames.
Whatever moment a run stops at, ``load`` finds the complete old result or the complete new one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from backtest.plain import plain
from backtest.result import Result
from market import DataError
from market.run_files import write_json

_FRAMES = ("targets", "weights", "trades", "refusals", "costs")
_FORMAT = 1
_HEAD = "result.json"


def save(result: Result, path: Path) -> Path:
    """Write ``result`` into the folder ``path``, replacing a result that is there.

    Raises
    ------
    FileExistsError
        ``path`` exists and is no result.
    """
    return write_whole(path, _HEAD, partial(_write, result))


def write_whole(path: Path, head: str, write: Callable[[Path], None]) -> Path:
    """Write a folder whole or not at all, replacing one of its kind that is there.

    Parameters
    ----------
    path
        The folder.
    head
        Name of a file that every folder of this kind has.
    write
        Fills the empty folder it is given.

    Raises
    ------
    FileExistsError
        ``path`` exists and has no such file.
    """
    if path.exists() and not (path / head).is_file():
        raise FileExistsError(f"{path} exists and holds no {head}; give another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = _beside(path, "partial"), _beside(path, "old")
    recover(path)
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir()
    try:
        write(fresh)
        for file in fresh.iterdir():
            _sync(file)
        _sync(fresh)
    except BaseException:  # also an interrupt: nothing half-written stays
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if path.exists():
        path.rename(old)
    fresh.rename(path)
    _sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)
    return path


def load(path: str | Path) -> Result:
    """Return the result saved in the folder ``path``.

    Raises
    ------
    DataError
        The folder holds no result, one of another format, or a file that is damaged.
    """
    folder = Path(path)
    head = _head(folder)
    daily = _read(folder / "daily.parquet")
    turnover = _read(folder / "turnover.parquet")["turnover"]
    logs = _read(folder / "solver.json")
    return Result(
        nav=daily["nav"],
        cash=daily["cash"],
        benchmark=daily.get("benchmark"),
        turnover=turnover,
        solver=pd.DataFrame(logs, index=turnover.index),
        notes=tuple(head["notes"]),
        config=head["config"],
        **{name: _read(folder / f"{name}.parquet") for name in _FRAMES},
    )


def _read(file: Path) -> Any:
    """Return a table, or the content of a json file."""
    try:
        return pd.read_parquet(file) if file.suffix == ".parquet" else json.loads(file.read_text())
    except (OSError, ValueError) as error:  # pyarrow's and json's own are among them
        raise DataError(
            f"{file} cannot be read ({error}); restore it, or delete the folder and run again"
        ) from error


def load_levels(path: str | Path) -> pd.DataFrame:
    """Return ``nav``, ``cash`` and, of a run with one, ``benchmark`` of a saved result, and no more.

    Raises
    ------
    DataError
        As ``load``.
    """
    folder = Path(path)
    _head(folder)
    levels: pd.DataFrame = _read(folder / "daily.parquet")
    return levels


def _head(folder: Path) -> dict[str, Any]:
    """Return the head of a saved result, made sure to be one."""
    recover(folder)
    if not (folder / _HEAD).is_file():
        raise DataError(f"{folder} holds no {_HEAD}; give a folder written by Result.save")
    head: dict[str, Any] = _read(folder / _HEAD)
    if head.get("format") != _FORMAT:
        raise DataError(
            f"{folder} has format {head.get('format')}, this version reads {_FORMAT}; run it again"
        )
    return head


def _write(result: Result, folder: Path) -> None:
    daily = pd.DataFrame({"nav": result.nav, "cash": result.cash})
    if result.benchmark is not None:
        daily["benchmark"] = result.benchmark
    tables = {"daily": daily, "turnover": result.turnover.to_frame()}
    tables.update({name: getattr(result, name) for name in _FRAMES})
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet", compression="zstd")
    write_json(folder / "solver.json", plain(result.solver.to_dict(orient="records")))
    head = {"format": _FORMAT, "notes": list(result.notes), "config": result.config}
    write_json(folder / _HEAD, plain(head))


def recover(path: Path) -> None:
    """Finish a swap that stopped between its two renames: the old result is the valid one."""
    old = _beside(path, "old")
    if old.exists() and not path.exists():
        old.rename(path)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")


def _sync(path: Path) -> None:
    """Force a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
