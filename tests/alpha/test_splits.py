"""Walk-forward folds: calendar years, purge, and clear refusals."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alpha
from alpha import Fold, WalkForward
from alpha.splits import checked

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


def test_the_twelve_windows_of_the_reference_report():
    dates = pd.bdate_range("2004-01-02", "2021-03-31")
    folds = alpha.WINDOWS_12.folds(dates, horizon=2)
    assert [f.name for f in folds] == [str(year) for year in range(2010, 2022)]
    first, last = folds[0], folds[-1]
    assert dates[first.train[0]] == pd.Timestamp("2004-01-02")
    assert dates[first.train[-1]] == pd.Timestamp("2008-12-29")  # two sessions purged
    assert dates[first.valid[0]] == pd.Timestamp("2009-01-01")
    assert dates[last.train[0]] == pd.Timestamp("2015-01-01")
    assert dates[last.test[-1]] == pd.Timestamp("2021-02-02")
    with pytest.raises(ValueError, match="earliest start is 2011-01-0"):
        alpha.WINDOWS_12.folds(pd.bdate_range("2005-01-03", "2021-03-31"), horizon=2)


# --- folds of a user's own --------------------------------------------------------------------------


def fold(name="one", train=(0, 100), valid=(105, 150), test=(155, 200)):
    return Fold(name, np.arange(*train), np.arange(*valid), np.arange(*test))


@given(st.integers(1, 10), st.integers(0, 15), st.integers(0, 15))
def test_folds_pass_exactly_when_no_label_ends_in_the_period_that_follows(horizon, gap, other):
    cut = fold(valid=(100 + gap, 150), test=(150 + other, 200))
    if min(gap, other) >= horizon:
        assert checked((cut,), DATES, horizon) == (cut,)
    else:
        with pytest.raises(ValueError, match=f"labels look {horizon} sessions ahead"):
            checked((cut,), DATES, horizon)


def test_a_refused_fold_is_named_with_its_dates():
    with pytest.raises(
        ValueError,
        match=r"fold one has its valid period end on 2014-07-30 and its test period begin on 2014-08-07",
    ):
        checked((fold(valid=(110, 150)),), DATES, horizon=6)
    with pytest.raises(ValueError, match="its train period end on"):
        checked((fold(train=(0, 180)),), DATES, horizon=2)  # test and validation lie in training
    with pytest.raises(ValueError, match="the valid period of fold one is empty"):
        checked((fold(valid=(105, 105)),), DATES, horizon=2)
    with pytest.raises(ValueError, match="not increasing positions among the 1694 sessions"):
        checked((fold(test=(155, 9999)),), DATES, horizon=2)
    later = fold("two", valid=(160, 180), test=(197, 240))
    with pytest.raises(
        ValueError, match="fold one tests to 2014-10-08 and fold two from 2014-10-06"
    ):
        checked((fold(), later), DATES, horizon=2)
    with pytest.raises(ValueError, match="no fold"):
        checked((), DATES, horizon=2)


@dataclass(frozen=True)
class Peeking:
    """A split that trains on part of what it tests."""

    def folds(self, dates, horizon):
        return (fold("peek", train=(60, 300), valid=(303, 350), test=(200, 400)),)


@dataclass(frozen=True)
class Short:
    """A split made for a label of two sessions."""

    def folds(self, dates, horizon):
        return (fold("short", train=(60, 300), valid=(302, 350), test=(352, 400)),)


def test_a_fit_refuses_splits_that_peek_and_takes_those_that_do_not(toy):
    trees = alpha.LightGBM(rounds=2)
    with pytest.raises(ValueError, match="fold peek has its valid period end on"):
        alpha.fit(trees, toy, "half", label=alpha.labels.vwap_1, splits=Peeking())
    with pytest.raises(ValueError, match=r"fold short .* labels look 11 sessions ahead"):
        alpha.fit(trees, toy, "half", label=alpha.labels.fwd10, splits=Short())
    found = alpha.fit(trees, toy, "half", label=alpha.labels.vwap_1, splits=Short())
    assert found.scores().index.equals(toy.dates[352:400])
