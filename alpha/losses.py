"""Losses of one day, of scores [n], normalised labels [n] and the label mask [n].

Several scores at once, [n, k], have the mean of their losses. A day with fewer than two labels has loss
zero and no gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from alpha.nn.pairs import Reduction, misordered

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

EPS = 1e-12  # inside the root, so that constant scores give a zero gradient instead of 0 / 0
PAIR_ROWS = 512  # rows of a pairwise loss held at a time; they are made again on the way back


def mse(scores: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over labelled stocks."""
    s, y = _labelled(scores, y, mask)
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
    s, y = _labelled(scores, y, mask)
    if len(s) < 2:
        return s.sum() * 0.0
    s, y = s - s.mean(dim=0), y - y.mean(dim=0)
    norm = torch.sqrt((s * s).sum(dim=0) * (y * y).sum(dim=0) + EPS)
    return (1.0 - (s * y).sum(dim=0) / norm).mean()


def free_of_units(loss: Loss) -> bool:
    """Whether a loss cannot tell some scores from the same a level higher, or twice as large.

    Examples
    --------
    >>> free_of_units(ic), free_of_units(mse)
    (True, False)
    """
    y = torch.linspace(-1.0, 1.0, 16, dtype=torch.float64)
    scores, known = torch.cos(3.0 * y), torch.ones(16, dtype=torch.bool)  # neither right nor wrong
    wanted = loss(scores, y, known)
    others = (loss(moved, y, known) for moved in (scores + 1.0, 2.0 * scores))
    return any(bool(torch.isclose(wanted, other, rtol=1e-9)) for other in others)


def _labelled(scores: Tensor, y: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Both where labels are known; labels gain an axis where scores have columns."""
    return scores[mask], y[mask] if scores.ndim == 1 else y[mask][:, None]


@dataclass(frozen=True)
class RankingMSE:
    """Mean squared error plus ``weight`` times the misordered pairs (RSR; Feng et al. 2019, equation 9).

    For labels in units that the scores are to reach, such as returns. How large ``weight`` has to be
    depends on the reduction and on these units: errors and pairs are both squares of them.

    Examples
    --------
    >>> s, y = torch.tensor([0.02, 0.01, -0.01]), torch.tensor([0.01, 0.03, -0.02])
    >>> RankingMSE(weight=1.0, reduction="sum")(s, y, torch.ones(3, dtype=torch.bool))
    tensor(0.0006)
    """

    weight: float = 1.0
    reduction: Reduction = "mean"

    def __call__(self, scores: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """Loss of one day."""
        if scores.ndim > 1:
            return torch.stack([self(column, y, mask) for column in scores.unbind(1)]).mean()
        s, known = scores[mask].float(), y[mask].float()
        return mse(scores, y, mask) + self.weight * misordered(s, known, self.reduction)


def decorrelation(factors: Tensor) -> Tensor:
    """Mean squared correlation between different columns of factors ``[n, k]``: 0 when none repeats another.

    A penalty for a set of weak factors that are to be weighted later; 0 with fewer than two columns.

    Examples
    --------
    >>> f = torch.tensor(
    ...     [[1.0, 2.0, 1.0], [2.0, 4.0, -2.0], [3.0, 6.0, 1.0]]
    ... )  # 1 = 2, 3 unlike both
    >>> decorrelation(f).round(decimals=4)
    tensor(0.3333)
    """
    n, k = factors.shape
    if n < 2 or k < 2:
        return factors.sum() * 0.0
    f = factors - factors.mean(dim=0)
    f = f / torch.sqrt((f * f).sum(dim=0) + EPS)
    squares = (f.T @ f).square()
    return (squares.sum() - squares.diagonal().sum()) / (k * (k - 1))


def proximity(
    states: Tensor, edges: Tensor, *, scale: float | None = None, average: bool = True
) -> Tensor:
    """Make neighbours' states alike and others' unlike.

    With s_ij = scale (o_i . o_j)::

        L_i = - sum_{j in N(i)} log sigma(s_ij) - sum_{j not in N(i), j != i} log sigma(-s_ij)

    and the mean over i (ALSP-TF). The paper prints ``log(-sigma(.))``, which is undefined: the sign
    belongs inside.

    Parameters
    ----------
    states : [n, H]
        o.
    edges : [2, E]
        Neighbour j and stock i; repeated edges count once, self-loops not at all.
    scale
        1 / sqrt(H) when None.
    average
        Take both sums of a stock as means; else the many that are not neighbours swamp the few.

    Examples
    --------
    >>> o = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, -1.0]])
    >>> pair = torch.tensor([[0, 1], [1, 0]])
    >>> proximity(o, pair, scale=1.0, average=False).round(decimals=4)
    tensor(0.8798)
    """
    n, hidden = states.shape
    if n < 2:
        return states.sum() * 0.0
    linked = torch.zeros(n, n, dtype=torch.bool, device=states.device)
    linked[edges[1], edges[0]] = True
    linked.fill_diagonal_(False)
    scaled = states * (hidden**-0.5 if scale is None else scale)
    total = states.new_zeros(())
    for first in range(0, n, PAIR_ROWS):
        rows = slice(first, first + PAIR_ROWS)
        total = total + checkpoint(
            _pair_losses, scaled[rows], states, linked[rows], first, average, use_reentrant=False
        )
    return total / n


def _pair_losses(
    block: Tensor, states: Tensor, linked: Tensor, first: int, average: bool
) -> Tensor:
    """Sum of L_i over the rows of a block, by ``-log sigma(s) = softplus(-s)``."""
    scores = block @ states.T
    loss = functional.softplus(torch.where(linked, -scores, scores))
    if average:
        near = linked.sum(dim=1, keepdim=True)
        far = len(states) - 1 - near
        loss = loss / torch.where(linked, near, far).clamp_min(1)
    itself = torch.arange(len(block), device=states.device)
    return loss.sum() - loss[itself, itself + first].sum()
