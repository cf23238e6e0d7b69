"""TopkDropout: by hand, and compiled against the plain rule that a policy can call."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import Orders, TopkDropout, run
from market import Costs, DataError, Venue
from tests.backtest.worlds import NAN, one_price, random_world

FIVE = {code: [10.0] * 6 for code in ("SH600000", "SH600001", "SH600002", "SH600003", "SH600004")}
A, B, C, D, E = FIVE


def scores(market, *rows):
    """Scores of the first sessions; the last row holds for the others."""
    table = [*rows, *[rows[-1]] * (len(market.dates) - len(rows))]
    return pd.DataFrame(table, market.dates, market.stocks)


def play(market, policy, **options):
    options = {"costs": Costs.free(), "capital": 3000.0, "schedule": "daily", **options}
    return run(market, policy, **options)


@pytest.mark.parametrize(
    ("row", "sell", "buy"),
    [
        ([0.9, 0.1, 0.5, 0.8, 0.3], [B], [D]),
        ([0.9, 0.1, 0.5, 0.05, 0.3], [B], [E]),
        ([0.9, 0.1, 0.5, 0.05, 0.03], [], []),  # every outsider is worse than the worst holding
        ([0.9, NAN, 0.5, 0.05, 0.03], [B], [D]),  # a holding without a score is worst
        ([NAN] * 5, [], []),
    ],
)
def test_the_example_of_the_specification(row, sell, buy):
    score = pd.Series(row, [A, B, C, D, E])
    held = pd.Index([A, C, B])
    assert TopkDropout(score.to_frame().T, topk=3, n_drop=1).orders(score, held) == (sell, buy)


def test_three_seats_are_filled_with_95_percent_of_the_cash_and_one_changes_hands():
    m = one_price(FIVE)
    policy = TopkDropout(scores(m, [5, 4, 3, 2, 1], [5, 4, 1, 9, 2]), topk=3, n_drop=1)
    result = play(m, policy)
    first = result.trades[result.trades["date"] == m.dates[1]]
    assert dict(zip(first["stock"], first["shares"], strict=True)) == pytest.approx(
        {A: 95.0, B: 95.0, C: 95.0}
    )
    second = result.trades[result.trades["date"] == m.dates[2]]
    assert second[["stock", "side"]].to_numpy().tolist() == [[C, "sell"], [D, "buy"]]
    assert second["value"].tolist() == pytest.approx([950.0, 0.95 * (150.0 + 950.0)])
    assert len(result.trades) == 5  # from then on the best three are held
    assert result.targets.iloc[0].tolist() == pytest.approx([0.95 / 3] * 3 + [0.0])
    assert result.targets.iloc[1].to_dict()[D] == pytest.approx(0.95 * 1100.0 / 3000.0)


def test_money_for_what_cannot_be_bought_stays_in_cash():
    m = one_price({**FIVE, B: [10.0, NAN, 10.0, 10.0, 10.0, 10.0]})
    result = play(m, TopkDropout(scores(m, [5, 4, 3, 2, 1]), topk=3, n_drop=1), end=m.dates[1])
    assert result.trades["stock"].tolist() == [A, C]
    assert result.trades["value"].tolist() == pytest.approx([950.0, 950.0])
    assert result.refusals[["stock", "reason"]].to_numpy().tolist() == [[B, "suspended"]]


@pytest.mark.parametrize(("limit", "sides"), [("two_sided", []), ("one_sided", ["sell"])])
def test_at_the_upper_limit_a_sale_goes_through_under_the_one_sided_rule(limit, sides):
    can_buy = np.ones((6, 5), bool)
    can_buy[2, 2] = False
    m = one_price(FIVE, can_buy=can_buy)
    policy = TopkDropout(scores(m, [5, 4, 3, 2, 1], [5, 4, 1, 9, 2]), topk=3, n_drop=1, limit=limit)
    result = play(m, policy, end=m.dates[2])
    third = result.trades[(result.trades["date"] == m.dates[2]) & (result.trades["stock"] == C)]
    assert third["side"].tolist() == sides
    assert result.refusals["reason"].tolist() == (["limit up"] if not sides else [])


def test_no_other_policy_closes_both_sides_by_an_attribute_of_its_own():
    can_buy = np.ones((6, 5), bool)
    can_buy[2, 0] = False
    m = one_price(FIVE, can_buy=can_buy)

    class Limited:
        limit = "two_sided"

        def __call__(self, snapshot):
            return pd.Series({A: 0.5 if snapshot.date == m.dates[0] else 0.0})

    assert play(m, Limited()).trades["date"].tolist() == [m.dates[1], m.dates[2]]


def test_a_stock_without_a_price_is_no_candidate():
    m = one_price({**FIVE, B: [NAN, 10.0, 10.0, 10.0, 10.0, 10.0]})
    result = play(m, TopkDropout(scores(m, [5, 9, 3, 2, 1]), topk=2, n_drop=0), end=m.dates[1])
    assert result.trades["stock"].tolist() == [A, C]
    assert result.trades["value"].tolist() == pytest.approx([1425.0, 1425.0])


def test_a_position_is_kept_for_the_sessions_asked_for():
    m = one_price(FIVE)
    flip = scores(m, [5, 4, 3, 2, 1], [5, 4, 1, 9, 2])
    for hold, sold_on in [(1, 2), (2, 3), (3, 4)]:
        result = play(m, TopkDropout(flip, topk=3, n_drop=1, hold=hold))
        sale = result.trades[(result.trades["side"] == "sell") & (result.trades["stock"] == C)]
        assert sale["date"].tolist() == [m.dates[sold_on]]


def test_shares_come_in_lots_and_orders_pay_five_yuan_at_least():
    m = one_price(FIVE, venue=Venue(lots=Venue.cn().lots))
    m.securities["board"] = "main"
    policy = TopkDropout(scores(m, [5, 4, 3, 2, 1]), topk=3, n_drop=1)
    costs = Costs.flat(0.0005, 0.0015, minimum=5.0)
    result = play(m, policy, lots=True, costs=costs, capital=10_000.0, end=m.dates[1])
    assert result.trades["shares"].tolist() == [300.0] * 3  # 3,166 CNY each
    assert result.costs["commission"].tolist() == [0.0, 15.0]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    topk=st.integers(1, 6),
    n_drop=st.integers(0, 4),
    lots=st.booleans(),
    capital=st.sampled_from([1e4, 1e7]),
    limit=st.sampled_from(["one_sided", "two_sided"]),
)
def test_the_compiled_rule_is_the_plain_one(seed, topk, n_drop, lots, capital, limit):
    m = random_world(seed, days=25, boards=True)
    random = np.random.default_rng(seed)
    values = np.where(random.random((25, 8)) < 0.1, NAN, random.random((25, 8)).round(1))
    policy = TopkDropout(pd.DataFrame(values, m.dates, m.stocks), topk, min(n_drop, topk), limit)
    options = {"lots": lots, "capital": capital, "costs": Costs.cn()}
    fast = play(m, policy, **options)
    slow = play(m, lambda snapshot: policy(snapshot), **options)
    assert fast.nav.equals(slow.nav)
    assert (fast.cash >= 0.0).all()
    for name in ("targets", "weights", "trades", "refusals"):
        pd.testing.assert_frame_equal(getattr(fast, name), getattr(slow, name), check_freq=False)


def test_a_snapshot_gives_orders_for_a_rule_that_holds_for_one_session_only():
    m = one_price(FIVE)
    table = scores(m, [5, 4, 3, 2, 1])
    seen = []
    play(m, lambda s: seen.append(s) or TopkDropout(table, 3, 1)(s))
    assert isinstance(TopkDropout(table, 3, 1)(seen[0]), Orders)
    with pytest.raises(ValueError, match="hold is 2"):
        TopkDropout(table, 3, 1, hold=2)(seen[0])


def test_scores_must_have_the_dates_of_the_run_and_stocks_of_the_market():
    m = one_price(FIVE)
    table = scores(m, [5, 4, 3, 2, 1])
    with pytest.raises(DataError, match=r"0 rows of scores on 2021-03-03"):
        play(m, TopkDropout(table.drop(m.dates[2])))
    with pytest.raises(DataError, match="1 stocks with scores are not in the market, first X"):
        play(m, TopkDropout(table.rename(columns={A: "X"})))
    part = play(m, TopkDropout(table[[C, A]], topk=1, n_drop=1))  # the others have no score
    assert part.trades["stock"].tolist() == [A]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"topk": 0}, "topk 0"),
        ({"n_drop": 51}, "n_drop 51"),
        ({"hold": 0}, "hold 0"),
        ({"topk": 20.5}, r"topk is 20\.5; give a whole number"),
        ({"limit": "none"}, "limit is 'none'"),
        ({"invest": 1.5}, r"invest is 1\.5"),
    ],
)
def test_a_wrong_rule_says_what_would_work(options, words):
    with pytest.raises(ValueError, match=words):
        TopkDropout(pd.DataFrame(), **options)
