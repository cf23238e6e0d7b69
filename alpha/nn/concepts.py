"""What stocks have in common: concepts that are given, and concepts that the stocks themselves are.

The layers of HIST (Xu et al. 2021, arXiv:2110.13716). A concept is a vector; stocks and concepts look at
each other by cosine::

    read(x, e)_i = sum_k softmax_k(cos(x_i, e_k)) e_k

A cosine lies in [-1, 1], so over hundreds of concepts these weights are nearly uniform; a temperature
below 1, which the paper does not have, sharpens them.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.nn.propagate import edge_softmax

Variant = Literal["paper", "repo", "qlib"]

EPS = 1e-12  # a vector shorter than this has no direction: its cosine with anything is 0
ROWS = 1024  # stocks whose similarities to all others are held at a time
BILLION = 1e9  # unit of market value where a 1 is added to sums of it


def cosine_read(asking: Tensor, answering: Tensor, temperature: float = 1.0) -> Tensor:
    """Average ``answering`` [m, H] once for each of ``asking`` [n, H], weighted by their likeness.

    The weights ``[n, m]`` are the softmax of cosines over ``temperature``, row by row, and are never held
    whole. Nothing to answer gives zeros.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> cosine_read(x, x).round(decimals=4)  # weights e / (e + 1) and 1 / (e + 1)
    tensor([[0.7311, 0.2689],
            [0.2689, 0.7311]])
    """
    if not len(answering) or not len(asking):
        return asking.new_zeros(asking.shape)
    query, key = F.normalize(asking, dim=-1, eps=EPS), F.normalize(answering, dim=-1, eps=EPS)
    read: Tensor = F.scaled_dot_product_attention(
        query[None, None], key[None, None], answering[None, None], scale=1.0 / temperature
    )
    return read[0, 0]


def among(members: Tensor, present: Tensor) -> Tensor:
    """Memberships ``[2, M]`` of the present stocks, by their positions among them.

    Concepts are numbered anew, those without a present member left out.

    Examples
    --------
    >>> members = torch.tensor([[0, 1, 2], [5, 7, 8]])
    >>> among(members, torch.tensor([False, True, True]))
    tensor([[0, 1],
            [0, 1]])
    """
    stock, concept = members[:, present[members[0]]]
    number = torch.unique(concept, return_inverse=True)[1]
    return torch.stack([present.cumsum(dim=0)[stock] - 1, number])


def count_of(members: Tensor) -> int:
    """Return the number of concepts, numbered from 0."""
    return int(members[1].max()) + 1 if members.numel() else 0


def member_read(x: Tensor, concepts: Tensor, members: Tensor, temperature: float = 1.0) -> Tensor:
    """:func:`cosine_read` of a stock's own concepts alone; a stock of none reads zeros.

    Shapes
    ------
    x [n, H], concepts [Q, H], members [2, M] -> [n, H]
    """
    stock, concept = members
    near = concepts.index_select(0, concept)
    alike = F.cosine_similarity(x.index_select(0, stock), near, dim=1, eps=EPS)
    weights = edge_softmax(alike / temperature, stock, len(x))
    return torch.zeros_like(x).index_add(0, stock, weights[:, None] * near)


def concept_sums(x: Tensor, members: Tensor, weights: Tensor, concepts: int) -> Tensor:
    """Return ``e_k = sum_{i in k} w_ik x_i`` of each concept ``[Q, H]``.

    Parameters
    ----------
    x : [n, H]
    members : [2, M]
        Stock and concept of each membership.
    weights : [M]
    concepts
        Q.
    """
    stock, concept = members
    weighted = weights[:, None] * x.index_select(0, stock)
    return x.new_zeros(concepts, x.shape[1]).index_add(0, concept, weighted)


def member_weights(
    members: Tensor, value: Tensor | None, concepts: int, variant: Variant
) -> Tensor:
    """How much of its concept a stock is, for each membership ``[M]``.

    - ``paper``: its share of the members' market value; these sum to 1.
    - ``repo``: c_i / (1 + sum c) with c in billions, whose sum is below 1 for small concepts.
    - ``qlib``: 1 / (1 + members), whatever their size.

    Parameters
    ----------
    members : [2, M]
    value : [n]
        Market values, positive; not read by ``qlib``.
    """
    stock, concept = members
    if variant == "qlib" or value is None:
        size = torch.ones(len(stock), device=members.device)
    else:
        size = value.index_select(0, stock) / BILLION
    total = size.new_zeros(concepts).index_add(0, concept, size)
    total = total if variant == "paper" else total + 1.0
    return size / total.index_select(0, concept)


@torch.no_grad()
def nearest(x: Tensor, count: int = 1) -> Tensor:
    """Return the ``count`` other stocks of largest cosine with each ``[n, min(count, n - 1)]``.

    A stock is left out of its own candidates by -inf: where every other cosine is negative, a zeroed
    diagonal would win.
    """
    n = len(x)
    direction = F.normalize(x, dim=-1, eps=EPS)
    found = []
    for first in range(0, n, ROWS):
        likeness = direction[first : first + ROWS] @ direction.T
        likeness[:, first:].fill_diagonal_(float("-inf"))
        found.append(torch.topk(likeness, min(count, n - 1), dim=1).indices)
    return torch.cat(found) if found else x.new_zeros(0, 0, dtype=torch.long)


def hidden_concepts(x: Tensor, count: int = 1) -> Tensor:
    """One concept per stock that is the nearest to some other: ``[Q, H]`` in the order of their owners.

    Stock i links to its nearest k with weight cos(x_i, x_k), which may be negative; the owner k belongs
    to its own concept with weight 1; concepts that nobody links to are left out (by counting links: a sum
    of zero is a legitimate concept). One stock alone has no concepts.
    """
    to = nearest(x, count)
    if not to.numel():
        return x.new_zeros(0, x.shape[1])
    direction = F.normalize(x, dim=-1, eps=EPS)
    owner = to.reshape(-1)
    member = torch.arange(len(x), device=x.device).repeat_interleave(to.shape[1])
    weight = (direction.index_select(0, member) * direction.index_select(0, owner)).sum(dim=1)
    sums = concept_sums(x, torch.stack([member, owner]), weight, len(x)) + x
    linked = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    linked[owner] = True
    return sums[linked]


def _leaky_linear(hidden: int, variant: Variant) -> nn.Module:
    """``leaky(W e + b)`` of the paper; both ports pass e on as it is."""
    if variant != "paper":
        return nn.Identity()
    return nn.Sequential(nn.Linear(hidden, hidden), nn.LeakyReLU())


class PredefinedConcepts(nn.Module):
    """Vectors of the given concepts, from their members and then from all stocks that are like them.

    ::

        e_k  = sum_{i in k} w_ik x_i
        e'_k = leaky(W sum_i softmax_i(cos(x_i, e_k)) x_i + b)

    ``repo`` corrects by plain products instead of cosines and has no W; ``qlib`` leaves the correction
    out.

    Shapes
    ------
    x [n, H], members [2, M], value [n] -> [Q, H]
    """

    def __init__(self, hidden: int, variant: Variant, temperature: float = 1.0) -> None:
        super().__init__()
        self.variant, self.temperature = variant, temperature
        self.project = _leaky_linear(hidden, variant)

    def forward(self, x: Tensor, members: Tensor, value: Tensor | None) -> Tensor:
        """Return the concepts of the day."""
        count = count_of(members)
        weights = member_weights(members, value, count, self.variant)
        concepts = concept_sums(x, members, weights, count)
        if self.variant == "qlib":
            return concepts
        if self.variant == "repo":
            return torch.softmax(concepts @ x.T, dim=1) @ x
        corrected: Tensor = self.project(cosine_read(concepts, x, self.temperature))
        return corrected


class HiddenConcepts(nn.Module):
    """``e_k = leaky(W sum_i link_ik cos(x_i, x_k) x_i + b)`` of :func:`hidden_concepts`; W by ``paper`` only.

    Shapes
    ------
    x [n, H] -> [Q, H], Q <= n.
    """

    def __init__(self, hidden: int, variant: Variant, links: int = 1) -> None:
        super().__init__()
        self.links = links
        self.project = _leaky_linear(hidden, variant)

    def forward(self, x: Tensor) -> Tensor:
        """Return the concepts that the stocks make."""
        concepts: Tensor = self.project(hidden_concepts(x, self.links))
        return concepts


class SharedPart(nn.Module):
    """What a stock has in common with the concepts: taken off its state, and a part of the forecast.

    ::

        s_i = [leaky](W read(x, e)_i + b),   back-cast = U s + c,   forecast = leaky(V s + d)

    The leaky ReLU of s is of ``paper`` only. Without any concept both are zero.

    Shapes
    ------
    x [n, H], concepts [Q, H] -> two [n, H]: back-cast, forecast
    """

    def __init__(self, hidden: int, variant: Variant, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature, self.leaky = temperature, variant == "paper"
        self.share = nn.Linear(hidden, hidden)
        self.back = nn.Linear(hidden, hidden)
        self.fore = nn.Linear(hidden, hidden)

    def forward(
        self, x: Tensor, concepts: Tensor, members: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Read all concepts, or those of ``members`` only."""
        if not len(concepts):
            return torch.zeros_like(x), torch.zeros_like(x)
        if members is None:
            read = cosine_read(x, concepts, self.temperature)
        else:
            read = member_read(x, concepts, members, self.temperature)
        shared = self.share(read)
        shared = F.leaky_relu(shared) if self.leaky else shared
        return self.back(shared), F.leaky_relu(self.fore(shared))
