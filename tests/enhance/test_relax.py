"""Infeasible problems: the culprits, the nearest limits, and what gives first."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import enhance
from enhance.relax import feasible, nearest, repair
from tests.enhance.cases import STANDARD, case, swap, without


def drifted(share=0.18, **kwargs):
    """A rebalance that starts with ``share`` in stocks that were deleted from the benchmark."""
    c = case(**kwargs)
    outside = pd.Series(share / 10, index=c.alpha.index[30:40])
    c.holdings = pd.concat([(1 - share) * c.holdings, outside])
    return c


TIGHT = swap(STANDARD, enhance.Turnover(0.05), enhance.ActiveWeight(0.01))


def test_the_message_names_the_culprits_and_what_is_forced():
    # ten deleted members at 1.8% each must come down to 1%: 8% of value, above the turnover limit
    with pytest.raises(enhance.InfeasibleError) as caught:
        drifted(constraints=TIGHT).solve()
    diagnosis = caught.value.diagnosis
    assert {"turnover", "active_weight"} <= set(diagnosis.conflict)
    assert not {"tracking_error", "style_exposure", "no_buy"} & set(diagnosis.conflict)
    changes = diagnosis.forced["change"]
    assert changes[changes < 0].sum() == pytest.approx(-0.08, abs=1e-6)
    sold = diagnosis.forced[changes < -0.005]
    assert set(sold["why"]) == {"stocks outside the benchmark"}
    assert set(diagnosis.forced["constraint"]) == {"active_weight"}
    message = str(caught.value)
    assert "10 stocks to sell 0.0800 of value (first SH600030)" in message
    assert "turnover 0.05 ->" in message
    assert "on 60 stocks on 2020-01-03" in message


def test_the_conflict_is_irreducible():
    c = drifted(constraints=TIGHT)
    with pytest.raises(enhance.InfeasibleError) as caught:
        c.solve()
    names = caught.value.diagnosis.conflict
    members = [k for k in TIGHT if k.name in names]
    problem = c.problem()
    assert not feasible(problem, members)
    for one in members:
        assert feasible(problem, [k for k in members if k is not one])


def test_a_problem_that_has_a_portfolio_has_no_diagnosis():
    assert enhance.diagnose(case().problem(), STANDARD) is None


def test_every_quoted_limit_can_be_met_and_slightly_less_cannot():
    c = drifted(constraints=TIGHT)
    with pytest.raises(enhance.InfeasibleError) as caught:
        c.solve()
    alone = caught.value.diagnosis.alone
    assert len(alone) >= 2
    for name, (asked, met) in alone.items():
        limit = next(k for k in TIGHT if k.name == name)
        assert limit.limit == asked
        replace(c, constraints=swap(TIGHT, replace(limit, limit=met))).solve()
        short = asked + 0.99 * (met - asked)
        with pytest.raises(enhance.InfeasibleError):
            replace(c, constraints=swap(TIGHT, replace(limit, limit=short))).solve()


def test_the_sentence_on_turnover_says_by_whom_it_is_forced():
    """Eleven deleted members at 1.8% must come down to 1%, and only ten basis points may trade."""
    c = case(constraints=swap(STANDARD, enhance.Turnover(0.02), enhance.ActiveWeight(0.01)))
    outside = pd.Series(0.018, index=c.alpha.index[30:41])
    held = 1.0 - outside.sum()
    c.holdings = pd.concat([held * c.benchmark, outside])
    weeks_out = pd.Series(np.nan, c.alpha.index, name="weeks_out")
    weeks_out[outside.index] = 0.0
    with pytest.raises(enhance.InfeasibleError) as caught:
        c.solve(data=weeks_out.to_frame())
    diagnosis = caught.value.diagnosis
    needs = diagnosis.alone["turnover"][1]
    assert needs == pytest.approx(0.088, abs=1e-4)
    sentence = diagnosis.repairs.loc["turnover", "sentence"]
    assert sentence.startswith("turnover 2% cannot hold: 8.8% is forced by 11 deleted members")
    assert sentence.endswith(f"needs {100 * needs:.5g}%")
    assert sentence in str(caught.value)
    # spread over four weeks, a quarter of it is forced in the first
    phased = swap(STANDARD, enhance.Turnover(0.03), enhance.ActiveWeight(0.01, weeks=4))
    solution = replace(c, constraints=phased).solve(data=weeks_out.to_frame())
    assert solution.weights[outside.index].max() <= 0.01 + 0.008 * 3 / 4 + 1e-6


def test_a_constituent_share_says_how_much_has_to_move():
    c = drifted(0.30, constraints=swap(STANDARD, enhance.Turnover(0.05)))
    with pytest.raises(enhance.InfeasibleError) as caught:
        c.solve()
    sentence = caught.value.diagnosis.repairs.loc["turnover", "sentence"]
    assert "10% must move into members for constituent_share; needs 10.001%" in sentence


def test_a_limit_that_cannot_be_repaired_alone_is_said_to_be_one():
    c = drifted(0.36, constraints=swap(STANDARD, enhance.TrackingError(0.5)))
    c.can_buy = c.can_sell = pd.Series(~c.alpha.index.isin(c.alpha.index[30:40]), c.alpha.index)
    tight = swap(c.constraints, enhance.Turnover(0.0), enhance.ActiveWeight(0.02))
    with pytest.raises(enhance.InfeasibleError) as caught:
        replace(c, constraints=tight).solve()
    repairs = caught.value.diagnosis.repairs
    hopeless = repairs[repairs["nearest"].isna()]
    assert len(hopeless) > 0
    assert hopeless["sentence"].str.endswith("cannot be repaired alone").all()


def test_repairs_outside_the_conflict_would_be_no_cure():
    c = drifted(constraints=TIGHT)
    with pytest.raises(enhance.InfeasibleError) as caught:
        c.solve()
    conflict = set(caught.value.diagnosis.conflict)
    problem = c.problem()
    for one in TIGHT:
        if one.name not in conflict and not one.hard:
            assert repair(problem, TIGHT, one) is None


def test_turnover_gives_first_and_no_more_than_needed():
    c = drifted(constraints=TIGHT)
    solution = c.solve(relax=enhance.WEEKLY)
    assert list(solution.relaxations) == ["turnover"]
    asked, used = solution.relaxations["turnover"]
    assert asked == 0.05
    replace(c, constraints=swap(TIGHT, enhance.Turnover(used))).solve()  # enough, and hardly more
    with pytest.raises(enhance.InfeasibleError):
        replace(c, constraints=swap(TIGHT, enhance.Turnover(used - 2e-4))).solve()
    assert solution.status == "relaxed"
    assert solution.turnover <= used + 1e-6


def test_the_next_limit_gives_only_when_unlimited_turnover_is_not_enough():
    # a suspended overweight in one industry breaks the industry limit whatever is traded
    c = case(constraints=swap(TIGHT, enhance.IndustryExposure(0.01)))
    industry = c.risk.exposures["industry_0"].to_numpy() > 0
    held = pd.Series(np.where(industry, 1.0, 0.3), index=c.alpha.index)
    c.holdings = held / held.sum()
    stuck = pd.Series(~industry, index=c.alpha.index)
    c.can_buy = c.can_sell = stuck
    solution = c.solve(relax=enhance.WEEKLY)
    given_up = list(solution.relaxations)
    assert "industry_exposure" in given_up
    assert "tracking_error" not in given_up or "active_weight" in given_up
    stuck_weight = c.holdings[industry].sum() - c.benchmark[industry[:30]].sum()
    assert solution.relaxations["industry_exposure"][1] == pytest.approx(stuck_weight, abs=2e-4)


def test_the_ladder_is_lexicographic():
    """What gives later is least first; what gives earlier is least given that."""
    c = drifted(constraints=TIGHT)
    weight_first = c.solve(relax=(enhance.ActiveWeight, enhance.Turnover)).relaxations
    turnover_first = c.solve(relax=(enhance.Turnover, enhance.ActiveWeight)).relaxations
    assert list(weight_first) == ["active_weight"]
    assert list(turnover_first) == ["turnover"]


def test_several_limits_give_together_where_none_is_enough():
    # a third of the value is locked outside the benchmark: share and active weight must both give
    c = drifted(0.36, constraints=swap(STANDARD, enhance.TrackingError(0.5)))
    stuck = pd.Series(~c.alpha.index.isin(c.alpha.index[30:40]), index=c.alpha.index)
    c.can_buy = c.can_sell = stuck
    with pytest.raises(enhance.InfeasibleError) as caught:
        c.solve()
    assert "constituent_share" in caught.value.diagnosis.conflict
    assert "blocked" in str(caught.value)
    solution = c.solve(relax=enhance.WEEKLY)
    asked, used = solution.relaxations["constituent_share"]
    assert asked == 0.80
    assert used == pytest.approx(0.64, abs=2e-4)
    assert len(solution.forced) == 10  # 3.6% each against a band of 3%


def test_hard_limits_never_give():
    with pytest.raises(ValueError, match="LongOnly is never relaxed"):
        case().solve(relax=(enhance.LongOnly,))


def test_a_ladder_that_does_not_reach_the_conflict_raises():
    c = drifted(constraints=TIGHT)
    with pytest.raises(enhance.InfeasibleError):
        c.solve(relax=(enhance.StyleExposure,))


def test_a_conflict_of_hard_limits_says_that_nothing_can_be_loosened():
    c = case(constraints=swap(STANDARD, enhance.Budget(0.5)))
    c.can_sell = pd.Series(False, index=c.alpha.index)  # half must be cash, nothing can be sold
    with pytest.raises(enhance.InfeasibleError) as caught:
        c.solve(relax=enhance.WEEKLY[:-1])
    assert set(caught.value.diagnosis.conflict) == {"no_sell", "long_only", "budget"}
    assert "budget 50% cannot hold: limits by stock leave at most 0% in cash; needs" in str(
        caught.value
    )
    solution = c.solve(relax=enhance.WEEKLY)  # the reserve gives last
    assert solution.relaxations["budget"][1] == pytest.approx(0.0, abs=1e-3)


def test_a_feasible_problem_relaxes_nothing():
    solution = case().solve(relax=enhance.WEEKLY)
    assert solution.relaxations == {}
    assert solution.status == "optimal"


@pytest.mark.parametrize(
    ("limit", "slack", "expected"),
    [
        (enhance.Turnover(0.2), 0.03127, 0.2313),
        (enhance.Turnover(0.1), 0.13125, 0.2313),
        (enhance.StyleExposure(0.5), 0.0, 0.5001),
        (enhance.ActiveWeight(0.01), 0.0012345, 0.01124),
        (enhance.ConstituentShare(0.8), 0.05, 0.7499),
    ],
)
def test_a_nearest_limit_is_rounded_outwards(limit, slack, expected):
    assert nearest(limit, slack).limit == pytest.approx(expected, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 500), st.floats(0.05, 0.4))
def test_the_weekly_ladder_always_finds_a_portfolio(seed, share):
    c = drifted(share, seed=seed, constraints=without(TIGHT, "industry_exposure"))
    rng = np.random.default_rng(seed)
    c.can_buy = pd.Series(rng.random(60) > 0.3, index=c.alpha.index)
    c.can_sell = pd.Series(rng.random(60) > 0.3, index=c.alpha.index)
    solution = c.solve(relax=enhance.WEEKLY)
    assert solution.check.passed
    assert solution.weights.sum() == pytest.approx(1.0, abs=1e-6)
