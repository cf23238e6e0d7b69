"""How good are scores: information coefficients and group returns on raw realised returns.

Every function takes frames, date x stock. ``scores`` decides which dates and stocks are judged; each
of them must exist in ``label``, and pairs in which either is NaN are left out of their day.
"""

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from alpha.ranks import sorted_columns

MIN_NAMES = 10  # days with fewer pairs are not measured
ROWS = 128  # dates taken through all steps while they are in the second-level cache

Values = NDArray[np.floating]
Mask = NDArray[np.bool_]


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
    s, y, both = _paired(scores, label, every)
    values = np.empty(len(s))
    _correlate(s, y, both, values)
    return pd.Series(values, index=scores.index[::every], name="ic")


def rank_ic(scores: pd.DataFrame, label: pd.DataFrame, every: int = 1) -> pd.Series:
    """Spearman correlation (average ranks) of score and label on each date; see :func:`ic`."""
    values = daily(scores, label, 2, every)["rank_ic"].to_numpy()
    return pd.Series(values, index=scores.index[::every], name="rank_ic")


def daily(
    scores: pd.DataFrame, label: pd.DataFrame, groups: int = 5, every: int = 1
) -> pd.DataFrame:
    """All measures of each date in one pass: :func:`ic`, :func:`rank_ic`, :func:`quantile_returns`.

    Returns
    -------
    DataFrame
        Dates x (``ic``, ``rank_ic``, 1 .. ``groups``).
    """
    if groups < 2:
        raise ValueError(f"evaluate: groups is {groups}; at least 2 are needed to compare")
    s, y, both = _paired(scores, label, every)
    found = np.full((len(s), 2 + groups), np.nan)
    for start in range(0, len(s), ROWS):
        part = slice(start, start + ROWS)
        _measure(s[part], y[part], both[part], found[part])
    columns = ["ic", "rank_ic", *range(1, groups + 1)]
    return pd.DataFrame(found, index=scores.index[::every], columns=columns)


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
    return daily(scores, label, groups, every).iloc[:, 2:].rename_axis(columns=None)


def _paired(scores: pd.DataFrame, label: pd.DataFrame, every: int) -> tuple[Values, Values, Mask]:
    """Both on the dates and stocks of ``scores``, and where both are finite, ``[T, N]``."""
    if every < 1:
        raise ValueError(f"evaluate: every is {every}; use 1 for all dates, 10 for each tenth")
    dates = scores.index[::every]
    for what, wanted, have in (
        ("dates", dates, label.index),
        ("stocks", scores.columns, label.columns),
    ):
        missing = wanted[:0] if wanted.equals(have) else wanted.difference(have)
        if len(missing):
            raise ValueError(
                f"evaluate: {len(missing)} of {len(wanted)} {what} of the scores are not in the "
                f"label, first {list(missing[:3])}; build both on the same market"
            )
    same = dates.equals(label.index) and scores.columns.equals(label.columns)
    s = _floats(scores.iloc[::every])
    y = _floats(label if same else label.loc[dates, scores.columns])
    return s, y, np.isfinite(s) & np.isfinite(y)


def _floats(frame: pd.DataFrame) -> Values:
    values = frame.to_numpy()
    return np.ascontiguousarray(values, np.float32 if values.dtype == np.float32 else np.float64)


def _measure(s: Values, y: Values, both: Mask, found: NDArray[np.float64]) -> None:
    by_score, by_label = sorted_columns(s, both), sorted_columns(y, both)
    ranks = np.empty((2, *s.shape))
    _rank(s, by_score, both, ranks[0])
    _rank(y, by_label, both, ranks[1])
    _correlate(s, y, both, found[:, 0])
    _correlate(ranks[0], ranks[1], both, found[:, 1])
    _group(s, y, by_score, both, found[:, 2:])


@njit(cache=True, nogil=True)
def _rank(values: Values, order: NDArray[np.uint32], both: Mask, out: NDArray[np.float64]) -> None:
    """Average ranks from 1, from the columns in order of their values."""
    for t in range(len(values)):
        row, ranks, columns = values[t], out[t], order[t]
        n, first = both[t].sum(), 0
        while first < n:
            last = first
            while last + 1 < n and row[columns[last + 1]] == row[columns[first]]:
                last += 1
            for k in range(first, last + 1):
                ranks[columns[k]] = 0.5 * (first + last) + 1.0
            first = last + 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def _correlate(a: Values, b: Values, both: Mask, out: NDArray[np.float64]) -> None:
    """Pearson correlation of each row under the mask."""
    for t in range(len(a)):
        x, y, known = a[t], b[t], both[t]
        n, sx, sy, size_x, size_y = 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(len(x)):
            u = np.float64(x[j]) if known[j] else 0.0
            v = np.float64(y[j]) if known[j] else 0.0
            n += 1.0 if known[j] else 0.0
            sx += u
            sy += v
            size_x += u * u
            size_y += v * v
        xx, yy, xy, mean_x, mean_y = 0.0, 0.0, 0.0, sx / n, sy / n
        for j in range(len(x)):
            u = np.float64(x[j]) - mean_x if known[j] else 0.0
            v = np.float64(y[j]) - mean_y if known[j] else 0.0
            xx += u * u
            yy += v * v
            xy += u * v
        # A constant row leaves rounding of its mean behind; what is that small is no variation.
        moves = xx > 1e-18 * size_x and yy > 1e-18 * size_y and n >= MIN_NAMES
        out[t] = xy / np.sqrt(xx * yy) if moves else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _group(
    s: Values, y: Values, order: NDArray[np.uint32], both: Mask, out: NDArray[np.float64]
) -> None:
    """Mean label of each group by descending score; equal scores by column."""
    groups = out.shape[1]
    for t in range(len(s)):
        row, label, columns, means = s[t], y[t], order[t], out[t]
        n = both[t].sum()
        if n < max(groups, MIN_NAMES):
            continue
        size, larger = n // groups, n % groups
        bound = larger * (size + 1)
        total = np.zeros(groups)
        first = 0
        while first < n:
            last = first
            while last + 1 < n and row[columns[last + 1]] == row[columns[first]]:
                last += 1
            for k in range(first, last + 1):
                place = n - 1 - last + k - first
                group = place // (size + 1) if place < bound else larger + (place - bound) // size
                total[group] += label[columns[k]]
            first = last + 1
        for group in range(groups):
            means[group] = total[group] / (size + 1 if group < larger else size)
