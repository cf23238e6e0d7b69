"""Each measure against a number worked by hand or another library's."""

import doctest

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import metrics
from market import TRADING_DAYS


def level(values, start="2020-01-02"):
    return pd.Series(values, index=pd.bdate_range(start, periods=len(values)), dtype=float)


def random_level(seed, days=300):
    random = np.random.default_rng(seed)
    return level(np.exp(np.cumsum(0.01 * random.standard_normal(days))))


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(metrics).failed == 0


def test_annual_return_of_a_year_is_the_return():
    nav = level(np.linspace(1.0, 1.3, TRADING_DAYS + 1))
    assert metrics.annual_return(nav) == pytest.approx(0.3)
    half = level([1.0, *[1.0] * (TRADING_DAYS // 2 - 1), 1.1])
    assert metrics.annual_return(half) == pytest.approx(1.1**2 - 1.0)


def test_volatility_of_alternating_returns():
    daily = pd.Series([0.01, -0.01] * 50)
    deviation = 0.01 * np.sqrt(100 / 99)
    assert metrics.volatility(daily) == pytest.approx(deviation * np.sqrt(252))


def test_excess_by_hand_in_both_forms():
    nav, benchmark = level([2.0, 2.2, 2.2]), level([10.0, 10.5, 8.4])
    both = metrics.excess(nav, benchmark)
    assert both["geometric"].tolist() == pytest.approx([1.0, 1.1 / 1.05, 1.1 / 0.84])
    assert both["arithmetic"].tolist() == pytest.approx([1.0, 1.05, 1.05 + 0.2])


def test_information_ratio_is_the_mean_over_the_deviation_of_active_returns():
    nav, benchmark = level([1.0, 1.02, 1.0302]), level([1.0, 1.01, 1.01])
    active = np.array([0.01, 0.01])
    assert np.isnan(metrics.information_ratio(level([1, 2, 4]), level([1, 2, 4])))
    nav = level([1.0, 1.03, 1.03 * 1.01])
    active = np.array([0.02, 0.01])
    expected = active.mean() / active.std(ddof=1) * np.sqrt(252)
    assert metrics.information_ratio(nav, benchmark) == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 400))
def test_newey_west_t_equals_statsmodels(seed, days):
    x = (
        pd.Series(np.random.default_rng(seed).standard_normal(days))
        .rolling(3, min_periods=1)
        .mean()
    )
    lags = min(int(4 * (days / 100) ** (2 / 9)), days - 1)
    fit = sm.OLS(x.to_numpy(), np.ones(days)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    assert metrics.newey_west_t(x) == pytest.approx(fit.tvalues[0], rel=1e-9)


def test_drawdown_dates_by_hand():
    nav = level([1.0, 1.5, 1.2, 0.9, 1.4, 1.6, 1.5])
    fall = metrics.max_drawdown(nav)
    assert fall.depth == pytest.approx(-0.4)
    assert (fall.peak, fall.trough, fall.recovered) == (nav.index[1], nav.index[3], nav.index[5])
    assert metrics.max_drawdown(nav.iloc[:5]).recovered is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_drawdown_is_the_worst_ratio_of_a_later_to_an_earlier_level(seed):
    nav = random_level(seed, 40).to_numpy()
    worst = min(nav[j] / nav[i] - 1.0 for i in range(40) for j in range(i, 40))
    assert metrics.max_drawdown(level(nav)).depth == pytest.approx(worst)


def test_a_level_that_only_rises_has_no_drawdown():
    assert metrics.max_drawdown(level([1.0, 1.1, 1.2])).depth == 0.0


def test_weekly_win_rate_counts_calendar_weeks_from_the_base():
    days = pd.to_datetime(["2021-03-05", "2021-03-08", "2021-03-12", "2021-03-19", "2021-03-22"])
    nav = pd.Series([1.0, 0.9, 1.1, 1.0, 1.2], index=days)  # weeks: +10 %, -9 %, +20 % so far
    flat = pd.Series(1.0, index=days)
    assert metrics.weekly(nav).tolist() == pytest.approx([0.1, 1.0 / 1.1 - 1.0, 0.2])
    assert metrics.weekly_win_rate(nav, flat) == pytest.approx(2 / 3)


def test_yearly_table_by_hand():
    days = pd.to_datetime(["2019-12-27", "2019-12-31", "2020-06-30", "2020-12-31", "2021-01-08"])
    nav = pd.Series([1.0, 1.1, 0.99, 1.32, 1.254], index=days)
    benchmark = pd.Series([1.0, 1.0, 1.0, 1.1, 1.1], index=days)
    table = metrics.yearly(nav, benchmark)
    assert table.index.tolist() == [2019, 2020, 2021]
    assert table["return"].tolist() == pytest.approx([0.10, 0.20, -0.05])
    assert table["benchmark"].tolist() == pytest.approx([0.0, 0.1, 0.0])
    assert table["excess"].tolist() == pytest.approx([0.10, 1.2 / 1.1 - 1.0, -0.05])
    assert table["sessions"].tolist() == [1, 2, 1]
    assert table["excess_drawdown"].tolist() == pytest.approx([0.0, -0.1, -0.05])
    assert table.loc[2020, "weekly_win_rate"] == pytest.approx(0.5)
    active = np.array([-0.1, 1.32 / 0.99 - 1.0 - 0.1])
    assert table.loc[2020, "tracking_error"] == pytest.approx(active.std(ddof=1) * np.sqrt(252))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_yearly_returns_and_excesses_compound_to_the_total(seed):
    nav, benchmark = random_level(seed, 700), random_level(seed + 1, 700)
    table = metrics.yearly(nav, benchmark)
    total = metrics.excess(nav, benchmark)["geometric"].iloc[-1]
    assert (1.0 + table["excess"]).prod() == pytest.approx(total)
    assert (1.0 + table["return"]).prod() == pytest.approx(nav.iloc[-1] / nav.iloc[0])
    assert table["sessions"].sum() == 699


def test_too_short_a_level_gives_nan_instead_of_an_opinion():
    one = level([1.0])
    assert np.isnan(metrics.annual_return(one))
    assert np.isnan(metrics.newey_west_t(metrics.returns(one)))
    assert np.isnan(metrics.volatility(metrics.returns(one)))


def test_a_multiple_of_the_benchmark_has_no_ratio_and_no_t_from_rounding():
    benchmark = random_level(4)
    for scale in (3.0, 1 / 3, 0.7):
        assert np.isnan(metrics.information_ratio(scale * benchmark, benchmark))
        assert np.isnan(metrics.newey_west_t(metrics.active(scale * benchmark, benchmark)))
    steady = level(1.001 ** np.arange(300))  # returns that are equal but for their rounding
    assert np.isnan(metrics.beta(benchmark, steady))
    nav = benchmark * level(1.0 + 1e-9 * np.arange(300) ** 1.5)  # a billionth a day is no rounding
    assert metrics.information_ratio(nav, benchmark) > 0.0


def dated(values, dates):
    return pd.Series(values, index=pd.to_datetime(dates), dtype=float)


MONTHS = ["2020-11-30", "2020-12-31", "2021-01-29", "2021-02-26", "2021-03-08"]


def test_calmar_is_the_annual_return_over_the_deepest_fall():
    nav = level(np.linspace(1.0, 1.3, TRADING_DAYS + 1))
    assert np.isnan(metrics.calmar(nav))  # it never fell
    nav.iloc[100] = nav.iloc[99] * 0.8
    assert metrics.calmar(nav) == pytest.approx(0.3 / 0.2)


def test_beta_by_hand_and_against_least_squares():
    nav, benchmark = level([1.0, 1.02, 1.02 * 0.98]), level([1.0, 1.01, 1.01 * 0.99])
    assert metrics.beta(nav, benchmark) == pytest.approx(2.0)
    assert np.isnan(metrics.beta(nav, level([1.0, 1.0, 1.0])))
    nav, benchmark = random_level(1), random_level(2)
    fit = sm.OLS(metrics.returns(nav), sm.add_constant(metrics.returns(benchmark).to_numpy())).fit()
    assert metrics.beta(nav, benchmark) == pytest.approx(fit.params.iloc[1])


def test_captures_by_hand():
    benchmark = dated([1.0, 1.1, 1.21, 1.21 * 0.9, 1.21 * 0.9], MONTHS)  # +10, +10, -10, flat
    nav = dated([1.0, 1.2, 1.2 * 1.05, 1.26 * 0.95, 1.26 * 0.95 * 1.3], MONTHS)
    up = (np.sqrt(1.2 * 1.05) - 1.0) / 0.1
    assert metrics.capture(nav, benchmark, "up") == pytest.approx(up)
    assert metrics.capture(nav, benchmark, "down") == pytest.approx(0.5)
    assert metrics.capture(benchmark, benchmark, "up") == pytest.approx(1.0)
    assert np.isnan(metrics.capture(nav.iloc[:3], benchmark.iloc[:3], "down"))


def test_months_by_hand():
    nav = dated([1.0, 1.1, 0.99, 1.089, 1.2], MONTHS)
    flat = dated([1.0] * 5, MONTHS)
    assert metrics.monthly(nav).tolist() == pytest.approx([0.1, -0.1, 0.1, 1.2 / 1.089 - 1.0])
    assert metrics.monthly_hit_rate(nav, flat) == pytest.approx(3 / 4)
    table = metrics.monthly_table(nav)
    assert table.index.tolist() == [2020, 2021]
    assert table.columns.tolist() == [*range(1, 13), "year"]
    assert table.loc[2020, 12] == pytest.approx(0.1)
    assert table.loc[2021, [1, 2, 3]].tolist() == pytest.approx([-0.1, 0.1, 1.2 / 1.089 - 1.0])
    assert table.loc[2021, "year"] == pytest.approx(1.2 / 1.1 - 1.0)
    assert table[list(range(4, 12))].isna().all(axis=None)


def test_a_run_within_a_month_has_one_month_from_its_base():
    nav = level([1.0, 1.02, 1.05])
    assert metrics.monthly(nav).tolist() == pytest.approx([0.05])
    assert metrics.monthly_table(nav).loc[2020, 1] == pytest.approx(0.05)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_months_compound_to_their_years_and_years_to_the_total(seed):
    nav, benchmark = random_level(seed, 700), random_level(seed + 1, 700)
    ratio = metrics.excess(nav, benchmark)["geometric"]
    table = metrics.monthly_table(ratio)
    assert table["year"].tolist() == pytest.approx(
        metrics.yearly(nav, benchmark)["excess"].tolist()
    )
    months = table.drop(columns="year").stack().dropna()
    assert (1.0 + months).prod() == pytest.approx(ratio.iloc[-1])
    won = metrics.monthly_hit_rate(nav, benchmark)
    assert won == pytest.approx(float((months > 0.0).mean()))
