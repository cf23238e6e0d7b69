"""GATs: recurrent states that look at the whole cross-section through graph attention.

Huatai AI series 42 (GATs_ts with K layers); K = 1 is the GATs model of qlib.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import AdditiveAttention, Cell, RecurrentEncoder


@dataclass(frozen=True)
class GATs:
    """Settings of :class:`GATsNetwork`."""

    layers: int = 1  # graph layers K; the report found 2 and 3 worse: they smooth stocks together
    hidden: int = 64
    rnn_layers: int = 1  # published: 2, with a dropout of 0.7 between them
    cell: Cell = "gru"
    dropout: float = 0.0  # between recurrent layers
    slope: float = 0.01  # of the leaky ReLU; the original graph attention uses 0.2
    inner_self: bool = True  # h' = aggregate + h, as in qlib
    initial_residual: bool | None = None  # add the recurrent state each time; None: when K > 1
    steps: int = 20

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"GATs: layers is {self.layers}; without graph layers use alpha.GRU")

    def build(self, features: int) -> "GATsNetwork":
        """Return an untrained network."""
        return GATsNetwork(self, features)


class GATsNetwork(Network):
    """Attention of every present stock to every present stock.

    With h0 = GRU(x)_T, for l = 1..K::

        z = W h,   e_ij = leaky(a_n . z_j + a_c . z_i),   alpha_i. = softmax over present j
        h <- sum_j alpha_ij h_j [+ h] [+ h0]
        score = w . leaky(V h + c) + b

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: GATs, features: int) -> None:
        super().__init__()
        hidden = settings.hidden
        self.encoder = RecurrentEncoder(
            features, hidden, settings.rnn_layers, settings.dropout, settings.cell
        )
        self.graph = GraphLayers(
            hidden, settings.layers, settings.slope, settings.inner_self, settings.initial_residual
        )
        self.mix = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, 1)
        self.slope = settings.slope

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score each window against the others of the day."""
        h = self.graph(self.encoder(x), batch.present)
        scores: Tensor = self.head(F.leaky_relu(self.mix(h), self.slope))[:, 0]
        return scores


class GraphLayers(nn.Module):
    """K rounds of attention with their residuals: ``[n, H] -> [n, H]``."""

    def __init__(
        self,
        hidden: int,
        layers: int,
        slope: float,
        inner_self: bool,
        initial_residual: bool | None,
    ) -> None:
        super().__init__()
        self.attend = nn.ModuleList(AdditiveAttention(hidden, slope) for _ in range(layers))
        self.inner_self = inner_self
        self.initial_residual = layers > 1 if initial_residual is None else initial_residual

    def forward(self, h: Tensor, present: Tensor) -> Tensor:
        """Mix the states of the present stocks."""
        first = h
        for attend in self.attend:
            mixed = attend(h, present)
            h = mixed + h if self.inner_self else mixed
            h = h + first if self.initial_residual else h
        return h
