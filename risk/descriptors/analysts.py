"""What analysts expect, and how they change their minds. Forecasts are company totals in CNY."""

from __future__ import annotations

import numpy as np
import pandas as pd

from risk.arrays import Floats
from risk.descriptors.value import ratio
from risk.windows import trailing_sum

QUARTER = 63


def forward_income(this_year: Floats, next_year: Floats, dates: pd.DatetimeIndex) -> Floats:
    """Income of the coming twelve months: this and the next fiscal year by the months left.

    Fiscal years are calendar years; the months left after the date's own count for this year's forecast.
    In March: 9/12 of this year's and 3/12 of the next.
    """
    left = (12 - dates.month.to_numpy(np.float64))[:, None] / 12.0
    return left * this_year + (1.0 - left) * next_year


def revisions(up: Floats, down: Floats, size: int) -> Floats:
    """Forecasts raised less lowered over their sum, 63 sessions, half-life 21 (RRIBS).

    ``up`` and ``down`` ``[M, N]`` count the forecasts changed on each session; NaN where nobody changed one.
    """
    raised = trailing_sum(np.nan_to_num(up), QUARTER, size, half_life=21)
    lowered = trailing_sum(np.nan_to_num(down), QUARTER, size, half_life=21)
    return ratio(raised - lowered, raised + lowered)


def change(x: Floats, size: int) -> Floats:
    """Change over 63 sessions (EPIBSC of the forecast earnings yield) ``[size, N]``."""
    return x[-size:] - _before(x, size)


def relative_change(x: Floats, size: int) -> Floats:
    """Change over 63 sessions relative to the absolute value then (EARNC of the forecast earnings)."""
    then = _before(x, size)
    return ratio(x[-size:] - then, np.abs(then))


def _before(x: Floats, size: int) -> Floats:
    """Rows 63 sessions before the last ``size``; NaN before the data."""
    padded = np.vstack([np.full((QUARTER, x.shape[1]), np.nan), x])
    return padded[-size - QUARTER : -QUARTER]
