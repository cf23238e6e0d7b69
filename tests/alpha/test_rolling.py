"""Rolling operators against a slow float64 version that takes one window at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alpha.features import rolling


def windows(x, window):
    """(t, j, values) with the calendar positions -window+1..0 of each window; missing kept as NaN."""
    for t in range(x.shape[0]):
        for j in range(x.shape[1]):
            yield t, j, x[max(t - window + 1, 0) : t + 1, j].astype(np.float64)


@pytest.fixture
def panel():
    rng = np.random.default_rng(3)
    x = (50 + np.cumsum(rng.normal(size=(70, 4)), axis=0)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def test_three_days_by_hand():
    x = np.array([[1.0], [2.0], [4.0]], np.float32)
    mean, std = rolling.moments(x, 2)
    np.testing.assert_allclose(mean[:, 0], [1.0, 1.5, 3.0])
    np.testing.assert_allclose(std[1:, 0], [0.5**0.5, 2.0**0.5])
    assert np.isnan(std[0, 0])
    slope, r_squared, residual = rolling.trend(x, 3)
    # line through (1, 1), (2, 2), (3, 4): slope 3/2, intercept -2/3, today 4 - 23/6 = 1/6
    assert slope[2, 0] == pytest.approx(1.5)
    assert residual[2, 0] == pytest.approx(1 / 6)
    assert r_squared[2, 0] == pytest.approx(4.5 / (14 / 3))
    np.testing.assert_array_equal(rolling.lag(x, 1)[:, 0], [np.nan, 1.0, 2.0])
    assert np.isnan(rolling.lag(x, 5)).all()


@pytest.mark.parametrize("window", [5, 60])
def test_moments_equal_numpy_on_every_window(panel, window):
    mean, std = rolling.moments(panel, window)
    for t, j, values in windows(panel, window):
        valid = values[~np.isnan(values)]
        if len(valid):
            assert mean[t, j] == pytest.approx(valid.mean(), rel=1e-6)
        if len(valid) > 1:
            assert std[t, j] == pytest.approx(valid.std(ddof=1), rel=1e-5)
        else:
            assert np.isnan(std[t, j])


@pytest.mark.parametrize("window", [5, 60])
def test_correlation_equals_numpy_over_pairs_that_are_both_there(panel, window):
    other = np.roll(panel, 1, axis=1)
    found = rolling.corr(panel, other, window)
    for t, j, values in windows(panel, window):
        pair = np.stack([values, other[max(t - window + 1, 0) : t + 1, j].astype(np.float64)])
        pair = pair[:, ~np.isnan(pair).any(axis=0)]
        if pair.shape[1] > 1:
            assert found[t, j] == pytest.approx(np.corrcoef(pair)[0, 1], abs=1e-5)


@pytest.mark.parametrize("window", [5, 60])
def test_trend_equals_polyfit_on_calendar_positions(panel, window):
    slope, r_squared, residual = rolling.trend(panel, window)
    for t, j, values in windows(panel, window):
        position = np.arange(len(values))[~np.isnan(values)]
        valid = values[~np.isnan(values)]
        if len(valid) < 3:
            continue
        b, a = np.polyfit(position, valid, 1)
        fitted = a + b * position
        assert slope[t, j] == pytest.approx(b, abs=1e-5)
        explained = 1 - ((valid - fitted) ** 2).sum() / ((valid - valid.mean()) ** 2).sum()
        assert r_squared[t, j] == pytest.approx(explained, abs=1e-5)
        if np.isnan(values[-1]):
            assert np.isnan(residual[t, j])
        else:
            assert residual[t, j] == pytest.approx(values[-1] - a - b * (len(values) - 1), abs=1e-4)


def test_extremes_skip_missing_values_and_an_empty_window_has_none():
    x = np.array([[np.nan], [3.0], [1.0], [np.nan], [np.nan], [np.nan]], np.float32)
    np.testing.assert_array_equal(rolling.highest(x, 3)[:, 0], [np.nan, 3.0, 3.0, 3.0, 1.0, np.nan])
    np.testing.assert_array_equal(rolling.lowest(x, 3)[:, 0], [np.nan, 3.0, 1.0, 1.0, 1.0, np.nan])


def test_a_constant_window_has_zero_std_and_no_correlation_at_any_price_level():
    for price in (0.07, 10.01, 4123.7):
        x = np.full((8, 1), price, np.float32)
        moving = np.arange(8, dtype=np.float32)[:, None] + 1
        assert rolling.std(x, 5)[7, 0] == 0.0
        assert np.isnan(rolling.corr(x, moving, 5)[7, 0])
        slope, r_squared, residual = rolling.trend(x, 5)
        assert slope[7, 0] == 0.0
        assert np.isnan(r_squared[7, 0])
        assert residual[7, 0] == pytest.approx(0.0, abs=1e-6 * price)


def test_one_tick_on_an_expensive_stock_is_not_a_constant():
    x = np.full((60, 1), 1000.0, np.float32)
    x[30] = 1000.01
    assert rolling.std(x, 60)[59, 0] > 0


def test_an_exact_line_has_r_squared_one():
    x = np.linspace(5, 9, 20, dtype=np.float32)[:, None]
    assert rolling.trend(x, 10)[1][19, 0] == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(arrays(np.float32, (12, 2), elements=st.floats(1, 100, width=32)), st.integers(2, 12))
def test_operators_ignore_level_and_scale_as_their_formulas_say(x, window):
    mean, std = rolling.moments(x, window)
    mean2, std2 = rolling.moments(2 * x, window)
    np.testing.assert_array_equal(mean2, 2 * mean)  # a power of two changes no digit
    np.testing.assert_array_equal(std2, 2 * std)
    np.testing.assert_array_equal(rolling.corr(2 * x, x, window), rolling.corr(x, 2 * x, window))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 19), st.integers(2, 8))
def test_no_operator_sees_the_days_after_today(today, window):
    rng = np.random.default_rng(today)
    x = rng.normal(size=(20, 3)).astype(np.float32) + 10
    changed = x.copy()
    changed[today:] = np.nan
    for operator in (rolling.mean, rolling.std, rolling.highest, rolling.lowest, rolling.lag):
        np.testing.assert_array_equal(
            operator(x, window)[:today], operator(changed, window)[:today]
        )
    for before, after in zip(rolling.trend(x, window), rolling.trend(changed, window), strict=True):
        np.testing.assert_array_equal(before[:today], after[:today])
