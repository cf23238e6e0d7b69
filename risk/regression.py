"""Cross-sectional regression of one day's returns on country, industries and styles.

    r = f_c + f_i(n) + sum_k z_nk f_k + u,    with sum_i c_i f_i = 0

where c_i is the cap share of industry i. As every stock has one industry, demeaning within industries
(Frisch-Waugh-Lovell) leaves a regression on the styles alone, and the industry intercepts
a_i = f_c + f_i follow: O(N S^2) instead of O(N K^2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from risk.arrays import Bools, Codes, Floats
from risk.cleaning import MAD_TO_SD

MIN_MEMBERS = 5  # an industry with fewer voters has no factor return that day
RETURN_WIDTH = 5.0  # robust deviations at which returns are clipped for the fit
LIMIT_WIDTH = 3.0  # ordinary deviations that the clip always spares
WEIGHT_CAP = (
    95.0  # percentile at which regression weights are clipped, so that no bank rules the fit
)
COLLINEAR = 1e-8  # smallest eigenvalue of the styles' correlation matrix that is fit for inversion


@dataclass(frozen=True, eq=False)
class CrossSection:
    """Factor returns of one day and how well they explain it.

    ``country`` and ``country_t`` are scalars; ``industry``, ``industry_t`` ``[P]``; ``style``,
    ``style_t``, ``vif`` ``[S]``; ``residual`` ``[n]``, NaN where the stock has no return or no industry
    factor. A factor that was not estimated is NaN. ``r2`` is uncentred,
    ``1 - sum v u^2 / sum v r^2`` over the voters, on unclipped returns.
    """

    country: float
    industry: Floats
    style: Floats
    country_t: float
    industry_t: Floats
    style_t: Floats
    residual: Floats
    r2: float
    vif: Floats


@dataclass(frozen=True, eq=False)
class _Fit:
    """Solution over the voters, and what the standard errors need."""

    style: Floats  # [S]
    intercept: Floats  # [P], NaN where the industry does not vote
    share: Floats  # [P] cap share
    inverse: Floats  # [S, S]
    scatter: Floats  # [P, P] covariance of the intercepts over sigma^2
    sigma2: float
    vif: Floats  # [S]


def cross_section(
    returns: Floats, styles: Floats, industry: Codes, cap: Floats, vote: Bools, industries: int
) -> CrossSection:
    """Estimate one day's factor returns by constrained weighted least squares.

    Weights are ``sqrt(cap)`` clipped at their 95th percentile; returns are clipped at the median plus and
    minus five robust (or three ordinary, if more) deviations, for the fit only.

    Parameters
    ----------
    returns
        Returns of the day ``[n]``, NaN where not traded.
    styles, industry, cap
        Exposures ``[n, S]`` without NaN, industry code ``[n]`` (-1: none) and market value ``[n]``, all
        as known at the close before.
    vote
        Stocks that enter the fit ``[n]``.
    industries
        Number of industry codes P.

    Raises
    ------
    ValueError
        ``styles`` holds NaN.
    """
    if np.isnan(styles).any():
        raise ValueError(
            f"styles hold {int(np.isnan(styles).sum())} NaN; drop absent columns first"
        )
    fit = vote & np.isfinite(returns) & (industry >= 0)
    members = np.bincount(industry[fit], minlength=industries)
    fit[fit] = members[industry[fit]] >= MIN_MEMBERS
    if fit.sum() <= np.sum(members >= MIN_MEMBERS) + styles.shape[1]:
        return _nothing(len(returns), styles.shape[1], industries)
    weight = regression_weights(cap[fit])
    clipped = _clip(returns[fit])
    columns = _independent(styles[fit], industry[fit], weight)
    solved = _solve(clipped, styles[fit][:, columns], industry[fit], cap[fit], weight, industries)
    return _assemble(solved, columns, returns, styles, industry, fit, weight)


def regression_weights(cap: Floats) -> Floats:
    """Square root of market value, clipped at its 95th percentile, mean one."""
    root = np.sqrt(cap)
    root = np.minimum(root, np.percentile(root, WEIGHT_CAP))
    return root / root.mean()


def _clip(returns: Floats) -> Floats:
    """Clip errors and jumps.

    When half of the market closes at one price limit the MAD is nearly zero, although the other half
    moved freely; three standard deviations then stand in.
    """
    middle = np.median(returns)
    robust = RETURN_WIDTH * MAD_TO_SD * np.median(np.abs(returns - middle))
    reach = max(robust, LIMIT_WIDTH * returns.std())
    return np.clip(returns, middle - reach, middle + reach)


def _industry_means(x: Floats, code: Codes, weight: Floats, mass: Floats) -> Floats:
    """Weighted mean of each column of ``x`` ``[n, S]`` by industry: ``[P, S]``, 0 where empty."""
    total = np.column_stack([np.bincount(code, weight * column, len(mass)) for column in x.T])
    return total / np.where(mass > 0.0, mass, 1.0)[:, None]


def _independent(styles: Floats, code: Codes, weight: Floats) -> Bools:
    """Leave out styles until the rest, within industries, can be told apart.

    Each time the one goes that carries most of the direction without variance.
    """
    keep = np.ones(styles.shape[1], dtype=bool)
    mass = np.bincount(code, weight)
    inner = styles - _industry_means(styles, code, weight, mass)[code] if keep.any() else styles
    gram = inner.T @ (weight[:, None] * inner)
    scale = np.sqrt(np.diag(gram))
    keep &= scale > 1e-6 * np.sqrt(mass.sum())
    while keep.any():
        where = np.flatnonzero(keep)
        correlation = gram[np.ix_(where, where)] / np.outer(scale[where], scale[where])
        values, vectors = np.linalg.eigh(correlation)
        if values[0] > COLLINEAR:
            break
        keep[where[np.argmax(np.abs(vectors[:, 0]))]] = False
    return keep


def _solve(
    returns: Floats, styles: Floats, code: Codes, cap: Floats, weight: Floats, industries: int
) -> _Fit:
    """Frisch-Waugh-Lovell: styles on demeaned data, then the industry intercepts."""
    mass = np.bincount(code, weight, industries)
    present = mass > 0.0
    everything = np.column_stack([returns, styles])
    means = _industry_means(everything, code, weight, mass)
    inner = everything - means[code]
    r, z = inner[:, 0], inner[:, 1:]
    mean_r, mean_z = means[:, 0], means[:, 1:]
    inverse = np.linalg.inv(z.T @ (weight[:, None] * z))
    style = inverse @ (z.T @ (weight * r))
    left = r - z @ style
    freedom = len(r) - int(present.sum()) - z.shape[1]
    share = np.bincount(code, cap, industries)
    overall = styles - np.average(styles, axis=0, weights=weight)
    return _Fit(
        style=style,
        intercept=np.where(present, mean_r - mean_z @ style, np.nan),
        share=share / share.sum(),
        inverse=inverse,
        scatter=np.diag(np.where(present, 1.0 / np.where(present, mass, 1.0), 0.0))
        + mean_z @ inverse @ mean_z.T,
        sigma2=float(np.sum(weight * left**2)) / freedom,
        vif=np.diag(inverse) * np.sum(weight[:, None] * overall**2, axis=0),
    )


def _assemble(
    solved: _Fit,
    columns: Bools,
    returns: Floats,
    styles: Floats,
    industry: Codes,
    fit: Bools,
    weight: Floats,
) -> CrossSection:
    """Split the intercepts into country and industries; add residuals and diagnostics."""
    country = float(np.nansum(solved.share * solved.intercept))
    cross = solved.scatter @ solved.share
    country_var = float(solved.share @ cross)
    industry_var = np.diag(solved.scatter) - 2.0 * cross + country_var
    intercept = np.where(industry >= 0, solved.intercept[industry], np.nan)
    residual = returns - intercept - styles[:, columns] @ solved.style
    sigma = np.sqrt(solved.sigma2)
    with np.errstate(
        invalid="ignore", divide="ignore"
    ):  # a single industry has return 0, variance 0
        industry_t = (solved.intercept - country) / (sigma * np.sqrt(np.maximum(industry_var, 0.0)))
    left, total = np.sum(weight * residual[fit] ** 2), np.sum(weight * returns[fit] ** 2)
    return CrossSection(
        country=country,
        industry=solved.intercept - country,
        style=_spread(solved.style, columns),
        country_t=country / (sigma * np.sqrt(country_var)),
        industry_t=industry_t,
        style_t=_spread(solved.style / (sigma * np.sqrt(np.diag(solved.inverse))), columns),
        residual=residual,
        r2=float(1.0 - left / total),
        vif=_spread(solved.vif, columns),
    )


def _spread(x: Floats, columns: Bools) -> Floats:
    """Put estimated entries at their places, NaN elsewhere."""
    full = np.full(len(columns), np.nan)
    full[columns] = x
    return full


def _nothing(stocks: int, styles: int, industries: int) -> CrossSection:
    """A day on which too few stocks vote to estimate anything."""

    def blank(size: int) -> Floats:
        return np.full(size, np.nan)

    return CrossSection(
        country=np.nan,
        industry=blank(industries),
        style=blank(styles),
        country_t=np.nan,
        industry_t=blank(industries),
        style_t=blank(styles),
        residual=blank(stocks),
        r2=np.nan,
        vif=blank(styles),
    )
