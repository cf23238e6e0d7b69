"""What a graph is: who is a neighbour of whom, at the close of a day and by nothing known later."""

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Edges = NDArray[np.int64]  # [2, E]: neighbour, stock


class BoundGraph(Protocol):
    """A graph on the sessions and stocks of a fit."""

    def edges(self, row: int, columns: Rows) -> Edges:
        """Return the edges of session ``row`` among the stocks ``columns``.

        ``[2, E]``: neighbour, stock; positions within ``columns``, no stock with itself.
        """
        ...

    def types(self, row: int, columns: Rows) -> NDArray[np.float32]:
        """Return how the edges relate: ``[E, Q]``, the weight of each kind, 0 where it does not hold."""
        ...


class Graph(Protocol):
    """A kind of relation between stocks; ``alpha.fit(..., graph=...)`` takes one."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def bind(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> BoundGraph:
        """Lay the graph on a grid; a ValueError names what it does not cover."""
        ...
