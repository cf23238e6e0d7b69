"""Annual figures: by hand in both modes, and what NaN and short series give."""

import numpy as np
import pandas as pd
import pytest

from alpha import evaluate
from market import TRADING_DAYS

DAYS = pd.bdate_range("2021-01-04", periods=4)


def test_compounded_by_hand():
    found = evaluate.performance(pd.Series([0.10, -0.50, 0.20, 0.0], DAYS))
    assert found["annual"] == pytest.approx((1.1 * 0.5 * 1.2) ** 63 - 1)
    assert found["drawdown"] == pytest.approx(-0.5)
    assert found["days"] == 4


def test_added_up_by_hand_and_a_drawdown_can_pass_all_of_it():
    found = evaluate.performance(pd.Series([0.10, -0.70, -0.60, 0.20], DAYS), "sum")
    assert found["annual"] == pytest.approx(-0.25 * TRADING_DAYS)
    assert found["drawdown"] == pytest.approx(-1.3)
    spread = np.std([0.10, -0.70, -0.60, 0.20], ddof=1)
    assert found["volatility"] == pytest.approx(spread * TRADING_DAYS**0.5)
    assert found["ratio"] == pytest.approx(-0.25 / spread * TRADING_DAYS**0.5)


@pytest.mark.parametrize("mode", ["compound", "sum"])
def test_a_loss_on_the_first_day_is_a_drawdown_from_the_start(mode):
    falls = evaluate.drawdown(pd.Series([-0.1, 0.05, 0.2, -0.05], DAYS), mode)
    assert falls.iloc[0] == pytest.approx(-0.1)
    assert falls.iloc[2] == 0.0
    assert falls.iloc[3] == pytest.approx(-0.05)


def test_missing_days_are_left_out_and_none_at_all_is_nan():
    gappy = pd.Series([np.nan, 0.01, np.nan, 0.03], DAYS)
    dense = pd.Series([0.01, 0.03], DAYS[:2])
    pd.testing.assert_series_equal(evaluate.performance(gappy), evaluate.performance(dense))
    empty = evaluate.performance(pd.Series([np.nan], DAYS[:1]))
    assert empty["days"] == 0
    assert empty.drop("days").isna().all()


def test_a_level_that_never_moves_has_no_ratio():
    found = evaluate.performance(pd.Series(0.0, DAYS))
    assert found["annual"] == 0.0
    assert np.isnan(found["ratio"])


def test_cumulative_of_a_frame_keeps_its_columns():
    frame = pd.DataFrame({"a": [0.1, 0.1], "b": [np.nan, 0.2]}, DAYS[:2])
    np.testing.assert_allclose(evaluate.cumulative(frame), [[0.1, 0.0], [0.21, 0.2]])
    np.testing.assert_allclose(evaluate.cumulative(frame, "sum"), [[0.1, 0.0], [0.2, 0.2]])


def test_a_series_that_does_not_move_has_no_ratio():
    flat = pd.Series([0.1] * 7)  # its standard deviation is 1.5e-17, not 0
    assert flat.std(ddof=1) > 0
    assert np.isnan(evaluate.performance(flat)["ratio"])
    assert np.isnan(evaluate.summary(flat)["icir"])
