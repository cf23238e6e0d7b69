"""The market: fields, derived fields by hand, views, and errors that name what is wrong."""

import pickle

import numpy as np
import pandas as pd
import pytest

from market import DataError, Market, Venue
from tests.market.worlds import flat_market

NAN = float("nan")


def test_return_after_a_suspension_is_the_whole_gap_and_missing_during_it():
    m = flat_market({"SH600000": [10.0, NAN, NAN, 11.0, 12.1], "SH600001": [5.0] * 5})
    change = m.returns()["SH600000"].to_numpy()
    assert np.isnan(change[:3]).all()
    assert change[3:] == pytest.approx([0.1, 0.1], rel=1e-6)
    assert m.values("suspended")[:, 0].tolist() == [False, True, True, False, False]
    assert m.values("close_filled")[2, 0] == 10.0


def test_adjusted_price_makes_a_split_invisible_and_volume_comparable():
    factor = np.array([[1.0], [1.0], [2.0]], dtype=np.float32)
    m = flat_market({"SH600000": [10.0, 11.0, 5.5]}, fields={"factor": factor})
    assert m.returns()["SH600000"].iloc[2] == pytest.approx(0.0)
    assert m.adjusted("close")["SH600000"].tolist() == [10.0, 11.0, 11.0]
    assert m.adjusted("volume")["SH600000"].iloc[2] == pytest.approx(5e5)


def test_limits_come_from_the_ex_right_close_rounded_to_the_tick():
    factor = np.array([[1.0], [1.0], [2.0]], dtype=np.float32)
    m = flat_market({"SH600000": [10.15, 11.17, 6.15]}, fields={"factor": factor})
    assert np.isinf(m.values("limit_up")[0, 0])  # no close before: no limit known
    assert m.values("limit_up")[1:, 0] == pytest.approx([11.17, 6.15])  # 11.17 / 2 = 5.585 -> 5.59
    assert m.values("limit_down")[1:, 0] == pytest.approx([9.14, 5.03])
    assert m.values("closed_at_limit_up")[:, 0].tolist() == [False, True, True]


def test_one_price_at_the_upper_limit_can_be_sold_but_not_bought():
    m = flat_market({"SH600000": [10.0, 11.0, 9.9], "SH600001": [10.0, NAN, 10.0]})
    assert m.values("can_buy")[:, 0].tolist() == [True, False, True]
    assert m.values("can_sell")[:, 0].tolist() == [True, True, False]
    assert m.values("can_buy")[1, 1] == m.values("can_sell")[1, 1] == False  # noqa: E712 numpy bool


def test_a_limit_hit_in_a_day_that_also_traded_lower_can_still_be_bought():
    high = np.array([[10.0], [11.0]], dtype=np.float32)
    low = np.array([[10.0], [10.2]], dtype=np.float32)
    m = flat_market({"SH600000": [10.0, 11.0]}, fields={"high": high, "low": low, "open": low})
    assert m.values("closed_at_limit_up")[1, 0]
    assert m.values("can_buy")[1, 0]


def test_deal_price_takes_the_typical_price_where_no_average_is_known():
    vwap = np.array([[10.5], [NAN]], dtype=np.float32)
    m = flat_market({"SH600000": [10.0, 12.0]}, fields={"vwap": vwap})
    assert m.deal_price("vwap")["SH600000"].tolist() == [10.5, 12.0]
    assert m.substituted_vwap() == 0.5
    with pytest.raises(DataError, match="'high' is unknown; use one of vwap, open, close, typical"):
        m.deal_price("high")


def test_until_ends_at_the_date_and_views_compose(world):
    t = world.dates[200]
    past = world.until(t)
    assert past.dates[-1] == t
    assert past.values("close").shape == (201, len(world.stocks))
    np.testing.assert_array_equal(past.values("returns"), world.values("returns")[:201])
    few = past.between(world.dates[50], t).select(world.stocks[[7, 3]])
    assert few.stocks.tolist() == [world.stocks[7], world.stocks[3]]
    np.testing.assert_array_equal(few.values("close"), world.values("close")[50:201][:, [7, 3]])
    assert few.securities.index.equals(few.stocks)
    with pytest.raises(DataError, match="is not a session"):
        past.row(world.dates[201])


def test_arrays_are_read_only(world):
    with pytest.raises(ValueError, match="read-only"):
        world.values("close")[0, 0] = 1.0


def test_replacing_a_field_changes_what_derives_from_it_and_nothing_before():
    m = flat_market({"SH600000": [10.0, 11.0, 12.0]})
    before = m.returns()["SH600000"].to_numpy().copy()
    close = m.values("close").copy()
    close[2] = 13.2
    changed = m.with_fields({"close": close})
    assert changed.returns()["SH600000"].iloc[2] == pytest.approx(0.2)
    np.testing.assert_array_equal(m.returns()["SH600000"], before)
    assert changed.fingerprint() != m.fingerprint()


def test_errors_name_the_field_stock_date_or_index(world):
    with pytest.raises(DataError, match=r"field 'turnover_rate' is missing.*close"):
        world.field("turnover_rate")
    with pytest.raises(DataError, match=r"index 'csi800' is not in this market; it has.*csi300"):
        world.index("csi800")
    with pytest.raises(DataError, match="SH999999"):
        world.select(["SH999999"])
    with pytest.raises(DataError, match="no session between 2031-01-01"):
        world.between("2031-01-01", "2031-12-31")
    with pytest.raises(DataError, match="stored fields"):
        world.with_fields({"colour": world.values("close")})
    with pytest.raises(DataError, match="whole market"):
        world.until(world.dates[10]).with_fields({})


def test_a_market_that_travelled_to_another_process_is_the_same(world):
    for name in ("close", "returns"):
        world.values(name)
    there = pickle.loads(pickle.dumps(world))
    assert there.fingerprint() == world.fingerprint()
    np.testing.assert_array_equal(there.values("returns"), world.values("returns"))
    np.testing.assert_array_equal(there.values("limit_up"), world.values("limit_up"))


def test_a_market_without_a_field_or_with_repeated_dates_is_refused():
    bar = np.ones((2, 1), dtype=np.float32)
    day = pd.DatetimeIndex(["2020-01-02", "2020-01-02"])
    bars = dict.fromkeys(("open", "high", "low", "close", "volume"), bar)
    with pytest.raises(DataError, match="2020-01-02"):
        Market(day, pd.Index(["SH600000"]), bars)
    with pytest.raises(DataError, match="volume"):
        Market(
            pd.bdate_range("2020-01-02", periods=2),
            pd.Index(["SH600000"]),
            {k: v for k, v in bars.items() if k != "volume"},
        )


def test_changing_the_future_changes_no_derived_value_of_the_past(world):
    """Every derived field and every rolled weight, bit for bit."""
    from market.derived import DERIVED

    cut = 300
    rng = np.random.default_rng(0)
    changes = {}
    for name in world.fields:
        values = world.values(name).copy()
        if values.dtype == np.float32:
            values[cut + 1 :] *= rng.uniform(0.5, 2.0, values[cut + 1 :].shape).astype(np.float32)
            values[cut + 5 :, ::3] = np.nan
        elif values.dtype == bool:
            values[cut + 1 :] = rng.permuted(values[cut + 1 :], axis=1)
        changes[name] = values
    other = world.with_fields(changes)
    names = [*DERIVED, *(f"weight:{index}" for index in world.indexes)]
    for name in names:
        np.testing.assert_array_equal(
            other.values(name)[: cut + 1], world.values(name)[: cut + 1], err_msg=name
        )
    assert not np.array_equal(
        other.values("returns")[cut + 1 :], world.values("returns")[cut + 1 :], equal_nan=True
    )


def test_what_goes_ex_in_a_suspension_leaves_the_value_of_a_holding():
    # ten for ten on the third day: one share of 10 becomes two of 5
    factor = np.array([[1.0], [1.0], [2.0], [2.0]], dtype=np.float32)
    m = flat_market({"SH600000": [10.0, NAN, NAN, 5.2]}, fields={"factor": factor})
    assert m.values("close_filled")[:, 0] == pytest.approx([10.0, 10.0, 5.0, 5.2])
    assert m.values("adj_close")[:, 0] == pytest.approx([10.0, 10.0, 10.0, 10.4])
    assert m.values("limit_up")[3, 0] == pytest.approx(5.5)


def test_the_fingerprint_knows_everything_that_a_run_reads():
    vwap = np.full((3, 1), 10.1, np.float32)
    fields = {
        "vwap": vwap,
        "st": np.zeros((3, 1), bool),
        "shares": np.full((3, 1), 1e9, np.float32),
    }
    bars = {"SH600000": [10.0, 11.0, 12.0]}
    m = flat_market(bars, fields=fields)
    assert flat_market(bars, fields=fields).fingerprint() == m.fingerprint()
    st = np.array([[False], [False], [True]])
    changed = [
        m.with_fields({"vwap": vwap * np.float32(1.01)}),
        m.with_fields({"st": st}),
        m.with_levels(pd.DataFrame({"half": [1.0, 1.1, 1.2]}, index=m.dates)),
        flat_market(bars, fields=fields, venue=Venue.open()),
    ]
    assert len({m.fingerprint(), *(other.fingerprint() for other in changed)}) == 5
    before = m.dates[1]  # what differs on the third day is not known on the second
    assert changed[1].until(before).fingerprint() == m.until(before).fingerprint()
    assert m.select(m.stocks).fingerprint() == m.fingerprint()
