"""Two vintages of data: the same past is silent, a changed one is told field by field."""

import numpy as np
import pytest

import market
from backtest import restated
from market import DataError, Market
from tests.backtest.worlds import NAN, one_price, random_world


@pytest.fixture(scope="module")
def world():
    return random_world(3, days=40)


def test_data_that_only_went_on_are_silent(world):
    assert restated(world.until(world.dates[25]), world).empty


def test_a_corrected_figure_is_told_with_its_place_and_both_values(world):
    earlier = world.until(world.dates[25])
    close = world.values("close").copy()
    close[7, 2] *= 1.5
    close[9, 3] = NAN if np.isfinite(close[9, 3]) else 1.0
    close[30] *= 2.0  # after the earlier vintage: no restatement
    found = restated(earlier, world.with_fields({"close": close}))
    assert found.index.tolist() == ["close"]
    row = found.loc["close"]
    assert (row["cells"], row["date"], row["stock"]) == (2, world.dates[7], world.stocks[2])
    assert row["after"] == pytest.approx(1.5 * row["before"])
    assert row["share"] == pytest.approx(2 / np.isfinite(earlier.values("close")).sum())


def test_stocks_that_were_lost_are_told(world):
    found = restated(world, world.select(world.stocks[[0, 1, 3, 4, 5, 6, 7]]))
    assert found.index.tolist() == ["stock"]
    assert found.loc["stock", "stock"] == world.stocks[2]
    assert found.loc["stock", ["cells", "share"]].tolist() == [1, 1 / 8]


def test_industries_compare_by_name_not_by_number():
    def vintage(codes, labels):
        prices = one_price({"SH600000": [1.0, 1.1], "SH600001": [2.0, 2.1]})
        fields = {name: prices.values(name) for name in prices.fields}
        fields["industry"] = np.array([codes, codes], dtype=np.int8)
        return Market(prices.dates, prices.stocks, fields, categories={"industry": labels})

    one = vintage([0, 1], ("banks", "steel"))
    assert restated(one, vintage([1, 0], ("steel", "banks"))).empty
    found = restated(one, vintage([1, -1], ("steel", "banks")))
    assert found.loc["industry", ["cells", "before"]].tolist() == [2, "steel"]
    assert found.loc["industry", "after"] is None


def test_vintages_without_a_common_session_are_refused(world):
    with pytest.raises(DataError, match="give two of the same sessions"):
        restated(world, one_price({"SH600000": [1.0, 1.1]}, start="2011-01-03"))


@pytest.mark.data
def test_the_real_past_does_not_change_with_its_length(data_root):
    real = market.open(data_root("ashare_mini"))
    assert restated(real.until(real.dates[300]), real).empty
    assert restated(real, real).empty
