"""Models against each other: Newey and West's formula, scipy's paired test, pandas' correlations."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alpha import evaluate
from risk.evaluate import hac_t

DATES = pd.bdate_range("2020-01-01", periods=300)
NAMES = pd.Index([f"SH{600000 + i}" for i in range(15)])


def series(seed, mean=0.0):
    return pd.Series(mean + 0.1 * np.random.default_rng(seed).standard_normal(300), DATES)


@pytest.mark.parametrize("lags", [0, 2, 11])
def test_t_is_newey_and_wests_as_worked_in_the_risk_package(lags):
    a, b = series(0, 0.02).rolling(5, min_periods=1).mean(), series(1)
    found = evaluate.paired({"a": a, "b": b}, lags).loc[("a", "b")]
    difference = (a - b).to_numpy()
    assert found["t"] == pytest.approx(hac_t(difference, lags), rel=1e-10)
    assert found["p"] == pytest.approx(2 * stats.norm.sf(abs(found["t"])), rel=1e-10)
    assert found["difference"] == pytest.approx(difference.mean())
    assert found["mean"] == pytest.approx(a.mean())
    assert found["won"] == pytest.approx((difference > 0).mean())


def test_without_lags_it_is_the_paired_t_test_but_for_one_degree_of_freedom():
    a, b = series(2, 0.03), series(3)
    found = evaluate.paired({"a": a, "b": b}, 0).loc[("a", "b"), "t"]
    assert found == pytest.approx(stats.ttest_rel(a, b).statistic * np.sqrt(300 / 299), rel=1e-12)


def test_overlapping_outcomes_need_their_lags():
    """Ten-day means of noise differ from zero too often when neighbours are taken for independent."""
    plain = robust = 0
    for seed in range(60):
        a, b = (series(100 + 2 * seed + k).rolling(10).mean().dropna() for k in (0, 1))
        plain += abs(evaluate.paired({"a": a, "b": b}, 0)["t"].iloc[0]) > 1.96
        robust += abs(evaluate.paired({"a": a, "b": b}, 11)["t"].iloc[0]) > 1.96
    assert plain > 25
    assert robust < 15


def test_pairs_are_compared_on_the_dates_that_both_measured():
    a, b = series(4), series(5)
    a.iloc[:50] = np.nan
    found = evaluate.paired({"a": a, "b": b.iloc[:200], "c": a}, 2)
    assert found["days"].tolist() == [150, 250, 150]
    assert found.loc[("a", "c"), ["t", "p"]].isna().all()
    only = evaluate.paired({"a": a, "b": b, "c": series(6)}, 2, base="b")
    assert list(only.index) == [("a", "b"), ("c", "b")]
    both = evaluate.paired({"b": b, "a": a}, 2).loc[("b", "a"), "t"]
    assert only.loc[("a", "b"), "t"] == pytest.approx(-both)


def test_wrong_pairs_are_named():
    a, b = series(7), series(8)
    with pytest.raises(ValueError, match="both measured on 11 dates, too few for a test with 11"):
        evaluate.paired({"a": a, "b": b.iloc[:11]}, 11)
    with pytest.raises(ValueError, match="base 'c'"):
        evaluate.paired({"a": a, "b": b}, 0, base="c")
    with pytest.raises(ValueError, match="1 series"):
        evaluate.paired({"a": a}, 0)


def test_correlation_is_the_mean_over_dates_across_stocks():
    rng = np.random.default_rng(9)
    a, b = (pd.DataFrame(x, DATES[:20], NAMES) for x in rng.normal(size=(2, 20, 15)))
    b = (b + a).iloc[3:, 1:]
    b.iloc[0, 0] = np.nan
    found = evaluate.correlation({"a": a, "b": b, "minus": -a})
    expected = a.loc[b.index, b.columns].corrwith(b, axis=1).mean()
    assert found.loc["a", "b"] == found.loc["b", "a"] == pytest.approx(expected)
    assert found.loc["a", "minus"] == pytest.approx(-1.0)
    assert np.diag(found).tolist() == [1.0, 1.0, 1.0]
    ranked = evaluate.correlation({"a": a, "b": b}, rank=True).loc["a", "b"]
    by_rank = a.loc[b.index, b.columns].corrwith(b, axis=1, method="spearman").mean()
    assert ranked == pytest.approx(by_rank)


def test_models_that_never_meet_have_no_correlation():
    rng = np.random.default_rng(10)
    a = pd.DataFrame(rng.normal(size=(20, 15)), DATES[:20], NAMES)
    later = a.set_axis(DATES[40:60], axis=0)
    assert np.isnan(evaluate.correlation({"a": a, "later": later}).loc["a", "later"])
