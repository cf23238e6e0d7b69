"""Rolling sums, dispersions, lines and correlations on a block, all windows of a series in one pass.

Every operator looks back over the ``window`` sessions that end today, in calendar positions: a missing
value (NaN, or infinite) is skipped, it does not shift its neighbours. One valid value is enough for a sum or
a mean, two for a dispersion, a correlation or a trend (Alpha158 uses ``min_periods = 1`` throughout). A
window of one repeated value has a dispersion of exactly zero.
"""

import numpy as np
from numba import njit

from alpha.features.windows import (
    STRIDE,
    Chain,
    Levels,
    Values,
    grow_positions,
    grow_squares,
    grow_sums,
)

# A window whose standard deviation is below this share of its root mean square counts as constant.
# float32 prices carry 6e-8 of rounding; one tick in sixty days on a 1,000 yuan stock makes 1e-6.
ZERO_STD = 5e-7


def total(x: Values, chain: Chain) -> tuple[Values]:
    """Sum over the valid values of each window, ``[W, M]``; NaN in an empty window."""
    return (_sums(x, chain, mean=False),)


def mean(x: Values, chain: Chain) -> tuple[Values]:
    """Mean over the valid values of each window, ``[W, M]``; NaN in an empty window."""
    return (_sums(x, chain, mean=True),)


def _sums(x: Values, chain: Chain, mean: bool) -> Values:
    out = np.empty((len(chain.picks), x.size))
    levels = np.empty((2, len(chain.lengths), x.size))
    _totals(x, levels, chain.left, chain.right, chain.shift, chain.picks, mean, out)
    return out


def spread(x: Values, chain: Chain) -> tuple[Values]:
    """Standard deviation (ddof 1) over the valid values, ``[W, M]``; NaN for fewer than two."""
    out = np.empty((len(chain.picks), x.size))
    levels = np.empty((3, len(chain.lengths), x.size))
    _spread(x, levels, chain.left, chain.right, chain.shift, chain.picks, out)
    return (out,)


def line(x: Values, chain: Chain) -> tuple[Values, Values, Values]:
    """Least-squares line of each window on calendar positions.

    Returns
    -------
    slope, r_squared, residual : each [W, M]
        Slope per session; NaN r_squared for a constant series, 1 for an exactly linear one; residual of
        today's point, NaN when today is missing.
    """
    out = np.empty((3, len(chain.picks), x.size))
    levels = np.empty((6, len(chain.lengths), x.size))
    _line(x, levels, chain.left, chain.right, chain.shift, chain.picks, out)
    return out[0], out[1], out[2]


def corr(x: Values, y: Values, chain: Chain) -> tuple[Values]:
    """Correlation over the days where both are valid, ``[W, M]``; NaN where either is constant."""
    return (_pairs(x, y, chain, corr=True),)


def cov(x: Values, y: Values, chain: Chain) -> tuple[Values]:
    """Covariance (ddof 1) over the days where both are valid, ``[W, M]``."""
    return (_pairs(x, y, chain, corr=False),)


def _pairs(x: Values, y: Values, chain: Chain, corr: bool) -> Values:
    out = np.empty((len(chain.picks), x.size))
    levels = np.empty((6, len(chain.lengths), x.size))
    _pair(x, y, levels, chain.left, chain.right, chain.shift, chain.picks, corr, out)
    return out


def decay(x: Values, chain: Chain) -> tuple[Values]:
    """Mean with weights ``window .. 1``, newest heaviest, over the valid values, ``[W, M]``."""
    out = np.empty((len(chain.picks), x.size))
    levels = np.empty((4, len(chain.lengths), x.size))
    lengths = np.array([chain.lengths[k] for k in chain.picks], np.int64)
    _decay(x, levels, chain.left, chain.right, chain.shift, chain.picks, lengths, out)
    return (out,)


# Kernels. Level [s, k, e] holds statistic s over the window of level k that ends at element e.


@njit(cache=True, nogil=True, error_model="numpy")
def _totals(
    x: Values, levels: Values, left: Levels, right: Levels, shift: Levels, picks: Levels,
    mean: bool, out: Values,
) -> None:  # fmt: skip
    for start in range(0, x.size, STRIDE):
        end = min(start + STRIDE, x.size)
        _masked(x[start:end], levels[0, 0, start:end], levels[1, 0, start:end])
        for which in range(2):
            grow_sums(levels[which], left, right, shift, start, end)
        for w in range(len(picks)):
            count, total = levels[0, picks[w], start:end], levels[1, picks[w], start:end]
            result = out[w, start:end]
            if mean:
                for e in range(len(result)):
                    result[e] = total[e] / count[e]
            else:
                for e in range(len(result)):
                    result[e] = total[e] if count[e] > 0.0 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _masked(x: Values, n: Values, s: Values) -> None:
    for e in range(len(x)):
        valid = x[e] - x[e] == 0.0
        n[e] = 1.0 if valid else 0.0
        s[e] = x[e] if valid else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _squared(x: Values, q: Values) -> None:
    for e in range(len(x)):
        q[e] = x[e] * x[e]


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(
    x: Values,
    levels: Values,
    left: Levels,
    right: Levels,
    shift: Levels,
    picks: Levels,
    out: Values,
) -> None:
    for start in range(0, x.size, STRIDE):
        end = min(start + STRIDE, x.size)
        _masked(x[start:end], levels[0, 0, start:end], levels[1, 0, start:end])
        _squared(levels[1, 0, start:end], levels[2, 0, start:end])
        for which in range(3):
            grow_sums(levels[which], left, right, shift, start, end)
        for w in range(len(picks)):
            count, total = levels[0, picks[w], start:end], levels[1, picks[w], start:end]
            square, std = levels[2, picks[w], start:end], out[w, start:end]
            for e in range(len(std)):
                about = square[e] - total[e] * total[e] / count[e]
                constant = about <= ZERO_STD * ZERO_STD * square[e]
                std[e] = np.sqrt((0.0 if constant else about) / (count[e] - 1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _line(
    x: Values,
    levels: Values,
    left: Levels,
    right: Levels,
    shift: Levels,
    picks: Levels,
    out: Values,
) -> None:
    for start in range(0, x.size, STRIDE):
        end = min(start + STRIDE, x.size)
        _masked(x[start:end], levels[0, 0, start:end], levels[3, 0, start:end])
        _squared(levels[3, 0, start:end], levels[5, 0, start:end])
        levels[1, 0, start:end] = 0.0  # today is position 0
        levels[2, 0, start:end] = 0.0
        levels[4, 0, start:end] = 0.0
        grow_positions(levels[0:2], left, right, shift, start, end)
        grow_squares(levels[0:3], left, right, shift, start, end)
        grow_positions(levels[3:5], left, right, shift, start, end)
        grow_sums(levels[5], left, right, shift, start, end)
        for w in range(len(picks)):
            _fit(levels, picks[w], x, out, w, start, end)


@njit(cache=True, nogil=True, error_model="numpy")
def _fit(levels: Values, k: int, x: Values, out: Values, w: int, start: int, end: int) -> None:
    n, p, pp = levels[0, k, start:end], levels[1, k, start:end], levels[2, k, start:end]
    s, ps, q = levels[3, k, start:end], levels[4, k, start:end], levels[5, k, start:end]
    slope, r_squared, residual = out[0, w, start:end], out[1, w, start:end], out[2, w, start:end]
    today = x[start:end]
    for e in range(len(n)):
        r_squared[e] = ps[e] - p[e] * s[e] / n[e]
    for e in range(len(n)):
        slope[e] = r_squared[e] / (pp[e] - p[e] * p[e] / n[e])
    for e in range(len(n)):
        about = q[e] - s[e] * s[e] / n[e]
        constant = about <= ZERO_STD * ZERO_STD * q[e]
        share = slope[e] * r_squared[e] / about
        r_squared[e] = np.nan if constant else share
    for e in range(len(n)):
        flat = (r_squared[e] != r_squared[e]) & (n[e] > 1.0)
        slope[e] = 0.0 if flat else slope[e]
    for e in range(len(n)):
        residual[e] = today[e] - (s[e] - slope[e] * p[e]) / n[e]


@njit(cache=True, nogil=True, error_model="numpy")
def _pair(
    x: Values, y: Values, levels: Values, left: Levels, right: Levels, shift: Levels, picks: Levels,
    corr: bool, out: Values,
) -> None:  # fmt: skip
    for start in range(0, x.size, STRIDE):
        end = min(start + STRIDE, x.size)
        _masked_pair(x[start:end], y[start:end], levels, start, end)
        for which in range(6):
            grow_sums(levels[which], left, right, shift, start, end)
        for w in range(len(picks)):
            if corr:
                _relate(levels, picks[w], out[w], start, end)
            else:
                _covary(levels, picks[w], out[w], start, end)


@njit(cache=True, nogil=True, error_model="numpy")
def _masked_pair(x: Values, y: Values, levels: Values, start: int, end: int) -> None:
    n, sx, sy = levels[0, 0, start:end], levels[1, 0, start:end], levels[2, 0, start:end]
    xx, yy, xy = levels[3, 0, start:end], levels[4, 0, start:end], levels[5, 0, start:end]
    for e in range(len(n)):
        valid = (x[e] - x[e] == 0.0) & (y[e] - y[e] == 0.0)
        n[e] = 1.0 if valid else 0.0
    for e in range(len(n)):
        sx[e] = x[e] if n[e] > 0.0 else 0.0
        sy[e] = y[e] if n[e] > 0.0 else 0.0
    for e in range(len(n)):
        xx[e] = sx[e] * sx[e]
        yy[e] = sy[e] * sy[e]
        xy[e] = sx[e] * sy[e]


@njit(cache=True, nogil=True, error_model="numpy")
def _relate(levels: Values, k: int, corr: Values, start: int, end: int) -> None:
    n, x, y = levels[0, k, start:end], levels[1, k, start:end], levels[2, k, start:end]
    xx, yy, xy = levels[3, k, start:end], levels[4, k, start:end], levels[5, k, start:end]
    out = corr[start:end]
    for e in range(len(n)):
        about = xx[e] - x[e] * x[e] / n[e]
        out[e] = about if about > ZERO_STD * ZERO_STD * xx[e] else np.nan
    for e in range(len(n)):
        about = yy[e] - y[e] * y[e] / n[e]
        out[e] *= about if about > ZERO_STD * ZERO_STD * yy[e] else np.nan
    for e in range(len(n)):
        out[e] = (xy[e] - x[e] * y[e] / n[e]) / np.sqrt(out[e])


@njit(cache=True, nogil=True, error_model="numpy")
def _covary(levels: Values, k: int, cov: Values, start: int, end: int) -> None:
    n, x, y = levels[0, k, start:end], levels[1, k, start:end], levels[2, k, start:end]
    xy, out = levels[5, k, start:end], cov[start:end]
    for e in range(len(n)):
        out[e] = (xy[e] - x[e] * y[e] / n[e]) / (n[e] - 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _decay(
    x: Values, levels: Values, left: Levels, right: Levels, shift: Levels, picks: Levels,
    lengths: Levels, out: Values,
) -> None:  # fmt: skip
    for start in range(0, x.size, STRIDE):
        end = min(start + STRIDE, x.size)
        _masked(x[start:end], levels[0, 0, start:end], levels[2, 0, start:end])
        levels[1, 0, start:end] = 0.0
        levels[3, 0, start:end] = 0.0
        grow_positions(levels[0:2], left, right, shift, start, end)
        grow_positions(levels[2:4], left, right, shift, start, end)
        for w in range(len(picks)):
            longest, result = np.float64(lengths[w]), out[w, start:end]
            count, place = levels[0, picks[w], start:end], levels[1, picks[w], start:end]
            total, weighted = levels[2, picks[w], start:end], levels[3, picks[w], start:end]
            for e in range(len(result)):
                weight = longest * count[e] + place[e]
                result[e] = (longest * total[e] + weighted[e]) / weight
