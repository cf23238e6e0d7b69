"""Lots, participation, impact and retries, each on an account that was worked by hand."""

import numpy as np
import pandas as pd
import pytest

from backtest import FixedWeights, run
from market import Costs, DataError, Venue
from market.costs import SquareRootImpact
from tests.backtest.worlds import NAN, one_price

A, B = "SH600000", "SH688001"
BOARDS = pd.DataFrame({"board": ["main", "star"]}, index=[A, B])


def lots_market(closes, **fields):
    return one_price(closes, venue=Venue(lots=Venue.cn().lots), securities=BOARDS, **fields)


def play(market, rows, **options):
    targets = pd.DataFrame(0.0, index=market.dates[list(rows)], columns=market.stocks)
    for row, weights in rows.items():
        targets.loc[market.dates[row], list(weights)] = list(weights.values())
    options = {"costs": Costs.free(), "capital": 10_000.0, **options}
    return run(market, FixedWeights(targets), schedule=targets.index, **options)


def test_purchases_are_rounded_down_to_the_lots_of_the_board():
    m = lots_market({A: [10.0] * 4, B: [10.0] * 4})
    result = play(m, {0: {A: 0.257, B: 0.257}}, lots=True)
    assert result.trades["shares"].tolist() == [200.0, 257.0]
    assert result.refusals.empty  # what is below a lot is no order
    assert play(m, {0: {A: 0.099, B: 0.199}}, lots=True).trades["shares"].tolist() == []


def test_a_part_is_sold_in_lots_and_a_whole_position_with_its_odd_lot():
    factor = np.array([[1, 1], [1, 1], [1.255, 1.255], [1.255, 1.255], [1.255, 1.255]], np.float32)
    m = lots_market({A: [10.0] * 5, B: [10.0] * 5}, factor=factor)
    result = play(m, {0: {A: 0.2, B: 0.2}, 2: {A: 0.1, B: 0.2}, 3: {}}, lots=True)
    sold = result.trades[result.trades["side"] == "sell"]
    # 251 shares each after the dividend; NAV is 11,020, a tenth of it 110 shares, a fifth 220
    assert sold["shares"].tolist() == pytest.approx([100.0, 151.0, 251.0])
    assert result.cash.iloc[-1] == 1.0


def test_cash_that_falls_short_cuts_lots_and_fills_up_where_most_is_missing():
    m = lots_market({A: [10.0, 11.0, 11.0], B: [10.0, 11.0, 11.0]})
    result = play(m, {0: {A: 0.6, B: 0.4}}, lots=True)
    # 600 and 400 wanted; 10,000 CNY buy 909 shares: 545 and 363 down to 500 and 363, then 1 more
    assert result.trades["shares"].tolist() == [500.0, 364.0]
    assert result.refusals["reason"].tolist() == ["cash", "cash"]
    assert result.cash.iloc[-1] * result.nav.iloc[-1] * 1e4 == pytest.approx(10_000 - 864 * 11)


def test_participation_leaves_the_remainder_unfilled():
    volume = np.full((5, 2), 1000.0, np.float32)
    m = one_price({A: [10.0] * 5, B: [10.0] * 5}, volume=volume)
    result = play(m, {0: {A: 0.5}, 2: {}}, participation=0.1)
    assert result.trades["shares"].tolist() == pytest.approx([100.0, 100.0])
    first = result.refusals.iloc[0]
    assert (first["wanted"], first["done"], first["reason"]) == (500.0, 100.0, "participation")


def test_a_session_without_volume_fills_nothing_under_a_cap():
    m = one_price({A: [10.0] * 4}, volume=np.array([[1e6], [NAN], [1e6], [1e6]], np.float32))
    result = play(m, {0: {A: 0.5}}, participation=0.1)
    assert result.trades.empty
    assert result.refusals["done"].tolist() == [0.0]


def test_a_traded_stock_without_the_asked_price_is_refused_for_that():
    typical = np.array([[10.0, 10.0], [NAN, 10.0], [10.0, 10.0]], np.float32)
    m = one_price({A: [10.0] * 3, B: [10.0] * 3}, typical=typical)
    result = play(m, {0: {A: 0.5, B: 0.5}}, deal="typical")
    assert result.trades["stock"].tolist() == [B]
    assert result.refusals[["stock", "reason"]].to_numpy().tolist() == [[A, "no price"]]


def test_daily_retries_send_the_remainder_until_it_is_filled_or_the_next_rebalance():
    volume = np.full((8, 1), 1000.0, np.float32)
    m = one_price({A: [10.0] * 8}, volume=volume)
    result = play(m, {0: {A: 0.25}, 5: {A: 1.0}}, participation=0.1, retry="daily")
    bought = result.trades.set_index("date")["shares"].reindex(m.dates).tolist()
    assert bought == pytest.approx([NAN, 100.0, 100.0, 50.0, NAN, NAN, 100.0, 100.0], nan_ok=True)
    assert result.refusals["wanted"].tolist() == pytest.approx([250.0, 150.0, 750.0, 650.0])
    assert result.turnover.tolist() == pytest.approx([0.125, 0.1])


def test_a_suspended_sale_is_tried_again_and_pays_for_the_purchase_that_was_cut():
    m = one_price({A: [10.0, 10.0, NAN, NAN, 10.0, 10.0], B: [5.0] * 6})
    result = play(m, {0: {A: 1.0}, 1: {B: 1.0}}, retry="daily")
    assert result.trades["side"].tolist() == ["buy", "sell", "buy"]
    assert result.trades["date"].tolist() == [m.dates[1], m.dates[4], m.dates[4]]
    assert result.refusals["reason"].tolist() == ["suspended", "cash", "suspended", "cash"]
    once = play(m, {0: {A: 1.0}, 1: {B: 1.0}})
    assert once.trades["side"].tolist() == ["buy"]


def test_what_was_bought_today_is_sold_tomorrow_at_the_earliest_also_with_retries():
    m = one_price({A: [10.0] * 5}, volume=np.full((5, 1), 1000.0, np.float32))
    rows = {0: {A: 0.3}, 1: {}, 2: {A: 0.3}, 3: {}}
    result = play(m, rows, participation=0.2, retry="daily")
    assert result.trades["side"].tolist() == ["buy", "sell", "buy", "sell"]
    assert not result.trades.duplicated(["date", "stock"]).any()


def test_a_retry_of_a_stock_that_left_ends():
    m = one_price({A: [10.0, 10.0, NAN, NAN, NAN], B: [5.0] * 5})
    result = play(m, {0: {A: 0.5}, 1: {B: 0.5}}, retry="daily")
    assert result.trades["side"].tolist() == ["buy", "delisted", "buy"]
    assert result.refusals["reason"].tolist() == ["not listed"]


def test_impact_is_charged_on_the_liquidity_of_the_close_before():
    closes = [10.0, 10.2, 10.0, 10.2, 10.0]
    m = one_price({A: closes}, volume=np.full((5, 1), 1e5, np.float32))
    result = play(m, {3: {A: 0.5}}, impact=SquareRootImpact(0.8), capital=1e6)
    sigma = np.std(np.diff(closes) / closes[:-1], ddof=1)
    amount = 1e5 * np.mean(closes[:4])
    value = 5e5 / 10.2 * 10.0
    by_hand = 0.8 * np.std(np.diff(closes[:4]) / closes[:3], ddof=1) * value**1.5 / amount**0.5
    assert sigma > 0.0
    assert result.costs["impact"].tolist() == pytest.approx([0.0, by_hand], rel=1e-6)
    assert "impact" not in play(m, {3: {A: 0.5}}).costs


def test_impact_needs_a_volatility_at_the_first_decision():
    m = one_price({A: [10.0] * 5})
    with pytest.raises(DataError, match=r"2021-03-01.*three sessions"):
        play(m, {0: {A: 0.5}}, impact=SquareRootImpact())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"participation": 0.0}, r"participation is 0\.0"),
        ({"participation": 1.5}, r"participation is 1\.5"),
        ({"retry": "always"}, "retry is 'always'"),
        ({"capital": float("inf")}, "capital is inf"),
    ],
)
def test_wrong_settings_say_what_would_work(options, words):
    with pytest.raises(ValueError, match=words):
        play(one_price({A: [10.0] * 4}), {0: {A: 0.5}}, **options)


def test_an_eta_below_zero_is_refused():
    with pytest.raises(DataError, match="eta is -1"):
        SquareRootImpact(-1.0)


@pytest.mark.parametrize("deal", ["open", "close"])
def test_nothing_is_bought_at_an_upper_limit_that_is_the_deal(deal):
    prices = {"open": [10.0, 10.2, 11.0], "close": [10.0, 10.2, 11.0]}
    prices["open" if deal == "close" else "close"][2] = 10.5
    bars = {name: np.array(row, np.float32)[:, None] for name, row in prices.items()}
    bars |= {"high": np.float32([[10.0], [11.0], [11.22]]), "low": np.float32([[10.0]] * 3)}
    bars["high"][2], bars["vwap"] = 11.0, np.float32([[10.0], [10.3], [10.6]])
    limit_up = np.float32([[11.0], [11.0], [11.0]])
    m = one_price({A: [10.0, 10.2, 11.0]}, **bars, limit_up=limit_up)
    result = play(m, {1: {A: 0.5}}, deal=deal)
    assert result.trades.empty
    assert result.refusals["reason"].tolist() == ["limit up"]
    assert len(play(m, {1: {A: 0.5}}, deal="vwap").trades) == 1


def test_nothing_is_sold_at_a_lower_limit_that_is_the_deal():
    close = [10.0, 10.0, 9.0, 9.0]
    low, high = np.float32([[10.0], [10.0], [9.0], [9.0]]), np.float32([[10.0]] * 4)
    limits = {"limit_down": np.float32([[9.0], [9.0], [9.0], [8.1]])}
    m = one_price({A: close}, open=high, high=high, low=low, vwap=high, **limits)
    result = play(m, {0: {A: 0.5}, 1: {}, 2: {}}, deal="close")
    assert result.refusals[["date", "reason"]].to_numpy().tolist() == [[m.dates[2], "limit down"]]
    assert result.trades["date"].tolist() == [m.dates[1], m.dates[3]]


def test_a_bar_of_volume_zero_fills_nothing():
    m = one_price({A: [10.0] * 4}, volume=np.float32([[1e6], [0.0], [1e6], [1e6]]))
    result = play(m, {0: {A: 0.5}})
    assert result.trades.empty
    assert result.refusals["reason"].tolist() == ["suspended"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"costs": 0.001}, r"costs is 0\.001; give Costs"),
        ({"impact": 1.0}, r"impact is 1\.0; give a law with an eta"),
        ({"participation": "10%"}, "participation is '10%'; give a number"),
        ({"capital": "1e8"}, "capital is '1e8'; give a number"),
        ({"capital": True}, "capital is True; give a number"),
        ({"delisting_haircut": None}, "delisting_haircut is None; give a number"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named(options, words):
    with pytest.raises(TypeError, match=words):
        play(one_price({A: [10.0] * 4}), {0: {A: 0.5}}, **options)
