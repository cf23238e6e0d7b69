"""Rolling-window operators on date-major panels [T, N], the alphabet of the feature formulas.

Every operator looks back over the ``window`` sessions that end today, in calendar positions: a
missing bar (NaN) is skipped, it does not shift its neighbours. One valid value is enough for a mean or
an extreme, two for a dispersion, a correlation or a trend (Alpha158 uses ``min_periods = 1``
throughout). Sums are taken afresh for each window in float64, so nothing drifts from day to day, and
a window of one repeated value has a dispersion of exactly zero.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Panel = NDArray[np.float32]

# A window whose standard deviation is below this share of its root mean square counts as constant.
# float32 prices carry 6e-8 of rounding; one tick in sixty days on a 1,000 yuan stock makes 1e-6.
ZERO_STD = 5e-7


def lag(x: Panel, days: int) -> Panel:
    """R(x, d): the value ``days`` sessions ago; NaN before the first session."""
    out = np.full_like(x, np.nan)
    out[days:] = x[: max(len(x) - days, 0)]
    return out


def moments(x: Panel, window: int) -> tuple[Panel, Panel]:
    """Mean and standard deviation (ddof 1) over the valid values of each window."""
    mean, std = np.empty_like(x), np.empty_like(x)
    _moments(x, window, mean, std)
    return mean, std


def mean(x: Panel, window: int) -> Panel:
    """Mean of the valid values in each window, ``[T, N]``."""
    return moments(x, window)[0]


def std(x: Panel, window: int) -> Panel:
    """Standard deviation (ddof 1) of the valid values in each window; NaN for a single value."""
    return moments(x, window)[1]


def corr(x: Panel, y: Panel, window: int) -> Panel:
    """Pearson correlation over the days where both are valid; NaN where either is constant."""
    out = np.empty_like(x)
    _corr(x, y, window, out)
    return out


def trend(x: Panel, window: int) -> tuple[Panel, Panel, Panel]:
    """Least-squares line of each window on calendar positions 1..window.

    Returns
    -------
    slope, r_squared, last_residual : each [T, N]
        Slope per session; NaN r_squared for a constant series, 1 for an exactly linear one; residual of
        today's point, NaN when today is missing.
    """
    slope, r_squared, residual = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    _trend(x, window, slope, r_squared, residual)
    return slope, r_squared, residual


def highest(x: Panel, window: int) -> Panel:
    """Largest valid value of each window."""
    out = np.empty_like(x)
    _highest(x, window, out)
    return out


def lowest(x: Panel, window: int) -> Panel:
    """Smallest valid value of each window."""
    return -highest(-x, window)


# Kernels. The innermost loop runs over stocks, so the compiler vectorises across them.


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(x: Panel, window: int, mean: Panel, std: Panel) -> None:
    days, stocks = x.shape
    n, s, q = np.empty(stocks), np.empty(stocks), np.empty(stocks)
    for t in range(days):
        n[:], s[:], q[:] = 0.0, 0.0, 0.0
        for k in range(min(window, t + 1)):
            row = x[t - k]
            for j in range(stocks):
                v = float(row[j])
                valid = v == v
                v = v if valid else 0.0
                n[j] += 1.0 if valid else 0.0
                s[j] += v
                q[j] += v * v
        for j in range(stocks):
            square = q[j] - s[j] * s[j] / n[j]
            constant = square <= ZERO_STD * ZERO_STD * q[j]
            mean[t, j] = s[j] / n[j]
            std[t, j] = np.sqrt((0.0 if constant else square) / (n[j] - 1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _corr(x: Panel, y: Panel, window: int, out: Panel) -> None:
    days, stocks = x.shape
    n, sx, sy = np.empty(stocks), np.empty(stocks), np.empty(stocks)
    sxx, syy, sxy = np.empty(stocks), np.empty(stocks), np.empty(stocks)
    for t in range(days):
        n[:], sx[:], sy[:], sxx[:], syy[:], sxy[:] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(min(window, t + 1)):
            row_x, row_y = x[t - k], y[t - k]
            for j in range(stocks):
                a, b = float(row_x[j]), float(row_y[j])
                valid = (a == a) & (b == b)
                a, b = a if valid else 0.0, b if valid else 0.0
                n[j] += 1.0 if valid else 0.0
                sx[j] += a
                sy[j] += b
                sxx[j] += a * a
                syy[j] += b * b
                sxy[j] += a * b
        for j in range(stocks):
            vx, vy = sxx[j] - sx[j] * sx[j] / n[j], syy[j] - sy[j] * sy[j] / n[j]
            moves = (vx > ZERO_STD * ZERO_STD * sxx[j]) & (vy > ZERO_STD * ZERO_STD * syy[j])
            out[t, j] = (sxy[j] - sx[j] * sy[j] / n[j]) / np.sqrt(vx * vy) if moves else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _trend(x: Panel, window: int, slope: Panel, r_squared: Panel, residual: Panel) -> None:
    days, stocks = x.shape
    n, sp, spp = np.empty(stocks), np.empty(stocks), np.empty(stocks)
    s, q, spx = np.empty(stocks), np.empty(stocks), np.empty(stocks)
    for t in range(days):
        n[:], sp[:], spp[:], s[:], q[:], spx[:] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(min(window, t + 1)):
            row, p = (
                x[t - k],
                -np.float64(k),
            )  # today is position 0: the fit does not mind the shift
            for j in range(stocks):
                v = float(row[j])
                valid = v == v
                v, m = v if valid else 0.0, 1.0 if valid else 0.0
                n[j] += m
                sp[j] += m * p
                spp[j] += m * p * p
                s[j] += v
                q[j] += v * v
                spx[j] += p * v
        today = x[t]
        for j in range(stocks):
            vp, vx = spp[j] - sp[j] * sp[j] / n[j], q[j] - s[j] * s[j] / n[j]
            cov = spx[j] - sp[j] * s[j] / n[j]
            constant = vx <= ZERO_STD * ZERO_STD * q[j]
            b = 0.0 if constant and n[j] > 1.0 else cov / vp
            slope[t, j] = b
            r_squared[t, j] = np.nan if constant else cov * cov / (vp * vx)
            residual[t, j] = float(today[j]) - (s[j] - b * sp[j]) / n[j]


@njit(cache=True, nogil=True, error_model="numpy")
def _highest(x: Panel, window: int, out: Panel) -> None:
    days, stocks = x.shape
    for t in range(days):
        best = out[t]
        best[:] = -np.inf
        for k in range(min(window, t + 1)):
            row = x[t - k]
            for j in range(stocks):
                best[j] = row[j] if row[j] > best[j] else best[j]
        for j in range(stocks):
            best[j] = np.nan if best[j] == -np.inf else best[j]
