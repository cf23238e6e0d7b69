"""Group portfolios: worked by hand, held against a plain account, and the identities between them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpha import evaluate

STOCKS = pd.Index([f"SH{600000 + i}" for i in range(20)])


def frame(values, start="2020-01-06"):  # a Monday
    values = np.asarray(values, float)
    return pd.DataFrame(
        values, pd.bdate_range(start, periods=len(values)), STOCKS[: values.shape[1]]
    )


def world(days=40, stocks=12, seed=0, gaps=0.05):
    rng = np.random.default_rng(seed)
    scores = frame(rng.normal(size=(days, stocks)))
    returns = frame(rng.normal(0, 0.05, (days, stocks)))
    return scores, returns.mask(rng.random(returns.shape) < gaps)


def plain_account(scores, returns, count, decided, delay=1):
    """One stock at a time, one group at a time, in money: the slow road."""
    dates = list(returns.index)
    last = dates.index(scores.index[-1])
    money, income, turnover = None, {}, {}
    for d in range(last + 1):
        if money is not None:
            before = [sum(group.values()) for group in money]
            for group in money:
                for name in group:
                    r = returns.loc[dates[d], name]
                    group[name] *= 1.0 + (0.0 if np.isnan(r) else r)
            income[dates[d]] = [sum(g.values()) / b - 1 for g, b in zip(money, before, strict=True)]
        signal = dates[d - delay] if d >= delay else None
        if signal in decided and d < last:
            s = scores.loc[signal][returns.loc[dates[d]].notna()].dropna()
            ranked = list(s.sort_values(ascending=False, kind="stable").index)
            fresh = [list(part) for part in np.array_split(np.array(ranked), count)]
            target = [{str(name): 1.0 / len(part) for name in part} for part in fresh]
            if money is not None:
                held = [{n: v / sum(g.values()) for n, v in g.items()} for g in money]
                turnover[signal] = [
                    0.5 * sum(abs(t.get(n, 0) - h.get(n, 0)) for n in {*t, *h})
                    for t, h in zip(target, held, strict=True)
                ]
            money = target
    return pd.DataFrame(income).T, pd.DataFrame(turnover).T


def test_a_group_drifts_between_rebalances_and_pays_for_it_in_turnover():
    scores = frame(np.tile(np.arange(12.0)[::-1], (12, 1)))  # stock 0 best, every day
    returns = frame(np.zeros((12, 12)))
    returns.iloc[5, 0] = 1.0  # Monday of the second week: bought at its close, not yet held
    returns.iloc[6, 0] = 1.0  # Tuesday: stock 0 doubles, weights 1/6 become 2/7 and five 1/7
    returns.iloc[8, 0] = 0.5  # Thursday: the group gains half of 2/7
    found = evaluate.groups(scores, returns, count=2)
    assert list(found.turnover.index) == [scores.index[4], scores.index[9]]  # Fridays
    assert found.returns.index[0] == scores.index[6]
    assert found.returns.loc[scores.index[6], 1] == pytest.approx(1 / 6)
    assert found.returns.loc[scores.index[8], 1] == pytest.approx(1 / 7)
    assert (found.returns[2] == 0.0).all()
    assert np.isnan(found.turnover.iloc[0, 0])
    # at the next trade stock 0 is 3 of 8 parts, wanted 1/6: half of (3/8 - 1/6) + 5 (1/6 - 1/8)
    assert found.turnover.iloc[1, 0] == pytest.approx(0.5 * (3 / 8 - 1 / 6 + 5 * (1 / 6 - 1 / 8)))
    assert found.turnover.iloc[1, 1] == 0.0


@pytest.mark.parametrize(("count", "schedule", "delay"), [(2, "weekly", 1), (5, 3, 1), (3, 4, 2)])
def test_returns_and_turnover_are_those_of_a_plain_account(count, schedule, delay):
    scores, returns = world(stocks=20, gaps=0.1)
    scores = scores.mask(np.random.default_rng(1).random(scores.shape) < 0.1)
    found = evaluate.groups(scores, returns, count, schedule, delay)
    income, turnover = plain_account(scores, returns, count, set(found.turnover.index), delay)
    np.testing.assert_allclose(found.returns, income, atol=1e-12)
    np.testing.assert_allclose(found.turnover.iloc[1:], turnover, atol=1e-12)


def test_group_returns_weighted_by_size_are_the_universe_on_the_day_after_a_trade():
    scores, returns = world(stocks=11)
    found = evaluate.groups(scores, returns.fillna(0.0), count=4, schedule="daily")
    np.testing.assert_allclose(
        np.average(found.returns, axis=1, weights=[3, 3, 3, 2]), found.universe, atol=1e-14
    )
    np.testing.assert_allclose(found.universe, returns.fillna(0.0).mean(axis=1)[2:], atol=1e-14)


def test_daily_groups_are_quantile_returns_of_the_day_after_tomorrow():
    scores, returns = world(stocks=12, gaps=0.0)
    found = evaluate.groups(scores, returns, count=5, schedule="daily").returns
    label = returns.shift(-2)
    expected = evaluate.quantile_returns(scores, label)
    np.testing.assert_allclose(found, expected.iloc[:-2], atol=1e-14)


def test_an_unchanged_score_without_drift_has_no_turnover_and_a_reversed_one_all_of_it():
    returns = frame(np.zeros((20, 12)))
    same = frame(np.tile(np.arange(12.0), (20, 1)))
    assert (evaluate.groups(same, returns, 3).turnover.iloc[1:] == 0.0).all(axis=None)
    signs = np.where(np.arange(20) // 5 % 2 == 0, 1.0, -1.0)
    flipped = evaluate.groups(same.mul(signs, axis=0), returns, 2)
    np.testing.assert_allclose(flipped.turnover.iloc[1:], 1.0)


def test_a_stock_suspended_on_the_entry_day_is_left_out_and_a_held_one_keeps_its_price():
    scores = frame(np.tile(np.arange(12.0)[::-1], (10, 1)))
    returns = frame(np.full((10, 12), 0.01))
    returns.iloc[5, 0] = np.nan  # the entry session of the first Friday
    returns.iloc[6, 1] = np.nan  # held, does not trade
    found = evaluate.groups(scores, returns, count=2)
    assert found.returns.iloc[0, 0] == pytest.approx(0.01 * 5 / 6)  # stocks 1..6, of which 1 stands


def test_a_rebalance_with_too_few_stocks_is_not_measured_until_the_next():
    scores, returns = world(days=20, gaps=0.0)
    scores.iloc[9, :3] = np.nan  # nine stocks on the second Friday
    found = evaluate.groups(scores, returns, count=3)
    missing = found.returns.isna().any(axis=1)
    assert list(found.returns.index[missing]) == list(scores.index[11:16])
    assert found.turnover.isna().all(axis=1).tolist() == [True, True, True]


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_the_names_does_not_matter(order):
    scores, returns = world(days=20)
    moved = evaluate.groups(scores.iloc[:, list(order)], returns, 4)
    still = evaluate.groups(scores, returns, 4)
    np.testing.assert_allclose(moved.returns, still.returns, atol=1e-13)
    np.testing.assert_allclose(moved.turnover, still.turnover, atol=1e-13)


def test_later_scores_and_returns_leave_earlier_days_as_they_are():
    scores, returns = world()
    before = evaluate.groups(scores, returns, 3).returns
    scores.iloc[25:] = scores.iloc[25:] * -1.0
    returns.iloc[27:] = 0.9
    after = evaluate.groups(scores, returns, 3).returns
    known = before.index <= returns.index[26]
    pd.testing.assert_frame_equal(before[known], after[known])


def test_the_summary_puts_excess_beside_turnover():
    scores, returns = world(days=60)
    found = evaluate.groups(scores, returns, 3)
    table = found.summary("sum")
    assert list(table.index) == [1, 2, 3, "long_short"]
    excess = found.returns[1] - found.universe
    assert table.loc[1, "excess"] == pytest.approx(excess.mean() * 252)
    assert table.loc[1, "annual"] == pytest.approx(found.returns[1].mean() * 252)
    assert table.loc[1, "volatility"] == pytest.approx(excess.std() * 252**0.5)
    assert table.loc[2, "turnover"] == pytest.approx(found.turnover[2].iloc[1:].mean())
    spread = found.returns[1] - found.returns[3]
    assert table.loc["long_short", "annual"] == pytest.approx(spread.mean() * 252)


def test_what_cannot_be_held_is_refused():
    scores, returns = world(days=10)
    with pytest.raises(ValueError, match=r"count >= 2 \(is 1\)"):
        evaluate.groups(scores, returns, count=1)
    with pytest.raises(ValueError, match=r"delay >= 1 \(is 0\)"):
        evaluate.groups(scores, returns, delay=0)
    with pytest.raises(ValueError, match="3 of 10 dates of the scores are not in the returns"):
        evaluate.groups(scores, returns.iloc[3:])
    with pytest.raises(ValueError, match="no rebalance between 2020-01-06 and 2020-01-09"):
        evaluate.groups(scores.iloc[:4], returns)
