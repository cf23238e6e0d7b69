"""A daily series in one line, by year and by month."""

import numpy as np
import pandas as pd


def summary(series: pd.Series) -> pd.Series:
    """Mean, standard deviation (ddof 1), mean / std (not annualised), share above 0, days measured."""
    x = series.dropna()
    spread = x.std(ddof=1)
    return pd.Series(
        {
            "mean": x.mean(),
            "std": spread,
            "icir": x.mean() / spread if spread > 1e-12 * x.abs().max() else np.nan,
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
