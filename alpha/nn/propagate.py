"""Sums and maxima over neighbours, from an edge list: no N x N matrix and no edge x hidden tensor.

An edge is a column of ``edges [2, E]``: neighbour (sender) above, stock (receiver) below.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from alpha.nn.edge_loops import row_products, weighted_rows

BLOCK = 8192  # edges whose products are taken at a time: the states at both ends stay in cache


def propagate(values: Tensor, edges: Tensor, weights: Tensor | None = None) -> Tensor:
    """``out_i = sum over edges (j, i) of w_ji values_j``; a stock without neighbours gets zero.

    Shapes
    ------
    values [n, H], edges [2, E], weights [E] (ones when None) -> [n, H]

    Examples
    --------
    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> propagate(torch.tensor([[1.0], [2.0], [4.0]]), path)[:, 0]
    tensor([2., 5., 2.])
    """
    with torch.autocast(values.device.type, enabled=False):  # sums over neighbours need float32
        values = values if values.dtype == torch.float64 else values.float()
        if weights is None:
            weights = values.new_ones(edges.shape[1])
        out: Tensor = _Propagate.apply(values, edges, weights.to(values.dtype))  # type: ignore[no-untyped-call]
        return out


def maxima(values: Tensor, edges: Tensor) -> Tensor:
    """``out_i = max(0, values_j over edges (j, i))``, each column on its own; zero without neighbours.

    The gradient of a maximum that several neighbours reach is shared equally among them.

    Shapes
    ------
    values [n, H], edges [2, E] -> [n, H]

    Examples
    --------
    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> maxima(torch.tensor([[1.0], [2.0], [4.0]]), path)[:, 0]
    tensor([2., 4., 2.])
    """
    with torch.autocast(values.device.type, enabled=False):  # as many gradients are added as edges
        values = values if values.dtype == torch.float64 else values.float()
        out: Tensor = _Maxima.apply(values, edges)  # type: ignore[no-untyped-call]
        return out


def edge_products(own: Tensor, near: Tensor, edges: Tensor) -> Tensor:
    """``own_i . near_j`` of each edge (j, i) ``[E]``; own and near are ``[n, H]``."""
    out: Tensor = _EdgeProducts.apply(own, near, edges)  # type: ignore[no-untyped-call]
    return out


def edge_softmax(scores: Tensor, groups: Tensor, count: int) -> Tensor:
    """Softmax of edge scores ``[E]`` over the edges that share a stock.

    Parameters
    ----------
    scores : [E]
        Any numbers; the largest of each group is taken away first.
    groups : [E]
        ``edges[1]``: what a stock receives sums to one; ``edges[0]``: what it sends does.
    count
        Stocks.
    """
    top = scores.new_full((count,), float("-inf")).scatter_reduce(
        0, groups, scores.detach(), "amax"
    )
    weights = torch.exp(scores - top[groups])
    return weights / weights.new_zeros(count).index_add(0, groups, weights)[groups]


def degrees(
    edges: Tensor, count: int, weights: Tensor | None = None, *, sent: bool = False
) -> Tensor:
    """Edges (or the sum of their weights) that a stock receives, or sends, ``[count]`` float."""
    ends = edges[0 if sent else 1]
    if weights is None:
        return torch.bincount(ends, minlength=count).to(torch.get_default_dtype())
    return weights.new_zeros(count).index_add(0, ends, weights)


def without_loops(edges: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Drop edges of a stock with itself, for layers that add the stock on their own."""
    kept = edges[0] != edges[1]
    if bool(kept.all()):
        return edges, weights
    return edges[:, kept], None if weights is None else weights[kept]


class _Propagate(torch.autograd.Function):
    """A sparse product, and its gradients ``dX = A' G`` and ``dw_ji = G_i . X_j``."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, edges: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(values, edges, weights)
        return _product(edges.flip(0), weights, values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, edges, weights = ctx.saved_tensors
        d_values = _product(edges, weights, grad) if ctx.needs_input_grad[0] else None
        d_weights = _dots(grad, values, edges) if ctx.needs_input_grad[2] else None
        return d_values, None, d_weights


class _Maxima(torch.autograd.Function):
    """Maxima by blocks of edges, which the way back looks at again: who reaches them is not kept."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, edges: Tensor) -> Tensor:
        out = torch.zeros_like(values)
        for j, i in _blocks(edges):
            places = i[:, None].expand(-1, values.shape[1])
            out.scatter_reduce_(0, places, values.index_select(0, j), "amax")
        ctx.save_for_backward(values, edges, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, edges, out = ctx.saved_tensors
        count, d_values = torch.zeros_like(grad), torch.zeros_like(grad)
        for j, i in _blocks(edges):
            reached = values.index_select(0, j) == out.index_select(0, i)
            count.index_add_(0, i, reached.to(grad.dtype))
        share = grad / count.clamp_min(1.0)
        for j, i in _blocks(edges):
            reached = values.index_select(0, j) == out.index_select(0, i)
            d_values.index_add_(0, j, reached * share.index_select(0, i))
        return d_values, None


class _EdgeProducts(torch.autograd.Function):
    """Scalar products along edges, whose gradients are sparse products."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, near: Tensor, edges: Tensor) -> Tensor:
        ctx.save_for_backward(own, near, edges)
        return _dots(own, near, edges)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        own, near, edges = ctx.saved_tensors
        return _product(edges.flip(0), grad, near), _product(edges, grad, own), None


def _dots(own: Tensor, near: Tensor, edges: Tensor) -> Tensor:
    """``own_i . near_j`` of each edge; on a GPU by blocks of edges."""
    if own.device.type == "cpu":
        return row_products(own, near, edges[1], edges[0])
    out = own.new_empty(edges.shape[1])
    for first, (j, i) in zip(range(0, edges.shape[1], BLOCK), _blocks(edges), strict=True):
        out[first : first + BLOCK] = torch.einsum(
            "eh,eh->e", own.index_select(0, i), near.index_select(0, j)
        )
    return out


def _blocks(edges: Tensor) -> Iterator[Tensor]:
    """``BLOCK`` edges at a time, ``[2, at most BLOCK]``."""
    for first in range(0, edges.shape[1], BLOCK):
        yield edges[:, first : first + BLOCK]


def _product(places: Tensor, weights: Tensor, values: Tensor) -> Tensor:
    """Multiply the matrix with ``weights`` at ``places`` (row, column) by ``values``; repeats add up."""
    if values.device.type == "cpu":
        return weighted_rows(weights, values, places[1], places[0])
    count = len(values)
    matrix = torch.sparse_coo_tensor(places, weights, (count, count), check_invariants=False)
    out: Tensor = torch.sparse.mm(matrix, values)
    return out
