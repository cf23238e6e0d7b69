"""How good are scores: information coefficients and group returns on raw realised returns.

Every function takes frames, date x stock. ``scores`` decides which dates and stocks are judged; each
of them must exist in ``label``, and pairs in which either is NaN are left out of their day.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.ranks import row_ranks

MIN_NAMES = 10  # days with fewer pairs are not measured


def ic(scores: pd.DataFrame, label: pd.DataFrame, every: int = 1) -> pd.Series:
    """Pearson correlation of score and label on each date.

    Parameters
    ----------
    scores, label
        Frames date x stock.
    every
        Judge each ``every``-th date: 10 gives non-overlapping ten-day labels.

    Returns
    -------
    Series by date
        NaN with fewer than 10 pairs, and where either side is constant.
    """
    s, y = _paired(scores, label, every)
    return pd.Series(_row_correlation(s, y), index=scores.index[::every], name="ic")


def rank_ic(scores: pd.DataFrame, label: pd.DataFrame, every: int = 1) -> pd.Series:
    """Spearman correlation (average ranks) of score and label on each date; see :func:`ic`."""
    s, y = _paired(scores, label, every)
    both = ~np.isnan(s)
    values = _row_correlation(row_ranks(s, both), row_ranks(y, both))
    return pd.Series(values, index=scores.index[::every], name="rank_ic")


def summary(series: pd.Series) -> pd.Series:
    """Mean, standard deviation (ddof 1), mean / std (not annualised), share above 0, days measured."""
    x = series.dropna()
    spread = x.std(ddof=1)
    return pd.Series(
        {
            "mean": x.mean(),
            "std": spread,
            "icir": x.mean() / spread if spread > 0 else np.nan,
            "positive": (x > 0).mean() if len(x) else np.nan,
            "days": float(len(x)),
        },
        name=series.name,
    )


def by_year(series: pd.Series) -> pd.DataFrame:
    """:func:`summary` of each calendar year, and of all dates in the last row ``all``."""
    years = pd.DatetimeIndex(series.index).year
    rows = {str(year): summary(series[years == year]) for year in sorted(set(years))}
    return pd.DataFrame({**rows, "all": summary(series)}).T


def by_month(series: pd.Series) -> pd.DataFrame:
    """Mean of each calendar month: rows are years, columns 1..12."""
    dates = pd.DatetimeIndex(series.index)
    return series.groupby([dates.year, dates.month]).mean().unstack()


def quantile_returns(
    scores: pd.DataFrame, label: pd.DataFrame, groups: int = 5, every: int = 1
) -> pd.DataFrame:
    """Equal-weight mean label of each score group; group 1 holds the highest scores.

    Groups differ by at most one stock in size, none is dropped; ties are split by column order.

    Returns
    -------
    DataFrame
        Dates x groups 1..``groups``. NaN on days with fewer than 10 pairs or fewer pairs than groups.
    """
    if groups < 2:
        raise ValueError(f"quantile_returns: groups is {groups}; at least 2 are needed to compare")
    s, y = _paired(scores, label, every)
    table = np.full((len(s), groups), np.nan)
    for t in range(len(s)):
        known = np.flatnonzero(~np.isnan(s[t]))
        if len(known) < max(groups, MIN_NAMES):
            continue
        order = known[np.argsort(-s[t, known], kind="stable")]
        table[t] = [y[t, part].mean() for part in np.array_split(order, groups)]
    return pd.DataFrame(table, index=scores.index[::every], columns=range(1, groups + 1))


def _paired(
    scores: pd.DataFrame, label: pd.DataFrame, every: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both frames on the dates and stocks of ``scores``, NaN in both where either is missing."""
    if every < 1:
        raise ValueError(f"evaluate: every is {every}; use 1 for all dates, 10 for each tenth")
    dates = scores.index[::every]
    for what, wanted, have in (
        ("dates", dates, label.index),
        ("stocks", scores.columns, label.columns),
    ):
        missing = wanted.difference(have)
        if len(missing):
            raise ValueError(
                f"evaluate: {len(missing)} of {len(wanted)} {what} of the scores are not in the "
                f"label, first {list(missing[:3])}; build both on the same market"
            )
    s = scores.loc[dates].to_numpy(np.float64)
    y = label.loc[dates, scores.columns].to_numpy(np.float64)
    both = np.isfinite(s) & np.isfinite(y)
    return np.where(both, s, np.nan), np.where(both, y, np.nan)


def _row_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson correlation of each row; the two share their NaN pattern."""
    valid = ~np.isnan(a)
    n = valid.sum(axis=1)
    count = np.maximum(n, 1)[:, None]
    x = np.where(valid, a, 0.0)
    y = np.where(valid, b, 0.0)
    x = np.where(valid, x - x.sum(axis=1, keepdims=True) / count, 0.0)
    y = np.where(valid, y - y.sum(axis=1, keepdims=True) / count, 0.0)
    sx, sy = np.sqrt((x * x).sum(axis=1)), np.sqrt((y * y).sum(axis=1))
    # A constant row leaves rounding of its mean behind; what is that small is no variation.
    moves = (sx > 1e-9 * _size(a, valid)) & (sy > 1e-9 * _size(b, valid)) & (n >= MIN_NAMES)
    out = np.full(len(a), np.nan)
    out[moves] = (x[moves] * y[moves]).sum(axis=1) / (sx[moves] * sy[moves])
    return out


def _size(a: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.sqrt(np.where(valid, a * a, 0.0).sum(axis=1))
