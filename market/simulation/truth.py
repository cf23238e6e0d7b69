"""What a simulated market planted, for tests and for judging models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from market.simulation.draws import Draws
from market.simulation.economy import Economy
from market.simulation.exchange import Quotes
from market.simulation.planted import HORIZON
from market.simulation.shocks import FACTORS, STYLES, factor_correlation
from market.simulation.universe import INDUSTRIES, Universe

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Truth:
    """The known truth of a simulated market, on its full grid of T sessions and N stocks.

    Row t of an exposure, a volatility or an alpha is known at the close of t and speaks about what
    follows; row t of a return happened on session t. Returns are simple and daily, volatilities daily.
    The fair return of session t is

        country + industry + styles[t-1] @ style returns[t]
        + hidden_loading[t-1] * hidden_returns[t] + specific_returns[t] + drift[t]

    and the exchange shows it in ticks, inside limits, the rest later.

    Attributes
    ----------
    factors
        Names ``[K]``: country, the industries, the styles.
    industries, style_names
        The last two groups of them.
    factor_returns
        ``[T, K]``; industries are relative to their cap-weighted mean, so the country factor is the
        cap-weighted market.
    industry
        Code into ``industries`` ``[N]``.
    industry_share
        Share of each industry in the listed market value at the close ``[T, P]``.
    styles
        Style exposures ``[T, N, S]``, float32; NaN where not listed.
    hidden_loading, hidden_returns
        ``[T, N]`` and ``[T]``: the factor that no style shows; its loading is uncorrelated with them.
    factor_volatility, factor_correlation
        Of the factors as drawn, before industries are made relative: ``[T, K]`` and ``[K, K]``.
    hidden_volatility
        ``[T]``.
    specific_volatility, specific_returns
        ``[T, N]``; the returns hold the news of the concepts.
    fair_returns
        Total return of each session without ticks, limits and suspensions ``[T, N]``.
    pending
        Log distance from the close to the fair price ``[T, N]``: limits and suspensions leave it, and
        the next sessions make it up.
    alpha
        Part -> expected return from the close of t to the close of t + ``horizon`` ``[T, N]``.
    drift
        Expected part of the return of session t, known at t - 1 ``[T, N]``.
    horizon
        Sessions.
    edges
        Supply chain ``[2, E]``: news of ``edges[0]`` reaches ``edges[1]`` late.
    concepts, concept_news
        Membership ``[N, Q]`` bool, and the news of unit variance ``[T, Q]``.
    trending, turbulent
        Hidden states ``[T]`` bool: own trends continue (else revert); volatility is high.
    """

    factors: tuple[str, ...]
    industries: tuple[str, ...]
    style_names: tuple[str, ...]
    factor_returns: Array
    industry: Array
    industry_share: Array
    styles: Array
    hidden_loading: Array
    hidden_returns: Array
    factor_volatility: Array
    factor_correlation: Array
    hidden_volatility: Array
    specific_volatility: Array
    specific_returns: Array
    fair_returns: Array
    pending: Array
    alpha: Mapping[str, Array]
    drift: Array
    horizon: int
    edges: Array
    concepts: Array
    concept_news: Array
    trending: Array
    turbulent: Array

    def expected_return(self) -> Array:
        """Return the sum of all planted parts ``[T, N]`` over the horizon."""
        return (
            np.sum(list(self.alpha.values()), axis=0) if self.alpha else np.zeros_like(self.drift)
        )

    def exposures(self, row: int) -> Array:
        """Return country, industry and style exposures ``[N, K]`` at the close of session ``row``."""
        country = np.ones((len(self.industry), 1))
        industry = np.eye(len(self.industries))[self.industry]
        return np.concatenate([country, industry, self.styles[row].astype(np.float64)], axis=1)

    def factor_covariance(self, row: int) -> Array:
        """Return the daily covariance ``[K, K]`` of the factor returns after session ``row``."""
        volatility = self.factor_volatility[row]
        drawn = self.factor_correlation * np.outer(volatility, volatility)
        relative = relative_industries(self.industry_share[row], len(self.factors))
        covariance: Array = relative @ drawn @ relative.T
        return covariance


def relative_industries(share: Array, factors: int) -> Array:
    """Return the map ``[K, K]`` that moves the cap-weighted mean of the industries to the country."""
    industries = slice(1, 1 + len(share))
    move = np.eye(factors)
    move[0, industries] = share
    move[industries, industries] -= share
    return move


def truth_of(draws: Draws, economy: Economy, quotes: Quotes) -> Truth:
    """Collect the truth from the parts that made it."""
    universe, planted = draws.universe, draws.planted
    absent = ~universe.listed
    share = _industry_share(economy.cap, universe)
    styles = economy.styles
    styles[absent] = np.nan
    return Truth(
        factors=FACTORS,
        industries=INDUSTRIES,
        style_names=tuple(STYLES),
        factor_returns=_relative(draws.factor_returns, share),
        industry=universe.industry,
        industry_share=share,
        styles=styles,
        hidden_loading=np.where(absent, np.nan, economy.hidden_loading).astype(np.float32),
        hidden_returns=economy.hidden_returns,
        factor_volatility=draws.factor_volatility[1:],
        factor_correlation=factor_correlation(),
        hidden_volatility=economy.hidden_volatility[1:],
        specific_volatility=draws.volatility[1:].astype(np.float32),
        specific_returns=economy.specific.astype(np.float32),
        fair_returns=economy.returns.astype(np.float32),
        pending=np.where(absent, np.nan, quotes.gap).astype(np.float32),
        alpha={part: values.astype(np.float32) for part, values in planted.expected.items()},
        drift=planted.drift.astype(np.float32),
        horizon=HORIZON,
        edges=np.stack([draws.neighbours.ravel(), _receivers(draws.neighbours)]),
        concepts=draws.concepts,
        concept_news=planted.concept_news,
        trending=planted.trending,
        turbulent=draws.states.turbulent[1:],
    )


def _receivers(neighbours: Array) -> Array:
    return np.repeat(np.arange(len(neighbours)), neighbours.shape[1])


def _industry_share(cap: Array, universe: Universe) -> Array:
    """Share of each industry in the listed market value ``[T, P]``."""
    value = np.where(universe.listed, cap, 0.0) @ np.eye(len(INDUSTRIES))[universe.industry]
    share: Array = value / value.sum(axis=1, keepdims=True)
    return share


def _relative(returns: Array, share: Array) -> Array:
    """Make industry returns ``[T, K]`` relative to their mean by yesterday's shares."""
    moved = returns.copy()
    industries = slice(1, 1 + share.shape[1])
    mean = (share[:-1] * returns[1:, industries]).sum(axis=1)
    moved[1:, 0] += mean
    moved[1:, industries] -= mean[:, None]
    moved[0] = np.nan  # the first session has no close before it
    return moved
