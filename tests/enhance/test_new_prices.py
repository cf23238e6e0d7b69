"""The price of every further limit is a finite difference, on both roads, hard and soft."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.constraints import Soft
from tests.enhance.cases import STANDARD, case, risk_model, swap, without
from tests.enhance.test_prices import slope

# a limit that binds, and the step of the difference
BINDING = {
    "beta": (enhance.Beta(0.002), 5e-4),
    "groups": (enhance.Groups(0.01, by="board"), 5e-4),
    "shared_groups": (
        enhance.Groups(1.0, name="shared_groups", by="board", times={"star": 0.002, "*": 0.01}),
        3e-2,
    ),
    "capped_groups": (
        enhance.Groups(
            0.2, name="capped_groups", by="board", times={"main": 1.6, "*": 1.75}, absolute=True
        ),
        1e-3,
    ),
    "latent_exposure": (enhance.LatentExposure(0.02), 2e-3),
    "group_risk": (enhance.GroupRisk(0.012, kind="specific"), 2e-4),
    "style_risk": (enhance.GroupRisk(0.002, name="style_risk", kind="style"), 1e-4),
    "participation": (enhance.Participation(0.05), 1e-3),
    "bounds": (enhance.Bounds(0.04), 2e-4),
    "budget": (enhance.Budget(0.01, spare=0.02), 5e-4),
    "absolute_style": (
        enhance.StyleExposure(0.05, name="absolute_style", styles=("size",), absolute=True),
        2e-3,
    ),
}


def limited(limit, seed=0, **kwargs):
    """A rebalance with latent factors, boards and daily values, and the limit that binds."""
    c = case(seed=seed, **kwargs)
    rng = np.random.default_rng(seed)
    c.risk = risk_model(60, rng, styles=("size", "beta", "momentum", "deep_0", "deep_1"))
    kinds = {**c.risk.kinds, "deep_0": "latent", "deep_1": "latent"}
    c.risk = replace(c.risk, kinds=kinds)
    c.alpha = 0.05 * np.sqrt(5 * c.risk.specific_variance) * rng.standard_normal(60)
    boards = np.array(["main", "star", "growth"])[np.arange(60) % 3]
    data = pd.DataFrame({"board": boards, "amount": rng.uniform(1e7, 6e7, 60)}, index=c.alpha.index)
    c.options = {"data": data, "capital": 1e8}
    loose = swap(STANDARD, enhance.StyleExposure(1.0), enhance.ActiveWeight(0.05))
    others = without(loose, "turnover", "tracking_error", limit.name)
    c.constraints = (*others, enhance.TrackingError(0.06), limit)
    return c


@pytest.mark.parametrize("solver", ["clarabel", "auto"])
@pytest.mark.parametrize("name", BINDING)
def test_the_price_is_the_finite_difference(name, solver):
    limit, step = BINDING[name]
    c = limited(limit)
    c.options["solver"] = solver
    price = c.solve().shadow_prices[name]
    assert abs(price) > 1e-6
    assert price == pytest.approx(slope(c, limit, step=step), rel=2e-2, abs=1e-7)


@pytest.mark.parametrize("name", BINDING)
def test_softened_above_its_price_it_is_the_hard_limit_and_below_it_breaks(name):
    limit, _ = BINDING[name]
    c = limited(limit)
    hard = c.solve()
    price = abs(hard.shadow_prices[name])
    dear = replace(c, constraints=(*c.constraints[:-1], Soft(limit, 2.0 * price))).solve()
    assert dear.objective == pytest.approx(hard.objective, rel=1e-4)
    assert dear.check.violations[name] < 1e-4 * max(limit.limit, 0.01)
    cheap = replace(c, constraints=(*c.constraints[:-1], Soft(limit, 0.3 * price))).solve()
    assert cheap.check.violations[name] > 1e-5
    assert cheap.objective > hard.objective


@pytest.mark.parametrize("name", BINDING)
def test_both_roads_give_the_same_portfolio(name):
    c = limited(BINDING[name][0])
    one, other = c.solve(solver="clarabel"), c.solve(solver="auto")
    assert other.objective == pytest.approx(one.objective, rel=1e-5)
    assert other.vector == pytest.approx(one.vector, abs=1e-4)
