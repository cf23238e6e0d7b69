"""The weekly policy over weeks of a simulated market, and over weeks made to be awkward."""

import numbers
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
import market
from market import DataError
from tests.enhance.weeks import drifted, snapshot

LIMITS = {"active_weight": 0.03, "industry_exposure": 0.05, "tracking_error": 0.06}


@pytest.fixture(scope="module")
def policy(scores, history):
    return enhance.csi500(scores, history, **LIMITS)


@pytest.fixture(scope="module")
def weeks(history):
    return market.rebalance_dates(history.dates)[10:]


def test_the_first_portfolio_is_built_without_a_turnover_limit(policy, world, weeks):
    target = policy(snapshot(world, weeks[0]))
    assert target.weights.sum() == pytest.approx(1.0, abs=1e-8)
    assert target.log["initial_build"] is True
    assert target.log["turnover"] == pytest.approx(0.5)
    assert "price.turnover" not in target.log


def test_a_run_of_weeks_keeps_every_limit_or_says_which_gave(policy, world, weeks):
    holdings, before = pd.Series(dtype=float), None
    for date in weeks[:15]:
        if before is not None:
            holdings = drifted(world, holdings, before, date)
        view = snapshot(world, date, holdings)
        target = policy(view)
        log, weights = target.log, target.weights
        assert (weights > 0.0).all()
        assert weights.sum() == pytest.approx(1.0, abs=1e-6)
        assert log["tracking_error"] <= log.get("relaxed.tracking_error", 0.06) * 1.0002
        assert log["constituent_share"] >= log.get("relaxed.constituent_share", 0.80) - 1e-5
        if before is not None:
            change = weights.sub(holdings, fill_value=0.0)
            limit = log.get("relaxed.turnover", 0.20)
            assert 0.5 * change.abs().sum() <= limit + 1e-5
            assert (change[~view.can_buy[change.index]] <= 1e-9).all()
            assert (change[~view.can_sell[change.index]] >= -1e-9).all()
        holdings, before = weights, date


def test_deleted_members_and_suspensions_never_stop_the_policy(policy, world, weeks):
    rng = np.random.default_rng(0)
    relaxed = 0
    for k, date in enumerate(weeks[:8]):
        members = world.index("csi500").members_on(date)
        strangers = world.stocks[world.values("listed")[world.row(date)]].difference(members)
        held = pd.concat(
            [
                pd.Series(rng.exponential(1.0, len(members)), members),
                pd.Series(rng.exponential(0.4 * (k + 1), 12), strangers[:12]),
            ]
        )
        frozen = pd.Series(rng.random(len(world.stocks)) > 0.05 * k, world.stocks)
        view = snapshot(world, date, held / held.sum(), can_buy=frozen, can_sell=frozen)
        target = policy(view)
        change = target.weights.sub(view.holdings, fill_value=0.0)
        assert (change[~frozen[change.index]].abs() < 1e-9).all()
        relaxed += target.log["status"] == "relaxed"
        assert (target.log["relaxations"] != "") == (target.log["status"] == "relaxed")
    assert relaxed > 0


def test_the_log_is_one_row_of_scalars(policy, world, weeks):
    held = world.index("csi500").weights_on(weeks[3])
    log = policy(snapshot(world, weeks[3], held)).log
    plain = (str, bool, numbers.Real)
    assert [key for key, value in log.items() if not isinstance(value, plain)] == []
    assert {"status", "seconds", "iterations", "names", "cost", "transfer_coefficient"} <= set(log)
    assert {"price.turnover", "active.size", "active.country"} <= set(log)
    assert log["candidates"] >= log["names"]


def test_a_missing_score_date_says_what_there_is(policy, world, scores, weeks):
    short = enhance.Enhancer(scores.loc[: weeks[1]], policy.risk, policy.config)
    with pytest.raises(DataError, match=rf"no scores for {weeks[2]:%Y-%m-%d}; they run from"):
        short(snapshot(world, weeks[2]))


def test_a_date_of_missing_scores_is_refused(policy, world, scores, weeks):
    empty = scores.copy()
    empty.loc[weeks[2]] = np.nan
    with pytest.raises(DataError, match="are missing or of stocks that the market lacks"):
        enhance.Enhancer(empty, policy.risk, policy.config)(snapshot(world, weeks[2]))


def test_scores_that_are_no_z_scores_are_refused(policy, world, scores, weeks):
    returns = enhance.Enhancer(0.01 * scores, policy.risk, policy.config)
    with pytest.raises(
        DataError, match=r"standard deviation 0\.0\d+ over \d+ stocks; give z-scores"
    ):
        returns(snapshot(world, weeks[2]))


def test_repeated_score_dates_are_refused(policy, scores):
    with pytest.raises(DataError, match="repeated date"):
        enhance.Enhancer(pd.concat([scores, scores]), policy.risk, policy.config)


def test_unscored_stocks_are_counted_and_strangers_among_them_not_bought(
    policy, world, scores, weeks
):
    date = weeks[4]
    members = world.index("csi500").members_on(date)
    few = scores.copy()
    few.loc[date, few.columns.difference(members[2:])] = np.nan
    held = world.index("csi500").weights_on(date)
    target = enhance.Enhancer(few, policy.risk, policy.config)(snapshot(world, date, held))
    assert target.log["unscored_members"] == 2
    assert target.weights.index.difference(members).empty
    assert target.log["candidates"] == len(members)


def test_scores_after_the_date_do_not_matter(policy, world, scores, weeks):
    date = weeks[5]
    held = world.index("csi500").weights_on(date)
    other = scores.copy()
    other.loc[other.index > date] *= -1.0
    changed = enhance.Enhancer(other, policy.risk, policy.config)
    one, two = (p(snapshot(world, date, held)).weights for p in (policy, changed))
    pd.testing.assert_series_equal(one, two, check_exact=True)


def test_with_limits_sets_adds_and_removes_by_name(policy):
    other = policy.with_limits(turnover=0.1, constituent_share=None, bounds=0.05)
    limits = {c.name: c.limit for c in other.config.constraints}
    assert limits["turnover"] == 0.1
    assert limits["bounds"] == 0.05
    assert "constituent_share" not in limits
    assert "constituent_share" in {c.name for c in policy.config.constraints}
    again = other.with_limits(constituent_share=0.9)
    assert {c.name: c.limit for c in again.config.constraints}["constituent_share"] == 0.9


def test_with_limits_refuses_an_unknown_name_and_lists_those_that_exist(policy):
    with pytest.raises(ValueError, match=r"no limit is called 'turn'; there are turnover"):
        policy.with_limits(turn=0.1)


def test_a_tighter_turnover_limit_trades_less(policy, world, weeks):
    held = drifted(world, world.index("csi500").weights_on(weeks[3]), weeks[3], weeks[4])
    for limit in (0.05, 0.15):
        log = policy.with_limits(turnover=limit)(snapshot(world, weeks[4], held)).log
        assert log["turnover"] == pytest.approx(limit, abs=1e-5)


def stuck(world, date):
    """Holdings far from the index that a tenth of turnover cannot repair."""
    weights = world.index("csi500").weights_on(date)
    strangers = world.stocks[world.values("listed")[world.row(date)]].difference(weights.index)
    held = pd.concat([0.3 * weights, pd.Series(0.7 / 20, strangers[:20])])
    return snapshot(world, date, held)


def test_on_infeasible_relax_records_what_gave(policy, world, weeks):
    log = policy(stuck(world, weeks[6])).log
    assert log["status"] == "relaxed"
    assert log["relaxations"].startswith("turnover 0.2 -> ")
    assert log["relaxed.turnover"] == pytest.approx(0.5, abs=0.01)


def test_on_infeasible_raise_stops_with_the_diagnosis(policy, world, weeks):
    with pytest.raises(enhance.InfeasibleError, match="constituent_share"):
        policy.with_config(on_infeasible="raise")(stuck(world, weeks[6]))


def test_on_infeasible_hold_keeps_the_holdings_and_says_why(policy, world, weeks):
    view = stuck(world, weeks[6])
    target = policy.with_config(on_infeasible="hold")(view)
    pd.testing.assert_series_equal(target.weights, view.holdings)
    assert target.log["status"] == "held"
    assert "no portfolio meets all of" in target.log["reason"]


@pytest.mark.parametrize("change", [{"ic": 0.0}, {"ic": float("nan")}, {"on_infeasible": "ignore"}])
def test_a_senseless_configuration_is_refused(policy, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        policy.with_config(**change)


def test_a_higher_ic_trades_more_against_the_same_costs(policy, world, weeks):
    date = weeks[4]
    held = world.index("csi500").weights_on(date)
    free = policy.with_limits(turnover=None)
    low, high = (
        free.with_config(ic=ic)(snapshot(world, date, held)).log["turnover"] for ic in (0.002, 0.05)
    )
    assert low < high


def test_presets_carry_the_limits_of_their_index(scores, history):
    for make, name, te in (
        (enhance.csi300, "csi300", 0.04),
        (enhance.csi500, "csi500", 0.05),
        (enhance.csi1000, "csi1000", 0.05),
    ):
        policy = make(scores, history)
        limits = {c.name: c.limit for c in policy.config.constraints}
        assert policy.benchmark == name
        assert limits["tracking_error"] == te
        assert limits["turnover"] == 0.20
        assert limits["constituent_share"] == 0.80
        assert repr(policy).startswith(f"Enhancer({name}: ")
    assert "turnover" not in repr(enhance.csi300(scores, history, turnover=None))


def test_a_cash_buffer_is_a_limit_of_the_preset(scores, history, world, weeks):
    policy = enhance.csi500(scores, history, budget=0.02, **LIMITS)
    weights = policy(snapshot(world, weeks[0])).weights
    assert weights.sum() == pytest.approx(0.98, abs=1e-6)


def test_kept_stocks_stay_in_the_target_and_out_of_the_budget(policy, world, weeks):
    date = weeks[3]
    risk = policy.risk.at(date, world)
    uncovered = world.stocks.difference(risk.exposures.index)
    if uncovered.empty:
        pytest.skip("the risk model covers every stock of this market")
    held = pd.concat(
        [0.95 * world.index("csi500").weights_on(date), pd.Series({uncovered[0]: 0.05})]
    )
    locked = pd.Series(world.stocks != uncovered[0], world.stocks)
    target = policy(snapshot(world, date, held, can_sell=locked))
    assert target.weights[uncovered[0]] == 0.05
    assert target.weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert target.log["uncovered_kept"] == pytest.approx(0.05)


def test_limits_are_values_that_can_be_replaced():
    config = enhance.EnhancerConfig("csi300", (enhance.Budget(),))
    assert replace(config, ic=0.1).ic == 0.1
    assert config == enhance.EnhancerConfig("csi300", (enhance.Budget(),))
