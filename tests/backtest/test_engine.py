"""The engine: accounts worked by hand, and what must hold on any world."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import BenchmarkPolicy, FixedWeights, TopN, run
from market import Costs, Target
from tests.backtest.worlds import NAN, one_price, random_targets, random_world

SEEDS = st.integers(0, 10_000)
A, B = "SH600000", "SH600001"


def weights(market, rows):
    """Target weights given as {row: {stock: weight}}."""
    frame = pd.DataFrame(0.0, index=market.dates[list(rows)], columns=market.stocks)
    for row, given_ in rows.items():
        for stock, weight in given_.items():
            frame.loc[market.dates[row], stock] = weight
    return frame


def play(market, rows, **options):
    targets = weights(market, rows) if isinstance(rows, dict) else rows
    options = {"costs": Costs.free(), "capital": 1000.0, **options}
    return run(market, FixedWeights(targets), schedule=targets.index, **options)


def rebuilt(market, result):
    """Cash and holdings value in CNY by session, from the trades and the charges alone."""
    rows = market.dates.get_indexer(result.trades["date"])
    cells = market.stocks.get_indexer(result.trades["stock"])
    factor = market.values("factor").astype(float)
    last = np.where(result.trades["side"] == "delisted", rows - 1, rows)  # no factor after the end
    sign = np.where(result.trades["side"] == "buy", 1.0, -1.0)
    moved = np.zeros((len(market.dates), len(market.stocks)))
    np.add.at(moved, (rows, cells), sign * result.trades["shares"] / factor[last, cells])
    units = moved.cumsum(axis=0)
    units[np.abs(units) < 1e-9 * units.max()] = 0.0  # the rounding of a sum that ends at nothing
    paid = np.zeros(len(market.dates))
    np.add.at(paid, rows, sign * result.trades["value"])
    span = slice(market.row(result.nav.index[0]), None)
    charges = result.costs.sum(axis=1).to_numpy().cumsum()
    cash = result.config["capital"] - paid.cumsum()[span] - charges
    price = np.nan_to_num(market.values("close_filled").astype(float) * factor)
    return cash, (units * price).sum(axis=1)[span], units[span]


# --- by hand ------------------------------------------------------------------------------------


def test_orders_of_one_close_fill_on_the_next_session_and_cash_is_kept():
    m = one_price({A: [10, 10, 11, 12], B: [20, 20, 20, 19]})
    result = play(m, {0: {A: 0.5, B: 0.25}})
    assert result.trades["date"].tolist() == [m.dates[1]] * 2
    assert result.trades["shares"].tolist() == [50.0, 12.5]
    assert (result.nav * 1000.0).tolist() == pytest.approx([1000.0, 1000.0, 1050.0, 1087.5])
    assert result.cash.iloc[-1] == pytest.approx(250.0 / 1087.5)


def test_sizes_are_fixed_at_the_decision_and_a_dearer_fill_is_cut_to_the_cash():
    m = one_price({A: [10, 12.5, 12.5]})
    result = play(m, {0: {A: 1.0}})
    assert result.trades["shares"].tolist() == pytest.approx([80.0])  # 100 wanted, 1000 CNY at 12.5
    refusal = result.refusals.iloc[0]
    assert (refusal["wanted"], refusal["done"]) == pytest.approx((100.0, 80.0))
    assert refusal["reason"] == "cash"


def test_proceeds_of_sales_pay_for_purchases_of_the_same_session():
    m = one_price({A: [10, 10, 10, 10], B: [5, 5, 5, 5]})
    result = play(m, {0: {A: 1.0}, 1: {B: 1.0}})
    assert result.trades["side"].tolist() == ["buy", "sell", "buy"]
    assert result.trades["shares"].tolist() == [100.0, 100.0, 200.0]
    assert result.cash.iloc[-1] == 0.0


def test_an_ex_date_changes_shares_and_price_but_not_the_value():
    factor = np.array(
        [[1], [1], [2], [2]], dtype=np.float32
    )  # ten for ten before the third session
    m = one_price({A: [10, 10, 5, 5]}, factor=factor)
    result = play(m, {0: {A: 1.0}, 2: {}})
    assert result.nav.tolist() == [1.0] * 4
    assert result.trades["shares"].tolist() == [100.0, 200.0]
    assert result.trades["price"].tolist() == [10.0, 5.0]


def test_a_delisted_stock_becomes_cash_at_its_last_price_less_the_haircut():
    m = one_price({A: [10, 10, 8, NAN, NAN], B: [5, 5, 5, 5, 5]})
    whole = play(m, {0: {A: 0.5}})
    assert whole.nav.tolist() == pytest.approx([1.0, 1.0, 0.9, 0.9, 0.9])
    assert whole.cash.iloc[3] == 1.0
    gone = whole.trades.iloc[-1]
    assert (gone["side"], gone["date"]) == ("delisted", m.dates[3])
    assert (gone["shares"], gone["value"]) == pytest.approx((50.0, 400.0))
    cut = play(m, {0: {A: 0.5}}, delisting_haircut=0.5)
    assert cut.nav.iloc[-1] == pytest.approx(0.7)


def test_an_order_for_a_stock_that_leaves_overnight_is_refused():
    m = one_price({A: [10, NAN, NAN], B: [5, 5, 5]})
    result = play(m, {0: {A: 0.5, B: 0.5}})
    assert result.refusals["reason"].tolist() == ["not listed"]
    assert result.refusals["wanted"].tolist() == [50.0]


def test_suspension_refuses_both_ways_and_the_holding_keeps_its_last_price():
    m = one_price({A: [10, 10, NAN, NAN, 9], B: [5, 5, 5, 5, 5]})
    result = play(m, {0: {A: 0.5}, 1: {B: 0.5}, 2: {A: 1.0}})
    assert result.refusals["side"].tolist() == ["sell", "buy"]
    assert result.refusals["reason"].tolist() == ["suspended", "suspended"]
    assert result.nav.tolist() == pytest.approx([1.0, 1.0, 1.0, 1.0, 0.95])


def test_a_lock_at_the_upper_limit_refuses_purchases_and_lets_sales_through():
    locked = np.array([[False], [True], [True]])
    m = one_price({A: [10, 11, 11]}, can_buy=~locked)
    assert play(m, {0: {A: 1.0}}).refusals["reason"].tolist() == ["limit up"]
    m = one_price({A: [10, 10, 11, 11]}, can_buy=np.array([[1], [1], [0], [1]], dtype=bool))
    assert play(m, {0: {A: 1.0}, 1: {}}).refusals.empty


def test_a_lock_at_the_lower_limit_refuses_sales():
    m = one_price({A: [10, 10, 9, 9]}, can_sell=np.array([[1], [1], [0], [1]], dtype=bool))
    result = play(m, {0: {A: 1.0}, 1: {}})
    assert result.refusals[["side", "reason"]].to_numpy().tolist() == [["sell", "limit down"]]
    assert result.weights.iloc[-1].tolist() == [1.0]


def test_a_refused_order_is_not_tried_again_before_the_next_rebalance():
    m = one_price({A: [10, NAN, 10, 10, 10]})
    result = play(m, {0: {A: 1.0}, 2: {A: 1.0}})
    assert result.trades["date"].tolist() == [m.dates[3]]


def test_stamp_duty_halves_on_2023_08_28():
    m = one_price({A: [10.0] * 6}, start="2023-08-22")  # fills on 23rd, 25th (Friday), 28th
    result = play(m, {0: {A: 0.8}, 2: {A: 0.4}, 3: {}}, costs=Costs.cn(minimum=0.0), capital=1e6)
    stamp = result.costs["stamp_duty"]
    assert stamp[pd.Timestamp("2023-08-23")] == 0.0
    sold = result.trades[result.trades["side"] == "sell"].set_index("date")["value"]
    assert stamp[pd.Timestamp("2023-08-25")] == pytest.approx(0.001 * sold.iloc[0])
    assert stamp[pd.Timestamp("2023-08-28")] == pytest.approx(0.0005 * sold.iloc[1])
    assert sold.iloc[0] == pytest.approx(400_000.0, rel=1e-3)


def test_the_minimum_commission_is_charged_per_order():
    m = one_price({A: [10.0] * 4, B: [10.0] * 4})
    result = play(m, {0: {A: 0.01, B: 0.01}}, costs=Costs.cn(commission=0.0002), capital=1e5)
    assert result.costs["commission"].tolist() == pytest.approx([0.0, 10.0, 0.0, 0.0])
    assert result.cash.iloc[1] * result.nav.iloc[1] * 1e5 == pytest.approx(1e5 - 2000 - 10 - 0.04)


def test_sales_whose_minimum_commission_exceeds_all_money_are_not_sent():
    m = one_price({A: [10.0, 10.0, 10.0, 0.01, 0.01]})
    result = play(m, {0: {A: 1.0}, 3: {}}, costs=Costs.cn(), capital=100.0)
    assert result.refusals["reason"].tolist() == ["cash", "cash"]
    assert (result.cash >= 0.0).all()


def test_deal_price_by_name():
    m = random_world(3, days=6, quiet=True)
    for deal in ("vwap", "open", "close", "typical"):
        result = play(m, {0: {"SH600000": 0.5}}, deal=deal)
        assert result.trades["price"].iloc[0] == pytest.approx(m.deal_price(deal).iloc[1, 0])


def test_the_account_opens_at_the_first_rebalance_after_the_start():
    m = random_world(5, days=30, quiet=True)
    weekly = BenchmarkPolicy("half")
    result = run(m, weekly, start="2023-07-10", end="2023-08-02", costs=Costs.free())
    assert result.nav.index[0] == pd.Timestamp("2023-07-14")
    assert result.nav.index[-1] == pd.Timestamp("2023-08-02")
    assert result.targets.index.strftime("%m-%d").tolist() == ["07-14", "07-21", "07-28"]


# --- on any world -------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, capital=st.sampled_from([1e4, 1e8]))
def test_cash_and_holdings_are_conserved_every_session(seed, capital):
    m = random_world(seed)
    result = play(m, random_targets(m, seed), costs=Costs.cn(), capital=capital)
    cash, holdings, units = rebuilt(m, result)
    nav = result.nav.to_numpy() * capital
    assert np.allclose(cash + holdings, nav, rtol=1e-8)
    assert np.allclose(cash, result.cash * nav, rtol=0.0, atol=1e-8 * capital)
    assert units.min() > -1e-6 * abs(units).max()


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_cash_is_never_negative_and_nothing_trades_while_suspended(seed):
    m = random_world(seed)
    result = play(m, random_targets(m, seed, every=1), costs=Costs.cn(), capital=2e4)
    assert (result.cash >= 0.0).all()
    fills = result.trades[result.trades["side"] != "delisted"]
    rows, cells = m.dates.get_indexer(fills["date"]), m.stocks.get_indexer(fills["stock"])
    assert not m.values("suspended")[rows, cells].any()
    buys = (fills["side"] == "buy").to_numpy()
    assert m.values("can_buy")[rows[buys], cells[buys]].all()
    assert m.values("can_sell")[rows[~buys], cells[~buys]].all()


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_a_stock_has_one_order_a_session_and_sells_only_what_it_held_at_the_close_before(seed):
    m = random_world(seed)
    result = play(m, random_targets(m, seed, every=1), costs=Costs.cn(), capital=1e6)
    fills = result.trades[result.trades["side"] != "delisted"]
    assert not fills.duplicated(["date", "stock"]).any()
    _, _, units = rebuilt(m, result)
    for sale in fills[fills["side"] == "sell"].itertuples():
        row, cell = m.row(sale.date), m.stocks.get_loc(sale.stock)
        sold = sale.shares / float(m.values("factor")[row, cell])
        assert sold <= units[row - 1, cell] * (1.0 + 1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_fills_and_refusals_add_up_to_the_orders(seed):
    m = random_world(seed)
    targets = random_targets(m, seed)
    result = play(m, targets, costs=Costs.cn(), capital=1e6)
    _, _, units = rebuilt(m, result)
    price = m.values("close_filled").astype(float)
    factor = m.values("factor").astype(float)
    filled = result.trades[result.trades["side"] != "delisted"].set_index(["date", "stock"])
    missed = result.refusals.set_index(["date", "stock"])
    for date in targets.index:
        row = m.row(date)
        nav = result.nav[date] * 1e6
        for cell, stock in enumerate(m.stocks):
            asked = targets.loc[date, stock]
            if asked == 0.0 and units[row, cell] == 0.0:
                continue
            order = asked * nav / (price[row, cell] * factor[row, cell]) - units[row, cell]
            key = (m.dates[row + 1], stock)
            got = filled["shares"].get(key, 0.0)
            if key in missed.index:
                assert missed.loc[key, "done"] == pytest.approx(got, rel=1e-9)
                got = missed.loc[key, "wanted"]
            today = factor[row + 1, cell]
            assert got == pytest.approx(abs(order) * today, rel=1e-6, abs=1e-6 * nav)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_permuting_the_stocks_permutes_the_result(seed):
    m = random_world(seed)
    targets = random_targets(m, seed)
    order = np.random.default_rng(seed).permutation(len(m.stocks))
    one = play(m, targets, costs=Costs.cn(), capital=1e6)
    other = play(m.select(m.stocks[order]), targets, costs=Costs.cn(), capital=1e6)
    assert np.allclose(one.nav, other.nav, rtol=1e-12)
    keys = ["date", "stock", "side"]
    left, right = (r.trades.sort_values(keys).reset_index(drop=True) for r in (one, other))
    pd.testing.assert_frame_equal(left, right, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, row=st.integers(2, 37))
def test_changing_the_data_after_a_session_changes_nothing_up_to_it(seed, row):
    m = random_world(seed)
    targets = random_targets(m, seed, every=1)
    other = {name: m.values(name).copy() for name in ("open", "high", "low", "close", "vwap")}
    for values in other.values():
        values[row + 1 :] *= np.float32(1.3)
    other["can_buy"] = m.values("can_buy").copy()
    other["can_buy"][row + 1 :] = m.values("can_sell")[row + 1 :]
    date = m.dates[row]
    one, two = (play(w, targets, costs=Costs.cn()) for w in (m, m.with_fields(other)))
    assert one.nav[:date].equals(two.nav[:date])
    for name in ("trades", "refusals"):
        left, right = (getattr(r, name) for r in (one, two))
        pd.testing.assert_frame_equal(left[left["date"] <= date], right[right["date"] <= date])


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, low=st.floats(0.0, 0.005), more=st.floats(0.0001, 0.005))
def test_more_cost_never_helps(seed, low, more):
    m = random_world(seed)
    targets = random_targets(m, seed)
    cheap = play(m, targets, costs=Costs.flat(low, 2 * low))
    dear = play(m, targets, costs=Costs.flat(low + more, 2 * (low + more)))
    assert dear.nav.iloc[-1] <= cheap.nav.iloc[-1] * (1.0 + 1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_benchmark_as_policy_without_costs_has_no_active_return(seed):
    m = random_world(seed, quiet=True)
    result = run(m, BenchmarkPolicy("half"), schedule="daily", deal="close", costs=Costs.free())
    assert result.refusals[result.refusals["reason"] != "cash"].empty
    assert result.excess["geometric"].to_numpy() == pytest.approx(1.0, abs=2e-6)  # float32 returns


def test_the_same_inputs_give_the_same_bits():
    m = random_world(1)
    targets = random_targets(m, 1)
    one, two = (play(m, targets, costs=Costs.cn()) for _ in range(2))
    assert one.nav.equals(two.nav)
    assert one.trades.equals(two.trades)


# --- what a policy sees -------------------------------------------------------------------------


def test_a_policy_sees_the_market_up_to_its_date_and_its_own_account():
    m = random_world(2, quiet=True)
    seen = []

    def policy(snapshot):
        seen.append(snapshot)
        return Target(pd.Series({"SH600000": 0.5}), {"note": "half"})

    result = run(m, policy, benchmark="half", costs=Costs.free())
    assert [s.date for s in seen] == list(result.targets.index)
    assert all(s.market.dates[-1] == s.date for s in seen)
    assert seen[0].cash == 1.0
    assert seen[0].holdings.empty
    for s in seen[1:]:
        assert s.cash + s.holdings.sum() == pytest.approx(1.0)
        assert s.capital == pytest.approx(result.nav[s.date] * 1e8)
        assert s.benchmark_weights.sum() == pytest.approx(1.0)
    assert result.solver["note"].tolist() == ["half"] * len(seen)


def test_any_object_with_weights_and_log_is_an_answer():
    class Answer:
        weights = pd.Series({A: 1.0})
        log = {"seconds": 0.1}  # noqa: RUF012 - the smallest object that has both

    m = one_price({A: [10.0] * 6})
    result = run(m, lambda s: Answer(), schedule="daily", costs=Costs.free())
    assert result.solver["seconds"].tolist() == [0.1] * 5


def test_a_bar_shows_the_progress_when_asked(capfd):
    m = one_price({A: [10.0] * 6})
    run(m, lambda s: pd.Series({A: 1.0}), schedule="daily", progress=True)
    assert "6/6" in capfd.readouterr().err


def test_the_forecast_of_tradability_is_the_state_at_the_close():
    up = [10.0, 11.0, 11.0]
    m = one_price(
        {A: up, B: [10.0, NAN, 10.0]}, closed_at_limit_up=np.array([[0, 0], [1, 0], [0, 0]]) > 0
    )
    seen = []
    run(m, lambda s: (seen.append(s), pd.Series(dtype=float))[1], schedule="daily")
    assert [s.can_buy.tolist() for s in seen] == [[True, True], [False, False]]
    assert [s.can_sell.tolist() for s in seen] == [[True, True], [True, False]]


def test_the_policy_is_not_asked_on_the_last_session_as_nothing_could_fill():
    m = one_price({A: [10.0] * 5})
    result = run(m, lambda s: pd.Series({A: 1.0}), schedule="daily", costs=Costs.free())
    assert len(result.targets) == 4


def test_top_n_runs_weekly_over_scores():
    m = random_world(4, quiet=True)
    result = run(m, TopN(-m.field("close"), n=3), costs=Costs.flat(), benchmark="half")
    assert result.nav.notna().all()
    assert result.targets.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert ((result.targets > 0).sum(axis=1) == 3).all()
