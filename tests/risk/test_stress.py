"""Stress: conditional expectations against samples and formulas, windows played again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import DataError
from risk import RiskModel
from risk.historical import replay, worst_windows
from risk.stress import scenario

DATE = pd.Timestamp("2020-06-30")
FACTORS = pd.Index(["country", "banks", "tech", "size", "beta"], name="factor")
KINDS = dict(zip(FACTORS, ["country", "industry", "industry", "style", "style"], strict=True))


def model(seed=0, n=12, F=None):
    draw = np.random.default_rng(seed)
    stocks = pd.Index([f"SH6{i:05d}" for i in range(n)], name="stock")
    x = np.column_stack(
        [np.ones(n), np.arange(n) % 2, 1 - np.arange(n) % 2, draw.normal(size=(n, 2))]
    )
    root = draw.normal(size=(5, 8)) * 0.004
    return RiskModel(
        date=DATE,
        exposures=pd.DataFrame(x, stocks, FACTORS),
        factor_covariance=pd.DataFrame(root @ root.T if F is None else F, FACTORS, FACTORS),
        specific_variance=pd.Series(draw.uniform(1e-4, 9e-4, n), stocks),
        kinds=KINDS,
    )


def portfolio(risk, seed=0):
    return pd.Series(np.random.default_rng(seed).dirichlet(np.ones(len(risk.stocks))), risk.stocks)


def past(seed=0, days=60):
    draw = np.random.default_rng(seed)
    dates = pd.bdate_range("2015-01-05", periods=days, name="date")
    return pd.DataFrame(0.01 * draw.normal(size=(days, 5)), dates, FACTORS)


def test_two_factors_worked_by_hand():
    F = np.diag([4.0, 1.0, 1.0, 1.0, 1.0]) * 1e-4
    F[0, 3] = F[3, 0] = 1e-4  # cov(country, size) = 1e-4: size has slope 1/4 on country
    risk = model(F=F)
    w = portfolio(risk)
    found = scenario(risk, w, {"country": -0.04})
    table, x = found.by_factor, risk.exposure(w)
    assert table.at["size", "return"] == pytest.approx(-0.01)
    assert table.at["size", "sigmas"] == pytest.approx(-1.0)
    assert (table.loc[["banks", "tech", "beta"], "return"] == 0.0).all()
    assert found.total == pytest.approx(-0.04 - 0.01 * x["size"])
    assert found.distance == pytest.approx(2.0)  # two sigmas of country


@given(seed=st.integers(0, 1_000), follow=st.booleans())
@settings(max_examples=30, deadline=None)
def test_shocks_stand_and_their_parts_sum(seed, follow):
    risk = model(seed)
    w, b = portfolio(risk, seed), portfolio(risk, seed + 1)
    shocks = {"size": -0.03, "tech": 0.01}
    found = scenario(risk, w, shocks, b, follow=follow)
    table = found.by_factor
    assert table.loc[list(shocks), "return"].to_dict() == shocks
    assert list(table.index[table["shocked"]]) == ["tech", "size"]
    assert found.total == pytest.approx(table["loss_or_gain"].sum())
    if not follow:
        assert (table.loc[~table["shocked"], "return"] == 0.0).all()
        own = risk.specific_variance @ (w - b) ** 2
        assert found.volatility == pytest.approx(np.sqrt(own))


def test_the_others_follow_as_draws_near_the_shock_do():
    risk = model(2)
    w = portfolio(risk, 2)
    draw = np.random.default_rng(0)
    f = draw.multivariate_normal(np.zeros(5), risk.factor_covariance, size=400_000)
    sigma = np.sqrt(risk.factor_covariance.at["size", "size"])
    near = f[np.abs(f[:, 3] + sigma) < 0.05 * sigma]
    found = scenario(risk, w, {"size": -1.0}, sigmas=True)
    np.testing.assert_allclose(found.by_factor["return"], near.mean(axis=0), atol=0.05 * sigma)
    own = risk.specific_variance @ w**2
    spread = np.sqrt((near @ risk.exposure(w).to_numpy()).var() + own)
    assert found.volatility == pytest.approx(spread, rel=0.03)


def test_a_shock_to_everything_leaves_only_the_stocks_own_risk():
    risk = model(4)
    w = portfolio(risk)
    found = scenario(risk, w, dict.fromkeys(FACTORS, 1.0), sigmas=True, days=5)
    sigma = np.sqrt(5 * np.diag(risk.factor_covariance))
    np.testing.assert_allclose(found.by_factor["return"], sigma)
    assert found.volatility == pytest.approx(np.sqrt(5 * (risk.specific_variance @ w**2)))


def test_days_scale_sigmas_and_not_the_answer_to_a_given_return():
    risk = model(6)
    w = portfolio(risk)
    one, month = (scenario(risk, w, {"beta": 0.02}, days=d) for d in (1, 21))
    np.testing.assert_allclose(one.by_factor["return"], month.by_factor["return"], atol=1e-15)
    assert month.volatility == pytest.approx(one.volatility * np.sqrt(21))
    assert one.distance == pytest.approx(month.distance * np.sqrt(21))
    daily, monthly = (scenario(risk, w, {"beta": 2.0}, sigmas=True, days=d) for d in (1, 21))
    assert monthly.total == pytest.approx(daily.total * np.sqrt(21))


@pytest.mark.parametrize(
    ("shocks", "words"),
    [
        ({}, "are empty; name one or more"),
        ({"value": 1.0}, "value"),
        ({"size": np.nan}, "not finite"),
    ],
)
def test_bad_shocks_are_refused(shocks, words):
    risk = model()
    with pytest.raises(DataError, match=words):
        scenario(risk, portfolio(risk), shocks)


def test_shocks_that_determine_one_another_are_refused():
    root = np.random.default_rng(0).normal(size=(5, 5)) * 0.01
    root[2] = -root[1]  # two industries that always mirror each other
    risk = model(F=root @ root.T)
    with pytest.raises(DataError, match="determine one another"):
        scenario(risk, portfolio(risk), {"banks": 0.01, "tech": 0.02})


def test_a_replay_is_exposure_times_what_happened():
    risk, f = model(), past()
    w, b = portfolio(risk, 1), portfolio(risk, 2)
    run = replay(risk, f, w, "2015-01-12", "2015-01-30", b)
    window, x = f.loc["2015-01-12":"2015-01-30"], risk.exposure(w, b)
    np.testing.assert_allclose(run.path, (window @ x).cumsum())
    assert run.total == pytest.approx(run.by_factor["loss_or_gain"].sum())
    own = risk.specific_variance @ (w - b) ** 2
    assert run.specific == pytest.approx(np.sqrt(len(window) * own))
    assert run.absent.empty
    assert "2015-01-12 to 2015-01-30 on 2020-06-30" in repr(run)


def test_the_largest_fall_counts_from_the_start_and_from_each_high():
    risk, f = model(), past(days=4) * 0.0
    w = portfolio(risk)
    f["country"] = [-0.05, 0.12, -0.04, -0.04]  # path -5, 7, 3, -1 percent: 8 below the high
    assert replay(risk, f, w, f.index[0], f.index[3]).drawdown == pytest.approx(-0.08)
    assert replay(risk, f, w, f.index[0], f.index[1]).drawdown == pytest.approx(-0.05)
    assert replay(risk, f, w, f.index[1], f.index[1]).drawdown == 0.0


def test_factors_without_returns_are_named():
    risk, f = model(), past()
    w = portfolio(risk)
    f.loc[f.index[3], "beta"] = np.nan
    run = replay(risk, f.drop(columns="tech"), w, f.index[0], f.index[9])
    assert list(run.absent.index) == ["tech", "beta"]
    assert run.absent["beta"] == pytest.approx(risk.exposure(w)["beta"])
    assert "tech, beta lacked returns" in repr(run)


def test_a_window_outside_the_past_is_refused():
    risk, f = model(), past()
    with pytest.raises(DataError, match="no session from 2014-01-01"):
        replay(risk, f, portfolio(risk), "2014-01-01", "2014-12-31")


@given(seed=st.integers(0, 1_000), days=st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_the_worst_windows_are_the_least_sums_and_do_not_overlap(seed, days):
    risk, f = model(seed), past(seed)
    w, b = portfolio(risk, seed), portfolio(risk, seed + 1)
    found = worst_windows(risk, f, w, b, days=days, count=4)
    rolling = (f @ risk.exposure(w, b)).rolling(days).sum()
    assert found.at[0, "total"] == pytest.approx(rolling.min())
    assert found["total"].is_monotonic_increasing
    for first, last in zip(found["start"], found["end"], strict=True):
        assert len(f.loc[first:last]) == days
        others = found[found["start"] != first]
        assert ((others["end"] < first) | (others["start"] > last)).all()
    assert (found["drawdown"] <= np.minimum(found["total"], 0.0) + 1e-15).all()


def test_windows_longer_than_the_past_are_refused():
    risk, f = model(), past(days=10)
    with pytest.raises(DataError, match="21 sessions do not fit into 10"):
        worst_windows(risk, f, portfolio(risk))


def test_a_scenario_says_what_it_is():
    risk = model()
    text = repr(scenario(risk, portfolio(risk), {"size": -0.03}, days=21))
    assert "size -3.00% over 21 days" in text
