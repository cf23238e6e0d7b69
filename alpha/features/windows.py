"""Windows of several lengths from one another: the length-60 sum is two length-30 sums.

A block is ``[T, LANES]`` float64, flattened: LANES stocks side by side, so that a day is one or two
vector registers and yesterday lies LANES places before today. A statistic of a window of ``a + b`` days
joins that of its last ``a`` days with that of the ``b`` days before them. The five windows of Alpha158
take seven joins instead of 125 additions; each window is still summed afresh, so nothing drifts from day to
day, a result does not depend on where a block begins, and days before the first count as missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from market.kernels import drop_stale

drop_stale(Path(__file__).parent)  # the programs of the features are inlined from several files

LANES = 16  # float32: one AVX-512 register, and one cache line of a panel row
STRIDE = 16 * LANES  # elements taken through all lengths while they are in the first cache

Values = NDArray[np.float64]
Levels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Chain:
    """How to reach every wanted length from length 1 by joining two shorter ones.

    Step k makes level ``k + 1`` from levels ``left[k]`` and ``right[k]``; level 0 is the day itself.

    Examples
    --------
    >>> Chain.of([5, 10]).lengths  # 1 + 1, 2 + 2, 4 + 1, 5 + 5
    (1, 2, 4, 5, 10)
    """

    lengths: tuple[int, ...]  # of each level
    left: Levels
    right: Levels
    shift: Levels  # length of the left part, in days
    picks: Levels  # level of each wanted window, in the order asked for

    @classmethod
    def of(cls, windows: Sequence[int]) -> "Chain":
        """Plan the joins for ``windows``, each at least 1, in any order."""
        lengths, steps = [1], []
        for window in sorted(set(windows) - {1}):
            while lengths[-1] != window:
                pair = _halves(window, lengths) or (max(lengths), _reach(window, lengths))
                lengths.append(sum(pair))
                steps.append([lengths.index(part) for part in pair])
        left, right = np.array(steps, np.int64).reshape(-1, 2).T
        shift = np.array([lengths[k] for k in left], np.int64)
        picks = np.array([lengths.index(w) for w in windows], np.int64)
        return cls(tuple(lengths), left.copy(), right.copy(), shift, picks)


def _halves(window: int, lengths: list[int]) -> tuple[int, int] | None:
    """Two lengths that are there and make ``window``, the longer first."""
    pairs = [(a, window - a) for a in lengths if window - a in lengths and a >= window - a]
    return max(pairs) if pairs else None


def _reach(window: int, lengths: list[int]) -> int:
    """The longest length that does not take the longest one past ``window``."""
    return max(a for a in lengths if max(lengths) + a <= window)


# Kernels cut their slices first and count from 0: an index that might be negative is not vectorised.


@njit(cache=True, nogil=True, error_model="numpy")
def grow_sums(
    levels: Values, left: Levels, right: Levels, shift: Levels, start: int, end: int
) -> None:
    """Join sums: ``S[a + b](t) = S[a](t) + S[b](t - a)`` for the elements ``start .. end``."""
    for k in range(len(left)):
        back = shift[k] * LANES
        head = min(max(back, start), end)
        levels[k + 1, start:head] = levels[left[k], start:head]
        out = levels[k + 1, head:end]
        recent, before = levels[left[k], head:end], levels[right[k], head - back : end - back]
        for e in range(len(out)):
            out[e] = recent[e] + before[e]


@njit(cache=True, nogil=True, error_model="numpy")
def grow_positions(
    levels: Values, left: Levels, right: Levels, shift: Levels, start: int, end: int
) -> None:
    """Join ``sum x`` and ``sum p x`` (rows 0, 1), where p is 0 today and falls by one a day back."""
    grow_sums(levels[0], left, right, shift, start, end)
    for k in range(len(left)):
        days = np.float64(shift[k])
        back = shift[k] * LANES
        head = min(max(back, start), end)
        levels[1, k + 1, start:head] = levels[1, left[k], start:head]
        out, recent = levels[1, k + 1, head:end], levels[1, left[k], head:end]
        before = levels[1, right[k], head - back : end - back]
        plain = levels[0, right[k], head - back : end - back]
        for e in range(len(out)):
            out[e] = recent[e] + (before[e] - days * plain[e])


@njit(cache=True, nogil=True, error_model="numpy")
def grow_squares(
    levels: Values, left: Levels, right: Levels, shift: Levels, start: int, end: int
) -> None:
    """Join ``sum p^2`` (row 2) given the joined count and ``sum p`` (rows 0, 1)."""
    for k in range(len(left)):
        days = np.float64(shift[k])
        back = shift[k] * LANES
        head = min(max(back, start), end)
        levels[2, k + 1, start:head] = levels[2, left[k], start:head]
        out, recent = levels[2, k + 1, head:end], levels[2, left[k], head:end]
        before = levels[2, right[k], head - back : end - back]
        plain = levels[0, right[k], head - back : end - back]
        once = levels[1, right[k], head - back : end - back]
        for e in range(len(out)):
            out[e] = recent[e] + (before[e] + days * (days * plain[e] - 2.0 * once[e]))
