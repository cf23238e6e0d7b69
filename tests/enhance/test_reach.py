"""What is possible before any limit is asked, and limits by stock that give way to it."""

import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.reach import Reach, band, forced_trades, forced_turnover
from tests.enhance.cases import STANDARD, case, names, swap

LIMITS = (
    enhance.LongOnly(),
    enhance.NoBuy(),
    enhance.NoSell(),
    enhance.ActiveWeight(0.05),
)


def world(holdings, can_buy, can_sell):
    """Four members of a quarter each."""
    c = case(4, 4)
    c.benchmark = pd.Series(0.25, index=names(4))
    c.holdings = pd.Series(holdings, index=names(4))
    c.can_buy, c.can_sell = (pd.Series(m, index=names(4)) for m in (can_buy, can_sell))
    return c.problem()


def test_a_suspended_stock_is_pinned_at_its_weight():
    problem = world([0.2, 0.3, 0.25, 0.25], [False, True, True, True], [False, True, True, True])
    reach = Reach.of(problem, LIMITS)
    assert reach.pinned.tolist() == [True, False, False, False]
    assert reach.fixed(problem)[0] == 0.2
    assert reach.forced.empty


def test_an_unheld_stock_that_cannot_be_bought_is_pinned_at_zero():
    problem = world([0.0, 0.5, 0.25, 0.25], [False, True, True, True], [True] * 4)
    assert Reach.of(problem, LIMITS[:3]).pinned.tolist() == [True, False, False, False]


def test_a_locked_overweight_is_forced_and_recorded_with_its_excess():
    # held 0.35 against 0.25 and a limit of 0.05: 0.05 outside, and it cannot be sold
    problem = world([0.35, 0.15, 0.25, 0.25], [True] * 4, [False, True, True, True])
    reach = Reach.of(problem, LIMITS)
    assert reach.pinned.tolist() == [True, False, False, False]
    row = reach.forced.iloc[0]
    assert (row["constraint"], row["stock"]) == ("active_weight", "SH600000")
    assert row["excess"] == pytest.approx(0.05)


def test_a_locked_underweight_is_forced_too():
    problem = world([0.15, 0.35, 0.25, 0.25], [False, True, True, True], [True] * 4)
    reach = Reach.of(problem, LIMITS)
    assert reach.forced["excess"].tolist() == pytest.approx([0.05])
    assert reach.exempt(LIMITS[3], problem).tolist() == [True, False, False, False]


def test_a_tradable_overweight_is_not_forced_but_must_trade():
    problem = world([0.35, 0.15, 0.25, 0.25], [True] * 4, [True] * 4)
    assert not Reach.of(problem, LIMITS).pinned.any()
    assert forced_trades(problem, LIMITS).tolist() == pytest.approx([-0.05, 0.05, 0.0, 0.0])


def test_the_band_is_the_intersection_of_all_limits_by_stock():
    problem = world([0.2, 0.3, 0.25, 0.25], [False, True, True, True], [True] * 4)
    low, high = band(problem, (*LIMITS, enhance.Bounds(0.28)))
    assert low == pytest.approx([0.2, 0.2, 0.2, 0.2])
    assert high == pytest.approx([0.2, 0.28, 0.28, 0.28])


def test_without_limits_by_stock_everything_is_reachable():
    problem = case(4, 4).problem()
    reach = Reach.of(problem, (enhance.Budget(),))
    assert np.isinf(reach.least).all()
    assert not reach.pinned.any()


def test_a_forced_stock_does_not_make_a_problem_infeasible():
    c = case(constraints=swap(STANDARD, enhance.ActiveWeight(0.03)))
    held = 0.9 * c.holdings
    held["SH600000"] += 0.1  # far above its band, and suspended
    c.holdings = held
    c.can_buy = c.can_sell = pd.Series(c.alpha.index != "SH600000", index=c.alpha.index)
    solution = c.solve()
    assert solution.weights["SH600000"] == pytest.approx(held["SH600000"])
    assert solution.forced["stock"].tolist() == ["SH600000"]
    assert solution.active.drop("SH600000").abs().max() <= 0.03 + 1e-6


def test_forced_turnover_is_the_larger_side_of_what_must_trade():
    problem = world([0.35, 0.15, 0.25, 0.15], [True] * 4, [True] * 4)
    assert forced_trades(problem, LIMITS).tolist() == pytest.approx([-0.05, 0.05, 0.0, 0.05])
    assert forced_turnover(problem, LIMITS) == pytest.approx(0.10)
