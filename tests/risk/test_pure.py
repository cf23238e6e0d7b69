"""Pure factor portfolios: their returns are the factor returns, their exposures those of one factor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import DataError
from risk import RiskModel
from risk.pure import pure_portfolios
from risk.regression import cross_section, regression_weights

P, S = 4, 3
FACTORS = pd.Index(["country", "a", "b", "c", "d", "size", "beta", "value"], name="factor")
KINDS = ["country", *["industry"] * P, *["style"] * S]


def model(seed=0, n=160, mixed=False):
    draw = np.random.default_rng(seed)
    stocks = pd.Index([f"SH6{i:05d}" for i in range(n)], name="stock")
    cap = pd.Series(draw.lognormal(22.0, 1.0, n), stocks)
    industry = draw.integers(0, P, n)
    place = np.eye(P)[industry]
    if mixed:
        place = 0.7 * place + 0.3 * place[::-1]
    styles = draw.normal(size=(n, S))
    styles -= cap.to_numpy() @ styles / cap.sum()
    x = np.column_stack([np.ones(n), place, styles])
    return (
        RiskModel(
            date=pd.Timestamp("2020-06-30"),
            exposures=pd.DataFrame(x, stocks, FACTORS),
            factor_covariance=pd.DataFrame(1e-4 * np.eye(len(FACTORS)), FACTORS, FACTORS),
            specific_variance=pd.Series(4e-4, stocks),
            kinds=dict(zip(FACTORS, KINDS, strict=True)),
        ),
        cap,
        industry,
    )


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_their_returns_are_the_factor_returns(seed):
    risk, cap, industry = model(seed)
    r = np.random.default_rng(seed).uniform(-0.02, 0.02, len(cap))  # nothing reaches the clip
    styles = risk.exposures[["size", "beta", "value"]].to_numpy()
    vote = np.ones(len(cap), dtype=bool)
    day = cross_section(r, styles, industry, cap.to_numpy(), vote, P)
    f = pure_portfolios(risk, cap) @ r
    np.testing.assert_allclose(f, [day.country, *day.industry, *day.style], atol=1e-12)


@pytest.mark.parametrize("mixed", [False, True])
def test_exposures_are_those_of_one_factor(mixed):
    risk, cap, _ = model(1, mixed=mixed)
    omega = pure_portfolios(risk, cap)
    exposure = omega @ risk.exposures  # factor x factor
    share = (cap @ risk.exposures / cap.sum())[["a", "b", "c", "d"]]
    styles = ["size", "beta", "value"]
    np.testing.assert_allclose(exposure.loc[styles, styles], np.eye(S), atol=1e-12)
    np.testing.assert_allclose(exposure.loc[styles].drop(columns=styles), 0.0, atol=1e-12)
    np.testing.assert_allclose(exposure.loc["country", share.index], share, atol=1e-12)
    np.testing.assert_allclose(exposure.loc["country", styles], 0.0, atol=1e-12)
    np.testing.assert_allclose(omega.sum(axis=1), [1.0] + [0.0] * (P + S), atol=1e-12)
    industries = exposure.loc[share.index, share.index]
    np.testing.assert_allclose(industries, np.eye(P) - share.to_numpy(), atol=1e-12)


def test_a_market_without_noise_is_recovered_whatever_the_weights():
    risk, cap, _ = model(2)
    share = (cap @ risk.exposures / cap.sum())[["a", "b", "c", "d"]].to_numpy()
    f = np.random.default_rng(2).normal(size=len(FACTORS)) * 0.01
    f[1 : 1 + P] -= share @ f[1 : 1 + P]
    np.testing.assert_allclose(pure_portfolios(risk, cap) @ (risk.exposures @ f), f, atol=1e-13)


def test_the_country_portfolio_is_close_to_the_market():
    risk, cap, _ = model(3, n=2000)
    country, v = pure_portfolios(risk, cap).loc["country"], cap / cap.sum()
    draw = np.random.default_rng(3).normal(size=(500, 2000))
    r = draw @ np.diag(np.full(2000, 0.02)) + 0.01 * draw[:, :1]
    assert np.corrcoef(r @ country, r @ v)[0, 1] > 0.95
    root = pd.Series(regression_weights(cap.to_numpy()), cap.index)
    assert country.corr(root / root.sum()) > 0.9  # weighted as the regression is


def test_industries_with_fewer_than_five_voters_have_no_portfolio():
    risk, cap, industry = model(4)
    few = np.flatnonzero(industry == 2)[4:]
    omega = pure_portfolios(risk, cap.drop(cap.index[few]))
    assert "c" not in omega.index
    assert not omega.columns.isin(cap.index[industry == 2]).any()


def test_bad_market_values_are_refused():
    risk, cap, _ = model()
    with pytest.raises(DataError, match=r"1 market values .* first SH600003"):
        pure_portfolios(risk, cap.mask(cap.index == "SH600003"))
    with pytest.raises(DataError, match="not covered"):
        pure_portfolios(risk, pd.Series({"SZ000001": 1e9}))


def test_factors_that_cannot_be_told_apart_are_refused():
    risk, cap, _ = model()
    risk.exposures["beta"] = 2.0 * risk.exposures["size"]
    with pytest.raises(DataError, match="cannot be told apart"):
        pure_portfolios(risk, cap)
    risk.exposures["beta"] = 0.0
    with pytest.raises(DataError, match=r"exposed to \['beta'\]"):
        pure_portfolios(risk, cap)
