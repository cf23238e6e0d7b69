"""What the weekly policy attaches for the limits that read it, and limits that live on it."""

import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.attach import stock_data, weeks_since
from enhance.constraints import Soft
from market import DataError, rebalance_dates
from tests.enhance.weeks import snapshot

LIMITS = {"active_weight": 0.03, "industry_exposure": 0.05, "tracking_error": 0.06}


@pytest.fixture(scope="module")
def policy(scores, history):
    return enhance.csi500(scores, history, **LIMITS)


@pytest.fixture(scope="module")
def weeks(history):
    return rebalance_dates(history.dates)[10:]


@pytest.fixture(scope="module")
def view(world, weeks):
    return snapshot(world, weeks[6], world.index("csi500").weights_on(weeks[6]))


def columns(view, *needs, **given):
    stocks = view.market.stocks
    error = pd.Series(0.01, stocks)
    return stock_data(view, stocks, "csi500", needs, given, error)


def test_weeks_are_counted_from_the_first_session_after():
    dates = pd.DatetimeIndex(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-10", "2020-01-13"])
    state = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
    over = np.array([True, True, True, True])
    # out since the 6th: one week; since the 3rd: one; ever: one from the first; since today: none
    assert weeks_since(state, over, dates).tolist() == [1.0, 1.0, 1.0, 0.0]
    assert np.isnan(weeks_since(state, ~over, dates)).all()


def test_the_average_daily_value_is_that_of_twenty_sessions(view):
    traded = view.market.field("amount").iloc[-20:].fillna(0.0).mean()
    amount = columns(view, "amount")["amount"]
    assert amount.to_numpy() == pytest.approx(traded.to_numpy(), rel=1e-6)


def test_size_bands_follow_the_rank_of_market_value(view):
    bands = columns(view, "cap_band")["cap_band"]
    cap = view.market.cap().iloc[-1]
    assert set(bands) <= {"large", "mid", "small"}
    if (bands == "mid").any():
        assert cap[bands == "large"].min() >= cap[bands == "mid"].max()
    assert (bands == "large").sum() == min(300, len(bands))


def test_boards_and_special_treatment_are_those_of_the_date(view):
    frame = columns(view, "board", "st", "weeks_st")
    assert (frame["board"] == view.market.securities["board"].to_numpy()).all()
    assert (frame["st"] == view.market.values("st")[-1]).all()
    assert frame["weeks_st"].notna().equals(frame["st"])


def test_weeks_outside_the_index_speak_about_those_who_left(world, weeks):
    member = world.index("csi500").member
    left = np.flatnonzero((member[:-1] & ~member[1:]).any(axis=0))
    if len(left) == 0:
        pytest.skip("nobody leaves this index")
    stock = left[0]
    out = int(np.flatnonzero(member[:-1, stock] & ~member[1:, stock])[0]) + 1
    later = [date for date in world.dates[out : out + 30] if not member[world.row(date), stock]]
    seen = columns(snapshot(world, later[-1]))["weeks_out"]
    assert seen.iloc[stock] == (later[-1] - world.dates[out]).days // 7
    assert seen[member[world.row(later[-1])]].isna().all()


def test_a_column_of_ones_own_is_looked_up_by_date(view, world):
    esg = pd.DataFrame(np.arange(len(world.dates))[:, None] + 0.0 * world.field("close"))
    frame = columns(view, "esg", esg=esg)
    assert (frame["esg"].dropna() == world.row(view.date)).all()
    with pytest.raises(DataError, match="data 'esg' has no row for"):
        columns(view, "esg", esg=esg.drop(index=view.date))
    with pytest.raises(DataError, match=r"needs the column 'mood'; the policy knows amount"):
        columns(view, "mood")


def test_the_policy_takes_every_limit_that_reads_data(policy, view, world):
    esg = pd.DataFrame(0.5, world.dates, world.stocks)
    rich = policy.with_constraints(
        enhance.Participation(0.05),
        enhance.ActiveWeight(0.01, by="cap_band", times={"large": 3.0}),
        enhance.Groups(0.10, by="board"),
        enhance.Linear("esg", lower=0.1, name="esg"),
        enhance.ExcludeST(weeks=4),
        enhance.ConstituentShare(0.8, weeks=4),
        enhance.Beta(0.2),
        Soft(enhance.StyleExposure(0.2), price=0.001),
    ).with_config(data={"esg": esg}, objective=enhance.MaxAlpha(impact=enhance.Impact(0.5)))
    target = rich(view)
    assert target.weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert {"price.participation", "price.esg", "price.beta"} <= set(target.log)
    amount = columns(view, "amount")["amount"].set_axis(view.market.stocks)
    change = target.weights.sub(view.holdings, fill_value=0.0).abs() * view.capital
    assert (change <= 0.05 * amount[change.index] + 1e-5 * view.capital).all()


def test_standard_names_can_be_set_by_number(policy, view):
    small = policy.with_limits(max_names=60, min_holding=0.002, exclude_st=0.0, beta=0.3)
    target = small(view)
    assert len(target.weights) <= 60
    assert target.weights.min() >= 0.002 - 1e-6


def half_invested(world, date):
    """Half the value in cash, and only three stocks can be bought."""
    weights = 0.5 * world.index("csi500").weights_on(date)
    open_ = pd.Series(False, world.stocks)
    open_[weights.index[:3]] = True
    return snapshot(world, date, weights, can_buy=open_)


def test_cash_that_cannot_be_invested_is_left_and_recorded(policy, world, weeks):
    view = half_invested(world, weeks[6])
    capped = policy.with_limits(bounds=0.05)  # which no ladder loosens
    target = capped(view)
    cash = 1.0 - target.weights.sum()
    assert target.log["status"] == "relaxed"
    assert cash > 0.3
    assert target.log["relaxed.budget"] == pytest.approx(cash, abs=1e-3)
    assert "budget 0 ->" in target.log["relaxations"]
    assert target.weights.max() <= 0.05 + 1e-6


def test_a_ladder_may_leave_cash_before_it_gives_up_active_weights(policy, world, weeks):
    view = half_invested(world, weeks[6])
    every = [kind for kind in enhance.WEEKLY if kind is not enhance.Budget]
    first = every.index(enhance.ActiveWeight)
    careful = policy.with_config(ladder=(*every[:first], enhance.Budget, *every[first:]))
    assert "relaxed.budget" not in policy(view).log  # three stocks take it all
    log = careful(view).log
    assert log["relaxed.budget"] > 0.1
    assert log.get("relaxed.active_weight", 0.03) < policy(view).log["relaxed.active_weight"]


def test_nothing_at_all_can_be_bought_and_the_week_goes_on(policy, world, weeks):
    weights = 0.9 * world.index("csi500").weights_on(weeks[6])
    shut = pd.Series(False, world.stocks)
    target = policy(snapshot(world, weeks[6], weights, can_buy=shut, can_sell=shut))
    assert target.weights.sum() == pytest.approx(0.9, abs=1e-6)
    assert target.log["relaxed.budget"] == pytest.approx(0.1, abs=1e-3)


def test_a_reserve_that_cannot_be_raised_gives_last(policy, world, weeks):
    weights = world.index("csi500").weights_on(weeks[6])
    shut = pd.Series(False, world.stocks)
    reserve = policy.with_limits(budget=0.05)
    target = reserve(snapshot(world, weeks[6], weights, can_buy=shut, can_sell=shut))
    assert target.weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert target.log["relaxed.budget"] == pytest.approx(0.0, abs=1e-4)
