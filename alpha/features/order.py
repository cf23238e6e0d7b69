"""Extremes, ranks and quantiles of rolling windows on a block; see :mod:`alpha.features.windows`."""

from collections.abc import Callable, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from alpha.features.windows import LANES, STRIDE, Chain, Levels, Values

Single = NDArray[np.float32]


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


def by_stock(x: Values) -> Single:
    """Lay a block stock by stock, ``[LANES, T]`` float32, as :func:`standing` reads it."""
    return np.ascontiguousarray(x.astype(np.float32).reshape(-1, LANES).T)


def standing(stocks: Single, window: int, shares: Sequence[float]) -> tuple[Values, Values]:
    """Rank of today's value within its own window ``[M]``, and quantiles of the window ``[Q, M]``.

    The rank is a percentile in (0, 1], equal values share their average; quantiles are linear between
    neighbours. Values are compared in single precision, the precision of the fields.
    """
    places = next((p for p in _PLACES if window <= p), None)
    if places is None:
        raise ValueError(
            f"ts_rank and quantile look back {_PLACES[-1]} sessions at most, not {window}"
        )
    ranks = np.empty(stocks.T.shape)
    quantiles = np.empty((len(shares), *ranks.shape))
    _KERNELS[places](stocks, window, np.asarray(shares, np.float64), ranks, quantiles)
    return ranks.ravel(), quantiles.reshape(len(shares), ranks.size)


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


# The window of a stock is kept sorted, missing values as +inf at the end. A day takes one value out and puts
# one in, which shifts what lies between by a place: two passes without a branch over a constant number of
# places, which the compiler unrolls. Counts are exact in float32 in any order of summation ("reassoc").

_ONE, _NONE, _LAST = np.float32(1), np.float32(0), np.float32(np.inf)
_PLACES = (64, 256, 1024)


def _kernel(places: int) -> Callable[..., None]:
    """Return the pass for windows of up to ``places`` sessions."""

    @njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
    def standing(stocks: Single, window: int, shares: Values, ranks: Values, out: Values) -> None:
        ordered = np.empty(places + 1, np.float32)
        without = np.empty(places + 1, np.float32)
        after, kept = ordered[1:], without[1:]
        for j in range(len(stocks)):
            ordered[:], kept[:], without[0] = _LAST, _LAST, -_LAST
            count = 0
            for t in range(stocks.shape[1]):
                new = stocks[j, t]
                old = stocks[j, t - window] if t >= window else np.float32(np.nan)
                count += (1 if new == new else 0) - (1 if old == old else 0)
                leaves = old if old == old else _LAST
                comes = new if new == new else _LAST
                for k in range(places):
                    kept[k] = ordered[k] if ordered[k] < leaves else after[k]
                for k in range(places):
                    pushed = without[k] if without[k] > comes else comes
                    ordered[k] = kept[k] if kept[k] < pushed else pushed
                below, equal = _NONE, _NONE
                for k in range(places):
                    below += _ONE if kept[k] < comes else _NONE
                    equal += _ONE if kept[k] == comes else _NONE
                middle = np.float64(below) + 0.5 * (np.float64(equal) + 2.0)
                ranks[t, j] = middle / count if new == new else np.nan
                for q in range(len(shares)):
                    place = shares[q] * (count - 1)
                    whole = int(place + 1e-9)  # 0.8 x 5 falls a rounding short of 4
                    low, part = np.float64(ordered[whole]), place - whole
                    between = low + part * (np.float64(after[whole]) - low) if part > 1e-9 else low
                    out[q, t, j] = between if count else np.nan

    return standing


_KERNELS = {places: _kernel(places) for places in _PLACES}
