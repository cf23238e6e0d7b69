"""Chains of weeks: prices carried over by name, universes that change, limits drawn at random."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.structured import State, answer
from enhance.structured.lean import solve_lean
from tests.enhance.cases import STANDARD, Case, risk_model, swap
from tests.enhance.test_structured import form_of
from tests.enhance.weeks import drifted, snapshot

LIMITS = swap(STANDARD, enhance.ActiveWeight(0.01), enhance.StyleExposure(0.2))


def chain(weeks, stocks=260, members=120, seed=0, constraints=LIMITS):
    """Weekly cases: scores persist, a tenth of the universe changes, holdings drift."""
    rng = np.random.default_rng(seed)
    risk = risk_model(stocks, rng, industries=9)
    index = risk.exposures.index
    size = np.exp(rng.standard_normal(stocks))
    score = rng.standard_normal(stocks)
    held = None
    for _ in range(weeks):
        inside = index[np.argsort(-size * np.exp(0.2 * rng.standard_normal(stocks)))[:members]]
        benchmark = pd.Series(size, index)[inside]
        universe = index[rng.random(stocks) < 0.9].union(inside, sort=False)
        if held is not None:
            universe = universe.union(held.index, sort=False)
        alpha = 0.05 * np.sqrt(5 * risk.specific_variance) * score
        benchmark /= benchmark.sum()
        week = Case(
            alpha=alpha[universe],
            risk=risk,
            benchmark=benchmark,
            holdings=benchmark if held is None else held,
            constraints=constraints,
            can_buy=pd.Series(rng.random(stocks) > 0.05, index),
            can_sell=pd.Series(rng.random(stocks) > 0.05, index),
        )
        yield week
        solution = week.solve(solver="structured", relax=enhance.WEEKLY)
        growth = 1.0 + 0.03 * rng.standard_normal(stocks)
        held = solution.weights[solution.weights > 0.0]
        held = held * pd.Series(growth, index)[held.index]
        held = held / held.sum()
        size *= growth
        score = 0.8 * score + 0.6 * rng.standard_normal(stocks)


def test_a_chain_with_changing_universes_is_sifted_and_equals_the_cold_answers():
    state, roads = State(), []
    for week in chain(12):
        form = form_of(week)
        warm, cold = answer(form, state), answer(form)
        roads.append(warm.road)
        assert (warm.status, cold.status) == ("optimal", "optimal")
        assert warm.violation <= 1e-8
        assert warm.weights == pytest.approx(cold.weights, abs=1e-5)
        size = max(warm.gap, cold.gap)
        assert size <= 1e-9
    assert roads[0] == "cold"
    assert roads[1:].count("sifted") >= 10
    assert warm.played < cold.played


def test_limits_and_factors_may_come_and_go_between_weeks():
    state = State()
    first, second, third = chain(3)
    answer(form_of(first), state)
    fewer = tuple(c for c in LIMITS if c.name not in ("turnover", "constituent_share"))
    risk = second.risk
    kept = [f for f in risk.exposures.columns if f not in ("size", "beta")]
    second = replace(
        second,
        constraints=fewer,
        risk=replace(
            risk,
            exposures=risk.exposures[kept],
            factor_covariance=risk.factor_covariance.loc[kept, kept],
            kinds={f: risk.kinds[f] for f in kept},
        ),
    )
    for week in (second, third):
        form = form_of(week)
        warm, cold = answer(form, state), answer(form)
        assert warm.status == "optimal"
        assert warm.weights == pytest.approx(cold.weights, abs=1e-5)


def test_a_state_recalls_prices_by_name():
    state, (first, second) = State(), chain(2)
    form, found = form_of(first), answer(form_of(first))
    scale = float(np.std(form.form.alpha))
    assert state.recall(form) is None
    state.remember(form, found.prices, scale)
    shuffled = form_of(replace(second, constraints=LIMITS[::-1]))  # the same rows in another order
    recalled = state.recall(shuffled)
    for k, row in enumerate(shuffled.rows):
        before = found.prices.exposure[form.rows.index(row)]
        assert recalled.exposure[k] * scale == pytest.approx(before, rel=1e-12)
    assert recalled.turnover * scale == pytest.approx(found.prices.turnover, rel=1e-12)
    bare = form_of(replace(second, constraints=LIMITS[:6]))  # without risk, turnover and share
    assert state.recall(bare).turnover == 0.0
    state.forget()
    assert state.recall(form) is None


def test_prices_of_another_world_do_no_harm():
    one, other = next(iter(chain(1, seed=1))), next(iter(chain(1, seed=2)))
    state = State()
    found = answer(form_of(replace(one, alpha=-20.0 * one.alpha)), state)
    nonsense = found.prices._replace(budget=7.0, turnover=3.0, risk=50.0)
    state.remember(form_of(one), nonsense, 1e-3)
    form = form_of(other)
    assert answer(form, state).weights == pytest.approx(answer(form).weights, abs=1e-5)


def test_the_same_week_is_answered_bit_for_bit():
    week = next(iter(chain(1)))
    one, two = (answer(form_of(week)) for _ in range(2))
    assert np.array_equal(one.weights, two.weights)
    assert one.prices.budget == two.prices.budget


def test_permuting_stocks_permutes_the_answer():
    week = next(iter(chain(1)))
    order = np.random.default_rng(0).permutation(len(week.alpha))
    one, two = answer(form_of(week)), answer(form_of(replace(week, alpha=week.alpha.iloc[order])))
    assert two.weights == pytest.approx(one.weights[order], abs=1e-8)


def test_stress_of_random_limits_no_false_answer_and_none_missed():
    weeks, rng = list(chain(6)), np.random.default_rng(0)
    verdicts = {"optimal": 0, "infeasible": 0}
    for trial in range(60):
        week = weeks[trial % len(weeks)]
        week = replace(
            week,
            alpha=week.alpha * rng.choice([0.2, 1.0, 3.0]),
            constraints=swap(
                STANDARD,
                enhance.ActiveWeight(rng.choice([0.005, 0.01, 0.02])),
                enhance.TrackingError(rng.choice([0.005, 0.01, 0.02, 0.04])),
                enhance.Turnover(rng.choice([0.01, 0.05, 0.1, 0.2, 0.5])),
                enhance.StyleExposure(rng.choice([0.02, 0.1, 0.3])),
                enhance.IndustryExposure(rng.choice([0.005, 0.02])),
                enhance.ConstituentShare(rng.choice([0.5, 0.9, 0.99])),
            ),
        )
        form = form_of(week)
        found, lean = answer(form), solve_lean(form.form)
        verdicts[found.status] += 1
        if found.status == "optimal":
            assert found.road == "cold"
            assert found.violation <= 1e-8
            assert found.gap <= 1e-9
            assert not lean.infeasible
        else:
            assert found.road == "bounds" or lean.infeasible
    assert min(verdicts.values()) >= 15


@pytest.fixture(scope="module")
def policy(scores, history):
    limits = {"active_weight": 0.03, "industry_exposure": 0.05, "tracking_error": 0.06}
    return enhance.csi500(scores, history, **limits)


def test_the_weekly_policy_keeps_its_state_and_its_answers_do_not_depend_on_it(policy, world):
    held, before = pd.Series(dtype=float), None
    for date in world.dates[-60::5]:
        if before is not None:
            held = drifted(world, held, before, date)
        fresh = policy.with_config()
        assert fresh.state is not policy.state
        kept, alone = policy(snapshot(world, date, held)), fresh(snapshot(world, date, held))
        change = kept.weights.sub(alone.weights, fill_value=0.0)
        assert change.abs().max() <= 1e-6
        held, before = kept.weights, date
