"""The rows of every benchmark: both sides in turn, CPU medians, and their file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import process_time

Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One comparison; ``ratio`` is peer over ours, larger is faster (or smaller)."""

    work: str
    size: str
    peer: str
    ours_cpu_s: float
    peer_cpu_s: float | None
    ratio: float | None


def compare(work: str, size: str, ours: Work, peer: str, theirs: Work | None, repeats: int) -> Row:
    """Run both in turn after one warm-up each, and take the medians."""
    sides = [ours] if theirs is None else [ours, theirs]
    for side in sides:
        side()
    seconds: list[list[float]] = [[] for _ in sides]
    for _ in range(repeats):
        for taken, side in zip(seconds, sides, strict=True):
            started = process_time()
            side()
            taken.append(process_time() - started)
    own = median(seconds[0])
    other = median(seconds[1]) if theirs is not None else None
    return Row(work, size, peer, own, other, None if other is None else other / own)


def write_rows(rows: Iterable[Row], path: Path | None) -> None:
    """Write the rows as JSON, when a file was asked for."""
    if path is not None:
        path.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
