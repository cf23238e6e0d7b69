"""Descriptors against slow plain versions and hand-worked numbers."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from risk.descriptors import returns as past
from risk.descriptors import trading, value, volatility


@pytest.fixture(scope="module")
def returns():
    draw = np.random.default_rng(5)
    r = draw.normal(0.0005, 0.02, size=(600, 4))
    r[draw.random(r.shape) < 0.1] = np.nan
    return r


@pytest.fixture(scope="module")
def market():
    return np.random.default_rng(6).normal(0.0003, 0.012, 600)


def weights(half_life, count):
    return 0.5 ** (np.arange(count)[::-1] / half_life)


def test_beta_and_sigma_equal_weighted_least_squares(returns, market):
    model = volatility.market_model(returns, market, size=1)
    for n in range(returns.shape[1]):
        y, x = returns[-252:, n], market[-252:]
        seen = np.isfinite(y)
        w = weights(63, 252)[seen]
        fit = sm.WLS(y[seen], sm.add_constant(x[seen]), w).fit()
        sigma = np.sqrt(np.sum(w * fit.resid**2) / np.sum(w))
        assert model.beta[0, n] == pytest.approx(fit.params[1], abs=1e-10)
        assert model.sigma[0, n] == pytest.approx(sigma, abs=1e-10)


def test_a_stock_that_is_twice_the_market_has_beta_two_and_no_sigma(market):
    model = volatility.market_model(2.0 * market[:, None], market, size=3)
    np.testing.assert_allclose(model.beta, 2.0)
    np.testing.assert_allclose(model.sigma, 0.0, atol=1e-9)


def test_a_market_that_does_not_move_gives_no_beta(returns):
    model = volatility.market_model(returns, np.zeros(len(returns)), size=2)
    assert np.isnan(model.beta).all()


def test_momentum_is_the_lagged_weighted_mean_of_log_returns(returns):
    strength = past.relative_strength(np.log1p(returns), size=1)[0]
    old = np.log1p(returns[-(504 + 21) : -21])
    w = np.where(np.isfinite(old), weights(126, 504)[:, None], 0.0)
    np.testing.assert_allclose(strength, np.nansum(w * old, axis=0) / w.sum(axis=0), atol=1e-14)


def test_momentum_ignores_the_last_month(returns):
    changed = returns.copy()
    changed[-21:] = 0.09
    np.testing.assert_array_equal(
        past.relative_strength(np.log1p(changed), 1), past.relative_strength(np.log1p(returns), 1)
    )


def test_momentum_needs_a_quarter_of_its_window(returns):
    strength = past.relative_strength(np.log1p(returns)[:300, :1], size=300)
    first = np.flatnonzero(np.isfinite(strength[:, 0]))[0]
    seen = np.isfinite(returns[: first - 21 + 1, 0]).sum()
    assert seen == 126


def test_daily_deviation_is_the_weighted_standard_deviation(returns):
    r = returns[-252:]
    w = np.where(np.isfinite(r), weights(42, 252)[:, None], 0.0)
    mean = np.nansum(w * r, axis=0) / w.sum(axis=0)
    expected = np.sqrt(np.nansum(w * (r - mean) ** 2, axis=0) / w.sum(axis=0))
    np.testing.assert_allclose(volatility.daily_deviation(returns, 1)[0], expected, rtol=1e-9)


def test_cumulative_range_equals_the_plain_version(returns):
    logs = np.nan_to_num(np.log1p(returns))
    z = np.array([logs[-21 * k :].sum(axis=0) for k in range(1, 13)])
    expected = z.max(axis=0) - z.min(axis=0)
    np.testing.assert_allclose(past.cumulative_range(np.log1p(returns), 1)[0], expected, atol=1e-12)


def test_cumulative_range_of_a_steady_climb_is_eleven_months():
    r = np.full((300, 1), np.expm1(0.001))
    # after 12 months the sums of 1 to 12 months run from 0.021 to 0.252
    assert past.cumulative_range(np.log1p(r), 1)[0, 0] == pytest.approx(0.231)


def test_cumulative_range_works_on_the_first_rows_of_a_history():
    r = np.full((70, 1), np.expm1(0.001))
    spread = past.cumulative_range(np.log1p(r), 70)[:, 0]
    assert np.isnan(spread[:62]).all()
    assert spread[62] == pytest.approx(0.063 - 0.021)


def test_turnover_of_one_percent_a_day_is_log_of_a_fifth():
    turned = np.full((252, 2), 0.01)
    turned[-5:, 1] = np.nan  # suspended: the mean runs over the days that traded
    for months in (1, 3, 12):
        np.testing.assert_allclose(trading.turnover(turned, months, 1), np.log(0.21))


def test_turnover_of_a_stock_that_never_traded_is_unknown():
    assert np.isnan(trading.turnover(np.full((30, 1), np.nan), 1, 1)).all()


def test_block_size_changes_no_value_beyond_rounding(returns, market):
    wide = volatility.market_model(returns, market, size=50).beta[-5:]
    np.testing.assert_allclose(wide, volatility.market_model(returns, market, 5).beta, rtol=1e-10)


def test_ratios_and_logs_are_plain():
    cap = np.array([[np.e, 2.0]])
    np.testing.assert_allclose(value.log_cap(cap), [[1.0, np.log(2.0)]])
    np.testing.assert_allclose(value.ratio(np.array([[1.0, 1.0]]), cap)[0, 1], 0.5)
