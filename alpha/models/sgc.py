"""SGC: a graph convolution without its activations (Wu et al. 2019)."""

from dataclasses import dataclass

from torch import Tensor, nn

from alpha.models.neighbourhood import NeighbourNetwork, weights_of
from alpha.nn import Cell
from alpha.nn.spectral import renormalised


@dataclass(frozen=True)
class SGC:
    """Settings of :class:`SGCNetwork`; fit it with ``graph=``."""

    layers: int = 2  # hops K
    hidden: int = 64
    rnn_layers: int = 1
    cell: Cell = "gru"
    weighted: bool = False  # edges count by the sum of their types
    steps: int = 20

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"SGC: layers is {self.layers}; without hops use alpha.GRU")

    def build(self, features: int) -> "SGCNetwork":
        """Return an untrained network."""
        return SGCNetwork(self, features)


class SGCNetwork(NeighbourNetwork):
    """``z = A^K h Theta`` with A = (D + I)^-1/2 (W + I) (D + I)^-1/2, and ``score = w . [h, z] + b``.

    A signal of frequency lambda of I - A passes by ``(1 - lambda)^K``: fast differences between
    neighbours are smoothed away. On fixed features A^K X could be made once; h is learnt, so it is not.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: SGC, features: int) -> None:
        hidden = settings.hidden
        super().__init__(
            features, hidden, settings.rnn_layers, settings.cell, typed=settings.weighted
        )
        self.hops = settings.layers
        self.project = nn.Linear(hidden, hidden)

    def mix(self, h: Tensor, edges: Tensor, types: Tensor | None) -> Tensor:
        """Smooth over K hops."""
        operator = renormalised(edges, len(h), weights_of(types))
        for _ in range(self.hops):
            h = operator(h)
        mixed: Tensor = self.project(h)
        return mixed
