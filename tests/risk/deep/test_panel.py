"""Windows of the inputs: by hand, causal, scaled by the training span alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from market import DataError
from risk.deep.panel import LAGS, WEEKS, Panel, Scaling, read_panel, styles_of


@pytest.fixture(scope="module")
def panel(small):
    return read_panel(("price_volume",), small, None)


def test_a_window_holds_logs_over_the_sixty_day_level(small, panel):
    row, column = 300, int(np.flatnonzero(np.isfinite(small.values("close")).all(axis=0))[0])
    window = panel.window(row, np.array([column]))
    assert window.shape == (20, 1, 5)
    close = np.log(small.values("adj_close")[:, column].astype(np.float64))
    level = close[row - 59 : row + 1].mean()
    np.testing.assert_allclose(window[:, 0, 3], close[[row - d for d in LAGS]] - level, atol=1e-5)
    high = small.adjusted("high").to_numpy()[row - LAGS[7], column]
    assert window[7, 0, 1] == pytest.approx(np.log(high) - level, abs=1e-5)
    volume = np.log(small.adjusted("volume").to_numpy()[:, column].astype(np.float64))
    assert window[-1, 0, 4] == pytest.approx(
        volume[row] - volume[row - 59 : row + 1].mean(), abs=1e-5
    )


def test_a_suspended_stock_keeps_its_price_and_has_no_volume(small, panel):
    rows, columns = np.nonzero(small.values("suspended")[300:])
    row, column = int(rows[0]) + 300, int(columns[0])
    last = panel.window(row, np.array([column]))[-1, 0]
    assert np.isnan(last[4])
    assert np.ptp(last[:4]) == 0.0


def test_prices_after_a_date_do_not_reach_its_window(small, panel):
    cut = read_panel(("price_volume",), small.until(small.dates[300]), None)
    everyone = np.arange(len(small.stocks))
    np.testing.assert_array_equal(cut.window(300, everyone), panel.window(300, everyone))


def test_scaling_takes_median_and_deviation_of_its_rows_alone(small, panel):
    universe = np.ones(small.values("close").shape, dtype=bool)
    rows = np.arange(240, 260)
    scaling = Scaling.learn(panel, rows, universe, every=1)
    everyone = np.arange(universe.shape[1])
    pooled = np.concatenate([panel.window(t, everyone) for t in rows], axis=1)
    scaled = scaling(pooled)
    known = np.isfinite(pooled)
    np.testing.assert_allclose(np.median(scaled[2, known[2, :, 1], 1]), 0.0, atol=1e-6)
    assert np.abs(scaled).max() <= 3.0
    assert (scaled[~known] == 0.0).all()
    source = panel.sources[0]
    values = source.values.copy()
    values[:, 260:] *= 7.0
    again = Scaling.learn(Panel((replace(source, values=values),)), rows, universe, every=1)
    np.testing.assert_array_equal(scaling.deviation, again.deviation)


def test_styles_are_read_weekly_and_carried_over_gaps(small):
    values = np.cumsum(np.ones((len(small.dates), len(small.stocks))), axis=0)
    values[200] = np.nan
    frame = pd.DataFrame(values, small.dates, small.stocks)
    panel = Panel((styles_of({"a": frame, "b": 2.0 * frame}, small),))
    window = panel.window(205, np.array([0, 3]))
    assert panel.first == WEEKS[0]
    assert window.shape == (20, 2, 2)
    np.testing.assert_array_equal(
        window[-3:, 0, 0], [196.0, 200.0, 206.0]
    )  # row 200 carried from 199
    np.testing.assert_array_equal(window[..., 1], 2.0 * window[..., 0])


def test_windows_begin_when_every_style_has_begun(small):
    frame = pd.DataFrame(1.0, small.dates, small.stocks)
    late = frame.copy()
    late.iloc[:130] = np.nan
    panel = Panel((styles_of({"a": frame, "late": late}, small),))
    assert panel.first == 130 + WEEKS[0]


def test_inputs_stand_side_by_side(small):
    frame = pd.DataFrame(1.0, small.dates, small.stocks)
    both = read_panel(("styles", "price_volume"), small, {"a": frame})
    assert both.names == ("a", "open", "high", "low", "close", "volume")
    assert both.first == 240
    assert both.window(250, np.arange(4)).shape == (20, 4, 6)


def test_empty_fields_and_styles_are_refused(small):
    blank = np.full(small.values("volume").shape, np.nan, np.float32)
    with pytest.raises(
        DataError, match="field volume is NaN for all 70 stocks on all 330 sessions"
    ):
        read_panel(("price_volume",), small.with_fields({"volume": blank}), None)
    with pytest.raises(DataError, match="need the exposures of a fitted history; there are none"):
        read_panel(("styles",), small, None)
    with pytest.raises(DataError, match="style value is NaN for all stocks and sessions"):
        styles_of({"value": pd.DataFrame(blank, small.dates, small.stocks)}, small)
    with pytest.raises(DataError, match="style value is a ndarray; give a frame"):
        styles_of({"value": blank}, small)


def test_an_input_unknown_or_constant_in_the_training_span_is_refused(small):
    frame = pd.DataFrame(np.nan, small.dates, small.stocks)
    frame.iloc[250:] = np.random.default_rng(0).standard_normal((80, len(small.stocks)))
    flat = pd.DataFrame(1.0, small.dates, small.stocks)
    universe = np.ones(frame.shape, dtype=bool)
    panel = Panel((styles_of({"late": frame}, small),))
    with pytest.raises(
        DataError, match="input late of the deep model is NaN for every stock at lag 0"
    ):
        Scaling.learn(panel, np.arange(200, 240), universe)
    with pytest.raises(DataError, match="input flat of the deep model is 1 for most stocks"):
        Scaling.learn(Panel((styles_of({"flat": flat}, small),)), np.arange(200, 240), universe)
