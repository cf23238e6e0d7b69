"""Errors and top picks, against scikit-learn and by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from alpha import evaluate

DATES = pd.bdate_range("2020-01-01", periods=6)
NAMES = pd.Index([f"SH{600000 + i}" for i in range(12)])


def frames():
    rng = np.random.default_rng(0)
    scores, label = (pd.DataFrame(x, DATES, NAMES) for x in rng.normal(size=(2, 6, 12)))
    return scores, label.mask(rng.random(label.shape) < 0.1)


def test_errors_are_those_of_scikit_learn():
    scores, label = frames()
    found = evaluate.errors(scores, label)
    for date in DATES:
        known = label.loc[date].notna()
        pair = label.loc[date][known], scores.loc[date][known]
        for name, measure in {
            "mse": metrics.mean_squared_error,
            "mae": metrics.mean_absolute_error,
            "rmse": metrics.root_mean_squared_error,
            "medae": metrics.median_absolute_error,
        }.items():
            assert found.loc[date, name] == pytest.approx(measure(*pair))


def test_ranked_errors_are_of_percentiles_over_the_stocks_that_have_both():
    scores, label = frames()
    found = evaluate.errors(scores, label, ranked=True)
    a = scores.where(label.notna()).rank(axis=1, pct=True)
    b = label.rank(axis=1, pct=True)
    np.testing.assert_allclose(found["mse"], ((a - b) ** 2).mean(axis=1))
    assert (evaluate.errors(label, label, ranked=True) == 0.0).all(axis=None)


def test_the_best_scored_stock_by_hand():
    label = pd.DataFrame([[0.1, 0.3, -0.2, np.nan], [0.1, 0.2, 0.3, 0.4]], DATES[:2], NAMES[:4])
    scores = pd.DataFrame([[3.0, 2.0, 1.0, 9.0], [4.0, 4.0, 1.0, 0.0]], DATES[:2], NAMES[:4])
    one = evaluate.top(scores, label)
    assert one["return"].tolist() == pytest.approx([0.1, 0.1])  # the suspended one is no choice
    assert one["reciprocal_rank"].tolist() == pytest.approx([1 / 2, 1 / 4])
    assert evaluate.top(scores, label, count=2)["return"].tolist() == pytest.approx([0.2, 0.15])
    assert evaluate.top(scores, label, count=4)["return"].isna().tolist() == [True, False]
    with pytest.raises(ValueError, match="count of top stocks is 0"):
        evaluate.top(scores, label, count=0)
