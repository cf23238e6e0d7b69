"""Cleaning of exposures on one date: errors, outliers, scale, gaps, overlap.

The last axis of an array runs over the covered stocks ``[n]``, NaN where unknown; ``[..., n]`` cleans
several variables at once. Statistics come from the estimation universe ``estu`` (bool ``[n]``) and are
applied to every stock.
"""

from __future__ import annotations

import numpy as np

from risk.arrays import Bools, Codes, Floats

ERROR_WIDTH = 10.0  # standard deviations past which a value is a data error
MAD_TO_SD = 1.4826  # median absolute deviation of a normal variable times this is its deviation
FLAT = 1e-12  # spread over size below which a variable does not vary


def drop_errors(x: Floats, estu: Bools) -> Floats:
    """Blank values more than ten standard deviations from the mean: they are errors, not outliers."""
    centre, spread = _mean_and_deviation(x[..., estu])
    return np.where(np.abs(x - centre) > ERROR_WIDTH * spread, np.nan, x)


def winsorize(x: Floats, estu: Bools, width: float = 3.0) -> Floats:
    """Clip at the median plus and minus ``width`` robust deviations (1.4826 MAD).

    Where more than half the universe shares one value (most stocks pay no dividend) the MAD is zero;
    the clip then sits at the percentiles 0.5 and 99.5.

    Examples
    --------
    >>> winsorize(np.array([0.0, 1.0, 2.0, 3.0, 99.0]), np.ones(5, dtype=bool), width=2.0).round(3)
    array([0.   , 1.   , 2.   , 3.   , 4.965])
    """
    sample = np.sort(x[..., estu])  # NaN goes last
    count = np.isfinite(sample).sum(axis=-1, keepdims=True)
    middle = _quantile(sample, count, 0.5)
    distance = np.sort(np.abs(sample - middle))
    reach = width * MAD_TO_SD * _quantile(distance, count, 0.5)
    low, high = middle - reach, middle + reach
    if (reach == 0.0).any():
        low = np.where(reach == 0.0, _quantile(sample, count, 0.005), low)
        high = np.where(reach == 0.0, _quantile(sample, count, 0.995), high)
    return np.clip(x, low, high)


def standardize(x: Floats, cap: Floats, estu: Bools) -> Floats:
    """Scale to cap-weighted mean zero and equal-weighted deviation one.

    ``z = (x - sum(cap x) / sum(cap)) / sd(x)``. A cap portfolio of the universe then has exposure zero.
    What does not vary gives NaN throughout: a constant is no factor.
    """
    sample, weight = x[..., estu], cap[estu]
    known = np.isfinite(sample)
    plain, spread = _mean_and_deviation(sample)
    held = np.where(known, weight, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):  # nobody known: NaN, as it should be
        shift = np.sum(held * np.where(known, sample - plain, 0.0), axis=-1, keepdims=True)
        centre = plain + shift / np.sum(held, axis=-1, keepdims=True)
        varies = np.where(spread > FLAT * (1.0 + np.abs(plain)), spread, np.nan)
        return (x - centre) / varies


def _mean_and_deviation(sample: Floats) -> tuple[Floats, Floats]:
    """Equal-weighted mean and standard deviation of what is known, last axis kept; NaN if nothing is."""
    known = np.isfinite(sample)
    count = known.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.sum(np.where(known, sample, 0.0), axis=-1, keepdims=True) / count
        gap = np.where(known, sample - mean, 0.0)
        return mean, np.sqrt(np.sum(gap * gap, axis=-1, keepdims=True) / count)


def _quantile(ordered: Floats, count: Codes, share: float) -> Floats:
    """Quantile of the first ``count`` entries of a sorted last axis, by linear interpolation."""
    position = share * (np.maximum(count, 1) - 1)
    below = position.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count, 1) - 1)
    low = np.take_along_axis(ordered, below, axis=-1)
    return low + (position - below) * (np.take_along_axis(ordered, above, axis=-1) - low)


def fill(x: Floats, size: Floats, industry: Codes, cap: Floats, estu: Bools) -> Floats:
    """Replace NaN by what industry and size predict.

    Weighted least squares (weights ``sqrt(cap)``) of ``x`` on industry intercepts and the size exposure
    over the known part of the universe. A stock whose industry has no known member, or which has no
    industry (code -1), gets zero, the market's average.
    """
    gap = ~np.isfinite(x)
    if not gap.any():
        return x
    known = estu & ~gap & (industry >= 0)
    groups = int(industry.max(initial=-1)) + 1
    code, weight = industry[known], np.sqrt(cap[known])
    mass = np.bincount(code, weight, groups)
    present = mass > 0.0
    safe = np.where(present, mass, 1.0)
    mean_x = np.bincount(code, weight * x[known], groups) / safe
    mean_s = np.bincount(code, weight * size[known], groups) / safe
    x_in, s_in = x[known] - mean_x[code], size[known] - mean_s[code]
    scale = np.sum(weight * s_in * s_in)
    slope = np.sum(weight * s_in * x_in) / scale if scale > 0.0 else 0.0
    inside = gap & (industry >= 0)
    inside[inside] = present[industry[inside]]
    filled = np.where(gap, 0.0, x)
    filled[inside] = mean_x[industry[inside]] + slope * (size[inside] - mean_s[industry[inside]])
    return filled


def orthogonalize(y: Floats, targets: Floats, cap: Floats, estu: Bools) -> Floats:
    """Residual of ``y`` on a constant and ``targets`` ``[n, k]``, weights ``sqrt(cap)``.

    The fit uses the universe, the residual is taken for every stock. ``y`` and ``targets`` have no NaN.
    """
    design = np.column_stack([np.ones(len(y)), targets])
    root = np.sqrt(np.sqrt(cap[estu]))
    slope = np.linalg.lstsq(design[estu] * root[:, None], y[estu] * root, rcond=None)[0]
    return y - design @ slope
