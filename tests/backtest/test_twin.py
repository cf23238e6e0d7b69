"""The engine equals a slow plain version of itself on random small worlds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import FixedWeights, run
from market import Costs
from market.costs import DIVIDEND_TAX_CN, SquareRootImpact
from tests.backtest.twin import Twin
from tests.backtest.worlds import random_targets, random_world

WORLDS = {
    "seed": st.integers(0, 10_000),
    "capital": st.sampled_from([1e3, 1e5, 1e8]),
    "deal": st.sampled_from(["vwap", "open", "close", "typical"]),
    "every": st.sampled_from([1, 3, 5]),
    "haircut": st.sampled_from([0.0, 0.4]),
    "lots": st.booleans(),
    "cap": st.sampled_from([None, 0.1, 0.01]),
    "eta": st.sampled_from([None, 1.0]),
    "daily": st.booleans(),
    "taxed": st.booleans(),
}


def both(seed, capital, deal, every, haircut, lots, cap, eta, daily, taxed):
    m = random_world(seed, days=25, stocks=6, boards=True)
    targets = random_targets(m, seed, every)
    targets = targets.iloc[3:] if eta is not None else targets  # no volatility before
    fast = run(
        m,
        FixedWeights(targets),
        costs=Costs.cn(dividend_tax=DIVIDEND_TAX_CN if taxed else (0.0, 0.0)),
        schedule=targets.index,
        deal=deal,
        capital=capital,
        delisting_haircut=haircut,
        lots=lots,
        participation=cap,
        impact=None if eta is None else SquareRootImpact(eta),
        retry="daily" if daily else "next",
    )
    return m, fast, Twin(m, targets, capital, deal, haircut, lots, cap, eta, daily, taxed).play()


@settings(max_examples=60, deadline=None)
@given(**WORLDS)
def test_nav_and_cash_equal_the_slow_version(**world):
    _, fast, slow = both(**world)
    capital = world["capital"]
    assert np.allclose(fast.nav * capital, slow.navs, rtol=1e-12, atol=0.0)
    assert np.allclose(
        fast.cash * fast.nav * capital, slow.cashes, rtol=1e-12, atol=1e-12 * capital
    )


@settings(max_examples=25, deadline=None)
@given(**WORLDS)
def test_trades_and_refusals_equal_the_slow_version(**world):
    m, fast, slow = both(**world)
    ours = fast.trades[fast.trades["side"] != "delisted"].sort_values(["date", "stock"])
    theirs = pd.DataFrame(slow.traded, columns=["row", "stock", "units", "value"])
    assert ours["stock"].tolist() == m.stocks[theirs["stock"].astype(int)].tolist()
    assert ours["date"].tolist() == m.dates[theirs["row"].astype(int)].tolist()
    near = {"rel": 1e-9, "abs": 1e-9 * world["capital"]}
    assert ours["value"].to_numpy() == pytest.approx(theirs["value"].to_numpy(float), **near)
    refused = {(m.dates[row], m.stocks[i]) for row, i, _, _ in slow.refused}
    assert set(zip(fast.refusals["date"], fast.refusals["stock"], strict=True)) == refused
