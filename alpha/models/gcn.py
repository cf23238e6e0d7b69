"""GCN: recurrent states averaged over neighbours, layer by layer (Kipf and Welling 2017)."""

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn

from alpha.models.neighbourhood import FilterNetwork
from alpha.nn import Cell
from alpha.nn.spectral import GraphConv, Operator, renormalised, row_normalised

Rule = Literal["symmetric", "row"]


@dataclass(frozen=True)
class GCN:
    """Settings of :class:`GCNNetwork`; fit it with ``graph=``."""

    layers: int = 2  # hops; more make the stocks of a group alike
    hidden: int = 64
    rnn_layers: int = 1
    cell: Cell = "gru"
    rule: Rule = "symmetric"  # "row" for directed relations, such as lead and lag
    weighted: bool = False  # edges count by the sum of their types, such as shared concepts
    steps: int = 20

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"GCN: layers is {self.layers}; without graph layers use alpha.GRU")
        if self.rule not in get_args(Rule):
            raise ValueError(f"GCN: rule {self.rule!r} is unknown; use one of {get_args(Rule)}")

    def build(self, features: int) -> "GCNNetwork":
        """Return an untrained network."""
        return GCNNetwork(self, features)


class GCNNetwork(FilterNetwork):
    """With z = h = RNN(x)_T, ``z <- relu(A z Theta_l)`` for l = 1..L, and ``score = w . [h, z] + b``.

    A is ``(D + I)^-1/2 (W + I) (D + I)^-1/2``, or ``(D + I)^-1 (W + I)`` by rows. The head reads h
    beside z, as in RSR: the published net has z alone, in which a stock is one of its own neighbours.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: GCN, features: int) -> None:
        hidden = settings.hidden
        super().__init__(
            features, hidden, settings.rnn_layers, settings.cell, typed=settings.weighted
        )
        self.layers = nn.ModuleList(GraphConv(hidden, hidden) for _ in range(settings.layers))
        self.rule = settings.rule

    def operator(self, edges: Tensor, count: int, weights: Tensor | None) -> Operator:
        """Return A."""
        make = renormalised if self.rule == "symmetric" else row_normalised
        return make(edges, count, weights)
