"""What carrying decisions out cost."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import FixedWeights, TopkDropout, run
from backtest.attribution import brinson, costs
from market import Costs
from market.costs import SquareRootImpact
from tests.backtest.attributed import indexed
from tests.backtest.worlds import random_targets, random_world

NAN = float("nan")


def half_in_the_second(m, **options):
    given = {"benchmark": "one", "schedule": [m.dates[0]], "costs": Costs.free(), **options}
    return run(m, lambda s: pd.Series({"SH600001": 0.5}), **given)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["vwap", "open", "close"]))
def test_paper_and_shortfall_add_up_to_the_active_return(seed, deal):
    world = random_world(seed, days=60)
    targets = random_targets(world, seed)
    options = {"schedule": targets.index, "deal": deal, "delisting_haircut": 0.2, "capital": 1e6}
    result = run(world, FixedWeights(targets), benchmark="half", **options)
    found = costs(result, world)
    assert found.residual.abs().max() < 1e-12
    charged = found.daily[["commission", "stamp_duty", "transfer_fee", "spread"]].sum(axis=1)
    assert charged.to_numpy() == pytest.approx(-result.cost_rate().to_numpy(), abs=1e-15)


@pytest.mark.parametrize(
    "options",
    [
        {"lots": True, "capital": 1e5},
        {"participation": 0.1, "capital": 1e8, "retry": "daily"},
        {"impact": SquareRootImpact(0.5), "capital": 1e9},
        {"lots": True, "participation": 0.2, "retry": "daily", "capital": 1e7, "deal": "open"},
    ],
)
def test_the_sum_holds_whatever_the_exchange_does(options):
    for seed in range(5):
        world = random_world(seed, days=60)
        targets = random_targets(world, seed).iloc[1:]  # impact needs two returns
        given = {"schedule": targets.index, "delisting_haircut": 0.2, **options}
        result = run(world, FixedWeights(targets), benchmark="half", **given)
        found = costs(result, world)
        assert found.residual.abs().max() < 1e-12
        assert set(result.costs.columns) <= set(found.daily.columns)
        assert {f"refused: {r}" for r in result.refusals["reason"]} <= set(found.daily.columns)


def test_a_policy_of_orders_adds_up_too(world):
    score = world.field("adj_close").astype(float).pct_change(20, fill_method=None).iloc[21:]
    options = {"start": score.index[0], "benchmark": "csi300", "schedule": "daily"}
    result = run(world, TopkDropout(score, topk=10, n_drop=2), **options)
    for function in (costs, brinson):
        assert function(result, world).residual.abs().max() < 1e-12


def test_delay_is_the_fill_against_the_close_of_the_decision():
    m = indexed({"SH600000": [10.0, 10.0, 10.0], "SH600001": [20.0, 22.0, 22.0]})
    found = costs(half_in_the_second(m), m).daily
    # half is bought for 22 instead of 20: the paper gains 5% that the account does not
    assert found["paper"].tolist() == pytest.approx([0.05, 0.0])
    assert found["delay"].tolist() == pytest.approx([-0.05, 0.0])


def test_a_purchase_refused_for_suspension_costs_what_the_stock_went_on_to_gain():
    m = indexed({"SH600000": [10.0] * 5, "SH600001": [20.0, NAN, 24.0, 30.0, 30.0]})
    found = costs(half_in_the_second(m), m).daily
    # 0.5 of net asset value at 20 would have gained 20% and then 25% of 0.6, while nothing was held
    assert found["refused: suspended"].tolist() == pytest.approx([0.0, -0.1, -0.15, 0.0])
    assert found["paper"].tolist() == pytest.approx([0.0, 0.1, 0.15, 0.0])


def test_a_refusal_stands_until_the_next_session_with_orders():
    m = indexed({"SH600000": [10.0] * 5, "SH600001": [20.0, NAN, 24.0, 30.0, 36.0]})
    wanted = pd.DataFrame({"SH600001": [0.5, 0.0]}, index=m.dates[[0, 2]])
    result = run(
        m, FixedWeights(wanted), benchmark="one", schedule=wanted.index, costs=Costs.free()
    )
    found = costs(result, m).daily
    assert found["refused: suspended"].tolist() == pytest.approx([0.0, -0.1, 0.0, 0.0])


def test_a_lucky_refusal_is_a_gain():
    m = indexed({"SH600000": [10.0] * 4, "SH600001": [20.0, NAN, 10.0, 10.0]})
    found = costs(half_in_the_second(m), m).total()["total"]
    assert found["refused: suspended"] > 0.0
    assert found["sum"] == pytest.approx(0.0, abs=1e-12)


def test_splits_do_not_change_what_a_refusal_cost():
    closes = {"SH600000": [10.0] * 4, "SH600001": [20.0, NAN, 12.0, 12.0]}
    factor = np.ones((4, 2), dtype=np.float32)
    factor[1:, 1] = 2.0  # two for one on the day of the refusal: 12 is worth 24
    m = indexed(closes, factor=factor)
    found = costs(half_in_the_second(m), m)
    # the carried price is marked at the new factor on the day itself, so the jump comes in two steps
    assert found.daily["refused: suspended"].sum() == pytest.approx(-0.1)
    assert found.residual.abs().max() < 1e-12
