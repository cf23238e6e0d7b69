"""Progress bars for the long verbs, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def track(
    iterable: Iterable[Item], enabled: bool, label: str, total: int | None = None
) -> Iterable[Item]:
    """Return ``iterable``, shown by a bar when ``enabled``."""
    if not enabled:
        return iterable
    from tqdm.auto import tqdm  # imported when asked for: quiet runs do not pay for widgets

    bar: Iterable[Item] = tqdm(iterable, desc=label, total=total)
    return bar
