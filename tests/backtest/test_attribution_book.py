"""The daily accounts of a run, rebuilt from its result."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import BenchmarkPolicy, FixedWeights, run
from backtest.attribution import book
from market import Costs, DataError
from tests.backtest.attributed import indexed
from tests.backtest.worlds import random_targets, random_world

NAN = float("nan")


def played(seed, **options):
    world = random_world(seed, days=60)
    targets = random_targets(world, seed)
    settings = {"benchmark": "half", "schedule": targets.index, "capital": 1e6, **options}
    return world, run(world, FixedWeights(targets), **settings)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["vwap", "open", "close"]))
def test_daily_returns_follow_from_the_accounts(seed, deal):
    world, result = played(seed, deal=deal, delisting_haircut=0.3)
    days = book(result, world)
    rebuilt = (days.weights * days.returns + days.trading + days.delisting).sum(axis=1) - days.cost
    assert rebuilt == pytest.approx(days.portfolio.to_numpy(), abs=1e-13)
    whole = (days.active * days.returns).sum(axis=1) + days.beside.sum(axis=1).to_numpy()
    assert whole == pytest.approx(result.active.to_numpy(), abs=1e-13)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_units_are_those_that_the_trades_add_up_to(seed):
    world, result = played(seed, delisting_haircut=0.3)
    days = book(result, world)
    factor = world.field("factor").astype(float).ffill()
    held = pd.Series(0.0, index=days.stocks)
    for k, date in enumerate(result.nav.index):
        for trade in result.trades[result.trades["date"] == date].itertuples():
            if trade.side == "delisted":
                held[trade.stock] = 0.0
            else:
                sign = 1.0 if trade.side == "buy" else -1.0
                held[trade.stock] += sign * trade.shares / factor.at[date, trade.stock]
        size = 1e-9 * max(held.max(), 1.0)
        assert days.units[k] == pytest.approx(held.to_numpy(), rel=1e-9, abs=size)


def test_trading_is_the_gain_from_the_fill_to_the_close():
    m = indexed({"SH600000": [10.0, 10.0, 10.0], "SH600001": [20.0, 22.0, 22.0]})
    opened = m.with_fields({"open": np.array([[10, 20], [10, 20], [10, 22]], dtype=np.float32)})
    result = run(
        opened,
        lambda s: pd.Series({"SH600001": 0.5}),
        benchmark="one",
        schedule=[m.dates[0]],
        deal="open",
        costs=Costs.flat(0.01, 0.0),
        capital=1000.0,
    )
    days = book(result, opened)
    # 500 CNY at 20 close at 22: 50 of 1000, and 5 for the broker
    assert days.trading.sum(axis=1).tolist() == pytest.approx([0.05, 0.0])
    assert days.cost.tolist() == pytest.approx([0.005, 0.0])
    assert result.active.tolist() == pytest.approx([0.045, 0.0])


def test_a_haircut_is_a_line_of_its_own():
    m = indexed(
        {"SH600000": [10.0] * 4, "SH600001": [20.0, 20.0, 20.0, NAN]},
        listed=[[1, 1]] * 3 + [[1, 0]],
    )
    m = m.with_fields({"listed": m.values("listed").astype(bool)})
    result = run(
        m,
        lambda s: pd.Series({"SH600001": 0.5}),
        benchmark="one",
        schedule=[m.dates[0]],
        costs=Costs.free(),
        delisting_haircut=0.4,
    )
    days = book(result, m)
    assert days.delisting.sum(axis=1).tolist() == pytest.approx([0.0, 0.0, -0.2])
    assert np.abs(days.trading).sum() == pytest.approx(0.0, abs=1e-15)
    assert days.units[3].sum() == 0.0


def test_the_index_level_against_its_weights_is_never_hidden():
    m = indexed({"SH600000": [10.0, 11.0, 11.0]})
    level = pd.DataFrame({"one": [100.0, 108.0, 108.0]}, index=m.dates)  # 2 points were a dividend
    m = m.with_levels(level)
    result = run(m, BenchmarkPolicy("one"), benchmark="one", schedule=[m.dates[0]])
    beside = book(result, m).beside
    assert beside["index level against its weights"].tolist() == pytest.approx(
        [0.02, 0.0], abs=1e-7
    )


def test_another_market_is_refused_and_the_session_named():
    world, result = played(3)
    changed = world.values("close").copy()
    changed[30:] *= 1.01
    other = world.with_fields({"close": changed})
    with pytest.raises(DataError, match=rf"differ .*first {world.dates[30]:%Y-%m-%d} by"):
        book(result, other)
    with pytest.raises(DataError, match="give the market that it was run on"):
        book(result, world.select(world.stocks[:3]))
    with pytest.raises(DataError, match=r"the market .* of them"):
        book(result, world.until(world.dates[-5]))


def test_a_longer_market_does():
    world = random_world(4, days=60)
    targets = random_targets(world, 4).iloc[:6]
    options = {"benchmark": "half", "schedule": targets.index}
    result = run(world, FixedWeights(targets), end=world.dates[40], **options)
    short, long = (book(result, m) for m in (world.until(world.dates[40]), world))
    np.testing.assert_array_equal(short.weights, long.weights)


def test_a_run_without_a_benchmark_or_an_index_without_weights_says_so():
    world, result = played(5)
    without = replace(result, benchmark=None)
    with pytest.raises(ValueError, match="no benchmark"):
        book(without, world)
    snapshot = world.values("snapshot:half").copy()
    snapshot[[0, 10]] = snapshot[[10, 0]]  # published ten sessions later
    with pytest.raises(DataError, match="benchmark half has no weights on 10 sessions"):
        book(result, world.with_fields({"snapshot:half": snapshot}))


def test_a_run_that_never_trades_is_the_benchmark_short():
    world = random_world(8, quiet=True)
    result = run(world, lambda s: pd.Series(dtype=float), benchmark="half")
    days = book(result, world)
    assert np.abs(days.weights).sum() == 0.0
    assert -days.index_return == pytest.approx(result.active.to_numpy(), abs=1e-7)
