"""Stocks that have to go: at once, in equal steps, or as far as they can be traded."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.constraints.phase import fraction_left
from enhance.reach import Reach, forced_trades
from market import DataError
from tests.enhance.cases import STANDARD, case, swap, without
from tests.enhance.sides import four_stocks, worst

LAST = ("SH600003",)  # held with 0.1, not in the benchmark


def test_equal_steps_by_hand():
    # of 4% over four weeks 3%, 2%, 1%, 0 stay, each as a part of what is held then
    left = fraction_left(np.array([0.0, 1.0, 2.0, 3.0, 9.0, np.nan]), 4)
    assert left == pytest.approx([3 / 4, 2 / 3, 1 / 2, 0.0, 0.0, 0.0])
    assert 4.0 * np.cumprod(left[:4]) == pytest.approx([3.0, 2.0, 1.0, 0.0])


def test_a_blacklisted_stock_weighs_nothing():
    limit = enhance.Blacklist(LAST)
    assert worst(limit, [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.0)
    assert worst(limit, [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.1)
    assert worst(enhance.Blacklist(LAST, limit=0.04), [0.4, 0.3, 0.2, 0.05]) == pytest.approx(0.01)


def test_a_spread_exit_lets_a_part_stay():
    # the problem is of 2020-01-03, ten days after the list: one week has passed, three are left
    limit = enhance.Blacklist(LAST, weeks=4, since="2019-12-24")
    stays = 0.1 * 2 / 3
    assert worst(limit, [0.4, 0.3, 0.3 - stays, stays]) == pytest.approx(0.0)
    assert worst(limit, [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.1 - stays)


def test_a_list_of_the_future_bars_nothing_yet():
    later = enhance.Blacklist(LAST, since="2020-01-06")
    assert worst(later, [0.4, 0.3, 0.2, 0.1]) == -np.inf


def test_a_whitelist_bars_every_other_stock():
    limit = enhance.Whitelist(("SH600000", "SH600001"))
    assert worst(limit, [0.6, 0.4, 0.0, 0.0]) == pytest.approx(0.0)
    assert worst(limit, [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.2)


def test_special_treatment_is_read_from_the_data():
    now = {"st": [False, False, True, False], "weeks_st": [np.nan, np.nan, 0.0, np.nan]}
    assert worst(enhance.ExcludeST(), [0.5, 0.3, 0.2, 0.0], data=now) == pytest.approx(0.2)
    assert worst(enhance.ExcludeST(), [0.6, 0.4, 0.0, 0.0], data=now) == pytest.approx(0.0)
    spread = enhance.ExcludeST(weeks=2)
    assert worst(spread, [0.6, 0.3, 0.1, 0.0], data=now) == pytest.approx(0.0)
    with pytest.raises(DataError, match="reads the column 'st'"):
        worst(enhance.ExcludeST(), [0.5, 0.3, 0.2, 0.0])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: enhance.Blacklist(LAST, weeks=4), "over 4 weeks needs since="),
        (lambda: enhance.Blacklist("SH600003"), "give a tuple of codes"),
        (lambda: enhance.ExcludeST(weeks=0), "exclude_st has weeks 0"),
    ],
)
def test_a_senseless_list_is_refused_at_construction(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_a_blacklisted_member_leaves_although_its_band_says_otherwise():
    c = case()
    member = c.benchmark.idxmax()
    limits = (*swap(STANDARD, enhance.ActiveWeight(0.01)), enhance.Blacklist((member,)))
    solution = replace(c, constraints=limits).solve()
    assert solution.weights[member] == 0.0
    row = solution.forced.set_index("stock").loc[member]
    assert row["constraint"] == "active_weight"
    assert row["excess"] == pytest.approx(c.benchmark[member] - 0.01)


def test_a_blacklisted_stock_that_is_suspended_stays_and_is_listed():
    c = case()
    stock = c.holdings.idxmax()
    c.can_buy = c.can_sell = pd.Series(c.alpha.index != stock, index=c.alpha.index)
    solution = replace(c, constraints=(*STANDARD, enhance.Blacklist((stock,)))).solve()
    assert solution.weights[stock] == c.holdings[stock]
    assert solution.forced.set_index("constraint").loc["blacklist", "stock"] == stock


def test_an_exit_goes_as_far_as_a_day_can_trade():
    # 10% held, the day takes 20% of 20 million of 100: 4% can be sold
    problem = four_stocks(data={"amount": [1e9, 1e9, 1e9, 2e7]}, capital=1e8)
    limits = (
        enhance.LongOnly(),
        enhance.Participation(0.2),
        enhance.Blacklist(LAST),
        enhance.ActiveWeight(0.02),
    )
    reach = Reach.of(problem, limits)
    assert reach.pinned.tolist() == [False, False, False, True]
    assert reach.at[3] == pytest.approx(0.06)
    assert reach.forced.set_index("constraint")["excess"].to_dict() == pytest.approx(
        {"blacklist": 0.06, "active_weight": 0.04}
    )
    assert forced_trades(problem, limits)[3] == pytest.approx(-0.04)


def test_a_participation_of_zero_pins_the_holding():
    problem = four_stocks(data={"amount": [1e9, 1e9, 1e9, 0.0]}, capital=1e8)
    reach = Reach.of(problem, (enhance.LongOnly(), enhance.Participation(0.2)))
    assert reach.pinned.tolist() == [False, False, False, True]
    assert reach.at[3] == 0.1


def test_the_price_of_an_exit_is_the_gain_of_letting_a_little_stay():
    c = case(costs=(0.0, 0.0), constraints=without(STANDARD, "turnover"))
    wanted = c.solve().active.idxmax()
    limit = enhance.Blacklist((wanted,), limit=0.001)
    c.constraints = (*c.constraints, limit)
    price = c.solve().shadow_prices["blacklist"]
    more = replace(c, constraints=(*c.constraints[:-1], replace(limit, limit=0.0011))).solve()
    less = replace(c, constraints=(*c.constraints[:-1], replace(limit, limit=0.0009))).solve()
    assert price > 1e-4
    assert price == pytest.approx((more.objective - less.objective) / 2e-4, rel=1e-2)


def test_four_weeks_of_a_spread_exit_end_at_nothing():
    """Ten deleted members of 1.8% each: the turnover that leaving takes is spread evenly."""
    c = case()
    outside = pd.Series(0.018, index=c.alpha.index[30:40])
    c.holdings = pd.concat([0.82 * c.holdings, outside])
    c.alpha = 0.0 * c.alpha  # nothing else trades
    c.constraints = (
        *without(STANDARD, "constituent_share"),
        enhance.Blacklist(tuple(outside.index), weeks=4, since="2020-01-03"),
    )
    traded = []
    for week in range(4):
        c.risk = replace(c.risk, date=pd.Timestamp("2020-01-03") + pd.Timedelta(weeks=week))
        solution = c.solve()
        traded.append(solution.turnover)
        assert solution.statistics()["forced_turnover"] == pytest.approx(0.045, abs=1e-6)
        c.holdings = solution.weights[solution.weights > 0.0]
    assert traded == pytest.approx([0.045] * 4, abs=1e-4)
    assert c.holdings.reindex(outside.index).fillna(0.0).max() == 0.0


@pytest.mark.parametrize("weeks_gone", [0, 1, 2, 3])
def test_active_weight_lets_a_deleted_member_come_inside_in_steps(weeks_gone):
    # held 0.1 outside a benchmark without it, limit 0.02
    data = {"weeks_out": [np.nan, np.nan, np.nan, float(weeks_gone)]}
    limit = enhance.ActiveWeight(0.02, weeks=4)
    left = 3 - weeks_gone
    allowed = 0.02 + 0.08 * left / (left + 1)
    assert worst(limit, [0.5, 0.3, 0.2 - allowed, allowed], data=data) == pytest.approx(
        max(0.0, allowed - 0.02)  # stock 2 gave the weight and has its own band
    )
    held = np.array([0.5, 0.3, 0.2, allowed])
    assert limit.excess(held, four_stocks(data=data))[3] == pytest.approx(0.0)
    _, high = limit.interval(four_stocks(data=data))
    assert high[3] == pytest.approx(allowed)
