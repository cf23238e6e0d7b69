"""What the models on an edge list have in common: a recurrent state, and what the neighbours add to it."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import Cell, RecurrentEncoder
from alpha.nn.spectral import Operator

EDGES = frozenset({"x", "y", "edges"})
TYPED = EDGES | {"edge_type"}


class NeighbourNetwork(Network):
    """``score = w . [h, z] + b`` with h = RNN(x)_T and z = :meth:`mix` of the h of a day.

    A stock without neighbours has a z of its own, so a day without edges is scored like any other.
    Fit it with ``graph=``; its twin without a graph is ``alpha.GRU`` (or ``alpha.LSTM``).

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(
        self, features: int, hidden: int, rnn_layers: int, cell: Cell, *, typed: bool = False
    ) -> None:
        super().__init__()
        self.needs = TYPED if typed else EDGES
        self.encoder = RecurrentEncoder(features, hidden, rnn_layers, cell=cell)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score each window with its neighbours'."""
        h = self.encoder(x)
        z = self.mix(h, *self.relations(batch))
        scores: Tensor = self.head(torch.cat([h, z], dim=1))[:, 0]
        return scores

    @abstractmethod
    def mix(self, h: Tensor, edges: Tensor, types: Tensor | None) -> Tensor:
        """What the neighbours add: h [n, H], edges [2, E], types [E, Q] -> [n, H]."""

    def relations(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the edges between present stocks, and their types if the network reads them."""
        typed = "edge_type" in self.needs
        if batch.edges is None or (typed and batch.edge_type is None):
            raise ValueError(
                f"{type(self).__name__}: the batch of {batch.date:%Y-%m-%d} has no edges"
                f"{' with types' if typed else ''}; fit with graph=alpha.graphs.industry(market)"
            )
        edges, types = batch.edges, batch.edge_type if typed else None
        if bool(batch.present.all()):
            return edges, types
        kept = batch.present[edges].all(dim=0)
        return edges[:, kept], None if types is None else types[kept]


class FilterNetwork(NeighbourNetwork):
    """``z <- relu(layer_l(z, A))`` for l = 1..L, from z = h, with one operator A of the day's edges."""

    layers: nn.ModuleList

    @abstractmethod
    def operator(self, edges: Tensor, count: int, weights: Tensor | None) -> Operator:
        """Return A of the edges [2, E] among ``count`` stocks, weighted by [E] where not None."""

    def mix(self, h: Tensor, edges: Tensor, types: Tensor | None) -> Tensor:
        """Filter the states over the graph, layer by layer."""
        operator = self.operator(edges, len(h), weights_of(types))
        for layer in self.layers:
            h = F.relu(layer(h, operator))
        return h


def weights_of(types: Tensor | None) -> Tensor | None:
    """Weight of each edge ``[E]``: the sum over its types, or None where these are not read."""
    return None if types is None else types.sum(dim=1)
