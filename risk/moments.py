"""Moments of cross-sections, compiled: one walk over each variable instead of a dozen over all of them.

A variable is a row of ``x`` ``[V, n]``; what is not finite is passed over.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from risk.arrays import Codes, Floats


@njit(cache=True, nogil=True, error_model="numpy")
def moments(x: Floats, weight: Floats) -> Floats:
    """Mean, weighted mean and deviation of each variable ``[3, V]``; NaN where nothing is known.

    The deviation is about the plain mean and divides by the count.
    """
    variables, stocks = x.shape
    result = np.empty((3, variables))
    for v in range(variables):
        count, total = 0, 0.0
        for n in range(stocks):
            if abs(x[v, n]) < np.inf:
                count += 1
                total += x[v, n]
        mean = total / count
        square, shift, mass = 0.0, 0.0, 0.0
        for n in range(stocks):
            if abs(x[v, n]) < np.inf:
                gap = x[v, n] - mean
                square += gap * gap
                shift += weight[n] * gap
                mass += weight[n]
        result[0, v] = mean
        result[1, v] = mean + shift / mass
        result[2, v] = np.sqrt(square / count)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def group_lines(
    x: Floats, size: Floats, code: Codes, weight: Floats, groups: int
) -> tuple[Floats, Floats]:
    """Weighted regression of each variable on group intercepts and a common slope on ``size``.

    Returns the intercepts at size zero ``[V, groups]``, NaN for a group without a known member, and the
    slopes ``[V]``. Stocks of code -1 take no part.
    """
    variables, stocks = x.shape
    slope = np.zeros(variables)
    intercept = np.empty((variables, groups))
    for v in range(variables):
        mass, mean_x, mean_s = np.zeros(groups), np.zeros(groups), np.zeros(groups)
        for n in range(stocks):
            if code[n] >= 0 and abs(x[v, n]) < np.inf:
                mass[code[n]] += weight[n]
                mean_x[code[n]] += weight[n] * x[v, n]
                mean_s[code[n]] += weight[n] * size[n]
        mean_x /= mass
        mean_s /= mass
        cross, spread = 0.0, 0.0
        for n in range(stocks):
            if code[n] >= 0 and abs(x[v, n]) < np.inf:
                away = size[n] - mean_s[code[n]]
                cross += weight[n] * away * (x[v, n] - mean_x[code[n]])
                spread += weight[n] * away * away
        if spread > 0.0:
            slope[v] = cross / spread
        intercept[v] = mean_x - slope[v] * mean_s
    return intercept, slope


@njit(cache=True, nogil=True, error_model="numpy")
def medians(ordered: Floats) -> Floats:
    """Median and median absolute deviation from it ``[2, V]`` of rows sorted upwards, NaN last.

    From the median outwards the nearer neighbour on either side comes next, so distances need no sort.
    """
    result = np.full((2, len(ordered)), np.nan)
    for v in range(len(ordered)):
        row = ordered[v]
        count = int(np.searchsorted(row, np.inf))  # what is finite comes first
        if count == 0:
            continue
        half = (count - 1) // 2
        middle = 0.5 * (row[half] + row[count // 2])
        low, high = half, half + 1
        near, far = 0.0, 0.0
        for _ in range(count // 2 + 1):  # the distances of ranks 0 to count // 2
            near = far
            below = middle - row[low] if low >= 0 else np.inf
            above = row[high] - middle if high < count else np.inf
            if below <= above:
                far = below
                low -= 1
            else:
                far = above
                high += 1
        result[0, v] = middle
        result[1, v] = far if count % 2 == 1 else 0.5 * (near + far)
    return result
