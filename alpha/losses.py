"""Losses of one day: functions of scores [n], normalised labels [n] and the label mask [n].

A day with fewer than two labels has loss zero and no gradient.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

EPS = 1e-12  # inside the root, so that constant scores give a zero gradient instead of 0 / 0


def mse(scores: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over labelled stocks."""
    s, y = scores[mask], y[mask]
    if len(s) < 2:
        return s.sum() * 0.0
    return (s - y).square().mean()


def ic(scores: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """``1 - correlation(scores, y)`` over labelled stocks: the order of a day, whatever its scale.

    Examples
    --------
    >>> y = torch.tensor([1.0, 2.0, 3.0])
    >>> ic(10 * y + 5, y, torch.ones(3, dtype=torch.bool)).round(decimals=4)
    tensor(0.)
    """
    s, y = scores[mask], y[mask]
    if len(s) < 2:
        return s.sum() * 0.0
    s, y = s - s.mean(), y - y.mean()
    return 1.0 - (s * y).sum() / torch.sqrt((s * s).sum() * (y * y).sum() + EPS)
