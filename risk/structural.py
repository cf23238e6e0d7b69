"""What specific risk a stock of its kind has, and how far its own history is to be believed.

    ln s_TS = c + c_industry + sum_k z_k b_k + e     over stocks whose history is believed
    s_STR = E0 exp(c + c_industry + sum_k z_k b_k),  E0 the weighted mean of s_TS over the fit
    gamma = clip((h - 60) / 120, 0, 1) min(1, exp(1 - Z)),   Z = |s_std / s_robust - 1|

h counts the residuals of the last 180 sessions, s_robust is their interquartile range over 1.35, s_std their
deviation with outliers clipped at ten s_robust: a history made by a few jumps says little. Weights are those
of the cross-sectional regression. Public USE4 notes (2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from risk.arrays import Bools, Codes, Floats
from risk.regression import cross_section, regression_weights

SHORT, LONG = 60, 180  # residuals at which a stock's own history begins to count, and counts fully
NORMAL_RANGE = 1.35  # interquartile range of a normal variable over its deviation
JUMP = 10.0  # robust deviations at which a residual is clipped
NEVER = 10_000  # sessions since a fit that was not made


@dataclass(frozen=True, eq=False)
class Kinds:
    """The stocks of one date by what they are: styles ``[n, S]``, industry ``[n]``, market value ``[n]``."""

    styles: Floats
    industry: Codes
    cap: Floats


@dataclass(frozen=True, eq=False)
class Structure:
    """How specific risk depends on what a stock is, and how well behaved each history ``[N]`` is.

    Coefficients that could not be estimated are zero. ``age`` counts sessions since the fit.
    """

    country: float
    industry: Floats
    style: Floats
    behaved: Floats
    age: int = 0

    @classmethod
    def empty(cls, stocks: int, industries: int, styles: int) -> Structure:
        """Return a structure in which all stocks are the same and every history is believed."""
        return cls(0.0, np.zeros(industries), np.zeros(styles), np.ones(stocks), NEVER)

    @classmethod
    def fit(
        cls, own: Floats, believed: Bools, kinds: Kinds, size: int, behaved: Floats
    ) -> Structure:
        """Regress the logarithm of volatilities ``own`` ``[n]`` of the ``believed`` stocks ``[n]``.

        ``size`` is the number of industry codes.
        """
        there = np.asarray(~np.isnan(kinds.styles).all(axis=0))
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.log(own)
        day = cross_section(
            logs - np.mean(logs[believed]), kinds.styles[:, there], kinds.industry, kinds.cap, believed, size
        )  # fmt: skip
        style = np.zeros(len(there))
        style[there] = day.style
        return cls(
            np.nan_to_num(day.country), np.nan_to_num(day.industry), np.nan_to_num(style), behaved
        )

    def volatility(self, own: Floats, believed: Bools, kinds: Kinds) -> Floats:
        """Return s_STR ``[n]``, at the level of the volatilities ``own`` ``[n]`` of the believed stocks."""
        industry = np.append(self.industry, 0.0)[kinds.industry]  # code -1 picks the zero
        shape = np.exp(self.country + industry + np.nan_to_num(kinds.styles) @ self.style)
        weight = regression_weights(kinds.cap[believed])
        return shape * np.average(own[believed] / shape[believed], weights=weight)


def behaviour(residual: Floats) -> Floats:
    """Return min(1, exp(1 - Z)) of each column of ``residual`` ``[days, n]``, NaN where there is none.

    Where more than half the residuals are equal nothing robust can be said, and it is zero; without any, one.
    """
    ordered = np.sort(residual.T, axis=1)  # NaN goes last
    count = np.isfinite(ordered).sum(axis=1)
    low, high = (_quantile(ordered, count, share) for share in (0.25, 0.75))
    robust = (high - low) / NORMAL_RANGE
    bound = JUMP * robust[:, None]
    plain = np.sqrt(np.nansum(np.clip(ordered, -bound, bound) ** 2, axis=1) / np.maximum(count, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        excess = np.abs(plain / robust - 1.0)
    return np.where(
        count > 1, np.exp(np.minimum(1.0 - np.where(robust > 0, excess, np.inf), 0.0)), 1.0
    )


def _quantile(ordered: Floats, count: Codes, share: float) -> Floats:
    """Quantile of the first ``count`` entries of each sorted row, by linear interpolation."""
    place = share * np.maximum(count - 1, 0)
    below = place.astype(np.int64)
    row = np.arange(len(ordered))
    low, high = ordered[row, below], ordered[row, np.minimum(below + 1, np.maximum(count - 1, 0))]
    return low + (place - below) * (high - low)


def history_share(count: Codes) -> Floats:
    """Return how far a history of ``count`` residuals counts ``[n]``: 0 up to 60, 1 from 180 on."""
    return np.clip((count.astype(np.float64) - SHORT) / (LONG - SHORT), 0.0, 1.0)
