"""Limits on names: the heuristic against exact choice, and what happens where names cannot go."""

from dataclasses import replace
from itertools import combinations

import pandas as pd
import pytest

import enhance
from tests.enhance.cases import STANDARD, case, names, swap, without

LINEAR = without(STANDARD, "tracking_error")


def limited(*limits, seed=0, constraints=STANDARD, **kwargs):
    return case(60, 30, seed=seed, constraints=(*constraints, *limits), **kwargs)


def held(solution):
    return solution.vector[solution.vector > 0.0]


def test_the_best_two_names_of_five_by_trying_all():
    c = case(5, 5, costs=(0.0, 0.0))
    c.benchmark = c.holdings = pd.Series(0.2, names(5))
    c.alpha = pd.Series([0.010, 0.009, 0.004, -0.01, 0.0], names(5))
    c.constraints = (enhance.Budget(), enhance.LongOnly(), enhance.TrackingError(0.35))
    rivals = []
    for pair in combinations(range(5), 2):
        rest = tuple(names(5)[i] for i in range(5) if i not in pair)
        limits = (*c.constraints, enhance.Blacklist(rest))
        rivals.append(replace(c, constraints=limits).solve().objective)
    solution = replace(c, constraints=(*c.constraints, enhance.MaxNames(2))).solve()
    assert len(held(solution)) == 2
    assert solution.objective == pytest.approx(max(rivals), rel=1e-5)
    assert solution.bound >= solution.objective


def test_both_limits_hold_under_a_cone_and_the_gap_is_reported():
    solution = limited(enhance.MaxNames(27), enhance.MinHolding(0.01)).solve()
    assert len(held(solution)) <= 27
    assert held(solution).min() >= 0.01 - 1e-6
    assert solution.check.passed
    assert list(solution.check.table.index) == [
        *(c.name for c in STANDARD),
        "max_names",
        "min_holding",
    ]
    free = limited().solve()
    assert solution.bound == pytest.approx(free.objective, rel=1e-6)
    assert 0.7 * solution.bound < solution.objective <= solution.bound
    assert set(solution.shadow_prices) == {*free.shadow_prices, "min_holding"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "limits",
    [(enhance.MaxNames(25),), (enhance.MinHolding(0.012),)],
    ids=["max_names", "min_holding"],
)
def test_the_heuristic_comes_within_two_percent_of_the_exact_choice(limits, seed):
    c = limited(*limits, seed=seed, constraints=LINEAR)
    exact, found = c.solve(solver="highs"), c.solve()
    for solution in (exact, found):
        assert solution.check.passed
    assert exact.bound == exact.objective
    assert exact.objective <= found.bound + 1e-9
    assert 0.98 * exact.objective <= found.objective <= exact.objective * (1 + 1e-5)


def test_limits_that_are_met_anyway_change_nothing():
    free = limited().solve()
    loose = limited(enhance.MaxNames(60), enhance.MinHolding(1e-5)).solve()
    assert loose.objective == pytest.approx(free.objective, rel=1e-6)


def test_names_that_cannot_be_sold_stay_below_the_least_holding_and_count():
    c = limited(enhance.MinHolding(0.01), enhance.MaxNames(30))
    small = c.holdings.copy()
    small.iloc[0], small.iloc[1] = 0.002, small.iloc[1] + small.iloc[0] - 0.002
    c.holdings = small
    c.can_buy = c.can_sell = pd.Series(c.alpha.index != "SH600000", c.alpha.index)
    solution = c.solve(relax=(enhance.Turnover,))
    assert solution.weights["SH600000"] == 0.002
    assert len(held(solution)) <= 30
    assert (held(solution) < 0.01 - 1e-6).sum() == 1


def test_too_few_names_say_how_many_were_reached():
    # active weights of 3% leave every member above 3% in the portfolio
    with pytest.raises(
        enhance.SolverError, match=r"meets max_names 10 .* \d\d was reached"
    ) as caught:
        limited(enhance.MaxNames(10)).solve()
    assert "no choice of names was found on 2020-01-03" in str(caught.value)


def test_too_few_names_give_where_the_ladder_says_so():
    solution = limited(enhance.MaxNames(10)).solve(relax=(enhance.MaxNames,))
    asked, used = solution.relaxations["max_names"]
    assert asked == 10
    assert used == len(held(solution))
    assert solution.status == "relaxed"
    assert list(solution.relaxations) == ["max_names"]


def test_names_and_a_conflict_are_both_relaxed_and_recorded():
    tight = swap(STANDARD, enhance.Turnover(0.05), enhance.ActiveWeight(0.01))
    c = limited(enhance.MaxNames(20), constraints=tight)
    outside = pd.Series(0.018, index=c.alpha.index[30:40])
    c.holdings = pd.concat([0.82 * c.holdings, outside])
    solution = c.solve(relax=enhance.WEEKLY)
    assert set(solution.relaxations) == {"turnover", "max_names"}
    assert solution.check.passed


def test_the_exact_choice_wants_a_linear_problem():
    with pytest.raises(enhance.SolverError, match="highs solves linear programs"):
        limited(enhance.MaxNames(25)).solve(solver="highs")


def test_highs_agrees_with_clarabel_on_a_linear_problem():
    c = limited(constraints=LINEAR)
    one, other = c.solve(), c.solve(solver="highs")
    assert one.objective == pytest.approx(other.objective, rel=1e-6)
    for name, price in other.shadow_prices.items():
        if name not in ("long_only", "budget"):  # a vertex may divide these two in many ways
            assert one.shadow_prices[name] == pytest.approx(price, rel=2e-2, abs=1e-6)


def test_the_price_of_a_least_holding_is_that_of_its_names():
    limit = enhance.MinHolding(0.02)
    c = limited(limit, seed=2)
    price = c.solve().shadow_prices["min_holding"]
    eased = replace(c, constraints=swap(c.constraints, enhance.MinHolding(0.0199))).solve()
    assert price > 0.0
    assert price == pytest.approx((eased.objective - c.solve().objective) / 1e-4, rel=0.05)


def test_hundreds_of_names_are_narrowed_in_a_few_optima():
    tight = swap(STANDARD, enhance.ActiveWeight(0.01))
    c = case(300, 150, constraints=(*tight, enhance.MaxNames(125)))
    solution = c.solve()
    assert len(held(solution)) <= 125
    assert 0.5 * solution.bound < solution.objective < solution.bound


def test_a_hopeless_limit_on_names_ends_soon_and_says_how_far_it_got():
    c = case(300, 150, constraints=(*STANDARD, enhance.MaxNames(20)))
    with pytest.raises(enhance.SolverError, match=r"max_names 20 .* \d+ was reached"):
        c.solve()
