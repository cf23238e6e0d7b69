"""Raw descriptors of a fundamental risk model: plain arrays in, plain arrays out, one function each.

Each function takes arrays ``[M, N]`` (sessions, stocks) whose last ``size`` rows are asked for and
returns ``[size, N]``; the rows before serve as the trailing window. Returns are simple daily fractions,
NaN where a stock did not trade; the risk-free rate is zero, which only shifts the country factor.
A month is 21 sessions. Windows with under a quarter of their observations give NaN.

Definitions: public summaries of the USE4 methodology (2011) and the CNE5 notes (2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from risk.arrays import Floats
from risk.windows import enough, lagged, trailing_mean, trailing_sum

MONTH = 21
YEAR = 252
LOOKBACK = 2 * YEAR + MONTH  # rows before a block that its longest window needs: that of momentum


@dataclass(frozen=True, eq=False)
class MarketModel:
    """Time-series regression on the market, ``[size, N]`` each.

    ``beta`` is the slope; ``sigma`` the weighted standard deviation of what the market leaves over,
    per day.
    """

    beta: Floats
    sigma: Floats


def market_model(returns: Floats, market: Floats, size: int) -> MarketModel:
    """Regress returns on the market return ``[M]`` over 252 sessions, half-life 63.

    Weighted least squares ``r = a + b R + e`` over the sessions on which the stock and the market both
    have a return (BETA and HSIGMA).
    """
    both = np.isfinite(returns) & np.isfinite(market)[:, None]
    x = np.where(both, market[:, None], 0.0)
    y = np.where(both, returns, 0.0)

    def total(z: Floats) -> Floats:
        return trailing_sum(z, YEAR, size, half_life=63)

    weight = total(both.astype(np.float64))
    weight = np.where(enough(np.where(both, returns, np.nan), YEAR, size), weight, np.nan)
    mean_x, mean_y = total(x) / weight, total(y) / weight
    with np.errstate(invalid="ignore", divide="ignore"):  # a market without variance has no beta
        covariance = total(x * y) / weight - mean_x * mean_y
        slope = covariance / (total(x * x) / weight - mean_x**2)
        left = total(y * y) / weight - mean_y**2 - slope * covariance
    slope[~np.isfinite(slope)] = np.nan
    return MarketModel(slope, np.sqrt(np.maximum(left, 0.0)))


def log_cap(cap: Floats) -> Floats:
    """Natural logarithm of market value (LNCAP)."""
    return np.log(cap)


def relative_strength(returns: Floats, size: int) -> Floats:
    """Mean log return over 504 sessions, half-life 126, that ended 21 sessions ago (RSTR)."""
    return trailing_mean(lagged(np.log1p(returns), MONTH), 2 * YEAR, size, half_life=126)


def daily_deviation(returns: Floats, size: int) -> Floats:
    """Weighted standard deviation of returns over 252 sessions, half-life 42 (DASTD)."""
    mean = trailing_mean(returns, YEAR, size, half_life=42)
    square = trailing_mean(returns**2, YEAR, size, half_life=42)
    return np.sqrt(np.maximum(square - mean**2, 0.0))


def cumulative_range(returns: Floats, size: int) -> Floats:
    """Largest minus smallest log return of the last 1, 2, ... 12 months (CMRA, the CNE6 form).

    Sessions without a trade count as zero; the first return after a suspension holds the whole gap.
    """
    logs = np.nan_to_num(np.log1p(returns))
    months = trailing_sum(logs, MONTH, min(len(logs), size + YEAR - MONTH))
    begun = np.zeros((size + YEAR - MONTH - len(months), returns.shape[1]))
    months = np.vstack([begun, months])  # rows before the data hold no return
    total = np.zeros((size, returns.shape[1]))
    high, low = np.full(total.shape, -np.inf), np.full(total.shape, np.inf)
    for k in range(12):
        end = len(months) - k * MONTH
        total = total + months[end - size : end]
        high, low = np.maximum(high, total), np.minimum(low, total)
    return np.where(enough(returns, YEAR, size), high - low, np.nan)


def turnover(turned: Floats, months: int, size: int) -> Floats:
    """Logarithm of a month's turnover, averaged over ``months`` (1: STOM, 3: STOQ, 12: STOA).

    ``turned`` ``[M, N]`` is the share of the float traded on a session, NaN where none was; the average
    runs over the sessions that traded, so a suspension does not make a stock look illiquid.
    """
    mean = trailing_mean(turned, months * MONTH, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean > 0.0, np.log(MONTH * mean), np.nan)


def ratio(amount: Floats, cap: Floats) -> Floats:
    """Accounting amount over market value (BTOP, ETOP, DTOP)."""
    return amount / cap
