"""The structured road against the modelling road: same answers, same prices, same verdicts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import enhance
from enhance.reach import Reach
from enhance.solvers import SETTINGS
from enhance.structured import State, answer, standard
from enhance.structured.lean import solve_lean
from tests.enhance.cases import STANDARD, case, names, swap, without

OPTIONAL = {
    "active_weight": (0.01, 0.03, 0.1),
    "bounds": (0.1, 0.2),
    "style_exposure": (0.05, 0.3),
    "industry_exposure": (0.01, 0.03),
    "tracking_error": (0.015, 0.04),
    "constituent_share": (0.8, 0.95),
    "turnover": (0.1, 0.3),
}
KINDS = {c.name: type(c) for c in (*STANDARD, enhance.Bounds())}


def drawn(seed, most=200):
    """A case with a random subset of the limits, random masks, costs and objective."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, most + 1))
    c = case(n, int(rng.integers(3, n + 1)), seed=seed % 1000)
    limits = [KINDS[name](rng.choice(v)) for name, v in OPTIONAL.items() if rng.random() < 0.7]
    cash = rng.choice([0.0, 0.0, 0.02])
    c.constraints = (enhance.Budget(cash), enhance.LongOnly(), *limits)
    if rng.random() < 0.7:
        c.constraints += (enhance.NoBuy(), enhance.NoSell())
        c.can_buy = pd.Series(rng.random(n) > 0.1, c.alpha.index)
        c.can_sell = pd.Series(rng.random(n) > 0.1, c.alpha.index)
    c.costs = tuple(rng.choice([0.0005, 0.001, 0.002], 2))
    c.options = {"objective": enhance.MaxAlpha(float(rng.choice([0.0, 0.0, 5.0])))}
    return c


def form_of(c, **options):
    problem = c.problem()
    fixed = Reach.of(problem, c.constraints).fixed(problem)
    objective = {**c.options, **options}.get("objective", enhance.MaxAlpha())
    return standard(problem, c.constraints, objective, fixed)


def either(c, solver, tolerance=1e-9):
    """The solution, or the error that says why there is none; Clarabel tighter than it is by default.

    At its own 1e-8 of the objective it leaves up to 1e-5 of weight along flat directions.
    """
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SETTINGS, "clarabel", tight)
        try:
            return c.solve(solver=solver)
        except enhance.InfeasibleError as error:
            return error


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_both_roads_agree_on_random_subsets_of_the_limits(seed):
    c = drawn(seed)
    ours, reference = either(c, "structured"), either(c, "clarabel")
    assert type(ours) is type(reference)
    if isinstance(ours, enhance.Solution):
        assert ours.check.passed
        assert ours.objective == pytest.approx(reference.objective, abs=1e-7)
        assert ours.objective >= reference.objective - 1e-9
        assert ours.vector == pytest.approx(reference.vector, abs=1e-5)
        assert ours.trimmed == reference.trimmed
        assert 0.0 <= ours.gap + 1e-12 <= 1e-8


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_every_answer_is_certified_and_every_refusal_has_a_certificate(seed):
    form = form_of(drawn(seed))
    found = answer(form)
    if found.status == "optimal":
        assert found.violation <= 1e-8
        assert -1e-12 <= found.gap <= 1e-8
    else:
        assert found.status == "infeasible"
        assert found.road == "bounds" or solve_lean(form.form).infeasible


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_both_roads_agree_on_the_least_tracking_error(seed):
    c = drawn(seed)
    c.options = {"objective": enhance.MinTrackingError()}
    ours = either(c, "structured")
    reference = either(c, "clarabel", 1e-10)  # a tracking error is flat at its least
    assert type(ours) is type(reference)
    if isinstance(ours, enhance.Solution):
        assert ours.objective == pytest.approx(reference.objective, abs=1e-7)
        assert ours.vector == pytest.approx(reference.vector, abs=1e-5)
        assert 0.0 <= ours.gap + 1e-12 <= 1e-6
        priced = ours.tracking_error > 1e-3  # at the benchmark itself a limit has many prices
        for name in ours.shadow_prices if priced else ():
            price = pytest.approx(reference.shadow_prices[name], rel=1e-3, abs=1e-5)
            assert ours.shadow_prices[name] == price


def test_the_benchmark_is_found_where_it_can_be_held():
    c = case(constraints=without(STANDARD, "turnover"), costs=(0.0, 0.0))
    solution = c.solve(objective=enhance.MinTrackingError(), solver="structured")
    assert solution.vector == pytest.approx(solution.problem.benchmark, abs=1e-6)
    assert solution.shadow_prices["tracking_error"] == 0.0


def test_what_answered_is_recorded():
    c, state = case(), State()
    assert [c.solve(state=state).road for _ in range(2)] == ["cold", "sifted"]
    assert c.solve(solver="clarabel").road == "clarabel"
    penalty = replace(c, constraints=without(STANDARD, "tracking_error"))
    assert penalty.solve(solver="osqp", objective=enhance.MaxAlpha(20.0)).road == "osqp"


@pytest.mark.parametrize("seed", range(4))
def test_prices_agree_where_they_are_unique(seed):
    rng = np.random.default_rng(seed)
    c = case(90, 50, seed=seed)
    c.constraints = swap(
        (*STANDARD, enhance.Bounds(0.05)),
        enhance.Turnover(0.08),
        enhance.StyleExposure(0.05),
        enhance.TrackingError(0.015),
    )
    c.can_buy = pd.Series(rng.random(90) > 0.15, index=c.alpha.index)
    c.can_sell = pd.Series(rng.random(90) > 0.15, index=c.alpha.index)
    ours, theirs = (c.solve(solver=s).shadow_prices for s in ("structured", "clarabel"))
    assert set(ours) == set(theirs)
    for name in ours:
        assert ours[name] == pytest.approx(theirs[name], rel=5e-3, abs=5e-6)


@pytest.mark.parametrize("solver", ["structured", "clarabel"])
@pytest.mark.parametrize("constraint", [enhance.LongOnly(), enhance.NoBuy(), enhance.NoSell()])
def test_the_price_of_a_hard_limit_is_the_gain_of_loosening_it_with_costs(constraint, solver):
    # the corner of the cost at the held weight has no part in it: what moves on pays for its trade
    c = case(seed=2, constraints=without(STANDARD, "turnover", "tracking_error"))
    c.can_buy = pd.Series(np.arange(60) % 7 != 0, index=c.alpha.index)
    c.can_sell = pd.Series(np.arange(60) % 5 != 0, index=c.alpha.index)
    c.options = {"solver": solver}
    step = 1e-4  # above what is dust
    loose = replace(c, constraints=swap(c.constraints, constraint.loosened(step))).solve()
    gain = (loose.objective - c.solve().objective) / step
    assert c.solve().shadow_prices[constraint.name] == pytest.approx(gain, rel=2e-2, abs=1e-6)


def test_limits_that_differ_by_name_are_read_and_priced_in_proportion():
    c = case(80, 40, seed=5)
    c.constraints = swap(
        STANDARD,
        enhance.StyleExposure(0.2, times={"size": 0.1, "beta": 3.0}),
        enhance.IndustryExposure(0.02, times={"industry_1": 0.2, "*": 2.0}),
        enhance.ActiveWeight(0.02, times={"SH600003": 2.0}),
    )
    ours, theirs = c.solve(solver="structured"), c.solve(solver="clarabel")
    assert ours.vector == pytest.approx(theirs.vector, abs=1e-5)
    for name in ("style_exposure", "industry_exposure", "active_weight"):
        price = pytest.approx(theirs.shadow_prices[name], rel=1e-3, abs=1e-6)
        assert ours.shadow_prices[name] == price


def test_rows_of_the_user_and_spare_cash_have_the_standard_shape():
    c = case(80, 40, seed=6)
    esg = pd.Series(np.linspace(-1.0, 1.0, 80), c.alpha.index)
    c.alpha = c.alpha - 0.002 * (np.arange(80) % 3)
    c.constraints = (
        *swap(STANDARD, enhance.Budget(0.01, spare=0.05)),
        enhance.Linear(esg, lower=-0.6, upper=-0.3, name="esg"),
        enhance.Beta(0.02),
    )
    ours, theirs = c.solve(solver="structured"), c.solve(solver="clarabel")
    assert ours.vector == pytest.approx(theirs.vector, abs=1e-5)
    for name in ("budget", "esg", "beta"):
        price = pytest.approx(theirs.shadow_prices[name], rel=1e-3, abs=1e-6)
        assert ours.shadow_prices[name] == price


def test_a_stock_without_an_industry_counts_in_the_country_only():
    c = case(60, 30, seed=7)
    exposures = c.risk.exposures.copy()
    exposures.loc[names(60)[:5], [f for f in exposures if f.startswith("industry")]] = 0.0
    c.risk = replace(c.risk, exposures=exposures)
    ours, theirs = c.solve(solver="structured"), c.solve(solver="clarabel")
    assert ours.vector == pytest.approx(theirs.vector, abs=1e-5)


def test_cash_and_a_penalty_on_risk_agree_with_the_modelling_road():
    c = case(constraints=swap(without(STANDARD, "tracking_error"), enhance.Budget(0.03)))
    c.options = {"objective": enhance.MaxAlpha(20.0)}
    ours, theirs = c.solve(solver="structured"), c.solve(solver="clarabel")
    assert ours.objective == pytest.approx(theirs.objective, abs=1e-9)
    assert ours.vector == pytest.approx(theirs.vector, abs=1e-5)


@pytest.mark.parametrize(
    "limit",
    [
        enhance.Turnover(0.0),
        enhance.StyleExposure(0.0),
        enhance.IndustryExposure(0.0),
        enhance.ActiveWeight(0.0),
        enhance.TrackingError(0.001),
    ],
)
def test_limits_without_room_are_met(limit):
    c = case(constraints=swap(STANDARD, limit))
    if limit.name == "turnover":
        c.holdings = c.benchmark
    solution = c.solve(solver="structured")
    assert solution.check.passed
    assert solution.objective == pytest.approx(c.solve(solver="clarabel").objective, abs=1e-7)


def test_a_start_far_outside_its_limits_is_brought_back():
    c = case(100, 40, seed=8, constraints=swap(STANDARD, enhance.Turnover(0.6)))
    held = 0.6 * c.benchmark
    for stock in names(100)[60:64]:
        held[stock] = 0.1
    c.holdings = held
    index = c.alpha.index
    c.can_sell = pd.Series(index != "SH600060", index=index)  # stuck far outside its band
    c.constraints = swap(c.constraints, enhance.TrackingError(0.08))
    ours, theirs = c.solve(solver="structured"), c.solve(solver="clarabel")
    assert ours.weights["SH600060"] == pytest.approx(0.1)
    assert ours.vector == pytest.approx(theirs.vector, abs=1e-5)


def test_wild_specific_risk_is_solved_by_structure():
    c = case(300, 150, seed=9)
    wild = c.risk.specific_variance.copy()
    wild.iloc[::7] *= 400.0  # a stock moving 40% a day
    c.risk = replace(c.risk, specific_variance=wild)
    found = answer(form_of(c))
    assert (found.status, found.road) == ("optimal", "cold")


def test_the_shape_is_seen_and_other_shapes_take_the_modelling_road():
    c = case()
    assert form_of(c) is not None
    soft = (*without(STANDARD, "style_exposure"), enhance.Soft(enhance.StyleExposure(0.1), 0.01))
    assert form_of(replace(c, constraints=soft)) is None
    assert form_of(c, objective=enhance.MinTrackingError(cost_aversion=1.0)) is None
    assert replace(c, constraints=soft).solve().check.passed
    with pytest.raises(ValueError, match="structured solver does not take; use solver='auto'"):
        replace(c, constraints=soft).solve(solver="structured")


def test_auto_is_the_structured_road_for_the_standard_shape():
    auto, forced = case().solve(), case().solve(solver="structured")
    assert np.array_equal(auto.vector, forced.vector)
    assert not np.isnan(auto.gap)
    assert np.isnan(case().solve(solver="clarabel").gap)


def test_an_infeasible_week_names_its_conflict_on_this_road_too():
    c = case(constraints=swap(STANDARD, enhance.Turnover(0.01)))
    c.holdings = pd.Series(1.0 / 10, index=names(60)[40:50])
    with pytest.raises(enhance.InfeasibleError, match="turnover"):
        c.solve(solver="structured")
    assert c.solve(solver="structured", relax=enhance.WEEKLY).status == "relaxed"


def test_limits_by_stock_that_contradict_each_other_are_infeasible_at_once():
    c = case(constraints=(*swap(STANDARD, enhance.ActiveWeight(0.001)), enhance.Bounds(0.01)))
    found = answer(form_of(c))
    assert (found.status, found.road, found.iterations) == ("infeasible", "bounds", 0)


def test_a_broken_structured_answer_falls_back_to_clarabel(monkeypatch):
    monkeypatch.setattr(
        "enhance.structured.chain.MOST", 2
    )  # no interior point converges in two steps
    found = answer(form_of(case()))
    assert (found.status, found.road) == ("optimal", "direct")
    assert found.violation <= 1e-8
    state = State()
    assert case().solve(state=state).check.passed


@pytest.mark.parametrize("field", ["alpha", "holdings", "costs"])
def test_numbers_that_are_none_are_a_typed_error(field):
    problem = case().problem()
    broken = np.nan * getattr(problem, field) if field != "costs" else (np.nan, 0.0)
    with pytest.raises((ValueError, enhance.SolverError)):
        enhance.solve(
            replace(problem, **{field: broken}), STANDARD, enhance.MaxAlpha(), solver="structured"
        )
