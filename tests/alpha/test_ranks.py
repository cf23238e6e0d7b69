"""Orders and the daily measures: single and double precision, ties, signs, and pandas as the second road."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alpha import evaluate
from alpha.ranks import sorted_columns

NUMBERS = st.sampled_from([-np.inf, -2.5, -0.0, 0.0, 1e-30, 0.1, 7.0, np.inf, np.nan])


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (3, 9), elements=NUMBERS), st.booleans())
def test_the_order_is_the_stable_order_of_the_finite_values(values, double):
    values = values.astype(np.float64) if double else values
    mask = np.isfinite(values)
    found = sorted_columns(values, mask)
    for row, known, columns in zip(values, mask, found, strict=True):
        there = np.flatnonzero(known)
        expected = there[np.argsort(row[there], kind="stable")]
        np.testing.assert_array_equal(columns[: len(there)], expected)


def test_numbers_that_single_precision_cannot_hold_keep_their_order():
    values = np.array([[1.0 + 2e-12, 1.0 + 1e-12, 1.0]])
    np.testing.assert_array_equal(sorted_columns(values, values > 0), [[2, 1, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_pass_gives_what_pandas_gives(dtype):
    rng = np.random.default_rng(0)
    index, names = pd.bdate_range("2020-01-01", periods=300), [f"SH{k}" for k in range(40)]
    scores = pd.DataFrame(rng.normal(size=(300, 40)).round(1), index, names)  # ties
    label = pd.DataFrame(rng.normal(size=(300, 40)), index, names)
    label[rng.random(label.shape) < 0.1] = np.nan
    scores, label = scores.astype(dtype), label.astype(dtype)
    found = evaluate.daily(scores, label, groups=7)
    a, b = scores.where(label.notna()).astype(float), label.astype(float)
    np.testing.assert_allclose(found["ic"], a.corrwith(b, axis=1), atol=1e-12)
    ranked = a.rank(axis=1).corrwith(b.rank(axis=1), axis=1)
    np.testing.assert_allclose(found["rank_ic"], ranked, atol=1e-12)
    for t in (0, 150, 299):
        known = np.flatnonzero(label.iloc[t].notna())
        order = known[np.argsort(-a.iloc[t].to_numpy()[known], kind="stable")]
        means = [b.iloc[t].to_numpy()[part].mean() for part in np.array_split(order, 7)]
        np.testing.assert_allclose(found.iloc[t, 2:].astype(float), means, atol=1e-12)


def test_a_day_is_measured_the_same_alone_and_among_others():
    rng = np.random.default_rng(1)
    scores, label = (pd.DataFrame(rng.normal(size=(400, 15))) for _ in range(2))
    whole = evaluate.daily(scores, label)
    pd.testing.assert_frame_equal(whole.iloc[200:201], evaluate.daily(scores[200:201], label))
    assert list(whole.columns) == ["ic", "rank_ic", 1, 2, 3, 4, 5]
