"""Transformer: the days of a window look at each other, each stock on its own."""

from dataclasses import dataclass

from torch import Tensor, nn

from alpha.batch import Batch
from alpha.model import Network
from alpha.nn import TransformerEncoder


@dataclass(frozen=True)
class Transformer:
    """Settings of :class:`TransformerNetwork`, as in qlib.

    But for the feed-forward width of 4 x hidden, where qlib leaves the library's 2048. It is trained there
    with learning rate 1e-4 and weight decay 1e-3.
    """

    hidden: int = 64
    heads: int = 2
    layers: int = 2
    dropout: float = 0.0
    steps: int = 20

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"Transformer: layers is {self.layers}; it must be >= 1")

    def build(self, features: int) -> "TransformerNetwork":
        """Return an untrained network."""
        return TransformerNetwork(self, features)


class TransformerNetwork(Network):
    """``score = w . encoder(V x + c + positions)_T + b``; stocks are independent of each other.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: Transformer, features: int) -> None:
        super().__init__()
        self.encoder = TransformerEncoder(
            features, settings.hidden, settings.layers, settings.heads, settings.dropout
        )
        self.head = nn.Linear(settings.hidden, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002 - a graph of no edges
        """Score each window."""
        scores: Tensor = self.head(self.encoder(x))[:, 0]
        return scores
