"""Eigenfactor adjustment: the same estimator on simulated histories, and what it repairs."""

from __future__ import annotations

import numpy as np
import pytest

from risk.covariance import CNE5S, Horizon, Moments, factor_covariance, newey_west
from risk.eigen import (
    BOUNDS,
    Eigen,
    EigenBias,
    Whitened,
    eigen_adjust,
    eigen_bias,
    simulated_covariances,
    simulated_length,
    whitened_draws,
    whitened_statistic,
)

UNIFORM = Horizon(vol=np.inf, corr=np.inf, nw_vol=0, nw_corr=0)


def learn(f, lags, half_life):
    moments = Moments.empty(f.shape[1], lags, half_life)
    for row in f:
        moments = moments.update(row)
    return moments


def equity_like(k):
    """One large factor and a long tail, daily variances."""
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(k, k)))[0]
    spectrum = 1e-4 * np.geomspace(0.02, 1.0, k)
    spectrum[-1] = 2e-3
    return (basis * spectrum) @ basis.T


def root_of(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values)) @ vectors.T


@pytest.mark.parametrize(("half_life", "lags"), [(np.inf, 0), (84.0, 5), (20.0, 2)])
def test_the_statistic_of_noise_is_that_of_the_recursion(half_life, lags):
    noise = np.random.default_rng(1).normal(size=(150, 4))
    plain = newey_west(learn(noise, lags, half_life).autocovariance())
    np.testing.assert_allclose(whitened_statistic(noise, half_life, lags), plain, atol=1e-13)


def test_whitened_draws_reproduce_direct_simulation():
    """The estimator run on histories G z, against G W G' from the statistics W of z."""
    horizon = Horizon(vol=40.0, corr=120.0, nw_vol=3, nw_corr=2)
    covariance, draws = equity_like(6), whitened_draws(6, horizon, 252, 8, seed=3)
    root = root_of(covariance)
    found, ratio = simulated_covariances(covariance, draws), []
    for m in range(8):
        z = np.random.default_rng((3, m)).standard_normal((252, 6))[::-1]
        vol, corr = learn(z @ root, 3, 40.0), learn(z @ root, 2, 120.0)
        direct, _ = factor_covariance(vol, corr, np.arange(6))
        np.testing.assert_allclose(found[m], direct, rtol=1e-10, atol=1e-10 * direct.max())
        values, vectors = np.linalg.eigh(direct)
        ratio.append(np.diag(vectors.T @ covariance @ vectors) / values)
    expected = np.clip(np.sqrt(np.mean(ratio, axis=0)), *BOUNDS)
    np.testing.assert_allclose(eigen_bias(covariance, draws), expected, rtol=1e-10)


def test_optimised_portfolios_are_as_risky_as_forecast_after_the_adjustment():
    """Shepard (2009): true over forecast volatility is 1 / (1 - K / T) without it, one with it."""
    k, days, truth = 42, 252, equity_like(42)
    draw, root = np.random.default_rng(4), root_of(truth)
    draws = whitened_draws(k, UNIFORM, days, 200, seed=0)
    before, after, low = [], [], []
    for _ in range(40):
        sample = np.cov((draw.normal(size=(days, k)) @ root).T)
        adjusted = eigen_adjust(sample, eigen_bias(sample, draws))
        alpha = draw.normal(size=(k, 100))
        for covariance, ratio in ((sample, before), (adjusted, after)):
            held = np.linalg.solve(covariance, alpha)
            true = np.einsum("kp,kl,lp->p", held, truth, held)
            ratio.append(np.sqrt(true / np.einsum("kp,kp->p", held, alpha)).mean())
        values, vectors = np.linalg.eigh(adjusted)
        low.append(np.diag(vectors.T @ truth @ vectors) / values)
    assert np.mean(before) == pytest.approx(1.0 / (1.0 - k / days), abs=0.01)
    assert np.mean(after) == pytest.approx(1.0, abs=0.02)
    by_rank = np.sqrt(np.mean(low, axis=0))
    assert np.abs(by_rank - 1.0).max() < 0.06  # flat, from the smallest to the largest


def test_the_barra_estimator_is_calibrated_by_rank_only_after_the_adjustment():
    """Half-lives 84 and 504 with Newey-West: eigenportfolios and the least risky one, true over forecast."""
    k, truth = 30, equity_like(30)
    estimates = simulated_covariances(truth, whitened_draws(k, CNE5S, 504, 60, seed=99))
    draws = whitened_draws(k, CNE5S, 504, 100, seed=0)
    ranks, least = {"plain": [], "adjusted": []}, {"plain": [], "adjusted": []}
    for estimate in estimates:
        adjusted = eigen_adjust(estimate, eigen_bias(estimate, draws))
        for name, covariance in (("plain", estimate), ("adjusted", adjusted)):
            values, vectors = np.linalg.eigh(covariance)
            ranks[name].append(np.diag(vectors.T @ truth @ vectors) / values)
            held = np.linalg.solve(covariance, np.ones(k))
            least[name].append((held @ truth @ held) / held.sum())
    rank = {name: np.sqrt(np.mean(x, axis=0)) for name, x in ranks.items()}
    gmv = {name: np.sqrt(np.mean(x)) for name, x in least.items()}
    assert rank["plain"][:10].mean() > 1.08
    assert gmv["plain"] > 1.06
    assert np.abs(rank["adjusted"] - 1.0).max() < 0.06
    assert gmv["adjusted"] == pytest.approx(1.0, abs=0.03)


def test_low_ranks_are_flattered_most():
    v = eigen_bias(equity_like(30), whitened_draws(30, UNIFORM, 252, 100, seed=0))
    assert v[:5].mean() > 1.1
    assert v[:5].mean() > v[10:20].mean() > v[-3:].mean() - 0.02


def test_some_factors_take_their_rows_and_columns_of_the_noise():
    draws = whitened_draws(6, CNE5S, 252, 5, seed=0)
    some = draws.of(np.array([0, 2, 5]))
    np.testing.assert_array_equal(some.vol[3], draws.vol[3][np.ix_([0, 2, 5], [0, 2, 5])])
    assert draws.of(np.arange(6)) is draws


def test_a_longer_simulated_history_adds_older_days():
    short = np.random.default_rng((0, 1)).standard_normal((252, 3))
    long = np.random.default_rng((0, 1)).standard_normal((504, 3))
    np.testing.assert_array_equal(short, long[:252])
    assert simulated_length(10, CNE5S) == 252
    assert simulated_length(503, CNE5S) == 356
    assert simulated_length(504, CNE5S) == 504
    assert simulated_length(50_000, CNE5S) == simulated_length(3_024, CNE5S)
    assert simulated_length(50_000, UNIFORM) > 30_000


def test_equal_eigenvalues_and_their_order_do_not_matter():
    draws = whitened_draws(4, UNIFORM, 252, 50, seed=1)
    v = eigen_bias(np.diag([4.0, 1.0, 1.0, 1.0]), draws)
    swapped = np.diag([1.0, 4.0, 1.0, 1.0])
    turned = Whitened(*(w[:, [1, 0, 2, 3]][:, :, [1, 0, 2, 3]] for w in (draws.vol, draws.corr)))
    np.testing.assert_allclose(eigen_bias(swapped, turned), v, rtol=1e-12)


def test_the_scale_stretches_the_distance_from_one():
    covariance, draws = equity_like(10), whitened_draws(10, UNIFORM, 252, 50, seed=2)
    v = eigen_bias(covariance, draws)
    np.testing.assert_allclose(eigen_bias(covariance, draws, 1.4), 1.4 * (v - 1.0) + 1.0)


def test_many_factors_are_smoothed_by_a_parabola_before_scaling():
    covariance, draws = equity_like(64), whitened_draws(64, UNIFORM, 504, 20, seed=2)
    smooth = eigen_bias(covariance, draws, 1.0)
    np.testing.assert_allclose(np.diff(smooth, 3), 0.0, atol=1e-12)
    assert np.abs(np.diff(eigen_bias(covariance, draws), 3)).max() > 1e-3


def test_the_bias_stays_within_bounds():
    short = Whitened(*np.array([np.diag([0.01, 30.0])] * 3)[None].repeat(2, axis=0))
    v = eigen_bias(np.eye(2), short)
    np.testing.assert_array_equal(v, BOUNDS[::-1])


def test_kept_bias_serves_another_number_of_factors_by_relative_rank():
    kept = EigenBias(np.array([1.3, 1.1, 1.0]))
    assert kept.at(3) is kept.v
    np.testing.assert_allclose(kept.at(5), [1.3, 1.2, 1.1, 1.05, 1.0])


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="1 simulations every 21 sessions"):
        Eigen(simulations=1)
