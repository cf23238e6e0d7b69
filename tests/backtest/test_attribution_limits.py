"""What limits cost, by the prices that a policy logs."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from backtest import BenchmarkPolicy, load, run
from backtest.attribution import limits
from market import DataError, Target
from tests.backtest.worlds import random_world


@dataclass(frozen=True)
class Limit:
    name: str
    limit: float


@dataclass(frozen=True, eq=False)
class Priced:
    """Equal weights with a log as an optimiser would write it, a row a call."""

    rows: list[dict[str, object]]
    constraints: tuple[Limit, ...] = (Limit("turnover", 0.2), Limit("active_weight", 0.01))
    calls: list[int] = field(default_factory=list)

    def __call__(self, snapshot):
        self.calls.append(1)
        alive = snapshot.market.values("close_filled")[-1]
        stocks = snapshot.market.stocks[np.isfinite(alive)]
        weights = pd.Series(1.0 / len(stocks), index=stocks)
        return Target(weights, self.rows[len(self.calls) - 1])


ROWS = [
    {"price.active_weight": 0.02, "expected_return": 0.004, "cost": 0.001, "transfer_coefficient": 0.4},
    {
        "price.turnover": 0.01, "price.active_weight": 0.04, "expected_return": 0.002, "cost": 0.0005,
        "transfer_coefficient": 0.6, "relaxed.turnover": 0.3,
    },
    {"price.turnover": 0.0, "price.active_weight": 0.03, "transfer_coefficient": 0.5},
]  # fmt: skip


@pytest.fixture(scope="module")
def result():
    world = random_world(11, days=60)
    return run(world, Priced(ROWS), benchmark="half", schedule=world.dates[[0, 20, 40]])


def test_price_times_limit_over_a_year_by_hand(result):
    found = limits(result)
    years = 59 / 252
    assert found.table.at["turnover", "cost_a_year"] == pytest.approx(0.01 * 0.3 / years)
    assert found.table.at["active_weight", "cost_a_year"] == pytest.approx(0.09 * 0.01 / years)
    assert found.table.at["active_weight", "point_a_year"] == pytest.approx(0.01 * 0.09 / years)
    assert found.table.index.tolist() == ["turnover", "active_weight"]  # the dearest first
    assert found.table["binding"].tolist() == pytest.approx([1 / 3, 1.0])
    assert found.table.at["turnover", "limit"] == pytest.approx(0.25)  # 0.3 once, 0.2 once
    assert np.isnan(found.by_date.iloc[0]["turnover"])  # not in force when the portfolio is built
    assert found.transfer_coefficient == pytest.approx(0.5)


def test_expected_and_surprising_return_make_the_excess_of_each_decision(result):
    found = limits(result)
    parts = found.decided[["expected", "cost", "surprise"]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(found.decided["excess"].to_numpy())
    first = result.active.iloc[:20].sum()  # until the next decision
    assert found.decided["excess"].iloc[0] == pytest.approx(first)
    assert found.decided["surprise"].iloc[0] == pytest.approx(first - 0.004 + 0.001)
    total = found.total()
    assert total["excess"] == pytest.approx(result.summary()["annual_excess_arithmetic"])
    assert total["sum"] == pytest.approx(total["excess"])
    assert total["residual"] == pytest.approx(0.0, abs=1e-15)


def test_limits_are_the_same_after_the_disk(result, tmp_path):
    again = limits(load(result.save(tmp_path / "run")))
    pd.testing.assert_frame_equal(again.table, limits(result).table)
    assert len(repr(again).splitlines()) == 3


def test_limits_may_be_given_and_an_unknown_one_is_named(result):
    given = limits(result, {"turnover": 0.2, "active_weight": 0.02}).table
    assert given.at["active_weight", "limit"] == 0.02
    with pytest.raises(DataError, match="1 limits have prices but no size, first turnover"):
        limits(result, {"active_weight": 0.01})


def test_a_policy_without_prices_is_told_so():
    world = random_world(12, quiet=True)
    plain = run(world, BenchmarkPolicy("half"), benchmark="half")
    with pytest.raises(DataError, match=r"no column price\.<limit>"):
        limits(plain)
