"""Daily parts that add up to the excess of a year and of a run."""

import doctest
import importlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import metrics
from backtest.attribution import Attribution, linked

DAYS = pd.to_datetime(["2020-12-30", "2020-12-31", "2021-01-04"])


def drawn(seed, days=300, parts=4):
    random = np.random.default_rng(seed)
    dates = pd.bdate_range("2019-06-03", periods=days)
    benchmark = pd.Series(0.01 * random.standard_normal(days), dates)
    daily = pd.DataFrame(
        0.003 * random.standard_normal((days, parts)), index=dates, columns=list("abcd")[:parts]
    )
    return Attribution(daily, benchmark + daily.sum(axis=1), benchmark)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(importlib.import_module("backtest.attribution.linking")).failed == 0


def test_a_part_of_one_day_by_hand():
    # 10% against 4%: a is 5 points of the 6, b one; the excess is 1.10 / 1.04 - 1
    daily = pd.DataFrame({"a": [0.05], "b": [0.01]}, index=DAYS[:1])
    table = Attribution(daily, pd.Series([0.10], DAYS[:1]), pd.Series([0.04], DAYS[:1])).total()
    excess = 1.10 / 1.04 - 1.0
    assert table["total"].to_dict() == pytest.approx(
        {"a": excess * 5 / 6, "b": excess / 6, "sum": excess, "excess": excess, "residual": 0.0}
    )
    assert table.at["excess", "a_year"] == pytest.approx((1.0 + excess) ** 252 - 1.0)


def test_years_start_where_the_one_before_ended():
    portfolio, benchmark = pd.Series([0.1, 0.0, 0.2], DAYS), pd.Series([0.0, 0.0, 0.1], DAYS)
    daily = pd.DataFrame({"early": [0.1, 0.0, 0.0], "late": [0.0, 0.0, 0.1]}, index=DAYS)
    years = Attribution(daily, portfolio, benchmark).yearly()
    assert years.loc[2020, ["early", "late", "excess"]].tolist() == pytest.approx([0.1, 0.0, 0.1])
    later = 1.2 / 1.1 - 1.0
    assert years.loc[2021, ["early", "late", "excess"]].tolist() == pytest.approx([0, later, later])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_parts_add_up_to_the_excess_of_the_run_and_of_each_year(seed):
    found = drawn(seed)
    nav, benchmark = (
        pd.Series(np.append(1.0, (1.0 + r).cumprod()), found.daily.index.insert(0, DAYS[0]))
        for r in (found.portfolio, found.benchmark)
    )
    table = found.total()
    assert table.at["excess", "total"] == pytest.approx(nav.iloc[-1] / benchmark.iloc[-1] - 1.0)
    assert table.at["excess", "a_year"] == pytest.approx(metrics.annual_return(nav / benchmark))
    assert table.loc["sum"].to_numpy() == pytest.approx(table.loc["excess"].to_numpy(), abs=1e-12)
    assert found.residual.abs().max() < 1e-12
    years = found.yearly()
    assert (1.0 + years["excess"]).prod() == pytest.approx(nav.iloc[-1] / benchmark.iloc[-1])
    assert years["residual"].abs().max() < 1e-12


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_coefficient_is_that_of_carino_and_has_its_limit(seed):
    found = drawn(seed, days=20)
    r, b = found.portfolio.to_numpy(), found.benchmark.to_numpy()
    plain = (np.log(1.0 + r) - np.log(1.0 + b)) / (r - b)
    ones = pd.DataFrame({"one": 1.0}, index=found.daily.index)
    coefficients = linked(ones, found.portfolio, found.benchmark)["one"]
    assert coefficients.to_numpy() == pytest.approx(plain, rel=1e-9)
    at_limit = linked(ones, found.benchmark, found.benchmark)["one"]
    assert at_limit.to_numpy() == pytest.approx(1.0 / (1.0 + b))


def test_a_part_that_is_left_out_shows_as_residual():
    found = drawn(1)
    short = Attribution(found.daily.drop(columns="a"), found.portfolio, found.benchmark)
    pd.testing.assert_series_equal(short.residual, found.daily["a"], check_names=False)
    assert abs(short.total().at["residual", "total"]) > 1e-4


def test_grouping_sums_parts_and_leaves_the_rest():
    found = drawn(2).grouped({"a": "left", "b": "left"})
    assert found.daily.columns.tolist() == ["left", "c", "d"]
    assert found.residual.abs().max() < 1e-12


def test_a_run_that_ends_where_its_benchmark_does_still_shows_what_cancelled():
    daily = pd.DataFrame({"choice": [0.10, -0.10]}, index=DAYS[:2])
    own, index = pd.Series([0.10, 0.0], DAYS[:2]), pd.Series([0.0, 0.10], DAYS[:2])
    found = Attribution(daily, own, index)
    assert found.total()["total"].tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0], abs=1e-15)
    assert "residual" in repr(found)
    assert len(repr(found).splitlines()) == 3
