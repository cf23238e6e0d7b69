"""Errors of forecasts, and the worth of the very best scores: the measures of regression papers."""

import numpy as np
import pandas as pd

from alpha.evaluate.correlations import paired_values
from alpha.ranks import row_ranks


def errors(
    scores: pd.DataFrame, label: pd.DataFrame, ranked: bool = False, every: int = 1
) -> pd.DataFrame:
    """Mean squared, mean absolute, root mean squared and median absolute error of each date.

    Parameters
    ----------
    scores, label
        Frames date x stock.
    ranked
        Compare percentile ranks in (0, 1] of both, taken over the stocks that have both.

    Returns
    -------
    DataFrame
        Dates x (``mse``, ``mae``, ``rmse``, ``medae``); NaN without a pair. Means over days are the
        figures of papers.
    """
    s, y, both = paired_values(scores, label, every)
    if ranked:
        count = np.maximum(both.sum(axis=1, keepdims=True), 1)
        s, y = row_ranks(s, both) / count, row_ranks(y, both) / count
    gap = pd.DataFrame(np.where(both, np.asarray(s, np.float64) - y, np.nan), scores.index[::every])
    mse, size = (gap**2).mean(axis=1), gap.abs()
    return pd.DataFrame(
        {"mse": mse, "mae": size.mean(axis=1), "rmse": np.sqrt(mse), "medae": size.median(axis=1)}
    )


def top(scores: pd.DataFrame, label: pd.DataFrame, count: int = 1, every: int = 1) -> pd.DataFrame:
    """What the ``count`` best scored stocks of each date returned, and where the first of them ended.

    Returns
    -------
    DataFrame
        Dates x (``return``, the equal-weight mean label; ``reciprocal_rank``, 1 when the best scored
        stock had the highest label, 1/2 the second highest). Of equal scores the first column counts.
        NaN with fewer than ``count`` pairs. The mean of ``reciprocal_rank`` is the MRR of relational
        stock ranking (Feng et al. 2019), the running sum of ``return`` its cumulative return.
    """
    if count < 1:
        raise ValueError(f"evaluate: count of top stocks is {count}; use 1 or more")
    s, y, both = paired_values(scores, label, every)
    order = np.argsort(np.where(both, -s, np.inf), axis=1, kind="stable")[:, :count]
    best = np.take_along_axis(np.where(both, y, np.nan), order, axis=1)
    place = 1 + (np.where(both, y, -np.inf) > best[:, :1]).sum(axis=1)
    found = np.column_stack([best.mean(axis=1), 1.0 / place])
    found[both.sum(axis=1) < count] = np.nan
    return pd.DataFrame(found, scores.index[::every], ["return", "reciprocal_rank"])
