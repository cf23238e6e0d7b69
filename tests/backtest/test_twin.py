"""The engine equals a slow plain version of itself on random small worlds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import FixedWeights, run
from market import Costs
from tests.backtest.twin import Twin
from tests.backtest.worlds import random_targets, random_world

WORLDS = {
    "seed": st.integers(0, 10_000),
    "capital": st.sampled_from([1e3, 1e5, 1e8]),
    "deal": st.sampled_from(["vwap", "open", "close", "typical"]),
    "every": st.sampled_from([1, 3, 5]),
    "haircut": st.sampled_from([0.0, 0.4]),
}


def both(seed, capital, deal, every, haircut):
    m = random_world(seed, days=25, stocks=6)
    targets = random_targets(m, seed, every)
    fast = run(
        m,
        FixedWeights(targets),
        costs=Costs.cn(),
        schedule=targets.index,
        deal=deal,
        capital=capital,
        delisting_haircut=haircut,
    )
    return m, fast, Twin(m, targets, capital, deal, haircut).play()


@settings(max_examples=80, deadline=None)
@given(**WORLDS)
def test_nav_and_cash_equal_the_slow_version(seed, capital, deal, every, haircut):
    _, fast, slow = both(seed, capital, deal, every, haircut)
    assert np.allclose(fast.nav * capital, slow.navs, rtol=1e-10, atol=0.0)
    assert np.allclose(
        fast.cash * fast.nav * capital, slow.cashes, rtol=1e-10, atol=1e-10 * capital
    )


@settings(max_examples=30, deadline=None)
@given(**WORLDS)
def test_trades_and_refusals_equal_the_slow_version(seed, capital, deal, every, haircut):
    m, fast, slow = both(seed, capital, deal, every, haircut)
    ours = fast.trades[fast.trades["side"] != "delisted"].sort_values(["date", "stock"])
    theirs = pd.DataFrame(slow.traded, columns=["row", "stock", "units", "value"])
    assert ours["stock"].tolist() == m.stocks[theirs["stock"]].tolist()
    assert ours["date"].tolist() == m.dates[theirs["row"]].tolist()
    assert ours["value"].to_numpy() == pytest.approx(theirs["value"], rel=1e-9, abs=1e-9 * capital)
    refused = {(m.dates[row], m.stocks[i]) for row, i, _, _ in slow.refused}
    assert set(zip(fast.refusals["date"], fast.refusals["stock"], strict=True)) == refused
