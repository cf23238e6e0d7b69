"""What a solution says about itself."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
from tests.enhance.cases import STANDARD, case, without


@pytest.fixture(scope="module")
def solved():
    c = case()
    return c, c.solve()


def test_tracking_error_splits_into_squares_that_add_up(solved):
    c, solution = solved
    assert solution.factor_risk**2 + solution.specific_risk**2 == pytest.approx(
        solution.tracking_error**2
    )
    assert solution.tracking_error == pytest.approx(
        c.risk.tracking_error(solution.weights, c.benchmark), rel=1e-10
    )


def test_exposures_are_those_of_the_active_weights(solved):
    c, solution = solved
    expected = c.risk.exposures.T @ solution.active
    assert solution.exposures.to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)
    assert solution.exposures["country"] == pytest.approx(0.0, abs=1e-8)


def test_weights_trades_and_active_weights_are_consistent(solved):
    c, solution = solved
    back = solution.weights - solution.trades
    assert back[c.holdings.index].to_numpy() == pytest.approx(c.holdings.to_numpy())
    assert solution.turnover == pytest.approx(0.5 * solution.trades.abs().sum())
    buys, sells = solution.trades.clip(lower=0).sum(), -solution.trades.clip(upper=0).sum()
    assert solution.cost == pytest.approx(0.001 * buys + 0.002 * sells)
    assert solution.objective == pytest.approx(solution.expected_return - solution.cost)


def test_marginal_risk_is_that_of_the_risk_model_and_the_parts_sum_to_it(solved):
    c, solution = solved
    expected = c.risk.marginal(solution.weights, c.benchmark)
    assert solution.marginal_risk.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-10)
    assert solution.risk_contributions.sum() == pytest.approx(solution.tracking_error)
    # and the derivative of tracking error by one weight
    moved = solution.vector.copy()
    moved[7] += 1e-6
    slope = (solution.problem.tracking_error(moved) - solution.tracking_error) / 1e-6
    assert solution.marginal_risk.iloc[7] == pytest.approx(slope, rel=1e-4)


def test_without_risk_nothing_is_marginal(solved):
    _, solution = solved
    none = replace(solution, vector=solution.problem.benchmark)
    assert (none.marginal_risk == 0.0).all()
    assert (none.risk_contributions == 0.0).all()
    assert none.bets(3)["risk_share"].eq(0.0).all()


def test_the_largest_bets_come_first(solved):
    _, solution = solved
    table = solution.bets(5)
    assert len(table) == 5
    assert table["active"].abs().is_monotonic_decreasing
    assert table["active"].abs().iloc[0] == solution.active.abs().max()
    assert (table["weight"] - table["benchmark"]).to_numpy() == pytest.approx(
        table["active"].to_numpy()
    )
    assert solution.bets(60)["risk_share"].sum() == pytest.approx(1.0)


def test_the_statistics_are_those_of_the_properties(solved):
    _, solution = solved
    table = solution.statistics()
    assert table.name == solution.problem.date
    for name in ("objective", "cost", "turnover", "tracking_error", "constituent_share"):
        assert table[name] == getattr(solution, name)
    assert table["names"] == (solution.weights > 0.0).sum()
    assert 0.0 <= table["forced_turnover"] <= table["turnover"]
    assert table["active_share"] == pytest.approx(0.5 * solution.active.abs().sum())
    assert table["transfer_risk_weighted"] == solution.transfer_coefficient


def test_the_transfer_coefficient_is_one_without_limits():
    # mean-variance with specific risk only: w - b is alpha over variance, scaled
    c = case(
        40, 40, costs=(0.0, 0.0), constraints=(enhance.StyleExposure(1e3), enhance.Bounds(1e3))
    )
    F = c.risk.factor_covariance * 1e-12
    c.risk = type(c.risk)(c.risk.date, c.risk.exposures, F, c.risk.specific_variance, c.risk.kinds)
    solution = c.solve(objective=enhance.MaxAlpha(risk_aversion=1.0))
    assert solution.transfer_coefficient == pytest.approx(1.0, abs=1e-4)


def test_limits_lower_the_transfer_coefficient(solved):
    _, solution = solved
    assert 0.0 < solution.transfer_coefficient < 0.9


def test_the_transfer_coefficient_of_no_opinion_is_undefined():
    c = case()
    c.alpha = 0.0 * c.alpha
    assert np.isnan(c.solve().transfer_coefficient)


def test_the_summary_has_one_row_per_limit(solved):
    _, solution = solved
    table = solution.summary()
    assert list(table.index) == [k.name for k in STANDARD]
    assert (table["room"] > -1e-5).all()
    assert table["asked"].equals(table["limit"])
    assert table.loc["constituent_share", "value"] == pytest.approx(solution.constituent_share)


def test_the_summary_shows_what_was_asked_where_a_limit_gave():
    c = case(constraints=without(STANDARD, "no_buy", "no_sell"))
    c.holdings = pd.Series(1.0, index=["SH600059"])
    table = c.solve(relax=enhance.WEEKLY).summary()
    assert table.loc["turnover", "asked"] == 0.20
    assert table.loc["turnover", "limit"] > 0.5


def test_the_notebook_shows_the_limits_that_cost_something(solved):
    _, solution = solved
    html = solution._repr_html_()
    assert "2020-01-03, optimal" in html
    assert "turnover" in html
    assert "constituent_share" not in html  # it has room


def test_the_repr_is_one_line(solved):
    _, solution = solved
    text = repr(solution)
    assert text.startswith("Solution(2020-01-03, optimal: ")
    assert "\n" not in text
    assert "tracking error 4.00%" in text
