"""Shadow prices are derivatives: the sum of duals equals the finite difference of the objective."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
from tests.enhance.cases import STANDARD, case, swap, without

TIGHT = swap(
    STANDARD,
    enhance.Turnover(0.10),
    enhance.StyleExposure(0.05),
    enhance.IndustryExposure(0.01),
    enhance.ActiveWeight(0.02),
)


def slope(c, constraint, step=5e-5, sides=2):
    """Gain of the objective per unit by which the limit is loosened."""
    loose = replace(c, constraints=swap(c.constraints, constraint.loosened(step))).solve()
    if sides == 1:
        return (loose.objective - c.solve().objective) / step
    tight = replace(c, constraints=swap(c.constraints, constraint.loosened(-step))).solve()
    return (loose.objective - tight.objective) / (2 * step)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "name", ["turnover", "style_exposure", "industry_exposure", "active_weight"]
)
def test_a_price_is_the_finite_difference(name, seed):
    rng = np.random.default_rng(seed)
    c = case(seed=seed, constraints=TIGHT)
    c.can_buy = pd.Series(rng.random(60) > 0.15, index=c.alpha.index)
    c.can_sell = pd.Series(rng.random(60) > 0.15, index=c.alpha.index)
    price = c.solve().shadow_prices[name]
    constraint = next(k for k in TIGHT if k.name == name)
    assert price == pytest.approx(slope(c, constraint), rel=1e-3, abs=1e-7)
    if name != "turnover":
        assert price > 1e-5


def test_the_price_of_the_tracking_error_cone_is_the_finite_difference():
    limit = enhance.TrackingError(0.015)
    c = case(constraints=swap(STANDARD, limit))
    price = c.solve().shadow_prices["tracking_error"]
    assert price > 1e-3
    assert price == pytest.approx(slope(c, limit), rel=1e-3)


def test_the_price_of_a_floor_is_the_gain_of_lowering_it():
    limit = enhance.ConstituentShare(0.97)
    c = case(constraints=swap(without(STANDARD, "turnover", "tracking_error"), limit))
    price = c.solve().shadow_prices["constituent_share"]
    assert price > 1e-4
    assert price == pytest.approx(slope(c, limit), rel=5e-3)


def test_the_price_of_cash_is_the_finite_difference():
    budget = enhance.Budget(0.01)
    c = case(constraints=swap(STANDARD, budget))
    assert c.solve().shadow_prices["budget"] == pytest.approx(slope(c, budget), rel=2e-2)


@pytest.mark.parametrize("constraint", [enhance.LongOnly(), enhance.NoBuy(), enhance.NoSell()])
def test_the_price_of_a_hard_limit_by_stock_is_the_gain_where_trading_is_free(constraint):
    c = case(constraints=without(STANDARD, "turnover"), costs=(0.0, 0.0))
    index = c.alpha.index
    c.can_buy = pd.Series(np.arange(60) % 7 != 0, index=index)
    c.can_sell = pd.Series(np.arange(60) % 5 != 0, index=index)
    price = c.solve().shadow_prices[constraint.name]
    assert price > 1e-4
    assert price == pytest.approx(slope(c, constraint, sides=1), rel=2e-2)


def test_a_limit_with_room_costs_nothing():
    solution = case(constraints=swap(STANDARD, enhance.StyleExposure(5.0))).solve()
    assert solution.shadow_prices["style_exposure"] == pytest.approx(0.0, abs=1e-8)


def test_prices_of_inequalities_are_never_negative():
    prices = case(constraints=TIGHT).solve().shadow_prices
    assert all(price > -1e-8 for name, price in prices.items() if name != "budget")
