"""Portfolio families on which a risk model is judged: each asks another part of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from market import DataError
from risk.arrays import Floats
from risk.closed_form import MIN_MEMBERS
from risk.evaluate.today import Portfolios, PortfolioSet, Today

UNCOVERED = 0.02  # share of a portfolio that may lie outside the model before it is refused


@dataclass(frozen=True)
class PureFactors:
    """Each factor by itself: its return against its own volatility."""

    name: str = "factors"

    def __call__(self, today: Today) -> Portfolios:
        """Return the identity on the factors."""
        factors = tuple(today.model.factors)
        return Portfolios(factors, "factors", np.eye(len(factors)))


@dataclass(frozen=True)
class Eigenfactors:
    """Eigenvectors of the factor covariance, rank 1 the least risk; what optimisers lean on.

    The industries are constrained to a cap-weighted sum of zero, so one direction of them has no
    return: it is taken out before the eigenvectors are formed, and K - 1 ranks remain.
    """

    name: str = "eigen"

    def __call__(self, today: Today) -> Portfolios:
        """Return the eigenvectors ``[K, K]`` as factor portfolios."""
        _, basis = identified(today)
        _, vectors = np.linalg.eigh(basis.T @ today.f @ basis)
        names = tuple(f"rank {k + 1:02d}" for k in range(basis.shape[1]))
        return Portfolios(names, "factors", (basis @ vectors).T)


@dataclass(frozen=True)
class RandomActive:
    """Random cap-weighted portfolios less the cap-weighted market.

    A stock belongs to a portfolio by a draw of its own that never changes, so that portfolios trade only
    as the market changes; each holds about ``stocks`` names, and half the market at most.
    """

    portfolios: int = 100
    stocks: int = 500
    seed: int = 0
    name: str = "random"

    def __call__(self, today: Today) -> Portfolios:
        """Return active weights ``[P, n]``."""
        chance = min(self.stocks / max(int(today.traded.sum()), 1), 0.5)
        held = _uniform(self.seed, self.portfolios, today.width)[:, today.held] < chance
        market = today.market_weights()
        value = np.where(held, market, 0.0)
        total = value.sum(axis=1, keepdims=True)
        weights = value / np.where(total > 0.0, total, 1.0) - market
        return Portfolios(_numbered(self.portfolios), "stocks", weights)


@dataclass(frozen=True)
class IndexPortfolios:
    """Each index of the market, as it is and less the cap-weighted market."""

    name: str = "index"

    def __call__(self, today: Today) -> Portfolios:
        """Return weights ``[2 I, n]``; an index without weights yet is left out."""
        market = today.market_weights()
        there = {name: w for name, w in today.indexes.items() if w.any()}
        active = {f"{name} - market": w - market for name, w in there.items()}
        return _stacked({**there, **active}, len(market))


@dataclass(frozen=True)
class StyleTilts:
    """For each style, its top fifth less its bottom fifth of the traded stocks, cap-weighted."""

    share: float = 0.2
    name: str = "tilts"

    def __call__(self, today: Today) -> Portfolios:
        """Return long-short weights ``[S, n]``, one on each side."""
        market = today.market_weights()
        kinds = ("style", "latent")
        made = {
            style: self._tilt(today.x[:, k], market)
            for k, style in enumerate(today.model.factors)
            if today.model.kinds[style] in kinds
        }
        return _stacked(made, len(market))

    def _tilt(self, exposure: Floats, market: Floats) -> Floats:
        low, high = np.quantile(exposure[market > 0.0], [self.share, 1.0 - self.share])
        top = np.where(exposure >= high, market, 0.0)
        bottom = np.where(exposure <= low, market, 0.0)
        return top / top.sum() - bottom / bottom.sum()


@dataclass(frozen=True)
class RandomAlpha:
    """Least risk at unit exposure to a random alpha, ``Sigma^-1 a / (a' Sigma^-1 a)``, over all stocks.

    Optimised portfolios seek out what a covariance has too small. A stock keeps its alphas forever.
    """

    portfolios: int = 100
    seed: int = 0
    name: str = "optimised"

    def __call__(self, today: Today) -> Portfolios:
        """Return weights ``[P, n]`` on the stocks that traded."""
        alpha = _normal(self.seed, self.portfolios, today.width)[:, today.held]
        held = np.flatnonzero(today.traded)
        weights = np.zeros(alpha.shape)
        weights[:, held] = unit_exposure(today.x[held], today.f, today.d[held], alpha[:, held])
        return Portfolios(_numbered(self.portfolios), "stocks", weights)


@dataclass(frozen=True)
class RandomFactorAlpha:
    """Least risk at unit exposure to a random alpha of the factors: ``F^-1 a / (a' F^-1 a)``.

    Among thousands of stocks a random alpha is nearly all specific; this one asks the factor covariance
    alone, where K is not small against the days it was learned from (Shepard 2009).
    """

    portfolios: int = 100
    seed: int = 0
    name: str = "factor alpha"

    def __call__(self, today: Today) -> Portfolios:
        """Return weights ``[P, K]`` on the factors."""
        names, basis = identified(today)
        alpha = _by_name(self.seed, self.portfolios, names) @ basis
        solved = np.linalg.solve(basis.T @ today.f @ basis, alpha.T).T
        weights = solved / np.sum(solved * alpha, axis=1, keepdims=True)
        return Portfolios(_numbered(self.portfolios), "factors", weights @ basis.T)


@dataclass(frozen=True)
class SingleStocks:
    """The specific return of each stock against its specific volatility."""

    name: str = "specific"

    def __call__(self, today: Today) -> Portfolios:
        """Return every stock of the model by itself."""
        return Portfolios(tuple(today.model.stocks), "specific")


@dataclass(frozen=True, eq=False)
class Given:
    """Portfolios formed elsewhere, such as the real weights of a backtest.

    Parameters
    ----------
    weights
        Name to weights, date x stock, known at the close of their date (less the benchmark's for an
        active portfolio). A date that a frame lacks has no portfolio.
    name
        What the tables call the set.
    """

    weights: dict[str, pd.DataFrame]
    name: str = "given"

    def __call__(self, today: Today) -> Portfolios:
        """Return weights ``[P, n]``.

        Raises
        ------
        DataError
            More than 2% of the gross weights of a portfolio are in stocks without a model.
        """
        made = {}
        for name, frame in self.weights.items():
            if today.date in frame.index:
                row = frame.loc[today.date]
                made[name] = row.reindex(today.model.stocks).fillna(0.0).to_numpy(dtype=np.float64)
                lost = 1.0 - np.abs(made[name]).sum() / max(
                    np.abs(row.fillna(0.0).to_numpy(dtype=float)).sum(), 1e-300
                )
                if lost > UNCOVERED:
                    raise DataError(
                        f"{100 * lost:.1f}% of portfolio {name} on {today.date:%Y-%m-%d} is in stocks "
                        "without a risk model; leave them out or fit a model that covers them"
                    )
        return _stacked(made, len(today.held))


STANDARD: tuple[PortfolioSet, ...] = (
    PureFactors(),
    Eigenfactors(),
    RandomActive(),
    IndexPortfolios(),
    StyleTilts(),
    RandomAlpha(),
    RandomFactorAlpha(),
    SingleStocks(),
)


def unit_exposure(x: Floats, f: Floats, d: Floats, alpha: Floats) -> Floats:
    """Portfolios ``[P, n]`` of least risk at unit exposure to each alpha ``[P, n]``, by Woodbury."""
    solved = inverse_times(x, f, d, alpha.T).T
    return solved / np.sum(solved * alpha, axis=1, keepdims=True)


def inverse_times(x: Floats, f: Floats, d: Floats, rhs: Floats) -> Floats:
    """Solve ``(X F X' + diag(d)) y = rhs`` for ``rhs`` ``[n, P]`` without an n x n matrix.

    Woodbury in the form that does not invert F, so F may be singular.
    """
    scaled = x / d[:, None]
    inner = np.eye(len(f)) + f @ (x.T @ scaled)
    return rhs / d[:, None] - scaled @ np.linalg.solve(inner, f @ (scaled.T @ rhs))


def identified(today: Today) -> tuple[tuple[str, ...], Floats]:
    """Return the factor names and an orthonormal basis ``[K, k]`` of the directions that have a return.

    With a country factor the industries sum to zero by their shares in market value; that direction is
    left out, and so is an industry of too few stocks to be estimated.
    """
    names = tuple(today.model.factors)
    kinds = np.array([today.model.kinds[name] for name in names])
    industry = kinds == "industry"
    members = (today.x[today.market_weights() > 0.0] != 0.0).sum(axis=0)
    keep = ~industry | (members >= MIN_MEMBERS)
    basis = np.eye(len(names))[:, keep]
    share = np.where(industry, today.market_weights() @ today.x, 0.0)[keep]
    if not (kinds == "country").any() or not share.any():
        return names, basis
    completed = np.linalg.svd(share[None, :])[2]  # the first is the share itself
    return names, basis @ completed[1:].T


def _stacked(made: dict[str, Floats], width: int) -> Portfolios:
    weights = np.stack(list(made.values())) if made else np.zeros((0, width))
    return Portfolios(tuple(made), "stocks", weights)


@lru_cache(maxsize=8)
def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"{k:03d}" for k in range(count))


@lru_cache(maxsize=4)
def _uniform(seed: int, portfolios: int, width: int) -> Floats:
    return np.random.default_rng(seed).random((portfolios, width))


@lru_cache(maxsize=4)
def _normal(seed: int, portfolios: int, width: int) -> Floats:
    return np.random.default_rng(seed).standard_normal((portfolios, width))


@lru_cache(maxsize=64)
def _by_name(seed: int, portfolios: int, names: tuple[str, ...]) -> Floats:
    """Normal draws ``[P, K]``; they change when the factors do, as the portfolios then must."""
    return np.random.default_rng([seed, len(names)]).standard_normal((portfolios, len(names)))
