"""Eigenfactor, regime and structural adjustments inside the fundamental model, together and apart."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import market
from risk import CNE5, Barra
from risk.covariance import CNE5D, CNE5L, CNE5S, USE4L, USE4S, factor_covariance
from risk.eigen import Eigen, eigen_adjust

WARMUP = 100
STYLES = tuple(spec for spec in CNE5 if spec.name in ("size", "beta", "momentum", "liquidity"))


@pytest.fixture(scope="module")
def small():
    return market.simulate(stocks=150, days=260, seed=8)


@pytest.fixture(scope="module")
def plain(small):
    return Barra(STYLES, warmup=WARMUP, eigen=None, regime=False).fit(small)


@pytest.fixture(scope="module")
def history(small):
    return Barra(STYLES, warmup=WARMUP, eigen=Eigen(simulations=50)).fit(small)


def modelled(history, row):
    return np.flatnonzero(np.isfinite(np.diag(history.record.covariance[row])))


def last_covariance(history):
    factors = modelled(history, -1)
    return history.record.covariance[-1][np.ix_(factors, factors)], factors


def test_without_adjustments_the_covariance_is_the_newey_west_estimate(plain):
    found, factors = last_covariance(plain)
    np.testing.assert_array_equal(
        found, factor_covariance(plain.state.vol, plain.state.corr, factors)[0]
    )
    assert (plain.regime == 1.0).to_numpy().all()


def test_the_covariance_is_adjusted_by_rank_then_by_regime(history, plain):
    found, factors = last_covariance(history)
    estimate, _ = last_covariance(plain)
    adjusted = eigen_adjust(estimate, history.state.eigen.at(len(factors)))
    level = history.regime["factor"].iloc[-1]
    np.testing.assert_allclose(found, level**2 * adjusted, rtol=1e-12, atol=1e-18)
    assert level == history.state.factor_regime.level


def test_the_regime_holds_returns_against_the_forecast_of_the_day_before(history):
    """Lambda rebuilt from what was written: forecasts are those before the regime, after the ranks."""
    record, rows = history.record, np.flatnonzero(history.record.modelled)
    square, fade = 1.0, 0.5 ** (1.0 / 42.0)
    for before, now in pairwise(rows):
        sigma = np.sqrt(np.diag(record.covariance[before])) / record.regime[before, 0]
        surprise = (record.factor_returns[now] / sigma) ** 2
        bias = np.nanmean(np.minimum(surprise, 25.0))
        square = fade * square + (1.0 - fade) * bias
        assert record.regime[now, 0] == pytest.approx(np.sqrt(square), rel=1e-12)


def test_the_regime_of_specific_risk_weighs_the_universe_by_market_value(history):
    record, rows = history.record, np.flatnonzero(history.record.modelled)
    square, fade = 1.0, 0.5 ** (1.0 / 42.0)
    for before, now in pairwise(rows):
        forecast = record.specific[before] / record.regime[before, 1]
        surprise = np.minimum((record.residuals[now] / forecast) ** 2, 25.0)
        seen = record.estu[before] & record.ordinary[now] & np.isfinite(surprise)
        weight = record.cap[before, seen].astype(np.float64)
        square = fade * square + (1.0 - fade) * np.average(surprise[seen], weights=weight)
        assert record.regime[now, 1] == pytest.approx(np.sqrt(square), rel=1e-6)


def test_the_bias_is_simulated_on_every_twenty_first_forecast(small):
    barra = Barra(STYLES, warmup=WARMUP, eigen=Eigen(simulations=20, refresh=21), regime=False)
    grown, kept = barra.fit(small.until(small.dates[WARMUP])), []
    for date in small.dates[WARMUP + 1 : WARMUP + 44]:
        grown = grown.update(small.until(date))
        kept.append(grown.state.eigen.v)
    changed = [k for k in range(1, len(kept)) if kept[k] is not kept[k - 1]]
    assert changed == [20, 41]


def test_a_suspended_stock_keeps_its_last_specific_risk(history, small):
    record, seen = history.record, 0
    before_regime = record.specific / record.regime[:, 1:]
    idle = np.isnan(small.values("returns")) & record.covered
    for row in range(WARMUP + 5, len(small.dates)):
        held = idle[row] & np.isfinite(before_regime[row - 1])
        np.testing.assert_allclose(before_regime[row, held], before_regime[row - 1, held])
        seen += held.sum()
    assert seen > 10


def test_new_listings_have_specific_risk_from_their_first_day(history, small):
    traded = ~np.isnan(small.values("close"))
    row = np.array([np.argmax(traded[:, n]) for n in range(traded.shape[1])])
    young = np.flatnonzero((row > WARMUP + 5) & traded.any(axis=0))
    assert len(young)
    first = history.record.specific[row[young], young]
    assert np.isfinite(first).all()
    others = np.nanmedian(history.record.specific[row[young]], axis=1)
    assert (np.abs(np.log(first / others)) < 1.0).all()


def test_own_history_alone_serves_from_sixty_residuals_on_when_only_gaps_are_filled(small, plain):
    filled = Barra(STYLES, warmup=WARMUP, eigen=None, regime=False, specific="fill").fit(small)
    bare = replace(filled.config.horizon, shrinkage=0.0)
    unshrunk = Barra(STYLES, bare, WARMUP, eigen=None, regime=False, specific="fill").fit(small)
    own = unshrunk.state.residual.volatility()
    count = filled.record.ordinary[-180:].sum(axis=0)
    traded = ~np.isnan(small.values("returns")[-1])
    low, high = np.nanpercentile(unshrunk.record.specific[-1], [5, 90])
    inner = (count > 60) & traded & (own > low) & (own < high)
    np.testing.assert_allclose(unshrunk.record.specific[-1, inner], own[inner], rtol=1e-12)
    assert not np.array_equal(filled.record.specific[-1], plain.record.specific[-1], equal_nan=True)


def test_repairs_clips_and_thin_histories_are_reported(history):
    report = history.report.set_index("what")
    for row in (
        "covariance repaired",
        "eigen bias out of bounds",
        "surprise clipped",
        "specific risk from its kind",
        "specific risk at a bound",
    ):
        assert row in report.index, row
    thin = report.loc["specific risk from its kind"]
    assert 0 < thin["count"] < thin["of"]


def test_presets_differ_as_published():
    assert (CNE5S.vol, CNE5S.corr, CNE5S.vra, CNE5S.shrinkage) == (84.0, 504.0, 42.0, 0.25)
    assert replace(CNE5S, vol=252.0, vra=168.0, specific=252.0, specific_vra=168.0) == CNE5L
    assert replace(CNE5S, shrinkage=0.1) == USE4S
    assert replace(CNE5L, shrinkage=0.1) == USE4L
    assert (CNE5D.vol, CNE5D.corr, CNE5D.nw_vol, CNE5D.nw_corr, CNE5D.vra) == (42, 200, 0, 0, 4)
    assert (CNE5D.specific, CNE5D.nw_specific, CNE5D.specific_vra) == (42, 0, 4)


@pytest.mark.parametrize("horizon", [CNE5D, USE4L])
def test_every_horizon_gives_complete_models(small, horizon):
    history = Barra(STYLES, horizon, WARMUP, eigen=Eigen(simulations=20)).fit(small)
    model = history.at(small.dates[-1])
    assert np.linalg.eigvalsh(model.factor_covariance.to_numpy()).min() > 0.0
    assert (history.regime > 0.3).all(axis=None)
    assert (history.regime < 3.0).all(axis=None)


def test_a_mode_of_specific_risk_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="use 'blend' or 'fill'"):
        Barra(specific="mix")
