"""Measures of a forecast: by hand, and at their perfect levels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.evaluate import measures

NAN = np.nan


@pytest.fixture(scope="module")
def normal():
    return np.random.default_rng(0).standard_normal((2000, 50))


def test_bias_and_variance_ratio_by_hand_leave_missing_outcomes_out():
    b = np.array([[1.0, 2.0], [-1.0, NAN], [2.0, 2.0], [-2.0, 2.0]])
    np.testing.assert_allclose(measures.bias(b), [np.sqrt(10 / 3), 0.0])
    np.testing.assert_allclose(measures.variance_ratio(b), [2.5, 4.0])


def test_a_single_outcome_has_no_bias():
    assert np.isnan(measures.bias(np.array([[1.0], [NAN]]))).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), window=st.integers(2, 15), holes=st.floats(0.0, 0.1))
def test_rolling_bias_is_the_standard_deviation_of_each_whole_window(seed, window, holes):
    random = np.random.default_rng(seed)
    b = random.standard_normal((40, 3))
    b[random.random(b.shape) < holes] = NAN
    plain = np.full(b.shape, NAN)
    for t in range(window - 1, len(b)):
        plain[t] = b[t - window + 1 : t + 1].std(axis=0, ddof=1)  # NaN when one is missing
    np.testing.assert_allclose(measures.rolling_bias(b, window), plain, atol=1e-7)


def test_a_series_shorter_than_the_window_has_no_rolling_bias():
    b = np.ones((5, 2))
    assert np.isnan(measures.rolling_bias(b, 12)).all()
    assert np.isnan(measures.mrad(b, 12))
    assert np.isnan(measures.rolling_range(b, 12)).all()
    with pytest.raises(ValueError, match="window 1 has no standard deviation"):
        measures.rolling_bias(b, 1)


def test_perfect_normal_forecasts_have_the_published_levels(normal):
    assert measures.bias(normal).mean() == pytest.approx(1.0, abs=0.005)
    assert measures.mrad(normal) == pytest.approx(measures.PERFECT_MRAD, abs=0.003)
    assert measures.rolling_range(normal) == pytest.approx((0.645, 1.34), abs=0.02)
    assert measures.q_statistic(normal) == pytest.approx(measures.PERFECT_Q, abs=0.01)
    assert measures.in_band(normal).mean() == pytest.approx(0.95, abs=0.06)


def test_fat_tails_alone_raise_mrad_to_a_fifth():
    fat = np.random.default_rng(1).standard_t(8, (2000, 50)) / np.sqrt(8 / 6)
    assert measures.mrad(fat) == pytest.approx(0.203, abs=0.004)


def test_a_wrong_forecast_costs_in_q_and_qlike_although_errors_cancel(normal):
    half = np.where(np.arange(len(normal)) % 2, 1.6, 0.62)[:, None]
    half /= np.sqrt(np.mean(half**2))
    assert measures.bias(normal * half).mean() == pytest.approx(1.0, abs=0.01)
    assert measures.q_statistic(normal * half) > measures.q_statistic(normal) + 0.2


def test_qlike_by_hand_and_least_at_the_truth():
    loss = measures.qlike(np.array([1.0, 2.0, 0.0, NAN]), np.array([1.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(loss[:2], [0.0, 1.0 - np.log(2.0)])
    assert np.isnan(loss[2:]).all()
    realised = 4.0 * np.random.default_rng(2).chisquare(5, 20_000) / 5
    costs = [np.mean(measures.qlike(realised, np.full(20_000, v))) for v in (3.0, 4.0, 5.0)]
    assert np.argmin(costs) == 1


def test_q_leaves_out_outcomes_of_exactly_zero_and_is_qlike_plus_one(normal):
    b = normal[:50].copy()
    b[0] = 0.0
    squares = b[1:] ** 2
    assert measures.q_statistic(b) == pytest.approx(
        1.0 + float(np.mean(measures.qlike(squares, np.ones_like(squares))))
    )
    assert np.isnan(measures.q_statistic(np.zeros((3, 1))))


def test_the_band_narrows_with_the_outcomes_of_each_portfolio():
    assert measures.band(200) == pytest.approx(0.1)
    b = np.full((200, 2), NAN)
    b[:, 0] = 1.15 * np.tile([1.0, -1.0], 100)
    b[:20, 1] = 1.15 * np.tile([1.0, -1.0], 10)
    assert measures.in_band(b).tolist() == [False, True]
