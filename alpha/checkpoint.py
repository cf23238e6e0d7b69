"""Files that survive a kill: written whole under another name, then renamed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


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


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write plain values, indented, atomically."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomic(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Save tensors and plain values atomically."""
    write_atomic(path, lambda draft: torch.save(content, draft))


def read_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Load a checkpoint and make sure that it belongs to the training described by ``identity``.

    Raises
    ------
    ValueError
        It was written by a training with other settings; names the first that differs.
    """
    content: dict[str, Any] = torch.load(path, weights_only=True)
    check_same(content["identity"], identity, f"checkpoint {path}")
    return content


def check_same(stored: dict[str, Any], asked: dict[str, Any], what: str) -> None:
    """Compare settings; a ValueError names the first key that differs."""
    for key in {**stored, **asked}:
        if stored.get(key) != asked.get(key):
            raise ValueError(
                f"{what} was made with other settings: {key} is {stored.get(key)!r} there and "
                f"{asked.get(key)!r} now; use another run folder, or delete this one to start afresh"
            )
