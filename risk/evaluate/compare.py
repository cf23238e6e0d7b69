"""Are two models really different: paired tests that allow for days that resemble each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from market import DataError
from market.inference import newey_west_t
from risk.arrays import Floats

Date = pd.Timestamp | str


class HasR2(Protocol):
    """A history that knows how much of each day it explained."""

    @property
    def r2(self) -> pd.Series:
        """Share of squared returns explained, by date."""
        ...


def hac_t(x: Floats, lags: int | None = None) -> float:
    """Return the t statistic of the mean of a series ``[T]`` with a Newey-West variance.

    Parameters
    ----------
    x
        Without NaN.
    lags
        Of the variance; ``1.3 sqrt(T)`` by default (Lazarus, Lewis, Stock and Watson 2018), which keeps
        the size of the test when the series is persistent.

    Raises
    ------
    ValueError
        Fewer than two values, or NaN.
    """
    x = np.asarray(x, dtype=np.float64)
    if len(x) < 2 or not np.isfinite(x).all():
        raise ValueError(
            f"a t statistic needs two finite values at least; got {len(x)}, "
            f"{int(np.sum(~np.isfinite(x)))} of them not finite"
        )
    count = len(x)
    lags = min(int(np.ceil(1.3 * np.sqrt(count))) if lags is None else lags, count - 1)
    return newey_west_t(x, lags)


def diebold_mariano(loss: Floats, other: Floats, lags: int | None = None) -> float:
    """Return the t statistic of the mean difference of two losses ``[T]``; below 0 the first is better.

    Diebold and Mariano (1995). Days on which either loss is NaN are left out.
    """
    difference = np.asarray(loss, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    return hac_t(difference[np.isfinite(difference)], lags)


def compare_r2(
    histories: Mapping[str, HasR2 | pd.Series],
    start: Date | None = None,
    end: Date | None = None,
    lags: int | None = None,
) -> pd.DataFrame:
    """Compare the daily R2 of models on the days that all of them explained.

    Parameters
    ----------
    histories
        Name to a history (or its ``r2``); the first is what the others are compared with.
    start, end
        First and last day.
    lags
        See ``hac_t``.

    Returns
    -------
    DataFrame
        A row a model: ``r2`` and ``median`` over days, ``gain`` over the first model (a fraction), its
        HAC ``t``, the share of days that ``won``, and ``days``.

    Raises
    ------
    DataError
        Fewer than two days in common.
    """
    series = {name: h if isinstance(h, pd.Series) else h.r2 for name, h in histories.items()}
    daily = pd.DataFrame(series).sort_index().loc[start:end].dropna()
    if len(daily) < 2:
        raise DataError(
            f"models {list(series)} have {len(daily)} days in common between {start} and {end}; "
            "fit them on the same market"
        )
    first = daily.iloc[:, 0]
    rows = {}
    for name in daily.columns:
        gain = daily[name] - first
        differs = bool((gain != 0.0).any())
        rows[name] = {
            "r2": daily[name].mean(),
            "median": daily[name].median(),
            "gain": gain.mean(),
            "t": hac_t(gain.to_numpy(), lags) if differs else np.nan,
            "won": float((gain > 0.0).mean()),
            "days": len(daily),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
