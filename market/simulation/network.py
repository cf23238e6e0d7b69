"""Relations between stocks: a directed supply chain and overlapping concepts."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

DEGREE = 5  # suppliers and customers whose news reaches a stock late
_OWN_INDUSTRY = 0.3  # chance that a neighbour is of the stock's own industry
_UPSTREAM = 2  # other industries an industry buys from
_CONCEPT_SIZE = 15  # stocks per concept on average, before overlaps


def draw_supply_chain(rng: np.random.Generator, industry: Array) -> Array:
    """Draw the neighbours of each stock.

    Parameters
    ----------
    rng
        Source of chance.
    industry
        Industry code ``[N]``.

    Returns
    -------
    ndarray
        ``[N, DEGREE]`` int64: the stocks whose news reaches stock i; distinct and never i itself.
    """
    stocks, groups = len(industry), int(industry.max()) + 1
    upstream = np.stack([rng.permutation(groups)[:_UPSTREAM] for _ in range(groups)])
    own = rng.random((stocks, DEGREE)) < _OWN_INDUSTRY
    other = upstream[industry][:, rng.integers(0, _UPSTREAM, DEGREE)]
    wanted = np.where(own, industry[:, None], other)
    neighbours = _member_of(rng, industry, wanted)
    while (bad := _repeated(neighbours)).any():
        neighbours[bad] = rng.integers(0, stocks, int(bad.sum()))
    return neighbours


def draw_concepts(rng: np.random.Generator, stocks: int) -> Array:
    """Draw the membership ``[N, Q]`` of concepts, bool: one to three each, popular ones much larger."""
    concepts = max(6, stocks // _CONCEPT_SIZE)
    popularity = 1.0 / np.sqrt(np.arange(1, concepts + 1))
    # the largest keys of a Gumbel draw are a draw without replacement, for all stocks at once
    keys = np.log(popularity) + rng.gumbel(size=(stocks, concepts))
    rank = np.argsort(np.argsort(-keys, axis=1), axis=1)
    return rank < rng.integers(1, 4, stocks)[:, None]


def _member_of(rng: np.random.Generator, industry: Array, wanted: Array) -> Array:
    """Draw a stock of each wanted industry."""
    order = np.argsort(industry, kind="stable")
    size = np.bincount(industry, minlength=int(industry.max()) + 1)
    begin = np.cumsum(size) - size
    drawn = rng.integers(0, np.maximum(size, 1)[wanted])
    return order[np.minimum(begin[wanted] + drawn, len(order) - 1)]


def _repeated(neighbours: Array) -> Array:
    """Mark entries that name the stock itself or a neighbour it already has."""
    self_loop = neighbours == np.arange(len(neighbours))[:, None]
    order = np.argsort(neighbours, axis=1, kind="stable")
    ranked = np.take_along_axis(neighbours, order, axis=1)
    double = np.zeros(neighbours.shape, dtype=bool)
    double[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    again = np.zeros_like(double)
    np.put_along_axis(again, order, double, axis=1)
    return self_loop | again
