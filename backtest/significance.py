"""How sure an excess return is: confidence intervals of its mean and of the information ratio.

Two roads, because each leans on something else. Newey-West takes the mean as normal and measures how
neighbouring days depend on each other; the stationary bootstrap draws blocks of days of random length
and looks at what else the record could have been.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from backtest import metrics
from market import inference

Array = np.ndarray

LEAST = 30  # sessions: of fewer, the dependence between days cannot be told


def intervals(
    active: pd.Series, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return the annual excess and the information ratio with their confidence intervals.

    Parameters
    ----------
    active
        Daily returns less the benchmark's ``[T]``.
    confidence
        Probability that an interval is to cover the truth with.
    resamples, seed
        Of the bootstrap; the same seed gives the same intervals.

    Returns
    -------
    DataFrame
        Rows ``annual_excess_arithmetic`` and ``information_ratio``; columns ``estimate``, ``t``,
        ``newey_west_low`` and ``newey_west_high``, ``bootstrap_low`` and ``bootstrap_high``
        (percentiles), ``sessions``, ``lags`` (Newey-West) and ``block`` (mean length, sessions).

    Raises
    ------
    ValueError
        Fewer than ``LEAST`` sessions, active returns that do not vary, or a confidence outside (0, 1).
    ImportError
        The package ``arch`` is not installed.

    Notes
    -----
    Newey-West of the ratio goes by its influence function, (x - m) / s - m / (2 s) ((x - m)^2 / s^2 - 1):
    Lo (2002), "The Statistics of Sharpe Ratios", Financial Analysts Journal 58(4), appendix. The bootstrap
    is that of Politis and Romano (1994), "The Stationary Bootstrap", its mean block the one of Politis and
    White (2004) as corrected in 2009.
    """
    x = active.to_numpy(dtype=np.float64)
    _check(x, confidence)
    lags, block = metrics.newey_west_lags(len(x)), _block(x)
    drawn = _drawn(x, block, resamples, seed)
    tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
    reach = NormalDist().inv_cdf(tails[1])
    deviation = x.std(ddof=1)
    away = (x - x.mean()) / deviation
    ratio = x.mean() / deviation
    influences = {
        "annual_excess_arithmetic": away * deviation,
        "information_ratio": away - ratio / 2.0 * (away**2 - (away**2).mean()),
    }
    rows = {}
    for k, (name, influence) in enumerate(influences.items()):
        estimate = _statistics(x)[k]
        error = _ANNUAL[name](_error(influence, lags))
        low, high = np.quantile(drawn[:, k], tails)
        rows[name] = {
            "estimate": estimate,
            "t": estimate / error,
            "newey_west_low": estimate - reach * error,
            "newey_west_high": estimate + reach * error,
            "bootstrap_low": low,
            "bootstrap_high": high,
            "sessions": len(x),
            "lags": lags,
            "block": block,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _statistics(x: Array) -> Array:
    """Return both measures of active returns ``[T]``; the ratio is NaN where they do not vary."""
    daily = pd.Series(x)
    return np.array([metrics.mean_annual_return(daily), metrics.mean_over_deviation(daily)])


# an error of a daily mean grows with the sessions of a year, one of a daily ratio with their root
_ANNUAL: dict[str, Callable[[float], float]] = {
    "annual_excess_arithmetic": lambda error: metrics.mean_annual_return(pd.Series([error])),
    "information_ratio": metrics.annual_deviation,
}


def _error(influence: Array, lags: int) -> float:
    """Return the Newey-West error of the mean of values that have mean zero."""
    size = influence.std()
    # the t of a series with mean one is the inverse of its error
    return float(size / inference.newey_west_t(1.0 + influence / size, lags))


def _block(x: Array) -> float:
    """Return the mean block of the stationary bootstrap, one session at least."""
    best = _arch().optimal_block_length(x)["stationary"].iloc[0]
    return float(np.clip(best, 1.0, len(x) / 2.0))


def _drawn(x: Array, block: float, resamples: int, seed: int) -> Array:
    """Return both measures of each resample ``[resamples, 2]``."""
    return np.asarray(
        _arch().StationaryBootstrap(block, x, seed=seed).apply(_statistics, resamples)
    )


def _check(x: Array, confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; it is a probability such as 0.95")
    if len(x) < LEAST or not metrics.varies(pd.Series(x)):
        raise ValueError(
            f"{len(x)} active returns between {x.min(initial=np.inf):g} and "
            f"{x.max(initial=-np.inf):g} have no confidence interval; give {LEAST} or more that vary"
        )


def _arch() -> Any:
    """Import the bootstrap when it is asked for: it takes a second, and a run needs none."""
    try:
        from arch import bootstrap
    except ImportError as missing:
        raise ImportError(
            "the bootstrap needs the package arch, which is not installed; install the [significance] "
            "extra of this package"
        ) from missing
    return bootstrap
