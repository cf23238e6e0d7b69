"""Encoders of one stock's own history: a window becomes a vector."""

import torch
from torch import Tensor, nn


class GRUEncoder(nn.Module):
    """Gated recurrent unit (Cho et al. 2014), last step of the top layer.

    Shapes
    ------
    x [n, T, F] -> [n, H]. Stocks do not see each other.
    """

    def __init__(self, features: int, hidden: int, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        if dropout and layers == 1:
            raise ValueError(
                f"dropout {dropout} acts between recurrent layers and there is one; "
                "use layers >= 2 or dropout 0"
            )
        self.gru = nn.GRU(features, hidden, layers, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Encode each row of ``x``."""
        steps, _ = self.gru(x.transpose(0, 1))  # the batcher's memory is time-major: [T, n, F]
        last: Tensor = steps[-1].to(x.dtype)  # under autocast the steps are bfloat16
        return last


class AttentiveGRU(nn.Module):
    """Gated recurrent unit read by its last step and by attention over all its steps.

    With o_t the states of the top layer::

        alpha_t = softmax_t(u . tanh(W o_t)),   out = V [o_T, sum_t alpha_t o_t] + c

    Shapes
    ------
    x [T, N, F] -> [N, outputs]. Stocks do not see each other.
    """

    def __init__(self, features: int, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.gru = nn.GRU(features, hidden, layers)
        self.look = nn.Linear(hidden, hidden)
        self.weigh = nn.Linear(hidden, 1, bias=False)
        self.head = nn.Linear(2 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Encode each column of ``x``."""
        steps, _ = self.gru(x)
        weights = torch.softmax(self.weigh(torch.tanh(self.look(steps))), dim=0)
        read = torch.cat([steps[-1], torch.sum(weights * steps, dim=0)], dim=-1)
        outputs: Tensor = self.head(read)
        return outputs
