"""How much of a stock changes hands each day, and the liquidity a risk model reads from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.simulation.shocks import States, accumulate, autoregression

Array = np.ndarray

_MEDIAN = 0.012  # of the float shares a day
_MOST = 0.40
FAST_DECAY = 0.5 ** (1 / 2)  # a burst of trading halves in two sessions
_FAST = 0.25  # of log turnover
_MOVE = 0.30  # log turnover per standard deviation of the day's absolute shock
_WINDOWS = {21: 0.35, 63: 0.35, 252: 0.30}  # sessions -> weight: STOM, STOQ, STOA


@dataclass(frozen=True, eq=False)
class Turnover:
    """Trading of each stock ``[T, N]``.

    ``daily`` is a fraction of the float; ``surprise`` the unforeseeable part of today's log turnover,
    in its standard deviations; ``liquidity`` the descriptor before it is made comparable across stocks.
    """

    daily: Array
    surprise: Array
    liquidity: Array


def draw_turnover(rng: np.random.Generator, states: States, shocks: Array, cap: Array) -> Turnover:
    """Draw turnover that rises with the size of the shocks ``[T, N]`` and with market volatility."""
    shape = shocks.shape
    size = (np.log(cap) - np.log(cap).mean()) / np.log(cap).std()
    level = np.log(_MEDIAN) - 0.2 * size + rng.normal(0, 0.35, shape[1])
    slow = 0.35 * autoregression(rng, shape, 60.0)
    weather = 0.4 * states.common[:, None] + 0.2 * states.turbulent[:, None]
    burst = _FAST * np.sqrt(1 - FAST_DECAY**2) * rng.standard_normal(shape)
    move = _MOVE * (np.minimum(np.abs(shocks), 4.0) - 0.75)
    fast = accumulate(burst.copy(), FAST_DECAY)
    daily = np.minimum(np.exp(level + slow + weather + fast + move), _MOST)
    surprise = burst + move
    surprise = (surprise - surprise.mean()) / surprise.std()
    return Turnover(daily, surprise, _liquidity(daily, np.exp(level)))


def _liquidity(daily: Array, level: Array) -> Array:
    """Weighted log of trailing mean turnover; before the first session every day was at ``level``."""
    total = np.cumsum(daily, axis=0)
    row = np.arange(1, len(daily) + 1)[:, None]
    descriptor = np.zeros_like(daily)
    for window, weight in _WINDOWS.items():
        kept = total + np.maximum(window - row, 0) * level
        kept[window:] -= total[:-window]
        descriptor += weight * np.log(kept)
    return descriptor
