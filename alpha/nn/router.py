"""Several predictors on one latent state, and the router between them (TRA)."""

import torch
from torch import Tensor, nn

from alpha.nn.temporal import RecurrentEncoder

TINY = 1e-12  # mean square of errors that do not differ


class Heads(nn.Linear):
    """K predictors in the place of a network's only one; what goes in and comes out can be taken.

    Shapes
    ------
    h [n, H] -> [n, K]
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__(width, count)
        self.seen: tuple[Tensor, Tensor] | None = None

    def forward(self, h: Tensor) -> Tensor:
        """Say what each predictor says."""
        said = super().forward(h)
        self.seen = h, said
        return said

    def take(self) -> tuple[Tensor, Tensor]:
        """Return states and predictions of the last pass, once."""
        if self.seen is None:
            raise RuntimeError("Heads: nothing was predicted since the last time")
        seen, self.seen = self.seen, None
        return seen


class Router(nn.Module):
    """Logits of the predictors from the latent state, from their past errors, or from both.

    Shapes
    ------
    h [n, H], errors [n, L, K] (NaN unknown) -> [n, K]
    """

    def __init__(self, width: int, predictors: int, hidden: int, info: str) -> None:
        super().__init__()
        self.latent = info != "errors"
        self.remember = (
            None if info == "latent" else RecurrentEncoder(predictors + 1, hidden, cell="lstm")
        )
        inputs = (width if self.latent else 0) + (hidden if self.remember is not None else 0)
        self.choose = nn.Linear(inputs, predictors)

    def forward(self, h: Tensor, errors: Tensor) -> Tensor:
        """Weigh the predictors for each stock."""
        parts = [h] if self.latent else []
        if self.remember is not None:
            parts.append(self.remember(relative(errors)))
        logits: Tensor = self.choose(torch.cat(parts, dim=1))
        return logits


def relative(errors: Tensor) -> Tensor:
    """Errors ``[n, L, K]`` in units of their own root mean square, with a channel that says which are known.

    What is unknown is 0, the mean of the predictors, and not an error of nothing.

    Examples
    --------
    >>> nan = float("nan")
    >>> relative(torch.tensor([[[nan, nan], [-0.02, 0.02]]]))
    tensor([[[ 0.,  0.,  0.],
             [-1.,  1.,  1.]]])
    """
    known = torch.isfinite(errors).all(dim=2, keepdim=True)
    z = torch.where(known, errors, 0.0)
    count = (known.sum(dim=(1, 2), keepdim=True) * errors.shape[2]).clamp_min(1)
    size = torch.sqrt(z.square().sum(dim=(1, 2), keepdim=True) / count + TINY)
    return torch.cat([z / size, known.to(z.dtype)], dim=2)
