"""Each limit on both sides, by hand and without a solver; and a limit of one's own."""

from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.decision import Decision
from risk import RiskModel
from tests.enhance.cases import STANDARD, case, names

# Four stocks: two industries, one style. Benchmark holds the first three.
STOCKS = names(4)
BENCHMARK = np.array([0.5, 0.3, 0.2, 0.0])
HOLDINGS = np.array([0.4, 0.3, 0.2, 0.1])


def four_stocks(can_buy=(True,) * 4, can_sell=(True,) * 4):
    X = np.array([[1, 1, 0, 1.0], [1, 1, 0, -1.0], [1, 0, 1, 0.5], [1, 0, 1, -2.0]])
    factors = ["country", "banks", "steel", "size"]
    risk = RiskModel(
        date=pd.Timestamp("2020-01-03"),
        exposures=pd.DataFrame(X, STOCKS, factors),
        factor_covariance=pd.DataFrame(np.diag([1e-4, 4e-5, 4e-5, 1e-5]), factors, factors),
        specific_variance=pd.Series(4e-4, STOCKS),
        kinds=dict(zip(factors, ["country", "industry", "industry", "style"], strict=True)),
    )
    return enhance.Problem.align(
        pd.Series([0.01, 0.0, -0.01, 0.02], STOCKS),
        risk,
        pd.Series(BENCHMARK[:3], STOCKS[:3]),
        pd.Series(HOLDINGS, STOCKS),
        can_buy=pd.Series(can_buy, STOCKS),
        can_sell=pd.Series(can_sell, STOCKS),
    )


def worst(constraint, weights, **masks):
    """The excess in numpy, after checking that the solver's expression says the same."""
    problem, w = four_stocks(**masks), np.array(weights, float)
    x = Decision(problem, np.full(4, np.nan))
    excess = float(np.max(constraint.excess(w, problem)))
    expression = constraint.expression(x)
    x.weights.value = w
    x.buys.value = np.maximum(w - problem.holdings, 0.0)
    x.factor.value = problem.active_exposures(w)
    if expression is not None and not isinstance(constraint, enhance.Budget):
        distance = np.max(np.asarray(expression.value)) - constraint.limit
        if constraint.floor:
            distance = constraint.limit - np.min(np.asarray(expression.value))
        assert excess == pytest.approx(distance, abs=1e-12)
    return excess


def test_a_budget_is_met_only_with_exactly_its_cash():
    assert worst(enhance.Budget(), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.0)
    assert worst(enhance.Budget(), [0.4, 0.3, 0.2, 0.0]) == pytest.approx(0.1)
    assert worst(enhance.Budget(0.1), [0.4, 0.3, 0.2, 0.0]) == pytest.approx(0.0)
    assert worst(enhance.Budget(0.1), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.1)


def test_long_only_refuses_the_smallest_short_position():
    assert worst(enhance.LongOnly(), [0.5, 0.5, 0.0, 0.0]) == 0.0
    assert worst(enhance.LongOnly(), [0.5, 0.5, 0.001, -0.001]) == pytest.approx(0.001)


def test_bounds_cap_the_largest_weight():
    assert worst(enhance.Bounds(0.5), [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.0)
    assert worst(enhance.Bounds(0.4), [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.1)


def test_active_weight_counts_over_and_underweight_alike():
    assert worst(enhance.ActiveWeight(0.1), [0.6, 0.2, 0.2, 0.0]) == pytest.approx(0.0)
    assert worst(enhance.ActiveWeight(0.1), [0.38, 0.4, 0.2, 0.0]) == pytest.approx(0.02)


def test_style_exposure_is_the_weighted_exposure_against_the_benchmark():
    # moving 0.1 from stock 0 (size 1) to stock 3 (size -2) changes size by -0.3
    assert worst(enhance.StyleExposure(0.3), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.0)
    assert worst(enhance.StyleExposure(0.25), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.05)


def test_style_exposure_speaks_about_the_named_styles_only():
    problem = case().problem()
    weights = problem.benchmark.copy()
    weights[0], weights[1] = weights[0] + 0.01, weights[1] - 0.01
    one = enhance.StyleExposure(0.0, styles=("beta",)).measure(weights, problem)
    beta = problem.exposures.toarray()[:, problem.factors.get_loc("beta")]
    assert one == pytest.approx([0.01 * abs(beta[0] - beta[1])])
    assert len(enhance.StyleExposure().measure(weights, problem)) == 4


def test_industry_exposure_is_the_active_weight_of_an_industry():
    assert worst(enhance.IndustryExposure(0.1), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.0)
    assert worst(enhance.IndustryExposure(0.05), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.05)


def test_tracking_error_is_the_annual_volatility_of_active_weights_by_hand():
    # 0.1 from stock 0 to 3: y = (0, -0.1, 0.1, -0.3); daily variance
    # 2 * 0.01 * 4e-5 + 0.09 * 1e-5 + 2 * 0.01 * 4e-4 = 9.7e-6; annual sqrt(252 * 9.7e-6) = 4.944%
    annual = np.sqrt(252 * 9.7e-6)
    assert worst(enhance.TrackingError(annual), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.0)
    assert worst(enhance.TrackingError(0.04), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(
        0.00944, abs=1e-5
    )


def test_constituent_share_counts_members_only():
    assert worst(enhance.ConstituentShare(0.8), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(-0.1)
    assert worst(enhance.ConstituentShare(0.8), [0.4, 0.1, 0.2, 0.3]) == pytest.approx(0.1)


def test_turnover_is_half_the_sum_of_absolute_changes():
    assert worst(enhance.Turnover(0.1), [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.0)
    assert worst(enhance.Turnover(0.1), [0.5, 0.4, 0.1, 0.0]) == pytest.approx(0.1)


def test_no_buy_blocks_an_increase_and_lets_a_decrease_pass():
    masks = {"can_buy": (False, True, True, True)}
    assert worst(enhance.NoBuy(), [0.3, 0.4, 0.2, 0.1], **masks) == pytest.approx(-0.1)
    assert worst(enhance.NoBuy(), [0.5, 0.2, 0.2, 0.1], **masks) == pytest.approx(0.1)


def test_no_sell_blocks_a_decrease_and_lets_an_increase_pass():
    masks = {"can_sell": (False, True, True, True)}
    assert worst(enhance.NoSell(), [0.5, 0.2, 0.2, 0.1], **masks) == pytest.approx(-0.1)
    assert worst(enhance.NoSell(), [0.3, 0.4, 0.2, 0.1], **masks) == pytest.approx(0.1)


def test_masks_say_nothing_where_everything_trades():
    assert worst(enhance.NoBuy(), [1.0, 0.0, 0.0, 0.0]) == -np.inf
    assert worst(enhance.NoSell(), [1.0, 0.0, 0.0, 0.0]) == -np.inf


@pytest.mark.parametrize("constraint", STANDARD, ids=lambda c: c.name)
def test_a_negative_or_infinite_limit_is_refused_at_construction(constraint):
    with pytest.raises(ValueError, match=f"{constraint.name} has limit -0.1"):
        replace(constraint, limit=-0.1)
    with pytest.raises(ValueError, match="finite"):
        replace(constraint, limit=float("nan"))


@pytest.mark.parametrize("constraint", STANDARD, ids=lambda c: c.name)
def test_a_constraint_is_its_own_configuration(constraint):
    assert replace(constraint, limit=constraint.limit) == constraint
    assert hash(constraint) == hash(replace(constraint))
    loose = constraint.loosened(0.01)
    assert abs(loose.limit - constraint.limit) == pytest.approx(0.01)
    assert (loose.limit < constraint.limit) == constraint.floor


def test_an_unknown_style_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match=r"'sise'.*size, beta, momentum, value"):
        replace(
            case(), constraints=(*STANDARD[:5], enhance.StyleExposure(styles=("sise",)))
        ).solve()


def test_a_model_without_industries_refuses_an_industry_limit():
    problem = replace(case().problem(), kinds=("style",) * 9)
    with pytest.raises(ValueError, match="no industry factors"):
        enhance.IndustryExposure().measure(problem.benchmark, problem)


@dataclass(frozen=True)
class FirstStocks(enhance.Constraint):
    """A user's limit: the first ``count`` stocks together weigh at most ``limit``."""

    limit: float = 0.10
    name: str = "first_stocks"
    count: int = 10

    def expression(self, x):
        return cp.sum(x.weights[: self.count])

    def measure(self, weights, problem):
        return np.array(weights[: self.count].sum())


def test_a_user_limit_is_solved_priced_and_relaxed_like_any_other():
    plain = case()
    held = plain.solve().weights.iloc[:10].sum()
    limited = replace(plain, constraints=(*STANDARD, FirstStocks(held - 0.02)))
    solution = limited.solve()
    assert solution.weights.iloc[:10].sum() == pytest.approx(held - 0.02, abs=1e-6)
    assert solution.shadow_prices["first_stocks"] > 1e-6
    tight = replace(plain, constraints=(*STANDARD, FirstStocks(0.0)))
    with pytest.raises(enhance.InfeasibleError, match="first_stocks 0 ->"):
        tight.solve()
    assert "first_stocks" in tight.solve(relax=(FirstStocks,)).relaxations
