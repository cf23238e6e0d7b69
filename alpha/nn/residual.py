"""A residual block: what a small network adds to its input."""

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """``x + W2 relu(W1 norm(x))``, with layer norm before the network (He et al. 2016; Xiong et al. 2020).

    Shapes
    ------
    x [n, H] -> [n, H]. Rows do not see each other.
    """

    def __init__(self, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.LayerNorm(hidden),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch."""
        out: Tensor = x + self.branch(x)
        return out
