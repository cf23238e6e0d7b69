"""What chance deals: volatility states, fat-tailed factor returns and specific shocks.

A volatility is a base times exp(common state + own state) times a turbulence multiplier, scaled so
that the mean variance is about the base squared. Rows of a volatility hold for the return of that row and
are known one session before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.calendar import TRADING_DAYS
from market.simulation.universe import INDUSTRIES

Array = np.ndarray

STYLES = {  # annual volatility of the factor return
    "size": 0.06,
    "nonlinear_size": 0.04,
    "beta": 0.06,
    "momentum": 0.05,
    "residual_volatility": 0.05,
    "liquidity": 0.045,
    "value": 0.045,
    "earnings_yield": 0.04,
    "dividend_yield": 0.035,
    "leverage": 0.035,
}
FACTORS = ("country", *INDUSTRIES, *STYLES)
COUNTRY, INDUSTRY = 0.20, 0.08  # annual volatility
_BETA_COUNTRY = 0.7  # correlation of the beta style with the country factor
_DRIFT = 0.06  # annual mean of the country factor; styles earn nothing: alpha is the only edge
_FREEDOM = 5.0  # degrees of freedom of every shock

_STAY_CALM, _STAY_TURBULENT = 0.985, 0.955  # daily; spells of 67 and 22 sessions
_TURBULENT = 1.7  # volatility multiplier of the turbulent state
_COMMON_SD, _COMMON_HALF_LIFE = 0.50, 25.0  # log volatility shared by all
_FACTOR_SD, _FACTOR_HALF_LIFE = 0.20, 20.0
_STOCK_SD, _STOCK_HALF_LIFE = 0.75, 15.0
_STOCK_SHARE = 0.7  # how much of the common state and turbulence reaches specific volatility


@dataclass(frozen=True, eq=False)
class States:
    """The weather: ``turbulent`` [T] bool and ``common`` log volatility [T]."""

    turbulent: Array
    common: Array

    def multiplier(self, share: float) -> Array:
        """Return the volatility multiplier ``[T]`` when ``share`` of the weather is felt.

        Its mean square over the sample is one, so that calm and wild worlds differ in timing only.
        """
        felt = np.exp(share * (self.common + np.log(_TURBULENT) * self.turbulent))
        multiplier: Array = felt / np.sqrt(np.mean(felt**2))
        return multiplier


def draw_states(rng: np.random.Generator, days: int) -> States:
    """Draw the market-wide volatility states."""
    turbulent = two_states(rng, days, _STAY_CALM, _STAY_TURBULENT)
    common = autoregression(rng, (days,), _COMMON_HALF_LIFE) * _COMMON_SD
    return States(turbulent, common)


def factor_correlation() -> Array:
    """Correlation ``[K, K]`` of the factor returns: only the beta style moves with the country."""
    correlation = np.eye(len(FACTORS))
    beta = FACTORS.index("beta")
    correlation[0, beta] = correlation[beta, 0] = _BETA_COUNTRY
    return correlation


def draw_factors(rng: np.random.Generator, states: States) -> tuple[Array, Array]:
    """Draw factor returns and their daily volatilities, both ``[T, K]``, in the order of ``FACTORS``."""
    days, count = len(states.common), len(FACTORS)
    own = np.exp(autoregression(rng, (days, count), _FACTOR_HALF_LIFE) * _FACTOR_SD - _FACTOR_SD**2)
    volatility = base_volatility() * own * states.multiplier(1.0)[:, None]
    mixed = fat_tailed(rng, (days, count)) @ np.linalg.cholesky(factor_correlation()).T
    returns = volatility * mixed
    returns[:, 0] += _DRIFT / TRADING_DAYS
    return returns, volatility


def draw_hidden(rng: np.random.Generator, states: States) -> tuple[Array, Array]:
    """Draw the returns ``[T]`` of a factor without a name and its volatilities, in units of its base."""
    days = len(states.common)
    own = np.exp(autoregression(rng, (days,), _FACTOR_HALF_LIFE) * _FACTOR_SD - _FACTOR_SD**2)
    volatility = own * states.multiplier(1.0)
    return volatility * fat_tailed(rng, (days,)), volatility


def long_run_covariance() -> Array:
    """Unconditional daily covariance ``[K, K]`` of the factor returns."""
    base = base_volatility()
    return factor_correlation() * np.outer(base, base)


def base_volatility() -> Array:
    """Long-run daily volatility ``[K]`` of the factors."""
    annual = np.array([COUNTRY, *[INDUSTRY] * len(INDUSTRIES), *STYLES.values()])
    daily: Array = annual / np.sqrt(TRADING_DAYS)
    return daily


def draw_specific(rng: np.random.Generator, states: States, cap: Array) -> tuple[Array, Array]:
    """Draw unit-variance specific shocks and daily specific volatilities, both ``[T, N]``.

    Small stocks are wilder; the annual base lies between 20% and 60%.
    """
    shape = (len(states.common), len(cap))
    size = (np.log(cap) - np.log(cap).mean()) / np.log(cap).std()
    base = np.clip(0.29 * np.exp(-0.14 * size + rng.normal(0, 0.28, len(cap))), 0.20, 0.60)
    own = np.exp(autoregression(rng, shape, _STOCK_HALF_LIFE) * _STOCK_SD - _STOCK_SD**2)
    volatility = base / np.sqrt(TRADING_DAYS) * own * states.multiplier(_STOCK_SHARE)[:, None]
    return fat_tailed(rng, shape), volatility


def fat_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw Student-t shocks scaled to unit variance."""
    return rng.standard_t(_FREEDOM, shape) * np.sqrt((_FREEDOM - 2) / _FREEDOM)


def autoregression(rng: np.random.Generator, shape: tuple[int, ...], half_life: float) -> Array:
    """Draw stationary unit-variance AR(1) paths along the first axis."""
    decay = 0.5 ** (1.0 / half_life)
    path = rng.standard_normal(shape)
    path[1:] *= np.sqrt(1 - decay**2)
    return accumulate(path, decay)


def accumulate(shocks: Array, decay: float) -> Array:
    """Return s with s[t] = decay * s[t-1] + shocks[t], along the first axis, in place."""
    for t in range(1, len(shocks)):
        shocks[t] += decay * shocks[t - 1]
    return shocks


def two_states(rng: np.random.Generator, days: int, stay_off: float, stay_on: float) -> Array:
    """Draw a two-state Markov chain ``[T]``, bool, begun in its long-run distribution."""
    dice = rng.random(days)
    state = np.empty(days, dtype=bool)
    state[0] = dice[0] < (1 - stay_off) / (2 - stay_off - stay_on)
    for t in range(1, days):
        state[t] = dice[t] < (stay_on if state[t - 1] else 1 - stay_off)
    return state
