"""What a stream of daily returns amounts to: annual return, volatility, ratio, drawdown."""

from typing import Literal

import numpy as np
import pandas as pd

from market import TRADING_DAYS

Mode = Literal["compound", "sum"]


def performance(returns: pd.Series, mode: Mode = "compound") -> pd.Series:
    """Measure daily returns, or daily differences of returns.

    Parameters
    ----------
    returns
        By date, fractions; NaN is left out.
    mode
        ``"compound"``: money is reinvested, ``annual`` is the constant growth with the same end.
        ``"sum"``: the same stake every day, ``annual`` is the mean times 252, and a drawdown can pass
        -100 %. Figures of long minus short are often quoted that way.

    Returns
    -------
    Series
        ``annual``, ``volatility`` (std ddof 1, annualised), ``ratio`` (mean / std, annualised: Sharpe of
        returns, information ratio of differences), ``drawdown`` (negative or 0), ``days``.

    Examples
    --------
    >>> performance(pd.Series([0.10, -0.05, 0.02]), "sum").round(4).tolist()
    [5.88, 1.1915, 4.9351, -0.05, 3.0]
    """
    r = returns.dropna()
    spread = r.std(ddof=1)
    return pd.Series(
        {
            "annual": _annual(r, mode),
            "volatility": spread * np.sqrt(TRADING_DAYS),
            "ratio": r.mean() / spread * np.sqrt(TRADING_DAYS)
            if spread > 1e-12 * r.abs().max()  # a constant leaves rounding of its mean behind
            else np.nan,
            "drawdown": drawdown(r, mode).min() if len(r) else np.nan,
            "days": float(len(r)),
        },
        name=returns.name,
    )


def cumulative(returns: pd.DataFrame | pd.Series, mode: Mode = "compound") -> pd.DataFrame:
    """Gain since the start, a column a series: product less one, or running sum. NaN adds nothing."""
    r = returns.to_frame() if isinstance(returns, pd.Series) else returns
    return (1.0 + r.fillna(0.0)).cumprod() - 1.0 if mode == "compound" else r.fillna(0.0).cumsum()


def drawdown(returns: pd.Series, mode: Mode = "compound") -> pd.Series:
    """Distance below the highest level so far, the start included; zero or negative."""
    gain = cumulative(returns, mode).iloc[:, 0]
    high = gain.cummax().clip(lower=0.0)
    below = (1.0 + gain) / (1.0 + high) - 1.0 if mode == "compound" else gain - high
    return below.rename("drawdown")


def _annual(r: pd.Series, mode: Mode) -> float:
    if not len(r):
        return float("nan")
    if mode == "sum":
        return float(r.mean() * TRADING_DAYS)
    return float(np.prod(1.0 + r.to_numpy()) ** (TRADING_DAYS / len(r)) - 1.0)
