"""Why the optimum is what it is: pulls that sum to zero, prices that are derivatives, positions split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import enhance
from enhance.constraints import GroupRisk, Linear, Participation, Soft
from enhance.explain import (
    Optimality,
    inverse_covariance,
    times_covariance,
    transfer_coefficients,
)
from enhance.pulls import pulls
from enhance.terms import Impact, RobustAlpha
from tests.enhance.cases import STANDARD, case, names, swap, without
from tests.enhance.test_prices import TIGHT, slope

NONE = pd.Series(dtype=float)


def blocked(c, seed=0):
    """The case with a sixth of its stocks that cannot be bought, and a sixth that cannot be sold."""
    rng = np.random.default_rng(seed)
    index = c.alpha.index
    c.can_buy = pd.Series(rng.random(len(index)) > 0.15, index=index)
    c.can_sell = pd.Series(rng.random(len(index)) > 0.15, index=index)
    return c


def dense(problem):
    X = problem.exposures.toarray()
    return X @ problem.factor_covariance @ X.T + np.diag(problem.specific_variance)


@pytest.fixture(scope="module")
def risky():
    """A solution whose tracking error costs something."""
    c = case(constraints=swap(STANDARD, enhance.TrackingError(0.02), enhance.Turnover(0.15)))
    return c, c.solve()


# ---- the first-order conditions


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_the_pulls_on_every_stock_sum_to_zero(seed, some_blocked):
    rng = np.random.default_rng(seed)
    limits = swap(
        TIGHT,
        enhance.StyleExposure(rng.choice([0.0, 0.02, 0.3])),  # neutral is a corner of abs()
        enhance.TrackingError(rng.uniform(0.005, 0.05)),
        enhance.Turnover(rng.uniform(0.02, 0.3)),
    )
    c = case(seed=seed % 30, constraints=limits, options={"relax": enhance.WEEKLY})
    optimality = (blocked(c, seed) if some_blocked else c).solve().optimality
    assert optimality.residual < 1e-6
    assert optimality.table.sum(axis=1).abs().max() < 1e-6 * c.alpha.std()
    size = optimality.table.abs().max().max()
    assert size > 0.5 * c.alpha.std()  # something was there to cancel


@pytest.mark.parametrize(
    "objective",
    [
        enhance.MaxAlpha(risk_aversion=2.0),
        enhance.MaxAlpha(cost_aversion=0.3),
        enhance.MaxAlpha(risk_aversion=1.0, uncertainty=RobustAlpha(0.3, "box")),
        enhance.MaxAlpha(uncertainty=RobustAlpha(0.3, "ellipsoid")),
        enhance.MaxAlpha(impact=Impact(1.0)),
    ],
)
def test_terms_of_the_objective_pull_by_themselves(objective):
    c = case()
    data = pd.DataFrame({"amount": 1e8, "alpha_error": 0.001}, index=c.alpha.index)
    solution = c.solve(objective=objective, data=data, capital=1e8)
    optimality = solution.optimality
    assert optimality.residual < 1e-6
    assert set(objective.terms()) <= set(optimality.pulls)
    # a sum of terms is the objective: no term is told twice, none is left out
    risk = -objective.risk_aversion * times_covariance(
        solution.problem, optimality.weights - solution.problem.benchmark
    )
    assert optimality.pulls["alpha"] == pytest.approx(c.alpha.to_numpy(), abs=1e-9)
    if objective.risk_aversion:
        assert optimality.pulls["risk"] == pytest.approx(risk, abs=1e-8)


def test_least_tracking_error_is_explained_too():
    c = case(constraints=without(STANDARD, "tracking_error"))
    solution = c.solve(objective=enhance.objective.MinTrackingError(cost_aversion=1.0))
    assert solution.optimality.residual < 1e-6
    assert "alpha" not in solution.optimality.pulls


def test_the_best_ratio_is_explained_at_its_own_price_of_risk():
    c = case(constraints=without(STANDARD, "tracking_error"))
    solution = c.solve(objective=enhance.MaxInformationRatio())
    optimality = solution.optimality
    assert optimality.residual < 1e-6
    # of a'x - theta TE the risk aversion is theta / TE
    theta = solution.objective * (1.0 - enhance.MaxInformationRatio().margin)
    assert optimality.risk_aversion == pytest.approx(theta / solution.tracking_error, rel=1e-3)


def test_a_limit_on_names_pulls_at_those_given_up():
    solution = case(constraints=(*STANDARD, enhance.constraints.MaxNames(24))).solve()
    optimality = solution.optimality
    assert optimality.residual < 1e-6
    assert np.abs(optimality.weights - solution.vector).max() < 1e-4
    # a name given up cannot move: its pull is what holding it would gain
    given_up = (solution.vector == 0.0) & (optimality.pulls["pinned"] < -1e-5)
    assert given_up.any()


def test_osqp_explains_as_clarabel_does():
    c = case(40, 20, constraints=without(STANDARD, "tracking_error"))
    problem, objective = c.problem(), enhance.MaxAlpha(risk_aversion=2.0)
    one = pulls(problem, c.constraints, objective, "clarabel")
    other = pulls(problem, c.constraints, objective, "osqp")
    assert other.residual < 1e-6
    for term in ("alpha", "risk", "budget"):  # cost and long_only share a corner at w = h = 0
        assert other.pulls[term] == pytest.approx(one.pulls[term], abs=1e-4 * c.alpha.std())


def test_each_pull_is_the_multiplier_times_the_gradient():
    solution = blocked(case(seed=1, constraints=TIGHT)).solve()
    table, prices, p = solution.optimality.table, solution.shadow_prices, solution.problem
    free = ~(np.abs(solution.optimality.table["pinned"]) > 0.0)
    # one sign for every stock that trades: half the price of turnover, against the trade
    trades = solution.trades[solution.trades.abs() > 1e-4]
    expected = -0.5 * prices["turnover"] * np.sign(trades)
    assert table.loc[trades.index, "turnover"].to_numpy() == pytest.approx(expected, abs=1e-8)
    # duals by stock add up to the price
    assert table["active_weight"].abs().sum() == pytest.approx(prices["active_weight"], abs=1e-7)
    # exposures pull along their columns
    styles = p.exposures[:, p.factor_columns("style")].toarray()
    fit = np.linalg.lstsq(styles[free], table["style_exposure"][free], rcond=None)[0]
    assert styles[free] @ fit == pytest.approx(table["style_exposure"][free].to_numpy(), abs=1e-9)
    assert np.abs(fit).sum() == pytest.approx(prices["style_exposure"], rel=1e-4)
    # and tracking error along V (w - b)
    active = solution.optimality.weights - p.benchmark
    gradient = dense(p) @ active / np.sqrt(active @ dense(p) @ active)
    assert table["tracking_error"].to_numpy() == pytest.approx(
        -prices["tracking_error"] * gradient, abs=1e-8
    )


def test_a_stock_that_cannot_move_says_what_moving_would_gain():
    c = blocked(case(seed=2))
    solution = c.solve()
    pinned = solution.optimality.table["pinned"]
    stuck = ~(c.can_buy | c.can_sell).to_numpy()
    assert stuck.any()
    assert (pinned[~stuck & (solution.problem.holdings > 0.0) & c.can_sell.to_numpy()] == 0.0).all()
    # its weight is its holding: hold a little less, which trades nothing, and see the objective
    first = pinned[stuck].reindex(c.holdings.index).abs().idxmax()
    held, step = c.holdings.copy(), 1e-5
    held[first] -= step
    slope = (solution.objective - replace(c, holdings=held).solve().objective) / step
    assert abs(slope) > 1e-5
    of_trading = solution.optimality.table.loc[first, ["cost", "turnover"]].sum()
    assert slope == pytest.approx(-pinned[first] - of_trading, rel=1e-2)


# ---- prices are derivatives, whatever the limit


@pytest.mark.parametrize(
    "limit",
    [
        enhance.Bounds(0.045),
        enhance.ActiveWeight(0.02),
        enhance.StyleExposure(0.05),
        enhance.IndustryExposure(0.005),
        enhance.TrackingError(0.015),
        enhance.ConstituentShare(0.95),
        enhance.Turnover(0.08),
        Participation(0.1, amount=pd.Series(2e7, index=names(60))),
        GroupRisk(0.004, "group_risk", kind="style"),
        Linear(pd.Series(np.arange(60.0), index=names(60)), upper=11.9, limit=0.1),
        Soft(enhance.StyleExposure(0.05), price=1.0),
    ],
    ids=lambda limit: limit.name,
)
def test_every_limit_is_priced_at_its_finite_difference(limit):
    limits = (*without(STANDARD, limit.name), limit)
    c = case(seed=4, constraints=limits, options={"capital": 1e8})
    solution = c.solve()
    price = solution.shadow_prices[limit.name]
    assert price > 1e-6
    step = 1e-3 * max(limit.limit, 0.05)
    assert price == pytest.approx(slope(c, limit, step=step), rel=2e-2)
    assert solution.optimality.residual < 1e-6


# ---- risk: implied alpha, positions


def test_risk_aversion_is_the_price_of_tracking_error_over_its_value(risky):
    _, solution = risky
    price = solution.shadow_prices["tracking_error"]
    assert solution.optimality.risk_aversion == pytest.approx(price / 0.02, rel=1e-4)


def test_a_penalty_adds_to_the_price_of_risk():
    c = case(constraints=swap(STANDARD, enhance.TrackingError(0.02)))
    solution = c.solve(objective=enhance.MaxAlpha(risk_aversion=0.2))
    price = solution.shadow_prices["tracking_error"]
    assert solution.optimality.risk_aversion == pytest.approx(0.2 + price / 0.02, rel=1e-4)


def test_implied_alpha_makes_the_held_position_optimal_without_any_limit(risky):
    c, solution = risky
    implied = solution.implied_alpha()
    free = replace(c, alpha=implied, costs=(0.0, 0.0), constraints=(enhance.Bounds(9.0),))
    again = free.solve(objective=enhance.MaxAlpha(risk_aversion=solution.optimality.risk_aversion))
    assert again.active.to_numpy() == pytest.approx(solution.active.to_numpy(), abs=1e-6)
    own = solution.implied_alpha(risk_aversion=3.0)
    assert own.to_numpy() == pytest.approx(
        3.0 * dense(solution.problem) @ solution.active.to_numpy()
    )


def test_the_parts_of_the_position_sum_to_it(risky):
    _, solution = risky
    optimality = solution.optimality
    active = optimality.weights - solution.problem.benchmark
    assert optimality.holdings().sum(axis=1).to_numpy() == pytest.approx(active, abs=1e-5)
    # alpha's part is the position that risk alone would hold back
    free = np.linalg.solve(dense(solution.problem), solution.problem.alpha)
    expected = free / optimality.risk_aversion
    assert optimality.holdings()["alpha"].to_numpy() == pytest.approx(expected, rel=1e-6)


def test_the_attribution_adds_up_and_limits_cost_return(risky):
    _, solution = risky
    table = solution.attribution()
    assert table["expected_return"].sum() == pytest.approx(solution.expected_return, rel=1e-3)
    assert table["risk_share"].sum() == pytest.approx(1.0, rel=1e-3)
    assert table.loc["alpha", "expected_return"] > solution.expected_return
    assert table.loc["long_only", "expected_return"] < 0.0
    assert "tracking_error" not in table.index  # it sets the size, not the direction


def test_without_a_price_on_risk_there_is_no_attribution():
    solution = case(constraints=swap(STANDARD, enhance.TrackingError(0.5))).solve()
    for ask in (solution.attribution, solution.implied_alpha):
        with pytest.raises(ValueError, match="risk has no price on 2020-01-03"):
            ask()
    assert "active" not in solution.explain("SH600000").table
    assert solution.implied_alpha(risk_aversion=1.0).abs().max() > 0.0


def test_the_inverse_of_the_covariance_is_that_of_the_dense_one():
    problem = case(seed=7).problem()
    x = np.random.default_rng(0).standard_normal(60)
    assert inverse_covariance(problem, x) == pytest.approx(np.linalg.solve(dense(problem), x))
    assert times_covariance(problem, x) == pytest.approx(dense(problem) @ x)


# ---- one stock


def test_two_stocks_by_hand():
    # no factor risk: with nu the price of the budget, w_i - b_i = (alpha_i - nu) / (lambda d_i), where
    # lambda d = (0.20, 0.05), alpha = (1%, 0); they cancel at (1% - nu) / 0.20 = nu / 0.05: nu = 0.2%
    c = case(2, 2, costs=(0.0, 0.0))
    risk = c.risk
    c.risk = type(risk)(
        risk.date,
        risk.exposures,
        1e-14 * risk.factor_covariance,
        pd.Series([0.04, 0.01], index=c.alpha.index) / 252,
        risk.kinds,
    )
    c.alpha = pd.Series([0.01, 0.0], index=c.alpha.index)
    c.benchmark = c.holdings = pd.Series(0.5, index=c.alpha.index)
    c.constraints = (enhance.Budget(), enhance.LongOnly())
    solution = c.solve(objective=enhance.MaxAlpha(risk_aversion=5.0))
    assert solution.active.to_list() == pytest.approx([0.04, -0.04], abs=1e-7)
    table = solution.explain("SH600000").table
    assert table.loc["alpha", "pull"] == pytest.approx(0.01)
    assert table.loc["budget", "pull"] == pytest.approx(-0.002, abs=1e-8)
    assert table.loc["own_risk", "pull"] == pytest.approx(-0.008, abs=1e-8)
    assert table.loc["alpha", "active"] == pytest.approx(0.05)
    assert table.loc["budget", "active"] == pytest.approx(-0.01, abs=1e-7)
    text = repr(solution.explain("SH600000"))
    assert text.splitlines()[0] == (
        "SH600000 on 2020-01-03: active +4.00% (weight 54.00%, benchmark 50.00%)"
    )
    assert [line.split() for line in text.splitlines()[2:]] == [
        ["alpha", "+100.00", "+5.000"],
        ["budget", "-20.00", "-1.000"],
        ["own_risk", "-80.00"],
        ["sum", "+0.00", "+4.000"],
    ]


def test_an_explanation_sums_to_zero_and_to_the_active_weight(risky):
    _, solution = risky
    for stock in solution.active.index[::7]:
        table = solution.explain(stock).table
        assert table["pull"].sum() == pytest.approx(0.0, abs=1e-9)
        assert table["active"].sum() == pytest.approx(solution.active[stock], abs=1e-9)
        assert abs(table.loc["dust", "active"]) < 1e-4


def test_a_bet_at_its_limit_is_held_by_that_limit():
    c = case(constraints=swap(STANDARD, enhance.TrackingError(0.03), enhance.ActiveWeight(0.02)))
    solution = c.solve()
    over = c.alpha[solution.active > 0.02 - 1e-7].idxmax()
    table = solution.explain(over).table
    assert table.loc["active_weight", "pull"] < -1e-4
    assert "active_weight" in solution.explain(over).shown().index
    assert "style_exposure" not in solution.explain(over).shown().index  # it has room


def test_an_unknown_stock_is_refused(risky):
    _, solution = risky
    with pytest.raises(KeyError, match="SH999999 is not among the 60 stocks of 2020-01-03"):
        solution.explain("SH999999")


def test_the_notebook_shows_a_sentence_and_a_table(risky):
    _, solution = risky
    html = solution.explain(solution.bets(1).index[0])._repr_html_()
    assert html.startswith("<p>SH6000")
    assert "<table" in html
    assert "own_risk" in html


# ---- transfer of alpha


def test_the_transfer_coefficients_by_hand():
    # d = (4, 1, 1)%, no factors: alpha and a over three stocks
    c = case(3, 3)
    problem = replace(
        c.problem(),
        alpha=np.array([0.02, 0.0, -0.02]),
        benchmark=np.full(3, 1 / 3),
        specific_variance=np.array([0.04, 0.01, 0.01]),
        factor_covariance=0.0 * c.problem().factor_covariance,
    )
    a = np.array([0.01, 0.01, -0.02])
    values = transfer_coefficients(problem, problem.benchmark + a)
    assert values["plain"] == pytest.approx(3.0 / np.sqrt(2 * 6))  # (1, 0, -1) and (1, 1, -2)
    x, y = np.array([0.1, 0.0, -0.2]), np.array([0.002, 0.001, -0.002])
    assert values["risk_weighted"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    # V^-1 1 = (25, 100, 100): neutral alpha is alpha + 1.5/225; V^-1-length and TE by hand
    neutral = np.array([0.02, 0.0, -0.02]) + 1.5 / 225
    best = np.sqrt(25 * neutral[0] ** 2 + 100 * neutral[1] ** 2 + 100 * neutral[2] ** 2)
    risk = np.sqrt(0.04 * 1e-4 + 0.01 * 1e-4 + 0.01 * 4e-4)
    assert values["covariance"] == pytest.approx(neutral @ a / (risk * best))


def test_all_of_alpha_is_transferred_where_only_the_budget_binds():
    c = case(costs=(0.0, 0.0), constraints=(enhance.Budget(), enhance.Bounds(9.0)))
    solution = c.solve(objective=enhance.MaxAlpha(risk_aversion=1.0))
    assert solution.transfer_coefficients["covariance"] == pytest.approx(1.0, abs=1e-6)
    limited = case(costs=(0.0, 0.0)).solve()
    assert limited.transfer_coefficients["covariance"] < 0.95


def test_optimality_can_be_given_by_another_road():
    problem = case(2, 2).problem()
    alpha = np.array([0.01, -0.01])
    given = Optimality(problem, problem.benchmark, {"alpha": alpha, "budget": -alpha})
    assert given.residual == 0.0
    assert given.risk_aversion == 0.0
    solution = replace(case(2, 2).solve(), first_order=given)
    assert solution.optimality is given
