"""Weights between rebalances: carried by returns, with cash, less the index."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from market import DataError
from risk.evaluate import active_weights
from tests.risk.evaluate.worlds import gaussian_world


def test_weights_drift_with_returns_until_the_next_rebalance_and_cash_stays():
    market, _ = gaussian_world(days=10)
    weights = pd.DataFrame({"SH600000": [0.6, 0.2], "SH600001": [0.3, 0.7]}, market.dates[[3, 5]])
    active = active_weights(weights, market, "big")
    base = market.index("big").weights().loc[market.dates[4]].fillna(0.0)
    grown = np.array([0.6, 0.3]) * (1.0 + market.values("returns")[4, :2].astype(float))
    held = active.loc[market.dates[4]] + base
    np.testing.assert_allclose(held.iloc[:2], grown / (0.1 + grown.sum()), atol=1e-7)
    assert active.index.equals(market.dates[3:6])
    last = active.iloc[-1] + market.index("big").weights().loc[market.dates[5]].fillna(0.0)
    np.testing.assert_allclose(last.iloc[:2], [0.2, 0.7], atol=1e-7)


def test_dates_and_stocks_outside_the_market_are_refused():
    market, _ = gaussian_world(days=10)
    wrong = pd.DataFrame({"SH999999": [1.0]}, [pd.Timestamp("2030-01-01")])
    with pytest.raises(DataError, match="1 dates that are no sessions of the market and 1 stocks"):
        active_weights(wrong, market, "big")
