"""ALSTM: a recurrent net of which attention reads every step (Qin et al. 2017, in the form of qlib)."""

from dataclasses import dataclass

from torch import Tensor, nn

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import AttentiveEncoder, Cell


@dataclass(frozen=True)
class ALSTM:
    """Settings of :class:`ALSTMNetwork`, as in qlib; the recurrent net is a GRU there too."""

    hidden: int = 64
    layers: int = 2
    dropout: float = 0.0  # between layers and in the attention
    cell: Cell = "gru"
    steps: int = 20

    def build(self, features: int) -> "ALSTMNetwork":
        """Return an untrained network."""
        return ALSTMNetwork(self, features)


class ALSTMNetwork(Network):
    """A recurrent net and attention over its steps; stocks are independent of each other.

    ::

        r = RNN(tanh(V x + c)),   a_t = softmax_t(u . tanh(W r_t + b))
        score = w . [r_T, sum_t a_t r_t] + d

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: ALSTM, features: int) -> None:
        super().__init__()
        self.encoder = AttentiveEncoder(
            features, settings.hidden, settings.layers, settings.dropout, settings.cell
        )
        self.head = nn.Linear(self.encoder.width, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002 - a graph of no edges
        """Score each window."""
        scores: Tensor = self.head(self.encoder(x))[:, 0]
        return scores
