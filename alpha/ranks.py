"""Cross-sectional ranks, one row at a time: the kernel of rank labels and of RankIC."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


def row_ranks(values: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Rank the masked values of each row from 1 (smallest); ties share their average rank.

    Parameters
    ----------
    values, mask : [T, N]
        Entries outside the mask, and NaN, are not ranked.

    Returns
    -------
    ndarray [T, N] float64
        NaN where not ranked.

    Examples
    --------
    >>> row_ranks(np.array([[3.0, 1.0, 3.0, 9.0]]), np.array([[True, True, True, False]]))
    array([[2.5, 1. , 2.5, nan]])
    """
    out = np.full(values.shape, np.nan)
    _row_ranks(np.asarray(values, np.float64), mask & ~np.isnan(values), out)
    return out


@njit(cache=True, nogil=True)
def _row_ranks(
    values: NDArray[np.float64], mask: NDArray[np.bool_], out: NDArray[np.float64]
) -> None:
    for t in range(values.shape[0]):
        columns = np.flatnonzero(mask[t])
        row = values[t][columns]
        order = np.argsort(row)
        first = 0
        while first < len(order):
            last = first
            while last + 1 < len(order) and row[order[last + 1]] == row[order[first]]:
                last += 1
            for k in range(first, last + 1):
                out[t, columns[order[k]]] = 0.5 * (first + last) + 1.0
            first = last + 1
