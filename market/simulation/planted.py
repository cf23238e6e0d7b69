"""The planted alpha: four parts, each visible to one family of models only.

Every part is a score z[t] known at the close of t, made of standardised specific shocks e (so it is
neutral to all factors on average), and decays by a known rate, which gives the expected return over
any horizon in closed form:

- ``own_history``: z = -sum_k d^k (e[t-k] g[t-k] + s[t-k]): rises revert, more so after quiet days (g
  falls with abnormal volume), and a surprising burst of trading (s) is paid for. Own bars suffice.
- ``spillover``: z = sum_k d^k mean_j e_j[t-k] over the neighbours j in the supply chain, heard late.
- ``concept``: z = sum_k d^k news[t-k] of the stock's concepts, whose members move on the day itself
  and drift on afterwards.
- ``regime``: z = sign[t] sum_k d^k e[t-k]: momentum in one hidden state, reversal in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from market.calendar import TRADING_DAYS
from market.simulation.network import DEGREE
from market.simulation.shocks import accumulate, fat_tailed, two_states
from market.simulation.turnover import FAST_DECAY, Turnover

Array = np.ndarray

HORIZON = 5  # sessions, one week: the horizon of the expected returns and of the target
PARTS = ("own_history", "spillover", "concept", "regime")

_DECAY = {"own_history": FAST_DECAY, "spillover": 0.80, "concept": 0.85, "regime": 0.93}
# of the squared rank correlation; own history is also the background the other parts are seen against
_SHARE = {"own_history": 0.4, "spillover": 0.2, "concept": 0.2, "regime": 0.2}
_STAY = 1 - 1 / 60  # daily chance to stay in the momentum or the reversal state
_NEWS_CHANCE = 0.15  # of a concept having news on a session
_NEWS_SD = 0.06  # annual volatility that concept news adds to a stock on the day itself
# Expected return, in specific volatilities, per unit of target rank correlation. Above one, because the
# return to be ranked also holds industries, styles and the hidden factor. Measured over 30 worlds.
_LIFT = 1.53


@dataclass(frozen=True, eq=False)
class Planted:
    """Alpha and what made it.

    Attributes
    ----------
    expected
        Part -> expected return from the close of t to the close of t + ``HORIZON`` ``[T, N]``.
    drift
        Expected return of session t, known at t - 1 ``[T, N]``: all parts together.
    news
        Return of concept members on the session itself ``[T, N]``.
    concept_news
        Unit-variance news of the concepts ``[T, Q]``.
    momentum
        The hidden state ``[T]``: True where own trends continue, False where they revert.
    """

    expected: Mapping[str, Array]
    drift: Array
    news: Array
    concept_news: Array
    momentum: Array


@dataclass(frozen=True, eq=False)
class Clues:
    """What the parts are made of.

    Shocks ``[T, N]`` (zero where there was no trade), turnover, specific volatility of the next session
    ``[T, N]``, neighbours ``[N, D]`` and concepts ``[N, Q]``.
    """

    shocks: Array
    turnover: Turnover
    volatility: Array
    neighbours: Array
    concepts: Array


def plant(
    rng: np.random.Generator, clues: Clues, rank_ic: float, parts: tuple[str, ...]
) -> Planted:
    """Plant the named parts, so that together they reach ``rank_ic``."""
    days = len(clues.shocks)
    concept_news = _draw_news(rng, days, clues.concepts.shape[1])
    momentum = two_states(rng, days, _STAY, _STAY)
    belongs = clues.concepts / np.sqrt(np.maximum(clues.concepts.sum(axis=1, keepdims=True), 1))
    heard = concept_news @ belongs.T.astype(np.float64)
    scores: dict[str, Callable[[], Array]] = {
        "own_history": lambda: _own_history(clues),
        "spillover": lambda: _spillover(clues),
        "concept": lambda: _filtered(heard.copy(), "concept"),
        "regime": lambda: (
            np.where(momentum, 1.0, -1.0)[:, None] * _filtered(clues.shocks.copy(), "regime")
        ),
    }
    whole = sum(_SHARE[part] for part in parts)
    scale = _LIFT * rank_ic * np.sqrt(HORIZON) * clues.volatility
    expected, drift = {}, np.zeros_like(clues.shocks)
    for part in parts:
        score = scores[part]()
        score *= scale * (np.sqrt(_SHARE[part] / whole) / score.std())
        expected[part] = score
        drift[1:] += score[:-1] / _reach(part)
    news = heard * (_NEWS_SD / np.sqrt(TRADING_DAYS))
    return Planted(expected, drift, news, concept_news, momentum)


def _reach(part: str) -> float:
    """Sum over the horizon of what is left of a score after j sessions."""
    decay = _DECAY[part] * (2 * _STAY - 1 if part == "regime" else 1.0)
    return sum(decay**j for j in range(HORIZON))


def _filtered(shocks: Array, part: str) -> Array:
    return accumulate(shocks, _DECAY[part])


def _own_history(clues: Clues) -> Array:
    days = len(clues.shocks)
    quiet = 1.0 - 0.8 * np.tanh(clues.turnover.abnormal[:days])
    return _filtered(-clues.shocks * quiet - clues.turnover.surprise[:days], "own_history")


def _spillover(clues: Clues) -> Array:
    total = np.zeros_like(clues.shocks)
    for k in range(DEGREE):
        total += clues.shocks[:, clues.neighbours[:, k]]
    return _filtered(total, "spillover")


def _draw_news(rng: np.random.Generator, days: int, concepts: int) -> Array:
    """Draw rare, fat-tailed news of unit variance ``[T, Q]``."""
    happens = rng.random((days, concepts)) < _NEWS_CHANCE
    return np.where(happens, fat_tailed(rng, (days, concepts)), 0.0) / np.sqrt(_NEWS_CHANCE)
