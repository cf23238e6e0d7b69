"""Several accounts in one pass, orders as answers, and what a schedule and a benchmark must be."""

import numpy as np
import pandas as pd
import pytest

from backtest import BenchmarkPolicy, BuyAndHold, FixedWeights, Orders, TopkDropout, TopN, run
from market import Costs, DataError
from tests.backtest.worlds import NAN, one_price, random_targets, random_world

A, B, C = "SH600000", "SH600001", "SH600002"
NONE = pd.Series(dtype=float)


def same(one, two):
    assert one.nav.equals(two.nav)
    for name in ("targets", "weights", "trades", "refusals", "costs"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    assert one.config == two.config


def test_policies_by_name_are_played_as_each_would_be_alone():
    m = random_world(3, days=30)
    values = pd.DataFrame(
        np.random.default_rng(0).random((30, 8)), m.dates, m.stocks
    )  # fmt: skip
    policies = {
        "index": BenchmarkPolicy("half"),
        "best": TopN(values, 3),
        "dropout": TopkDropout(values, 3, 1),
        "fixed": FixedWeights(random_targets(m, 1, every=1)),
    }
    options = {"schedule": "daily", "costs": Costs.cn(), "capital": 1e5}
    together = run(m, policies, **options)
    assert list(together) == list(policies)
    for name, policy in policies.items():
        same(together[name], run(m, policy, **options))
    assert together["index"].config["benchmark"] == "half"
    assert together["fixed"].benchmark is None


def test_what_policies_see_of_the_market_is_made_once_a_session():
    m = random_world(3, days=12, quiet=True)
    seen = {"one": [], "two": []}

    def watch(name):
        return lambda s: (seen[name].append(s), pd.Series({A: 0.5}))[1]

    run(m, {name: watch(name) for name in seen}, schedule="daily")
    for one, two in zip(seen["one"], seen["two"], strict=True):
        assert one.market is two.market
        assert one.can_buy is two.can_buy


def test_targets_known_in_advance_are_what_a_policy_would_have_answered():
    m = random_world(9, days=30, boards=True)
    targets = random_targets(m, 9, every=2)
    options = {"schedule": targets.index, "costs": Costs.cn(), "capital": 1e5, "lots": True}
    known = run(m, FixedWeights(targets), **options)
    asked = run(m, lambda s: targets.loc[s.date], **options)
    assert known.nav.equals(asked.nav)
    pd.testing.assert_frame_equal(known.trades, asked.trades)
    pd.testing.assert_frame_equal(known.refusals, asked.refusals)


def test_buy_and_hold_buys_once_and_lets_the_weights_drift():
    m = one_price({A: [10, 10, 20, 20, 20], B: [10, 10, 10, 10, 10]})
    policy = BuyAndHold(pd.Series({A: 0.5, B: 0.25}))
    result = run(m, policy, schedule="daily", costs=Costs.free(), capital=1000.0)
    assert result.trades["shares"].tolist() == [50.0, 25.0]
    assert result.nav.tolist() == pytest.approx([1.0, 1.0, 1.5, 1.5, 1.5])
    assert result.targets.iloc[-1].tolist() == pytest.approx([2 / 3, 1 / 6])
    assert result.turnover.tolist() == pytest.approx([0.375, 0.0, 0.0, 0.0])


def test_orders_close_positions_and_spend_shares_of_the_cash_after_the_sales():
    m = one_price({A: [10.0] * 4, B: [5.0] * 4})
    answers = iter(
        [
            Orders(pd.Index([]), pd.Series({A: 0.8}), {"step": 1}),
            Orders(pd.Index([A]), pd.Series({B: 0.5}), {"step": 2}),
            Orders(pd.Index([]), NONE, {"step": 3}),
        ]
    )
    result = run(
        m, lambda s: next(answers), schedule="daily", costs=Costs.free(), capital=1000.0
    )  # fmt: skip
    assert result.trades["side"].tolist() == ["buy", "sell", "buy"]
    assert result.trades["shares"].tolist() == [80.0, 80.0, 100.0]
    assert result.solver["step"].tolist() == [1, 2, 3]
    assert result.targets.to_numpy().tolist() == [[0.8, 0.0], [0.0, 0.5], [0.0, 0.5]]


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        (Orders(pd.Index([A]), pd.Series({A: 0.5})), "two orders on 2021-03-01, first SH600000"),
        (Orders(pd.Index([A, A]), NONE), "two orders on 2021-03-01, first SH600000"),
        (Orders(pd.Index(["X"]), NONE), "sell on 2021-03-01.*not in the market, first X"),
        (Orders(pd.Index([]), pd.Series({"X": 0.5})), "2021-03-01.*not in the market.*X"),
        (Orders(pd.Index([]), pd.Series({A: NAN})), "2021-03-01.*missing.*SH600000"),
        (Orders(pd.Index([]), pd.Series({A: -0.5})), "2021-03-01.*negative.*SH600000"),
        (Orders(pd.Index([]), pd.Series({A: 0.7, B: 0.7})), "Orders.spend on 2021-03-01.*above 1"),
        (Orders(pd.Index([B]), NONE), "sell on 2021-03-01.*not held, first SH600001"),
        (Orders(pd.Index([]), pd.Series({C: 0.5})), f"to buy have no price.*2021-03-01, first {C}"),
    ],
)
def test_wrong_orders_name_the_stock_and_the_date(orders, words):
    m = one_price({A: [10.0] * 4, B: [5.0] * 4, C: [NAN, 3.0, 3.0, 3.0]})
    with pytest.raises(DataError, match=words):
        run(m, lambda s: orders, schedule="daily")


def test_an_explicit_schedule_with_a_date_that_is_no_session_names_it():
    m = one_price({A: [10.0] * 6})
    with pytest.raises(DataError, match="not sessions, first 2021-03-06"):
        run(m, BuyAndHold(pd.Series({A: 1.0})), schedule=["2021-03-02", "2021-03-06"])


def test_a_table_of_wrong_weights_names_the_first_date_and_stock():
    m = one_price({A: [10.0] * 6, B: [5.0] * 6})
    good = pd.DataFrame(0.5, m.dates[:4], m.stocks)
    for value, words in [
        (0.7, "2021-03-03 sum to 1.2.*above 1"),
        (NAN, "2021-03-03.*missing.*SH600001"),
        (-0.2, "2021-03-03.*negative.*SH600001"),
    ]:
        bad = good.copy()
        bad.iloc[2, 1] = value
        with pytest.raises(DataError, match=words):
            run(m, FixedWeights(bad), schedule=bad.index)
    with pytest.raises(DataError, match=r"2021-03-01.*not in the market.*X"):
        run(m, FixedWeights(good.rename(columns={B: "X"})), schedule=good.index)
    with pytest.raises(DataError, match="2 rows of targets on 2021-03-02"):
        run(m, FixedWeights(good.iloc[[0, 1, 1, 2]]), schedule=good.index[:3])


def test_a_table_in_another_order_of_stocks_or_dates_is_the_same_table():
    m = one_price({A: [10.0, 11.0, 12.0, 11.0], B: [5.0, 5.0, 6.0, 5.0]})
    table = pd.DataFrame([[0.5, 0.1], [0.2, 0.3], [0.9, 0.0]], m.dates[:3], m.stocks)
    options = {"schedule": "daily", "costs": Costs.free()}
    one = run(m, FixedWeights(table), **options)
    two = run(m, FixedWeights(table[[B, A]].iloc[::-1]), **options)
    assert one.nav.equals(two.nav)
