"""Additive attention over a cross-section, without ever forming an [N, N, 2H] tensor.

The score of neighbour j for stock i (Velickovic et al. 2018) splits into two scalars a stock::

    e_ij = leaky(p_j + q_i),  p = z a_neighbour,  q = z a_centre
    out_i = sum_j softmax_j(e_ij) v_j

- :func:`dense_attention` forms the [N, N] scores: for adjacency matrices, and as a reference.
- :func:`sorted_attention` is the same sum over all stocks in O(N log N + N H). leaky has one kink, so
  exp(e_ij) factorises on either side of it: with p sorted, each i needs one prefix and one suffix sum.
- :func:`edge_attention` is the same sum over given neighbours, in memory for E numbers.

This attention is static: leaky is monotone, so p orders the neighbours in the same way for every i, and
q only tilts the weights between the two sides of the kink. Over everyone it gives each stock nearly the
same market average (of the four rows in the worked example of the tests three are equal), of which only
the tilt is the stock's own; who is near to whom must come from the edges. Scores ``a . leaky(W [h_i, h_j])``
(GATv2) lift this, at the price of N^2 H operations.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.nn.propagate import edge_softmax, propagate


def attention_weights(p: Tensor, q: Tensor, slope: float, mask: Tensor | None = None) -> Tensor:
    """``softmax_j leaky(p_j + q_i)`` as ``[N, N]``, row i for the receiving stock.

    Parameters
    ----------
    p, q : [N]
        Scores of the neighbour and of the centre.
    slope
        Slope of the leaky ReLU below zero.
    mask : [N, N] or [N] bool, optional
        Who may be attended to. A row without candidates is zero, not NaN.
    """
    scores = F.leaky_relu(q[:, None] + p[None, :], slope)
    if mask is None:
        return torch.softmax(scores, dim=-1)
    allowed = mask.expand_as(scores)
    scores = scores.masked_fill(~allowed, float("-inf"))
    top = scores.amax(dim=-1, keepdim=True)
    weights = torch.exp(scores - torch.where(torch.isfinite(top), top, 0.0))
    return weights / weights.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(p.dtype).tiny)


def dense_attention(
    values: Tensor, p: Tensor, q: Tensor, slope: float, mask: Tensor | None = None
) -> Tensor:
    """Weighted sums of ``values`` [N, H] by :func:`attention_weights`; N^2 scalars of memory."""
    return attention_weights(p, q, slope, mask) @ values


def sorted_attention(
    values: Tensor, p: Tensor, q: Tensor, slope: float, present: Tensor | None = None
) -> Tensor:
    """:func:`dense_attention` over all present stocks in O(N log N + N H).

    Parameters
    ----------
    values : [..., N, H]
        Leading dimensions are separate cross-sections.
    p, q : [..., N]
        A neighbour of score -inf is attended to by nobody; one at least must be finite.
    slope
        Below 1, as the split assumes that the positive side grows faster.
    present : [N] bool, optional
        With one cross-section only. Absent stocks are attended to by nobody, and their own rows are zero.

    Notes
    -----
    With m = max p and everything divided by exp(leaky(m + q_i))::

        p_j + q_i >  0:  exp(p_j - m)
        p_j + q_i <= 0:  exp(slope (p_j - m)) exp(-(1 - slope) relu(m + q_i))

    All exponents are <= 0, so nothing overflows, and the largest term of each row is exactly 1.
    """
    if present is not None and not bool(present.all()):
        out = torch.zeros_like(values)
        if bool(present.any()):
            out[present] = sorted_attention(values[present], p[present], q[present], slope)
        return out
    ordered, order = torch.sort(p, dim=-1)
    top = ordered[..., -1:]
    terms = F.pad(_rows(values, order), (0, 1), value=1.0)  # the last column sums the weights
    below = _prefix_sums(torch.exp(slope * (ordered - top))[..., None] * terms)
    upper = _prefix_sums((torch.exp(ordered - top)[..., None] * terms).flip(-2)).flip(
        -2
    )  # suffixes
    # First j with p_j > -q_i.
    split = torch.searchsorted(ordered.detach(), -q.detach(), right=True)
    shrink = torch.exp((slope - 1.0) * torch.relu(top + q))[..., None]
    sums = _rows(upper, split) + shrink * _rows(below, split)
    return sums[..., :-1] / sums[..., -1:]


def edge_attention(values: Tensor, p: Tensor, q: Tensor, slope: float, edges: Tensor) -> Tensor:
    """:func:`dense_attention` with the mask given by its entries.

    Parameters
    ----------
    values : [..., N, H]
        Leading dimensions are heads on the same graph.
    p, q : [..., N]
        Scores of the neighbour and of the centre.
    slope
        Slope of the leaky ReLU below zero.
    edges : [2, E] int64
        Neighbour, stock. A stock without neighbours gets zero.
    """
    if values.dim() > 2:
        heads = [edge_attention(*head, slope, edges) for head in zip(values, p, q, strict=True)]
        return torch.stack(heads)
    scores = F.leaky_relu(p[edges[0]] + q[edges[1]], slope)
    return propagate(values, edges, edge_softmax(scores, edges[1], len(values)))


def _prefix_sums(terms: Tensor) -> Tensor:
    """Row k holds the sum of the first k rows: ``[..., N + 1, H]``."""
    return F.pad(torch.cumsum(terms, dim=-2), (0, 0, 1, 0))


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Rows ``index`` ``[..., N]`` of each table ``[..., M, H]``.

    The tables are laid end to end, for the gradient of index_select is a plain sum by row; that of
    ``table[index]`` sorts the indices first and costs ten times as much.
    """
    length, width = table.shape[-2:]
    first = torch.arange(0, index.numel() // index.shape[-1] * length, length, device=index.device)
    flat = (index.reshape(len(first), -1) + first[:, None]).reshape(-1)
    return table.reshape(-1, width).index_select(0, flat).reshape(*index.shape, width)


class AdditiveAttention(nn.Module):
    """Scores from a shared map ``z = W h + b`` and the attention vectors ``neighbour`` and ``centre``.

    Shapes
    ------
    h [N, H] -> [N, H]: for each stock the weighted average of all present stocks' ``h`` (untransformed).
    """

    def __init__(self, hidden: int, slope: float = 0.01) -> None:
        super().__init__()
        self.slope = slope
        self.project = nn.Linear(hidden, hidden)
        # Xavier over a [2H, 1] map. A standard normal draw, the usual choice, starts the softmax saturated.
        bound = (6.0 / (2 * hidden + 1)) ** 0.5
        self.neighbour = nn.Parameter(torch.empty(hidden).uniform_(-bound, bound))
        self.centre = nn.Parameter(torch.empty(hidden).uniform_(-bound, bound))

    def forward(self, h: Tensor, present: Tensor) -> Tensor:
        """Average ``h`` over the present stocks, once per stock."""
        with torch.autocast(h.device.type, enabled=False):  # sums over N stocks need float32
            z = self.project(h)
            return sorted_attention(h, z @ self.neighbour, z @ self.centre, self.slope, present)
