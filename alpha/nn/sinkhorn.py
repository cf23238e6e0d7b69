"""Balanced assignment by entropic optimal transport (Cuturi 2013), in log space, where nothing overflows."""

import math

import torch
from torch import Tensor

TINY = 1e-12  # a row whose costs are all equal has no range


def transport(costs: Tensor, eps: float = 0.1, iterations: int = 3) -> Tensor:
    """Share each of n rows out over k columns of equal total, cheap columns first.

    P minimises ``<P, costs> - eps entropy(P)`` with rows of sum 1 and columns of sum n / k. From
    ``exp(-costs / eps)``, columns and rows are scaled in turn. The rows come last: their sums are exact,
    and those of the columns approach n / k with the iterations.

    Parameters
    ----------
    costs : [n, k]
        By :func:`by_range`, so that no row is dear as a whole; the plan that many iterations tend to
        is the same with any constant added to a row. No gradient is recorded.
    eps
        0 for the cheapest plan, infinity for 1 / k everywhere; in units of the costs.
    iterations
        Rounds of columns and rows.

    Examples
    --------
    >>> costs = torch.tensor([[0.0, 1.0], [0.2, 1.0], [1.0, 0.0], [0.0, 0.5]])
    >>> transport(costs, iterations=1000).round(decimals=3)
    tensor([[0.9730, 0.0270],
            [0.8310, 0.1690],
            [0.0000, 1.0000],
            [0.1960, 0.8040]])
    """
    if not eps > 0 or iterations < 1:
        raise ValueError(f"transport: eps {eps} must be > 0 and iterations {iterations} >= 1")
    n, k = costs.shape
    if not n:
        return costs.detach().clone()
    logs = -costs.detach() / eps
    each = math.log(n / k)
    for _ in range(iterations):
        logs = logs - torch.logsumexp(logs, dim=0, keepdim=True) + each
        logs = logs - torch.logsumexp(logs, dim=1, keepdim=True)
    return logs.exp()


def by_range(costs: Tensor) -> Tensor:
    """Each row from 0, its cheapest column, to 1, its dearest; 0 where all cost the same.

    Examples
    --------
    >>> by_range(torch.tensor([[2.0, 4.0, 3.0], [1.0, 1.0, 1.0]]))
    tensor([[0.0000, 1.0000, 0.5000],
            [0.0000, 0.0000, 0.0000]])
    """
    low, high = costs.aminmax(dim=1, keepdim=True)
    return (costs - low) / (high - low).clamp_min(TINY)
