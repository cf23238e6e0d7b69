"""Each limit on both sides, by hand and without a solver; and a limit of one's own."""

from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np
import pytest

import enhance
from market import DataError
from tests.enhance.cases import STANDARD, case
from tests.enhance.sides import HOLDINGS, four_stocks, worst


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


def test_a_budget_may_leave_cash_between_two_numbers():
    budget = enhance.Budget(0.02, spare=0.08)
    assert worst(budget, [0.4, 0.3, 0.2, 0.0]) == pytest.approx(0.0)  # 10% cash
    assert worst(budget, [0.4, 0.3, 0.2, 0.08]) == pytest.approx(0.0)  # 2%
    assert worst(budget, [0.4, 0.3, 0.15, 0.0]) == pytest.approx(0.05)
    assert worst(budget, [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.02)
    assert budget.number == pytest.approx(0.10)


def test_a_spare_that_is_no_fraction_is_refused():
    with pytest.raises(ValueError, match=r"budget has spare -0\.1"):
        enhance.Budget(spare=-0.1)


def test_latent_exposure_speaks_about_latent_factors():
    # 0.1 from stock 0 (0.2) to stock 3 (1.2): the latent exposure rises by 0.1
    assert worst(enhance.LatentExposure(0.1), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.0)
    assert worst(enhance.LatentExposure(0.06), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.04)
    with pytest.raises(ValueError, match="no latent factors"):
        enhance.LatentExposure().measure(case().problem().benchmark, case().problem())


def test_an_absolute_exposure_is_that_of_the_portfolio_itself():
    # X'w of size: 0.4 - 0.3 + 0.1 - 0.2 = 0; of the benchmark 0.5 - 0.3 + 0.1 = 0.3
    limit = enhance.StyleExposure(0.1, absolute=True)
    assert worst(limit, [0.4, 0.3, 0.2, 0.1]) == pytest.approx(-0.1)
    assert worst(limit, [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.2)
    assert worst(enhance.IndustryExposure(0.6, absolute=True), [0.4, 0.3, 0.2, 0.1]) > 0.09


def test_beta_is_the_regression_on_the_benchmark_by_hand():
    # daily covariance with b = (.5, .3, .2): factor part 1e-4 + (.8, .8, .2, .2) 4e-5 +
    # (1, -1, .5, -2) * .3 * 1e-5, specific 4e-4 b
    cov = 1e-4 + np.array([0.8, 0.8, 0.2, 0.2]) * 4e-5 + np.array([1, -1, 0.5, -2]) * 0.3e-5
    cov += 4e-4 * np.array([0.5, 0.3, 0.2, 0.0])
    beta = cov / (cov @ [0.5, 0.3, 0.2, 0.0])
    w = [0.4, 0.3, 0.2, 0.1]
    off = abs(beta @ w - 1.0)
    assert worst(enhance.Beta(off), w) == pytest.approx(0.0, abs=1e-12)
    assert worst(enhance.Beta(0.01), w) == pytest.approx(off - 0.01)
    assert worst(enhance.Beta(0.01), [0.5, 0.3, 0.2, 0.0]) == pytest.approx(-0.01)


def test_groups_limit_the_active_weight_of_each_label():
    data = {"board": ["main", "main", "star", "star"]}
    limit = enhance.Groups(0.1, by="board")
    assert worst(limit, [0.4, 0.3, 0.2, 0.1], data=data) == pytest.approx(0.0)
    assert worst(limit, [0.3, 0.3, 0.3, 0.1], data=data) == pytest.approx(0.1)
    capped = enhance.Groups(0.25, by="board", times={"main": np.inf}, absolute=True)
    assert worst(capped, [0.4, 0.3, 0.2, 0.1], data=data) == pytest.approx(0.05)
    assert worst(capped, [0.8, 0.0, 0.2, 0.0], data=data) == pytest.approx(-0.05)


def test_a_stock_of_no_group_is_in_no_group_limit():
    data = {"board": ["main", "main", "star", None]}
    assert worst(enhance.Groups(0.0), [0.5, 0.3, 0.2, 0.9], data=data) == pytest.approx(0.0)


def test_group_risk_is_the_volatility_of_one_kind_of_factor_by_hand():
    # 0.1 from stock 0 to 3 changes size by -0.3, each industry by 0.1, two specific risks by 0.1
    w = [0.4, 0.3, 0.2, 0.1]
    style, own = 0.3 * np.sqrt(252e-5), np.sqrt(252 * 4e-4 * 0.02)
    assert worst(enhance.GroupRisk(style, kind="style"), w) == pytest.approx(0.0, abs=1e-12)
    assert worst(enhance.GroupRisk(0.01, kind="specific"), w) == pytest.approx(own - 0.01)
    industry = enhance.GroupRisk(0.01, kind="industry")
    assert worst(industry, w) == pytest.approx(np.sqrt(252 * 4e-5 * 0.02) - 0.01)


def test_participation_is_the_trade_over_the_daily_value():
    # capital 100 million; stock 0 trades 50 million a day, so 20% of it is 10% of the portfolio
    data = {"amount": [5e7, 1e8, 1e8, 0.0]}
    limit = enhance.Participation(0.2)
    world = {"data": data, "capital": 1e8}
    assert worst(limit, [0.5, 0.2, 0.2, 0.1], **world) == pytest.approx(0.0)
    assert worst(limit, [0.25, 0.45, 0.2, 0.1], **world) == pytest.approx(0.05)
    assert worst(limit, [0.4, 0.3, 0.3, 0.0], **world) == pytest.approx(0.1)  # 3 does not trade
    assert limit.breach(np.array([0.25, 0.3, 0.2, 0.1]), four_stocks(**world)) == pytest.approx(0.1)


def test_participation_takes_a_series_in_place_of_data():
    amount = four_stocks().stocks.to_series().map(lambda _: 5e7)
    limit = enhance.Participation(0.2, amount=amount)
    assert worst(limit, [0.5, 0.2, 0.2, 0.1], capital=1e8) == pytest.approx(0.0)
    short = enhance.Participation(0.2, amount=amount.iloc[1:])
    with pytest.raises(DataError, match="participation has no amount for 1 stocks"):
        worst(short, [0.5, 0.2, 0.2, 0.1], capital=1e8)


def test_participation_says_what_it_lacks():
    with pytest.raises(DataError, match="participation needs the capital of 2020-01-03"):
        worst(enhance.Participation(), HOLDINGS)
    with pytest.raises(DataError, match=r"reads the column 'amount'.*data has none; pass data="):
        worst(enhance.Participation(), HOLDINGS, capital=1e8)
    bad = {"amount": [1.0, np.nan, 1.0, 1.0]}
    with pytest.raises(DataError, match=r"amount is not a number for 1 stocks.*SH600001"):
        worst(enhance.Participation(), HOLDINGS, capital=1e8, data=bad)


def test_deleted_members_count_towards_the_share_for_a_while():
    # the last stock left two weeks ago: of four weeks two are left, so half of it counts
    data = {"weeks_out": [np.nan, np.nan, np.nan, 2.0]}
    w = [0.3, 0.3, 0.2, 0.2]
    spread = enhance.ConstituentShare(0.9, weeks=4)
    assert worst(spread, w, data=data) == pytest.approx(0.0)
    assert worst(enhance.ConstituentShare(0.9), w, data=data) == pytest.approx(0.1)


def test_names_held_are_counted_and_weighed():
    problem = four_stocks()
    three, four = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.4, 0.3, 0.29, 0.01])
    assert np.max(enhance.MaxNames(3).excess(three, problem)) == 0.0
    assert np.max(enhance.MaxNames(3).excess(four, problem)) == 1.0
    assert np.max(enhance.MinHolding(0.02).excess(three, problem)) == pytest.approx(-0.18)
    assert np.max(enhance.MinHolding(0.02).excess(four, problem)) == pytest.approx(0.01)
    stuck = four_stocks(can_sell=(True, True, True, False))
    assert np.max(enhance.MinHolding(0.02).excess(four, stuck)) == pytest.approx(-0.27)


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
