"""Windows of bars: scaled when a day is read, and models that train on them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import alpha
from alpha.features import BarTensor, PriceWindows
from alpha.windows import ScaledWindows
from tests.alpha.worlds import random_market

SPLITS = alpha.WalkForward(
    train="1y", valid="6m", test="3m", min_train="6m", start="2016-07-01", end="2016-09-30"
)
COMMON = {
    "label": alpha.labels.vwap_1,
    "splits": SPLITS,
    "config": alpha.TrainConfig(epochs=1, every=6, learning_rate=5e-3),
}


@pytest.fixture(scope="module")
def toy():
    return random_market(500, 24)


def half_hours(market):
    """Four bars a day whose last close is the market's close; suspended days have no bars."""
    close = market.adjusted("close").stack().rename("close").reset_index()
    parts = []
    for bar in range(4):
        moved = close.assign(time=close["date"] + pd.Timedelta(hours=11 + bar), volume=10.0 + bar)
        moved["close"] *= 1 + 0.001 * (bar - 3)
        parts.append(moved.drop(columns="date"))
    return pd.concat(parts)


def test_every_step_and_field_is_scaled_by_its_own_median(toy):
    view = PriceWindows(steps=5).of(toy)
    rows = np.arange(100, 140)
    present = view.known()
    windows = ScaledWindows.of(view, np.arange(24), rows, present)
    raw = np.concatenate([view.raw(t, np.flatnonzero(present[t])) for t in rows], axis=1)
    middle = np.nanmedian(raw, axis=1)
    spread = 1.4826 * np.nanmedian(np.abs(raw - middle[:, None]), axis=1)
    spread[spread == 0] = 1.0  # today's close over today's close
    expected = np.clip((view.raw(200) - middle[:, None]) / spread[:, None], -3, 3)
    found = windows.window(200)
    np.testing.assert_allclose(found, np.nan_to_num(expected, nan=0.0), rtol=1e-4, atol=1e-5)
    assert (found[-1, :, 0] == 0).all()
    np.testing.assert_array_equal(windows.window(200, np.array([3, 7])), found[:, [3, 7]])
    assert (windows.first, windows.steps, windows.features) == (4, 5, 6)


def test_medians_of_long_periods_come_from_a_sample_of_days(toy):
    view = PriceWindows(steps=3).of(toy)
    seen = []

    class Watched(type(view)):
        def raw(self, row, columns=None):
            seen.append(row)
            return super().raw(row, columns)

    watched = Watched(view.shape, view.dates, view.stocks, view.panel, view.today)
    ScaledWindows.of(watched, np.arange(24), np.arange(100, 400), view.known())
    assert seen == list(range(100, 400, 7))


def test_a_bar_tensor_lies_flat_with_the_fields_of_a_bar_side_by_side(toy):
    tensor = BarTensor.weekly(toy, steps=4)
    flat, cube = tensor.raw(100), tensor.at(toy.dates[100])
    assert flat.shape == (4, 24, 30)
    np.testing.assert_array_equal(flat[2, 7, 3 * 6 + 4], cube[7, 2, 3, 4])
    assert tensor.names[3 * 6 + 4] == "vwap4"
    assert tensor.sessions == 20


@pytest.mark.parametrize(
    "features",
    [PriceWindows(steps=6), lambda m: BarTensor.weekly(m, steps=6), lambda m: BarTensor.from_frame(half_hours(m), steps=6)],
    ids=["prices", "weeks", "half-hours"],
)  # fmt: skip
def test_a_model_trains_on_bars_and_scores_who_traded(toy, features):
    source = features if isinstance(features, PriceWindows) else features(toy)
    found = alpha.fit(alpha.GRU(hidden=4, steps=6), toy, "half", features=source, **COMMON)
    scores = found.scores()
    first, last = toy.dates.searchsorted(scores.index[[0, -1]])
    there = toy.index("half").member & ~np.isnan(toy.values("close"))
    np.testing.assert_array_equal(scores.notna().to_numpy(), there[first : last + 1])


def test_scores_from_bars_do_not_change_when_the_future_does(toy):
    t = int(toy.dates.searchsorted(pd.Timestamp("2016-08-15")))
    later = np.arange(500)[:, None] > t
    wild = {n: np.where(later, 3 * toy.values(n), toy.values(n)) for n in ("close", "volume")}
    model = alpha.GRU(hidden=4, steps=6)
    runs = [
        alpha.fit(model, m, "half", features=BarTensor.daily(m, 6), **COMMON).scores()
        for m in (toy, toy.with_fields(wild))
    ]
    day = toy.dates[t]
    pd.testing.assert_frame_equal(runs[0].loc[:day], runs[1].loc[:day], check_exact=True)
    assert not runs[0].loc[day:].iloc[1:].equals(runs[1].loc[day:].iloc[1:])


@dataclass(frozen=True)
class Deep(alpha.LightGBM):
    steps: int = 6


def test_trees_read_the_whole_window_of_bars(toy):
    trees = Deep(rounds=5, l1=0, l2=1)
    found = alpha.fit(trees, toy, None, features=PriceWindows(steps=6), **COMMON)
    assert found.scores().notna().any(axis=None)


def test_a_model_of_other_steps_is_told_the_right_ones(toy):
    with pytest.raises(ValueError, match=r"reads 20 steps .* windows of 60; use .* steps=60"):
        alpha.fit(alpha.GRU(), toy, "half", features=alpha.ALPHA360, **COMMON)
    tensor = BarTensor.weekly(toy, steps=4)
    with pytest.raises(ValueError, match=r"reads 5 steps .* windows of 4; use .* steps=4"):
        alpha.fit(alpha.GRU(steps=5), toy, "half", features=tensor, **COMMON)


def test_bars_of_other_sessions_or_stocks_are_refused(toy):
    frame = half_hours(toy)
    short = BarTensor.from_frame(frame[frame["time"] < "2016-01-01"], steps=6)
    model = alpha.GRU(hidden=4, steps=6)
    with pytest.raises(ValueError, match=r"bar tensor covers 2015-01-01 to 2015-12-31 .* sessions"):
        alpha.fit(model, toy, "half", features=short, **COMMON)
    few = BarTensor.daily(toy.select(toy.stocks[2:]), steps=6)
    with pytest.raises(
        ValueError, match="2 of 12 stocks of the universe are not in the bar tensor"
    ):
        alpha.fit(model, toy, "half", features=few, **COMMON)


def test_bars_may_begin_late_when_the_market_is_cut_to_them(toy):
    frame = half_hours(toy)
    late = BarTensor.from_frame(frame[frame["time"] >= "2015-03-02"], steps=6)
    cut = toy.between("2015-03-02", toy.dates[-1])
    found = alpha.fit(alpha.GRU(hidden=4, steps=6), cut, "half", features=late, **COMMON)
    assert found.scores().notna().any(axis=None)
