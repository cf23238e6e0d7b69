"""Exponentially weighted sums over trailing windows, for the last rows of an array.

A sum over a window of W rows is carried from row to row: fade it, add the newest row, take away the row
that leaves. The first row asked for is summed directly. So a result depends on the trailing data and on
the row at which the block starts, never on rows after it or on how many stocks stand beside it: blocks
that start at the same rows give the same bits, however far the data reach.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from risk.arrays import Bools, Floats
from risk.rolling import counts, means, sums

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
    return np.asarray(sums(np.ascontiguousarray(x), span, size, 0.5 ** (1.0 / half_life)))


def enough(x: Floats, span: int, size: int) -> Bools:
    """Tell where a window of ``span`` rows holds at least a quarter of its observations."""
    return np.asarray(counts(np.ascontiguousarray(x), span, size) >= MINIMUM_SHARE * span)


def trailing_mean(x: Floats, span: int, size: int, half_life: float = np.inf) -> Floats:
    """Weighted mean of the observations in each window; NaN where there are too few.

    ``x`` ``[M, N]`` may hold NaN; the weights of what is missing go to what is there.
    """
    fade = 0.5 ** (1.0 / half_life)
    return np.asarray(means(np.ascontiguousarray(x), span, size, fade, MINIMUM_SHARE * span))


def lagged(x: Floats, rows: int) -> Floats:
    """Shift down by ``rows``; what was not yet there is NaN."""
    shifted = np.full(x.shape, np.nan)
    shifted[rows:] = x[: len(x) - rows]
    return shifted


def trailing_max(x: Floats, span: int, size: int) -> Floats:
    """Largest observation in each window of ``span`` rows ``[size, N]``; ``-inf`` where there is none.

    Windows are joined from windows of 1, 2, 4, ... rows, so a row costs ``log2(span)`` comparisons.
    """
    need = span - 1 + size
    padded = np.full((max(need, len(x)), x.shape[1]), -np.inf)
    padded[len(padded) - len(x) :] = np.where(np.isnan(x), -np.inf, x)
    largest, width = padded[len(padded) - need :], 1
    while width < span:
        step = min(width, span - width)
        largest = np.maximum(largest[step:], largest[:-step])
        width += step
    return largest


def largest_mean(x: Floats, count: int, span: int, size: int) -> Floats:
    """Mean of the ``count`` largest observations in each window; NaN where there are too few.

    Rows are taken in chunks of ``span``. A window is the end of one chunk and the beginning of the next;
    the largest of both ends are kept as sorted lists, and the elementwise maximum of one list with the
    other reversed holds the largest of their union.
    """
    need = span - 1 + size
    rows = np.full((need, x.shape[1]), -np.inf)
    kept = x[-need:]
    rows[need - len(kept) :] = np.where(np.isnan(kept), -np.inf, kept)
    result = np.empty((size, x.shape[1]))
    nothing = np.full((count, x.shape[1]), -np.inf)
    endings = [nothing] * (span + 1)  # of the chunk before, by its first row
    for begin in range(0, need, span):
        chunk = rows[begin : begin + span]
        head = nothing
        for k, row in enumerate(chunk):
            head = _inserted(head, row)
            first = begin + k - span + 1
            if first >= 0:
                tail = endings[first - begin + span] if first < begin else nothing
                result[first] = np.maximum(head, tail[::-1]).sum(axis=0) / count
        endings = [nothing] * (span + 1)
        for k in range(len(chunk) - 1, -1, -1):
            endings[k] = _inserted(endings[k + 1], chunk[k])
    return np.where(enough(x, span, size), result, np.nan)


def _inserted(ordered: Floats, row: Floats) -> Floats:
    """Put a row into lists sorted downwards ``[count, N]``; the smallest falls out."""
    longer = np.empty_like(ordered)
    for k, held in enumerate(ordered):
        longer[k] = np.maximum(held, row)
        row = np.minimum(held, row)
    return longer


def delayed_mean(
    describe: Callable[[int, int], Floats], rows: int, lag: int, days: int, size: int
) -> Floats:
    """Mean over ``days`` rows, the last of them ``lag`` rows ago, of a description ``[size, N]``.

    ``describe(end, wanted)`` gives the ``wanted`` rows before row ``end`` of a block of ``rows``; those
    before the data begin count as unknown.
    """
    end = max(rows - lag, 0)
    wanted = min(size + days - 1, end)
    values = describe(end, wanted)
    begun = np.full((size + days - 1 - wanted, values.shape[1]), np.nan)
    return trailing_mean(np.vstack([begun, values]), days, size)
