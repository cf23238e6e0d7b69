"""Normalising: the numbers of the rules, and where the statistics come from."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alpha.process import RobustZScore, cs_rank_norm
from alpha.ranks import row_ranks


def test_rank_labels_of_four_stocks():
    label = np.array([[0.3, -0.1, 0.0, 0.1]])
    found = cs_rank_norm(label, np.ones((1, 4), bool))
    np.testing.assert_allclose(found, [[1.73, -0.865, 0.0, 0.865]], atol=1e-6)


def test_ties_share_their_average_rank():
    found = cs_rank_norm(np.array([[1.0, 1.0, 2.0, 3.0]]), np.ones((1, 4), bool))
    np.testing.assert_allclose(found[0, :2], (1.5 / 4 - 0.5) * 3.46, atol=1e-6)


def test_ranks_are_taken_over_labelled_stocks_of_the_universe_only():
    label = np.array([[0.3, -0.1, 0.0, 0.1, 9.0, np.nan]])
    universe = np.array([[True, True, True, True, False, True]])
    found = cs_rank_norm(label, universe)
    np.testing.assert_allclose(found[0, :4], [1.73, -0.865, 0.0, 0.865], atol=1e-6)
    assert np.isnan(found[0, 4:]).all()


def test_a_day_without_labels_stays_without():
    assert np.isnan(cs_rank_norm(np.full((1, 3), np.nan), np.ones((1, 3), bool))).all()


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float64, (3, 9), elements=st.sampled_from([0.0, 1.0, 2.5, -1.0, np.nan])),
    arrays(np.bool_, (3, 9)),
)
def test_row_ranks_equal_pandas_with_average_ties(values, mask):
    expected = pd.DataFrame(np.where(mask, values, np.nan)).rank(axis=1).to_numpy()
    np.testing.assert_array_equal(row_ranks(values, mask), expected)


def test_robust_z_score_by_hand():
    # median 3, absolute deviations 2 1 0 1 97: their median is 1
    scaler = RobustZScore.fit(np.array([[1.0], [2.0], [3.0], [4.0], [100.0]], np.float32))
    found = scaler.transform(np.array([[3.0], [4.0], [100.0], [-100.0], [np.nan]], np.float32))
    np.testing.assert_allclose(found[:, 0], [0.0, 1 / 1.4826, 3.0, -3.0, 0.0], rtol=1e-6)


def test_a_feature_that_hardly_moves_keeps_scale_one():
    scaler = RobustZScore.fit(np.array([[1.0], [1.0], [1.0], [2.0]], np.float32))
    assert scaler.scale[0] == 1.0
    assert scaler.transform(np.array([[1.5]], np.float32))[0, 0] == pytest.approx(0.5)


def test_a_constant_feature_says_nothing():
    scaler = RobustZScore.fit(np.full((5, 1), 7.0, np.float32))
    assert scaler.transform(np.array([[7.0], [np.nan]], np.float32)).tolist() == [[0.0], [0.0]]


def test_missing_entries_do_not_enter_the_medians():
    with_gap = np.array([[1.0, 5.0], [np.nan, 6.0], [3.0, 7.0]], np.float32)
    scaler = RobustZScore.fit(with_gap)
    np.testing.assert_array_equal(scaler.centre, [2.0, 6.0])


def test_a_feature_without_any_value_is_named():
    sample = np.array([[1.0, np.nan], [2.0, np.nan]], np.float32)
    with pytest.raises(ValueError, match=r"columns \[1\] have no finite value in the 2 training"):
        RobustZScore.fit(sample)


def test_transform_keeps_its_input():
    values = np.array([[[1.0, 2.0]], [[3.0, np.nan]]], np.float32)
    before = values.copy()
    RobustZScore.fit(values[:, 0][:1]).transform(values)
    np.testing.assert_array_equal(values, before)
