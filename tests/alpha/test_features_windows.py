"""Price windows (Alpha360) and bar tensors: layout, units, and what they may see."""

import numpy as np
import pandas as pd
import pytest

from alpha.features import ALPHA360, BarTensor, PriceWindows
from tests.alpha.worlds import bars_market, random_market


def test_the_layout_is_field_by_field_oldest_first():
    """A value of 1000 * field + age would betray any scramble of the axes."""
    days = np.arange(70.0)[:, None] * np.ones((1, 2))
    fields = {
        name: (1000.0 * k + 500 - days).astype(np.float32)  # age grows backwards
        for k, name in enumerate(("close", "open", "high", "low", "vwap", "volume"), start=1)
    }
    market = bars_market(np.ones((70, 2)), **fields)
    view = ALPHA360.of(market)
    columns, window = view.columns(market.dates[-1]), view.window(market.dates[-1])
    assert window.shape == (2, 60, 6)
    assert columns.shape == (2, 360)
    today = 500 - 69
    for name in ("CLOSE59", "OPEN0", "VWAP17", "VOLUME3"):
        head, age = name.rstrip("0123456789"), int(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        k = 1 + ("CLOSE", "OPEN", "HIGH", "LOW", "VWAP", "VOLUME").index(head)
        unit = 6000 + today if head == "VOLUME" else 1000 + today
        expected = (1000 * k + today + age) / unit
        assert columns[1, ALPHA360.names.index(name)] == pytest.approx(expected, rel=1e-6)
        assert window[1, 59 - age, k - 1] == pytest.approx(expected, rel=1e-6)
    assert (window[:, -1, 0] == 1).all()
    assert (window[:, -1, 5] == 1).all()


def test_a_window_begins_with_what_there_is_and_ends_today():
    market = random_market(90, 5)
    view = PriceWindows(steps=20).of(market)
    early = view.window(market.dates[4])
    assert np.isnan(early[:, :15]).all()
    t = market.dates[50]
    np.testing.assert_array_equal(
        view.window(t), PriceWindows(steps=20).of(market.until(t)).window(t)
    )
    with pytest.raises(ValueError, match="2014-12-31 is not a session; they run 2015-01-01"):
        view.window("2014-12-31")


def test_a_stock_that_does_not_trade_today_has_no_window():
    price = np.full((30, 2), 10.0)
    price[-1, 0] = price[20, 1] = np.nan
    market = bars_market(price)
    window = PriceWindows(steps=20).of(market).window(market.dates[-1])
    assert np.isnan(window[0]).all()
    assert np.isnan(window[1, 10]).all()
    assert np.isfinite(np.delete(window[1], 10, axis=0)).all()


def test_weeks_are_counted_backwards_from_the_day():
    price = np.arange(1.0, 31.0)[:, None] * np.ones((1, 3))
    market = bars_market(price)
    week = BarTensor.weekly(market, steps=4).at(
        market.dates[-2]
    )  # a day that ends no calendar block
    assert week.shape == (3, 4, 5, 6)
    np.testing.assert_allclose(week[0, :, :, 3].ravel(), np.arange(10, 30) / 29, rtol=1e-6)
    np.testing.assert_allclose(week[..., 5], 1.0)  # volume over its mean
    day = BarTensor.daily(market, steps=20).at(market.dates[-2])
    np.testing.assert_array_equal(day.reshape(3, 20, 6), week.reshape(3, 20, 6))


def test_a_bar_tensor_sees_nothing_after_its_day():
    market = random_market(80, 6)
    t = market.dates[60]
    for make in (BarTensor.daily, BarTensor.weekly):
        np.testing.assert_array_equal(make(market, 10).at(t), make(market.until(t), 10).at(t))
    short = BarTensor.weekly(market, 10).at(market.dates[11])
    assert np.isnan(short[:, :7]).all()
    assert np.isfinite(short[:, 8:]).any()


def half_hours(days=6, drop=()):
    """Eight bars a day of two stocks; the close is 100 * day + bar, from 1 on."""
    rows = []
    for day, date in enumerate(pd.bdate_range("2024-01-01", periods=days), start=1):
        for bar in range(1, 9):
            for stock, scale in (("SH600000", 1.0), ("SZ000001", 3.0)):
                if (day, bar, stock) not in drop:
                    time = date + pd.Timedelta(hours=10, minutes=30 * bar)
                    close = scale * (100 * day + bar)
                    rows.append((time, stock, close, close - 0.5, 10.0 * bar))
    return pd.DataFrame(rows, columns=["time", "stock", "close", "open", "volume"])


def test_half_hour_bars_make_a_matrix_a_day():
    tensor = BarTensor.from_frame(half_hours(drop={(6, 3, "SZ000001")}), steps=4)
    found = tensor.at("2024-01-08")
    assert found.shape == (2, 4, 8, 3)
    np.testing.assert_allclose(found[0, :, 0, 0], np.array([301, 401, 501, 601]) / 608, rtol=1e-6)
    np.testing.assert_allclose(found[0, -1, :, 2], np.arange(1, 9) / 4.5, rtol=1e-6)
    assert np.isnan(found[1, 3, 2]).all()
    np.testing.assert_allclose(found[1, 3, 3, 0], 604 / 608, rtol=1e-6)


def test_bars_that_cannot_be_laid_out_are_refused():
    frame = half_hours()
    with pytest.raises(ValueError, match=r"1 rows come twice, first \[Timestamp"):
        BarTensor.from_frame(pd.concat([frame, frame.iloc[:1]]))
    with pytest.raises(ValueError, match=r"no columns \['vwap'\]"):
        BarTensor.from_frame(frame, fields=["close", "vwap"])
    with pytest.raises(ValueError, match="need close"):
        BarTensor.from_frame(frame, fields=["open", "volume"])
    with pytest.raises(ValueError, match="2024-02-01 is not a session; bars run 2024-01-01"):
        BarTensor.from_frame(frame).at("2024-02-01")
    whole = BarTensor.from_frame(frame)
    with pytest.raises(ValueError, match="values have shape"):
        BarTensor(whole.values[:2], whole.dates, whole.stocks, whole.fields, 3)
