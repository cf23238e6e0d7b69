"""A residual network over small matrices of bars: a week of days, a day of half-hours."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

# Matrices at a time: their activations (30 pixels x 16 channels x 4 bytes) stay in the cache, and are made
# again on the way back, so that 5,000 stocks x 30 weeks fit in memory.
CHUNK = 1024


class BarEncoder(nn.Module):
    """Matrices ``bars x fields`` as images of one channel: 3 x 3 convolutions, two residual blocks, mean.

    Each block is conv, norm, relu, conv, norm, plus its input, relu. The norm is over the channels
    and pixels of one matrix (group norm): a batch norm would mix days with each other, and stocks.

    Shapes
    ------
    x [M, bars * fields], bar-major -> [M, outputs]. Matrices do not see each other.
    """

    def __init__(
        self, bars: int, fields: int, outputs: int = 64, channels: int = 16, blocks: int = 2
    ) -> None:
        super().__init__()
        self.shape = bars, fields
        self.enter = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(channels) for _ in range(blocks))
        self.leave = nn.Linear(channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Encode each row of ``x``."""
        parts = torch.split(x, CHUNK)
        if not torch.is_grad_enabled():
            return torch.cat([self._encode(part) for part in parts])
        return torch.cat([checkpoint(self._encode, part, use_reentrant=False) for part in parts])

    def _encode(self, x: Tensor) -> Tensor:
        image = self.enter(x.reshape(-1, 1, *self.shape))
        for block in self.blocks:
            image = block(image)
        out: Tensor = self.leave(image.mean(dim=(2, 3)))
        return out


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.GroupNorm(4, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.GroupNorm(4, channels)

    def forward(self, image: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(image)))
        return F.relu(image + self.second_norm(self.second(inner)))
