"""How sure a mean is when neighbouring values depend on each other."""

import numpy as np
from numpy.typing import NDArray


def newey_west_t(values: NDArray[np.floating], lags: int) -> float:
    """Return the t statistic of the mean of a series ``[T]``, Bartlett weights over ``lags`` lags.

    NaN with fewer than two values and where they do not vary. Newey and West (1987), "A simple, positive
    semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix", equation (5).
    """
    x = np.asarray(values, dtype=np.float64)
    count = len(x)
    if count < 2:
        return float("nan")
    away = x - x.mean()
    variance = away @ away
    for lag in range(1, min(lags, count - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * (away[lag:] @ away[:-lag])
    error = np.sqrt(variance) / count
    return float(x.mean() / error) if error > 0.0 else float("nan")
