"""Graphs made from data: A = softmax(relu(M M')) by row, and the layers (I + A) X W and (I - A) X W.

S1 and S4 of the specification (adaptive spatio-temporal graphs after AGCRN, Bai et al. 2020, but with a
node representation M computed from the stock's own history, so that unseen stocks have one too). A is
row-stochastic and not symmetric.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Mode = Literal["add", "subtract"]

# Rows of A held at a time: a block of 256 x 3000 scores stays in the cache of a core.
CHUNK = 256


def adaptive_weights(nodes: Tensor, *, exclude_self: bool = False, sparse: bool = False) -> Tensor:
    """Return A ``[n, n]`` whole: the reference of :func:`adaptive_average`, and for looking at.

    Parameters
    ----------
    nodes : [n, K]
        M. Rotating it leaves A as it is; scaling it by c sharpens A as c^2.
    exclude_self
        Leave the diagonal out. M M' is largest there when the nodes differ, so that A tends to I.
    sparse
        Leave pairs out whose similarity is not positive. The relu alone leaves them exp(0) = 1, which
        in a market of thousands of stocks is nearly all of the weight. A departure from the source.

    Notes
    -----
    A row without candidates is zero.
    """
    scores = torch.relu(nodes @ nodes.T)
    allowed = scores > 0 if sparse else torch.ones_like(scores, dtype=torch.bool)
    if exclude_self:
        allowed = allowed & ~torch.eye(len(nodes), dtype=torch.bool, device=nodes.device)
    scores = scores.masked_fill(~allowed, float("-inf"))
    top = scores.detach().amax(dim=1, keepdim=True).clamp_min(0.0)
    weights = torch.exp(scores - top)
    return weights / weights.sum(dim=1, keepdim=True).clamp_min(torch.finfo(nodes.dtype).tiny)


def adaptive_average(
    nodes: Tensor,
    values: Tensor,
    *,
    exclude_self: bool = False,
    sparse: bool = False,
    chunk: int = CHUNK,
) -> Tensor:
    """Return A V without forming A: ``chunk`` rows at a time, computed again on the way back.

    Shapes
    ------
    nodes [n, K], values [n, H] -> [n, H]; memory n x chunk instead of several n x n.
    """
    averaged: Tensor = _Average.apply(nodes, values, exclude_self, sparse, chunk)  # type: ignore[no-untyped-call]
    return averaged


class _Average(torch.autograd.Function):
    """``A V`` and its gradient by blocks of rows.

    With G the gradient of the result, by rows i and S = M M'::

        dV = A' G,   dS = A * (G V' - rowsum(G * A V)) where S > 0,   dM = (dS + dS') M
    """

    @staticmethod
    def forward(
        ctx: Any, nodes: Tensor, values: Tensor, exclude_self: bool, sparse: bool, chunk: int
    ) -> Tensor:
        ctx.settings = exclude_self, sparse, chunk
        out, norm = torch.empty_like(values), nodes.new_empty(len(nodes), 1)
        for first in range(0, len(nodes), chunk):
            rows = slice(first, first + chunk)
            scores = _scores(nodes, first, exclude_self, sparse, chunk)
            top = scores.amax(dim=1, keepdim=True).clamp_min(0.0)
            weights = scores.sub_(top).exp_()
            total = weights.sum(dim=1, keepdim=True)
            norm[rows] = torch.where(total > 0, top + torch.log(total), 0.0)
            out[rows] = (weights @ values).div_(torch.where(total > 0, total, 1.0))
        ctx.save_for_backward(nodes, values, out, norm)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        nodes, values, out, norm = ctx.saved_tensors
        exclude_self, sparse, chunk = ctx.settings
        d_nodes, d_values = torch.zeros_like(nodes), torch.zeros_like(values)
        inner = (grad * out).sum(dim=1, keepdim=True)
        for first in range(0, len(nodes), chunk):
            rows = slice(first, first + chunk)
            scores = _scores(nodes, first, exclude_self, sparse, chunk)
            positive = scores > 0
            weights = scores.sub_(norm[rows]).exp_()
            d_values.addmm_(weights.T, grad[rows])
            d_scores = torch.addmm(inner[rows], grad[rows], values.T, beta=-1.0)
            d_scores.mul_(weights).mul_(positive)
            d_nodes[rows] += d_scores @ nodes
            d_nodes.addmm_(d_scores.T, nodes[rows])
        return d_nodes, d_values, None, None, None


def _scores(nodes: Tensor, first: int, exclude_self: bool, sparse: bool, chunk: int) -> Tensor:
    """Rows ``first .. first + chunk - 1`` of relu(M M'), -inf where a pair is left out."""
    block = nodes[first : first + chunk]
    scores = block @ nodes.T
    if sparse:
        scores.masked_fill_(scores <= 0, float("-inf"))
    else:
        scores.relu_()
    if exclude_self:
        scores[:, first:].fill_diagonal_(float("-inf"))
    return scores


class AdaptiveGraph(nn.Module):
    """The graph of a day: ``A = softmax(relu(c M M'))`` among the present stocks.

    c begins at ``temperature`` and is learnt (as its logarithm). The products of K independent numbers
    grow with sqrt(K), so the default is 1 / sqrt(K). A graph can be shared by several layers.

    Shapes
    ------
    nodes [n, K], values [n, H], present [n] -> [n, H], the average over the graph; absent rows are zero.
    """

    def __init__(
        self,
        embedding: int,
        temperature: float | None = None,
        *,
        exclude_self: bool = False,
        sparse: bool = False,
        chunk: int = CHUNK,
    ) -> None:
        super().__init__()
        start = embedding**-0.5 if temperature is None else temperature
        if not start > 0:
            raise ValueError(f"AdaptiveGraph: temperature is {temperature}; it must be > 0")
        self.log_temperature = nn.Parameter(torch.tensor(float(start)).log())
        self.exclude_self, self.sparse, self.chunk = exclude_self, sparse, chunk

    def scaled(self, nodes: Tensor) -> Tensor:
        """Return ``sqrt(c) M``, whose products are the similarities."""
        return nodes * torch.exp(0.5 * self.log_temperature)

    def weights(self, nodes: Tensor) -> Tensor:
        """Return A ``[n, n]`` of stocks that are all present."""
        return adaptive_weights(
            self.scaled(nodes), exclude_self=self.exclude_self, sparse=self.sparse
        )

    def forward(self, nodes: Tensor, values: Tensor, present: Tensor) -> Tensor:
        """Average ``values`` over the present stocks, once per stock."""
        with torch.autocast(values.device.type, enabled=False):  # sums over n stocks need float32
            exact = torch.promote_types(values.dtype, torch.float32)
            nodes, values = self.scaled(nodes.to(exact)), values.to(exact)
            if bool(present.all()):
                return self._average(nodes, values)
            out = torch.zeros_like(values)
            out[present] = self._average(nodes[present], values[present])
            return out

    def _average(self, nodes: Tensor, values: Tensor) -> Tensor:
        return adaptive_average(
            nodes, values, exclude_self=self.exclude_self, sparse=self.sparse, chunk=self.chunk
        )


class AdaptiveConv(nn.Module):
    """``Z = (I + A) X W`` or ``(I - A) X W``: what a stock shares with the stocks like it, or its own part.

    On M = 0 the subtract form is the deviation from the market's mean. With M so large that every stock
    is like itself only, A is I: add doubles X W and subtract deletes it, unless ``exclude_self``.

    Shapes
    ------
    x [n, inputs], nodes [n, K], present [n] -> [n, outputs]
    """

    def __init__(self, inputs: int, outputs: int, mode: Mode) -> None:
        super().__init__()
        if mode not in ("add", "subtract"):
            raise ValueError(f'AdaptiveConv: mode {mode!r} is unknown; use "add" or "subtract"')
        self.project = nn.Linear(inputs, outputs, bias=False)
        self.sign = 1.0 if mode == "add" else -1.0

    def forward(self, x: Tensor, nodes: Tensor, present: Tensor, graph: AdaptiveGraph) -> Tensor:
        """Project, then mix over ``graph``."""
        y = self.project(x)
        mixed: Tensor = y + self.sign * graph(nodes, y, present)
        return mixed
