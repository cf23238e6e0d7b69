"""Limits that differ by stock, industry, style or label: both sides, the wildcard, and the price."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
from tests.enhance.cases import STANDARD, case, swap, without
from tests.enhance.sides import four_stocks, worst
from tests.enhance.test_prices import slope


def test_a_stock_of_the_table_has_a_multiple_of_the_limit():
    limit = enhance.ActiveWeight(0.02, times={"SH600000": 5.0})  # 10% there, 2% elsewhere
    assert worst(limit, [0.4, 0.32, 0.2, 0.02]) == pytest.approx(0.0)
    assert worst(limit, [0.35, 0.3, 0.2, 0.0]) == pytest.approx(0.05)
    assert worst(limit, [0.5, 0.3, 0.23, 0.0]) == pytest.approx(0.01)


def test_the_wildcard_is_every_other_stock():
    limit = enhance.ActiveWeight(1.0, times={"SH600000": 0.1, "*": 0.02})
    assert worst(limit, [0.4, 0.32, 0.2, 0.02]) == pytest.approx(0.0)
    free = enhance.ActiveWeight(0.1, times={"SH600000": 1.0, "*": np.inf})
    assert worst(free, [0.4, 0.0, 0.6, 0.0]) == pytest.approx(0.0)
    assert worst(free, [0.3, 0.0, 0.7, 0.0]) == pytest.approx(0.1)


def test_a_stock_of_the_table_that_is_no_candidate_is_passed_over():
    limit = enhance.ActiveWeight(0.02, times={"SZ000001": 5.0})
    assert worst(limit, [0.52, 0.28, 0.2, 0.0]) == pytest.approx(0.0)


def test_active_weight_by_industry():
    limit = enhance.ActiveWeight(0.02, by="industry", times={"steel": 3.0})
    assert worst(limit, [0.48, 0.32, 0.14, 0.06]) == pytest.approx(0.0)
    assert worst(limit, [0.45, 0.32, 0.14, 0.06]) == pytest.approx(0.03)


def test_active_weight_by_a_label_of_the_data():
    data = {"cap_band": ["large", "large", "small", None]}
    limit = enhance.ActiveWeight(0.01, by="cap_band", times={"large": 4.0, "*": 2.0})
    assert limit.needs == ("cap_band",)
    assert worst(limit, [0.46, 0.34, 0.2, 0.02], data=data) == pytest.approx(0.0)
    assert worst(limit, [0.46, 0.34, 0.2, 0.05], data=data) == pytest.approx(0.03)


def test_active_weight_as_a_multiple_of_the_benchmark_weight():
    limit = enhance.ActiveWeight(0.2, by="benchmark")  # 10%, 6%, 4% and nothing outside
    assert worst(limit, [0.4, 0.36, 0.24, 0.0]) == pytest.approx(0.0)
    assert worst(limit, [0.4, 0.36, 0.2, 0.04]) == pytest.approx(0.04)
    with pytest.raises(ValueError, match="by benchmark takes no times"):
        enhance.ActiveWeight(0.2, by="benchmark", times={"*": 1.0})


def test_bounds_differ_by_stock_too():
    limit = enhance.Bounds(0.3, times={"SH600000": 2.0})
    assert worst(limit, [0.6, 0.3, 0.1, 0.0]) == pytest.approx(0.0)
    assert worst(limit, [0.5, 0.35, 0.1, 0.0]) == pytest.approx(0.05)


def test_styles_and_industries_have_their_own_limits():
    # 0.1 from stock 0 to 3: size -0.3, banks -0.1, steel +0.1
    w = [0.4, 0.3, 0.2, 0.1]
    style = enhance.StyleExposure(1.0, times={"size": 0.3, "*": 0.5})
    assert worst(style, w) == pytest.approx(0.0)
    assert worst(replace(style, limit=0.5), w) == pytest.approx(0.15)
    industry = enhance.IndustryExposure(0.1, times={"steel": 0.5})
    assert worst(industry, w) == pytest.approx(0.05)
    assert worst(enhance.IndustryExposure(0.1, times={"steel": np.inf}), w) == pytest.approx(0.0)


def test_a_share_of_zero_is_exact_however_the_limit_is_loosened():
    limit = enhance.IndustryExposure(5.0, times={"steel": 0.0})
    assert worst(limit, [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.0)
    assert worst(limit, [0.4, 0.3, 0.2, 0.1]) == pytest.approx(0.1)
    problem = four_stocks()
    assert limit.breach(np.array([0.4, 0.3, 0.2, 0.1]), problem) == np.inf


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: enhance.ActiveWeight(times={"a": -1.0}), "active_weight has times -1.0 for 'a'"),
        (lambda: enhance.StyleExposure(times={"size": np.nan}), "style_exposure has times nan"),
        (lambda: enhance.ActiveWeight(weeks=0), "active_weight has weeks 0"),
    ],
)
def test_a_senseless_table_is_refused_at_construction(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_a_misspelt_factor_or_label_is_named_with_those_that_exist():
    w = [0.5, 0.3, 0.2, 0.0]
    with pytest.raises(ValueError, match="times for 'sise', which is none of size"):
        worst(enhance.StyleExposure(times={"sise": 1.0}), w)
    with pytest.raises(ValueError, match="times for 'coal', which is none of banks, steel"):
        worst(enhance.ActiveWeight(by="industry", times={"coal": 1.0}), w)


TABLES = {
    "style_exposure": enhance.StyleExposure(0.5, times={"size": 0.1, "beta": 0.2, "*": 0.05}),
    "industry_exposure": enhance.IndustryExposure(1.0, times={"industry_0": 0.004, "*": 0.01}),
    "active_weight": enhance.ActiveWeight(
        1.0, times={"SH600003": 0.05, "SH600010": 0.0, "*": 0.02}
    ),
    "bounds": enhance.Bounds(1.0, times={"SH600005": 0.03, "*": 0.045}),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_price_of_a_table_is_the_gain_of_loosening_all_of_it_in_proportion(name):
    limit = TABLES[name]
    others = without(STANDARD, "turnover", name)
    c = case(seed=3, constraints=(*others, limit))
    price = c.solve().shadow_prices[name]
    assert price > 1e-5
    assert price == pytest.approx(slope(c, limit, step=2e-4), rel=2e-3)


def test_every_entry_of_a_table_holds_in_the_optimum():
    c = case(constraints=swap(STANDARD, TABLES["active_weight"]))
    active = c.solve().active.abs()
    assert active["SH600003"] <= 0.05 + 1e-6
    assert active["SH600010"] <= 1e-6
    assert active.drop("SH600003").max() <= 0.02 + 1e-6


def test_a_table_is_relaxed_in_proportion():
    table = enhance.ActiveWeight(1.0, times={"*": 0.01, "SH600031": 0.02})
    c = case(constraints=swap(STANDARD, enhance.Turnover(0.05), table))
    outside = pd.Series(0.018, index=c.alpha.index[30:40])
    c.holdings = pd.concat([0.82 * c.holdings, outside])
    solution = c.solve(relax=(enhance.ActiveWeight,))
    asked, used = solution.relaxations["active_weight"]
    assert asked == 1.0
    assert 1.0 < used < 1.8
    assert solution.active.drop("SH600031").abs().max() <= 0.01 * used + 1e-6
