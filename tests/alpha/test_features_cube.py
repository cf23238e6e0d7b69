"""Cubes put together by hand: from frames, and one beside the other."""

import numpy as np
import pandas as pd
import pytest

import alpha
from alpha.features import BarTensor, FeatureCube, PriceWindows
from market import DataError
from tests.alpha.worlds import random_market

DATES = pd.DatetimeIndex(pd.bdate_range("2020-01-01", periods=3), name="date")
STOCKS = pd.Index(["SH600000", "SH600001"], name="stock")


def frame(start):
    values = start + np.arange(6.0).reshape(3, 2)
    return pd.DataFrame(values, DATES, STOCKS)


def test_frames_become_columns_in_their_order():
    cube = FeatureCube.from_frames({"SIZE": frame(0), "BETA": frame(10)})
    assert cube.names == ("SIZE", "BETA")
    assert cube.values.dtype == np.float32
    np.testing.assert_array_equal(cube.values[1, 1], [3.0, 13.0])
    pd.testing.assert_frame_equal(cube.column("BETA"), frame(10).astype(np.float32))


def test_frames_of_other_dates_or_stocks_are_refused():
    with pytest.raises(
        ValueError, match="'B' has 2 dates and frame 'A' 3, 1 of them missing in 'B'"
    ):
        FeatureCube.from_frames({"A": frame(0), "B": frame(0).iloc[1:]})
    other = frame(0).rename(columns={"SH600001": "SZ000001"})
    with pytest.raises(ValueError, match="'B' has 2 stocks and frame 'A' 2, 1 of them missing"):
        FeatureCube.from_frames({"A": frame(0), "B": other})
    with pytest.raises(ValueError, match="no frames; give"):
        FeatureCube.from_frames({})


def test_a_joined_cube_has_the_stocks_of_the_first():
    left = FeatureCube.from_frames({"A": frame(0)})
    wider = frame(10)[["SH600001", "SH600000"]].assign(SZ000001=99.0)
    right = FeatureCube.from_frames({"B": wider.rename_axis(columns="stock")})
    both = left.join(right)
    assert both.names == ("A", "B")
    assert both.stocks.equals(STOCKS)
    pd.testing.assert_frame_equal(both.column("B"), frame(10).astype(np.float32))


def test_cubes_that_do_not_fit_are_not_joined():
    left = FeatureCube.from_frames({"A": frame(0)})
    with pytest.raises(ValueError, match=r"joining 2 dates \(2020-01-01 to 2020-01-02\) to 3"):
        left.join(FeatureCube.from_frames({"B": frame(0).iloc[:2]}))
    with pytest.raises(ValueError, match=r"lacks 1 of 2 stocks, first \['SH600001'\]"):
        left.join(FeatureCube.from_frames({"B": frame(0)[["SH600000"]]}))
    with pytest.raises(ValueError, match=r"both have columns \['A'\]"):
        left.join(left)


def test_a_stock_is_known_where_it_has_any_feature():
    values = np.full((2, 3, 2), np.nan, np.float32)
    values[0, 1, 1] = values[1, 2, 0] = 1.0
    cube = FeatureCube(values, DATES[:2], pd.Index(list("abc")), ("A", "B"))
    np.testing.assert_array_equal(cube.known(), [[False, True, False], [False, False, True]])


def test_a_cube_of_more_stocks_than_the_market_scores_those_of_the_market():
    """Stocks that the market does not have stay out, and move nothing."""
    wide = random_market(500, 30)
    narrow = wide.select(wide.stocks[3:])
    cube = alpha.ALPHA158_20.cube(wide)
    common = {
        "label": alpha.labels.vwap_1, "features": cube,
        "splits": alpha.WalkForward(
            train="1y", valid="6m", test="3m", min_train="6m", start="2016-07-01", end="2016-09-30"
        ),
    }  # fmt: skip
    trees = alpha.LightGBM(rounds=5, l1=0, l2=1)
    scores = alpha.fit(trees, narrow, **common).scores()
    pd.testing.assert_index_equal(scores.columns, narrow.stocks)
    own = {**common, "features": alpha.ALPHA158_20.cube(narrow)}
    pd.testing.assert_frame_equal(scores, alpha.fit(trees, narrow, **own).scores())


def test_unknown_fields_of_windows_are_named(toy):
    with pytest.raises(DataError, match="field 'turnover' is missing"):
        PriceWindows(fields=("close", "turnover")).of(toy)
    with pytest.raises(DataError, match="field 'turnover' is missing"):
        BarTensor.daily(toy, fields=("close", "turnover"))
