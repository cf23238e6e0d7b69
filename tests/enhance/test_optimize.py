"""The optimum against other roads to it, and the invariants it must keep."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import enhance
from enhance.decision import Decision, factor_root
from tests.enhance.cases import STANDARD, case, swap, without


def test_two_stocks_by_hand():
    # all alpha is on the second stock; the active weight lets 3% move
    c = case(2, 2, costs=(0.0, 0.0))
    c.alpha = pd.Series([0.0, 0.01], index=c.alpha.index)
    c.constraints = (enhance.Budget(), enhance.LongOnly(), enhance.ActiveWeight(0.03))
    solution = c.solve()
    assert solution.active.to_list() == pytest.approx([-0.03, 0.03], abs=1e-7)
    assert solution.objective == pytest.approx(0.0003, rel=1e-5)
    # one more unit of limit lets one more unit move at 1%
    assert solution.shadow_prices["active_weight"] == pytest.approx(0.01, rel=1e-4)


def test_the_optimum_agrees_with_slsqp_on_a_small_case():
    c = case(12, 8, seed=3, costs=(0.0, 0.0))
    c.constraints = (
        enhance.Budget(),
        enhance.LongOnly(),
        enhance.ActiveWeight(0.05),
        enhance.StyleExposure(0.2),
        enhance.TrackingError(0.03),
    )
    problem = c.problem()
    soft = [k for k in c.constraints if k.name in ("style_exposure", "tracking_error")]
    rows = [
        {"type": "ineq", "fun": lambda w, k=k: -np.atleast_1d(k.excess(w, problem))} for k in soft
    ]
    rows.append({"type": "eq", "fun": lambda w: w.sum() - 1.0})
    low = np.maximum(problem.benchmark - 0.05, 0.0)
    reference = minimize(
        lambda w: -1e3 * problem.alpha @ (w - problem.benchmark),
        problem.benchmark,
        bounds=list(zip(low, problem.benchmark + 0.05, strict=True)),
        constraints=rows,
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    solution = c.solve()
    assert solution.objective == pytest.approx(-reference.fun / 1e3, rel=1e-5)
    assert solution.vector == pytest.approx(reference.x, abs=1e-4)


def test_clarabel_and_osqp_agree_on_a_penalty_problem():
    c = case(40, 20, constraints=without(STANDARD, "tracking_error"))
    objective = enhance.MaxAlpha(risk_aversion=2.0)
    first = c.solve(objective=objective)
    second = c.solve(objective=objective, solver="osqp")
    assert first.objective == pytest.approx(second.objective, rel=1e-4)
    assert first.vector == pytest.approx(second.vector, abs=2e-4)


def test_osqp_says_that_it_takes_no_cone():
    with pytest.raises(enhance.SolverError, match="cone; use solver='clarabel'"):
        case().solve(solver="osqp")


def test_an_unknown_solver_is_refused():
    with pytest.raises(
        ValueError, match="'gurobi' is unknown; use auto or structured or clarabel or osqp"
    ):
        case().solve(solver="gurobi")


def test_a_penalty_equals_a_limit_at_the_price_of_the_limit():
    # d/dTE of lambda/2 TE^2 is lambda TE: the limit's price over its value is the equivalent penalty
    c = case(constraints=swap(STANDARD, enhance.TrackingError(0.02)))
    limited = c.solve()
    price = limited.shadow_prices["tracking_error"] / 0.02
    penalised = replace(c, constraints=without(STANDARD, "tracking_error")).solve(
        objective=enhance.MaxAlpha(risk_aversion=price)
    )
    assert penalised.tracking_error == pytest.approx(0.02, rel=1e-3)
    assert penalised.vector == pytest.approx(limited.vector, abs=1e-3)


def test_the_factor_form_equals_the_dense_covariance():
    problem = case().problem()
    rng = np.random.default_rng(0)
    w = problem.benchmark + 0.01 * rng.standard_normal(60)
    a, X = w - problem.benchmark, problem.exposures.toarray()
    V = X @ problem.factor_covariance @ X.T + np.diag(problem.specific_variance)
    x = Decision(problem, np.full(60, np.nan))
    x.weights.value, x.factor.value = w, X.T @ a
    assert cp.norm(x.risk).value == pytest.approx(np.sqrt(a @ V @ a), rel=1e-12)
    assert problem.tracking_error(w) == pytest.approx(np.sqrt(a @ V @ a), rel=1e-12)


def test_eliminating_fixed_weights_changes_no_view():
    problem = case().problem()
    rng = np.random.default_rng(1)
    w = rng.uniform(0.0, 0.03, 60)
    fixed = np.where(rng.random(60) < 0.5, w, np.nan)
    whole, small = Decision(problem, fixed), Decision(problem, fixed, eliminated=True)
    for x in (whole, small):
        x.factor.value = problem.active_exposures(w)
    whole.weights.value = w
    small.weights.variables()[0].value = w[small.open]
    trades = w - problem.holdings
    whole.buys.value = np.maximum(trades, 0.0)
    small.buys.variables()[0].value = np.maximum(trades, 0.0)[small.open]
    for view in ("weights", "active", "trades", "buys", "sells"):
        assert getattr(small, view).value == pytest.approx(getattr(whole, view).value, abs=1e-14)
    assert cp.norm(small.risk).value == pytest.approx(cp.norm(whole.risk).value, rel=1e-12)


def test_a_singular_factor_covariance_has_a_root():
    problem = case().problem()
    F = problem.factor_covariance.copy()
    F[-1], F[:, -1] = F[-2], F[:, -2]
    F[-1, -1] = F[-2, -2]  # two identical factors
    problem = replace(problem, factor_covariance=F)
    root = factor_root(problem)
    assert root.shape[1] < len(F)
    assert root @ root.T == pytest.approx(F, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_no_random_feasible_portfolio_does_better(seed):
    c, rng = case(30, 20, seed=seed % 50), np.random.default_rng(seed)
    solution, problem = c.solve(), c.problem()
    base = solution.vector
    for _ in range(40):
        # a random direction that keeps the budget, shrunk until the portfolio is feasible
        direction = rng.standard_normal(30)
        step = (direction - direction.mean()) * (base + 0.01)
        step -= step.mean()
        for size in 10.0 ** -np.arange(1, 5):
            rival = base + size * step
            if all(np.max(k.excess(rival, problem)) <= 1e-9 for k in c.constraints):
                assert enhance.MaxAlpha().value(rival, problem) <= solution.objective + 1e-7
                break
    toward = 0.5 * base + 0.5 * problem.holdings  # convex, so feasible when the holdings are
    if all(np.max(k.excess(problem.holdings, problem)) <= 0 for k in c.constraints):
        assert enhance.MaxAlpha().value(toward, problem) <= solution.objective + 1e-9


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["turnover", "active_weight", "tracking_error", "industry_exposure"]),
    st.integers(0, 20),
)
def test_tightening_a_limit_never_raises_the_objective(name, seed):
    c = case(40, 20, seed=seed)
    limit = next(k for k in STANDARD if k.name == name)
    values = [
        replace(c, constraints=swap(STANDARD, replace(limit, limit=share * limit.limit)))
        .solve(relax=())
        .objective
        for share in (1.0, 0.9, 0.8)
    ]
    assert values[0] >= values[1] - 1e-8
    assert values[1] >= values[2] - 1e-8


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_permuting_stocks_permutes_weights(seed):
    c = case(40, 20)
    order = np.random.default_rng(seed).permutation(40)
    shuffled = replace(c, alpha=c.alpha.iloc[order])
    one, other = c.solve().weights, shuffled.solve().weights
    assert list(other.index) == list(c.alpha.index[order])
    assert other.loc[one.index].to_numpy() == pytest.approx(one.to_numpy(), abs=1e-6)


def test_scaling_alpha_and_costs_together_changes_nothing():
    c = case()
    small = replace(c, alpha=1e-3 * c.alpha, costs=(1e-6, 2e-6))
    assert small.solve().vector == pytest.approx(c.solve().vector, abs=1e-6)


def test_dearer_trading_trades_less():
    turnovers = [case(costs=(r, r)).solve().turnover for r in (0.0, 0.002, 0.02)]
    assert turnovers[0] > turnovers[1] > turnovers[2]


def test_without_alpha_and_with_costs_nothing_trades():
    c = case()
    c.alpha = 0.0 * c.alpha
    solution = c.solve()
    assert solution.turnover == pytest.approx(0.0, abs=1e-7)


def test_minimum_risk_is_the_benchmark():
    c = case(constraints=(enhance.Budget(), enhance.LongOnly()), costs=(0.0, 0.0))
    c.alpha = 0.0 * c.alpha
    solution = c.solve(objective=enhance.MaxAlpha(risk_aversion=1.0))
    assert solution.tracking_error == pytest.approx(0.0, abs=1e-5)


def test_weights_are_free_of_dust_and_idle_stocks_do_not_trade():
    c = case(200, 80, constraints=swap(STANDARD, enhance.ActiveWeight(0.01)))
    solution = c.solve()
    w, trades = solution.vector, solution.trades.to_numpy()
    assert solution.trimmed
    assert not ((np.abs(w) > 0.0) & (np.abs(w) < 1e-7)).any()
    assert not ((np.abs(trades) > 0.0) & (np.abs(trades) < 1e-7)).any()
    assert (trades == 0.0).sum() > 50
    assert w.sum() == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("solver", ["auto", "clarabel"])
def test_the_last_bits_of_a_solver_are_no_part_of_the_answer(solver):
    solution = case().solve(solver=solver)
    idle = solution.vector == solution.problem.holdings
    chosen = solution.vector[~idle]
    assert np.array_equal(chosen, np.round(chosen, 10))
    assert idle.any()


def test_trimming_costs_next_to_nothing():
    c = case(200, 80, constraints=swap(STANDARD, enhance.ActiveWeight(0.01)))
    problem, objective = c.problem(), enhance.MaxAlpha()
    x = Decision(problem, np.full(200, np.nan))
    rows = [row for k in c.constraints for row in k.rows(x)]
    program = cp.Problem(cp.Maximize(500 * objective.expression(x)), rows + x.ties)
    program.solve(solver="CLARABEL")
    assert c.solve().objective == pytest.approx(program.value / 500, rel=1e-6)


def test_cash_stays_out_of_the_portfolio():
    solution = case(constraints=swap(STANDARD, enhance.Budget(0.02))).solve()
    assert solution.weights.sum() == pytest.approx(0.98, abs=1e-8)


def test_an_unscored_stranger_is_only_ever_sold():
    c = case()
    best = c.alpha.iloc[30:].idxmax()  # the most wanted stock outside the benchmark
    assert c.solve().weights[best] > 0.0
    c.alpha = c.alpha.copy()
    c.alpha[best] = np.nan
    assert c.solve().weights[best] == 0.0
    held = c.holdings.copy() * 0.98
    held[best] = 0.02
    c.holdings = held
    assert 0.0 <= c.solve().weights[best] <= 0.02


def test_suspended_stocks_keep_their_weight_and_locked_stocks_move_one_way():
    c = case()
    index = c.alpha.index
    c.can_buy = pd.Series(~np.isin(np.arange(60), [0, 1, 2, 40]), index=index)
    c.can_sell = pd.Series(~np.isin(np.arange(60), [0, 1, 3, 41]), index=index)
    trades = c.solve().trades
    assert trades.iloc[[0, 1]].abs().max() == 0.0
    assert trades.iloc[2] <= 1e-9
    assert trades.iloc[40] == 0.0
    assert trades.iloc[3] >= -1e-9


def test_everything_suspended_returns_the_holdings():
    c = case()
    c.can_buy = c.can_sell = pd.Series(False, index=c.alpha.index)
    solution = c.solve()
    assert solution.turnover == 0.0
    assert solution.weights[c.holdings.index].to_numpy() == pytest.approx(c.holdings.to_numpy())


def test_a_zero_active_weight_is_the_benchmark():
    solution = case(constraints=swap(STANDARD, enhance.ActiveWeight(0.0))).solve()
    assert solution.active.abs().max() < 1e-6


def test_a_portfolio_without_a_bound_is_a_solver_error():
    c = case(constraints=(enhance.Budget(),), costs=(0.0, 0.0))
    with pytest.raises(enhance.SolverError, match="unbounded"):
        c.solve()


def test_a_thousand_stocks_solve_in_well_under_a_second():
    c = case(1000, 300, constraints=swap(STANDARD, enhance.ActiveWeight(0.01)))
    assert c.solve().seconds < 1.5  # 0.15 alone on a machine; the test machine is shared
