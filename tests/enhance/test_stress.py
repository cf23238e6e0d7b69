"""Random rebalances, most of them unkind: the ladder always ends in a portfolio that passes the check."""

import numpy as np
import pandas as pd
import pytest

import enhance
from tests.enhance.cases import STANDARD, case, risk_model, swap


def unkind(seed):
    """Far-off holdings, up to 40% of stocks blocked on each side, limits from generous to absurd."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 250))
    c = case(n, int(n * rng.uniform(0.2, 1)), seed=seed)
    industries, styles = int(rng.integers(2, 31)), tuple("abcdefghij"[: rng.integers(1, 11)])
    c.risk = risk_model(n, rng, industries, styles)
    held = np.where(rng.random(n) < rng.uniform(0.1, 0.9), rng.exponential(1, n), 0) + 1e-12
    mix = rng.uniform(0, 1)
    held = mix * held / held.sum() + (1 - mix) * c.benchmark.reindex(c.alpha.index).fillna(0)
    held[held < 1e-6] = 0
    c.holdings = pd.Series(held / held.sum() * rng.choice([1, 1, 0.9]), c.alpha.index)
    c.can_buy = pd.Series(rng.random(n) > rng.uniform(0, 0.4), c.alpha.index)
    c.can_sell = pd.Series(rng.random(n) > rng.uniform(0, 0.4), c.alpha.index)
    if rng.random() < 0.5:
        c.can_sell &= c.can_buy
    c.costs = (float(rng.choice([0, 0.0003, 0.001])), float(rng.choice([0, 0.001, 0.002])))
    c.constraints = swap(
        STANDARD,
        enhance.Turnover(float(rng.uniform(0.02, 0.5))),
        enhance.StyleExposure(float(rng.uniform(0.01, 0.5))),
        enhance.IndustryExposure(float(rng.uniform(0.001, 0.05))),
        enhance.ActiveWeight(float(rng.uniform(0.002, 0.05))),
        enhance.TrackingError(float(rng.uniform(0.01, 0.08))),
        enhance.ConstituentShare(float(rng.uniform(0.5, 1))),
    )
    if rng.random() < 0.3:
        c.alpha[rng.random(n) < 0.3] = np.nan
    return c


def survives(seed):
    c = unkind(seed)
    solution = c.solve(relax=enhance.WEEKLY)
    assert solution.check.passed
    for name, (asked, used) in solution.relaxations.items():
        assert (used < asked) == (name == "constituent_share")
    return solution


# five limits give at once in the first two: the feasible set at the least slacks is too thin to enter
@pytest.mark.parametrize("seed", [515, 524, 0, 1, 2, 3, 4, 5])
def test_an_unkind_rebalance_ends_in_a_checked_portfolio(seed):
    survives(seed)


@pytest.mark.slow
def test_hundreds_of_unkind_rebalances_end_in_checked_portfolios():
    statuses = [survives(seed).status for seed in range(1000, 1300)]
    assert 50 < statuses.count("relaxed") < 250
