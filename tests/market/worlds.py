"""Small markets made by hand for the tests of this folder."""

from __future__ import annotations

import numpy as np
import pandas as pd

import market


def flat_market(
    closes: dict[str, list[float]],
    start: str = "2021-03-01",
    fields: dict[str, np.ndarray] | None = None,
    **kwargs,
) -> market.Market:
    """A market whose bars are one price a day, given per stock; NaN is a day without a trade."""
    close = np.array(list(closes.values()), dtype=np.float32).T
    dates = pd.bdate_range(start, periods=len(close))
    volume = np.where(np.isnan(close), np.nan, 1e6).astype(np.float32)
    given = {"open": close, "high": close, "low": close, "close": close, "volume": volume}
    return market.Market(dates, pd.Index(list(closes)), {**given, **(fields or {})}, **kwargs)
