"""Extremes, ranks and quantiles of rolling windows on a block; see :mod:`alpha.features.windows`."""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from alpha.features.windows import LANES, STRIDE, Chain, Levels, Values

Single = NDArray[np.float32]

_ONE, _NONE, _LAST = np.float32(1), np.float32(0), np.float32(np.inf)


def peak(x: Values, chain: Chain) -> tuple[Values, Values]:
    """Largest valid value of each window and its place, each ``[W, M]``; NaN in an empty window.

    The place is 1 for the oldest day of the window and ``window`` for today; the oldest of equals.
    """
    shape = (len(chain.lengths), x.size)
    out = np.empty((2, len(chain.picks), x.size))
    lengths = np.array([chain.lengths[k] for k in chain.picks], np.int64)
    _peak(
        x, np.empty(shape), np.empty(shape), chain.left, chain.right, chain.shift, chain.picks,
        lengths, out,
    )  # fmt: skip
    return out[0], out[1]


def trough(x: Values, chain: Chain) -> tuple[Values, Values]:
    """Smallest valid value of each window and its place; see :func:`peak`."""
    value, place = peak(-x, chain)
    return -value, place


def ranks(x: Values, windows: Sequence[int]) -> Values:
    """Rank of today's value within each window ``[W, M]``, windows ascending.

    A percentile in (0, 1]; equal values share their average. Values are compared in single precision, the
    precision of the fields.
    """
    days = _days(x)
    out = np.empty((len(windows), *days.shape))
    _ranks(days, np.array(windows, np.int64), out)
    return out.reshape(len(windows), x.size)


def quantiles(x: Values, window: int, shares: Sequence[float]) -> Values:
    """Quantiles of the valid values of a window ``[Q, M]``, linear between neighbours."""
    days = _days(x)
    out = np.empty((len(shares), *days.shape))
    places = np.asarray(shares)[:, None] * np.arange(-1, window)  # by how many values there are
    whole = np.floor(places + 1e-9)  # 0.8 x 5 falls a rounding short of 4
    _quantiles(
        days,
        window,
        whole.astype(np.int64),
        np.where(places - whole > 1e-9, places - whole, 0.0),
        out,
    )
    return out.reshape(len(shares), x.size)


def _days(x: Values) -> Single:
    return x.astype(np.float32).reshape(-1, LANES)


@njit(cache=True, nogil=True, error_model="numpy")
def _peak(
    x: Values, best: Values, age: Values, left: Levels, right: Levels, shift: Levels, picks: Levels,
    lengths: Levels, out: Values,
) -> None:  # fmt: skip
    for start in range(0, x.size, STRIDE):
        end = min(start + STRIDE, x.size)
        today, now = x[start:end], best[0, start:end]
        for e in range(len(now)):
            now[e] = today[e] if today[e] == today[e] else -np.inf
        age[0, start:end] = 0.0
        for k in range(len(left)):
            _older(best, age, k, left[k], right[k], shift[k], start, end)
        for w in range(len(picks)):
            longest = np.float64(lengths[w])
            found, ago = best[picks[w], start:end], age[picks[w], start:end]
            value, place = out[0, w, start:end], out[1, w, start:end]
            for e in range(len(value)):
                empty = found[e] == -np.inf
                value[e] = np.nan if empty else found[e]
                place[e] = np.nan if empty else longest - ago[e]


@njit(cache=True, nogil=True, error_model="numpy")
def _older(
    best: Values, age: Values, k: int, left: int, right: int, shift: int, start: int, end: int
) -> None:
    """Join two windows; the older wins a tie."""
    days = np.float64(shift)
    back = shift * LANES
    head = min(max(back, start), end)
    best[k + 1, start:head] = best[left, start:head]
    age[k + 1, start:head] = age[left, start:head]
    out, out_age = best[k + 1, head:end], age[k + 1, head:end]
    recent, recent_age = best[left, head:end], age[left, head:end]
    before = best[right, head - back : end - back]
    before_age = age[right, head - back : end - back]
    for e in range(len(out)):
        older = before[e] >= recent[e]
        out[e] = before[e] if older else recent[e]
        ago = before_age[e] + days
        out_age[e] = ago if older else recent_age[e]


@njit(cache=True, nogil=True, error_model="numpy")
def _ranks(x: Single, windows: Levels, out: NDArray[np.float64]) -> None:
    below, equal, count = np.empty((3, LANES), np.float32)
    for t in range(len(x)):
        today, known = x[t], 0
        below[:], equal[:], count[:] = _NONE, _NONE, _NONE
        for w in range(len(windows)):
            for back in range(known, min(windows[w], t + 1)):
                other = x[t - back]
                for j in range(LANES):
                    below[j] += _ONE if other[j] < today[j] else _NONE
                    equal[j] += _ONE if other[j] == today[j] else _NONE
                    count[j] += _ONE if other[j] == other[j] else _NONE
            known = windows[w]
            rank = out[w, t]
            for j in range(LANES):
                middle = np.float64(below[j]) + 0.5 * (np.float64(equal[j]) + 1.0)
                rank[j] = middle / np.float64(count[j]) if today[j] == today[j] else np.nan


# The windows of LANES stocks are kept sorted side by side, missing values as +inf at the end. A day takes one
# value out of each and puts one in, which shifts what lies between by a place: a pass without a branch.


@njit(cache=True, nogil=True, error_model="numpy")
def _quantiles(
    x: Single,
    window: int,
    whole: NDArray[np.int64],
    part: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    ordered, before = np.full((2, window + 2, LANES), _LAST)
    ordered[0], before[0] = -_LAST, -_LAST
    comes, leaves = np.empty((2, LANES), np.float32)
    nothing = np.full(LANES, np.float32(np.nan))
    count = np.zeros(LANES, np.int64)
    for t in range(len(x)):
        ordered, before = before, ordered
        new, old = x[t], x[t - window] if t >= window else nothing
        for j in range(LANES):
            comes[j] = new[j] if new[j] == new[j] else _LAST
            leaves[j] = old[j] if old[j] == old[j] else _LAST
            count[j] += (1 if new[j] == new[j] else 0) - (1 if old[j] == old[j] else 0)
        for k in range(1, window + 1):
            low, here, high, place = before[k - 1], before[k], before[k + 1], ordered[k]
            for j in range(LANES):
                kept = here[j] if here[j] < leaves[j] else high[j]
                under = low[j] if low[j] < leaves[j] else here[j]
                pushed = under if under > comes[j] else comes[j]
                place[j] = kept if kept < pushed else pushed
        for q in range(len(whole)):
            found = out[q, t]
            for j in range(LANES):
                k, share = whole[q, count[j]] + 1, part[q, count[j]]
                low_value, high_value = np.float64(ordered[k, j]), np.float64(ordered[k + 1, j])
                between = low_value + share * (high_value - low_value) if share > 0.0 else low_value
                found[j] = between if count[j] else np.nan
