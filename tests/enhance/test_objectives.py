"""Each objective against another road to its optimum, and its value in numpy against its expression."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import enhance
from enhance.ratio import AlphaLessRisk
from market import DataError
from tests.enhance.cases import STANDARD, case, swap, without
from tests.enhance.sides import valued
from tests.enhance.test_prices import slope

BARE = (enhance.Budget(), enhance.LongOnly())


def data_of(c, **columns):
    return pd.DataFrame(columns, index=c.alpha.index)


OBJECTIVES = [
    enhance.MaxAlpha(2.0, 0.5),
    enhance.MaxAlpha(impact=enhance.Impact(0.7)),
    enhance.MaxAlpha(uncertainty=enhance.RobustAlpha(0.5)),
    enhance.MaxAlpha(uncertainty=enhance.RobustAlpha(0.5, "box")),
    enhance.MinTrackingError(0.3),
    enhance.MinStyleDeviation({"size": 2.0, "*": 0.5}),
    enhance.ActiveRiskBudget(0.03, by="industry"),
    AlphaLessRisk(0.1, 1.0),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_the_two_views_of_an_objective_agree(objective):
    c = case()
    rng = np.random.default_rng(0)
    columns = {"amount": rng.uniform(1e8, 1e9, 60), "alpha_error": rng.uniform(0.0, 0.01, 60)}
    problem = enhance.Problem.align(
        c.alpha, c.risk, c.benchmark, c.holdings, c.costs, data=data_of(c, **columns), capital=1e8
    )
    gain = np.sign(problem.alpha) * (problem.benchmark > 0.0) * rng.uniform(0.0, 0.01, 60)
    w = problem.benchmark + gain
    x = valued(problem, w)
    assert objective.value(w, problem) == pytest.approx(float(objective.expression(x).value))
    parts = [
        float(np.sum(getattr(term(x), "value", term(x)))) for term in objective.terms().values()
    ]
    assert sum(parts) == pytest.approx(objective.value(w, problem))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: enhance.MaxAlpha(-1.0), "risk_aversion is -1"),
        (lambda: enhance.MinTrackingError(np.nan), "cost_aversion is nan"),
        (lambda: enhance.MaxInformationRatio(margin=1.0), "margin is 1"),
        (lambda: enhance.ActiveRiskBudget(0.0), "tracking_error is 0"),
        (lambda: enhance.ActiveRiskBudget(times={"a": -1.0}), "times -1"),
        (lambda: enhance.Impact(-1.0), "eta is -1"),
        (lambda: enhance.RobustAlpha(shape="ball"), "shape is 'ball'"),
        (lambda: enhance.RobustAlpha(np.inf), "radius is inf"),
    ],
)
def test_senseless_settings_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_without_any_score_only_objectives_without_alpha_have_an_answer():
    c = case()
    c.alpha = c.alpha * np.nan
    with pytest.raises(DataError, match="none of the 60 stocks has a score on 2020-01-03"):
        c.solve()
    assert c.solve(objective=enhance.MinTrackingError()).check.passed


# least tracking error


def test_the_least_tracking_error_is_the_benchmark_where_it_can_be_reached():
    solution = case(constraints=BARE).solve(objective=enhance.MinTrackingError())
    assert solution.vector == pytest.approx(solution.problem.benchmark, abs=1e-6)


def test_the_least_tracking_error_of_twelve_names_agrees_with_slsqp():
    c = case(12, 12, seed=1)
    gone = tuple(c.alpha.index[:3])
    c.constraints = (*BARE, enhance.Blacklist(gone))
    problem = c.problem()
    reference = minimize(
        lambda w: 1e2 * sum(problem.active_variance(w)),
        np.r_[np.zeros(3), np.full(9, 1 / 9)],
        bounds=[(0.0, 0.0)] * 3 + [(0.0, 1.0)] * 9,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    solution = c.solve(objective=enhance.MinTrackingError())
    assert solution.tracking_error == pytest.approx(np.sqrt(reference.fun / 1e2), rel=1e-5)
    assert solution.objective == pytest.approx(-solution.tracking_error)


def test_the_price_of_turnover_is_tracking_error():
    limit = enhance.Turnover(0.02)
    c = case(constraints=(*BARE, limit), options={"objective": enhance.MinTrackingError()})
    price = c.solve().shadow_prices["turnover"]
    assert price > 1e-3
    assert price == pytest.approx(slope(c, limit), rel=1e-2)


# least style deviation


def test_the_purest_portfolio_earns_its_alpha_with_the_least_style():
    c = case(constraints=without(STANDARD, "style_exposure", "turnover"))
    greedy = c.solve()
    target = 0.7 * greedy.expected_return
    row = enhance.Linear(c.alpha, lower=target, active=True, name="least_alpha")
    c.constraints = (*c.constraints, row)
    pure = c.solve(objective=enhance.MinStyleDeviation())
    styles = ["size", "beta", "momentum", "value"]
    assert pure.expected_return >= target - 1e-8
    assert np.linalg.norm(pure.exposures[styles]) < 0.2 * np.linalg.norm(greedy.exposures[styles])
    # no smaller limit on every style can be met at the same alpha
    worst = float(np.linalg.norm(pure.exposures[styles]))
    c.constraints = (*c.constraints, enhance.StyleExposure(0.49 * worst))
    if worst > 1e-3:
        with pytest.raises(enhance.InfeasibleError):
            c.solve()


def test_a_style_without_weight_is_free():
    c = case(constraints=without(STANDARD, "style_exposure"))
    row = enhance.Linear(c.alpha, lower=2.9e-4, active=True, name="least_alpha")
    c.constraints = (*c.constraints, row)
    only = c.solve(objective=enhance.MinStyleDeviation({"size": 1.0, "*": 0.0}, cost_aversion=0.0))
    assert abs(only.exposures["size"]) < 1e-4


# greatest information ratio


def grid_ratio(c, objective):
    """The best ratio along the frontier of return and tracking error."""
    best = 0.0
    for te in np.geomspace(0.002, 0.06, 25):
        limits = (*without(c.constraints, "tracking_error"), enhance.TrackingError(te))
        plain = enhance.MaxAlpha(cost_aversion=objective.cost_aversion)
        solution = replace(c, constraints=limits).solve(
            objective=plain, relax=(enhance.TrackingError,)
        )
        best = max(best, objective.value(solution.vector, solution.problem))
    return best


@pytest.mark.parametrize("seed", [0, 1])
def test_no_point_of_the_frontier_has_a_better_ratio(seed):
    c, objective = case(seed=seed), enhance.MaxInformationRatio()
    solution = c.solve(objective=objective)
    ratio = objective.value(solution.vector, solution.problem)
    assert solution.objective == ratio
    assert ratio >= (1.0 - objective.margin) * grid_ratio(c, objective)
    assert solution.check.passed


def test_without_limits_the_ratio_is_that_of_the_inverse_covariance():
    c = case(30, 30, costs=(0.0, 0.0), constraints=())
    c.holdings = c.benchmark
    problem = c.problem()
    X, F = problem.exposures.toarray(), problem.factor_covariance
    V = X @ F @ X.T + np.diag(problem.specific_variance)
    best = np.sqrt(problem.alpha @ np.linalg.solve(V, problem.alpha))
    c.constraints = (enhance.TrackingError(0.05),)
    solution = c.solve(objective=enhance.MaxInformationRatio())
    assert solution.objective == pytest.approx(best, rel=1e-4)
    # along the line through the benchmark the ratio is the same: the longest is taken
    assert solution.tracking_error == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("name", ["turnover", "active_weight"])
def test_prices_of_the_ratio_are_finite_differences_of_the_ratio(name):
    limit = {"turnover": enhance.Turnover(0.06), "active_weight": enhance.ActiveWeight(0.01)}[name]
    objective = enhance.MaxInformationRatio(margin=1e-5)
    c = case(constraints=swap(STANDARD, limit), options={"objective": objective})
    price = c.solve().shadow_prices[name]
    assert price > 1e-4
    assert price == pytest.approx(slope(c, limit, step=limit.limit / 30), rel=3e-2)


def test_a_ratio_without_a_return_says_so():
    c = case(costs=(0.5, 0.5))
    c.alpha = 0.0 * c.alpha
    with pytest.raises(enhance.SolverError, match="no information ratio to maximise"):
        c.solve(objective=enhance.MaxInformationRatio())


# active risk budgets


@pytest.mark.parametrize("times", [None, {"industry_0": 3.0, "*": 1.0}])
def test_groups_bring_their_budget_of_the_active_variance_where_nothing_binds(times):
    c = case(60, 60, constraints=(enhance.Bounds(1.0),))
    objective = enhance.ActiveRiskBudget(0.02, times=times)
    solution = c.solve(objective=objective)
    parts = objective.contributions(solution.vector, solution.problem)
    expected = np.array([3.0 if times else 1.0, 1.0, 1.0, 1.0])
    assert parts == pytest.approx(expected / expected.sum(), abs=1e-4)
    assert solution.tracking_error == pytest.approx(0.02, rel=1e-4)


def test_every_stock_brings_the_same_part_where_nothing_binds():
    c = case(20, 20, constraints=(enhance.Bounds(1.0),))
    objective = enhance.ActiveRiskBudget(0.01, by="stock")
    solution = c.solve(objective=objective)
    parts = objective.contributions(solution.vector, solution.problem)
    assert parts == pytest.approx(np.full(20, 1 / 20), abs=1e-4)
    assert (np.sign(solution.active) == np.sign(c.alpha)).all()


def test_under_the_usual_limits_budgets_are_approached():
    c, objective = case(), enhance.ActiveRiskBudget(0.02)
    solution = c.solve(objective=objective)
    parts = objective.contributions(solution.vector, solution.problem)
    greedy = objective.contributions(c.solve().vector, solution.problem)
    assert solution.check.passed
    assert np.ptp(parts) < 0.5 * np.ptp(greedy)


def test_a_budget_for_nobody_is_refused():
    with pytest.raises(DataError, match="no group of industry has a budget"):
        case().solve(objective=enhance.ActiveRiskBudget(times={"*": 0.0}))


# impact and doubt


def test_impact_by_hand():
    # 1% of 100 million in a stock that trades 100 million a day: sigma 0.01^1.5 sqrt(1)
    c = case(4, 4)
    c.holdings = c.benchmark
    problem = enhance.Problem.align(
        c.alpha, c.risk, c.benchmark, c.holdings, data=data_of(c, amount=1e8), capital=1e8
    )
    w = problem.benchmark + np.array([0.01, 0.0, 0.0, 0.0])
    sigma = c.risk.volatility(pd.Series({"SH600000": 1.0})) / np.sqrt(252)
    assert enhance.Impact(2.0).value(w, problem) == pytest.approx(2.0 * sigma * 0.001)


def test_a_single_trade_under_impact_meets_its_first_order_condition():
    # one stock against cash: a = 1.5 eta sigma q^0.5
    c = case(1, 1, costs=(0.0, 0.0), constraints=(enhance.Budget(spare=1.0),))
    c.holdings = 0.5 * c.benchmark
    c.alpha = pd.Series([0.001], c.alpha.index)
    sigma = c.risk.volatility(pd.Series({"SH600000": 1.0})) / np.sqrt(252)
    eta = 0.001 / (1.5 * sigma * np.sqrt(0.2))  # so that 20% is bought
    solution = c.solve(
        objective=enhance.MaxAlpha(impact=enhance.Impact(eta)),
        data=data_of(c, amount=1e8),
        capital=1e8,
    )
    assert solution.weights.iloc[0] == pytest.approx(0.7, abs=1e-5)


def test_a_larger_account_trades_less_of_itself():
    c = case(constraints=without(STANDARD, "turnover"))
    amounts = data_of(c, amount=5e7)
    turnovers = [
        c.solve(
            objective=enhance.MaxAlpha(impact=enhance.Impact()), data=amounts, capital=capital
        ).turnover
        for capital in (1e6, 1e9, 1e11)
    ]
    assert turnovers[0] > turnovers[1] > turnovers[2]


def test_a_stock_that_does_not_trade_is_too_dear_to_trade():
    c = case()
    amounts = data_of(c, amount=np.r_[0.0, np.full(59, 1e10)])
    objective = enhance.MaxAlpha(impact=enhance.Impact())
    solution = c.solve(objective=objective, data=amounts, capital=1e8)
    assert abs(solution.trades["SH600000"]) < 1e-6
    assert solution.turnover > 0.05


def test_a_box_of_doubt_holds_doubtful_stocks_at_the_benchmark():
    c = case(costs=(0.0, 0.0), constraints=(enhance.ActiveWeight(0.01),))
    c.holdings = c.benchmark
    error = c.alpha.abs() * np.where(np.arange(60) % 2 == 0, 1.5, 0.5)
    doubt = enhance.MaxAlpha(uncertainty=enhance.RobustAlpha(1.0, "box"))
    solution = c.solve(objective=doubt, data=error.to_frame("alpha_error"))
    assert solution.active.iloc[::2].abs().max() < 1e-6
    assert solution.active.iloc[1::2].abs().max() > 0.009


def test_an_ellipsoid_of_doubt_is_the_worst_alpha_in_it():
    c = case()
    error = pd.Series(np.random.default_rng(0).uniform(0.001, 0.01, 60), c.alpha.index)
    objective = enhance.MaxAlpha(uncertainty=enhance.RobustAlpha(0.3))
    solution = c.solve(objective=objective, data=error.to_frame("alpha_error"))
    x = solution.active.to_numpy()
    direction = error.to_numpy() ** 2 * x / np.linalg.norm(error.to_numpy() * x)
    worst = enhance.MaxAlpha().value(
        solution.vector, replace(solution.problem, alpha=solution.problem.alpha - 0.3 * direction)
    )
    assert solution.objective == pytest.approx(worst, abs=1e-10)
    # and no other portfolio is better against its own worst alpha
    plain = c.solve(data=error.to_frame("alpha_error"))
    assert objective.value(plain.vector, plain.problem) < solution.objective
