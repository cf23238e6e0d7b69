"""EWMA and Newey-West by recursion against sums written out, and what happens to gaps."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.covariance import (
    EIGEN_FLOOR,
    Horizon,
    Moments,
    factor_covariance,
    nearest_correlation,
    newey_west,
    shrink_young,
)


def learn(f, lags, half_life=np.inf):
    moments = Moments.empty(f.shape[1], lags, half_life)
    for row in f:
        moments = moments.update(row)
    return moments


def plain_newey_west(f, lags, half_life=np.inf):
    """V written from its definition, day by day; every lag over the weights of lag zero."""
    t, k = f.shape
    w = 0.5 ** (np.arange(t)[::-1] / half_life)
    mean = w @ f / w.sum()
    total = np.zeros((k, k))
    for lag in range(lags + 1):
        gamma = np.zeros((k, k))
        for day in range(lag, t):
            gamma += w[day] * np.outer(f[day] - mean, f[day - lag] - mean)
        gamma /= w.sum()
        bartlett = 1.0 - lag / (lags + 1)
        total += gamma if lag == 0 else bartlett * (gamma + gamma.T)
    return total


@pytest.mark.parametrize("lags", [0, 1, 5])
@pytest.mark.parametrize("half_life", [20.0, np.inf])
def test_recursion_equals_the_sums_written_out(lags, half_life):
    f = np.random.default_rng(0).normal(size=(150, 3)).cumsum(axis=0) * 0.1
    mine = newey_west(learn(f, lags, half_life).autocovariance())
    np.testing.assert_allclose(mine, plain_newey_west(f, lags, half_life), rtol=1e-10, atol=1e-13)


def test_equal_weights_equal_the_hac_variance_of_statsmodels():
    f = np.random.default_rng(1).normal(size=(200, 1))
    fit = sm.OLS(f[:, 0], np.ones(200)).fit(
        cov_type="HAC", cov_kwds={"maxlags": 4, "use_correction": False}
    )
    mine = newey_west(learn(f, 4).autocovariance())[0, 0] / 200  # variance of the mean
    assert mine == pytest.approx(fit.cov_params()[0, 0], rel=1e-10)


def test_variance_of_overlapping_sums_is_bartlett_times_their_length():
    draw = np.random.default_rng(2)
    shock = draw.normal(size=20_001)
    f = (shock[1:] + 0.5 * shock[:-1])[:, None]
    span = 5
    sums = np.convolve(f[:, 0], np.ones(span), mode="valid")
    mine = newey_west(learn(f, span - 1).autocovariance())[0, 0]
    assert span * mine == pytest.approx(sums.var(), rel=2e-3)


@given(seed=st.integers(0, 10_000), lags=st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_full_history_with_equal_weights_is_positive_semidefinite(seed, lags):
    f = np.random.default_rng(seed).normal(size=(12, 5))
    assert np.linalg.eigvalsh(newey_west(learn(f, lags).autocovariance())).min() > -1e-12


def test_pairs_use_the_days_on_which_both_are_present():
    f = np.random.default_rng(3).normal(size=(80, 2))
    f[:50, 1] = np.nan
    gamma = learn(f, 0).autocovariance()[0]
    assert gamma[0, 0] == pytest.approx(f[:, 0].var())
    assert gamma[1, 1] == pytest.approx(f[50:, 1].var())
    a, b = f[50:, 0] - f[:, 0].mean(), f[50:, 1] - f[50:, 1].mean()
    assert gamma[0, 1] == pytest.approx(np.mean(a * b))


def test_a_missing_day_fades_history_but_changes_no_estimate():
    f = np.random.default_rng(4).normal(size=(60, 2))
    moments = learn(f, 2, 30.0)
    later = moments.update(np.full(2, np.nan))
    np.testing.assert_allclose(later.autocovariance(), moments.autocovariance(), rtol=1e-12)
    np.testing.assert_array_equal(later.observed, moments.observed)


def test_volatility_and_correlation_have_their_own_half_lives():
    draw = np.random.default_rng(5)
    f = np.vstack([draw.normal(size=(900, 2)), 3.0 * draw.normal(size=(100, 2))])
    fast, slow = learn(f, 1, 30.0), learn(f, 1, 400.0)
    joined, repaired = factor_covariance(fast, slow, np.array([0, 1]))
    v, c = newey_west(fast.autocovariance()), newey_west(slow.autocovariance())
    np.testing.assert_allclose(np.diag(joined), np.diag(v))
    expected = c[0, 1] / np.sqrt(c[0, 0] * c[1, 1])
    assert joined[0, 1] / np.sqrt(joined[0, 0] * joined[1, 1]) == pytest.approx(expected)
    assert not repaired


def test_chosen_factors_alone_enter():
    f = np.random.default_rng(6).normal(size=(100, 3))
    f[:, 1] = np.nan
    moments = learn(f, 1, 50.0)
    joined, repaired = factor_covariance(moments, moments, np.array([0, 2]))
    assert np.isfinite(joined).all()
    assert not repaired


def test_a_pair_never_seen_together_is_uncorrelated_and_counts_as_repair():
    f = np.random.default_rng(7).normal(size=(100, 2))
    f[:50, 0], f[50:, 1] = np.nan, np.nan
    moments = learn(f, 0)
    joined, repaired = factor_covariance(moments, moments, np.array([0, 1]))
    assert joined[0, 1] == 0.0
    assert repaired


def test_a_newey_west_variance_below_zero_gives_way_to_the_plain_one():
    f = np.random.default_rng(18).normal(size=(12, 1))
    moments = learn(f, 3, half_life=1.0)  # lags longer than the memory: nothing keeps V positive
    gamma = moments.autocovariance()
    assert newey_west(gamma)[0, 0] < 0.0
    joined, repaired = factor_covariance(moments, moments, np.array([0]))
    assert joined[0, 0] == pytest.approx(gamma[0, 0, 0])
    assert repaired


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_repair_gives_a_positive_definite_correlation(seed):
    draw = np.random.default_rng(seed)
    rough = np.eye(6)
    upper = np.triu_indices(6, 1)
    rough[upper] = draw.uniform(-0.95, 0.95, 15)
    rough = rough + rough.T - np.eye(6)
    mended, repaired = nearest_correlation(rough)
    np.testing.assert_allclose(np.diag(mended), 1.0)
    assert np.linalg.eigvalsh(mended).min() > 0.0
    assert repaired == (np.linalg.eigvalsh(rough)[0] < EIGEN_FLOOR)


def late_world(seed, old=20, young=10, days=900, late=100):
    """Correlated factors, the last of which exist for the last days only; and their true covariance."""
    draw = np.random.default_rng(seed)
    loading = draw.normal(size=(old + young, 8))
    truth = loading @ loading.T + 4.0 * np.eye(old + young)
    f = draw.multivariate_normal(np.zeros(old + young), truth, size=days)
    f[:-late, old:] = np.nan
    return f, truth


@pytest.mark.parametrize("seed", range(3))
def test_young_factors_do_not_hide_risk(seed):
    f, truth = late_world(seed)
    moments, everything = learn(f, 2), np.arange(f.shape[1])
    F, repaired = factor_covariance(moments, moments, everything)
    values, vectors = np.linalg.eigh(F)
    bias = np.sqrt(np.diag(vectors.T @ truth @ vectors) / values)
    assert repaired
    assert bias.max() < 2.0  # the floor alone leaves directions with thousands
    joint = newey_west(moments.autocovariance())
    scale = np.sqrt(np.diag(joint))
    floored, _ = nearest_correlation(joint / np.outer(scale, scale))
    values, vectors = np.linalg.eigh(floored * np.outer(scale, scale))
    assert np.sqrt(np.diag(vectors.T @ truth @ vectors) / values).max() > 100.0


def test_old_factors_keep_their_correlations_beside_young_ones():
    f, _ = late_world(4)
    moments, old = learn(f, 2), np.arange(20)
    alone, repaired = factor_covariance(moments, moments, old)
    joined, _ = factor_covariance(moments, moments, np.arange(30))
    assert not repaired
    np.testing.assert_allclose(joined[:20, :20], alone)


def test_factors_of_one_age_are_not_drawn_together():
    f, _ = late_world(5, late=900)
    moments = learn(f, 2)
    _, repaired = factor_covariance(moments, moments, np.arange(30))
    assert not repaired


def test_a_young_factor_that_agrees_with_the_old_ones_is_left_alone():
    good = np.array([[1.0, 0.3, 0.2], [0.3, 1.0, 0.1], [0.2, 0.1, 1.0]])
    kept, shrunk = shrink_young(good, np.array([900.0, 900.0, 100.0]))
    assert kept is good
    assert not shrunk


def test_a_good_correlation_is_left_alone():
    good = np.array([[1.0, 0.3], [0.3, 1.0]])
    mended, repaired = nearest_correlation(good)
    assert mended is good
    assert not repaired


def test_a_renamed_factor_keeps_its_whole_history():
    f = np.random.default_rng(8).normal(size=(120, 3))
    f[:, 2] = np.nan
    moments = learn(f, 2, 60.0)
    mix = np.eye(3)
    mix[2] = [0.0, 1.0, 0.0]
    heir = moments.inherit(mix, np.ones(3))
    g = heir.autocovariance()
    np.testing.assert_allclose(g[:, 2, 2], moments.autocovariance()[:, 1, 1])
    np.testing.assert_allclose(g[:, 0, 2], moments.autocovariance()[:, 0, 1])
    assert heir.observed[2] == 120


def test_a_split_off_shares_as_much_variance_as_it_kept():
    f = (
        np.random.default_rng(9).normal(size=(300, 3))
        @ np.linalg.cholesky(np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])).T
    )
    f[:, 2] = np.nan
    moments = learn(f, 0)
    mix = np.eye(3)
    mix[2] = [0.0, 1.0, 0.0]
    heir = moments.inherit(mix, np.array([1.0, 1.0, 0.25])).autocovariance()[0]
    old = moments.autocovariance()[0]
    assert heir[2, 2] == pytest.approx(old[1, 1])
    assert heir[1, 2] == pytest.approx(0.5 * old[1, 1], rel=1e-2)  # correlation sqrt(0.25)
    assert np.linalg.eigvalsh(heir).min() > 0.0


def test_history_goes_on_after_an_inheritance():
    draw = np.random.default_rng(10)
    f = draw.normal(size=(400, 2))
    f[:200, 1] = np.nan
    moments = learn(f[:200], 0, 20.0).inherit(
        np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1, 0.5])
    )
    for row in f[200:]:
        moments = moments.update(row)
    own = plain_newey_west(f[200:, 1:], 0, 20.0)[0, 0]
    assert moments.autocovariance()[0, 1, 1] == pytest.approx(own, rel=0.02)


def test_bias_of_simulated_factors_lies_in_its_band():
    """Bias statistic of one-day forecasts, known covariance: within 1 +- 3 sqrt(2 / T)."""
    draw = np.random.default_rng(11)
    k, days, warm = 6, 1500, 500
    root = draw.normal(size=(k, k)) * 0.005
    f = draw.normal(size=(days, k)) @ root.T
    portfolios = draw.normal(size=(20, k))
    h = Horizon()
    vol, corr = Moments.empty(k, h.nw_vol, h.vol), Moments.empty(k, h.nw_corr, h.corr)
    outcome = []
    for t, row in enumerate(f):
        if t >= warm:
            forecast, _ = factor_covariance(vol, corr, np.arange(k))
            sigma = np.sqrt(np.einsum("pi,ij,pj->p", portfolios, forecast, portfolios))
            outcome.append(np.append(row / np.sqrt(np.diag(forecast)), portfolios @ row / sigma))
        vol, corr = vol.update(row), corr.update(row)
    bias = np.std(outcome, axis=0, ddof=1)
    assert np.abs(bias - 1.0).max() < 3.0 * np.sqrt(2.0 / len(outcome))
