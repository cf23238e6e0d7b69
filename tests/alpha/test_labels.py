"""Labels by hand: entry tomorrow, exit at the horizon, suspensions, splits and delistings."""

import numpy as np
import pandas as pd
import pytest

from alpha.labels import Label, fwd10, vwap_1, week
from tests.alpha.worlds import bars_market

NAN = np.nan


def column(market, label):
    return label.values(market).iloc[:, 0].to_numpy()


def test_vwap_1_buys_tomorrow_and_sells_the_day_after():
    market = bars_market(np.array([[10.0], [11.0], [12.1], [12.1]]))
    np.testing.assert_allclose(column(market, vwap_1), [0.1, 0.0, NAN, NAN], atol=1e-6)


def test_the_deal_price_is_the_average_price_where_there_is_one():
    prices = np.array([[10.0], [11.0], [12.0]])
    vwap = np.array([[10.0], [10.0], [15.0]], np.float32)
    assert column(bars_market(prices, vwap=vwap), vwap_1)[0] == pytest.approx(0.5)
    close = Label("close", 2, price="close")
    assert column(bars_market(prices, vwap=vwap), close)[0] == pytest.approx(12 / 11 - 1)


def test_horizons_are_properties_of_the_named_labels():
    prices = np.arange(10.0, 30.0)[:, None]
    market = bars_market(prices)
    assert (vwap_1.horizon, week.horizon, fwd10.horizon) == (2, 6, 11)
    assert column(market, week)[0] == pytest.approx(16 / 11 - 1)
    assert column(market, fwd10)[0] == pytest.approx(21 / 11 - 1)
    for label in (vwap_1, week, fwd10):
        values = column(market, label)
        assert np.isnan(values[-label.horizon :]).all()
        assert np.isfinite(values[: -label.horizon]).all()


def test_no_label_when_the_entry_day_is_suspended_and_a_carried_exit_when_the_exit_is():
    prices = np.array([[10.0], [NAN], [12.0], [NAN], [15.0]])
    # t0: tomorrow suspended. t1: in at 12, out on a suspended day at the carried 12. t2: no entry.
    np.testing.assert_allclose(
        column(bars_market(prices), vwap_1), [NAN, 0.0, NAN, NAN, NAN], atol=1e-7
    )


def test_the_exit_is_carried_past_the_last_bar_of_a_delisted_stock():
    prices = np.array([[10.0], [10.0], [8.0], [NAN], [NAN]])
    three = Label("three", 3)
    # t0: in at 10, out after the last bar at 8. t1: in at 8 and stuck at 8
    np.testing.assert_allclose(column(bars_market(prices), three)[:2], [-0.2, 0.0], atol=1e-7)
    assert column(bars_market(prices[:4]), vwap_1)[1] == pytest.approx(0.0)


def test_a_split_between_entry_and_exit_is_no_return():
    prices = np.array([[10.0], [10.0], [5.0]])
    factor = np.array([[1.0], [1.0], [2.0]], np.float32)
    assert column(bars_market(prices, factor=factor), vwap_1)[0] == pytest.approx(0.0)


def test_the_frame_carries_the_markets_labels(toy):
    values = week.values(toy)
    pd.testing.assert_index_equal(values.index, toy.dates)
    pd.testing.assert_index_equal(values.columns, toy.stocks)


def test_a_market_shorter_than_the_horizon_has_no_labels():
    assert np.isnan(column(bars_market(np.full((3, 1), 9.0)), fwd10)).all()


def test_an_entry_that_is_not_before_the_exit_is_refused():
    with pytest.raises(ValueError, match="entry 2 and horizon 2 must satisfy 0 < entry < horizon"):
        Label("none", 2, entry=2)
    with pytest.raises(ValueError, match="entry 0"):
        Label("today", 2, entry=0)
