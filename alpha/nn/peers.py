"""What a stock has of its own: each feature less an attention-weighted average of all stocks."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.nn.attention import sorted_attention


class PeerDifference(nn.Module):
    """Graph attention on the complete graph, subtracted (Lin, Zhou, Liu and Bian 2021).

    For each lag on its own, with F features a stock::

        h = x W,   e_ij = leaky((a . h_j + b . h_i) / sqrt(2 F)),   x_i - leaky(sum_j softmax_j(e_ij) h_j)

    W begins as the identity. A stock is its own neighbour too.

    Shapes
    ------
    x [L, N, F] -> [L, N, F]
    """

    def __init__(self, features: int, slope: float = 0.01, dropout: float = 0.5) -> None:
        super().__init__()
        self.slope, self.dropout = slope, dropout
        self.project = nn.Parameter(torch.eye(features))
        bound = (6.0 / (2 * features + 1)) ** 0.5  # Xavier over a [2 F, 1] map
        self.neighbour = nn.Parameter(torch.empty(features).uniform_(-bound, bound))
        self.centre = nn.Parameter(torch.empty(features).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Take the peers' average away.

        In training each neighbour is dropped, for all stocks of a lag at once, with probability
        ``dropout``: dropping pairs would need the N x N weights that sorting avoids.
        """
        h = x @ self.project
        scale = (2 * h.shape[-1]) ** -0.5
        p, q = h @ self.neighbour * scale, h @ self.centre * scale
        if self.training and self.dropout > 0.0:
            dropped = torch.rand_like(p) < self.dropout
            dropped[..., 0] &= ~dropped.all(dim=-1)  # one neighbour always stays
            p = p.masked_fill(dropped, float("-inf"))
        return x - F.leaky_relu(sorted_attention(h, p, q, self.slope), self.slope)
