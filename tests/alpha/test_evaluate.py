"""Evaluation: typed-in tables, and pandas as the second road."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpha import evaluate

DATES = pd.bdate_range("2020-01-01", periods=25)
NAMES = pd.Index([f"SH{600000 + i}" for i in range(12)])


def frame(values):
    values = np.asarray(values, float)
    return pd.DataFrame(values, index=DATES[: len(values)], columns=NAMES[: values.shape[1]])


@pytest.fixture
def random():
    rng = np.random.default_rng(0)
    scores, label = rng.normal(size=(2, 25, 12))
    label[rng.random(label.shape) < 0.1] = np.nan
    return frame(scores.round(1)), frame(label)  # rounded: ties


@pytest.mark.parametrize("measure", [evaluate.ic, evaluate.rank_ic])
def test_a_perfect_score_is_one_a_reversed_one_minus_one(measure, random):
    label = random[1].fillna(0.0)
    np.testing.assert_allclose(measure(label, label), 1.0)
    np.testing.assert_allclose(measure(-label, label), -1.0)


@pytest.mark.parametrize("measure", [evaluate.ic, evaluate.rank_ic])
@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_a_constant_score_has_no_correlation(measure, random, level):
    constant = random[0] * 0.0 + level
    assert measure(constant, random[1]).isna().all()
    assert measure(random[1], constant).isna().all()


def test_days_with_fewer_than_ten_pairs_are_not_measured():
    rng = np.random.default_rng(1)
    label = frame(rng.normal(size=(2, 12)))
    scores = label.copy()
    scores.iloc[0, :3] = np.nan
    found = evaluate.rank_ic(scores, label)
    assert np.isnan(found.iloc[0])
    assert found.iloc[1] == pytest.approx(1.0)


def test_both_measures_equal_pandas(random):
    scores, label = random
    both = scores.notna() & label.notna()
    for method, measure in (("pearson", evaluate.ic), ("spearman", evaluate.rank_ic)):
        expected = [
            scores.iloc[t][both.iloc[t]].corr(label.iloc[t][both.iloc[t]], method=method)
            if both.iloc[t].sum() >= 10
            else np.nan
            for t in range(len(scores))
        ]
        np.testing.assert_allclose(measure(scores, label), expected, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_the_names_does_not_matter(order):
    rng = np.random.default_rng(2)
    scores, label = (frame(x) for x in rng.normal(size=(2, 5, 12)))
    moved = scores.iloc[:, list(order)]
    np.testing.assert_allclose(
        evaluate.rank_ic(moved, label), evaluate.rank_ic(scores, label), atol=1e-12
    )


def test_every_tenth_date_exactly(random):
    scores, label = random
    found = evaluate.rank_ic(scores, label, every=10)
    assert list(found.index) == [DATES[0], DATES[10], DATES[20]]
    pd.testing.assert_series_equal(found, evaluate.rank_ic(scores, label).iloc[::10])


def test_summary_by_hand():
    series = pd.Series([0.1, 0.3, np.nan, -0.1], index=DATES[:4], name="rank_ic")
    found = evaluate.summary(series)
    assert found["mean"] == pytest.approx(0.1)
    assert found["std"] == pytest.approx(0.2)
    assert found["icir"] == pytest.approx(0.5)
    assert found["positive"] == pytest.approx(2 / 3)
    assert found["days"] == 3


def test_tables_by_year_and_month():
    dates = pd.DatetimeIndex(["2020-01-02", "2020-02-03", "2020-02-04", "2021-01-04"])
    series = pd.Series([0.1, 0.2, 0.4, -0.1], index=dates)
    years = evaluate.by_year(series)
    assert list(years.index) == ["2020", "2021", "all"]
    assert years.loc["2020", "mean"] == pytest.approx(0.7 / 3)
    assert years.loc["all", "days"] == 4
    months = evaluate.by_month(series)
    assert months.loc[2020, 2] == pytest.approx(0.3)
    assert months.loc[2021, 1] == pytest.approx(-0.1)


def test_groups_of_twelve_stocks_by_hand():
    label = frame([np.arange(12.0)])
    found = evaluate.quantile_returns(label, label, groups=4)
    np.testing.assert_allclose(found.iloc[0], [10.0, 7.0, 4.0, 1.0])
    assert list(found.columns) == [1, 2, 3, 4]


def test_no_stock_is_dropped_from_the_groups(random):
    scores, label = random
    found = evaluate.quantile_returns(scores, label, groups=5)
    for t in range(len(scores)):
        pairs = int((scores.iloc[t].notna() & label.iloc[t].notna()).sum())
        if pairs < 10:
            assert found.iloc[t].isna().all()
            continue
        sizes = [len(part) for part in np.array_split(np.arange(pairs), 5)]
        assert np.average(found.iloc[t], weights=sizes) == pytest.approx(label.iloc[t].mean())


def test_scores_outside_the_label_are_named(random):
    scores, label = random
    with pytest.raises(ValueError, match="5 of 25 dates of the scores are not in the label"):
        evaluate.ic(scores, label.iloc[:20])
    with pytest.raises(ValueError, match="1 of 12 stocks of the scores are not in the label"):
        evaluate.ic(scores, label.iloc[:, :11])
    with pytest.raises(ValueError, match="groups is 1"):
        evaluate.quantile_returns(scores, label, groups=1)
    with pytest.raises(ValueError, match="every is 0"):
        evaluate.ic(scores, label, every=0)


def test_dates_whose_label_is_not_known_yet_are_purged(random):
    scores, label = random
    label = label.fillna(0.01)
    label.iloc[-11:] = np.nan  # the last eleven sessions of a ten-day label from tomorrow
    found = evaluate.rank_ic(scores, label, every=10)
    assert found.isna().tolist() == [False, False, True]
    assert evaluate.summary(found)["days"] == 2
