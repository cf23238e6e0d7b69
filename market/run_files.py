"""What run folders share: files written whole or not at all, and settings that have to agree."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import process_time
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


def measured_once(
    file: Path, settings: Mapping[str, Any], work: Callable[[], Mapping[str, float]]
) -> dict[str, float]:
    """Return what ``work`` measures and its CPU ``seconds``, read from ``file`` where it was done before.

    A ValueError says that the file was made with other settings.
    """
    if not file.exists():
        started = process_time()
        measured = work()
        seconds = {"seconds": round(process_time() - started, 1)}
        write_json(file, {"settings": settings, "measured": {**measured, **seconds}})
    found = json.loads(file.read_text(encoding="utf-8"))
    if found.get("settings") != settings:
        raise ValueError(
            f"{file} was measured with {found.get('settings')} and {settings} is asked for; use another "
            "--run"
        )
    kept: dict[str, float] = found["measured"]
    return kept
