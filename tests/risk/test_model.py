"""The model of one date: factor form against the dense matrix, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import TRADING_DAYS, DataError
from risk import RiskModel

DATE = pd.Timestamp("2020-06-30")


def model(seed=0, n=12):
    draw = np.random.default_rng(seed)
    stocks = pd.Index([f"SH6{i:05d}" for i in range(n)], name="stock")
    factors = pd.Index(["country", "banks", "tech", "size", "beta"], name="factor")
    x = np.column_stack(
        [np.ones(n), np.arange(n) % 2, 1 - np.arange(n) % 2, draw.normal(size=(n, 2))]
    )
    root = draw.normal(size=(5, 5)) * 0.006
    return RiskModel(
        date=DATE,
        exposures=pd.DataFrame(x, stocks, factors),
        factor_covariance=pd.DataFrame(root @ root.T, factors, factors),
        specific_variance=pd.Series(draw.uniform(1e-4, 9e-4, n), stocks),
        kinds=dict(
            zip(factors, ["country", "industry", "industry", "style", "style"], strict=True)
        ),
    )


def weights(risk, seed, signed=False):
    draw = np.random.default_rng(seed)
    w = draw.normal(size=len(risk.stocks)) if signed else draw.random(len(risk.stocks))
    return pd.Series(w / np.abs(w).sum(), risk.stocks)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_variance_equals_the_dense_quadratic_form(seed):
    risk = model(seed)
    w = weights(risk, seed, signed=True)
    assert risk.variance(w) == pytest.approx(w @ risk.cov() @ w)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_contributions_sum_to_the_tracking_error(seed):
    risk = model(seed)
    w, b = weights(risk, seed), weights(risk, seed + 1)
    parts = risk.contributions(w, b)
    assert parts.sum() == pytest.approx(risk.tracking_error(w, b))
    assert parts["specific"] > 0.0
    assert list(parts.index) == [*risk.factors, "specific"]
    assert risk.contributions(w).sum() == pytest.approx(risk.volatility(w))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_marginal_is_the_slope_of_volatility(seed):
    risk = model(seed)
    w = weights(risk, seed)
    slope = risk.marginal(w)
    assert w @ slope == pytest.approx(risk.volatility(w))
    step = np.zeros(len(w))
    step[3] = 1e-6
    difference = (risk.volatility(w + step) - risk.volatility(w - step)) / 2e-6
    assert slope.iloc[3] == pytest.approx(difference, rel=1e-4, abs=1e-7)


def test_one_stock_by_hand():
    stocks, factors = pd.Index(["A"]), pd.Index(["country"])
    risk = RiskModel(
        DATE,
        pd.DataFrame([[1.0]], stocks, factors),
        pd.DataFrame([[1e-4]], factors, factors),
        pd.Series([3e-4], stocks),
        {"country": "country"},
    )
    w = pd.Series({"A": 0.5})
    assert risk.variance(w) == pytest.approx(0.25 * 4e-4)
    assert risk.volatility(w) == pytest.approx(0.5 * 0.02 * np.sqrt(TRADING_DAYS))
    quarter = risk.volatility(w) / 4.0
    np.testing.assert_allclose(risk.contributions(w), [quarter, 3.0 * quarter])


def test_tracking_error_to_itself_is_zero_and_needs_no_repair():
    risk = model()
    w = weights(risk, 1)
    assert risk.tracking_error(w, w) == 0.0
    assert (risk.contributions(w, w) == 0.0).all()
    assert (risk.marginal(w, w) == 0.0).all()


def test_exposures_scale_and_tracking_error_is_a_norm():
    risk = model()
    w, b = weights(risk, 1), weights(risk, 2)
    assert risk.volatility(2.0 * w) == pytest.approx(2.0 * risk.volatility(w))
    assert risk.tracking_error(w, b) == pytest.approx(risk.tracking_error(b, w))
    np.testing.assert_allclose(risk.exposure(2.0 * w), 2.0 * risk.exposure(w))
    assert risk.exposure(w)["country"] == pytest.approx(1.0)
    assert risk.exposure(w, b)["country"] == pytest.approx(0.0, abs=1e-15)


def test_beta_is_covariance_over_variance():
    risk = model()
    w, b = weights(risk, 1), weights(risk, 2)
    dense = risk.cov()
    assert risk.beta(w, b) == pytest.approx((w @ dense @ b) / (b @ dense @ b))
    assert risk.beta(b, b) == pytest.approx(1.0)
    with pytest.raises(DataError, match="give it weights"):
        risk.beta(w, 0.0 * b)


def test_stocks_left_out_of_the_weights_weigh_nothing():
    risk = model()
    w = weights(risk, 1)
    w.iloc[4:] = 0.0
    assert risk.variance(w.iloc[:4]) == risk.variance(w)
    shuffled = w.sample(frac=1.0, random_state=0)
    assert risk.variance(shuffled) == risk.variance(w)


def test_a_stock_with_weight_must_be_covered():
    risk = model()
    w = pd.concat([weights(risk, 1), pd.Series({"SZ000001": 0.1})])
    with pytest.raises(DataError, match=r"SZ000001.*|1 stocks are not covered.*2020-06-30"):
        risk.variance(w)
    w["SZ000001"] = 0.0
    assert risk.variance(w) == risk.variance(weights(risk, 1))


def test_missing_weights_are_refused_on_either_side():
    risk = model()
    w, b = weights(risk, 1), weights(risk, 2)
    b.iloc[2] = np.nan
    with pytest.raises(DataError, match="1 NaN"):
        risk.tracking_error(w, b)


def test_infinite_weights_and_stocks_named_twice_are_refused():
    risk = model()
    w = weights(risk, 1)
    with pytest.raises(DataError, match=r"1 NaN or infinite values, first \['SH600003'\]"):
        risk.volatility(w.where(w.index != "SH600003", np.inf))
    with pytest.raises(DataError, match=r"1 stocks more than once, first \['SH600002'\]"):
        risk.volatility(pd.concat([w, w.loc[["SH600002"]]]))


def test_select_keeps_the_covariance_of_the_chosen():
    risk = model()
    chosen = list(risk.stocks[[7, 2, 5]])
    part = risk.select(chosen)
    pd.testing.assert_frame_equal(part.cov(), risk.cov().loc[chosen, chosen])
    with pytest.raises(DataError, match="SZ000001"):
        risk.select([*chosen, "SZ000001"])


def test_factors_are_found_by_kind():
    risk = model()
    assert risk.of_kind("industry") == ["banks", "tech"]
    assert risk.of_kind("style") == ["size", "beta"]
    assert "1 country, 2 industry, 2 style" in repr(risk)


def test_a_missing_exposure_names_factor_stock_and_date():
    risk = model()
    holes = risk.exposures.copy()
    holes.loc["SH600003", "size"] = np.nan
    with pytest.raises(DataError, match=r"1 values.*size, stock SH600003, 2020-06-30"):
        replace(risk, exposures=holes)


def test_bad_covariances_and_variances_are_refused():
    risk = model()
    lopsided = risk.factor_covariance.copy()
    lopsided.loc["size", "beta"] += 1e-4
    with pytest.raises(DataError, match="not symmetric"):
        replace(risk, factor_covariance=lopsided)
    gone = risk.factor_covariance.copy()
    gone.loc["size", :] = np.nan
    with pytest.raises(DataError, match=r"not finite for.*size"):
        replace(risk, factor_covariance=gone)
    flat = risk.specific_variance.copy()
    flat["SH600004"] = 0.0
    with pytest.raises(DataError, match=r"1 stocks.*SH600004"):
        replace(risk, specific_variance=flat)


def test_labels_must_agree():
    risk = model()
    with pytest.raises(DataError, match="disagree"):
        replace(risk, specific_variance=risk.specific_variance.iloc[::-1])
    with pytest.raises(DataError, match="disagree"):
        replace(risk, kinds={"country": "country"})
