"""GRU: each stock from its own recent days."""

from dataclasses import dataclass

from torch import Tensor, nn

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import RecurrentEncoder


@dataclass(frozen=True)
class GRU:
    """Settings of :class:`GRUNetwork`."""

    hidden: int = 64
    layers: int = 1  # a second layer doubles the time and did not help on 30 daily features
    dropout: float = 0.0  # between layers
    steps: int = 20

    def build(self, features: int) -> "GRUNetwork":
        """Return an untrained network."""
        return GRUNetwork(self, features)


class GRUNetwork(Network):
    """``score = w . GRU(x)_T + b``; stocks are independent of each other.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: GRU, features: int) -> None:
        super().__init__()
        self.encoder = RecurrentEncoder(
            features, settings.hidden, settings.layers, settings.dropout
        )
        self.head = nn.Linear(settings.hidden, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002 - a graph of no edges
        """Score each window."""
        scores: Tensor = self.head(self.encoder(x))[:, 0]
        return scores
