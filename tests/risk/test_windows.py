"""Trailing sums: against the definition, and the bits they promise to repeat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.windows import enough, lagged, trailing_mean, trailing_sum


def plain_sum(x, span, half_life):
    """The definition, one window at a time."""
    result = np.zeros_like(x)
    for t in range(len(x)):
        for age in range(min(span, t + 1)):
            result[t] += 0.5 ** (age / half_life) * x[t - age]
    return result


@given(
    seed=st.integers(0, 10_000),
    span=st.integers(1, 12),
    size=st.integers(1, 30),
    half_life=st.sampled_from([1.0, 4.0, 60.0, np.inf]),
)
@settings(max_examples=60, deadline=None)
def test_trailing_sum_equals_the_definition(seed, span, size, half_life):
    x = np.random.default_rng(seed).normal(size=(30, 3))
    expected = plain_sum(x, span, half_life)[-size:]
    np.testing.assert_allclose(trailing_sum(x, span, size, half_life), expected, atol=1e-12)


def test_later_rows_change_no_bit_of_earlier_sums():
    x = np.random.default_rng(0).normal(size=(400, 5))
    short = trailing_sum(x[:390], 252, 90, 42.0)
    np.testing.assert_array_equal(trailing_sum(x, 252, 100, 42.0)[:90], short)


def test_stocks_beside_change_no_bit():
    x = np.random.default_rng(1).normal(size=(300, 7))
    alone = trailing_sum(x[:, 2:3].copy(), 100, 50, 20.0)
    np.testing.assert_array_equal(trailing_sum(x, 100, 50, 20.0)[:, 2:3], alone)


def test_what_left_the_window_leaves_no_trace_beyond_rounding():
    x = np.zeros((200, 1))
    x[10] = 1e6
    assert abs(trailing_sum(x, 50, 200, 42.0)[-1, 0]) < 1e-6


def test_mean_gives_the_weight_of_missing_rows_to_the_present_ones():
    x = np.array([[1.0], [np.nan], [4.0]])
    # half-life 1: weights 1/4, (1/2), 1 -> (1/4 * 1 + 1 * 4) / (1/4 + 1)
    assert trailing_mean(x, 3, 1, half_life=1.0)[0, 0] == pytest.approx(4.25 / 1.25)


def test_a_window_needs_a_quarter_of_its_observations():
    x = np.full((8, 2), np.nan)
    x[-2:, 0] = 5.0
    x[-1, 1] = 5.0
    np.testing.assert_array_equal(enough(x, 8, 1), [[True, False]])
    mean = trailing_mean(x, 8, 1)
    assert mean[0, 0] == 5.0
    assert np.isnan(mean[0, 1])


def test_lag_shifts_and_blanks():
    np.testing.assert_array_equal(
        lagged(np.array([[1.0], [2.0], [3.0]]), 2), [[np.nan], [np.nan], [1.0]]
    )
    assert np.isnan(lagged(np.ones((2, 1)), 5)).all()
