"""Charges, the share of purchases that cash can pay, lots, and accounts: the parts of a session."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest.account import Account
from backtest.charges import Tariff, affordable_share, bill, note_charges, order_charge
from backtest.lots import bought_lots, sold_lots
from backtest.orders import aligned
from market import Costs
from market.costs import SquareRootImpact

MONEY = st.floats(1.0, 1e9)
VALUES = st.lists(st.floats(0.01, 1e7), min_size=1, max_size=6)


def tariff(costs, date, side):
    stamp, fee, spread = costs.proportional(pd.DatetimeIndex([date]))[0, side]
    return Tariff(
        (costs.commission_buy, costs.commission_sell)[side], costs.minimum, stamp, fee, spread
    )


@settings(max_examples=200, deadline=None)
@given(
    values=VALUES,
    cash=MONEY,
    commission=st.floats(0.0, 0.01),
    minimum=st.sampled_from([0.0, 5.0, 100.0]),
    depth=st.sampled_from([0.0, 1e-6]),
)
def test_the_affordable_share_is_paid_and_no_larger_one_is(
    values, cash, commission, minimum, depth
):
    terms = tariff(Costs.cn(commission, minimum), "2023-09-01", 0)
    bought, depths = np.array(values), np.full(len(values), depth)
    share = affordable_share(bought, depths, terms, cash)
    assert 0.0 <= share <= 1.0
    assert bill(bought, depths, share, terms) <= cash
    if share < 1.0:
        assert bill(bought, depths, share + 1e-12, terms) > cash


@settings(max_examples=60, deadline=None)
@given(
    values=VALUES,
    side=st.sampled_from([0, 1]),
    date=st.dates(pd.Timestamp("1999-01-01").date(), pd.Timestamp("2025-01-01").date()),
    spread=st.sampled_from([0.0, 0.0005]),
)
def test_compiled_charges_are_those_of_the_costs(values, side, date, spread):
    costs, out = Costs.cn(spread=spread), np.zeros(5)
    value, none = np.array(values), np.zeros(len(values))
    terms = tariff(costs, date, side)
    total = note_charges(value, none, terms, out)
    pair = (value, none) if side == 0 else (none, value)
    theirs = costs.charge(pd.Timestamp(date), *pair)
    assert out[:4] == pytest.approx(list(theirs.values()), rel=1e-12)
    assert total == pytest.approx(sum(theirs.values()), rel=1e-12)
    alone = sum(order_charge(v, 0.0, terms) for v in values)
    assert alone == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(
    ("date", "bought", "sold"),  # stamp duty on 10,000 CNY, the day before a change and on it
    [
        ("2005-01-21", 20.0, 20.0),
        ("2005-01-24", 10.0, 10.0),
        ("2007-05-29", 10.0, 10.0),
        ("2007-05-30", 30.0, 30.0),
        ("2008-04-23", 30.0, 30.0),
        ("2008-04-24", 10.0, 10.0),
        ("2008-09-18", 10.0, 10.0),
        ("2008-09-19", 0.0, 10.0),
        ("2023-08-25", 0.0, 10.0),
        ("2023-08-28", 0.0, 5.0),
    ],
)
def test_stamp_duty_changes_on_its_dates(date, bought, sold):
    rates = Costs.cn().proportional(pd.DatetimeIndex([date]))[0]
    assert (1e4 * rates[:, 0]).tolist() == pytest.approx([bought, sold])


@pytest.mark.parametrize(
    ("date", "fee"),  # on 1,000,000 CNY
    [("2015-07-31", 25.5), ("2015-08-03", 20.0), ("2022-04-28", 20.0), ("2022-04-29", 10.0)],
)
def test_the_transfer_fee_changes_on_its_dates(date, fee):
    rates = Costs.cn().proportional(pd.DatetimeIndex([date]))[0]
    assert (1e6 * rates[:, 1]).tolist() == pytest.approx([fee, fee])


def test_an_order_of_fifty_pays_the_minimum_and_one_of_fifty_thousand_the_rate():
    terms = Tariff(0.0002, 5.0, 0.0, 0.0, 0.0)
    assert order_charge(50.0, 0.0, terms) == 5.0
    assert order_charge(50_000.0, 0.0, terms) == pytest.approx(10.0)
    assert order_charge(0.0, 0.0, terms) == 0.0


def test_impact_is_twenty_basis_points_for_a_hundredth_of_the_daily_value():
    depth = SquareRootImpact(1.0).coefficients(np.array([0.02]), np.array([1e8]))[0]
    free = Tariff(0.0, 0.0, 0.0, 0.0, 0.0)
    assert order_charge(1e6, depth, free) == pytest.approx(2000.0)
    assert order_charge(4e6, depth, free) == pytest.approx(8 * 2000.0)  # power 3/2


@pytest.mark.parametrize(
    ("shares", "main", "star"),
    [(99.0, 0, 0), (99.95, 100, 0), (199.0, 100, 0), (200.0, 200, 200), (257.3, 200, 257)],
)
def test_purchases_come_in_lots_of_the_board(shares, main, star):
    assert bought_lots(shares, 100.0, 100.0, 0.1) == main
    assert bought_lots(shares, 200.0, 1.0, 0.1) == star


@pytest.mark.parametrize(
    ("shares", "held", "main", "star"),
    [
        (250.0, 250.0, 250, 250),  # all of it, odd lot included
        (240.0, 250.0, 200, 240),
        (60.0, 250.0, 0, 0),
        (150.5, 150.5, 150.5, 150.5),  # a remainder below 200 goes at once
        (100.0, 150.5, 100, 0),
    ],
)
def test_odd_lots_are_sold_with_the_whole_position_only(shares, held, main, star):
    assert sold_lots(shares, held, 100.0, 100.0, 0.1) == main
    assert sold_lots(shares, held, 200.0, 1.0, 0.1) == star


@settings(max_examples=200, deadline=None)
@given(
    shares=st.floats(0.0, 1e6), held=st.floats(1.0, 1e6), rule=st.sampled_from([(100, 100), (200, 1)])
)  # fmt: skip
def test_a_size_in_lots_is_legal_and_the_next_one_is_too_much(shares, held, rule):
    smallest, step = map(float, rule)
    size = bought_lots(shares, smallest, step, 0.0)
    assert size % step == 0.0
    assert size == 0.0 or size >= smallest
    assert size <= shares < max(size + step, smallest)
    part = sold_lots(shares, held, smallest, step, 0.0)
    assert part == held or (part % step == 0.0 and part <= shares)


def test_an_account_is_worth_its_cash_and_the_marks_of_what_it_holds():
    account = Account.of(50.0, 3)
    account.units[:] = [2.0, 0.0, 1.0]
    marks = np.array([10.0, np.nan, 30.0])  # not held: its price does not matter
    assert account.value(marks) == 100.0
    assert account.weights(marks).tolist() == [0.2, 0.0, 0.3]


def test_weights_are_put_at_their_stocks_whatever_their_order():
    stocks, date = pd.Index(["A", "B", "C"]), pd.Timestamp("2021-03-05")
    assert aligned(pd.Series({"C": 0.25, "A": 0.5}), stocks, date).tolist() == [0.5, 0.0, 0.25]
    assert aligned(pd.Series(dtype=float), stocks, date).tolist() == [0.0, 0.0, 0.0]
