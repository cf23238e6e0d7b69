"""Pairs of stocks in the wrong order, a block of rows at a time."""

from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ROWS = 512  # of the N x N pairs held at a time

Reduction = Literal["mean", "sum", "published"]


def misordered(scores: Tensor, y: Tensor, reduction: Reduction = "mean") -> Tensor:
    """``sum_ij max(0, -(s_i - s_j)(y_i - y_j))``: pairs whose order is wrong, by how much.

    Each pair is there twice, as (i, j) and (j, i). Adding a constant to the scores changes nothing, and
    equal scores cost nothing.

    Parameters
    ----------
    scores, y : [n]
        In the same units, or weigh the loss accordingly.
    reduction
        ``sum`` is the formula of the paper, ``mean`` divides by the n (n - 1) ordered pairs, and
        ``published`` by n^2, as the authors' program does. A weight means something else with each.

    Examples
    --------
    >>> s, y = torch.tensor([0.02, 0.01, -0.01]), torch.tensor([0.01, 0.03, -0.02])
    >>> misordered(s, y, "sum")
    tensor(0.0004)
    """
    if reduction not in get_args(Reduction):
        raise ValueError(
            f"misordered: reduction {reduction!r} is unknown; use one of {get_args(Reduction)}"
        )
    total: Tensor = _Misordered.apply(scores, y)  # type: ignore[no-untyped-call]
    n = len(scores)
    pairs = {"sum": 1, "mean": n * (n - 1), "published": n * n}[reduction]
    return total / max(pairs, 1)


class _Misordered(torch.autograd.Function):
    """The sum and its gradient in one pass: ``d/ds_i = -2 sum over misordered j of (y_i - y_j)``."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, y: Tensor) -> Tensor:
        total, slope = scores.new_zeros(()), torch.empty_like(scores)
        for first in range(0, len(scores), ROWS):
            rows = slice(first, first + ROWS)
            apart = y[rows, None] - y[None, :]
            product = (scores[rows, None] - scores[None, :]).mul_(apart)
            total -= product.clamp_max(0.0).sum()
            slope[rows] = -2.0 * (apart * (product < 0)).sum(dim=1)
        ctx.save_for_backward(slope)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None
