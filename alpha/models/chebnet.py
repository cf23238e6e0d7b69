"""ChebNet: polynomial filters of the graph Laplacian on recurrent states (Defferrard et al. 2016)."""

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn

from alpha.models.neighbourhood import FilterNetwork
from alpha.nn import Cell
from alpha.nn.spectral import (
    ChebConv,
    Operator,
    eigenvalue_bound,
    laplacian,
    normalised_laplacian,
    rescaled,
)

Kind = Literal["normalised", "plain"]


@dataclass(frozen=True)
class ChebNet:
    """Settings of :class:`ChebNetwork`; fit it with ``graph=``."""

    terms: int = 3  # K: a layer sees K - 1 hops
    layers: int = 1
    hidden: int = 64
    rnn_layers: int = 1
    cell: Cell = "gru"
    laplacian: Kind = "normalised"  # "plain", D - W, lets stocks with many neighbours weigh more
    weighted: bool = False  # edges count by the sum of their types
    steps: int = 20

    def __post_init__(self) -> None:
        for name in ("terms", "layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"ChebNet: {name} is {getattr(self, name)}; it must be >= 1")
        if self.laplacian not in get_args(Kind):
            raise ValueError(
                f"ChebNet: laplacian {self.laplacian!r} is unknown; use one of {get_args(Kind)}"
            )

    def build(self, features: int) -> "ChebNetwork":
        """Return an untrained network."""
        return ChebNetwork(self, features)


class ChebNetwork(FilterNetwork):
    """With z = h = RNN(x)_T, ``z <- relu(sum_k T_k(2 L / lambda - I) z Theta_lk + b_l)``, ``score = w . [h, z] + b``.

    lambda bounds the eigenvalues: 2 for the normalised Laplacian, the largest sum of two neighbours'
    degrees for D - W.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: ChebNet, features: int) -> None:
        hidden = settings.hidden
        super().__init__(
            features, hidden, settings.rnn_layers, settings.cell, typed=settings.weighted
        )
        self.layers = nn.ModuleList(
            ChebConv(hidden, hidden, settings.terms) for _ in range(settings.layers)
        )
        self.kind = settings.laplacian

    def operator(self, edges: Tensor, count: int, weights: Tensor | None) -> Operator:
        """Return 2 L / lambda - I."""
        if self.kind == "normalised":
            return rescaled(normalised_laplacian(edges, count, weights))
        plain = laplacian(edges, count, weights)
        return rescaled(plain, eigenvalue_bound(plain))
