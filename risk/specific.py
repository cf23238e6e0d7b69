"""Specific risk: what the factors leave over, stock by stock.

    s_TS^2 = sum_t w_t u_t^2 * clip(1 + 2 sum_l (1 - l / (L + 1)) rho_l, 0.5, 2)

with rho_l the autocorrelations of the residual; then what is known of similar stocks speaks where the own
history is short or erratic (``risk.structural``), and all are shrunk towards their decile of market value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from risk.arrays import Codes, Floats
from risk.covariance import Horizon

MULTIPLIER = (0.5, 2.0)  # bounds of the Newey-West factor on a single stock's variance
DECILES = 10


@dataclass(frozen=True, eq=False)
class ResidualMoments:
    """Weighted sums over each stock's own residuals, moved on only when the stock has one.

    A suspended stock keeps its state. ``square`` and ``weight`` ``[N]`` carry the variance, ``cross``
    ``[L + 1, N]`` the autocovariances from lag 0, ``recent`` ``[L, N]`` the newest residuals, newest first.
    """

    horizon: Horizon
    square: Floats
    weight: Floats
    cross: Floats
    recent: Floats

    @classmethod
    def empty(cls, stocks: int, horizon: Horizon) -> ResidualMoments:
        """Return the sums before the first day."""
        lags, none = horizon.nw_specific, np.zeros(stocks)
        return cls(horizon, none, none, np.zeros((lags + 1, stocks)), np.zeros((lags, stocks)))

    def update(self, residual: Floats) -> ResidualMoments:
        """Add a day of residuals ``[N]``, NaN where a stock has none."""
        seen = np.isfinite(residual)
        u = np.where(seen, residual, 0.0)
        newest = np.vstack([u, self.recent])
        fade = np.where(seen, 0.5 ** (1.0 / self.horizon.specific), 1.0)
        slow = np.where(seen, 0.5 ** (1.0 / self.horizon.nw_specific_half_life), 1.0)
        return replace(
            self,
            square=fade * self.square + u * u,
            weight=fade * self.weight + seen,
            cross=slow * self.cross + u * newest,
            recent=np.where(seen, newest[:-1], self.recent),
        )

    def volatility(self) -> Floats:
        """Return the time-series specific volatility s_TS ``[N]`` per day; NaN without residuals."""
        lags = len(self.cross) - 1
        bartlett = (1.0 - np.arange(1, lags + 1) / (lags + 1))[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            # summed lag by lag, as a matrix product would round by the stocks that stand beside
            multiplier = 1.0 + 2.0 * np.sum(bartlett * (self.cross[1:] / self.cross[0]), axis=0)
            return np.sqrt(self.square / self.weight * np.clip(multiplier, *MULTIPLIER))

    def widen(self, position: Codes, stocks: int) -> ResidualMoments:
        """Move the stocks to ``position`` on a grid of ``stocks`` columns; the others are empty."""
        wide = ResidualMoments.empty(stocks, self.horizon)
        moved = {}
        for name in ("square", "weight", "cross", "recent"):
            target = getattr(wide, name).copy()
            target[..., position] = getattr(self, name)
            moved[name] = target
        return replace(wide, **moved)


@dataclass(frozen=True, eq=False)
class SpecificRisk:
    """Specific volatility ``[n]`` per day; how many stocks lean on others of their kind, or were clipped."""

    volatility: Floats
    thin: int
    clipped: int


def specific_risk(
    own: Floats, trust: Floats, structural: Floats, cap: Floats, shrinkage: float
) -> SpecificRisk:
    """Blend time-series with structural volatilities and shrink them by decile of market value.

    Parameters
    ----------
    own
        Time-series volatility ``[n]``, NaN where there is none.
    trust
        Weight of the own history ``[n]``, 0 to 1; 0 where there is none.
    structural
        Volatility of stocks of the same kind ``[n]``, which has the rest.
    cap
        Market value ``[n]``.
    shrinkage
        q of ``shrink_by_cap``.
    """
    blended = trust * np.where(trust > 0.0, own, 0.0) + (1.0 - trust) * structural
    decile = cap_deciles(cap)
    mean = decile_means(blended, cap, decile)[decile]
    shrunk = shrink_by_cap(blended, mean, decile, shrinkage)
    low, high = np.percentile(shrunk, [1.0, 99.0])
    bounded = np.clip(shrunk, low, 1.5 * high)
    return SpecificRisk(bounded, int(np.sum(trust < 0.5)), int(np.sum(bounded != shrunk)))


def cap_deciles(cap: Floats) -> Codes:
    """Decile of market value ``[n]``, 0 the smallest; ties stay in order."""
    rank = np.empty(len(cap), dtype=np.int64)
    rank[np.argsort(cap, kind="stable")] = np.arange(len(cap))
    return rank * DECILES // len(cap)


def decile_means(risk: Floats, cap: Floats, decile: Codes) -> Floats:
    """Cap-weighted mean of volatilities by decile ``[10]``; NaN where the decile is empty."""
    mass = np.bincount(decile, cap, DECILES)
    total = np.bincount(decile, cap * risk, DECILES)
    return np.divide(total, mass, out=np.full(DECILES, np.nan), where=mass > 0.0)


def shrink_by_cap(own: Floats, mean: Floats, decile: Codes, q: float) -> Floats:
    """Pull volatilities towards their decile's mean, the harder the further out they lie.

        w = q |s - m| / (D + q |s - m|),   s <- w m + (1 - w) s,   D^2 = mean over the decile of (s - m)^2

    ``mean`` ``[n]`` is each stock's decile mean. q = 0 changes nothing; q to infinity gives the mean.

    Examples
    --------
    >>> own, mean = (
    ...     np.array([1.0, 3.0]),
    ...     np.array([2.0, 2.0]),
    ... )  # |s - m| = D = 1, so w = 1/2 for q = 1
    >>> shrink_by_cap(own, mean, np.zeros(2, dtype=int), q=1.0)
    array([1.5, 2.5])
    """
    distance = np.abs(own - mean)
    count = np.bincount(decile, minlength=DECILES)
    square = np.bincount(decile, distance**2, DECILES)
    spread = np.sqrt(square / np.maximum(count, 1))[decile]
    pull = q * distance
    weight = np.divide(pull, spread + pull, out=np.zeros_like(pull), where=pull > 0.0)
    return weight * mean + (1.0 - weight) * own
