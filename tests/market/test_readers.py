"""Frames, folders and stores in; the same market out; wrong ones refused by name."""

import json

import numpy as np
import pandas as pd
import pytest

import market
from market import DataError


def long_bars() -> pd.DataFrame:
    rows = [
        ("2024-01-02", "600519.SH", 10.0, 100.0, "food"),
        ("2024-01-03", "600519.SH", 11.0, 0.0, "food"),
        ("2024-01-02", "000001.SZ", 5.0, 200.0, "bank"),
    ]
    frame = pd.DataFrame(rows, columns=["trade_date", "ts_code", "close", "vol", "industry"])
    return frame.assign(open=frame["close"], high=frame["close"], low=frame["close"])


NAMES = {"date": "trade_date", "stock": "ts_code", "volume": "vol"}


def test_a_long_table_becomes_a_grid_with_codes_normalised_and_words_coded():
    m = market.from_frames(long_bars(), NAMES)
    assert m.stocks.tolist() == ["SH600519", "SZ000001"]
    assert np.isnan(m.values("volume")[1, 0])  # zero volume is a day without a trade
    assert np.isnan(m.values("close")[1, 1])
    assert m.categories("industry") == ("bank", "food")
    assert m.values("industry")[0].tolist() == [1, 0]


def test_wrong_tables_are_refused_by_column_stock_and_date():
    with pytest.raises(DataError, match=r"\['volume'\] are missing"):
        market.from_frames(long_bars(), {k: v for k, v in NAMES.items() if k != "volume"})
    twice = pd.concat([long_bars(), long_bars().iloc[:1]])
    with pytest.raises(DataError, match="SH600519 on 2024-01-02"):
        market.from_frames(twice, NAMES)
    silent = long_bars()
    silent.loc[2, "close"] = np.nan
    with pytest.raises(DataError, match="SZ000001"):
        market.from_frames(silent, NAMES)
    weights = pd.DataFrame(
        {"date": "2024-01-02", "stock": ["SH600519", "SZ000001"], "weight": [0.5, 0.4]}
    )
    with pytest.raises(DataError, match=r"index mine sum to 0\.9000 on 2024-01-02"):
        market.from_frames(long_bars(), NAMES, weights={"mine": weights})


def test_weight_snapshots_make_an_index():
    weights = pd.DataFrame(
        {"date": "2024-01-02", "stock": ["600519.SH", "000001.SZ"], "weight": [0.6, 0.4]}
    )
    m = market.from_frames(long_bars(), NAMES, weights={"mine": weights})
    assert m.index("mine").weights_on("2024-01-02").to_dict() == pytest.approx(
        {"SH600519": 0.6, "SZ000001": 0.4}
    )


def test_save_and_open_give_the_same_market(world, tmp_path):
    again = market.open(world.save(tmp_path / "store"))
    assert again.dates.equals(world.dates)
    assert again.stocks.equals(world.stocks)
    assert set(again.fields) == set(world.fields)
    for name in world.fields:
        np.testing.assert_array_equal(again.values(name), world.values(name), err_msg=name)
        assert again.values(name).dtype == world.values(name).dtype
    pd.testing.assert_frame_equal(again.securities, world.securities, check_names=False)
    np.testing.assert_allclose(again.levels.to_numpy(), world.levels.to_numpy())
    assert again.categories("industry") == world.categories("industry")
    assert again.fingerprint() == world.fingerprint()


def test_saving_over_a_store_replaces_it_and_leaves_nothing_half_written(world, tmp_path):
    path = tmp_path / "store"
    world.save(path)
    world.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_a_save_that_fails_keeps_the_store_that_was_there(world, tmp_path, monkeypatch):
    path = world.save(tmp_path / "store")
    before = (path / "manifest.json").read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(OSError, match="No space left"):
        world.save(path)
    assert (path / "manifest.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_folders_that_are_not_a_store_are_refused(world, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        market.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="neither manifest"):
        market.open(tmp_path / "empty")
    with pytest.raises(DataError, match="is not a saved market"):
        world.save(tmp_path / "empty")
    path = world.save(tmp_path / "store")
    (path / "panel" / "high.parquet").unlink()
    with pytest.raises(DataError, match=r"panel/high\.parquet is missing"):
        market.open(path)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "format": "other/9"}))
    with pytest.raises(DataError, match="other/9"):
        market.open(path)


@pytest.mark.data
def test_the_qlib_store_and_the_parquet_layout_hold_the_same_prices(data_root):
    """Two exports of one source: 18 stocks in qlib's adjusted form, 66 in the unadjusted one."""
    wide = market.open(data_root("ashare_mini"))
    qlib = market.open(data_root("ashare_mini") / "qlib")
    assert qlib.levels.columns.tolist() == ["csi300"]
    np.testing.assert_allclose(qlib.levels["csi300"], wide.levels["csi300"], rtol=1e-6)
    same = wide.select(qlib.stocks)
    for name in ("open", "close"):
        np.testing.assert_allclose(
            qlib.values(name), same.values(name), rtol=1e-6, err_msg=name, equal_nan=True
        )
    np.testing.assert_allclose(
        qlib.values("returns")[1:], same.values("returns")[1:], atol=2e-6, equal_nan=True
    )
    np.testing.assert_array_equal(qlib.values("member:csi300"), same.values("member:csi300"))


@pytest.mark.data
def test_known_figures_of_the_real_panel(data_root):
    """Published closes, and prices that never break the limit rules by more than a handful of cells."""
    m = market.open(data_root("ashare"))
    assert m.levels["csi300"]["2015-06-12"] == pytest.approx(5335.12, abs=0.01)
    assert m.levels["csi300"]["2021-02-10"] == pytest.approx(5807.72, abs=0.01)
    assert m.field("close").loc["2021-02-10", "SH600519"] == 2601.0
    assert m.values("member:csi300").sum(axis=1).max() == 300
    above = m.values("high") > m.values("limit_up") + 0.006
    assert above.sum() < 20  # of 7.7 million stock-days
    shares = m.field("industry").loc["2021-07-29"].max()
    assert (
        m.categories("industry")[int(m.field("industry").loc["2021-07-30", "SH600000"])] == "银行"
    )
    assert shares >= 0
    assert any("approximate" in note for note in m.notes)


@pytest.mark.data
def test_cash_dividends_are_what_the_factor_took_out_of_real_prices(data_root):
    m = market.open(data_root("ashare"))
    factor, close = (m.values(name).astype(np.float64) for name in ("factor", "close_filled"))
    cash = m.values("cash_dividend")[1:].astype(np.float64)
    table = pd.read_parquet(data_root("ashare") / "dividends.parquet")
    mixed = table.loc[table["stk_div"] > 0, "ex_date"].nunique()
    assert mixed > 0  # bonus shares move the factor too, so compare the rest
    bonus = np.zeros(cash.shape, bool)
    rows = m.dates.searchsorted(table.loc[table["stk_div"] > 0, "ex_date"]) - 1
    columns = m.stocks.get_indexer(table.loc[table["stk_div"] > 0, "instrument"])
    inside = (columns >= 0) & (rows < len(cash))
    bonus[rows[inside], columns[inside]] = True
    paid = (cash > 0.05) & ~bonus & np.isfinite(factor[1:]) & np.isfinite(factor[:-1])
    taken = (close[:-1] * (1.0 - factor[:-1] / factor[1:]))[paid]
    assert paid.sum() > 10_000
    first = m.values("cash_dividend")[0]
    assert first.sum() == table.loc[table["ex_date"] == m.dates[0], "cash_div_tax"].sum()
    assert (np.abs(taken - cash[paid]) < 0.01).mean() > 0.97


@pytest.mark.data
def test_the_rolled_weights_track_the_published_level(data_root):
    """Daily weights against the real price index: the README's monthly figure is 1.1% a year."""
    m = market.open(data_root("ashare"))
    index = m.index("csi300")
    weight = index.weights().to_numpy(dtype=np.float64)[:-1]
    change = np.nan_to_num(m.values("returns").astype(np.float64))[1:]
    gap = (weight * change).sum(axis=1) - index.returns().to_numpy()[1:]
    gap = gap[m.dates[1:] >= "2014-04-01"]
    assert np.nanstd(gap) * np.sqrt(252) < 0.012
    assert 0.01 < np.nanmean(gap) * 252 < 0.03  # dividends, which the price index leaves out
