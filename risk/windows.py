"""Exponentially weighted sums over trailing windows, for the last rows of an array.

A sum over a window of W rows is carried from row to row: fade it, add the newest row, take away the row
that leaves. The first row asked for is summed directly. So a result depends on the trailing data and on
the row at which the block starts, never on rows after it or on how many stocks stand beside it: blocks
that start at the same rows give the same bits, however far the data reach.
"""

from __future__ import annotations

import numpy as np

from risk.arrays import Bools, Floats

MINIMUM_SHARE = 0.25  # a window speaks from a quarter of its observations on


def trailing_sum(x: Floats, span: int, size: int, half_life: float = np.inf) -> Floats:
    """Sum ``0.5**(age / half_life) * x[t - age]`` over ages 0 to ``span - 1``.

    Parameters
    ----------
    x
        ``[M, N]`` without NaN, of which the last ``size`` rows are asked for; rows that a window needs
        before the first one count as zero.
    span
        Window length in rows.
    size
        Rows of the result.
    half_life
        Age in rows at which the weight has halved; ``inf`` gives equal weights.

    Returns
    -------
    ndarray
        ``[size, N]`` float64.

    Examples
    --------
    >>> trailing_sum(np.array([[1.0], [2.0], [4.0]]), span=2, size=2, half_life=1.0).ravel()
    array([2.5, 5. ])
    """
    fade = 0.5 ** (1.0 / half_life)
    leaving = fade**span
    first = len(x) - size
    total = np.zeros(x.shape[1])
    for row in x[max(0, first - span + 1) : first]:
        total = total * fade + row
    result = np.empty((size, x.shape[1]))
    for t in range(first, len(x)):
        total = total * fade + x[t]
        if t - span >= 0 and t > first:
            total -= leaving * x[t - span]
        result[t - first] = total
    return result


def enough(x: Floats, span: int, size: int) -> Bools:
    """Tell where a window of ``span`` rows holds at least a quarter of its observations."""
    seen = trailing_sum(np.isfinite(x).astype(np.float64), span, size)
    return seen >= MINIMUM_SHARE * span


def trailing_mean(x: Floats, span: int, size: int, half_life: float = np.inf) -> Floats:
    """Weighted mean of the observations in each window; NaN where there are too few.

    ``x`` ``[M, N]`` may hold NaN; the weights of what is missing go to what is there.
    """
    present = np.isfinite(x)
    weight = trailing_sum(present.astype(np.float64), span, size, half_life)
    total = trailing_sum(np.where(present, x, 0.0), span, size, half_life)
    known = enough(x, span, size)
    return np.divide(total, weight, out=np.full(total.shape, np.nan), where=known)


def lagged(x: Floats, rows: int) -> Floats:
    """Shift down by ``rows``; what was not yet there is NaN."""
    shifted = np.full(x.shape, np.nan)
    shifted[rows:] = x[: len(x) - rows]
    return shifted
