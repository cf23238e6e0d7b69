"""Encoders of one stock's own history: a window becomes a vector.

All take ``x`` [n, T, F] and return ``[n, width]``; stocks do not see each other. :class:`RecurrentEncoder`
reads the last state, :class:`AttentiveEncoder` all states by attention, and :class:`TransformerEncoder`
lets the steps look at each other.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.nn.recurrent import Cell, Recurrent


class RecurrentEncoder(nn.Module):
    """Last state of a recurrent net; ``width`` is ``hidden``."""

    def __init__(
        self, features: int, hidden: int, layers: int = 1, dropout: float = 0.0, cell: Cell = "gru"
    ) -> None:
        super().__init__()
        self.width = hidden
        self.steps = Recurrent(features, hidden, layers, dropout, cell)

    def forward(self, x: Tensor) -> Tensor:
        """Encode each row of ``x``."""
        return self.steps.last(x)


class AttentionPool(nn.Module):
    """A sequence read by its last step and by attention over all its steps.

    ::

        a_t = softmax_t(v . tanh(dropout(W r_t + b))),   [r_T, sum_t a_t r_t]

    Shapes
    ------
    r [n, T, H] -> [n, 2H]
    """

    def __init__(self, hidden: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.look = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        self.weigh = nn.Linear(width, 1, bias=False)

    def weights(self, r: Tensor) -> Tensor:
        """Return the shares of the steps ``[n, T]``."""
        seen = torch.tanh(self.dropout(self.look(r)))
        return torch.softmax(self.weigh(seen)[..., 0], dim=1)

    def forward(self, r: Tensor) -> Tensor:
        """Read each sequence."""
        return torch.cat([r[:, -1], torch.sum(self.weights(r)[..., None] * r, dim=1)], dim=1)


class AttentiveEncoder(nn.Module):
    """Recurrent net on ``tanh(V x_t + c)``, all of its states read by attention (ALSTM of qlib).

    ``width`` is twice ``hidden``; the attention looks through ``hidden / 2`` units.
    """

    def __init__(
        self, features: int, hidden: int, layers: int = 1, dropout: float = 0.0, cell: Cell = "gru"
    ) -> None:
        super().__init__()
        self.width = 2 * hidden
        self.enter = nn.Linear(features, hidden)
        self.steps = Recurrent(hidden, hidden, layers, dropout if layers > 1 else 0.0, cell)
        self.pool = AttentionPool(hidden, max(hidden // 2, 1), dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Encode each row of ``x``."""
        u = torch.tanh(self.enter(x.transpose(0, 1)))  # the batcher's memory is time-major
        found: Tensor = self.pool(self.steps(u.transpose(0, 1)))
        return found


class AttentiveGRU(nn.Module):
    """Gated recurrent units read by :class:`AttentionPool`, and a linear map of what was read.

    Shapes
    ------
    x [T, N, F] -> [N, outputs]. Stocks do not see each other.
    """

    def __init__(self, features: int, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.steps = Recurrent(features, hidden, layers)
        self.pool = AttentionPool(hidden, hidden)
        self.head = nn.Linear(2 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Encode each column of ``x``."""
        outputs: Tensor = self.head(self.pool(self.steps(x.transpose(0, 1))))
        return outputs


class TransformerEncoder(nn.Module):
    """Self-attention over the steps of a window (Vaswani et al. 2017), last step; ``width`` is ``hidden``.

    A linear map, sinusoidal positions of the model's width, and blocks with a feed-forward part of four
    times that width. Only the last step is read, so the last block works out no other.
    """

    def __init__(
        self, features: int, hidden: int, layers: int = 2, heads: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if hidden % (2 * heads):
            raise ValueError(
                f"hidden {hidden} must be a multiple of twice the {heads} heads: each head has a share "
                "of it, and the positions are pairs of sine and cosine"
            )
        self.width = hidden
        self.enter = nn.Linear(features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(hidden, heads, dropout) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Encode each row of ``x``."""
        h = self.dropout(self.enter(x) + positions(x.shape[1], self.width).to(x))
        for block in self.blocks[:-1]:
            h = block(h, h)
        last: Tensor = self.blocks[-1](h[:, -1:], h)[:, 0]
        return last


class Block(nn.Module):
    """Attention of ``x`` to ``to`` and a feed-forward part, each with a residual and a norm after it.

    Shapes
    ------
    x [n, S, H], to [n, T, H] -> [n, S, H]
    """

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key_value = nn.Linear(hidden, 2 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.forth, self.back = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, to: Tensor) -> Tensor:
        """Let each step of ``x`` look at all of ``to``."""
        q, kv = self._by_head(self.query(x)), self._by_head(self.key_value(to))
        k, v = kv.chunk(2, dim=-1)
        drop = self.dropout.p if self.training else 0.0
        seen = F.scaled_dot_product_attention(q, k, v, dropout_p=drop).transpose(1, 2).flatten(2)
        x = self.norms[0](x + self.dropout(self.out(seen)))
        fed = self.back(self.dropout(F.relu(self.forth(x))))
        out: Tensor = self.norms[1](x + self.dropout(fed))
        return out

    def _by_head(self, x: Tensor) -> Tensor:
        """``[n, S, heads * w] -> [n, heads, S, w]``."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


def positions(steps: int, width: int) -> Tensor:
    """Return sines (even columns) and cosines (odd ones) of ``t / 10000^(2k / width)``, ``[steps, width]``."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(steps)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
