"""Graph attention with several heads, over given neighbours or over everyone (Velickovic et al. 2018)."""

import torch
from torch import Tensor, nn

from alpha.nn.attention import edge_attention, sorted_attention


class GraphAttention(nn.Module):
    """M heads, each with its own map W and attention vectors.

    ::

        z_i = W h_i,   e_ij = leaky(a_n . z_j + a_c . z_i),   out_i = sum_j softmax_j(e_ij) z_j

    The heads are concatenated, or averaged in the last layer of a net. The activation is the caller's.

    Shapes
    ------
    h [N, inputs], edges [2, E] -> [N, heads * width], or [N, width] when averaged. Without edges
    everyone present is a neighbour, the stock itself too. An absent stock is nobody's neighbour, and
    gets zero, as does a stock without neighbours.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        heads: int = 1,
        *,
        slope: float = 0.2,
        self_loop: bool = True,
        average: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.slope, self.self_loop, self.average = slope, self_loop, average
        self.project = nn.Linear(inputs, heads * width, bias=False)
        bound = (6.0 / (2 * width + 1)) ** 0.5  # Xavier over a [2 width, 1] map
        self.neighbour = nn.Parameter(torch.empty(heads, width).uniform_(-bound, bound))
        self.centre = nn.Parameter(torch.empty(heads, width).uniform_(-bound, bound))
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, present: Tensor, edges: Tensor | None = None) -> Tensor:
        """Average the neighbours of each stock.

        In training ``dropout`` silences a neighbour, head by head, for all stocks at once: to silence
        pairs would need their weights, which sorting avoids.
        """
        with torch.autocast(h.device.type, enabled=False):  # sums over N stocks need float32
            heads = len(self.neighbour)
            z = self.project(h.float() if h.dtype != torch.float64 else h)
            z = z.unflatten(1, (heads, -1)).transpose(0, 1).contiguous()  # [M, N, width]
            p, q = (torch.einsum("mnw,mw->mn", z, a) for a in (self.neighbour, self.centre))
            values = z * self.dropout(torch.ones_like(p))[..., None]
            if edges is None:
                out = self._everyone(values, p, q, present)
            else:
                out = edge_attention(values, p, q, self.slope, self._among(edges, present))
            return out.mean(dim=0) if self.average else out.transpose(0, 1).flatten(1)

    def _everyone(self, values: Tensor, p: Tensor, q: Tensor, present: Tensor) -> Tensor:
        if bool(present.all()):
            return sorted_attention(values, p, q, self.slope)
        out = torch.zeros_like(values)
        if bool(present.any()):
            there = (values[:, present], p[:, present], q[:, present])
            out[:, present] = sorted_attention(*there, self.slope)
        return out

    def _among(self, edges: Tensor, present: Tensor) -> Tensor:
        """Edges between present stocks, and with ``self_loop`` each of them with itself."""
        if not bool(present.all()):
            edges = edges[:, present[edges].all(dim=0)]
        if not self.self_loop:
            return edges
        themselves = torch.nonzero(present)[:, 0].expand(2, -1)
        return torch.cat([edges, themselves], dim=1)
