"""Eigenfactor risk adjustment: how much an estimated covariance flatters its own eigenportfolios.

The portfolio that looks least risky in a sample looks so partly by luck. Simulation tells by how much:
draw histories from the covariance F = U D U' as if it were the truth, estimate each with the same
estimator, and compare, by rank of the eigenvalue, the true with the estimated variance:

    F_m = U_m D_m U_m',    v(k)^2 = mean_m (U_m' F U_m)_kk / D_m(k),    F <- U diag(v^2 D) U'

Public USE4 notes (2011). The estimator is linear in the products of returns, so a history drawn from F is
f = G z with G = F^(1/2) and z white noise, and its estimate follows from the same statistics W of z alone:
G W G'. They are drawn once and serve every date. G is the symmetric root, so that the noise belongs to
factors: it does not jump when eigenvectors swap, and a model with fewer factors takes their rows and columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from risk.arrays import Codes, Floats
from risk.covariance import EIGEN_FLOOR, Horizon, nearest_correlation

BOUNDS = (0.8, 2.0)  # of v: what lies outside is not estimation error
MANY = 60  # factors above which a parabola through the ranks is sound
SMALLEST = 15  # ranks that the parabola leaves out, as they are the noisiest
SHORTEST = 252  # sessions of the shortest simulated history
MEMORY = 6  # half-lives after which more history changes nothing


@dataclass(frozen=True)
class Eigen:
    """How the eigenfactor adjustment is made.

    Parameters
    ----------
    simulations
        Simulated histories. Their noise in v is 0.004 at 200 and 0.0015 at 1,000, which cost five times more.
    refresh
        Sessions for which v is kept, by rank, before it is simulated anew.
    scale
        ``None`` uses v as simulated, right for a stationary world. A number a uses ``a (v - 1) + 1``, with
        v smoothed by a parabola if there are more than 60 factors; 1.2 to 1.4 patch fat tails.
    seed
        Of the noise.
    """

    simulations: int = 200
    refresh: int = 21
    scale: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.simulations < 2 or self.refresh < 1:
            raise ValueError(
                f"eigen adjustment with {self.simulations} simulations every {self.refresh} sessions "
                "cannot be made; use at least 2 and 1"
            )


@dataclass(frozen=True, eq=False)
class Whitened:
    """Newey-West statistics of white noise ``[M, K, K]`` with the weights of volatility and correlation."""

    vol: Floats
    corr: Floats

    def of(self, factors: Codes) -> Whitened:
        """Return the statistics of some of the factors: rows and columns of white noise are white."""
        if len(factors) == self.vol.shape[-1]:
            return self
        chosen = np.ix_(np.arange(len(self.vol)), factors, factors)
        return Whitened(self.vol[chosen], self.corr[chosen])


@dataclass(frozen=True, eq=False)
class EigenBias:
    """The last simulated v ``[k]`` by rank, and how many sessions ago that was."""

    v: Floats = field(default_factory=lambda: np.ones(0))
    age: int = 0

    def at(self, count: int) -> Floats:
        """Return v for ``count`` factors: if they were more or fewer, at the same relative rank."""
        if count == len(self.v):
            return self.v
        return np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(self.v)), self.v)


def whitened_statistic(noise: Floats, half_life: float, lags: int) -> Floats:
    """Return ``newey_west`` of the autocovariances of ``noise`` ``[T, K]``, oldest first, in one product.

    ``V = S + S'`` with ``S = sum_t w_t z_t (z_t / 2 + sum_l (1 - l / (L + 1)) z_{t-l})' / sum_t w_t``, z about
    its weighted mean.
    """
    weight = 0.5 ** (np.arange(len(noise))[::-1] / half_life)
    weight /= weight.sum()
    z = noise - weight @ noise
    other = 0.5 * z
    for lag in range(1, lags + 1):
        other[lag:] += (1.0 - lag / (lags + 1)) * z[:-lag]
    half = (weight[:, None] * z).T @ other
    return half + half.T


def simulated_length(days: int, horizon: Horizon) -> int:
    """Return the length of history to simulate for an estimate from ``days`` days.

    A short history makes more error, so the length follows the days in steps of a factor sqrt(2), up to
    six half-lives; a step changes v by less than its noise.

    Examples
    --------
    >>> [simulated_length(days, Horizon(vol=84.0, corr=504.0)) for days in (100, 260, 600, 9999)]
    [252, 252, 504, 2851]
    """
    longest = MEMORY * max(horizon.vol, horizon.corr)
    steps = np.floor(2.0 * np.log2(max(min(days, longest), SHORTEST) / SHORTEST) + 1e-9)
    return int(SHORTEST * 2.0 ** (steps / 2.0))


@lru_cache(maxsize=2)
def whitened_draws(
    factors: int, horizon: Horizon, length: int, simulations: int, seed: int
) -> Whitened:
    """Draw white histories ``[length, factors]`` and estimate them as factor returns are estimated.

    Each history begins with its newest day, so a longer one adds days to a shorter.
    """
    vol, corr = np.empty((2, simulations, factors, factors))
    for m in range(simulations):
        noise = np.random.default_rng((seed, m)).standard_normal((length, factors))[::-1]
        vol[m] = whitened_statistic(noise, horizon.vol, horizon.nw_vol)
        corr[m] = whitened_statistic(noise, horizon.corr, horizon.nw_corr)
    return Whitened(vol, corr)


def simulated_covariances(covariance: Floats, draws: Whitened) -> Floats:
    """Return the estimates ``[M, k, k]`` of histories drawn from a covariance ``[k, k]``.

    As in the estimator, volatilities come from one set of weights and correlations from the other.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    variance = np.sum((root @ draws.vol) * root, axis=2)
    joint = root @ draws.corr @ root
    plain = np.einsum("mkk->mk", joint)
    ratio = np.sqrt(np.maximum(variance, EIGEN_FLOOR * plain) / plain)
    return joint * ratio[:, :, None] * ratio[:, None, :]


def eigen_bias(covariance: Floats, draws: Whitened, scale: float | None = None) -> Floats:
    """Return v ``[k]``: true over estimated volatility of simulated eigenportfolios, smallest first.

    Parameters
    ----------
    covariance
        ``[k, k]``, positive definite.
    draws
        Statistics of white noise for its factors.
    scale
        a of ``a (v - 1) + 1``; see ``Eigen``.
    """
    simulated = simulated_covariances(covariance, draws)
    values, vectors = np.linalg.eigh(simulated)
    for m in np.flatnonzero(values[:, 0] <= EIGEN_FLOOR * values.mean(axis=1)):
        values[m], vectors[m] = np.linalg.eigh(_mended(simulated[m]))
    true = np.sum((covariance @ vectors) * vectors, axis=1)
    v = np.sqrt(np.mean(true / values, axis=0))
    return np.clip(v if scale is None else scale * (_smooth(v) - 1.0) + 1.0, *BOUNDS)


def eigen_adjust(covariance: Floats, v: Floats) -> Floats:
    """Scale the volatility of the eigenportfolios of ``covariance`` ``[k, k]``, smallest first, by v ``[k]``.

    Examples
    --------
    >>> eigen_adjust(np.diag([4.0, 1.0]), np.array([2.0, 1.0]))  # the smaller is the second
    array([[4., 0.],
           [0., 4.]])
    """
    values, vectors = np.linalg.eigh(covariance)
    adjusted = (vectors * (v * v * values)) @ vectors.T
    return 0.5 * (adjusted + adjusted.T)


def _mended(covariance: Floats) -> Floats:
    """Repair a simulated estimate as a real one is repaired."""
    sigma = np.sqrt(np.diag(covariance))
    scale = np.outer(sigma, sigma)
    return nearest_correlation(covariance / scale)[0] * scale


def _smooth(v: Floats) -> Floats:
    """Parabola through the ranks without the smallest fifteen, if there are ranks enough."""
    if len(v) <= MANY:
        return v
    rank = np.arange(len(v), dtype=np.float64)
    kept = slice(SMALLEST, None)
    return np.polyval(np.polyfit(rank[kept], v[kept], 2), rank)
