"""Portfolio families: what they hold, by definition."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import DataError
from risk import evaluate as ev
from risk.evaluate.minimum import least_risk
from risk.evaluate.sets import identified, inverse_times
from risk.evaluate.source import Source
from tests.risk.evaluate.worlds import gaussian_world


@pytest.fixture(scope="module")
def today():
    market, history = gaussian_world(days=40)
    return Source.read(history, market, 1).today(30)


def problem(seed, stocks=25, factors=4):
    random = np.random.default_rng(seed)
    x = random.standard_normal((stocks, factors))
    root = random.standard_normal((factors, factors))
    return x, root @ root.T, random.uniform(0.2, 3.0, stocks), random.standard_normal(stocks)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_woodbury_solves_what_the_dense_matrix_solves(seed):
    x, f, d, rhs = problem(seed)
    dense = x @ f @ x.T + np.diag(d)
    np.testing.assert_allclose(dense @ inverse_times(x, f, d, rhs[:, None])[:, 0], rhs, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.0, 0.3, 3.0]))
def test_least_risk_meets_the_conditions_of_optimality(seed, scale):
    x, f, d, pull = problem(seed)
    w = least_risk(x, f, d, scale * pull)
    slope = x @ (f @ (x.T @ w)) + d * w - scale * pull
    held = w > 0.0
    assert w.sum() == pytest.approx(1.0)
    assert (w >= 0.0).all()
    np.testing.assert_allclose(slope[held], slope[held][0], atol=1e-8)
    assert (slope[~held] >= slope[held][0] - 1e-8).all()


def test_least_risk_is_what_a_general_solver_finds():
    x, f, d, pull = problem(8)
    w = cp.Variable(len(d), nonneg=True)
    root = np.linalg.cholesky(f)
    risk = cp.sum_squares(root.T @ x.T @ w) + cp.sum_squares(cp.multiply(np.sqrt(d), w))
    cp.Problem(cp.Minimize(risk / 2 - pull @ w), [cp.sum(w) == 1]).solve(solver="CLARABEL")
    np.testing.assert_allclose(least_risk(x, f, d, pull), w.value, atol=1e-5)


def test_random_portfolios_are_active_stay_the_same_and_hold_half_of_a_small_market(today):
    made = ev.RandomActive(40, stocks=15)(today)
    np.testing.assert_allclose(made.weights.sum(axis=1), 0.0, atol=1e-12)
    held = (made.weights + today.market_weights() > 1e-12).sum(axis=1)
    assert held.mean() == pytest.approx(15, abs=2)
    np.testing.assert_array_equal(ev.RandomActive(40, stocks=15)(today).weights, made.weights)
    other = ev.RandomActive(40, stocks=15, seed=1)(today).weights
    assert not np.allclose(other, made.weights)
    many = ev.RandomActive(40, stocks=500)(today)
    assert (many.weights + today.market_weights() > 1e-12).sum(axis=1).mean() == pytest.approx(30, abs=3)  # fmt: skip


def test_tilts_are_long_and_short_one_with_exposure_of_their_style(today):
    made = ev.StyleTilts()(today)
    assert made.names == tuple(f"style{k}" for k in range(5))
    np.testing.assert_allclose(np.maximum(made.weights, 0.0).sum(axis=1), 1.0)
    np.testing.assert_allclose(made.weights.sum(axis=1), 0.0, atol=1e-12)
    own = np.diag(made.weights @ today.x[:, 5:])
    assert (own > 1.5).all()


def test_indexes_stand_as_they_are_and_against_the_market(today):
    made = ev.IndexPortfolios()(today)
    assert made.names == ("big", "big - market")
    assert made.weights[0].sum() == pytest.approx(1.0)
    assert (made.weights[0] > 0).sum() == 30
    np.testing.assert_allclose(made.weights[1], made.weights[0] - today.market_weights())


def test_random_alphas_have_unit_exposure_and_no_portfolio_of_that_exposure_has_less_risk(today):
    made = ev.RandomAlpha(5)(today)
    dense = today.model.cov().to_numpy()
    alpha = np.linalg.solve(np.eye(60), dense @ made.weights.T).T  # proportional to the alphas
    for w, a in zip(made.weights, alpha, strict=True):
        other = np.random.default_rng(0).standard_normal(60)
        other *= (a @ w) / (a @ other)
        assert w @ dense @ w < other @ dense @ other


def test_factor_portfolios_leave_out_the_direction_that_the_constraint_forbids(today):
    names, basis = identified(today)
    share = today.market_weights() @ today.x
    assert names == tuple(today.model.factors)
    np.testing.assert_allclose(basis.T @ basis, np.eye(9), atol=1e-12)
    np.testing.assert_allclose(share[1:5] @ basis[1:5], 0.0, atol=1e-12)
    eigen = ev.Eigenfactors()(today).weights
    risk = eigen @ today.f @ eigen.T
    np.testing.assert_allclose(risk, np.diag(np.diag(risk)), atol=1e-18)
    assert (np.diff(np.diag(risk)) > 0).all()


def test_the_tracking_portfolio_holds_the_largest_members_and_tracks_better_than_their_caps(today):
    made = ev.MinimumTracking("big", stocks=10)(today)
    base = today.indexes["big"]
    w = made.weights[0] + base
    assert w.sum() == pytest.approx(1.0)
    assert (w >= -1e-12).all()
    assert set(np.flatnonzero(w > 1e-12)) <= set(np.argsort(-base)[:10])
    plain = np.where(base >= np.sort(base)[-10], base, 0.0)
    plain = plain / plain.sum() - base
    dense = today.model.cov().to_numpy()
    assert made.weights[0] @ dense @ made.weights[0] < plain @ dense @ plain


def test_a_given_frame_is_used_on_its_own_dates_only():
    market, history = gaussian_world(days=40)
    frame = pd.DataFrame({"SH600001": 1.0}, market.dates[[10, 20]])
    judged = ev.outcomes(history, market, [ev.Given({"one": frame}, name="real")])["real"]
    assert judged.b["one"].notna().sum() == 2
    assert judged.volatility.columns.tolist() == ["one"]


def test_wrong_shapes_are_refused():
    market, history = gaussian_world(days=40)

    class Wrong:
        name = "wrong"

        def __call__(self, today):
            return ev.Portfolios(("a", "b"), "stocks", np.ones((1, len(today.held))))

    with pytest.raises(DataError, match="one row for each of the 2 names"):
        ev.outcomes(history, market, [Wrong()])
