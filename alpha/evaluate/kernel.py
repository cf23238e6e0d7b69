"""Cross-sections in one pass: correlations, ranks and group means of many dates at once."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from alpha.ranks import sorted_columns

MIN_NAMES = 10  # days with fewer pairs are not measured
ROWS = 128  # dates taken through all steps while they are in the second-level cache

Values = NDArray[np.floating]
Mask = NDArray[np.bool_]


def measure(s: Values, y: Values, both: Mask, groups: int) -> NDArray[np.float64]:
    """IC, RankIC and the mean label of each score group by date, ``[T, 2 + groups]``."""
    found = np.full((len(s), 2 + groups), np.nan)
    for start in range(0, len(s), ROWS):
        part = slice(start, start + ROWS)
        _measure(s[part], y[part], both[part], found[part])
    return found


def correlate(a: Values, b: Values, both: Mask) -> NDArray[np.float64]:
    """Pearson correlation of each row under the mask, ``[T]``."""
    out = np.empty(len(a))
    _correlate(a, b, both, out)
    return out


def _measure(s: Values, y: Values, both: Mask, found: NDArray[np.float64]) -> None:
    by_score, by_label = sorted_columns(s, both), sorted_columns(y, both)
    ranks = np.empty((2, *s.shape))
    _rank(s, by_score, both, ranks[0])
    _rank(y, by_label, both, ranks[1])
    _correlate(s, y, both, found[:, 0])
    _correlate(ranks[0], ranks[1], both, found[:, 1])
    _group(s, y, by_score, both, found[:, 2:])


@njit(cache=True, nogil=True)
def _rank(values: Values, order: NDArray[np.uint32], both: Mask, out: NDArray[np.float64]) -> None:
    """Average ranks from 1, from the columns in order of their values."""
    for t in range(len(values)):
        row, ranks, columns = values[t], out[t], order[t]
        n, first = both[t].sum(), 0
        while first < n:
            last = first
            while last + 1 < n and row[columns[last + 1]] == row[columns[first]]:
                last += 1
            for k in range(first, last + 1):
                ranks[columns[k]] = 0.5 * (first + last) + 1.0
            first = last + 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def _correlate(a: Values, b: Values, both: Mask, out: NDArray[np.float64]) -> None:
    """Pearson correlation of each row under the mask."""
    for t in range(len(a)):
        x, y, known = a[t], b[t], both[t]
        n, sx, sy, size_x, size_y = 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(len(x)):
            u = np.float64(x[j]) if known[j] else 0.0
            v = np.float64(y[j]) if known[j] else 0.0
            n += 1.0 if known[j] else 0.0
            sx += u
            sy += v
            size_x += u * u
            size_y += v * v
        xx, yy, xy, mean_x, mean_y = 0.0, 0.0, 0.0, sx / n, sy / n
        for j in range(len(x)):
            u = np.float64(x[j]) - mean_x if known[j] else 0.0
            v = np.float64(y[j]) - mean_y if known[j] else 0.0
            xx += u * u
            yy += v * v
            xy += u * v
        # A constant row leaves rounding of its mean behind; what is that small is no variation.
        moves = xx > 1e-18 * size_x and yy > 1e-18 * size_y and n >= MIN_NAMES
        out[t] = xy / np.sqrt(xx * yy) if moves else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _group(
    s: Values, y: Values, order: NDArray[np.uint32], both: Mask, out: NDArray[np.float64]
) -> None:
    """Mean label of each group by descending score; equal scores by column."""
    groups = out.shape[1]
    for t in range(len(s)):
        row, label, columns, means = s[t], y[t], order[t], out[t]
        n = both[t].sum()
        if n < max(groups, MIN_NAMES):
            continue
        size, larger = n // groups, n % groups
        bound = larger * (size + 1)
        total = np.zeros(groups)
        first = 0
        while first < n:
            last = first
            while last + 1 < n and row[columns[last + 1]] == row[columns[first]]:
                last += 1
            for k in range(first, last + 1):
                place = n - 1 - last + k - first
                group = place // (size + 1) if place < bound else larger + (place - bound) // size
                total[group] += label[columns[k]]
            first = last + 1
        for group in range(groups):
            means[group] = total[group] / (size + 1 if group < larger else size)
