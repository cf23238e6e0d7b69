"""Factor covariance: exponentially weighted, Newey-West corrected, with split half-lives.

    Gamma_l = sum_t w_t (f_t - m)(f_{t-l} - m)' / sum_t w_t,     w_t = 0.5^(age / half_life)
    V = Gamma_0 + sum_{l=1..L} (1 - l / (L + 1)) (Gamma_l + Gamma_l')
    F = sigma C sigma,  sigma from V(short half-life), C the correlation of V(long half-life)

Newey and West (1987); the split follows the public USE4 and CNE5 notes. A factor may be missing on a day
(an industry without members): sums run over the pairs present.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from risk.arrays import Floats

EIGEN_FLOOR = 1e-6  # of the mean eigenvalue of a correlation matrix, which is one
LATE = 0.9  # share of the longest history below which a factor's correlations are young
NEAR = 0.8  # share of the least eigenvalue of the old factors that the young ones have to leave


@dataclass(frozen=True)
class Horizon:
    """How fast a risk model forgets. Half-lives and lags in sessions.

    ``vol``/``corr`` are half-lives of factor volatilities and correlations, ``nw_vol``/``nw_corr`` their
    Newey-West lags, ``vra`` the half-life of the volatility regime; ``specific`` is the half-life of specific
    variance, ``nw_specific`` its lags, ``nw_specific_half_life`` the half-life of its autocorrelations,
    ``shrinkage`` the q of the shrinkage towards the cap decile, ``specific_vra`` that regime's half-life.

    Whatever the horizon, a model forecasts DAILY variance; over H sessions it is H times that. Presets differ
    in what they are tuned for: ``CNE5D`` for the next session, the short ones for a week to a few months, the
    long ones beyond a quarter.
    """

    vol: float = 84.0
    corr: float = 504.0
    nw_vol: int = 5
    nw_corr: int = 2
    vra: float = 42.0
    specific: float = 84.0
    nw_specific: int = 5
    nw_specific_half_life: float = 252.0
    shrinkage: float = 0.25
    specific_vra: float = 42.0


# Two public sources agree on the USE4 numbers; those of CNE5 rest on one.
CNE5S = Horizon()
CNE5L = Horizon(vol=252.0, vra=168.0, specific=252.0, specific_vra=168.0)
CNE5D = Horizon(
    vol=42.0, corr=200.0, nw_vol=0, nw_corr=0, vra=4.0,
    specific=42.0, nw_specific=0, shrinkage=0.1, specific_vra=4.0,
)  # fmt: skip
USE4S = Horizon(shrinkage=0.1)
USE4L = Horizon(vol=252.0, vra=168.0, specific=252.0, shrinkage=0.1, specific_vra=168.0)


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted sums behind the autocovariances of K factors up to lag L, moved on a day at a time.

    Entry ``[l, i, j]`` runs over the days t on which factor i was present at t and j at t - l:
    ``weight`` sums w, ``lead`` w f_i(t), ``lag`` w f_j(t-l), ``product`` w f_i(t) f_j(t-l).
    ``recent`` ``[L + 1, K]`` holds the newest factor returns, newest first; ``observed`` ``[K]``
    counts days.
    """

    half_life: float
    weight: Floats
    lead: Floats
    lag: Floats
    product: Floats
    recent: Floats
    observed: Floats

    @classmethod
    def empty(cls, factors: int, lags: int, half_life: float) -> Moments:
        """Return the sums before the first day."""
        zero = np.zeros((lags + 1, factors, factors))
        recent = np.full((lags + 1, factors), np.nan)
        return cls(half_life, zero, zero, zero, zero, recent, np.zeros(factors))

    def update(self, returns: Floats) -> Moments:
        """Add a day of factor returns ``[K]``, NaN where missing."""
        fade = 0.5 ** (1.0 / self.half_life)
        recent = np.vstack([returns, self.recent[:-1]])
        present = np.isfinite(recent)
        value = np.where(present, recent, 0.0)
        now, then = value[0][None, :, None], value[:, None, :]
        here, there = present[0][None, :, None], present[:, None, :]
        return replace(
            self,
            weight=fade * self.weight + (here & there),
            lead=fade * self.lead + now * there,
            lag=fade * self.lag + here * then,
            product=fade * self.product + now * then,
            recent=recent,
            observed=self.observed + present[0],
        )

    def autocovariance(self) -> Floats:
        """Return Gamma_0 to Gamma_L ``[L + 1, K, K]`` per day; NaN for pairs never seen together.

        Every lag is divided by the weight of lag zero, as in the textbook estimator, which keeps a full
        history with equal weights positive semidefinite.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.diag(self.lead[0]) / np.diag(self.weight[0])
            m_i, m_j = mean[:, None], mean[None, :]
            centred = self.product - m_i * self.lag - m_j * self.lead + self.weight * (m_i * m_j)
            return centred / self.weight[0]

    def inherit(self, mix: Floats, kept: Floats) -> Moments:
        """Rewrite history in another factor basis: new factor i continues ``sum_j mix[i, j]`` old j.

        The new factor is taken to have had the variance of that mix, a share ``kept`` of it in common
        with the mix and the rest its own. Its history counts like any other, for an estimate over
        pairs of unequal history would not be positive semidefinite.

        Parameters
        ----------
        mix
            ``[K, K]``; rows sum to one, the row of a factor that stays is a unit vector.
        kept
            ``[K]``, 0 to 1; 1 for a factor that stays.
        """
        weight = mix @ self.weight @ mix.T
        common = np.sqrt(np.outer(kept, kept))
        np.fill_diagonal(common, 1.0)
        safe = np.where(self.weight > 0.0, self.weight, 1.0)

        def mean(total: Floats) -> Floats:
            return mix @ (total / safe) @ mix.T

        present = np.isfinite(self.recent)
        whole = (
            present.astype(np.float64) @ mix.T > 1.0 - 1e-9
        )  # a mix exists when all its parts do
        value = np.where(present, self.recent, 0.0) @ mix.T
        return replace(
            self,
            weight=weight,
            lead=mean(self.lead) * weight,
            lag=mean(self.lag) * weight,
            product=mean(self.product) * common * weight,
            recent=np.where(whole, value, np.nan),
            observed=mix @ self.observed,
        )


def newey_west(autocovariance: Floats) -> Floats:
    """Sum autocovariances ``[L + 1, K, K]`` with Bartlett weights into V ``[K, K]``.

    Examples
    --------
    >>> newey_west(np.array([[[2.0]], [[0.5]]]))  # 2 + (1 - 1/2) * (0.5 + 0.5)
    array([[2.5]])
    """
    lags = len(autocovariance) - 1
    total = autocovariance[0]
    for k in range(1, lags + 1):
        total = total + (1.0 - k / (lags + 1)) * (autocovariance[k] + autocovariance[k].T)
    return total


def factor_covariance(vol: Moments, corr: Moments, factors: Floats) -> tuple[Floats, bool]:
    """Join the volatilities of one history with the correlations of another.

    Parameters
    ----------
    vol, corr
        Moments with the half-lives of volatilities and of correlations.
    factors
        Positions of the factors wanted ``[k]``.

    Returns
    -------
    tuple
        Covariance ``[k, k]`` per day, positive definite, and whether that took a repair: a Newey-West
        variance that is not positive (the plain one then stands), a pair of factors never seen together
        (correlation zero), young factors (see ``shrink_young``), or an eigenvalue of the correlation matrix
        under the floor.
    """
    chosen = np.ix_(factors, factors)
    gamma = vol.autocovariance()
    variance, plain = np.diag(newey_west(gamma))[factors], np.diag(gamma[0])[factors]
    negative = ~(variance > 0.0)
    sigma = np.sqrt(np.where(negative, plain, variance))
    joint = newey_west(corr.autocovariance())[chosen]
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(np.diag(joint))
        correlation = joint / np.outer(scale, scale)
    unknown = ~np.isfinite(correlation)
    correlation[unknown] = 0.0
    np.fill_diagonal(correlation, 1.0)
    correlation, shrunk = shrink_young(correlation, corr.observed[factors])
    correlation, floored = nearest_correlation(correlation)
    repaired = bool(negative.any() or unknown.any() or shrunk or floored)
    return correlation * np.outer(sigma, sigma), repaired


def shrink_young(correlation: Floats, observed: Floats) -> tuple[Floats, bool]:
    """Draw the correlations of young factors towards zero until they hide no risk; tell whether any were.

    Correlations over pairs of unequal history contradict each other: ten factors that are half a year old
    beside forty of five years gave an eigenvalue of -0.3, and a floor under it a portfolio forecast to be
    without risk. So the correlations among young factors are multiplied by a^2 and those with the old ones
    by a, with the largest a at which the least eigenvalue is near that of the old factors alone. More
    factors can only lower it, so at a = 0 the condition holds.

    Parameters
    ----------
    correlation
        ``[k, k]``, unit diagonal.
    observed
        Days of history ``[k]``; young is under 0.9 of the longest.
    """
    young = observed < LATE * observed.max()
    if not young.any():
        return correlation, False
    least = NEAR * np.linalg.eigvalsh(correlation[np.ix_(~young, ~young)])[0]

    def drawn(a: float) -> Floats:
        part = np.where(young, a, 1.0)
        result = correlation * np.outer(part, part)
        np.fill_diagonal(result, 1.0)
        return result

    if least <= 0.0 or np.linalg.eigvalsh(correlation)[0] >= least:
        return correlation, False
    low, high = 0.0, 1.0
    for _ in range(10):
        middle = 0.5 * (low + high)
        if np.linalg.eigvalsh(drawn(middle))[0] >= least:
            low = middle
        else:
            high = middle
    return drawn(low), True


def nearest_correlation(correlation: Floats) -> tuple[Floats, bool]:
    """Lift eigenvalues to the floor and rescale the diagonal to one; tell whether that was needed."""
    values, vectors = np.linalg.eigh(correlation)
    if values[0] >= EIGEN_FLOOR:
        return correlation, False
    lifted = (vectors * np.maximum(values, EIGEN_FLOOR)) @ vectors.T
    scale = np.sqrt(np.diag(lifted))
    return lifted / np.outer(scale, scale), True
