"""A limit at a price: kept while it is cheap to keep, broken as far as that is worth it."""

from dataclasses import replace

import pandas as pd
import pytest

import enhance
from enhance.check import check
from enhance.constraints import Soft
from tests.enhance.cases import STANDARD, case, swap, without
from tests.enhance.sides import worst

TIGHT = swap(STANDARD, enhance.StyleExposure(0.05), enhance.IndustryExposure(0.01))


def softened(limit, price):
    return swap(TIGHT, Soft(limit, price))


def test_a_soft_limit_measures_what_its_limit_measures():
    hard = enhance.StyleExposure(0.25)
    assert worst(Soft(hard, 1.0), [0.4, 0.3, 0.2, 0.1]) == worst(hard, [0.4, 0.3, 0.2, 0.1])
    share = enhance.ConstituentShare(0.95)
    assert worst(Soft(share, 1.0), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.05)


def test_it_has_the_name_and_limit_of_what_it_wraps_and_can_be_swept():
    soft = Soft(enhance.Turnover(0.1), price=0.002)
    assert (soft.name, soft.limit) == ("turnover", 0.1)
    wider = replace(soft, limit=0.3)
    assert wider.constraint == enhance.Turnover(0.3)
    assert soft.loosened(0.05).constraint.limit == pytest.approx(0.15)
    assert Soft(enhance.ConstituentShare(0.8), 1.0).loosened(0.1).limit == pytest.approx(0.7)
    assert hash(soft) == hash(Soft(enhance.Turnover(0.1), price=0.002))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Soft(enhance.LongOnly(), 1.0), "long_only cannot be broken at a price"),
        (lambda: Soft(enhance.MaxNames(5), 1.0), "max_names cannot be broken"),
        (lambda: Soft(enhance.Turnover(), -1.0), r"soft turnover has price -1\.0"),
        (lambda: Soft(Soft(enhance.Turnover(), 1.0), 1.0), "wraps one plain limit"),
    ],
)
def test_a_senseless_softening_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_above_its_shadow_price_it_is_the_hard_limit():
    c = case(constraints=TIGHT)
    hard = c.solve()
    price = hard.shadow_prices["style_exposure"]
    assert price > 1e-5
    soft = replace(c, constraints=softened(enhance.StyleExposure(0.05), 1.5 * price)).solve()
    assert soft.objective == pytest.approx(hard.objective, rel=1e-5)
    assert soft.check.violations["style_exposure"] == pytest.approx(0.0, abs=1e-6)
    assert soft.shadow_prices["style_exposure"] == pytest.approx(price, rel=1e-2)


def test_below_its_shadow_price_it_breaks_until_the_price_is_met():
    c = case(constraints=TIGHT)
    price = 0.3 * c.solve().shadow_prices["style_exposure"]
    soft = replace(c, constraints=softened(enhance.StyleExposure(0.05), price)).solve()
    broken = soft.check.violations["style_exposure"]
    assert broken > 0.01
    assert soft.shadow_prices["style_exposure"] == pytest.approx(price, rel=1e-3)
    # the same as a hard limit where it ended up, less what the breach costs
    hard = replace(c, constraints=swap(TIGHT, enhance.StyleExposure(0.05 + broken))).solve()
    assert soft.objective == pytest.approx(hard.objective - price * broken, rel=1e-5)
    assert soft.check.passed
    assert soft.summary().loc["style_exposure", "value"] == pytest.approx(0.05 + broken)


def test_free_of_charge_it_is_no_limit():
    c = case(constraints=TIGHT)
    none = replace(c, constraints=without(TIGHT, "style_exposure")).solve()
    free = replace(c, constraints=softened(enhance.StyleExposure(0.05), 0.0)).solve()
    assert free.objective == pytest.approx(none.objective, rel=1e-6)


@pytest.mark.parametrize(
    "limit",
    [
        enhance.Turnover(0.02),
        enhance.TrackingError(0.003),
        enhance.ActiveWeight(0.001),
        enhance.ConstituentShare(1.0),
        enhance.Budget(0.05),
        enhance.Linear("esg", lower=0.9, name="esg"),
    ],
    ids=lambda limit: limit.name,
)
def test_every_kind_of_limit_can_be_softened(limit):
    """With a price at which nothing is worth a breach, and one at which everything is."""
    c = case()
    others = without(STANDARD, limit.name)
    data = pd.DataFrame({"esg": 0.5}, index=c.alpha.index)
    dear, cheap = (
        replace(c, constraints=(*others, Soft(limit, price))).solve(data=data)
        for price in (10.0, 1e-7)
    )
    assert cheap.check.passed
    assert dear.check.passed
    assert dear.check.violations[limit.name] <= cheap.check.violations[limit.name] + 1e-6
    assert cheap.check.violations[limit.name] > 1e-4


def test_what_cannot_be_met_becomes_the_least_breach():
    # deleted members at 1.8% each against a turnover of 5%: 8% has to be sold
    c = case(constraints=swap(TIGHT, enhance.ActiveWeight(0.01), enhance.Turnover(0.05)))
    outside = pd.Series(0.018, index=c.alpha.index[30:40])
    c.holdings = pd.concat([0.82 * c.holdings, outside])
    with pytest.raises(enhance.InfeasibleError):
        c.solve()
    c.constraints = swap(c.constraints, Soft(enhance.Turnover(0.05), price=10.0))
    least = c.solve()
    assert least.turnover == pytest.approx(0.05 + least.check.violations["turnover"], abs=1e-6)
    c.constraints = swap(c.constraints, enhance.Turnover(least.turnover - 1e-4))
    with pytest.raises(enhance.InfeasibleError):
        c.solve()


def test_a_pinned_stock_buys_no_room_for_the_others():
    """A suspended overweight is a fact, not a breach that lets every other stock follow."""
    c = case(constraints=swap(STANDARD, Soft(enhance.ActiveWeight(0.01), price=1.0)))
    held = 0.9 * c.holdings
    held["SH600000"] += 0.1
    c.holdings = held
    c.can_buy = c.can_sell = pd.Series(c.alpha.index != "SH600000", index=c.alpha.index)
    solution = c.solve(relax=(enhance.Turnover,))
    assert solution.check.violations["active_weight"] == pytest.approx(0.0, abs=1e-6)
    assert solution.active.drop("SH600000").abs().max() <= 0.01 + 1e-6
    assert solution.forced["stock"].tolist() == ["SH600000"]


def test_the_objective_is_net_of_the_penalty():
    c = case(constraints=swap(STANDARD, Soft(enhance.Turnover(0.01), price=1e-4)))
    solution = c.solve()
    problem = c.problem()
    broken = check(problem, solution.vector, c.constraints).violations["turnover"]
    plain = enhance.MaxAlpha().value(solution.vector, problem)
    assert solution.objective == pytest.approx(plain - 1e-4 * broken, abs=1e-12)
