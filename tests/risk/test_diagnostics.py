"""Diagnostics of a fitted history against pandas, and against the identity they rest on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from market import TRADING_DAYS, DataError
from risk import CNE5, Barra, StyleSpec
from risk.diagnostics import (
    country_and_market,
    factor_table,
    fit_table,
    return_decomposition,
    stability,
)
from risk.inputs import Inputs
from risk.pure import pure_portfolios
from risk.regression import regression_weights


@pytest.fixture(scope="module")
def history(world):
    return Barra(warmup=100).fit(world)


def test_the_factor_table_agrees_with_pandas(history):
    start = history.dates[0]
    table = factor_table(history, start)
    f, t = history.factor_returns.loc[start:], history.t_values.loc[start:]
    assert list(table.index) == list(f.columns)
    assert table.at["size", "mean"] == pytest.approx(TRADING_DAYS * f["size"].mean())
    assert table.at["size", "volatility"] == pytest.approx(f["size"].std() * TRADING_DAYS**0.5)
    assert table.at["beta", "ir"] == pytest.approx(
        table.at["beta", "mean"] / table.at["beta", "volatility"]
    )
    assert table.at["country", "mean_t"] == pytest.approx(t["country"].abs().mean())
    assert table.at["country", "share_t2"] == pytest.approx((t["country"].abs() > 2).mean())
    assert table.at["value", "vif_max"] == pytest.approx(history.vif.loc[start:, "value"].max())
    assert table["vif"].notna().sum() == (table["kind"] == "style").sum()


def test_a_style_that_repeats_another_is_dropped_and_named(world):
    cap = pd.DataFrame(Inputs.read(world).cap, world.dates, world.stocks)
    styles = (*CNE5[:2], StyleSpec("copy", {"copy": 1.0}))
    history = Barra(styles, warmup=100, eigen=None).fit(world, given={"copy": np.log(cap)})
    table = factor_table(history)
    assert table.at["copy", "dropped"] == len(history.r2)
    assert table.at["copy", "days"] == 0 or np.isnan(table.at["copy", "days"])
    assert list(table.index[table["alarm"] == "collinear"]) == ["copy"]
    assert "copy" not in history.at(history.dates[-1]).factors
    assert fit_table(history)["dropped"].sum() == len(history.r2)


def test_alarms_name_collinear_and_unstable_styles(history):
    table = factor_table(history)
    unstable = (table["stability"] < 0.8) & ~(table["vif_max"] > 5.0)
    assert (table.loc[unstable, "alarm"] == "unstable").all()
    assert (table.loc[table["vif_max"] > 5.0, "alarm"] == "collinear").all()
    assert (table.loc[table["kind"] == "country", "alarm"] == "").all()


def test_stability_is_the_weighted_correlation_with_a_month_before(history):
    row = len(history.sessions) - 1
    then, now = history.sessions[row - 21], history.sessions[row]
    found = stability(history, now)
    assert list(found.index) == [now]
    cap = history.record.cap[row - 21]
    held = history.record.covered[row] & history.record.covered[row - 21] & (cap > 0)
    v = regression_weights(cap[held].astype(float))
    for name in ("size", "momentum"):
        pair = history.style(name).loc[[then, now]].to_numpy()[:, held].astype(float)
        covariance = np.cov(pair, aweights=v)
        rho = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
        assert found.at[now, name] == pytest.approx(rho, abs=1e-12)


def test_rank_stability_is_spearmans(history):
    row = len(history.sessions) - 1
    now = history.sessions[row]
    found = stability(history, now, lag=1, ranks=True)
    pair = history.style("momentum").iloc[[row - 1, row]].to_numpy()
    pair = pair[:, np.isfinite(pair).all(axis=0)]
    rho = np.corrcoef(rankdata(pair[0]), rankdata(pair[1]))[0, 1]
    assert found.at[now, "momentum"] == pytest.approx(rho, abs=1e-9)


def test_parts_of_the_return_sum_to_its_root_mean_square(history, world):
    inputs, record = Inputs.read(world), history.record
    parts = return_decomposition(history, history.dates[0])
    for date in parts.index[::60]:
        row = history.sessions.get_loc(date)
        voted = record.voted[row]
        v = regression_weights(record.cap[row - 1, voted].astype(float))
        r = inputs.returns[row, voted].astype(float)
        assert parts.loc[date].sum() == pytest.approx(np.sqrt(v @ r**2 / v.sum()), rel=1e-5)
        u = record.residuals[row, voted].astype(float)
        whole = np.sqrt(v @ r**2 / v.sum())
        assert parts.at[date, "specific"] == pytest.approx(v @ (u * r) / v.sum() / whole, rel=1e-4)


def test_the_country_factor_follows_the_market(history, world):
    both = country_and_market(history)
    np.testing.assert_array_equal(both["country"], history.factor_returns["country"])
    assert both["country"].corr(both["market"]) > 0.9  # a third of the industries is thin here
    row = history.sessions.get_loc(both.index[-1])
    voted, cap = history.record.voted[row], history.record.cap[row - 1].astype(float)
    r = world.values("returns")[row].astype(float)
    market = cap[voted] @ r[voted] / cap[voted].sum()
    assert both["market"].iloc[-1] == pytest.approx(market, rel=1e-5, abs=1e-8)


def test_the_table_of_fits_averages_by_year(history):
    table = fit_table(history)
    r2 = history.r2.groupby(history.r2.index.year).mean()
    np.testing.assert_allclose(table["r2"], r2)
    assert (table["r2_centred"] < table["r2"]).all()
    assert (table["r2_adjusted"] < table["r2"]).all()
    both = country_and_market(history).loc[str(table.index[-1])]
    assert table["country"].iloc[-1] == pytest.approx(both["country"].corr(both["market"]))
    assert table["dropped"].sum() == history.record.collinear.sum()


def test_pure_portfolios_of_a_fitted_model_return_its_factors(history, world):
    row = len(history.sessions) - 1
    voted = history.record.voted[row]
    cap = pd.Series(history.record.cap[row - 1, voted].astype(float), history.stocks[voted])
    omega = pure_portfolios(history.at(history.sessions[row - 1]), cap)
    r = world.returns().iloc[row][omega.columns].astype(float)
    middle = r.median()
    reach = max(5 * 1.4826 * (r - middle).abs().median(), 3 * r.std(ddof=0))
    clipped = r.clip(middle - reach, middle + reach)
    f = history.factor_returns.iloc[-1][omega.index]
    np.testing.assert_allclose(omega @ clipped, f, atol=1e-9)  # float32 exposures


def test_the_cap_portfolio_of_the_universe_has_no_style(history, world):
    inputs = Inputs.read(world)
    row = len(history.sessions) - 1
    cap = np.where(inputs.estu[row], inputs.cap[row], 0.0).astype(float)
    styles = np.nan_to_num(history.record.styles[row].astype(float))
    assert np.abs(cap @ styles / cap.sum()).max() < 1e-6  # stored as float32


def test_a_period_without_returns_is_refused(history):
    with pytest.raises(DataError, match="2099"):
        factor_table(history, "2099-01-01")
