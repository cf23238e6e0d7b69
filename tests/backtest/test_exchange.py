"""Fills, refusals and the share of purchases that cash can pay."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest.account import Account
from backtest.exchange import REASONS, Exchange, affordable_share
from backtest.orders import aligned, orders_for
from market import Costs
from tests.backtest.worlds import one_price, random_world

MONEY = st.floats(1.0, 1e9)


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.floats(0.01, 1e7), min_size=1, max_size=6),
    cash=MONEY,
    commission=st.floats(0.0, 0.01),
    minimum=st.sampled_from([0.0, 5.0, 100.0]),
)
def test_the_affordable_share_is_paid_and_no_larger_one_is(values, cash, commission, minimum):
    costs = Costs.cn(commission, minimum)
    date, bought = pd.Timestamp("2023-09-01"), np.array(values)

    def bill(share):
        return share * bought.sum() + sum(
            costs.charge(date, share * bought, np.zeros_like(bought)).values()
        )

    share = affordable_share(bill, cash)
    assert 0.0 <= share <= 1.0
    assert bill(share) <= cash
    if share < 1.0:
        assert bill(share + 1e-12) > cash


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), row=st.integers(1, 39))
def test_every_order_is_filled_or_has_a_reason(seed, row):
    m = random_world(seed)
    random = np.random.default_rng(seed)
    account = Account(1e6, len(m.stocks))
    account.units = 1e4 * random.random(len(m.stocks))
    before = account.units.copy()
    orders = np.where(
        random.random(len(m.stocks)) < 0.8, random.standard_normal(len(m.stocks)), 0.0
    )
    orders = np.maximum(1e4 * orders, -account.units)
    fill = Exchange(m, "vwap", Costs.cn()).fill(row, orders, account)
    filled = fill.reason == REASONS.index("filled")
    assert np.array_equal(fill.positions, np.flatnonzero(orders))
    assert np.array_equal(fill.done[filled], fill.wanted[filled])
    assert (np.abs(fill.done[~filled]) < np.abs(fill.wanted[~filled])).all()
    assert np.array_equal(account.units - before, np.bincount(
        fill.positions, account.units[fill.positions] - before[fill.positions], len(before)
    ))  # fmt: skip
    shut = ~m.values("can_buy")[row] & (orders > 0.0) | ~m.values("can_sell")[row] & (orders < 0.0)
    assert np.array_equal(account.units[shut], before[shut])
    assert account.cash >= 0.0


def test_a_traded_stock_without_the_asked_price_is_refused_for_that():
    m = one_price({"SH600000": [10.0, 10.0]}, typical=np.array([[10.0], [np.nan]], np.float32))
    account = Account(1000.0, 1)
    fill = Exchange(m, "typical", Costs.free()).fill(1, np.array([5.0]), account)
    assert REASONS[fill.reason[0]] == "no price"
    assert account.cash == 1000.0


def test_an_account_is_worth_its_cash_and_the_marks_of_what_it_holds():
    account = Account(50.0, 3)
    account.units = np.array([2.0, 0.0, 1.0])
    marks = np.array([10.0, np.nan, 30.0])  # not held: its price does not matter
    assert account.value(marks) == 100.0
    assert account.weights(marks).tolist() == [0.2, 0.0, 0.3]
    account.sell_out(np.array([0]), np.array([20.0]))
    assert (account.cash, account.value(marks)) == (70.0, 100.0)


def test_orders_lead_from_units_to_weights_and_leave_dust_alone():
    stocks, date = pd.Index(["A", "B", "C"]), pd.Timestamp("2021-03-05")
    marks, units = np.array([10.0, 20.0, 5.0]), np.array([0.0, 4.0, 4.0])
    weights = np.array([0.5, 0.0, 0.2 * (1.0 + 1e-11)])
    assert orders_for(weights, units, marks, 100.0, stocks, date).tolist() == [5.0, -4.0, 0.0]


def test_weights_are_put_at_their_stocks_whatever_their_order():
    stocks, date = pd.Index(["A", "B", "C"]), pd.Timestamp("2021-03-05")
    assert aligned(pd.Series({"C": 0.25, "A": 0.5}), stocks, date).tolist() == [0.5, 0.0, 0.25]
    assert aligned(pd.Series(dtype=float), stocks, date).tolist() == [0.0, 0.0, 0.0]
