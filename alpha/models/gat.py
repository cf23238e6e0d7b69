"""GAT: recurrent states that look at given neighbours, or at everyone, through several heads."""

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import Cell, GraphAttention, RecurrentEncoder

Mode = Literal["masked", "global"]


@dataclass(frozen=True)
class GAT:
    """Settings of :class:`GATNetwork`; ``masked`` is fitted with ``graph=``, ``global`` without."""

    mode: Mode = "masked"
    layers: int = 1
    heads: int = 4
    hidden: int = 64
    rnn_layers: int = 1
    cell: Cell = "gru"
    slope: float = 0.2  # of the leaky ReLU, as published; GATs has 0.01
    self_loop: bool = True  # a stock is its own neighbour, as published
    residual: bool = (
        True  # not in the paper: without it a stock is known by its neighbours' mean alone
    )
    dropout: float = 0.0  # of neighbours
    steps: int = 20

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ValueError(f"GAT: mode {self.mode!r} is unknown; use one of {get_args(Mode)}")
        if self.layers < 1:
            raise ValueError(f"GAT: layers is {self.layers}; without graph layers use alpha.GRU")
        if self.hidden % self.heads:
            raise ValueError(
                f"GAT: hidden {self.hidden} is no multiple of heads {self.heads}, which share it"
            )

    def build(self, features: int) -> "GATNetwork":
        """Return an untrained network."""
        return GATNetwork(self, features)


class GATNetwork(Network):
    """Graph attention (Velickovic et al. 2018) on recurrent states.

    With h = GRU(x)_T and K layers of M heads, joined in all layers but the last, averaged in that::

        h <- elu(concat_m attention_m(h)) [+ R h],   score = w . h + b

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: GAT, features: int) -> None:
        super().__init__()
        hidden, final = settings.hidden, settings.layers - 1
        if settings.mode == "masked":
            self.needs = self.needs | {"edges"}
        self.encoder = RecurrentEncoder(features, hidden, settings.rnn_layers, cell=settings.cell)
        self.attend = nn.ModuleList(
            GraphAttention(
                hidden,
                hidden if k == final else hidden // settings.heads,
                settings.heads,
                slope=settings.slope,
                self_loop=settings.self_loop,
                average=k == final,
                dropout=settings.dropout,
            )
            for k in range(settings.layers)
        )
        self.own = nn.ModuleList(
            nn.Linear(hidden, hidden, bias=False)
            for _ in range(settings.layers * settings.residual)
        )
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score each window against its neighbours'."""
        h = self.encoder(x)
        edges = self.edges(batch)
        for k, attend in enumerate(self.attend):
            seen = F.elu(attend(h, batch.present, edges))
            h = seen + self.own[k](h) if self.own else seen
        scores: Tensor = self.head(h)[:, 0]
        return scores

    def edges(self, batch: Batch) -> Tensor | None:
        """Return who looks at whom; None for everyone at everyone."""
        if "edges" not in self.needs:
            return None
        if batch.edges is None:
            raise ValueError(
                f"GAT: the batch of {batch.date:%Y-%m-%d} has no edges; fit with "
                'graph=alpha.graphs.industry(market), or use mode="global"'
            )
        return batch.edges
