"""Beta, volatility and extremes: how far a stock moves, with the market and without it.

Arrays as in ``risk.descriptors.returns``: ``[M, N]`` in, the last ``size`` rows out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from risk.arrays import Bools, Floats
from risk.rolling import market_sums
from risk.windows import (
    MINIMUM_SHARE,
    delayed_mean,
    enough,
    largest_mean,
    trailing_max,
    trailing_mean,
    trailing_sum,
)

YEAR = 252
DFQ_YEAR = 243  # sessions of a Chinese year
LEAST_PRIOR = 0.1  # share of the variance of betas that is taken as real whatever their errors


@dataclass(frozen=True, eq=False)
class MarketModel:
    """Time-series regression on the market, ``[size, N]`` each.

    ``alpha`` and ``beta`` are intercept and slope; ``sigma`` the weighted standard deviation of what the
    market leaves over, per day; ``error`` the standard error of beta,
    ``sigma / sqrt(var(R) * (sum w)^2 / sum w^2)``.
    """

    alpha: Floats
    beta: Floats
    sigma: Floats
    error: Floats


def market_model(
    returns: Floats, market: Floats, size: int, window: int = YEAR, half_life: float = 63
) -> MarketModel:
    """Regress returns on the market return ``[M]`` over a window (HALPHA, BETA and HSIGMA).

    Weighted least squares ``r = a + b R + e`` over the sessions on which the stock and the market both
    have a return.
    """
    sums = market_sums(
        np.ascontiguousarray(returns), market, window, size, 0.5 ** (1.0 / half_life)
    )
    count, squares = sums[7], sums[6]  # of rows; of weights
    weight = np.where(count >= MINIMUM_SHARE * window, sums[0], np.nan)
    mean_x, mean_y, square_x, product, square_y = (total / weight for total in sums[1:6])
    with np.errstate(invalid="ignore", divide="ignore"):  # a market without variance has no beta
        covariance = product - mean_x * mean_y
        variance = square_x - mean_x**2
        slope = covariance / variance
        left = np.maximum(square_y - mean_y**2 - slope * covariance, 0.0)
        error = np.sqrt(left * squares / variance) / weight
    slope[~np.isfinite(slope)] = np.nan
    return MarketModel(mean_y - slope * mean_x, slope, np.sqrt(left), error)


def long_alpha(returns: Floats, market: Floats, size: int) -> Floats:
    """Minus the mean of 11 values, the last 273 sessions old, of the alpha of 1,040 sessions.

    Half-life 260 (LTHALPHA).
    """

    def alpha(end: int, wanted: int) -> Floats:
        return market_model(returns[:end], market[:end], wanted, 1040, 260).alpha

    return -delayed_mean(alpha, len(returns), lag=273, days=11, size=size)


def shrunk_beta(model: MarketModel, cap: Floats, estu: Bools) -> Floats:
    """Pull each beta towards the cap-weighted mean, the more the less sure it is (BETA_SHRUNK).

    ``(v b + e^2 b0) / (v + e^2)`` with ``e`` the standard error, ``b0`` the cap-weighted mean over the
    universe and ``v`` the variance of betas less the mean of ``e^2``, a tenth of that variance at least
    (Vasicek 1973). ``cap`` and ``estu`` ``[size, N]``.
    """
    held = estu & np.isfinite(model.beta) & np.isfinite(cap)
    count = np.maximum(held.sum(axis=1, keepdims=True), 1)
    weight = np.where(held, cap, 0.0)
    beta, doubt = np.where(held, model.beta, 0.0), model.error**2
    with np.errstate(invalid="ignore", divide="ignore"):  # nobody in the universe: NaN
        prior = np.sum(weight * beta, axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
        gap = np.where(held, beta - beta.sum(axis=1, keepdims=True) / count, 0.0)
        spread = np.sum(gap**2, axis=1, keepdims=True) / count
        noise = np.sum(np.where(held, doubt, 0.0), axis=1, keepdims=True) / count
        real = np.maximum(spread - noise, LEAST_PRIOR * spread)
        return (real * model.beta + doubt * prior) / (real + doubt)


def daily_deviation(returns: Floats, size: int) -> Floats:
    """Weighted standard deviation of returns over 252 sessions, half-life 42 (DASTD)."""
    return _deviation(returns, YEAR, size, half_life=42)


def plain_deviation(returns: Floats, size: int) -> Floats:
    """Standard deviation of returns over 243 sessions (STDVOL)."""
    return _deviation(returns, DFQ_YEAR, size)


def _deviation(returns: Floats, window: int, size: int, half_life: float = np.inf) -> Floats:
    mean = trailing_mean(returns, window, size, half_life)
    square = trailing_mean(returns**2, window, size, half_life)
    return np.sqrt(np.maximum(square - mean**2, 0.0))


def price_range(high: Floats, low: Floats, size: int) -> Floats:
    """Highest over lowest adjusted price of 243 sessions, minus one (RANGE)."""
    top = trailing_max(high, DFQ_YEAR, size)
    bottom = -trailing_max(-low, DFQ_YEAR, size)
    blank = np.full(top.shape, np.nan)
    return np.divide(top, bottom, out=blank, where=enough(high, DFQ_YEAR, size)) - 1.0


def best_days(returns: Floats, size: int) -> Floats:
    """Mean of the six largest returns of 243 sessions (MAXRET6)."""
    return largest_mean(returns, 6, DFQ_YEAR, size)


def worst_days(returns: Floats, size: int) -> Floats:
    """Minus the mean of the six smallest returns of 243 sessions, so that it grows with risk (MINRET6)."""
    return largest_mean(-returns, 6, DFQ_YEAR, size)


def residual_deviation(returns: Floats, factors: Floats, size: int) -> Floats:
    """Residual deviation of a regression on factor returns ``[M, k]`` over 243 sessions (IVFF)."""
    both = np.isfinite(returns) & np.isfinite(factors.sum(axis=1, keepdims=True))
    columns = [np.where(both, factor[:, None], 0.0) for factor in factors.T]
    columns.append(np.where(both, returns, 0.0))

    def total(z: Floats) -> Floats:
        return trailing_sum(z, DFQ_YEAR, size)

    known = enough(np.where(both, returns, np.nan), DFQ_YEAR, size)
    count = np.where(known, total(both.astype(np.float64)), np.nan)
    mean = [total(x) / count for x in columns]
    moment = [
        [total(x * y) / count - a * b for y, b in zip(columns[: i + 1], mean, strict=False)]
        for i, (x, a) in enumerate(zip(columns, mean, strict=True))
    ]
    return np.sqrt(np.maximum(_last_pivot(moment), 0.0))


def _last_pivot(moment: list[list[Floats]]) -> Floats:
    """Eliminate all but the last variable of a lower triangle of covariances: its residual variance."""
    with np.errstate(invalid="ignore", divide="ignore"):
        for k in range(len(moment) - 1):
            for i in range(k + 1, len(moment)):
                share = moment[i][k] / moment[k][k]
                for j in range(k + 1, i + 1):
                    moment[i][j] = moment[i][j] - share * moment[j][k]
    return moment[-1][-1]


def style_portfolios(
    returns: Floats, cap: Floats, book: Floats, estu: Bools, market: Floats
) -> Floats:
    """Daily factor returns market, small minus big, high minus low ``[M, 3]``.

    Six portfolios of the universe of the day before, two by market value (split at the median) and three
    by book to price (at 30 % and 70 %), cap-weighted; Fama and French (1993), formed every day.
    """
    factors = np.full((len(returns), 3), np.nan)
    factors[:, 0] = market
    for t in range(1, len(returns)):
        usable: Bools = estu[t - 1] & np.isfinite(returns[t]) & (book[t - 1] > 0.0)
        held = np.flatnonzero(usable)
        if len(held) < 30:  # five stocks a portfolio
            continue
        size = cap[t - 1, held].astype(np.float64)
        cheap = book[t - 1, held] / size
        third = np.searchsorted(np.quantile(cheap, (0.3, 0.7)), cheap)
        group = 3 * (size > np.median(size)) + third
        mass = np.bincount(group, size, 6)
        with np.errstate(invalid="ignore"):  # an empty portfolio leaves the day out
            six = np.bincount(group, size * returns[t, held], 6) / mass
        factors[t, 1] = six[:3].mean() - six[3:].mean()
        factors[t, 2] = (six[2] + six[5] - six[0] - six[3]) / 2.0
    return factors
