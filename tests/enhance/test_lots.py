"""Whole lots: what orders can reach, what an account can hold, and what that costs."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import enhance
from enhance import lots
from enhance.check import check
from enhance.lots.grid import Grid, Terms, legal
from market import Costs, DataError, Venue
from market.venue import LotRule
from tests.enhance.cases import STANDARD, case, names, swap, without

MAIN, STAR = LotRule("main", 100, 100), LotRule("star", 200, 1)


def prices_of(c, seed=0):
    rng = np.random.default_rng(seed)
    return pd.Series(np.exp(rng.normal(2.7, 0.8, len(c.alpha))).round(2), index=c.alpha.index)


@pytest.fixture(scope="module")
def solved():
    c = case()
    return c, c.solve(), prices_of(c)


# ---- what one order can reach


def test_odd_shares_are_only_ever_sold_and_all_at_once():
    reach = [n for n in range(0, 500, 10) if legal(MAIN, 250, n)]
    assert reach == [0, 50, 100, 150, 200, 250, 350, 450]


def test_a_star_order_is_200_shares_and_then_any_number():
    assert [n for n in (0, 1, 199, 200, 201) if legal(STAR, 0, n)] == [0, 200, 201]
    # 350 held: 200 or more go, or all; buying starts at 200 more
    assert [n for n in (0, 1, 150, 151, 349, 350, 351, 550) if legal(STAR, 350, n)] == [
        0, 1, 150, 350, 550,
    ]  # fmt: skip
    # a rest below one order goes whole
    assert [n for n in range(150) if legal(STAR, 150, n)] == [0]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([MAIN, STAR, LotRule("bse", 100, 1), LotRule("other", 1, 1)]),
    st.integers(0, 2000),
    st.floats(0.0, 3000.0),
)
def test_the_grid_holds_the_nearest_reachable_counts(rule, held, target):
    # the plain version: try every count there is
    every = [n for n in range(4000) if legal(rule, held, n)]
    c = case(2, 2)
    problem = replace(c.problem(), holdings=np.array([1e-6, 0.0]))
    terms = Terms(1e6, np.array([1.0, 1.0]), (rule, rule), np.array([held, 0]))
    wanted = np.array([target / 1e6, 0.0])
    assume(held > 0 or target > 0.0)
    grid = Grid.around(problem, terms, wanted, np.zeros(2), np.full(2, np.inf), np.zeros(2, bool))
    counts = set(grid.count)
    assert all(legal(rule, held, int(n)) for n in counts)
    assert {held, 0} <= counts
    assert max(n for n in every if n <= target) in counts
    assert min(n for n in every if n > target) in counts


def test_what_cannot_trade_stays_whatever_its_lot():
    c = case(2, 2)
    c.can_buy = c.can_sell = pd.Series([False, True], index=c.alpha.index)
    terms = Terms(1e6, np.array([10.0, 10.0]), (MAIN, MAIN), np.array([130, 130]))
    wanted, no = np.array([0.5, 0.5]), np.zeros(2, bool)
    grid = Grid.around(c.problem(), terms, wanted, np.zeros(2), np.ones(2), no)
    assert list(grid.count[grid.owner == 0]) == [130]
    assert all(legal(MAIN, 130, int(n)) for n in grid.count[grid.owner == 1])
    assert len(grid.count) > 5


# ---- accounts by hand


def test_two_stocks_by_hand():
    # half of 10,000 CNY each, within 2%: 4,800 to 5,200. At 10 CNY that is 5 lots, at 7 CNY 7 lots
    c = case(2, 2, costs=(0.0, 0.0))
    c.benchmark = c.holdings = pd.Series(0.5, index=c.alpha.index)
    c.constraints = (enhance.Budget(), enhance.LongOnly(), enhance.ActiveWeight(0.02))
    c.alpha = 0.0 * c.alpha
    prices = pd.Series([10.0, 7.0], index=c.alpha.index)
    empty = pd.Series(dtype=float)
    plan = lots.round_to_lots(c.solve(), prices, 10_000.0, shares=empty, idle=0.02)
    assert plan.shares.to_list() == plan.orders.to_list() == [500, 700]
    assert plan.weights.to_list() == pytest.approx([0.50, 0.49])
    assert plan.cash == pytest.approx(100.0)
    assert plan.room == 0.0


def test_charges_are_those_of_the_orders_with_their_least_commission():
    # commission 0.02%, at least 5 CNY; 2020: stamp duty 0.1% on sales, transfer fee 0.002%
    c = case(2, 2)
    c.benchmark = c.holdings = pd.Series(0.5, index=c.alpha.index)
    c.constraints = (enhance.Budget(), enhance.LongOnly(), enhance.ActiveWeight(0.06))
    c.alpha = pd.Series([0.01, -0.01], index=c.alpha.index)
    prices = pd.Series([10.0, 10.0], index=c.alpha.index)
    held = pd.Series([5000, 5000], index=c.alpha.index)
    plan = lots.round_to_lots(c.solve(), prices, 100_000.0, shares=held, costs=Costs.cn())
    bought, sold = plan.orders.iloc[0], -plan.orders.iloc[1]
    assert plan.shares.to_list() == [5500, 4400]  # 600 sold pay for 500 bought and the charges
    expected = 5.0 + 0.00002 * bought * 10 + 5.0 + (0.001 + 0.00002) * sold * 10
    assert plan.charges == pytest.approx(expected)
    assert plan.cash == pytest.approx(10 * (sold - bought) - expected)


def test_the_program_finds_the_best_of_all_lots():
    c = case(5, 4, seed=5, costs=(0.001, 0.002))
    c.constraints = (
        enhance.Budget(), enhance.LongOnly(), enhance.ActiveWeight(0.08), enhance.TrackingError(0.06),
    )  # fmt: skip
    prices = pd.Series([21.0, 8.0, 13.0, 34.0, 5.0], index=c.alpha.index)
    solution, capital = c.solve(), 60_000.0
    empty = pd.Series(dtype=float)
    plan = lots.round_to_lots(solution, prices, capital, shares=empty, idle=0.03)
    problem = replace(c.problem(), holdings=np.zeros(5))
    limits = [k for k in c.constraints if k.name != "budget"]
    top, best = -np.inf, None
    lot = 100 * prices.to_numpy() / capital
    near = [
        np.arange(40)[np.abs(np.arange(40) * w - b) <= 0.08 + 1e-9]
        for w, b in zip(lot, problem.benchmark, strict=True)
    ]
    near = [n if held else [0] for n, held in zip(near, solution.weights > 0.0, strict=True)]
    for counts in itertools.product(*near):
        w = np.array(counts) * lot
        if not 0.96 <= w.sum() <= 1.0:
            continue
        cash = 1.0 - w.sum() - problem.cost(w)
        value = enhance.MaxAlpha().value(w, problem)
        if 0.0 <= cash <= 0.03 and value > top and check(problem, w, limits).passed:
            top, best = value, 100 * np.array(counts)
    assert plan.room == 0.0
    assert plan.shares.to_list() == list(best)


# ---- accounts in general


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 20), st.sampled_from([4e5, 1e6, 3e6, 3e7, 1e9]))
def test_every_plan_can_be_sent_and_keeps_every_limit(seed, capital):
    c = case(seed=seed)
    solution, prices = c.solve(), prices_of(c, seed)
    plan = lots.round_to_lots(solution, prices, capital, seconds=3.0)
    held = plan.shares - plan.orders
    assert (plan.orders % 100 == 0).all()  # nothing odd was held
    assert (plan.shares >= 0).all()
    assert plan.cash >= 0.0
    spent = float((plan.orders * prices).sum()) + plan.charges
    before = capital - float((held * prices).sum())
    assert plan.cash == pytest.approx(before - spent, abs=1e-6 * capital)
    assert plan.cash <= 0.01 * capital
    own = replace(c.problem(), holdings=(held * prices / capital).to_numpy())
    weights = (plan.shares * prices / capital).to_numpy()
    loose = [
        k if k.hard else k.loosened(plan.room * k.limit) for k in STANDARD if k.name != "budget"
    ]
    assert check(own, weights, loose).passed
    assert plan.tracking_error <= 0.04 * (1 + plan.room) * (1 + 1e-4)


def test_a_large_account_holds_the_target(solved):
    _, solution, prices = solved
    plan = lots.round_to_lots(solution, prices, 1e9)
    assert 0.5 * (plan.weights - solution.weights).abs().sum() < 2e-3
    assert abs(plan.alpha_lost) < 0.02 * solution.expected_return
    assert plan.objective_lost == pytest.approx(0.0, abs=2e-3 * solution.objective)


def test_odd_shares_and_blocked_stocks_are_kept_as_they_are(solved):
    c, solution, prices = solved
    capital = 2e6
    held = (solution.problem.holdings * capital / prices).round().astype(int)  # odd everywhere
    index = c.alpha.index
    c = replace(c, can_buy=pd.Series(np.arange(60) != 3, index=index))
    c = replace(c, can_sell=pd.Series(np.arange(60) != 3, index=index))
    plan = lots.round_to_lots(c.solve(), prices, capital, shares=held)
    assert plan.orders.iloc[3] == 0
    assert all(legal(MAIN, int(h), int(n)) for h, n in zip(held, plan.shares, strict=True))
    assert ((plan.orders % 100 == 0) | (plan.orders < 0)).all()


def test_star_stocks_are_bought_by_200_and_then_by_one(solved):
    c, _, prices = solved
    boards = pd.Series("star", index=c.alpha.index)
    empty = pd.Series(dtype=float)
    new = replace(c, constraints=without(STANDARD, "turnover")).solve()
    plan = lots.round_to_lots(new, prices, 3e6, boards=boards, shares=empty)
    bought = plan.orders[plan.orders > 0]
    assert (bought >= 200).all()
    assert (bought % 100 != 0).any()
    assert plan.objective_lost < 0.01 * new.objective


def test_a_venue_without_lots_trades_single_shares(solved):
    _, solution, prices = solved
    plan = lots.round_to_lots(solution, prices, 1e6, venue=Venue.open())
    assert (plan.orders % 100 != 0).any()
    assert plan.objective_lost < 0.02 * solution.objective


def test_boards_come_from_the_code_where_none_are_given():
    c = case(2, 2)
    star = pd.Index(["SH688001", "SH600000"], name="stock")
    terms = Terms.of(
        replace(c.problem(), stocks=star), np.zeros(2), pd.Series(1.0, index=star), 1e6
    )
    assert [rule.board for rule in terms.rules] == ["star", "main"]


def test_weights_alone_need_their_problem(solved):
    c, solution, prices = solved
    with pytest.raises(ValueError, match="give problem= and constraints="):
        lots.round_to_lots(solution.weights, prices, 1e7)
    plan = lots.round_to_lots(
        solution.weights, prices, 1e7, problem=c.problem(), constraints=c.constraints
    )
    assert 0.5 * (plan.weights - solution.weights).abs().sum() < 0.02


def test_limits_give_way_only_where_lots_cannot_do_without(solved):
    c, _, prices = solved
    neutral = replace(c, constraints=swap(STANDARD, enhance.StyleExposure(0.0))).solve()
    plan = lots.round_to_lots(
        neutral, prices, 1e7, eps=0.5, seconds=2.0
    )  # whole lots are never exactly neutral
    assert plan.room == 0.5
    assert 0.0 < plan.check.table.loc["style_exposure", "value"] <= 0.005
    assert plan.tracking_error <= 0.06


def test_a_soft_limit_is_broken_no_further_than_the_target_breaks_it(solved):
    c, _, prices = solved
    soft = enhance.constraints.Soft(enhance.StyleExposure(0.02), price=1e-4)
    target = replace(c, constraints=swap(STANDARD, soft)).solve()
    wanted = target.check.violations["style_exposure"]
    assert wanted > 0.01
    plan = lots.round_to_lots(target, prices, 1e8)
    assert plan.check.table.loc["style_exposure", "value"] <= 0.02 + 1.05 * wanted


def test_limits_on_names_hold_in_lots(solved):
    c, _, prices = solved
    few = (*STANDARD, enhance.constraints.MaxNames(24), enhance.constraints.MinHolding(0.01))
    target = replace(c, constraints=few).solve()
    plan = lots.round_to_lots(target, prices, 2e6)
    held = plan.weights[plan.weights > 0.0]
    assert len(held) <= 24
    assert held.min() >= 0.01


# ---- too small, and bad input


def test_an_account_that_is_too_small_is_told_what_would_do(solved):
    _, solution, prices = solved
    with pytest.raises(
        lots.TooSmallError, match=r"10,000 CNY cannot hold .* CNY would do"
    ) as error:
        lots.round_to_lots(solution, prices, 10_000.0)
    assert "must weigh" in str(error.value)
    assert lots.round_to_lots(solution, prices, error.value.enough).cash >= 0.0


def test_the_nearest_lots_name_the_limits_they_break():
    c = case(100, 50)
    with pytest.raises(lots.TooSmallError, match=r"the nearest lots break .*(turnover|cash)"):
        lots.round_to_lots(c.solve(), prices_of(c), 25_000.0, seconds=0.0)


def test_prices_shares_and_capital_are_checked(solved):
    _, solution, prices = solved
    with pytest.raises(
        DataError, match=r"1 stocks that are wanted or held have no price .* SH600003"
    ):
        lots.round_to_lots(solution, prices.drop("SH600003"), 1e7)
    with pytest.raises(DataError, match=r"not whole counts .* SH600001"):
        lots.round_to_lots(solution, prices, 1e7, shares=pd.Series({"SH600001": 12.5}))
    with pytest.raises(DataError, match=r"not whole counts .* SH999999"):
        lots.round_to_lots(solution, prices, 1e7, shares=pd.Series({"SH999999": 100}))
    with pytest.raises(DataError, match="capital is 0"):
        lots.round_to_lots(solution, prices, 0.0)
    with pytest.raises(DataError, match="have no board"):
        lots.round_to_lots(solution, prices, 1e7, boards=pd.Series("main", index=names(3)))


# ---- the table


def test_the_table_by_capital_loses_less_the_larger_the_account(solved):
    _, solution, prices = solved
    table = lots.by_capital(solution, prices, (10_000.0, 1e6, 1e7, 1e9), seconds=3.0)
    assert table.index.to_list() == [10_000.0, 1e6, 1e7, 1e9]
    assert "have no lot in their limits" in table["status"].iloc[0]
    assert np.isnan(table["alpha_lost"].iloc[0])
    lost = table["objective_lost"].iloc[1:]
    assert (lost.diff().iloc[1:] < 0.0).all()
    assert lost.iloc[-1] < 1e-3 * solution.objective
    assert (table["status"].iloc[1:] == "held").all()


def test_the_repr_is_one_line(solved):
    _, solution, prices = solved
    text = repr(lots.round_to_lots(solution, prices, 1e7))
    assert text.startswith("LotPlan(2020-01-03, 10,000,000 CNY: ")
    assert "\n" not in text
