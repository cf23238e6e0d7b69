"""Cross-sectional regression of one day's returns on country, industries and styles.

    r = f_c + f_i(n) + sum_k z_nk f_k + u,    with sum_i c_i f_i = 0

where c_i is the cap share of industry i. As every stock has one industry, demeaning within industries
(Frisch-Waugh-Lovell) leaves a regression on the styles alone, and the industry intercepts
a_i = f_c + f_i follow: O(N S^2) instead of O(N K^2).

    f_S = A Z'V r,  A = (Z'V Z)^-1,    a_i = rbar_i - zbar_i f_S,    f_c = sum_i c_i a_i
    Var(a) = sigma^2 C,  C = diag(1 / w_i) + zbar A zbar',    Var(f_S) = sigma^2 diag(A)

with Z, r demeaned, V the weights, w_i their sums and zbar_i, rbar_i the weighted means by industry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from risk import closed_form
from risk.arrays import Bools, Codes, Floats
from risk.closed_form import FLAT

CONDITION = 1e8  # of the styles' correlation matrix: the largest that is fit for inversion
TIE = 1e-3  # variance inflations nearer than this, relatively, are the same


@dataclass(frozen=True, eq=False)
class CrossSection:
    """Factor returns of one day and how well they explain it.

    ``country`` and ``country_t`` are scalars; ``industry``, ``industry_t`` ``[P]``; ``style``,
    ``style_t``, ``vif`` ``[S]``; ``residual`` ``[n]``, NaN where the stock has no return or no industry
    factor; ``voted`` ``[n]`` tells who entered the fit. A factor that was not estimated is NaN.

    ``r2`` is uncentred, ``1 - sum v u^2 / sum v r^2`` over the voters, on unclipped returns;
    ``r2_centred`` takes returns about their weighted mean; ``r2_adjusted`` is
    ``1 - (1 - r2)(n - 1) / (n - P - S)``, P and S the factors estimated.
    """

    country: float
    industry: Floats
    style: Floats
    country_t: float
    industry_t: Floats
    style_t: Floats
    residual: Floats
    voted: Bools
    r2: float
    r2_centred: float
    r2_adjusted: float
    vif: Floats


def cross_section(
    returns: Floats, styles: Floats, industry: Codes, cap: Floats, vote: Bools, industries: int
) -> CrossSection:
    """Estimate one day's factor returns by constrained weighted least squares.

    Weights are ``sqrt(cap)`` clipped at their 95th percentile; returns are clipped at the median plus and
    minus five robust (or three ordinary, if more) deviations, for the fit only. While the correlation
    matrix of the styles within industries has a condition number above 1e8, the style with the largest
    variance inflation leaves, the last listed of several: its return is NaN.

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
        ``styles`` holds NaN, or a voter's market value is not positive.
    """
    code, styles = industry.astype(np.int64), np.ascontiguousarray(styles, dtype=np.float64)
    voters = closed_form.electorate(returns, code, vote, industries)
    _check(styles, cap[voters])
    size = np.bincount(code[voters], cap[voters], industries)
    freedom = len(voters) - int(np.sum(size > 0.0)) - styles.shape[1]
    if freedom <= 0:
        return _nothing(len(returns), styles.shape[1], industries)
    weight = closed_form.capped_root(cap[voters])
    clipped = closed_form.clipped_returns(returns[voters])
    share = size / size.sum()
    sums = closed_form.within(clipped, styles, code, weight, voters, industries)
    solved = closed_form.solve(*sums, share)
    columns = np.ones(styles.shape[1], dtype=bool)
    if solved[-1] > CONDITION:  # a bound, so it may be in order after all
        columns = independent(*sums)
    if not columns.all():
        styles = np.ascontiguousarray(styles[:, columns])
        freedom += int(np.sum(~columns))
        pick = np.append(True, columns)
        means = np.ascontiguousarray(sums[1][:, pick])
        solved = closed_form.solve(sums[0], means, sums[2][np.ix_(pick, pick)], share)
    intercept = np.where(size > 0.0, solved[1], np.nan)
    residual = closed_form.left_over(returns, styles, code, intercept, solved[0])
    mass, total, square, left, left_clipped = closed_form.explained(
        returns, clipped, residual, weight, voters
    )
    voted = np.zeros(len(returns), dtype=bool)
    voted[voters] = True
    with np.errstate(invalid="ignore", divide="ignore"):  # a day on which nothing moved
        return CrossSection(
            **_returns(solved, intercept, share, columns, np.sqrt(left_clipped / freedom)),
            residual=residual,
            voted=voted,
            r2=float(1.0 - np.divide(left, square)),
            r2_centred=float(1.0 - np.divide(left, square - total * total / mass)),
            r2_adjusted=float(1.0 - np.divide(left, square) * (len(voters) - 1) / freedom),
        )


def _check(styles: Floats, cap: Floats) -> None:
    if np.isnan(styles).any():
        raise ValueError(
            f"styles hold {int(np.isnan(styles).sum())} NaN; drop absent columns first"
        )
    if not (cap > 0.0).all():
        raise ValueError(
            f"{int(np.sum(~(cap > 0.0)))} of {len(cap)} voters have no positive market value; "
            "take their vote"
        )


def regression_weights(cap: Floats) -> Floats:
    """Square root of market value, clipped at its 95th percentile, mean one."""
    return closed_form.capped_root(np.array(cap, dtype=np.float64))


def independent(mass: Floats, means: Floats, products: Floats) -> Bools:
    """Tell which styles stay ``[S]``: the rest, within industries, repeat them or do not vary.

    Arguments are what ``closed_form.within`` returns. Of styles that cannot be told apart the one with
    the largest variance inflation goes, the last listed of several, until the condition number is in order.
    """
    gram, spread = products[1:, 1:], closed_form.spread(mass, means, products)
    scale = np.sqrt(np.diag(gram))
    keep = scale > np.sqrt(FLAT * mass.sum())
    while keep.any():
        where = np.flatnonzero(keep)
        correlation = gram[np.ix_(where, where)] / np.outer(scale[where], scale[where])
        values, vectors = np.linalg.eigh(correlation)
        if values[0] * CONDITION >= values[-1]:
            break
        inverse = vectors**2 @ (1.0 / np.maximum(values, 1e-16 * values[-1]))
        inflation = inverse * spread[where] / scale[where] ** 2
        keep[where[np.flatnonzero(inflation >= (1.0 - TIE) * inflation.max())[-1]]] = False
    return keep


def _returns(
    solved: tuple[Any, ...], intercept: Floats, share: Floats, columns: Bools, sigma: float
) -> dict[str, Any]:
    """Split the intercepts into country and industries; add t statistics and inflations."""
    style, _, style_var, country_var, industry_var, inflation, _ = solved
    country = float(np.nansum(share * intercept))
    industry = intercept - country
    return {
        "country": country,
        "industry": industry,
        "style": _spread_out(style, columns),
        "country_t": float(np.divide(country, sigma * np.sqrt(country_var))),
        "industry_t": industry / (sigma * np.sqrt(industry_var)),  # one alone is 0 / 0
        "style_t": _spread_out(style / (sigma * np.sqrt(style_var)), columns),
        "vif": _spread_out(inflation, columns),
    }


def _spread_out(x: Floats, columns: Bools) -> Floats:
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
        voted=np.zeros(stocks, dtype=bool),
        r2=np.nan,
        r2_centred=np.nan,
        r2_adjusted=np.nan,
        vif=blank(styles),
    )
