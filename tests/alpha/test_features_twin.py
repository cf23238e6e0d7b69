"""All of Alpha158 against a slow float64 version: one pandas expression a column, one window at a time."""

import warnings

import numpy as np
import pandas as pd
import pytest

from alpha.features import ALPHA158, Bars
from tests.alpha.worlds import random_market

EPS = 1e-12


def by_window(function, d, x, *others):
    """``function`` of the valid values of each window of ``d`` sessions, column by column."""
    columns = [c.to_numpy(np.float64) for c in (x, *others)]
    out = np.full(x.shape, np.nan)
    for t in range(len(x)):
        for j in range(x.shape[1]):
            out[t, j] = function(*[c[max(t - d + 1, 0) : t + 1, j] for c in columns])
    return pd.DataFrame(out, x.index, x.columns)


def valid(values):
    return values[~np.isnan(values)]


def mean(v):
    return valid(v).mean() if len(valid(v)) else np.nan


def std(v):
    v = valid(v)
    return np.nan if len(v) < 2 else (0.0 if np.ptp(v) == 0 else v.std(ddof=1))


def line(values):
    """Slope, R squared and residual of today, of the line through the valid days."""
    there = ~np.isnan(values)
    x, y = np.arange(len(values))[there] - len(values), values[there]
    if len(y) < 2:
        return np.nan, np.nan, np.nan
    slope, level = np.polyfit(x, y, 1)
    residual = y - level - slope * x
    spread = ((y - y.mean()) ** 2).sum()
    share = np.nan if np.ptp(y) == 0 else 1 - (residual**2).sum() / spread
    return slope, share, residual[-1] if there[-1] else np.nan


def correlation(a, b):
    both = ~np.isnan(a) & ~np.isnan(b)
    a, b = a[both], b[both]
    return np.nan if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0 else np.corrcoef(a, b)[0, 1]


def place(pick, d):
    """1 for the oldest of ``d`` days; those before the first session are there, and missing."""

    def found(values):
        short = d - len(values)
        return np.nan if np.isnan(values).all() else pick(values) + 1.0 + short

    return found


def rank(values):
    return pd.Series(values).rank(pct=True).iloc[-1]


def quantile(share):
    return lambda v: np.quantile(valid(v), share) if len(valid(v)) else np.nan


def positive(x):
    return x.where(~(x < 0), 0.0)


CANDLE = {
    "KMID": lambda o, h, b, c, w: (c - o) / o,
    "KLEN": lambda o, h, b, c, w: (h - b) / o,
    "KMID2": lambda o, h, b, c, w: (c - o) / (h - b + EPS),
    "KUP": lambda o, h, b, c, w: (h - np.maximum(o, c)) / o,
    "KUP2": lambda o, h, b, c, w: (h - np.maximum(o, c)) / (h - b + EPS),
    "KLOW": lambda o, h, b, c, w: (np.minimum(o, c) - b) / o,
    "KLOW2": lambda o, h, b, c, w: (np.minimum(o, c) - b) / (h - b + EPS),
    "KSFT": lambda o, h, b, c, w: (2 * c - h - b) / o,
    "KSFT2": lambda o, h, b, c, w: (2 * c - h - b) / (h - b + EPS),
    "OPEN0": lambda o, h, b, c, w: o / c,
    "HIGH0": lambda o, h, b, c, w: h / c,
    "LOW0": lambda o, h, b, c, w: b / c,
    "VWAP0": lambda o, h, b, c, w: w / c,
}


def moves(x, d):
    """Shares of what rose, fell, and both in the way covered, from the sums over each window."""
    change = x - x.shift(1)
    up = by_window(np.nansum, d, positive(change))
    down = by_window(np.nansum, d, positive(-change))
    way = by_window(np.nansum, d, change.abs()) + EPS
    none = by_window(lambda v: float(np.isnan(v).all()), d, change) > 0
    return [(part / way).mask(none) for part in (up, down, up - down)]


def of_close(d, c, h, low):
    """Columns of one window that read prices only."""
    lines = [by_window(lambda v, k=k: line(v)[k], d, c) for k in range(3)]
    top, bottom = by_window(np.nanmax, d, h), by_window(np.nanmin, d, low)
    at_top, at_bottom = (
        by_window(place(np.nanargmax, d), d, h),
        by_window(place(np.nanargmin, d), d, low),
    )
    change = c - c.shift(1)
    up, down = (
        by_window(mean, d, side.astype(float).where(change.notna()))
        for side in (change > 0, change < 0)
    )
    sums = moves(c, d)
    return {
        "ROC": c.shift(d) / c, "MA": by_window(mean, d, c) / c, "STD": by_window(std, d, c) / c,
        "BETA": lines[0] / c, "RSQR": lines[1], "RESI": lines[2] / c, "MAX": top / c,
        "MIN": bottom / c, "QTLU": by_window(quantile(0.8), d, c) / c,
        "QTLD": by_window(quantile(0.2), d, c) / c, "RANK": by_window(rank, d, c),
        "RSV": (c - bottom) / (top - bottom + EPS), "IMAX": at_top / d, "IMIN": at_bottom / d,
        "IMXD": (at_top - at_bottom) / d, "CNTP": up, "CNTN": down, "CNTD": up - down,
        "SUMP": sums[0], "SUMN": sums[1], "SUMD": sums[2],
    }  # fmt: skip


def of_volume(d, c, v):
    """Columns of one window that read volume."""
    ratio = c / c.shift(1)
    turned = (ratio - 1).abs() * v
    sums = moves(v, d)
    return {
        "CORR": by_window(correlation, d, c, np.log(v + 1)),
        "CORD": by_window(correlation, d, ratio, np.log(v / v.shift(1) + 1)),
        "VMA": by_window(mean, d, v) / (v + EPS), "VSTD": by_window(std, d, v) / (v + EPS),
        "WVMA": by_window(std, d, turned) / (by_window(mean, d, turned) + EPS),
        "VSUMP": sums[0], "VSUMN": sums[1], "VSUMD": sums[2],
    }  # fmt: skip


@pytest.fixture(scope="module")
def both():
    """Columns found and expected of 75 sessions of three stocks, one quiet and one suspended often."""
    market = random_market(75, 3, seed=5)
    off = np.array(market.values("close"))
    off[20:31, 0] = np.nan  # longer than two of the windows
    market = market.with_fields({"close": off})
    bars = Bars.of(market)
    names = ("open", "high", "low", "close", "volume", "vwap")
    o, h, low, c, v, w = (pd.DataFrame(getattr(bars, n).astype(np.float64)) for n in names)
    with warnings.catch_warnings(action="ignore"):  # numpy speaks of empty windows
        expected = {name: f(o, h, low, c, w) for name, f in CANDLE.items()}
        for d in (5, 10, 20, 30, 60):
            columns = of_close(d, c, h, low) | of_volume(d, c, v)
            expected |= {f"{name}{d}": frame for name, frame in columns.items()}
    return ALPHA158.cube(market), {name: frame.to_numpy() for name, frame in expected.items()}


@pytest.mark.parametrize("name", ALPHA158.names)
def test_a_column_equals_its_slow_version_in_double_precision(both, name):
    cube, expected = both
    found, wanted = cube.column(name).to_numpy(np.float64), expected[name]
    # a line through two points has no residual; which rounding is left of it is nobody's concern
    size = np.maximum(np.abs(wanted), np.nanmean(np.abs(wanted)))
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
    assert np.nanmax(np.abs(found - wanted) / size) < 1e-6
    assert np.isfinite(wanted).sum() > 10  # ROC60 has 15 sessions of three stocks


def test_the_twin_knows_every_column(both):
    assert set(both[1]) == set(ALPHA158.names)
    assert len(ALPHA158) == 158
