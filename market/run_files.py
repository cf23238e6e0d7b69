"""What run folders share: files written whole or not at all, and settings that have to agree."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a neighbouring file, flush it to disk, and rename it to ``path``.

    A reader sees the old file or the new one, never half of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    write(draft)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)


def write_json(path: Path, content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write plain values, indented, atomically."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomic(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def check_same(stored: Mapping[str, Any], asked: Mapping[str, Any], what: str) -> None:
    """Compare settings; a ValueError names the first key that differs."""
    for key in {**stored, **asked}:
        if stored.get(key) != asked.get(key):
            raise ValueError(
                f"{what} was made with other settings: {key} is {stored.get(key)!r} there and "
                f"{asked.get(key)!r} now; use another run folder, or delete this one to start afresh"
            )
