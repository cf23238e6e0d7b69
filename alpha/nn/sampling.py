"""Draws of neighbours, so that a stock with a thousand of them costs as much as one with ten."""

import torch
from torch import Tensor


def grouped(edges: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sort edges by stock: edges, first edge of each stock ``[count]``, its number of edges ``[count]``."""
    order = torch.argsort(edges[1], stable=True)
    degree = torch.bincount(edges[1], minlength=count)
    return edges[:, order], torch.cumsum(degree, 0) - degree, degree


def sample(
    edges: Tensor,
    count: int,
    size: int,
    generator: torch.Generator | None = None,
    *,
    replacement: bool | None = None,
) -> Tensor:
    """Draw ``size`` neighbours of each of ``count`` stocks: edges ``[2, at most count x size]``.

    Parameters
    ----------
    edges : [2, E]
        Neighbour and stock.
    size
        Neighbours of a stock.
    generator
        Random numbers; torch's own when None.
    replacement
        None is the paper's rule: a stock with fewer than ``size`` neighbours draws with replacement, any
        other without. False keeps all of the few instead; True always draws with replacement.

    Notes
    -----
    A mean over the draw has the mean over all neighbours as its expectation, in each mode. A stock
    without neighbours draws nothing.
    """
    if size < 1:
        raise ValueError(f"sample: size is {size}; it must be >= 1")
    edges, first, degree = grouped(edges, count)
    repeating = degree > 0 if replacement else (degree > 0) & (degree < size)
    if replacement is False:
        repeating = torch.zeros_like(repeating)
    drawn = []
    once = ~repeating[edges[1]]
    if bool(once.any()):
        drawn.append(_distinct(edges[:, once], count, size, generator))
    if bool(repeating.any()):
        stocks = repeating.nonzero()[:, 0]
        places = torch.rand(len(stocks), size, generator=generator).to(edges.device)
        offset = (places * degree[stocks, None]).long()  # rand < 1, so below the degree
        drawn.append(edges[:, (first[stocks, None] + offset).reshape(-1)])
    return torch.cat(drawn, dim=1) if drawn else edges


def shuffled(edges: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Sort edges by stock, the neighbours of each in random order."""
    keys = torch.rand(edges.shape[1], generator=generator, dtype=torch.float64).to(edges.device)
    return edges[:, torch.argsort(edges[1] + keys)]


def _distinct(edges: Tensor, count: int, size: int, generator: torch.Generator | None) -> Tensor:
    """Keep ``size`` random edges of each stock, all where it has no more."""
    mixed, first, _ = grouped(shuffled(edges, generator), count)
    place = torch.arange(mixed.shape[1], device=edges.device) - first[mixed[1]]
    return mixed[:, place < size]
