"""Fingerprints of the data a history was fitted on, so that a restated past is noticed when it is carried on.

Sums (CRC-32) are kept by field and by block of 256 sessions. Prices, volumes and factors are held against them
whole, every other field over the last block: 25 ms for ten years of 3,700 stocks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from market import DataError, Market

BLOCK = 256  # sessions summed together
WHOLE = ("close", "volume", "factor")  # what the returns of every session were made of
USED = (*WHOLE, "high", "low", "shares", "float_shares", "industry", "st")  # read by every model


@dataclass(frozen=True, eq=False)
class Marks:
    """Sums by field, one for each block begun in the first ``sessions`` sessions."""

    sessions: int
    sums: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, market: Market, wanted: Iterable[str], before: Marks | None = None) -> Marks:
        """Sum the fields of a market, those ``wanted`` and those every model reads.

        ``before`` holds sums of the same market up to an earlier session, which are carried on.
        """
        names = [name for name in dict.fromkeys([*USED, *wanted]) if market.has(name)]
        before = before or cls(0, {})
        sums = {name: _carried(market.values(name), before, name) for name in names}
        return cls(len(market.dates), sums)

    def check(self, market: Market) -> None:
        """Hold the sessions of a market that the marks know against them.

        ``market`` has the stocks of the marks; it may reach further.

        Raises
        ------
        DataError
            A field that is gone or was restated; the message says which, and between which sessions.
        """
        for name, known in self.sums.items():
            if not market.has(name):
                raise DataError(
                    f"market has no field {name}, which the history was fitted on; fit anew"
                )
            begin = 0 if name in WHOLE else len(known) - 1
            found = _sums(market.values(name)[: self.sessions], begin)
            wrong = [
                begin + k
                for k, pair in enumerate(zip(found, known[begin:], strict=True))
                if pair[0] != pair[1]
            ]
            if wrong:
                first, last = wrong[0] * BLOCK, min((wrong[-1] + 1) * BLOCK, self.sessions) - 1
                raise DataError(
                    f"field {name} is not the one that the history was fitted on: it was restated between "
                    f"{market.dates[first]:%Y-%m-%d} and {market.dates[last]:%Y-%m-%d}; fit anew"
                )


def _sums(values: np.ndarray, begin: int) -> list[int]:
    """Sum the blocks of ``values`` ``[T, N]`` from block ``begin`` on."""
    rows = range(begin * BLOCK, len(values), BLOCK)
    return [zlib.crc32(np.ascontiguousarray(values[row : row + BLOCK]).data) for row in rows]


def _carried(values: np.ndarray, before: Marks, name: str) -> tuple[int, ...]:
    """Go on with the last block and add those that begin after it."""
    known = before.sums.get(name)
    if known is None:
        return tuple(_sums(values, 0))
    begun = before.sessions % BLOCK
    if not begun:
        return (*known, *_sums(values, len(known)))
    rest = values[before.sessions : len(known) * BLOCK]
    return (
        *known[:-1],
        zlib.crc32(np.ascontiguousarray(rest).data, known[-1]),
        *_sums(values, len(known)),
    )
