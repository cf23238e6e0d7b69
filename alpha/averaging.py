"""Scores of several models as one: the mean of their z-scores."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of scores, each z-scored per date before it and the mean again after it.

    Parameters
    ----------
    tables
        Scores, date x stock, NaN where there is none; on the same dates and stocks.

    Returns
    -------
    DataFrame
        float64. NaN where any of them has no score; 0 for all on a date where all scores are equal.

    Raises
    ------
    ValueError
        No table, or one on other dates or stocks than the first.

    Examples
    --------
    >>> day = pd.to_datetime(["2020-01-02"])
    >>> one = pd.DataFrame([[1.0, 2.0, 3.0]], day, list("ABC"))
    >>> other = pd.DataFrame([[10.0, 30.0, 20.0]], day, list("ABC"))
    >>> average([one, other]).round(3)
                    A      B      C
    2020-01-02 -1.414  0.707  0.707
    """
    if not tables:
        raise ValueError("average: no scores were given; give one table or more")
    first = tables[0]
    for k, table in enumerate(tables[1:], start=1):
        if not (table.index.equals(first.index) and table.columns.equals(first.columns)):
            raise ValueError(
                f"average: table {k} has {len(table)} dates and {table.shape[1]} stocks that are not "
                f"those of the first, {len(first)} and {first.shape[1]}; reindex them to the same"
            )
    mean = np.mean([_z_score(table.to_numpy(np.float64)) for table in tables], axis=0)
    return pd.DataFrame(_z_score(mean), index=first.index, columns=first.columns)


def _z_score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standardise each row over its finite entries; a constant row becomes 0."""
    known = np.isfinite(values)
    x = np.where(known, values, 0.0)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    size = np.abs(x).max(axis=1, keepdims=True)
    x = np.where(known, x - x.sum(axis=1, keepdims=True) / count, 0.0)
    spread = np.sqrt((x * x).sum(axis=1, keepdims=True) / count)
    constant = spread <= 1e-7 * size  # what float32 scores leave of an equal score
    return np.where(known, np.where(constant, 0.0, x / np.where(constant, 1.0, spread)), np.nan)
