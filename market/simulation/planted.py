"""The planted alpha: four parts, each visible to one family of models only.

Every part is a score z[t] known at the close of t, made of specific moves e (so it is neutral to all
factors on average), and decays by a known rate d, which gives the expected return over any horizon in
closed form:

- ``own_history``: z = -sum_k d^k (e[t-k] + s[t-k]): moves revert, and a surprising burst of trading (s)
  is paid for. Own bars suffice.
- ``spillover``: z = sum_k d^k mean_j e_j[t-k] over the neighbours j in the supply chain, heard late.
- ``concept``: z = sum_k d^k news[t-k] of the stock's concepts, whose members move on the day itself
  and drift on afterwards.
- ``regime``: z = sign[t] sum_k d^k e[t-k]: momentum in one hidden state, reversal in the other.

The expected return is a score times a constant times the stock's own long-run volatility.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from market.simulation.shocks import accumulate, fat_tailed, two_states
from market.simulation.turnover import FAST_DECAY

Array = np.ndarray

HORIZON = 5  # sessions, one week: the horizon of the expected returns and of the target
PARTS = ("own_history", "spillover", "concept", "regime")

_DECAY = {"own_history": FAST_DECAY, "spillover": 0.80, "concept": 0.85, "regime": 0.93}
# of the squared rank correlation; own history is also the background the other parts are seen against
_SHARE = {"own_history": 0.4, "spillover": 0.2, "concept": 0.2, "regime": 0.2}
_STAY = 1 - 1 / 60  # daily chance to stay in the momentum or the reversal state
_NEWS_CHANCE = 0.15  # of a concept having news on a session
_NEWS_SHARE = 0.05  # of specific variance is news that all members of a concept hear that day
# Expected return, in long-run specific volatilities, per unit of target rank correlation. Measured over
# 30 worlds: it weighs factors and fat tails, which dilute the alpha, against calm days, which show it.
_LIFT = 0.95


@dataclass(frozen=True, eq=False)
class Planted:
    """Alpha and what made it.

    Attributes
    ----------
    expected
        Part -> expected return from the close of t to the close of t + ``HORIZON`` ``[T, N]``.
    drift
        Expected return of session t, known at t - 1 ``[T, N]``: all parts together.
    heard
        News of the stock's concepts on the session, of unit variance ``[T, N]``.
    concept_news
        Unit-variance news of the concepts ``[T, Q]``.
    trending
        The hidden state ``[T]``: True where own moves continue, False where they revert.
    """

    expected: Mapping[str, Array]
    drift: Array
    heard: Array
    concept_news: Array
    trending: Array


@dataclass(frozen=True, eq=False)
class Clues:
    """What the parts are made of.

    Attributes
    ----------
    moves
        Own specific returns in units of ``base``, zero where nobody could see them ``[T, N]``.
    surprise
        Unforeseeable part of turnover, of unit variance ``[T, N]``.
    base
        Long-run daily specific volatility ``[N]``.
    neighbours, concepts
        ``[N, D]`` and ``[N, Q]``.
    """

    moves: Array
    surprise: Array
    base: Array
    neighbours: Array
    concepts: Array


def plant(
    rng: np.random.Generator, clues: Clues, rank_ic: float, parts: tuple[str, ...]
) -> Planted:
    """Plant the named parts, so that together they reach ``rank_ic``."""
    days = len(clues.moves)
    concept_news = _draw_news(rng, days, clues.concepts.shape[1])
    trending = two_states(rng, days, _STAY, _STAY)
    belongs = clues.concepts / np.sqrt(np.maximum(clues.concepts.sum(axis=1, keepdims=True), 1))
    heard = concept_news @ belongs.T
    scores: dict[str, Callable[[], Array]] = {
        "own_history": lambda: _filtered(-clues.moves - clues.surprise, "own_history"),
        "spillover": lambda: _filtered(_neighbour_mean(clues), "spillover"),
        "concept": lambda: _filtered(heard.copy(), "concept"),
        "regime": lambda: (
            np.where(trending, 1.0, -1.0)[:, None] * _filtered(clues.moves.copy(), "regime")
        ),
    }
    whole = sum(_SHARE[part] for part in parts)
    expected, drift = {}, np.zeros_like(clues.moves)
    for part in parts:
        score = scores[part]()
        strength = _LIFT * rank_ic * np.sqrt(HORIZON * _SHARE[part] / whole)
        expected[part] = score * (strength / score.std() * clues.base)
        drift[1:] += expected[part][:-1] / _reach(part)
    return Planted(expected, drift, heard, concept_news, trending)


def specific_moves(shocks: Array, heard: Array) -> Array:
    """Mix own shocks and concept news, both of unit variance ``[T, N]``, into moves of unit variance."""
    return np.sqrt(1 - _NEWS_SHARE) * shocks + np.sqrt(_NEWS_SHARE) * heard


def _reach(part: str) -> float:
    """Sum over the horizon of what is left of a score after j sessions."""
    decay = _DECAY[part] * (2 * _STAY - 1 if part == "regime" else 1.0)
    return sum(decay**j for j in range(HORIZON))


def _filtered(moves: Array, part: str) -> Array:
    return accumulate(moves, _DECAY[part])


def _neighbour_mean(clues: Clues) -> Array:
    total = np.zeros_like(clues.moves)
    for k in range(clues.neighbours.shape[1]):
        total += clues.moves[:, clues.neighbours[:, k]]
    return total / clues.neighbours.shape[1]


def _draw_news(rng: np.random.Generator, days: int, concepts: int) -> Array:
    """Draw rare, fat-tailed news of unit variance ``[T, Q]``."""
    happens = rng.random((days, concepts)) < _NEWS_CHANCE
    return np.where(happens, fat_tailed(rng, (days, concepts)), 0.0) / np.sqrt(_NEWS_CHANCE)
