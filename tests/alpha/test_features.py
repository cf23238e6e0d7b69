"""Feature sets by hand, what they may see, and the cube that carries them."""

import numpy as np
import pandas as pd
import pytest

from alpha import labels
from alpha.features import (
    ALPHA101,
    ALPHA158,
    ALPHA158_20,
    ALPHA158_30,
    FeatureCube,
    FeatureSet,
    ic_table,
)
from alpha.features.alpha158 import FORMULAS, alpha158
from market import DataError
from tests.alpha.worlds import bars_market, random_market


def test_the_two_sets_have_the_documented_columns():
    assert len(ALPHA158_20) == 20
    assert len(ALPHA158_30) == 30
    assert ALPHA158_30.names[:20] == ALPHA158_20.names
    assert ALPHA158_20.names[:3] == ("RESI5", "WVMA5", "RSQR5")


def test_the_names_of_alpha158_are_the_published_ones_in_their_order():
    names = ALPHA158.names
    assert len(names) == 158
    assert names[:14] == (
        "KMID", "KLEN", "KMID2", "KUP", "KUP2", "KLOW", "KLOW2", "KSFT", "KSFT2",
        "OPEN0", "HIGH0", "LOW0", "VWAP0", "ROC5",
    )  # fmt: skip
    assert names[-5:] == ("VSUMD5", "VSUMD10", "VSUMD20", "VSUMD30", "VSUMD60")
    assert [n for n in names if n.endswith("20") and n[0] == "I"] == ["IMAX20", "IMIN20", "IMXD20"]


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


@pytest.mark.parametrize("features", [ALPHA158, ALPHA101], ids=lambda f: f.name)
def test_features_at_t_do_not_change_when_the_future_does(features):
    market = random_market(330, 21, seed=2)
    t = 300
    whole = features.compute(market)
    np.testing.assert_array_equal(whole[: t + 1], features.compute(market.until(market.dates[t])))
    other = {
        name: np.where(np.arange(330)[:, None] > t, 3 * market.values(name), market.values(name))
        for name in ("open", "high", "low", "close", "volume")
    }
    np.testing.assert_array_equal(
        whole[: t + 1], features.compute(market.with_fields(other))[: t + 1]
    )


@pytest.mark.parametrize("features", [ALPHA158, ALPHA101], ids=lambda f: f.name)
def test_the_blocks_of_the_computation_do_not_show(monkeypatch, features):
    market = random_market(330, 21, seed=2)
    whole = features.compute(market)
    monkeypatch.setattr("alpha.features.sweep.ROWS", 37)
    np.testing.assert_array_equal(whole, features.compute(market))


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


def test_functions_and_texts_stand_in_one_set(toy):
    mixed = FeatureSet("mixed", {"A": "close / open", "B": lambda b: b.close / b.open, "C": "high"})
    cube = mixed.compute(toy)
    np.testing.assert_allclose(cube[..., 0], cube[..., 1], rtol=1e-6)
    traded = ~np.isnan(toy.values("close"))
    np.testing.assert_array_equal(cube[..., 2][traded], toy.adjusted("high").to_numpy()[traded])


def test_every_field_of_the_market_can_stand_in_a_formula(toy):
    with pytest.raises(DataError, match="field 'turnover' is missing"):
        FeatureSet("mine", {"T": "mean(turnover, 5)"}).compute(toy)
    amount = FeatureSet("mine", {"A": "amount"}).compute(toy)[..., 0]
    traded = ~np.isnan(toy.values("close"))
    np.testing.assert_array_equal(amount[traded], toy.values("amount")[traded])
    assert np.isnan(amount[~traded]).all()


def test_a_constant_stock_has_no_correlation_and_no_infinite_ratio():
    market = bars_market(np.full((80, 2), 10.01))
    cube = ALPHA158.cube(market)
    last = dict(zip(cube.names, cube.values[-1, 0], strict=True))
    for d in (5, 60):
        assert last[f"STD{d}"] == 0.0
        assert last[f"VSTD{d}"] == 0.0
        assert last[f"BETA{d}"] == 0.0
        assert last[f"SUMP{d}"] == 0.0
        assert last[f"RANK{d}"] == pytest.approx((d + 1) / (2 * d))
        assert last[f"IMAX{d}"] == pytest.approx(1 / d)  # the oldest of equals
        assert np.isnan([last[f"RSQR{d}"], last[f"CORR{d}"], last[f"CORD{d}"]]).all()
    assert last["RSV5"] == last["KMID2"] == 0.0


def test_a_cube_can_be_computed_straight_to_disk(tmp_path, toy):
    kept = ALPHA158_20.cube(toy, folder=tmp_path / "cube")
    assert isinstance(kept.values, np.memmap)
    again = FeatureCube.load(tmp_path / "cube")
    np.testing.assert_array_equal(again.values, ALPHA158_20.compute(toy))
    with pytest.raises(ValueError, match=r"out has shape \(2, 2, 2\), needs \(700, 30, 20\)"):
        ALPHA158_20.compute(toy, out=np.empty((2, 2, 2), np.float32))


def test_a_planted_feature_leads_its_ic_table():
    market = random_market(300, 30, reversal=0.6)
    mine = FeatureSet("mine", {"BACK": "lag(close, 1) / close", "SIZE": "log(volume)"})
    table = ic_table(mine, market, labels.Label("next", 2, price="close"), every=2)
    assert list(table.index) == ["BACK", "SIZE"]
    # a move is followed by its reversal, and that, since the deal is tomorrow's, by the reversal's echo
    assert abs(table.loc["SIZE", "rank_ic"]) < 0.05
    assert table.loc["BACK", "days"] > 100
    assert table.loc["BACK", "rank_ic"] < -0.1
    assert 0.9 < table.loc["BACK", "coverage"] < 1.0
    half = ic_table(mine.cube(market), market, labels.vwap_1, index="half")
    assert half.loc["BACK", "coverage"] == pytest.approx(table.loc["BACK", "coverage"], abs=0.02)


def test_a_column_of_a_cube_is_a_frame(toy):
    cube = ALPHA158_20.cube(toy)
    frame = cube.column("KLEN")
    assert frame.shape == (700, 30)
    np.testing.assert_array_equal(frame.to_numpy(), cube.values[..., 3])
    with pytest.raises(ValueError, match="no column 'RESI7'"):
        cube.column("RESI7")


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
