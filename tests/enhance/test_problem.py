"""The door: what does not fit is refused with the first offenders' names."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
from market import DataError
from tests.enhance.cases import STANDARD, case, names, without


def test_weights_are_spread_over_the_universe_in_its_order():
    c = case(6, 3)
    c.holdings = pd.Series([0.4, 0.6], index=[names(6)[4], names(6)[1]])
    problem = c.problem()
    assert problem.holdings.tolist() == [0.0, 0.6, 0.0, 0.0, 0.4, 0.0]
    assert problem.benchmark[3:].tolist() == [0.0, 0.0, 0.0]


def test_risk_is_annual_and_equals_the_risk_model():
    c = case()
    problem = c.problem()
    weights = pd.Series(np.full(60, 1 / 60), index=c.alpha.index)
    expected = c.risk.tracking_error(weights, c.benchmark)
    assert problem.tracking_error(weights.to_numpy()) == pytest.approx(expected, rel=1e-12)


def test_cost_charges_each_side_its_own_rate():
    c = case(4, 4, costs=(0.001, 0.003))
    c.holdings = pd.Series([0.25] * 4, index=names(4))
    assert c.problem().cost(np.array([0.35, 0.25, 0.20, 0.20])) == pytest.approx(
        0.1 * 0.001 + 0.1 * 0.003
    )


def test_an_unscored_member_is_neutral_and_an_unscored_stranger_cannot_be_bought():
    c = case(6, 3)
    c.alpha.iloc[[0, 5]] = np.nan
    problem = c.problem()
    assert problem.alpha[0] == 0.0
    assert problem.can_buy.tolist() == [True] * 5 + [False]
    assert problem.scored.tolist() == [False, True, True, True, True, False]


def test_unscored_strangers_without_a_no_buy_limit_are_refused():
    c = case()
    c.alpha.iloc[-1] = np.nan
    with pytest.raises(ValueError, match=r"1 stocks outside the benchmark.*SH600059.*NoBuy"):
        replace(c, constraints=without(STANDARD, "no_buy")).solve()


@pytest.mark.parametrize("field", ["benchmark", "holdings"])
def test_weight_outside_the_universe_is_refused_by_name(field):
    c = case()
    setattr(c, field, pd.Series([0.5, 0.5], index=["SH600000", "SZ000001"]))
    with pytest.raises(DataError, match=rf"{field} .* 1 stocks on 2020-01-03, first SZ000001"):
        c.problem()


def test_a_stock_the_risk_model_does_not_cover_is_refused_by_name():
    c = case()
    c.risk = c.risk.select(names(60)[2:])
    with pytest.raises(DataError, match="no exposures for 2 stocks on 2020-01-03, first SH600000"):
        c.problem()


def test_a_missing_exposure_is_refused():
    c = case()
    exposures = c.risk.exposures.copy()
    exposures.iloc[3, -1] = np.nan
    with pytest.raises(DataError):
        replace(c.risk, exposures=exposures)


def test_a_benchmark_that_does_not_sum_to_one_is_refused_with_its_sum():
    c = case()
    c.benchmark = 0.97 * c.benchmark
    with pytest.raises(DataError, match=r"the benchmark sums to 0\.970000"):
        c.problem()


def test_holdings_above_one_are_refused():
    c = case()
    c.holdings = 1.2 * c.holdings
    with pytest.raises(DataError, match=r"holdings sum to 1\.2"):
        c.problem()


def test_negative_holdings_are_refused_by_name():
    c = case()
    c.holdings = c.holdings.copy()
    c.holdings.iloc[2] = -0.1
    with pytest.raises(DataError, match=r"holdings is negative or missing for 1 stocks.*SH600002"):
        c.problem()


def test_repeated_stocks_are_refused():
    c = case()
    c.alpha = pd.concat([c.alpha, c.alpha.iloc[:1]])
    with pytest.raises(DataError, match=r"repeated entries for 1 stocks.*SH600000"):
        c.problem()


def test_an_infinite_alpha_is_refused():
    c = case()
    c.alpha.iloc[7] = np.inf
    with pytest.raises(DataError, match=r"alpha is infinite for 1 stocks.*SH600007"):
        c.problem()


def test_a_mask_that_misses_a_stock_or_is_not_boolean_is_refused():
    c = case()
    c.can_buy = pd.Series(True, index=c.alpha.index[1:])
    with pytest.raises(DataError, match=r"can_buy is missing for 1 stocks.*SH600000"):
        c.problem()
    c.can_buy = pd.Series(1.0, index=c.alpha.index)
    with pytest.raises(DataError, match="can_buy is float64"):
        c.problem()


def test_negative_costs_are_refused():
    with pytest.raises(DataError, match="costs are"):
        case(costs=(-0.001, 0.0)).problem()


def test_an_indefinite_factor_covariance_is_refused():
    problem = case().problem()
    F = problem.factor_covariance.copy()
    F[1, 1] = -1.0
    with pytest.raises(DataError, match="eigenvalue"):
        enhance.solve(replace(problem, factor_covariance=F), STANDARD, enhance.MaxAlpha())


def test_an_empty_universe_is_refused():
    c = case()
    c.alpha = c.alpha.iloc[:0]
    with pytest.raises(DataError, match="alpha is empty"):
        c.problem()


def test_two_limits_under_one_name_are_refused():
    twice = (*STANDARD, enhance.StyleExposure(0.1, styles=("size",)))
    with pytest.raises(ValueError, match="two limits are called 'style_exposure'"):
        replace(case(), constraints=twice).solve()
