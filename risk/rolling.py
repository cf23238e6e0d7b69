"""Running sums over trailing windows, compiled: what ``risk.windows`` explains, for many columns at once.

Every kernel walks down the rows of ``x`` ``[M, N]``: it sums the window of the first of the last ``size`` rows
directly, then fades, adds the row that comes and takes away the one that leaves. What is not finite is passed over.
Columns do not meet, so the bits of one do not depend on which others are there.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from risk.arrays import Floats


@njit(cache=True, nogil=True, error_model="numpy")
def sums(x: Floats, span: int, size: int, fade: float) -> Floats:
    """Weighted sums ``[size, N]``."""
    rows, columns = x.shape
    first, leaving = rows - size, fade**span
    total, result = np.zeros(columns), np.empty((size, columns))
    for t in range(max(0, first - span + 1), rows):
        gone = t - span if t > first else -1
        for n in range(columns):
            total[n] = total[n] * fade + _or_zero(x[t, n])
            if gone >= 0:
                total[n] -= leaving * _or_zero(x[gone, n])
        if t >= first:
            result[t - first] = total
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def means(x: Floats, span: int, size: int, fade: float, least: float) -> Floats:
    """Weighted means ``[size, N]``; NaN where fewer than ``least`` values are finite."""
    rows, columns = x.shape
    first, leaving = rows - size, fade**span
    total, weight, count = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    result = np.empty((size, columns))
    for t in range(max(0, first - span + 1), rows):
        gone = t - span if t > first else -1
        for n in range(columns):
            value = x[t, n]
            total[n] = total[n] * fade + _or_zero(value)
            weight[n] = weight[n] * fade + _there(value)
            count[n] += _there(value)
            if gone >= 0:
                old = x[gone, n]
                total[n] -= leaving * _or_zero(old)
                weight[n] -= leaving * _there(old)
                count[n] -= _there(old)
        if t >= first:
            for n in range(columns):
                known = count[n] >= least
                result[t - first, n] = total[n] / weight[n] if known else np.nan
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def counts(x: Floats, span: int, size: int) -> Floats:
    """Finite values in each window ``[size, N]``."""
    rows, columns = x.shape
    first = rows - size
    count, result = np.zeros(columns), np.empty((size, columns))
    for t in range(max(0, first - span + 1), rows):
        gone = t - span if t > first else -1
        for n in range(columns):
            count[n] += _there(x[t, n])
            if gone >= 0:
                count[n] -= _there(x[gone, n])
        if t >= first:
            result[t - first] = count
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def ranges(parts: Floats, step: int, count: int, size: int) -> Floats:
    """Largest minus smallest of the sums of the last 1, 2, ... ``count`` rows, ``step`` apart ``[size, N]``."""
    rows, columns = parts.shape
    total, result = np.empty((3, columns)), np.empty((size, columns))
    for t in range(rows - size, rows):
        total[0], total[1], total[2] = 0.0, -np.inf, np.inf
        for k in range(count):
            for n in range(columns):
                total[0, n] += parts[t - k * step, n]
                total[1, n] = max(total[1, n], total[0, n])
                total[2, n] = min(total[2, n], total[0, n])
        result[t - rows + size] = total[1] - total[2]
    return result


@njit(cache=True, inline="always")
def _there(value: float) -> float:
    return 1.0 if abs(value) < np.inf else 0.0


@njit(cache=True, inline="always")
def _or_zero(value: float) -> float:
    return value if abs(value) < np.inf else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def market_sums(returns: Floats, market: Floats, span: int, size: int, fade: float) -> Floats:
    """What a regression of returns ``[M, N]`` on the market ``[M]`` needs, over the rows on which both are finite.

    Weighted sums ``[8, size, N]`` of 1, R, r, R R, R r and r r; the sum of squared weights; the number of rows.
    """
    rows, columns = returns.shape
    first = rows - size
    total, result = np.zeros((8, columns)), np.empty((8, size, columns))
    for t in range(max(0, first - span + 1), rows):
        total[:6] *= fade
        total[6] *= fade * fade
        _add_row(total, returns[t], market[t], 1.0)
        if t > first and t >= span:
            _add_row(total, returns[t - span], market[t - span], -(fade**span))
        if t >= first:
            result[:, t - first] = total
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def _add_row(total: Floats, returns: Floats, market: float, weight: float) -> None:
    """Add a row with a weight to the sums; with a negative one take it away."""
    if not abs(market) < np.inf:
        return
    one = 1.0 if weight > 0.0 else -1.0
    for n in range(len(returns)):
        w, r = weight * _there(returns[n]), _or_zero(returns[n])
        total[0, n] += w
        total[1, n] += w * market
        total[2, n] += weight * r
        total[3, n] += w * market * market
        total[4, n] += weight * r * market
        total[5, n] += weight * r * r
        total[6, n] += w * abs(w)
        total[7, n] += one * _there(returns[n])
