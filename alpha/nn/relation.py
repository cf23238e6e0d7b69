"""Relation layers of relational stock ranking (RSR; Feng et al. 2019): typed edges weigh the neighbours."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.nn.propagate import degrees, edge_products, edge_softmax, propagate

Strength = Literal["uniform", "weighted", "explicit", "implicit"]
Normalise = Literal["degree", "softmax", "softmax_degree", "sender"]

SLOPE = 0.2  # of the leaky ReLU


class RelationLayer(nn.Module):
    """``e~_i = sum over related j of c_ji e_j``, by how j is related to i and what both are doing.

    With a_ji the types of the relation and phi the leaky ReLU, the strength is

    - ``uniform``: g = 1,
    - ``weighted``: g = phi(w . a_ji + b),
    - ``explicit``: g = (e_i . e_j) phi(w . a_ji + b) / sqrt(U); the paper has no root, and then the
      strengths grow with the width U,
    - ``implicit``: g = phi(w . [e_i, e_j, a_ji] + b), of which three scalars are summed for each edge.

    and c = g / d_j (``degree``), the softmax of g over the j of a stock (``softmax``), that over d_j
    (``softmax_degree``), or the softmax of g over all i that j is related to (``sender``), which is what
    the authors' program computes. d_j counts the stocks that j is related to.

    A stock without relations gets zero and reaches nobody.

    Shapes
    ------
    e [n, U], edges [2, E], types [E, Q] -> [n, U]
    """

    def __init__(
        self,
        hidden: int,
        types: int,
        strength: Strength = "implicit",
        normalise: Normalise = "degree",
        *,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        for value, known in ((strength, Strength), (normalise, Normalise)):
            if value not in get_args(known):
                raise ValueError(
                    f"RelationLayer: {value!r} is unknown; use one of {get_args(known)}"
                )
        self.strength, self.normalise = strength, normalise
        self.scale = hidden**-0.5 if scale is None else scale
        if strength != "uniform":
            self.relation = nn.Linear(types, 1)
        if strength == "implicit":
            self.receiver = nn.Linear(hidden, 1, bias=False)
            self.sender = nn.Linear(hidden, 1, bias=False)

    def forward(self, e: Tensor, edges: Tensor, types: Tensor | None = None) -> Tensor:
        """Average the related stocks."""
        with torch.autocast(e.device.type, enabled=False):  # sums over neighbours need float32
            e = e.float()
            return propagate(e, edges, self.weights(e, edges, types))

    def weights(self, e: Tensor, edges: Tensor, types: Tensor | None = None) -> Tensor:
        """Return c_ji of each edge ``[E]``."""
        g = self.strengths(e, edges, types)
        count = len(e)
        if self.normalise == "sender":
            return edge_softmax(g, edges[0], count)
        if self.normalise != "degree":
            g = edge_softmax(g, edges[1], count)
        if self.normalise != "softmax":
            g = g / degrees(edges, count, sent=True)[edges[0]]
        return g

    def strengths(self, e: Tensor, edges: Tensor, types: Tensor | None = None) -> Tensor:
        """Return g_ji of each edge ``[E]``."""
        if self.strength == "uniform":
            return e.new_ones(edges.shape[1])
        if types is None:
            raise ValueError(
                f"RelationLayer: strength {self.strength!r} needs the types of the edges"
            )
        near, own = edges
        related = self.relation(types)[:, 0]
        if self.strength == "implicit":
            scores = self.receiver(e)[own, 0] + self.sender(e)[near, 0]
            return F.leaky_relu(scores + related, SLOPE)
        related = F.leaky_relu(related, SLOPE)
        if self.strength == "weighted":
            return related
        return self.scale * edge_products(e, e, edges) * related
