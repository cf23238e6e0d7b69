"""Fields on one grid, loaded when first asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

Array = np.ndarray
Loader = Callable[[], Array]


class FieldStore:
    """Named ``[T, N]`` arrays: given, loaded on first use, or derived from the others.

    Arrays are handed out read-only, so that no reader can change what another one sees.
    """

    def __init__(self, shape: tuple[int, int], sources: Mapping[str, Array | Loader]) -> None:
        self.shape = shape
        self._sources = dict(sources)
        self._ready: dict[str, Array] = {}
        self._digests: list[bytes] = []

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._sources)

    def get(self, name: str) -> Array:
        """Return the stored field ``name``; a ``KeyError`` is the caller's to explain."""
        if name not in self._ready:
            source = self._sources[name]
            self.put(name, source() if callable(source) else source)
        return self._ready[name]

    def put(self, name: str, values: Array) -> Array:
        """Keep ``values`` under ``name`` (also for derived fields), read-only and date-major."""
        if values.shape != self.shape:
            raise ValueError(f"field {name} has shape {values.shape}, the grid is {self.shape}")
        kept = np.ascontiguousarray(values)
        if kept is values and values.flags.writeable:
            kept = values.view()
        kept.flags.writeable = False
        self._ready[name] = kept
        return kept

    def cached(self, name: str) -> Array | None:
        """Return a derived field that was computed before, if any."""
        return self._ready.get(name)

    def digests(self) -> list[bytes]:
        """Return a digest of all stored fields for each row ``[T]``, worked out once."""
        if not self._digests:
            self._digests = row_digests([self.get(name) for name in sorted(self._sources)])
        return self._digests

    def __getstate__(self) -> dict[str, object]:
        """Travel to another process with each loaded array once, its loader left behind."""
        sources = {name: self._ready.get(name, source) for name, source in self._sources.items()}
        derived = {name: kept for name, kept in self._ready.items() if name not in sources}
        return {
            "shape": self.shape, "_sources": sources, "_ready": derived, "_digests": self._digests,
        }  # fmt: skip

    def replaced(self, changes: Mapping[str, Array | Loader]) -> FieldStore:
        """Return a new store with some stored fields changed; derived ones are forgotten."""
        sources: dict[str, Array | Loader] = dict(self._sources)
        for name, source in self._sources.items():
            if callable(source) and name in self._ready:
                sources[name] = self._ready[name]
        return FieldStore(self.shape, {**sources, **changes})


def row_digests(fields: Iterable[Array]) -> list[bytes]:
    """Return 16 bytes for each row of fields ``[T, N]`` that change when a value of the row does."""
    rows = zip(*map(np.ascontiguousarray, fields), strict=True)
    return [hashlib.blake2b(b"".join(row), digest_size=16).digest() for row in rows]
