"""Specific risk: the residual's own history, and the decile behind it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.covariance import Horizon
from risk.specific import (
    ResidualMoments,
    cap_deciles,
    decile_means,
    shrink_by_cap,
    specific_risk,
)

H = Horizon()


def learn(u, horizon=H):
    moments = ResidualMoments.empty(u.shape[1], horizon)
    for row in u:
        moments = moments.update(row)
    return moments


def plain_volatility(u, h):
    """s_TS of one stock from its definition."""
    w = 0.5 ** (np.arange(len(u))[::-1] / h.specific)
    slow = 0.5 ** (np.arange(len(u))[::-1] / h.nw_specific_half_life)
    variance = np.sum(w * u**2) / np.sum(w)
    rho = [
        np.sum(slow[lag:] * u[lag:] * u[: len(u) - lag]) / np.sum(slow * u**2)
        for lag in range(1, h.nw_specific + 1)
    ]
    bartlett = 1 - np.arange(1, h.nw_specific + 1) / (h.nw_specific + 1)
    return np.sqrt(variance * np.clip(1 + 2 * bartlett @ rho, 0.5, 2.0))


def test_volatility_equals_the_sums_written_out():
    draw = np.random.default_rng(0)
    u = draw.normal(0.0, 0.02, size=(300, 3))
    u[:, 1] = np.convolve(u[:, 1], [1.0, 0.6], mode="same")  # rising: the multiplier exceeds one
    expected = [plain_volatility(u[:, n], H) for n in range(3)]
    np.testing.assert_allclose(learn(u).volatility(), expected, rtol=1e-12)


def test_stocks_beside_change_no_bit():
    u = np.random.default_rng(9).normal(size=(120, 37))
    alone = learn(u[:, 30:31].copy()).volatility()
    np.testing.assert_array_equal(learn(u).volatility()[30:31], alone)


def test_the_multiplier_stays_between_a_half_and_two():
    flip = np.tile([0.01, -0.01], 200)[:, None]
    run = np.full((400, 1), 0.01)
    np.testing.assert_allclose(learn(flip).volatility(), 0.01 * np.sqrt(0.5))
    np.testing.assert_allclose(learn(run).volatility(), 0.01 * np.sqrt(2.0))


def test_a_suspended_stock_keeps_its_last_risk():
    u = np.random.default_rng(1).normal(0.0, 0.02, size=(250, 2))
    gone = np.vstack([u, np.column_stack([np.full(40, np.nan), np.full(40, 0.05)])])
    before, after = learn(u), learn(gone)
    assert after.volatility()[0] == before.volatility()[0]
    assert after.volatility()[1] > before.volatility()[1]


def test_deciles_are_equal_in_number_and_ordered():
    cap = np.random.default_rng(2).permutation(np.arange(1.0, 51.0))
    decile = cap_deciles(cap)
    np.testing.assert_array_equal(np.bincount(decile), np.full(10, 5))
    assert (np.diff(decile[np.argsort(cap)]) >= 0).all()


def test_decile_mean_is_cap_weighted():
    own, cap = np.array([1.0, 4.0, 5.0]), np.array([3.0, 1.0, 9.0])
    mean = decile_means(own, cap, np.array([2, 2, 7]))
    assert mean[2] == pytest.approx(7.0 / 4.0)
    assert mean[7] == 5.0
    assert np.isnan(mean[0])


@given(seed=st.integers(0, 10_000), q=st.floats(0.0, 5.0))
@settings(max_examples=40, deadline=None)
def test_shrinkage_moves_towards_the_mean_and_never_past_it(seed, q):
    draw = np.random.default_rng(seed)
    own, decile = draw.lognormal(-4.0, 0.4, 100), draw.integers(0, 10, 100)
    mean = decile_means(own, np.ones(100), decile)[decile]
    shrunk = shrink_by_cap(own, mean, decile, q)
    assert (np.abs(shrunk - mean) <= np.abs(own - mean) + 1e-15).all()
    assert ((shrunk - mean) * (own - mean) >= -1e-18).all()


def test_no_shrinkage_changes_nothing_and_endless_shrinkage_gives_the_mean():
    draw = np.random.default_rng(3)
    own, decile = draw.lognormal(-4.0, 0.4, 100), np.arange(100) % 10
    mean = decile_means(own, np.ones(100), decile)[decile]
    np.testing.assert_array_equal(shrink_by_cap(own, mean, decile, 0.0), own)
    np.testing.assert_allclose(shrink_by_cap(own, mean, decile, 1e12), mean, rtol=1e-6)


def test_a_new_listing_gets_the_structural_value_and_is_counted():
    draw = np.random.default_rng(4)
    own, cap = draw.uniform(0.01, 0.03, 100), np.arange(1.0, 101.0)
    own[55], trust, structural = np.nan, np.ones(100), np.full(100, 0.017)
    trust[55] = 0.0
    risk = specific_risk(own, trust, structural, cap, shrinkage=0.0)
    assert risk.volatility[55] == 0.017
    assert risk.volatility[54] == own[54]
    assert risk.thin == 1


def test_a_short_history_is_blended_with_the_structural_value():
    own, cap, trust = np.full(100, 0.02), np.arange(1.0, 101.0), np.ones(100)
    own[50:60], trust[50:60] = 0.025, 0.25
    risk = specific_risk(own, trust, np.full(100, 0.015), cap, shrinkage=0.0)
    np.testing.assert_allclose(risk.volatility[50:60], 0.25 * 0.025 + 0.75 * 0.015)
    assert risk.thin == 10


def test_extremes_stop_at_the_percentiles_and_are_counted():
    own = np.full(1000, 0.02)
    own[:5], own[-5:] = 1e-5, 5.0
    risk = specific_risk(own, np.ones(1000), own, np.ones(1000), shrinkage=0.0)
    assert risk.volatility.min() == pytest.approx(0.02)
    assert risk.volatility.max() == pytest.approx(0.03)  # 1.5 times the 99th percentile
    assert risk.clipped == 10


def test_widening_moves_stocks_and_starts_the_others_empty():
    moments = learn(np.random.default_rng(5).normal(size=(80, 2)))
    wide = moments.widen(np.array([0, 2]), 3)
    np.testing.assert_array_equal(wide.volatility()[[0, 2]], moments.volatility())
    assert np.isnan(wide.volatility()[1])
    assert wide.weight[1] == 0.0


def test_bias_of_simulated_residuals_lies_in_its_band():
    draw = np.random.default_rng(6)
    sigma = draw.uniform(0.01, 0.04, 40)
    u = draw.normal(size=(900, 40)) * sigma
    moments, outcome = ResidualMoments.empty(40, H), []
    for t, row in enumerate(u):
        if t >= 400:
            outcome.append(row / moments.volatility())
        moments = moments.update(row)
    pooled = np.sqrt(np.mean(np.square(outcome)))
    assert abs(pooled - 1.0) < 0.03  # 20,000 outcomes; estimating 40 volatilities costs about 0.02
