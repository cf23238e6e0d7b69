"""Readers: one folder or one table in, one ``Market`` out."""

from __future__ import annotations

from pathlib import Path

from market.errors import DataError
from market.panel import Market
from market.readers.frames import from_frames
from market.readers.parquet import open_parquet
from market.readers.qlib import open_qlib


def open(path: str | Path) -> Market:  # the verb users type: market.open
    """Open a data folder.

    A folder with ``manifest.json`` is read as the project's parquet layout (``docs/data.md``), one
    with ``calendars/day.txt`` as a qlib ``.bin`` store.

    Raises
    ------
    DataError
        The folder is missing, half-written, or of no known layout.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise DataError(f"data folder {folder} does not exist; pass the folder that holds the data")
    if (folder / "manifest.json").exists():
        return open_parquet(folder)
    if (folder / "calendars" / "day.txt").exists():
        return open_qlib(folder)
    raise DataError(
        f"data folder {folder} has neither manifest.json (parquet layout) nor calendars/day.txt "
        "(qlib store); an interrupted save leaves no manifest: save again"
    )


__all__ = ["from_frames", "open"]
