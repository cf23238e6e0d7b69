"""Alpha158 columns against plain pandas, and the cube that carries them."""

import numpy as np
import pandas as pd
import pytest

from alpha.features import ALPHA158_20, ALPHA158_30, Bars, FeatureCube, FeatureSet
from alpha.features.alpha158 import FORMULAS, alpha158
from market import DataError
from tests.alpha.worlds import bars_market, random_market

WINDOW = {"min_periods": 1}


def plain(name, o, h, low, c, v):
    """The formulas of the qlib handler in pandas, float64, one column frame per field."""
    if not name[-1].isdigit():
        return {
            "KMID": (c - o) / o,
            "KLEN": (h - low) / o,
            "KLOW": (np.minimum(o, c) - low) / o,
        }[name]
    head = name.rstrip("0123456789")
    d = int(name[len(head) :])
    change = c / c.shift(1)
    moved = (change - 1).abs() * v
    volume = np.log(v / v.shift(1) + 1)
    return {
        "ROC": lambda: c.shift(d) / c,
        "MA": lambda: c.rolling(d, **WINDOW).mean() / c,
        "STD": lambda: c.rolling(d, **WINDOW).std() / c,
        "RSQR": lambda: c.rolling(d, **WINDOW).apply(_r_squared, raw=True),
        "RESI": lambda: c.rolling(d, **WINDOW).apply(_last_residual, raw=True) / c,
        "RSV": lambda: (
            (c - low.rolling(d, **WINDOW).min())
            / (h.rolling(d, **WINDOW).max() - low.rolling(d, **WINDOW).min())
        ),
        "CORR": lambda: _corr(c, np.log(v + 1), d),
        "CORD": lambda: _corr(change, volume, d),
        "VMA": lambda: v.rolling(d, **WINDOW).mean() / v,
        "VSTD": lambda: v.rolling(d, **WINDOW).std() / v,
        "WVMA": lambda: moved.rolling(d, **WINDOW).std() / moved.rolling(d, **WINDOW).mean(),
    }[head]()


def _corr(x, y, d):
    both = x.notna() & y.notna()
    x, y = x.where(both), y.where(both)
    columns = [x[k].rolling(d, **WINDOW).corr(y[k]) for k in x.columns]
    return pd.concat(columns, axis=1, keys=x.columns)


def _line(values):
    position = np.arange(len(values))[~np.isnan(values)]
    valid = values[~np.isnan(values)]
    slope, level = np.polyfit(position, valid, 1) if len(valid) > 1 else (np.nan, np.nan)
    return valid, valid - level - slope * position


def _r_squared(values):
    valid, residual = _line(values)
    return 1 - (residual**2).sum() / ((valid - valid.mean()) ** 2).sum()


def _last_residual(values):
    return np.nan if np.isnan(values[-1]) else _line(values)[1][-1]


@pytest.fixture(scope="module")
def sample():
    market = random_market(90, 6, seed=5)
    bars = Bars.of(market)
    frames = [
        pd.DataFrame(getattr(bars, name).astype(np.float64))
        for name in ("open", "high", "low", "close", "volume")
    ]
    return market, frames


@pytest.mark.parametrize("name", ALPHA158_30.names)
def test_a_column_equals_its_formula_in_pandas(sample, name):
    market, frames = sample
    found = alpha158("one", name).compute(market)[..., 0]
    with np.errstate(all="ignore"):
        expected = plain(name, *frames).to_numpy()
    # from the third session on: shorter windows hold fewer points than the plain versions accept
    known = np.isfinite(expected[3:]) & np.isfinite(found[3:])
    assert known.mean() > (0.25 if name.startswith("ROC") else 0.8)
    np.testing.assert_allclose(found[3:][known], expected[3:][known], rtol=2e-4, atol=2e-5)


def test_the_two_sets_have_the_documented_columns():
    assert len(ALPHA158_20) == 20
    assert len(ALPHA158_30) == 30
    assert ALPHA158_30.names[:20] == ALPHA158_20.names
    assert ALPHA158_20.names[:3] == ("RESI5", "WVMA5", "RSQR5")


def test_one_day_by_hand():
    prices = np.array([[10.0], [10.0]])
    up = {"close": np.array([[10.0], [11.0]], np.float32)}
    up["high"] = np.array([[10.0], [12.0]], np.float32)
    up["low"] = np.array([[10.0], [9.0]], np.float32)
    market = bars_market(prices, **up)
    found = alpha158("candle", "KMID KLEN KUP KLOW KSFT").compute(market)[1, 0]
    np.testing.assert_allclose(found, [0.1, 0.3, 0.1, 0.1, 0.1], rtol=1e-6)


def test_a_day_without_volume_is_missing_and_never_a_ratio_of_a_trillion(toy):
    cube = ALPHA158_30.cube(toy)
    off = np.isnan(toy.values("close"))
    assert off.any()
    level = [cube.names.index(n) for n in ("VMA20", "VSTD5", "KLEN", "MA5")]
    assert np.isnan(cube.values[off][:, level]).all()
    assert np.nanmax(np.abs(cube.values)) < 1e4


def test_a_split_moves_no_feature():
    rng = np.random.default_rng(0)
    price = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (80, 2)), axis=0))
    volume = np.exp(rng.normal(12, 0.3, price.shape))
    factor = np.where(np.arange(80)[:, None] >= 40, 2.0, 1.0) * np.ones_like(price)
    whole = bars_market(price, volume=volume.astype(np.float32))
    # Two for one: the price halves and twice the shares trade
    split = {n: (price / factor).astype(np.float32) for n in ("open", "high", "low", "close")}
    split["volume"] = (volume * factor).astype(np.float32)
    split["factor"] = factor.astype(np.float32)
    halved = bars_market(price, **split)
    np.testing.assert_allclose(
        ALPHA158_30.compute(whole), ALPHA158_30.compute(halved), rtol=1e-4, atol=1e-5
    )


def test_features_at_t_do_not_change_when_the_future_does(toy):
    t = 400
    whole = ALPHA158_30.compute(toy)
    np.testing.assert_array_equal(whole[: t + 1], ALPHA158_30.compute(toy.until(toy.dates[t])))


def test_the_blocks_of_the_computation_do_not_show(monkeypatch, toy):
    whole = ALPHA158_20.compute(toy)
    monkeypatch.setattr("alpha.features.feature_set.BLOCK", 7)
    np.testing.assert_array_equal(whole, ALPHA158_20.compute(toy))


def test_a_window_of_all_stocks_is_one_block_of_memory(toy):
    cube = ALPHA158_20.compute(toy)
    assert cube.dtype == np.float32
    assert cube.flags.c_contiguous
    assert cube[100:120].flags.c_contiguous
    assert cube.shape == (700, 30, 20)


def test_adding_a_feature_is_one_line(toy):
    extra = FeatureSet("more", {**ALPHA158_20.formulas, "GAP": lambda b: b.open / b.close - 1})
    cube = extra.compute(toy)
    assert extra.names[-1] == "GAP"
    known = ~np.isnan(toy.values("close"))
    expected = toy.values("open")[known] / toy.values("close")[known] - 1
    np.testing.assert_allclose(cube[..., -1][known], expected, atol=1e-6)


def test_an_unknown_column_is_named():
    with pytest.raises(ValueError, match=r"no formula for \['RESI7'\]"):
        alpha158("mine", "RESI5 RESI7")
    assert "RESI5" in FORMULAS


def test_a_cube_survives_the_disk_and_its_labels_fit(tmp_path, toy):
    cube = ALPHA158_20.cube(toy)
    cube.save(tmp_path / "cube")
    again = FeatureCube.load(tmp_path / "cube")
    np.testing.assert_array_equal(cube.values, again.values)
    assert again.names == cube.names
    assert again.dates.equals(cube.dates)
    with pytest.raises(ValueError, match="labels name 700 dates, 30 stocks and 1 features"):
        FeatureCube(cube.values, cube.dates, cube.stocks, ("RESI5",))


def test_named_stocks_give_the_same_columns_as_all(toy):
    picked = toy.stocks[[3, 20, 7]]
    part = ALPHA158_20.cube(toy, picked)
    np.testing.assert_array_equal(part.values, ALPHA158_20.compute(toy)[:, [3, 20, 7]])
    with pytest.raises(DataError, match="not in this market"):
        ALPHA158_20.cube(toy, pd.Index(["SZ999999"]))
