"""When a kernel that numba has stored on disk is stale."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import time


def drop_stale(folder: Path) -> None:
    """Delete stored kernels that are older than any source here.

    numba compares a kernel with its own file only; what it was inlined from may have changed.
    """
    written = [path.stat().st_mtime for path in folder.glob("*.py")]
    newest = max((when for when in written if when <= time()), default=0.0)
    for stored in folder.glob("__pycache__/*.nb[ic]"):
        with suppress(OSError):  # another process was faster, or the folder is not ours to write
            if stored.stat().st_mtime < newest:
                stored.unlink()
