"""The peers of ``benchmarks/risk.py``, written as their users write them, and the data both sides get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
import torch
from torch import Tensor
from torch.nn import functional as F

from alpha.nn import PeerDifference, attention_weights
from risk.covariance import Horizon
from risk.regression import CrossSection, cross_section, regression_weights

Array = np.ndarray
INDUSTRIES, STYLES = 31, 10


@dataclass(frozen=True, eq=False)
class Day:
    """One day as a regression gets it."""

    returns: Array
    styles: Array
    industry: Array
    cap: Array


def day(stocks: int, seed: int = 0) -> Day:
    """Draw a day of 31 industries and 10 styles; returns without outliers, for peers do not clip."""
    draw = np.random.default_rng([seed, stocks])
    industry = np.concatenate([np.arange(INDUSTRIES), draw.integers(0, INDUSTRIES, stocks)])
    industry = industry[:stocks].astype(np.int8)
    styles = draw.standard_normal((stocks, STYLES))
    common = 0.006 * draw.standard_normal(INDUSTRIES)[industry] + styles @ (
        0.003 * draw.standard_normal(STYLES)
    )
    returns = 0.004 + common + 0.03 * draw.uniform(-1.0, 1.0, stocks)
    return Day(returns, styles, industry, draw.lognormal(22.0, 1.1, stocks))


def closed_form(x: Day) -> CrossSection:
    """Regress as this project does."""
    return cross_section(
        x.returns, x.styles, x.industry, x.cap, np.ones(len(x.cap), dtype=bool), INDUSTRIES
    )


def statsmodels_wls(x: Day) -> tuple[Array, Array, float]:
    """Regress with dummies and the restriction matrix: factor returns, t statistics, centred R2."""
    dummies = x.industry[:, None] == np.arange(INDUSTRIES)
    design = np.column_stack([np.ones(len(x.cap)), dummies, x.styles])
    share = np.bincount(x.industry, x.cap) / x.cap.sum()
    full = np.delete(np.eye(design.shape[1]), INDUSTRIES, axis=1)
    full[INDUSTRIES, 1:INDUSTRIES] = -share[:-1] / share[-1]
    fit = sm.WLS(x.returns, design @ full, regression_weights(x.cap)).fit()
    f = full @ fit.params
    return f, f / np.sqrt(np.diag(full @ fit.cov_params() @ full.T)), fit.rsquared


def difference(x: Day) -> tuple[float, float, float]:
    """Largest differences of f, of t (relative) and of R2 between the two."""
    ours, (f, t, r2) = closed_form(x), statsmodels_wls(x)
    own_f = np.array([ours.country, *ours.industry, *ours.style])
    own_t = np.array([ours.country_t, *ours.industry_t, *ours.style_t])
    return (
        float(np.abs(own_f - f).max()),
        float(np.abs(own_t / t - 1.0).max()),
        abs(ours.r2_centred - r2),
    )


def plain_eigen_bias(
    covariance: Array, horizon: Horizon, length: int, simulations: int, seed: int
) -> Array:
    """Simulate as public code does: draw each history, estimate it, decompose it, one by one.

    The noise is that of ``risk.eigen``, so that the answers can be compared.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values)) @ vectors.T
    total = np.zeros(len(covariance))
    for m in range(simulations):
        noise = np.random.default_rng((seed, m)).standard_normal((length, len(covariance)))[::-1]
        history = noise @ root
        sigma = np.sqrt(np.diag(_newey_west(history, horizon.vol, horizon.nw_vol)))
        joint = _newey_west(history, horizon.corr, horizon.nw_corr)
        scale = np.sqrt(np.diag(joint))
        estimate = joint / np.outer(scale, scale) * np.outer(sigma, sigma)
        d, u = np.linalg.eigh(estimate)
        total += np.diag(u.T @ covariance @ u) / d
    return np.sqrt(total / simulations)


def _newey_west(history: Array, half_life: float, lags: int) -> Array:
    weight = 0.5 ** (np.arange(len(history))[::-1] / half_life)
    weight /= weight.sum()
    x = history - weight @ history
    total = (weight[:, None] * x).T @ x
    for lag in range(1, lags + 1):
        gamma = (weight[lag:, None] * x[lag:]).T @ x[:-lag]
        total += (1.0 - lag / (lags + 1)) * (gamma + gamma.T)
    return total


class DensePeers(PeerDifference):
    """The same layer over an N x N matrix of attention for each lag, as released code forms it.

    In training it drops entries of that matrix, where ours drops neighbours.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Take the peers' average away."""
        h = x @ self.project
        scale = (2 * h.shape[-1]) ** -0.5
        p, q = h @ self.neighbour * scale, h @ self.centre * scale
        seen = []
        for lag in range(len(x)):
            weights = attention_weights(p[lag], q[lag], self.slope)
            if self.dropout > 0.0:
                weights = F.dropout(weights, self.dropout, self.training)
            seen.append(weights @ h[lag])
        return x - F.leaky_relu(torch.stack(seen), self.slope)
