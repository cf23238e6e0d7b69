"""Parts of ADD: states of every layer of an encoder, a decoder that tells a window again, small heads."""

import torch
from torch import Tensor, nn

from alpha.nn.recurrent import Recurrent
from alpha.nn.temporal import RecurrentEncoder


class DeepState(nn.Module):
    """Gated recurrent units; the last state of every layer.

    Shapes
    ------
    x [n, T, F] -> [layers, n, H]
    """

    def __init__(self, features: int, hidden: int, layers: int) -> None:
        super().__init__()
        widths = [features] + [hidden] * (layers - 1)
        self.below = nn.ModuleList(Recurrent(width, hidden) for width in widths[:-1])
        self.top = RecurrentEncoder(widths[-1], hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Encode each row of ``x``."""
        last = []
        for layer in self.below:
            x = layer(x)
            last.append(x[:, -1])
        return torch.stack([*last, self.top(x)])


class WindowDecoder(nn.Module):
    """Tell a window from states: a gated recurrent unit fed with what it said the step before.

    It begins with a step of zeros. The steps depend on each other, so a window of T steps takes T
    passes: give it some rows of a day, not thousands.

    Shapes
    ------
    states [layers, n, H], steps -> [n, steps, F]
    """

    def __init__(self, features: int, hidden: int, layers: int) -> None:
        super().__init__()
        widths = [features] + [hidden] * (layers - 1)
        self.cells = nn.ModuleList(nn.GRUCell(width, hidden) for width in widths)
        self.say = nn.Linear(hidden, features)

    def forward(self, states: Tensor, steps: int) -> Tensor:
        """Say the window, the oldest step first."""
        step = states.new_zeros(states.shape[1], self.say.out_features)
        current, said = list(states.unbind()), []
        for _ in range(steps):
            above = step
            for k, cell in enumerate(self.cells):
                current[k] = above = cell(above, current[k])
            step = self.say(above)
            said.append(step)
        return torch.stack(said, dim=1)


class Head(nn.Sequential):
    """``W2 tanh(norm(W1 f + b)) + c``, with layer norm.

    The source has batch norm, which sees all rows of several days in training and one day's in use.

    Shapes
    ------
    f [n, inputs] -> [n, outputs]
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__(
            nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.Tanh(), nn.Linear(hidden, outputs)
        )


def hard_rows(errors: Tensor) -> Tensor:
    """Weights of mean 1 of rows ``[n]``: the larger the teacher's error, the larger, by ranks.

    Examples
    --------
    >>> hard_rows(torch.tensor([0.1, 0.9, 0.4]))
    tensor([0.5000, 1.5000, 1.0000])
    """
    return 2.0 * (torch.argsort(torch.argsort(errors)) + 1) / (len(errors) + 1)


def hard_day(fit: Tensor, fits: Tensor) -> Tensor:
    """Weight of a day: the worse the teacher's fit (its IC) among those of other days, the larger.

    The weights of the days ``fits`` themselves have mean 1.

    Examples
    --------
    >>> hard_day(torch.tensor(0.1), torch.tensor([0.1, -0.2, 0.05]))
    tensor(0.5000)
    """
    return 2.0 * ((fits > fit).sum() + 1) / (len(fits) + 1)
