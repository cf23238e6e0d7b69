"""Measures of a volatility forecast, from outcomes divided by the forecast.

b_t = R_t / sigma_t, sigma_t known before R_t. Arrays are ``[T, P]``: T outcomes of P portfolios, NaN where
there is none. A perfect forecast of normal returns gives the levels stated with each measure; the bias
statistic, MRAD and Q follow the public USE4 and CNE5 notes, QLIKE Patton (2011).
"""

from __future__ import annotations

import numpy as np

from risk.arrays import Bools, Floats

WINDOW = 12  # outcomes of a rolling bias statistic: a year of months in the published tables
PERFECT_MRAD = 0.17  # of normal outcomes at 12 a window; Student t with 8 degrees of freedom: 0.20
PERFECT_Q = 2.27  # of normal outcomes: 1 - E ln z^2


def bias(b: Floats) -> Floats:
    """Bias statistic ``[P]``: standard deviation of the outcomes; above 1, risk was under-forecast.

    NaN for a portfolio with fewer than two outcomes.

    Examples
    --------
    >>> bias(np.array([[1.0], [-1.0], [2.0], [-2.0]]))  # sqrt(10 / 3)
    array([1.82574186])
    """
    there = np.isfinite(b)
    count = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, b, 0.0).sum(axis=0) / count
        square = np.where(there, b - mean, 0.0) ** 2
        return np.where(count > 1, np.sqrt(square.sum(axis=0) / (count - 1)), np.nan)


def variance_ratio(b: Floats) -> Floats:
    """Mean square of the outcomes ``[P]``: realised over forecast variance; 1 when perfect.

    Unlike the bias statistic it stays unbiased when averaged over portfolios.
    """
    there = np.isfinite(b)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(np.where(there, b, 0.0) ** 2, axis=0) / there.sum(axis=0)


def rolling_bias(b: Floats, window: int = WINDOW) -> Floats:
    """Bias statistic of the last ``window`` outcomes ``[T, P]``; NaN unless all of them are there.

    Examples
    --------
    >>> rolling_bias(np.array([[1.0], [-1.0], [3.0]]), window=2).ravel()  # sqrt(2), 2 sqrt(2)
    array([       nan, 1.41421356, 2.82842712])
    """
    if window < 2:
        raise ValueError(f"window {window} has no standard deviation; use at least 2 outcomes")
    there = np.isfinite(b)
    value = np.where(there, b, 0.0)
    count = _moving_sum(there.astype(np.float64), window)
    first, second = _moving_sum(value, window), _moving_sum(value * value, window)
    result = np.full(b.shape, np.nan)
    variance = np.maximum(second - first**2 / window, 0.0) / (window - 1)
    whole = count > window - 0.5
    result[window - 1 :] = np.where(whole, np.sqrt(variance), np.nan)
    return result


def mrad(b: Floats, window: int = WINDOW) -> float:
    """Mean rolling absolute deviation of the bias statistic from 1, over portfolios and windows.

    0.17 for a perfect forecast of normal outcomes at twelve a window, 0.20 for Student t with eight
    degrees of freedom. NaN when no window is whole.
    """
    away = np.abs(rolling_bias(b, window) - 1.0)
    return float(np.nanmean(away)) if np.isfinite(away).any() else np.nan


def rolling_range(b: Floats, window: int = WINDOW) -> tuple[float, float]:
    """5th and 95th percentile of the rolling bias statistic; 0.66 and 1.34 when perfect, at twelve."""
    rolling = rolling_bias(b, window)
    if not np.isfinite(rolling).any():
        return np.nan, np.nan
    low, high = np.nanpercentile(rolling, [5.0, 95.0])
    return float(low), float(high)


def q_statistic(b: Floats) -> float:
    """Mean of ``b^2 - ln b^2`` over all outcomes; 2.27 for a perfect forecast of normal ones, the least.

    Unlike the bias statistic it is hurt by errors that cancel over time. An outcome of exactly zero (a
    stock that did not trade) has no logarithm and is left out.
    """
    square = b[np.isfinite(b) & (b != 0.0)] ** 2
    return float(np.mean(square - np.log(square))) if square.size else np.nan


def qlike(realised: Floats, forecast: Floats) -> Floats:
    """QLIKE loss of each variance forecast, ``rv / fv - ln(rv / fv) - 1``; 0 is the least, lower better.

    ``realised`` and ``forecast`` are variances of any one shape; NaN where either is missing or zero.

    Examples
    --------
    >>> qlike(np.array([1.0, 2.0]), np.array([1.0, 1.0]))  # 2 - ln 2 - 1
    array([0.        , 0.30685282])
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where((realised > 0.0) & (forecast > 0.0), realised / forecast, np.nan)
        return ratio - np.log(ratio) - 1.0


def band(outcomes: Floats | int) -> Floats:
    """Half width of the 95% band of the bias statistic about 1: ``sqrt(2 / T)``.

    Examples
    --------
    >>> float(band(200))
    0.1
    """
    return np.sqrt(2.0 / np.asarray(outcomes, dtype=np.float64))


def in_band(b: Floats) -> Bools:
    """Tell by portfolio ``[P]`` whether its bias statistic is within ``1 +- sqrt(2 / T)``."""
    count = np.maximum(np.isfinite(b).sum(axis=0), 1)
    return np.abs(bias(b) - 1.0) <= band(count)


def _moving_sum(x: Floats, window: int) -> Floats:
    """Sums over ``window`` rows ``[T - window + 1, P]``; empty when there are fewer rows."""
    if len(x) < window:
        return np.zeros((0, *x.shape[1:]))
    total = np.cumsum(x, axis=0)
    total[window:] = total[window:] - total[:-window]
    return total[window - 1 :]
