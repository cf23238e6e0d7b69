"""LSTM: each stock from its own recent days, with a cell that keeps what a gate lets in."""

from dataclasses import dataclass

from torch import Tensor, nn

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import RecurrentEncoder


@dataclass(frozen=True)
class LSTM:
    """Settings of :class:`LSTMNetwork`: two layers of 64 units over 20 days, as in Huatai AI series 42."""

    hidden: int = 64
    layers: int = 2
    dropout: float = 0.0  # between layers
    steps: int = 20

    def build(self, features: int) -> "LSTMNetwork":
        """Return an untrained network."""
        return LSTMNetwork(self, features)


class LSTMNetwork(Network):
    """``score = w . LSTM(x)_T + b``; stocks are independent of each other.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: LSTM, features: int) -> None:
        super().__init__()
        self.encoder = RecurrentEncoder(
            features, settings.hidden, settings.layers, settings.dropout, "lstm"
        )
        self.head = nn.Linear(settings.hidden, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002 - a graph of no edges
        """Score each window."""
        scores: Tensor = self.head(self.encoder(x))[:, 0]
        return scores
