"""Cleaning on one date: hand-worked numbers and invariants."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.cleaning import drop_errors, fill, orthogonalize, standardize, winsorize

EVERYONE = np.ones(5, dtype=bool)


def test_values_past_ten_deviations_are_blanked():
    x = np.concatenate([np.tile([0.0, 1.0], 200), [500.0]])
    kept = drop_errors(x, np.ones(401, dtype=bool))
    assert np.isnan(kept[-1])
    np.testing.assert_array_equal(kept[:-1], x[:-1])


def test_errors_are_measured_on_the_universe_alone():
    x = np.concatenate([np.tile([0.0, 1.0], 50), [7.0]])
    inside = np.arange(101) < 100
    assert np.isnan(drop_errors(x, inside)[-1])  # deviation 0.5 about 0.5: ten of them end at 5.5


def test_clip_sits_at_three_robust_deviations():
    x = np.array([-100.0, -1.0, 0.0, 1.0, 100.0])
    clipped = winsorize(x, EVERYONE)  # median 0, MAD 1
    np.testing.assert_allclose(clipped, [-3 * 1.4826, -1.0, 0.0, 1.0, 3 * 1.4826])


def test_clip_falls_back_on_percentiles_where_most_values_are_equal():
    x = np.concatenate([np.zeros(900), np.linspace(0.01, 1.0, 100)])
    clipped = winsorize(x, np.ones(1000, dtype=bool))
    assert clipped.max() == pytest.approx(np.percentile(x, 99.5))
    assert clipped.max() > 0.9


def test_clip_of_too_few_values_changes_nothing():
    x = np.array([np.nan, 3.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(winsorize(x, EVERYONE), x)


def test_standardize_by_hand():
    x, cap = np.array([1.0, 3.0]), np.array([3.0, 1.0])
    # cap-weighted mean 1.5, standard deviation about the plain mean 1
    np.testing.assert_allclose(standardize(x, cap, np.ones(2, dtype=bool)), [-0.5, 1.5])


def test_what_does_not_vary_is_no_factor():
    assert np.isnan(standardize(np.full(5, 7.0), np.ones(5), EVERYONE)).all()
    assert np.isnan(standardize(np.full(5, np.nan), np.ones(5), EVERYONE)).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_standardized_universe_has_cap_mean_zero_and_deviation_one(seed):
    draw = np.random.default_rng(seed)
    x, cap, estu = draw.normal(size=50) ** 3, draw.lognormal(size=50), draw.random(50) < 0.7
    z = standardize(x, cap, estu)
    assert np.sum(cap[estu] * z[estu]) == pytest.approx(0.0, abs=1e-9 * cap.sum())
    assert z[estu].std() == pytest.approx(1.0)


def test_gaps_take_what_industry_and_size_predict():
    draw = np.random.default_rng(3)
    n = 60
    industry, size, cap = np.arange(n) % 3, draw.normal(size=n), draw.lognormal(size=n)
    truth = np.array([1.0, -2.0, 0.5])[industry] + 0.3 * size
    x = truth.copy()
    x[[4, 5, 6]] = np.nan
    filled = fill(x, size, industry, cap, np.ones(n, dtype=bool))
    np.testing.assert_allclose(filled, truth, atol=1e-12)


def test_fill_is_the_weighted_regression_on_the_universe():
    draw = np.random.default_rng(4)
    n = 40
    industry, size, cap = np.arange(n) % 2, draw.normal(size=n), draw.lognormal(size=n)
    x, estu = draw.normal(size=n), np.arange(n) < 30
    x[[0, 39]] = np.nan
    known = estu & np.isfinite(x)
    design = np.column_stack([industry == 0, industry == 1, size]).astype(float)
    peer = sm.WLS(x[known], design[known], np.sqrt(cap[known])).fit()
    filled = fill(x, size, industry, cap, estu)
    np.testing.assert_allclose(filled[[0, 39]], peer.predict(design[[0, 39]]), atol=1e-12)
    np.testing.assert_array_equal(filled[1:39], x[1:39])


def test_gaps_without_industry_or_with_an_unknown_one_become_zero():
    x = np.array([1.0, 2.0, np.nan, np.nan])
    filled = fill(x, np.zeros(4), np.array([0, 0, 1, -1]), np.ones(4), np.ones(4, dtype=bool))
    np.testing.assert_array_equal(filled, [1.0, 2.0, 0.0, 0.0])


def test_residual_is_orthogonal_to_constant_and_targets_in_the_universe():
    draw = np.random.default_rng(5)
    targets, cap = draw.normal(size=(80, 2)), draw.lognormal(size=80)
    y, estu = targets @ [0.5, -2.0] + draw.normal(size=80), np.arange(80) < 60
    left = orthogonalize(y, targets, cap, estu)
    w = np.sqrt(cap) * estu
    np.testing.assert_allclose(w @ left, 0.0, atol=1e-10)
    np.testing.assert_allclose((w * left) @ targets, 0.0, atol=1e-10)
    assert np.abs(left[60:]).max() > 0.0  # stocks outside get their residual too
