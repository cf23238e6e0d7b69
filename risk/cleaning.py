"""Cleaning of exposures on one date: errors, outliers, scale, gaps, overlap.

The last axis of an array runs over the covered stocks ``[n]``, NaN where unknown; ``[..., n]`` cleans
several variables at once. Statistics come from the estimation universe ``estu`` (bool ``[n]``, or a slice
where its stocks come first) and are applied to every stock.
"""

from __future__ import annotations

import numpy as np

from risk.arrays import Bools, Codes, Floats
from risk.moments import group_lines, medians, moments

Chosen = Bools | slice
ERROR_WIDTH = 10.0  # standard deviations past which a value is a data error
MAD_TO_SD = 1.4826  # median absolute deviation of a normal variable times this is its deviation
FLAT = 1e-12  # spread over size below which a variable does not vary


def drop_errors(x: Floats, estu: Chosen) -> Floats:
    """Blank values more than ten standard deviations from the mean: they are errors, not outliers."""
    centre, _, spread = _moments(x, estu)
    return np.where(np.abs(x - centre) > ERROR_WIDTH * spread, np.nan, x)


def winsorize(x: Floats, estu: Chosen, width: float = 3.0) -> Floats:
    """Clip at the median plus and minus ``width`` robust deviations (1.4826 MAD).

    Where more than half the universe shares one value (most stocks pay no dividend) the MAD is zero;
    the clip then sits at the percentiles 0.5 and 99.5.

    Examples
    --------
    >>> winsorize(np.array([0.0, 1.0, 2.0, 3.0, 99.0]), np.ones(5, dtype=bool), width=2.0).round(3)
    array([0.   , 1.   , 2.   , 3.   , 4.965])
    """
    sample = np.sort(np.atleast_2d(x)[:, estu])  # NaN goes last
    middle, distance = medians(sample).reshape(2, *x.shape[:-1], 1)
    reach = width * MAD_TO_SD * distance
    low, high = middle - reach, middle + reach
    flat = reach == 0.0
    if flat.any():
        count = np.isfinite(sample).sum(axis=1, keepdims=True)
        low = np.where(flat, _quantile(sample, count, 0.005).reshape(low.shape), low)
        high = np.where(flat, _quantile(sample, count, 0.995).reshape(high.shape), high)
    return np.clip(x, low, high)


def standardize(x: Floats, cap: Floats, estu: Chosen) -> Floats:
    """Scale to cap-weighted mean zero and equal-weighted deviation one.

    ``z = (x - sum(cap x) / sum(cap)) / sd(x)``. A cap portfolio of the universe then has exposure zero.
    What does not vary gives NaN throughout: a constant is no factor.
    """
    mean, centre, spread = _moments(x, estu, cap)
    varies = np.where(spread > FLAT * (1.0 + np.abs(mean)), spread, np.nan)
    return (x - centre) / varies


def _moments(x: Floats, estu: Chosen, cap: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Mean, cap-weighted mean and deviation over the universe, last axis kept; NaN if nothing is known."""
    sample = np.atleast_2d(x)[:, estu]
    weight = np.ones(sample.shape[1]) if cap is None else cap[estu]
    mean, centre, spread = moments(sample, weight).reshape(3, *x.shape[:-1], 1)
    return mean, centre, spread


def _quantile(ordered: Floats, count: Codes, share: float) -> Floats:
    """Quantile of the first ``count`` entries of a sorted last axis, by linear interpolation."""
    position = share * (np.maximum(count, 1) - 1)
    below = position.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count, 1) - 1)
    low = np.take_along_axis(ordered, below, axis=-1)
    return low + (position - below) * (np.take_along_axis(ordered, above, axis=-1) - low)


def fill(x: Floats, size: Floats, industry: Codes, cap: Floats, estu: Chosen) -> Floats:
    """Replace NaN of each variable ``[..., n]`` by what industry and size predict.

    Weighted least squares (weights ``sqrt(cap)``) of ``x`` on industry intercepts and the size exposure
    over the known part of the universe. A stock whose industry has no known member, or which has no
    industry (code -1), gets zero, the market's average. ``size`` has no NaN.
    """
    table = np.atleast_2d(x)
    gap = ~np.isfinite(table)
    if not gap.any():
        return x
    groups = int(industry.max(initial=-1)) + 1
    sample, weight = table[:, estu], np.sqrt(cap[estu])
    intercept, slope = group_lines(sample, size[estu], industry[estu], weight, groups)
    unknown = np.full((len(table), 1), np.nan)  # code -1 takes the last column
    row, stock = np.nonzero(gap)
    level = np.hstack([intercept, unknown])[row, industry[stock]]
    predicted = level + slope[row] * size[stock]
    filled = table.copy()
    filled[row, stock] = np.where(np.isfinite(level), predicted, 0.0)
    return filled.reshape(x.shape)


def orthogonalize(y: Floats, targets: Floats, cap: Floats, estu: Chosen) -> Floats:
    """Residual of ``y`` on a constant and ``targets`` ``[n, k]``, weights ``sqrt(cap)``.

    The fit uses the universe, the residual is taken for every stock. ``y`` and ``targets`` have no NaN.
    """
    design = np.column_stack([np.ones(len(y)), targets])
    inside = design[estu]
    weighted = inside * np.sqrt(cap[estu])[:, None]
    # targets that repeat each other leave the same residual whichever of them is used: least norm
    slope = np.linalg.lstsq(weighted.T @ inside, weighted.T @ y[estu], rcond=1e-10)[0]
    return y - design @ slope
