"""Walk-forward folds: calendar years, purge, and clear refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpha import WalkForward

DATES = pd.bdate_range("2014-01-02", "2020-06-30")


def span(rows):
    return DATES[rows[0]], DATES[rows[-1]]


def test_the_first_fold_is_the_first_year_that_min_train_and_valid_allow():
    folds = WalkForward().folds(DATES, horizon=2)
    assert [f.name for f in folds] == ["2017", "2018", "2019", "2020"]
    assert span(folds[0].train) == (pd.Timestamp("2014-01-02"), pd.Timestamp("2015-12-29"))
    assert span(folds[0].valid) == (pd.Timestamp("2016-01-01"), pd.Timestamp("2016-12-28"))
    assert span(folds[0].test) == (pd.Timestamp("2017-01-02"), pd.Timestamp("2017-12-29"))


def test_training_takes_five_years_where_they_exist_and_the_last_year_may_be_short():
    last = WalkForward().folds(DATES, horizon=2)[-1]
    assert span(last.train)[0] == pd.Timestamp("2014-01-02")
    assert span(last.test) == (pd.Timestamp("2020-01-01"), pd.Timestamp("2020-06-30"))
    shorter = WalkForward(train="2y").folds(DATES, horizon=2)[-1]
    assert span(shorter.train)[0] == pd.Timestamp("2017-01-02")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 25), st.sampled_from(["6m", "1y", "2y"]), st.sampled_from(["3m", "6m", "1y"]))
def test_no_label_reaches_into_the_period_that_follows(horizon, valid, test):
    folds = WalkForward(valid=valid, test=test).folds(DATES, horizon)
    for fold in folds:
        assert fold.train[-1] + horizon < fold.valid[0]
        assert fold.valid[-1] + horizon < fold.test[0]
        # and nothing more than that is thrown away
        assert fold.train[-1] + horizon == fold.valid[0] - 1
        assert fold.valid[-1] + horizon == fold.test[0] - 1
    tested = np.concatenate([f.test for f in folds])
    np.testing.assert_array_equal(tested, np.arange(tested[0], len(DATES)))


def test_start_and_end_choose_the_test_years():
    folds = WalkForward(start="2018-01-01", end="2019-12-31").folds(DATES, horizon=6)
    assert [f.name for f in folds] == ["2018", "2019"]
    assert span(folds[-1].test)[1] == pd.Timestamp("2019-12-31")


def test_a_start_in_mid_year_steps_from_there():
    folds = WalkForward(start="2018-07-01").folds(DATES, horizon=6)
    assert [f.name for f in folds] == ["2018-07-01", "2019-07-01"]


def test_a_start_too_early_names_the_earliest():
    with pytest.raises(
        ValueError, match=r"leaves less than min_train=2y.*earliest start is 2017-01-0"
    ):
        WalkForward(start="2016-01-01").folds(DATES, horizon=2)
    folds = WalkForward(start="2016-01-01", min_train="1y").folds(DATES, horizon=2)
    assert folds[0].name == "2016"


def test_periods_outside_the_data_are_refused():
    with pytest.raises(
        ValueError, match="first test day 2021-01-01 lies after the last day 2020-06"
    ):
        WalkForward(start="2021-01-01").folds(DATES, horizon=2)
    with pytest.raises(
        ValueError, match="end 2023-01-01 lies after the data, which end on 2020-06-30"
    ):
        WalkForward(end="2023-01-01").folds(DATES, horizon=2)
    with pytest.raises(ValueError, match="shorten train, valid or min_train"):
        WalkForward().folds(DATES[:300], horizon=2)


def test_a_purge_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match=r"valid period of test fold .* is empty after purging 21"):
        WalkForward(valid="1m", test="1m").folds(DATES, horizon=21)


def test_a_span_that_is_none_is_refused():
    with pytest.raises(ValueError, match="train='five years' is no span"):
        WalkForward(train="five years")
    with pytest.raises(ValueError, match="test='0y' is no span"):
        WalkForward(test="0y")
