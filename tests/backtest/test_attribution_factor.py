"""Active return by factor."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import FixedWeights, TopN, run
from backtest.attribution import FactorFrames, book, factor
from market import Costs, DataError
from tests.backtest.attributed import random_factors
from tests.backtest.worlds import one_price, random_targets, random_world


def played(seed, **options):
    world = random_world(seed, days=60)
    targets = random_targets(world, seed)
    settings = {"benchmark": "half", "schedule": targets.index, "capital": 1e6, **options}
    return world, run(world, FixedWeights(targets), **settings)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_parts_add_up_to_the_active_return_of_every_session(seed):
    world, result = played(seed, delisting_haircut=0.3)
    found = factor(result, world, random_factors(world, seed))
    assert found.daily.sum(axis=1).to_numpy() == pytest.approx(result.active.to_numpy(), abs=1e-12)
    assert found.residual.abs().max() < 1e-12
    assert found.total().at["excess", "a_year"] == pytest.approx(result.summary()["annual_excess"])
    assert found.yearly()["excess"].tolist() == pytest.approx(result.yearly()["excess"].tolist())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_a_factor_for_each_stock_leaves_nothing_specific(seed):
    world, result = played(seed)
    days = book(result, world)
    stocks = world.stocks
    eye = pd.DataFrame(np.tile(np.eye(len(stocks)), (len(world.dates), 1)), columns=stocks)
    loadings = eye.set_index(pd.MultiIndex.from_product([world.dates, stocks]))
    earned = pd.DataFrame(days.returns, days.dates, days.stocks).reindex(columns=stocks).fillna(0.0)
    found = factor(result, world, FactorFrames(loadings, earned))
    assert found.daily["specific"].abs().max() < 1e-12


def two_stocks():
    """One stock is the index; the other rises 10% on the day after the fill and 10% on the next."""
    closes = {"SH600000": [10.0] * 4, "SH600001": [10.0, 10.0, 11.0, 12.1]}
    member = np.tile([True, False], (4, 1))
    snapshot = np.full((4, 2), np.nan, dtype=np.float32)
    snapshot[0] = [1.0, 0.0]
    m = one_price(closes, **{"member:one": member, "snapshot:one": snapshot})
    rows = pd.MultiIndex.from_product([m.dates, m.stocks])
    loadings = pd.DataFrame({"growth": np.tile([0.0, 2.0], 4)}, index=rows)
    earned = pd.DataFrame({"growth": [0.0, 0.0, 0.04, 0.04]}, index=m.dates)
    result = run(
        m,
        lambda s: pd.Series({"SH600000": 0.5, "SH600001": 0.5}),
        benchmark="one",
        schedule=[m.dates[0]],
        costs=Costs.free(),
    )
    return m, result, FactorFrames(loadings, earned)


def test_exposure_times_return_by_hand():
    m, result, frames = two_stocks()
    found = factor(result, m, frames)
    # half in a stock with exposure 2 to a factor that earns 4%: 4 of its 5 points; then the weight has
    # drifted to 0.55 / 1.05, and 0.0238 more than at the fill rises 10%
    drift = 0.55 / 1.05 - 0.5
    assert found.exposures["growth"].tolist()[1:] == pytest.approx([1.0, 1.0])
    assert found.daily["growth"].tolist() == pytest.approx([0.0, 0.04, 0.04])
    assert found.daily["specific"].tolist() == pytest.approx([0.0, 0.01, 0.01], abs=1e-7)
    assert found.daily["drift"].tolist() == pytest.approx([0, 0, 0.1 * drift], abs=1e-7)
    assert found.grouped({"growth": "style"}).daily["style"].tolist() == pytest.approx(
        [0, 0.04, 0.04]
    )


def test_nothing_drifts_between_daily_fills():
    world = random_world(3, days=40, quiet=True)
    prices = world.field("adj_close").astype(float)
    result = run(
        world, TopN(prices.pct_change().fillna(0.0), 3), benchmark="half", schedule="daily"
    )
    found = factor(result, world, random_factors(world, 3))
    assert found.daily["drift"].abs().max() < 1e-15


def test_what_the_model_does_not_cover_is_specific_and_counted():
    m, result, frames = two_stocks()
    loadings = frames.loadings.drop(index="SH600001", level=1)
    found = factor(result, m, FactorFrames(loadings, frames.factor_returns))
    assert found.uncovered.tolist()[1:] == pytest.approx([0.5, 0.5])
    assert found.daily["specific"].tolist() == pytest.approx([0.0, 0.05, 0.05], abs=1e-7)
    assert found.residual.abs().max() < 1e-15


def test_a_factor_without_a_return_earned_nothing():
    m, result, frames = two_stocks()
    earned = frames.factor_returns.assign(growth=np.nan)
    found = factor(result, m, FactorFrames(frames.loadings, earned))
    assert found.daily["growth"].abs().max() == 0.0
    assert found.daily["specific"].tolist() == pytest.approx([0.0, 0.05, 0.05], abs=1e-7)


def test_a_session_without_a_model_is_named():
    m, result, frames = two_stocks()
    with pytest.raises(
        DataError, match=rf"no factor returns on 1 of 3 sessions, first {m.dates[2]:%Y-%m-%d}"
    ):
        factor(result, m, FactorFrames(frames.loadings, frames.factor_returns.drop(m.dates[2])))
    with pytest.raises(DataError, match=rf"no exposures for {m.dates[1]:%Y-%m-%d}"):
        factor(result, m, FactorFrames(frames.loadings.drop(m.dates[1]), frames.factor_returns))


def test_gaps_in_exposures_and_factors_without_returns_are_refused():
    m, result, frames = two_stocks()
    holed = frames.loadings.copy()
    holed.loc[(m.dates[1], "SH600001"), "growth"] = np.nan
    with pytest.raises(
        DataError,
        match=rf"1 exposures are missing on {m.dates[1]:%Y-%m-%d}, first of SH600001 to growth",
    ):
        factor(result, m, FactorFrames(holed, frames.factor_returns))
    misspelt = frames.loadings.rename(columns={"growth": "growht"})
    with pytest.raises(DataError, match=r"2 factors have either .* first growht"):
        FactorFrames(misspelt, frames.factor_returns)
    alike = frames.loadings.rename(columns={"growth": "cost"})
    earned = frames.factor_returns.rename(columns={"growth": "cost"})
    with pytest.raises(DataError, match="factor cost is called like a line"):
        factor(result, m, FactorFrames(alike, earned))
