"""Attribution: parts that sum, derivatives that are slopes, numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import TRADING_DAYS, DataError
from risk import RiskModel
from risk.attribution import UNPLACED, attribute, attribute_path

DATE = pd.Timestamp("2020-06-30")
KINDS = ["country", "industry", "industry", "style", "style", "latent"]
FACTORS = pd.Index(["country", "banks", "tech", "size", "beta", "deep01"], name="factor")


def model(seed=0, n=14, unplaced=0):
    draw = np.random.default_rng(seed)
    stocks = pd.Index([f"SH6{i:05d}" for i in range(n)], name="stock")
    x = np.column_stack(
        [np.ones(n), np.arange(n) % 2, 1 - np.arange(n) % 2, draw.normal(size=(n, 3))]
    )
    x[:unplaced, 1:3] = 0.0
    root = draw.normal(size=(6, 6)) * 0.006
    return RiskModel(
        date=DATE,
        exposures=pd.DataFrame(x, stocks, FACTORS),
        factor_covariance=pd.DataFrame(root @ root.T, FACTORS, FACTORS),
        specific_variance=pd.Series(draw.uniform(1e-4, 9e-4, n), stocks),
        kinds=dict(zip(FACTORS, KINDS, strict=True)),
    )


def portfolios(risk, seed):
    draw = np.random.default_rng(seed)
    w, b = draw.dirichlet(np.ones(len(risk.stocks)), 2)
    return pd.Series(w, risk.stocks), pd.Series(b, risk.stocks)


@given(seed=st.integers(0, 10_000), active=st.booleans(), unplaced=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_every_table_sums_to_the_total(seed, active, unplaced):
    risk = model(seed, unplaced=unplaced)
    w, b = portfolios(risk, seed)
    b = b if active else None
    found = attribute(risk, w, b)
    whole = risk.volatility(w) if b is None else risk.tracking_error(w, b)
    assert found.total == pytest.approx(whole, abs=1e-12)
    for table in (found.by_factor, found.by_kind, found.by_stock):
        assert table["contribution"].sum() == pytest.approx(whole, abs=1e-12)
        assert table["percent"].sum() == pytest.approx(100.0, abs=1e-9)
    assert found.by_industry["stocks"].sum() == pytest.approx(whole, abs=1e-12)
    assert (UNPLACED in found.by_industry.index) == (unplaced > 0)
    specific = found.by_kind.at["specific", "contribution"]
    assert found.by_stock["specific"].sum() == pytest.approx(specific, abs=1e-12)
    assert found.by_industry["specific"].sum() == pytest.approx(specific, abs=1e-12)
    factors = found.by_factor["contribution"].drop("specific").sum()
    assert found.by_stock["factors"].sum() == pytest.approx(factors, abs=1e-12)


def test_the_parts_of_two_factors_worked_by_hand():
    stocks, factors = pd.Index(["SH600000", "SH600001"]), pd.Index(["country", "size"])
    risk = RiskModel(
        date=DATE,
        exposures=pd.DataFrame([[1.0, 1.0], [1.0, -1.0]], stocks, factors),
        factor_covariance=pd.DataFrame(np.diag([4.0, 1.0]) / TRADING_DAYS, factors, factors),
        specific_variance=pd.Series([8.0, 8.0], stocks) / TRADING_DAYS,
        kinds={"country": "country", "size": "style"},
    )
    # x = (1, 0), factor variance 4, specific 0.25 * 8 + 0.25 * 8 = 4: volatility sqrt(8)
    found = attribute(risk, pd.Series(0.5, stocks))
    assert found.total == pytest.approx(np.sqrt(8.0))
    table = found.by_factor
    assert list(table["volatility"]) == pytest.approx([2.0, 1.0, 2.0])
    assert list(table["correlation"]) == pytest.approx([2**-0.5, 0.0, 2**-0.5])
    assert list(table["contribution"]) == pytest.approx([2**0.5, 0.0, 2**0.5])
    assert list(found.by_kind["percent"]) == pytest.approx([50.0, 0.0, 50.0])
    assert list(found.by_kind.index) == ["country", "style", "specific"]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_marginals_are_slopes_of_the_total(seed):
    risk = model(seed)
    w, b = portfolios(risk, seed)
    found, step = attribute(risk, w, b), 1e-6
    for stock in risk.stocks[:3]:
        up = w.copy()
        up[stock] += step
        slope = (risk.tracking_error(up, b) - found.total) / step
        assert found.by_stock.at[stock, "marginal"] == pytest.approx(slope, rel=1e-3, abs=1e-5)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_correlations_are_those_of_the_dense_covariance(seed):
    risk = model(seed)
    w, b = portfolios(risk, seed)
    table = attribute(risk, w, b).by_factor.drop("specific")
    x, F = risk.exposures.to_numpy(), risk.factor_covariance.to_numpy()
    d = (w - b).to_numpy()
    with_factors = F @ x.T @ d / np.sqrt(np.diag(F) * (d @ risk.cov().to_numpy() @ d))
    np.testing.assert_allclose(table["correlation"], with_factors, atol=1e-12)
    assert table["correlation"].abs().max() <= 1.0 + 1e-12


def test_a_kind_alone_has_the_volatility_of_its_factors_alone():
    risk = model(3)
    w, _ = portfolios(risk, 3)
    found = attribute(risk, w)
    x = risk.exposure(w)[["size", "beta"]]
    F = risk.factor_covariance.loc[["size", "beta"], ["size", "beta"]]
    assert found.by_kind.at["style", "volatility"] == pytest.approx(
        np.sqrt(TRADING_DAYS * x @ F @ x)
    )


def test_industries_gather_their_stocks_and_stocks_come_largest_first():
    risk = model(5)
    w, b = portfolios(risk, 5)
    found = attribute(risk, w, b)
    tech = risk.stocks[risk.exposures["tech"] == 1.0]
    row = found.by_industry.loc["tech"]
    assert row["weight"] == pytest.approx((w - b)[tech].sum())
    assert row["stocks"] == pytest.approx(found.by_stock.loc[tech, "contribution"].sum())
    assert row["factor"] == pytest.approx(found.by_factor.at["tech", "contribution"])
    size = found.by_stock["contribution"].abs()
    assert size.is_monotonic_decreasing


def test_a_portfolio_like_its_benchmark_has_zeros_and_no_nan():
    risk = model()
    w, _ = portfolios(risk, 0)
    found = attribute(risk, w, w)
    assert found.total == 0.0
    assert not found.by_stock.shape[0]
    assert (found.by_factor[["contribution", "correlation", "percent"]] == 0.0).all(axis=None)
    assert (found.by_kind == 0.0).all(axis=None)


def test_summary_and_text_name_the_measure_and_the_parts():
    risk = model()
    w, b = portfolios(risk, 1)
    active, whole = attribute(risk, w, b), attribute(risk, w)
    assert list(active.summary().index) == [
        "tracking_error", "country", "industry", "style", "latent", "specific",
    ]  # fmt: skip
    assert active.summary().iloc[1:].sum() == pytest.approx(active.total)
    assert whole.summary().index[0] == "volatility"
    assert f"tracking error {active.total:.2%}" in repr(active)
    assert "2020-06-30: volatility" in repr(whole)


def test_bad_weights_are_refused():
    risk = model()
    w, _ = portfolios(risk, 1)
    with pytest.raises(DataError, match="NaN"):
        attribute(risk, w.mask(w.index == w.index[0]))
    with pytest.raises(DataError, match="SZ000001"):
        attribute(risk, pd.Series({"SZ000001": 1.0}))


class Models:
    """Models by date; the second lacks the latent factor."""

    def at(self, date):
        risk = model(date.day)
        if date.day % 2:
            return risk
        keep = FACTORS[:-1]
        return RiskModel(
            date, risk.exposures[keep], risk.factor_covariance.loc[keep, keep],
            risk.specific_variance, {name: risk.kinds[name] for name in keep},
        )  # fmt: skip


def test_a_path_holds_the_attribution_of_each_date():
    dates = pd.DatetimeIndex(["2020-06-29", "2020-06-30"])
    rows = [portfolios(model(), k) for k in range(2)]
    w, b = (pd.DataFrame([row[k] for row in rows], index=dates) for k in range(2))
    path = attribute_path(Models(), w, b)
    for date in dates:
        one = attribute(Models().at(date), w.loc[date], b.loc[date])
        assert path.total[date] == pytest.approx(one.total, abs=1e-15)
        contributions = one.by_factor["contribution"]
        np.testing.assert_allclose(path.by_factor.loc[date, contributions.index], contributions)
        kinds = one.by_kind["contribution"]
        np.testing.assert_allclose(path.by_kind.loc[date, kinds.index], kinds)
    assert np.isnan(path.by_factor.at[dates[1], "deep01"])
    assert path.by_kind.at[dates[1], "latent"] == 0.0
    np.testing.assert_allclose(path.by_factor.sum(axis=1), path.total)
    assert "2 dates" in repr(path)


def test_a_path_without_a_benchmark_row_is_refused():
    dates = pd.DatetimeIndex(["2020-06-29", "2020-06-30"])
    w = pd.DataFrame([portfolios(model(), k)[0] for k in range(2)], index=dates)
    with pytest.raises(DataError, match="1 of 2 dates, first 2020-06-30"):
        attribute_path(Models(), w, w.iloc[:1])
