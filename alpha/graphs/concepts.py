"""Edges between stocks that share concepts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.graph import Edges, Rows
from alpha.graphs.memberships import BoundConcepts, Concepts


@dataclass(frozen=True, eq=False)
class SharedConcepts:
    """Stocks are neighbours while they share concepts; how many is the weight of the edge."""

    concepts: Concepts
    least: int = 1  # shared concepts that make an edge
    largest: int | None = (
        None  # concepts of more stocks on a day link nobody, such as "in the index"
    )
    name: str = "concepts"

    def bind(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> "BoundSharedConcepts":
        """Return the edges among ``stocks`` on ``dates``."""
        return BoundSharedConcepts(self.concepts.bind(dates, stocks), self.least, self.largest)


@dataclass(frozen=True, eq=False)
class BoundSharedConcepts:
    """Edges by shared concepts among some stocks on some sessions."""

    concepts: BoundConcepts
    least: int
    largest: int | None
    kinds: tuple[str, ...] = ("shared concepts",)

    def edges(self, row: int, columns: Rows) -> Edges:
        """Return ``[2, E]``, both ways."""
        target, source, _ = self._pairs(row, columns)
        return np.stack([source, target])

    def types(self, row: int, columns: Rows) -> NDArray[np.float32]:
        """Return ``[E, 1]``, the number of shared concepts."""
        return self._pairs(row, columns)[2].astype(np.float32)[:, None]

    def _pairs(self, row: int, columns: Rows) -> tuple[NDArray[np.int64], ...]:
        """Pairs in the order of their stocks, and how often each is together in a concept.

        A concept of m members makes m (m - 1) pairs; nothing is of the size stocks x concepts.
        """
        stock, concept = self.concepts.members(row, columns)
        size = np.bincount(concept)
        if self.largest is not None:
            kept = size[concept] <= self.largest
            stock, concept = stock[kept], concept[kept]
        order = np.argsort(concept, kind="stable")
        stock, concept = stock[order], concept[order]
        size = np.bincount(concept, minlength=len(size))
        first = np.cumsum(size) - size
        partners = size[concept]  # of each membership, itself included
        own = np.repeat(stock, partners)
        within = np.arange(len(own)) - np.repeat(np.cumsum(partners) - partners, partners)
        other = stock[np.repeat(first[concept], partners) + within]
        key = own * len(columns) + other
        pairs, count = np.unique(key[own != other], return_counts=True)
        pairs, count = pairs[count >= self.least], count[count >= self.least]
        return pairs // len(columns), pairs % len(columns), count
