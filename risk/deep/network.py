"""The network of the deep risk model: a stock's history, and its history less that of its peers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alpha.nn import AttentiveGRU, PeerDifference


class DeepNetwork(nn.Module):
    """Exposures of all stocks of a date at once.

    Half of the factors is read from the raw history; with ``gat``, the other half from the history less
    the attention-weighted average of all stocks. A permutation of the stocks permutes the exposures.

    Shapes
    ------
    x [L, N, F], oldest lag first -> [N, K]
    """

    def __init__(
        self, features: int, factors: int, hidden: int, layers: int, gat: bool, dropout: float
    ) -> None:
        super().__init__()
        own = factors - factors // 2 if gat else factors
        self.own = AttentiveGRU(features, hidden, layers, own)
        self.peers = PeerDifference(features, dropout=dropout) if gat else None
        self.relative = AttentiveGRU(features, hidden, layers, factors - own) if gat else None

    def forward(self, x: Tensor) -> Tensor:
        """Expose every stock to every factor."""
        exposures: Tensor = self.own(x)
        if self.peers is None or self.relative is None:
            return exposures
        return torch.cat([self.relative(self.peers(x)), exposures], dim=1)
