"""Codes, calendar, venue and costs: facts with a date and a source."""

import numpy as np
import pandas as pd
import pytest

from market import TRADING_DAYS, Costs, DataError, Venue, normalise_code, rebalance_dates
from market.costs import DatedRate, average_liquidity
from tests.market.worlds import flat_market

NAN = float("nan")


@pytest.mark.parametrize(
    "spelling",
    ["SH600519", "sh600519", "600519.SH", "sh.600519", "600519.XSHG", "600519.SS", "SH_600519"],
)
def test_every_spelling_of_a_code_becomes_one(spelling):
    assert normalise_code(spelling) == "SH600519"


def test_a_code_of_another_market_keeps_its_name():
    assert normalise_code("aapl") == "AAPL"


@pytest.mark.parametrize("code", ["600519", "", "  "])
def test_a_code_without_exchange_is_refused(code):
    with pytest.raises(DataError, match="names no exchange"):
        normalise_code(code)


def test_weekly_rebalance_is_the_last_session_of_each_week_also_around_a_holiday():
    # the week of 2020-01-20 ended on Thursday 23, the next session was Monday 2020-02-03
    sessions = pd.DatetimeIndex(
        ["2020-01-20", "2020-01-21", "2020-01-22", "2020-01-23", "2020-02-03", "2020-02-04"]
    )
    assert list(rebalance_dates(sessions)) == [sessions[3], sessions[5]]
    assert list(rebalance_dates(sessions, "monthly")) == [sessions[3], sessions[5]]
    assert list(rebalance_dates(sessions, 4)) == [sessions[0], sessions[4]]
    assert TRADING_DAYS == 252


def test_rebalance_on_a_day_that_is_no_session_names_the_day():
    sessions = pd.bdate_range("2020-01-06", periods=5)
    with pytest.raises(DataError, match="2020-01-11"):
        rebalance_dates(sessions, ["2020-01-11"])
    with pytest.raises(DataError, match="fortnightly"):
        rebalance_dates(sessions, "fortnightly")


def test_a_date_outside_the_sessions_is_told_from_one_that_is_no_session():
    days = pd.bdate_range("2021-03-01", periods=5)
    with pytest.raises(DataError, match="outside 2021-03-01 to 2021-03-05, first 2021-02-26"):
        rebalance_dates(days, ["2021-02-26", "2021-03-02"])
    with pytest.raises(DataError, match="not sessions, first 2021-03-06"):
        rebalance_dates(days.append(pd.DatetimeIndex(["2021-03-08"])), ["2021-03-06"])


@pytest.mark.parametrize("schedule", [5.0, True, None])
def test_a_schedule_that_is_no_whole_number_is_refused_and_one_of_numpy_is_taken(schedule):
    days = pd.bdate_range("2021-03-01", periods=5)
    with pytest.raises(DataError, match=f"schedule is {schedule}; use .* a whole number"):
        rebalance_dates(days, schedule)
    assert rebalance_dates(days, np.int64(2)).equals(days[::2])


def test_stamp_duty_is_halved_on_2023_08_28_and_only_sellers_pay():
    costs = Costs.cn(commission=0.0)
    before, after = pd.Timestamp("2023-08-25"), pd.Timestamp("2023-08-28")
    assert costs.rates(before) == pytest.approx((0.00001, 0.00101))
    assert costs.rates(after) == pytest.approx((0.00001, 0.00051))


def test_minimum_commission_is_paid_per_order_that_traded():
    costs = Costs.cn(commission=0.0002, minimum=5.0)
    bought = np.array([10_000.0, 100_000.0, 0.0])  # 2 CNY -> 5 CNY, 20 CNY, nothing
    charged = costs.charge(pd.Timestamp("2024-01-02"), bought, np.zeros(3))
    assert charged["commission"] == pytest.approx(25.0)
    assert charged["stamp_duty"] == 0.0
    assert charged["transfer_fee"] == pytest.approx(1.1)


def test_flat_costs_are_the_reference_reports_pair_on_every_date():
    assert Costs.flat().rates(pd.Timestamp("2007-06-01")) == (0.001, 0.002)


def test_a_negative_cost_is_refused():
    with pytest.raises(DataError, match="commission_buy"):
        Costs.flat(buy=-0.001)


def test_a_table_of_rates_is_in_the_order_of_its_dates_and_of_fractions():
    late, early = DatedRate("2023-08-28", 0.0, 0.0005, ""), DatedRate("2008-09-19", 0.0, 0.001, "")
    with pytest.raises(DataError, match="stamp_duty has 2008-09-19 after 2023-08-28"):
        Costs(stamp_duty=(late, early))
    with pytest.raises(DataError, match=r"transfer_fee since 2023-08-28 has the rate -0\.1"):
        Costs(transfer_fee=(DatedRate("2023-08-28", -0.1, 0.0, ""),))


def test_liquidity_is_that_of_the_sessions_with_trades_and_survives_a_suspension():
    closes = [10.0, 10.0, *[NAN] * 30, 10.0]
    m = flat_market({"SH600000": closes, "SH600001": [5.0] * 33})
    amount = average_liquidity(m)[1]
    assert amount[:, 0] == pytest.approx(1e7)  # a million shares of ten, whenever it traded
    assert amount[:, 1] == pytest.approx(5e6)


def limit_rate(board: str, date: str, st: bool = False, listed_on: str = "2010-01-04", age=1000):
    return Venue.cn().limit_rates(
        pd.DatetimeIndex([date]),
        np.array([board]),
        np.array([[st]]),
        np.array([listed_on], dtype="datetime64[ns]"),
        np.array([[age]]),
    )[0, 0]


@pytest.mark.parametrize(
    ("board", "date", "st", "rate"),
    [
        ("main", "2015-06-30", False, 0.10),
        ("main", "2015-06-30", True, 0.05),
        ("main", "2026-07-03", True, 0.05),
        ("main", "2026-07-06", True, 0.10),
        ("chinext", "2020-08-21", False, 0.10),
        ("chinext", "2020-08-24", False, 0.20),
        ("chinext", "2020-08-24", True, 0.20),
        ("star", "2020-08-24", False, 0.20),
        ("other", "2020-08-24", False, np.inf),
    ],
)
def test_price_limits_follow_board_status_and_date(board, date, st, rate):
    assert limit_rate(board, date, st) == rate


def test_new_listings_have_no_limit_for_five_sessions_once_registered():
    assert limit_rate("main", "2023-04-14", listed_on="2023-04-10", age=4) == np.inf
    assert limit_rate("main", "2023-04-17", listed_on="2023-04-10", age=5) == 0.10
    assert limit_rate("main", "2023-04-14", listed_on="2023-04-07", age=4) == 0.10


def test_halves_round_up_to_the_tick():
    # 10.15 * 1.1 = 11.165, whose float lies below the half
    assert Venue.cn().round_to_tick(np.array([10.15 * 1.1]))[0] == pytest.approx(11.17)
    assert Venue.cn().round_to_tick(np.array([10.05 * 0.9]))[0] == pytest.approx(9.05)


def test_star_orders_start_at_200_shares_and_go_in_single_steps():
    assert (Venue.cn().lot("star").minimum, Venue.cn().lot("star").step) == (200, 1)
    assert (Venue.cn().lot("main").minimum, Venue.cn().lot("main").step) == (100, 100)
