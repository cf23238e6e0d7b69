"""Descriptors of CNE6 and DFQ-2020 from prices and turnover: plain versions and numbers by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk.descriptors import returns, trading, volatility
from risk.windows import delayed_mean, largest_mean, trailing_max, trailing_mean


@pytest.fixture(scope="module")
def logs():
    draw = np.random.default_rng(1)
    r = draw.normal(0.0004, 0.02, size=(1400, 3))
    r[draw.random(r.shape) < 0.05] = np.nan
    return r


def weights(half_life, count):
    return 0.5 ** (np.arange(count)[::-1] / half_life)


def weighted_mean(x, half_life):
    w = np.where(np.isfinite(x), weights(half_life, len(x))[:, None], 0.0)
    return np.nansum(w * x, axis=0) / w.sum(axis=0)


# --- past returns -------------------------------------------------------------------------------


def test_smoothed_strength_is_the_mean_of_eleven_lagged_years(logs):
    ends = [len(logs) - lag for lag in range(11, 22)]
    plain = np.mean([weighted_mean(logs[e - 252 : e], 126) for e in ends], axis=0)
    np.testing.assert_allclose(returns.smoothed_strength(logs, 1)[0], plain, atol=1e-14)


def test_long_reversal_is_minus_the_mean_of_eleven_old_windows(logs):
    ends = [len(logs) - lag for lag in range(273, 284)]
    plain = -np.mean([weighted_mean(logs[e - 1040 : e], 260) for e in ends], axis=0)
    np.testing.assert_allclose(returns.long_reversal(logs, 1)[0], plain, atol=1e-14)


def test_both_readings_of_short_reversal(logs):
    fast = -weighted_mean(logs[-21:], 5)
    np.testing.assert_allclose(returns.short_reversal(logs, 1)[0], fast, atol=1e-14)
    ends = [len(logs) - lag for lag in (1, 2, 3)]
    slow = -np.mean([weighted_mean(logs[e - 63 : e], 10) for e in ends], axis=0)
    np.testing.assert_allclose(returns.slow_reversal(logs, 1)[0], slow, atol=1e-14)


def test_a_steady_climb_has_the_same_strength_over_every_window():
    steady = np.full((1400, 1), 0.001)
    assert returns.smoothed_strength(steady, 1)[0, 0] == pytest.approx(0.001)
    assert returns.long_reversal(steady, 1)[0, 0] == pytest.approx(-0.001)
    assert returns.short_reversal(steady, 1)[0, 0] == pytest.approx(-0.001)
    assert returns.trend(np.full((800, 1), 7.0), 240, 1)[0, 0] == pytest.approx(1.0)


def test_seasonality_is_the_mean_month_that_began_on_this_day_of_past_years():
    dates = pd.bdate_range("2010-01-01", "2014-06-30")
    logs = np.zeros((len(dates), 1))
    for year, gain in ((2011, 0.01), (2012, 0.02), (2013, 0.06)):
        first = dates.searchsorted(pd.Timestamp(year, 6, 30), side="right")
        logs[first] = gain  # the session after 30 June
        logs[first + 21] = 9.0  # the month is over
    assert returns.seasonality(logs, dates, 1)[0, 0] == pytest.approx((0 + 0.01 + 0.02 + 0.06) / 4)


def test_seasonality_wants_three_years():
    dates = pd.bdate_range("2010-01-01", "2013-02-28")
    season = returns.seasonality(np.zeros((len(dates), 1)), dates, len(dates))[:, 0]
    known = dates[np.isfinite(season)]
    assert known[0] == pd.Timestamp("2013-01-01")  # 1 January of three years ago is the first row


def test_industry_momentum_leaves_the_own_part_out():
    logs = np.zeros((126, 4))
    logs[:, 0], logs[:, 1], logs[:, 2] = 0.01, 0.03, 0.02
    cap = np.array([[1.0, 9.0, 4.0, 4.0]])
    industry = np.array([[0, 0, 1, -1]])
    made = returns.industry_momentum(logs, cap, industry, 1)[0]
    # shares 1/4 and 3/4 in the first industry; alone in the second, nothing is left
    assert made[0] == pytest.approx(0.75 * 0.03)
    assert made[1] == pytest.approx(0.25 * 0.01)
    assert made[2] == pytest.approx(0.0, abs=1e-15)
    assert np.isnan(made[3])


def test_trend_of_a_rising_price_is_above_one():
    price = np.exp(0.01 * np.arange(720.0))[:, None]
    w20, w240 = weights(20, 60), weights(240, 720)
    plain = (w20 @ price[-60:, 0] / w20.sum()) / (w240 @ price[:, 0] / w240.sum())
    assert returns.trend(price, 240, 1)[0, 0] == pytest.approx(plain)
    assert plain > 1.5


# --- volatility ---------------------------------------------------------------------------------


def test_alpha_and_the_error_of_beta_are_those_of_least_squares(logs):
    market = np.random.default_rng(2).normal(0.0, 0.01, len(logs))
    model = volatility.market_model(logs, market, 1, window=243, half_life=np.inf)
    for n in range(logs.shape[1]):
        y, x = logs[-243:, n], market[-243:]
        seen = np.isfinite(y)
        fit = sm.OLS(y[seen], sm.add_constant(x[seen])).fit()
        assert model.alpha[0, n] == pytest.approx(fit.params[0], abs=1e-12)
        # the residual variance here divides by the count, without degrees of freedom
        error = fit.bse[1] * np.sqrt((seen.sum() - 2) / seen.sum())
        assert model.error[0, n] == pytest.approx(error, rel=1e-9)


def test_long_alpha_is_minus_the_mean_of_eleven_old_alphas(logs):
    market = np.random.default_rng(3).normal(0.0, 0.01, len(logs))
    old = [
        volatility.market_model(logs[:e], market[:e], 1, 1040, 260).alpha[0]
        for e in (len(logs) - lag for lag in range(273, 284))
    ]
    made = volatility.long_alpha(logs, market, 1)[0]
    np.testing.assert_allclose(made, -np.mean(old, axis=0), atol=1e-14)


def test_shrinkage_of_beta_by_hand():
    beta, error = np.array([[0.0, 2.0]]), np.array([[0.0, 1.0]])
    model = volatility.MarketModel(beta, beta, beta, error)
    cap, estu = np.array([[3.0, 1.0]]), np.ones((1, 2), dtype=bool)
    # mean 0.5 by cap; variance 1, of which the mean squared error 0.5 is noise
    expected = [0.0, (0.5 * 2.0 + 1.0 * 0.5) / 1.5]
    np.testing.assert_allclose(volatility.shrunk_beta(model, cap, estu)[0], expected)
    certain = volatility.MarketModel(beta, beta, beta, 0.0 * error)
    np.testing.assert_allclose(volatility.shrunk_beta(certain, cap, estu), beta)


def test_range_and_extreme_days_by_hand():
    high = np.full((243, 1), 10.0)
    low = np.full((243, 1), 8.0)
    high[100], low[50] = 12.0, 6.0
    assert volatility.price_range(high, low, 1)[0, 0] == pytest.approx(1.0)
    moves = np.zeros((243, 1))
    moves[[3, 50, 77]] = 0.06
    moves[[9, 200]] = -0.03
    assert volatility.best_days(moves, 1)[0, 0] == pytest.approx(0.03)
    assert volatility.worst_days(moves, 1)[0, 0] == pytest.approx(0.01)


def test_residual_deviation_is_that_of_a_regression_on_three_factors(logs):
    factors = np.random.default_rng(4).normal(0.0, 0.01, (len(logs), 3))
    made = volatility.residual_deviation(logs, factors, 1)[0]
    for n in range(logs.shape[1]):
        y, x = logs[-243:, n], factors[-243:]
        seen = np.isfinite(y)
        left = sm.OLS(y[seen], sm.add_constant(x[seen])).fit().resid
        assert made[n] == pytest.approx(np.sqrt(np.mean(left**2)), rel=1e-9)


def test_style_portfolios_find_the_small_and_the_cheap():
    draw = np.random.default_rng(5)
    cap = draw.lognormal(0.0, 1.0, (3, 60))
    book = cap * draw.lognormal(0.0, 0.5, (3, 60))
    small, cheap = cap[0] <= np.median(cap[0]), book[0] / cap[0]
    moves = np.where(small, 0.03, 0.01) + np.where(cheap > np.quantile(cheap, 0.7), 0.02, 0.0)
    day = np.vstack([np.zeros(60), moves, np.zeros(60)])
    made = volatility.style_portfolios(
        day, cap, book, np.ones((3, 60), dtype=bool), np.array([np.nan, 0.5, 0.6])
    )
    np.testing.assert_allclose(made[1], [0.5, 0.02, 0.02], atol=1e-12)
    assert np.isnan(made[0]).all()


# --- trading ------------------------------------------------------------------------------------


def test_liquidity_descriptors_by_hand():
    turned = np.full((252, 1), 0.02)
    assert trading.annual_turnover(turned, 1)[0, 0] == pytest.approx(252 * 0.02)
    assert trading.log_turnover(turned, 1)[0, 0] == pytest.approx(np.log(0.02))
    whole = np.exp(np.random.default_rng(6).normal(-4.0, 0.3, 252))
    own = (3.0 * whole**1.5)[:, None]  # a slope of 1.5 in logarithms
    assert trading.liquidity_beta(own, whole, 1)[0, 0] == pytest.approx(1.5)


def test_a_day_without_turnover_counts_in_no_logarithm():
    turned = np.full((243, 1), 0.02)
    turned[::2] = 0.0
    assert trading.log_turnover(turned, 1)[0, 0] == pytest.approx(np.log(0.02))


# --- windows ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    values=arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-5, 5)),
    span=st.integers(1, 12),
    count=st.integers(1, 4),
    hole=st.floats(0, 1),
)
def test_largest_values_of_a_window_equal_a_sort(values, span, count, hole):
    x = np.where(np.random.default_rng(0).random(values.shape) < 0.5 * hole, np.nan, values)
    size = max(1, len(x) // 2)
    top, mean = trailing_max(x, span, size), largest_mean(x, count, span, size)
    for t in range(size):
        end = len(x) - size + t + 1
        window = x[max(0, end - span) : end]
        for n in range(2):
            seen = np.sort(window[np.isfinite(window[:, n]), n])[::-1]
            assert top[t, n] == (seen[0] if len(seen) else -np.inf)
            if np.isfinite(mean[t, n]):
                assert mean[t, n] == pytest.approx(seen[:count].mean(), abs=1e-12)
                assert len(seen) >= max(count, 0.25 * span)


def test_delayed_means_are_unknown_before_the_data():
    x = np.arange(10.0)[:, None]

    def same(end, wanted):
        return trailing_mean(x[:end], 1, wanted)

    made = delayed_mean(same, len(x), lag=3, days=4, size=10)[:, 0]
    assert np.isnan(made[:3]).all()
    assert made[9] == pytest.approx(np.mean([3.0, 4.0, 5.0, 6.0]))
