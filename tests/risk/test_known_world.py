"""The whole estimate, from regression to forecast, in a Gaussian world of known F, s and X.

Exposures stay as they are, so nothing but estimation error stands between the model and the truth. A
perfect forecast of normal returns has a bias statistic within 1 +- sqrt(2 / T) for 95 % of portfolios; the
bounds are three times that.
"""

from __future__ import annotations

import numpy as np
import pytest

from risk.covariance import CNE5S, Moments, factor_covariance
from risk.eigen import eigen_adjust, eigen_bias, whitened_draws
from risk.regression import cross_section
from risk.specific import ResidualMoments

DAYS, BURN, STOCKS, INDUSTRIES, STYLES = 1900, 700, 500, 6, 20
K = 1 + INDUSTRIES + STYLES
BAND = 3.0 * np.sqrt(2.0 / (DAYS - BURN))
RANDOM = 40


@pytest.fixture(scope="module")
def world():
    """Exposures, and returns of factors and of stocks."""
    draw = np.random.default_rng(5)
    code = np.arange(STOCKS) % INDUSTRIES
    styles = draw.standard_normal((STOCKS, STYLES))
    deviation = np.array([0.012] + [0.006] * INDUSTRIES + [0.0025] * STYLES)
    loose = draw.standard_normal((K, 2 * K)) / np.sqrt(2 * K)
    root = deviation[:, None] * (0.6 * np.eye(K) + 0.8 * (loose @ loose.T))
    f = draw.standard_normal((DAYS, K)) @ root.T
    specific = draw.uniform(0.01, 0.03, STOCKS)
    x = np.column_stack([np.ones(STOCKS), np.eye(INDUSTRIES)[code], styles])
    returns = f @ x.T + specific * draw.standard_normal((DAYS, STOCKS))
    return x, code, returns


@pytest.fixture(scope="module")
def judged(world):
    """Outcome over forecast by day, for every family of portfolios."""
    x, code, returns = world
    cap, everyone = np.ones(STOCKS), np.ones(STOCKS, dtype=bool)
    active = np.random.default_rng(1).standard_normal((RANDOM, STOCKS))
    active -= active.mean(axis=1, keepdims=True)
    vol = Moments.empty(K, CNE5S.nw_vol, CNE5S.vol)
    corr = Moments.empty(K, CNE5S.nw_corr, CNE5S.corr)
    residual = ResidualMoments.empty(STOCKS, CNE5S)
    draws = whitened_draws(K, CNE5S, BURN, 100, seed=0)
    b = {name: [] for name in ("factors", "random", "gmv", "eigen plain", "eigen adjusted")}
    forecast = None
    for t in range(DAYS):
        day = cross_section(returns[t], x[:, -STYLES:], code, cap, everyone, INDUSTRIES)
        f = np.concatenate([[day.country], day.industry, day.style])
        if forecast is not None:
            plain, adjusted, specific = forecast
            b["factors"].append(f / np.sqrt(np.diag(adjusted)))
            exposure = active @ x
            variance = np.einsum("pk,kl,pl->p", exposure, adjusted, exposure)
            b["random"].append(active @ returns[t] / np.sqrt(variance + active**2 @ specific))
            scaled = x / specific[:, None]
            inner = np.eye(K) + adjusted @ (x.T @ scaled)
            w = 1.0 / specific - scaled @ np.linalg.solve(inner, adjusted @ scaled.sum(axis=0))
            # 1' w is 1 over the variance of w / 1' w, so the outcome over its deviation is
            b["gmv"].append([w @ returns[t] / np.sqrt(w.sum())])
            for name, covariance in (("eigen plain", plain), ("eigen adjusted", adjusted)):
                values, vectors = np.linalg.eigh(covariance)
                b[name].append((vectors.T @ f / np.sqrt(values))[1:])  # the constraint leaves one
        vol, corr, residual = vol.update(f), corr.update(f), residual.update(day.residual)
        if t >= BURN - 1:
            plain, _ = factor_covariance(vol, corr, np.arange(K))
            if (t - BURN + 1) % 21 == 0:
                v = eigen_bias(plain, draws)
            forecast = plain, eigen_adjust(plain, v), residual.volatility() ** 2
    return {name: np.std(np.array(rows), axis=0, ddof=1) for name, rows in b.items()}


@pytest.mark.parametrize("family", ["factors", "random", "gmv"])
def test_estimated_risk_is_calibrated_on_every_family(judged, family):
    assert np.abs(judged[family] - 1.0).max() < BAND
    assert abs(judged[family].mean() - 1.0) < 0.06


def test_eigenfactors_are_flat_only_with_the_adjustment(judged):
    third = (K - 1) // 3
    low = {name: judged[name][:third].mean() for name in ("eigen plain", "eigen adjusted")}
    high = {name: judged[name][-third:].mean() for name in ("eigen plain", "eigen adjusted")}
    assert low["eigen plain"] > 1.08
    assert low["eigen plain"] - high["eigen plain"] > 0.08
    assert low["eigen adjusted"] == pytest.approx(1.0, abs=0.05)
    assert high["eigen adjusted"] == pytest.approx(1.0, abs=0.05)
