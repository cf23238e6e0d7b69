"""GraphSAGE: recurrent states and an aggregate of sampled neighbours (Hamilton, Ying and Leskovec 2017)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.models.neighbourhood import NeighbourNetwork
from alpha.nn import Cell
from alpha.nn.sage import Aggregator, SAGEConv
from alpha.nn.sampling import sample


@dataclass(frozen=True)
class GraphSAGE:
    """Settings of :class:`GraphSAGENetwork`; fit it with ``graph=``."""

    aggregator: Aggregator = "mean"  # "pool", "mean_pool", "lstm" or "gcn"
    layers: int = 2
    samples: tuple[int, ...] | None = (25, 10)  # neighbours drawn in each layer; None takes all
    replacement: bool | None = None  # None: only where a stock has fewer neighbours than are drawn
    hidden: int = 64
    rnn_layers: int = 1
    cell: Cell = "gru"
    unit: bool = False  # scale the states of each layer to length one, as published
    steps: int = 20

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"GraphSAGE: layers is {self.layers}; without them use alpha.GRU")
        if self.samples is not None and (len(self.samples) < self.layers or min(self.samples) < 1):
            raise ValueError(
                f"GraphSAGE: samples {self.samples} must be a number >= 1 for each of {self.layers} "
                "layers; None takes all neighbours"
            )

    def build(self, features: int) -> "GraphSAGENetwork":
        """Return an untrained network."""
        return GraphSAGENetwork(self, features)


class GraphSAGENetwork(NeighbourNetwork):
    """With z = h = RNN(x)_T, ``z_i <- relu(W_l [z_i, AGG of z_j])`` for l = 1..L, ``score = w . [h, z] + b``.

    With ``unit`` a z_i is then divided by its length, after the activation as in the paper (algorithm 1,
    lines 5 and 7), so that it has length one, or zero where all of its units are silent.

    In training a layer draws neighbours anew for each stock; scores use all of them. All stocks of a day
    are targets, so a layer draws once a stock, N S_l in all, where single targets would take the product
    of the S_l each. The ``lstm`` aggregate reads neighbours in random order in training, and in an order
    that a fixed seed decides in scoring: alone among the models, it changes when stocks are permuted.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: GraphSAGE, features: int) -> None:
        hidden = settings.hidden
        super().__init__(features, hidden, settings.rnn_layers, settings.cell)
        self.settings = settings
        self.layers = nn.ModuleList(
            SAGEConv(hidden, hidden, settings.aggregator) for _ in range(settings.layers)
        )

    def mix(self, h: Tensor, edges: Tensor, types: Tensor | None) -> Tensor:  # noqa: ARG002
        """Aggregate, from the outermost neighbours to the stock."""
        order = None if self.training else torch.Generator().manual_seed(0)
        sizes = self.settings.samples if self.training else None
        for k, layer in enumerate(self.layers):
            near = edges
            if sizes is not None:
                near = sample(edges, len(h), sizes[k], replacement=self.settings.replacement)
            h = F.relu(layer(h, near, order))
            h = F.normalize(h, dim=1) if self.settings.unit else h
        return h
