"""Correlation of score and outcome on each date, and the mean outcome of score groups."""

import numpy as np
import pandas as pd

from alpha.evaluate.kernel import Mask, Values, correlate, measure


def ic(scores: pd.DataFrame, label: pd.DataFrame, every: int = 1) -> pd.Series:
    """Pearson correlation of score and label on each date.

    Parameters
    ----------
    scores, label
        Frames date x stock.
    every
        Judge each ``every``-th date of the scores: 10 gives ten-day labels that do not overlap. A date
        whose label does not exist yet, as at the end of the data, is NaN.

    Returns
    -------
    Series by date
        NaN with fewer than 10 pairs, and where either side is constant.
    """
    values = correlate(*paired_values(scores, label, every))
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
    found = measure(*paired_values(scores, label, every), groups)
    columns = ["ic", "rank_ic", *range(1, groups + 1)]
    return pd.DataFrame(found, index=scores.index[::every], columns=columns)


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


def paired_values(
    scores: pd.DataFrame, label: pd.DataFrame, every: int = 1
) -> tuple[Values, Values, Mask]:
    """Both on the dates and stocks of ``scores``, and where both are finite, ``[T, N]``.

    Raises
    ------
    ValueError
        Dates or stocks of the scores that the label does not have.
    """
    if every < 1:
        raise ValueError(f"evaluate: every is {every}; use 1 for all dates, 10 for each tenth")
    dates = scores.index[::every]
    require(dates, label.index, "dates")
    require(scores.columns, label.columns, "stocks")
    same = dates.equals(label.index) and scores.columns.equals(label.columns)
    s = _floats(scores.iloc[::every])
    y = _floats(label if same else label.loc[dates, scores.columns])
    return s, y, np.isfinite(s) & np.isfinite(y)


def require(wanted: pd.Index, have: pd.Index, what: str, where: str = "label") -> None:
    """Raise ValueError when something wanted is not there."""
    missing = wanted[:0] if wanted.equals(have) else wanted.difference(have)
    if len(missing):
        raise ValueError(
            f"evaluate: {len(missing)} of {len(wanted)} {what} of the scores are not in the "
            f"{where}, first {list(missing[:3])}; build both on the same market"
        )


def _floats(frame: pd.DataFrame) -> Values:
    values = frame.to_numpy()
    return np.ascontiguousarray(values, np.float32 if values.dtype == np.float32 else np.float64)
