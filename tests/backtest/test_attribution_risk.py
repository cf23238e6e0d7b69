"""Predicted against realised tracking error."""

import numpy as np
import pandas as pd
import pytest

from backtest import BenchmarkPolicy, FixedWeights, TopN, run
from backtest.attribution import book, factor, risk
from market import Costs, DataError, Market, Venue, simulate
from risk import CNE5, Barra
from tests.backtest.attributed import Always, Model, model_of
from tests.backtest.worlds import random_targets, random_world


@pytest.fixture(scope="module")
def played():
    world = random_world(21, days=60)
    targets = random_targets(world, 21)
    result = run(world, FixedWeights(targets), benchmark="half", schedule=targets.index)
    return world, result


def test_the_prediction_is_that_of_the_dense_covariance(played):
    world, result = played
    model = model_of(world.stocks, 1)
    found, days = risk(result, world, Always(model)), book(result, world)
    X = model.exposures.loc[days.stocks].to_numpy()
    dense = X @ model.factor_covariance.to_numpy() @ X.T
    dense += np.diag(model.specific_variance.loc[days.stocks])
    for date, predicted in found.by_date["predicted"].items():
        a = days.active[days.before.get_loc(date)]
        assert predicted == pytest.approx(np.sqrt(252 * a @ dense @ a))


def test_contributions_of_factors_and_of_stocks_sum_to_the_prediction(played):
    world, result = played
    found = risk(result, world, Always(model_of(world.stocks, 2)))
    whole = found.by_date["predicted"].to_numpy()
    both = found.by_date["factors"] + found.by_date["specific"]
    by_factor = found.by_factor.sum(axis=1) + found.by_date["specific"]
    assert both.to_numpy() == pytest.approx(whole, rel=1e-12)
    assert by_factor.to_numpy() == pytest.approx(whole, rel=1e-12)
    assert found.by_stock.sum() == pytest.approx(whole.mean(), rel=1e-12)
    assert found.by_stock.is_monotonic_decreasing
    s = found.summary()
    assert s["factor_share"] + s["specific_share"] == pytest.approx(1.0)
    assert found.largest(99).sum() == pytest.approx(whole.mean())


def test_a_right_forecast_has_bias_one_and_half_of_it_two():
    """Independent returns of known deviation: the statistic must lie within its band."""
    random = np.random.default_rng(5)
    days, stocks = 1000, pd.Index([f"SH6000{k:02d}" for k in range(10)])
    close = 1000.0 * np.exp(np.cumsum(0.01 * random.standard_normal((days, 10)), axis=0))
    member = np.tile(np.arange(10) < 5, (days, 1))
    snapshot = np.full((days, 10), np.nan)
    snapshot[::5] = np.where(np.arange(10) < 5, 0.2, 0.0)
    fields = dict.fromkeys(("open", "high", "low", "close"), close.astype(np.float32))
    fields |= {"volume": np.ones((days, 10), np.float32)}
    fields |= {"member:half": member, "snapshot:half": snapshot.astype(np.float32)}
    world = Market(pd.bdate_range("2019-01-01", periods=days), stocks, fields, venue=Venue.open())
    model = Model(
        pd.DataFrame(np.zeros((10, 1)), stocks, ["none"]),
        pd.DataFrame([[1e-6]], ["none"], ["none"]),
        pd.Series(0.01**2, stocks),
    )
    policy = lambda s: pd.Series(0.1, index=stocks)  # noqa: E731
    result = run(world, policy, benchmark="half", costs=Costs.free())
    s = risk(result, world, Always(model)).summary()
    # half of 0.1 in ten stocks against 0.2 in five: sqrt(10 * 0.1^2) * 1% a day
    assert s["predicted"] == pytest.approx(0.01 * np.sqrt(0.1 * 252), rel=0.02)
    assert s["low"] < s["bias"] < s["high"]
    half = Model(model.exposures, model.factor_covariance, model.specific_variance / 4.0)
    assert risk(result, world, Always(half)).summary()["bias"] == pytest.approx(2.0 * s["bias"])


def test_standardised_returns_use_the_forecast_of_the_last_fills(played):
    world, result = played
    found = risk(result, world, Always(model_of(world.stocks, 3)))
    for date, z in found.standardised.items():
        before = found.by_date.index[found.by_date.index < date][-1]
        predicted = found.by_date.at[before, "predicted"] / np.sqrt(252)
        assert z == pytest.approx(result.active[date] / predicted)
    path = found.through_time(10)
    assert path["bias"].notna().sum() == len(found.active) - 9
    assert path["realised"].iloc[-1] == pytest.approx(result.active.iloc[-10:].std() * np.sqrt(252))
    assert len(repr(found).splitlines()) == 3


def test_stocks_without_a_model_are_counted(played):
    world, result = played
    whole = model_of(world.stocks, 4)
    first = world.stocks[0]
    short = Model(
        whole.exposures.drop(first), whole.factor_covariance, whole.specific_variance.drop(first)
    )
    found, days = risk(result, world, Always(short)), book(result, world)
    rows = days.before.get_indexer(found.by_date.index)
    expected = np.abs(days.active[rows, days.stocks.get_loc(first)])
    assert found.by_date["uncovered"].to_numpy() == pytest.approx(expected)
    assert found.by_stock[first] == 0.0


def test_a_portfolio_that_is_the_benchmark_has_no_bias_statistic():
    world = random_world(6, quiet=True)
    result = run(world, BenchmarkPolicy("half"), benchmark="half", costs=Costs.free())
    blind = model_of(world.stocks[-1:], 1)  # covers nothing that is held
    with pytest.raises(DataError, match="no active risk on"):
        risk(result, world, Always(blind))


def test_a_run_without_fills_that_a_session_follows_has_no_risk():
    world = random_world(7, quiet=True)
    short = run(world, BenchmarkPolicy("half"), end=world.dates[1], schedule="daily")
    with pytest.raises(DataError, match="the run of 1 sessions has no fills"):
        risk(short, world, Always(model_of(world.stocks, 1)))


def test_a_fitted_risk_history_says_the_same_of_itself():
    """Two roads to one number: the models' own contributions, and those found here."""
    world = simulate(stocks=150, days=260, seed=8)
    styles = tuple(s for s in CNE5 if s.name in ("size", "beta", "momentum", "liquidity"))
    history = Barra(styles, warmup=100, eigen=None, regime=False).fit(world)
    start = history.dates[0]
    prices = world.field("adj_close").astype(float)
    score = prices.pct_change(5, fill_method=None).fillna(0.0)
    result = run(world, TopN(score, 10), start=start, benchmark="csi300")
    found = risk(result, world, history)
    for date, row in list(found.by_date.iterrows())[::4]:
        held, index = result.weights.loc[date], world.index("csi300").weights_on(date)
        own = history.at(date).contributions(held[held > 0.0], index)
        assert row["predicted"] == pytest.approx(own.sum(), rel=1e-5)  # weights_on sums to one
        assert row["specific"] == pytest.approx(own["specific"], rel=1e-5)
        assert found.by_factor.loc[date, own.index[:-1]].tolist() == pytest.approx(
            own.iloc[:-1].tolist(), abs=1e-7
        )
    parts = factor(result, world, history)
    assert parts.residual.abs().max() < 1e-12
    assert parts.uncovered.max() == found.by_date["uncovered"].max() == 0.0
    assert set(parts.grouped(history.kinds).daily.columns) >= {"country", "industry", "style"}
