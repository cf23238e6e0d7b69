"""Encoders of one stock's own history: a window [n, T, F] becomes a vector [n, H]."""

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
