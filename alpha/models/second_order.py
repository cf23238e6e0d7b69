"""Second-order learning: forecast the coefficients that tomorrow's linear model will have.

After the Huatai digest of a Microsoft Research system; the original text was not at hand, so the length
of the history, the widths and the ridge are choices made here.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from alpha.batch import Batch, Days
from alpha.model import Network
from alpha.nn.temporal import AttentionPool, RecurrentEncoder
from alpha.regressions import Coefficients
from alpha.train import Task

LEAST_SPREAD = 1e-6  # of a coefficient that never moves


@dataclass(frozen=True)
class SecondOrder:
    """Settings of :class:`SecondOrderNetwork`.

    The source's objective is the squared error: ``TrainConfig(loss=alpha.losses.mse)``.
    """

    scales: tuple[int, ...] = (1, 5, 10, 20)  # sessions that a first-order model is fitted on
    history: int = 20  # sessions of coefficients that are looked back on
    hidden: int = 64
    ridge: float = 0.01  # a share of the variance of a normalised feature; a single day needs some

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) < 1 or self.history < 1:
            raise ValueError(
                f"SecondOrder: scales {self.scales} and history {self.history} must be sessions >= 1"
            )
        if not self.ridge > 0:
            raise ValueError(
                f"SecondOrder: ridge is {self.ridge}; it must be > 0, as a day may have fewer stocks "
                "than features"
            )

    @property
    def steps(self) -> int:
        """The regressions read the last day alone."""
        return 1

    @property
    def lookback(self) -> int:
        """Labelled sessions before the first one that is scored."""
        return max(self.scales) + self.history

    def build(self, features: int) -> "SecondOrderNetwork":
        """Return an untrained network."""
        return SecondOrderNetwork(self, features)


class SecondOrderNetwork(Network):
    """Coefficients of ridge regressions over several spans of days, and what follows on them.

    With theta_s [L, 1 + F] the coefficients of the last L sessions, fitted on s sessions each::

        h_s = LSTM_s((theta_s - mean_s) / std_s),   a = softmax_s(v . tanh(W h_s + b))
        theta = sum_s a_s (mean_s + std_s (U h_s + c)),   score = x . theta

    Mean and standard deviation are those of the training sessions, for each scale and coefficient.
    The coefficients are data: no gradient goes through them.

    Shapes
    ------
    x [n, 1, F], batch.theta [S, L, 1 + F] -> [n]
    """

    needs = frozenset({"x", "y", "theta"})

    def __init__(self, settings: SecondOrder, features: int) -> None:
        super().__init__()
        self.settings, hidden, width = settings, settings.hidden, 1 + features
        self.memories = nn.ModuleList(
            RecurrentEncoder(width, hidden, cell="lstm") for _ in settings.scales
        )
        self.attend = AttentionPool(hidden, hidden)
        self.write = nn.Linear(hidden, width)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(len(settings.scales), width))
        self.register_buffer("std", torch.ones(len(settings.scales), width))

    def furnish(self, days: Days) -> Days:
        """Add the regressions."""
        s = self.settings
        return replace(days, theta=Coefficients.of(days, s.scales, s.ridge, s.history))

    def prepare(self, task: Task) -> None:
        """Take the scale of the coefficients from the training sessions."""
        if task.days.theta is None:
            raise ValueError("SecondOrder: the days have no coefficients; call furnish(days) first")
        known = np.stack([task.days.theta.read(row)[:, -1] for row in task.train.tolist()])
        count = np.maximum(np.isfinite(known).sum(axis=0), 1)
        mean = np.nansum(known, axis=0) / count
        variance = np.nansum((known - mean) ** 2, axis=0) / count
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(np.sqrt(variance)).clamp_min(LEAST_SPREAD))

    def states(self, theta: Tensor) -> Tensor:
        """Return ``[S, H]``, what is remembered of the coefficients ``[S, L, 1 + F]`` of each scale."""
        z = torch.nan_to_num((theta - self.mean[:, None]) / self.std[:, None])
        pairs = zip(self.memories, z, strict=True)
        return torch.stack([memory(past[None])[0] for memory, past in pairs])

    def weights(self, h: Tensor) -> Tensor:
        """Return the share of each scale in the forecast, ``[S]``."""
        return self.attend.weights(h[None])[0]

    def coefficients(self, theta: Tensor) -> Tensor:
        """Forecast ``[1 + F]`` from the coefficients of the past."""
        h = self.states(theta)
        return self.weights(h) @ (self.mean + self.std * self.write(h))

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score the day's features by the forecast coefficients."""
        if batch.theta is None:
            raise ValueError(
                f"SecondOrder: the batch of {batch.date:%Y-%m-%d} has no coefficients; take it from "
                "furnish(days), as alpha.fit does"
            )
        theta = self.coefficients(batch.theta)
        return theta[0] + x[:, -1] @ theta[1:]
