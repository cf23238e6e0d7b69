"""Graph operators and spectral filters: Laplacians, Chebyshev polynomials, graph convolutions.

With W the weights of an undirected graph, D = diag(W 1) and L = D - W = U diag(lambda) U', a filter
multiplies each frequency of a signal x by its own factor, ``U g(lambda) U' x``. That takes all
eigenvectors; a polynomial g takes only products with L, so K terms see K - 1 hops (Hammond et al. 2011,
Defferrard et al. 2016).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from alpha.nn.propagate import degrees, propagate, without_loops


@dataclass(frozen=True, eq=False)
class Operator:
    """A square matrix that is a diagonal plus the weights of edges; ``operator(x)`` is its product."""

    diagonal: Tensor  # [n]
    edges: Tensor  # [2, E] neighbour j, stock i
    weights: Tensor  # [E] entry (i, j)

    def __call__(self, x: Tensor) -> Tensor:
        """Multiply ``x`` [n, c]."""
        return self.diagonal[:, None] * x + propagate(x, self.edges, self.weights)

    def dense(self) -> Tensor:
        """Return the matrix whole ``[n, n]``, to look at."""
        return self(torch.eye(len(self.diagonal), dtype=self.diagonal.dtype))


def laplacian(edges: Tensor, count: int, weights: Tensor | None = None) -> Operator:
    """L = D - W. ``x' L x`` is the sum over undirected edges of ``w_ij (x_i - x_j)^2``."""
    edges, weights, degree = _undirected(edges, count, weights, "laplacian")
    return Operator(degree, edges, -weights)


def normalised_laplacian(edges: Tensor, count: int, weights: Tensor | None = None) -> Operator:
    """I - D^-1/2 W D^-1/2, eigenvalues in [0, 2]; the row of a stock without neighbours is zero."""
    edges, weights, degree = _undirected(edges, count, weights, "normalised_laplacian")
    scale = _inverse(degree).sqrt()
    return Operator(
        (degree > 0).to(degree.dtype), edges, -weights * scale[edges[0]] * scale[edges[1]]
    )


def renormalised(edges: Tensor, count: int, weights: Tensor | None = None) -> Operator:
    """(D + I)^-1/2 (W + I) (D + I)^-1/2, eigenvalues in (-1, 1] (Kipf and Welling 2017, equation 8).

    Each stock is its own neighbour once, whether or not the edges say so already; one without
    neighbours keeps its value.
    """
    edges, weights, degree = _undirected(edges, count, weights, "renormalised")
    scale = (degree + 1.0).rsqrt()
    return Operator(scale.square(), edges, weights * scale[edges[0]] * scale[edges[1]])


def row_normalised(
    edges: Tensor, count: int, weights: Tensor | None = None, *, itself: bool = True
) -> Operator:
    """(D + I)^-1 (W + I), the mean of a stock and its neighbours, or of these alone: D^-1 W.

    For directed relations too: D holds what a stock receives. A row of D^-1 W without neighbours is zero.
    """
    edges, weights = without_loops(edges, weights)
    weights = _nonnegative(edges, weights, "row_normalised")
    scale = _inverse(degrees(edges, count, weights) + float(itself))
    return Operator(scale * float(itself), edges, weights * scale[edges[1]])


def eigenvalue_bound(operator: Operator) -> float:
    """Bound of the eigenvalues of D - W: the largest d_i + d_j of two neighbours; 2 where nobody has any.

    Anderson and Morley 1985; it holds with weights too. A star meets it, and where all are neighbours it
    is up to twice too large. It takes one pass, and neither the order of the stocks nor absent ones move
    it, unlike the estimates of a power iteration. :func:`normalised_laplacian` needs none: 2 bounds that.

    Examples
    --------
    >>> eigenvalue_bound(laplacian(torch.tensor([[0, 1, 0, 2], [1, 0, 2, 0]]), 3))  # 1 and 2 know 0
    3.0
    """
    degree, (j, i) = operator.diagonal, operator.edges
    top = float((degree[j] + degree[i]).max()) if len(i) else 0.0
    return top if top > 0 else 2.0


def rescaled(operator: Operator, top: float = 2.0) -> Operator:
    """2 L / top - I, whose eigenvalues lie in [-1, 1] where those of L lie in [0, top]."""
    factor = 2.0 / top
    return replace(
        operator, diagonal=factor * operator.diagonal - 1.0, weights=factor * operator.weights
    )


def chebyshev(operator: Operator, x: Tensor, terms: int) -> Iterator[Tensor]:
    """T_0 x, T_1 x, ... of a rescaled operator: ``T_k = 2 L~ T_{k-1} - T_{k-2}``."""
    before, now = x, x
    for k in range(terms):
        if k == 1:
            now = operator(x)
        elif k > 1:
            before, now = now, 2.0 * operator(now) - before
        yield now


class ChebConv(nn.Module):
    """``Y = sum_{k < K} T_k(L~) X Theta_k + b`` (Defferrard et al. 2016); K = 1 is a plain linear map.

    Shapes
    ------
    x [n, inputs], an operator of n stocks -> [n, outputs]
    """

    def __init__(self, inputs: int, outputs: int, terms: int) -> None:
        super().__init__()
        if terms < 1:
            raise ValueError(
                f"ChebConv: terms is {terms}; it must be >= 1, and 1 sees no neighbour"
            )
        self.terms = terms
        self.project = nn.Linear(terms * inputs, outputs)

    def forward(self, x: Tensor, operator: Operator) -> Tensor:
        """Filter the columns of ``x``."""
        filtered: Tensor = self.project(torch.cat(list(chebyshev(operator, x, self.terms)), dim=1))
        return filtered


class GraphConv(nn.Module):
    """``A (X Theta)`` without activation; A is an operator such as :func:`renormalised`.

    Shapes
    ------
    x [n, inputs], an operator of n stocks -> [n, outputs]
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.project = nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor, operator: Operator) -> Tensor:
        """Project, then average."""
        return operator(self.project(x))


def _undirected(
    edges: Tensor, count: int, weights: Tensor | None, what: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Edges without loops, their weights, degrees; a ValueError where the graph is directed.

    It is where the edges from i to j do not weigh what those from j to i do, for any pair. That each
    stock sends what it receives would not do: so does a cycle of three.
    """
    edges, weights = without_loops(edges, weights)
    weights = _nonnegative(edges, weights, what)
    low = torch.minimum(edges[0], edges[1])
    key = low * count + torch.maximum(edges[0], edges[1])
    if count**2 < 2**31:
        key = key.int()  # sorted in half the time
    pairs, place = torch.unique(key, return_inverse=True)
    up = weights.new_zeros(len(pairs)).index_add(0, place, weights * (edges[0] == low))
    both = weights.new_zeros(len(pairs)).index_add(0, place, weights)
    unequal = (2.0 * up - both).abs() > 1e-4 * both  # as far as sums in float32 may be apart
    if bool(unequal.any()):
        k = int(unequal.nonzero()[0])
        i, j = divmod(int(pairs[k]), count)
        raise ValueError(
            f"{what}: the graph is directed: {int(unequal.sum())} of {len(pairs)} pairs of neighbours "
            f"weigh unlike in their two directions, first {float(up[k]):g} from position {i} to {j} and "
            f"{float(both[k] - up[k]):g} back; add the reverse edges "
            "(a correlation graph has undirected=True), or normalise by row"
        )
    return edges, weights, degrees(edges, count, weights)


def _nonnegative(edges: Tensor, weights: Tensor | None, what: str) -> Tensor:
    if weights is None:
        return torch.ones(edges.shape[1], device=edges.device)
    if bool((weights < 0).any()):
        raise ValueError(
            f"{what}: {int((weights < 0).sum())} of {len(weights)} edge weights are negative, least "
            f"{float(weights.min()):g}; use their absolute values, or leave those edges out"
        )
    return weights


def _inverse(degree: Tensor) -> Tensor:
    """1 / degree, and 0 for a stock without neighbours."""
    return torch.where(degree > 0, 1.0 / degree.clamp_min(torch.finfo(degree.dtype).tiny), 0.0)
