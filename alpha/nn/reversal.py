"""Gradient reversal (Ganin and Lempitsky 2015): a head learns its task, what feeds it unlearns it."""

import math
from typing import Any

from torch import Tensor
from torch.autograd.function import Function


class _Reverse(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grad, None


def reverse(x: Tensor, strength: float) -> Tensor:
    """Return ``x``, whose gradient is multiplied by ``-strength`` on the way back.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (reverse(x, 0.5) * torch.tensor([4.0, 6.0])).sum().backward()
    >>> x.grad
    tensor([-2., -3.])
    """
    reversed_: Tensor = _Reverse.apply(x, strength)  # type: ignore[no-untyped-call]
    return reversed_


def reversal_strength(epoch: int, gamma: float = 0.1, clip: float = 0.2) -> float:
    """``min(clip, 2 / (1 + exp(-gamma epoch)) - 1)``: 0 in the first epoch, so that heads learn first.

    Examples
    --------
    >>> [round(reversal_strength(p), 4) for p in (0, 1, 2, 10)]
    [0.0, 0.05, 0.0997, 0.2]
    """
    return min(clip, 2.0 / (1.0 + math.exp(-gamma * epoch)) - 1.0)
