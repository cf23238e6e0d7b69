"""How much of a stock changes hands each day, and the liquidity a risk model reads from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.simulation.shocks import States, autoregression

Array = np.ndarray

_MEDIAN = 0.012  # of the float shares a day
_MOST = 0.40
_MOVE = 0.30  # log turnover per standard deviation of the day's absolute shock
_WINDOWS = {21: 0.35, 63: 0.35, 252: 0.30}  # sessions -> weight: STOM, STOQ, STOA


@dataclass(frozen=True, eq=False)
class Turnover:
    """``daily`` fraction of the float [T, N], ``abnormal`` [T, N] (unit variance: today against the
    slow level), ``liquidity`` [T, N]: the descriptor before it is made comparable across stocks.
    """

    daily: Array
    abnormal: Array
    liquidity: Array


def draw_turnover(rng: np.random.Generator, states: States, shocks: Array, cap: Array) -> Turnover:
    """Draw turnover that rises with the size of the shocks ``[T, N]`` and with market volatility."""
    shape = shocks.shape
    size = (np.log(cap) - np.log(cap).mean()) / np.log(cap).std()
    level = np.log(_MEDIAN) - 0.2 * size + rng.normal(0, 0.35, shape[1])
    slow = 0.35 * autoregression(rng, shape, 60.0)
    weather = 0.4 * states.common[:, None] + 0.2 * states.turbulent[:, None]
    fast = 0.25 * autoregression(rng, shape, 2.0)
    fast += _MOVE * (np.minimum(np.abs(shocks), 4.0) - 0.75)
    daily = np.minimum(np.exp(level + slow + weather + fast), _MOST)
    return Turnover(daily, (fast - fast.mean()) / fast.std(), _liquidity(daily, np.exp(level)))


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


