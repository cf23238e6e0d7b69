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


def sorted_columns(values: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Columns of each row from the smallest value to the largest, equal ones by column, masked ones last.

    Values that single precision holds exactly, as market data and model scores are, become whole numbers
    that sort like them, with the column in the low half: one sort of integers, which the processor does
    several at a time, gives the order. Others are sorted as they are.

    Parameters
    ----------
    values, mask : [T, N]
        Values under the mask are finite.
    """
    single = values.astype(np.float32, copy=False)
    if single is not values and not (single == values)[mask].all():
        return np.argsort(np.where(mask, values, np.inf), axis=1, kind="stable").astype(np.uint32)
    keys = np.empty(values.shape, np.uint64)
    _pack(np.ascontiguousarray(single).view(np.uint32), mask, keys)
    keys.sort(axis=1)
    return keys.astype(np.uint32)


@njit(cache=True, nogil=True)
def _pack(bits: NDArray[np.uint32], mask: NDArray[np.bool_], keys: NDArray[np.uint64]) -> None:
    sign, low = np.uint32(0x80000000), np.uint64(32)
    for t in range(bits.shape[0]):
        row, out, known = bits[t], keys[t], mask[t]
        for j in range(len(row)):
            b = row[j] if row[j] != sign else np.uint32(0)  # -0 and 0 are equal
            key = ~b if b & sign else b | sign
            key = key if known[j] else np.uint32(0xFFFFFFFF)
            out[j] = (np.uint64(key) << low) | np.uint64(j)
