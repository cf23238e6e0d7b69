"""What a model is: a recipe that the user writes, and the model that one fold and one seed train."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from alpha.batch import Batch, Days
from alpha.losses import Loss
from alpha.train import Task, train


class Recipe(Protocol):
    """Settings of a model: a frozen dataclass, which ``build`` turns into a fresh model.

    One that learns from labels at scoring time too has a ``lookback``, labelled sessions that it wants
    to see before the first of its own.
    """

    @property
    def steps(self) -> int:
        """Sessions in a window."""
        ...

    def build(self, features: int) -> "AlphaModel":
        """Return an untrained model for ``features`` columns."""
        ...


class AlphaModel(ABC):
    """One model of one fold and seed.

    ``needs`` names the parts of a batch (``alpha.batch.PARTS``) that the model reads; a model whose
    settings decide sets it on itself. ``extras`` names what it tells beside its score: a fit keeps
    these for the sessions that were not trained on (``FoldResult.extras``).
    """

    needs: frozenset[str] = frozenset({"x", "y"})
    extras: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def fit(self, task: Task) -> pd.DataFrame:
        """Train, keep the state that validates best, and return the history by epoch."""

    @abstractmethod
    def scores(self, batch: Batch) -> Tensor:
        """Score each stock of a day ``[n]``; NaN where the stock is not present."""

    def extra(self, batch: Batch) -> dict[str, Tensor]:  # noqa: ARG002 - most models have none
        """Further outputs of a day by the names of ``extras``, each ``[n, k]``."""
        return {}

    def furnish(self, days: Days) -> Days:
        """Return the days with what only this model's settings can say, such as regressions."""
        return days

    @property
    def device(self) -> torch.device:
        """Where the model computes, and wants its batches."""
        return torch.device("cpu")

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that ``scores`` depends on, as tensors and plain values."""

    @abstractmethod
    def load(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state` returned."""


class Network(nn.Module, AlphaModel):
    """A torch model. A subclass writes ``forward(x, batch) -> [n]`` and nothing else.

    ``x`` is the window with absent stocks set to zero, so garbage there cannot reach a score or a
    gradient; a cross-sectional layer still has to mask them by ``batch.present``.
    """

    days_per_step: int = 1  # days whose losses are averaged before a step

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def prepare(self, task: Task) -> None:
        """Look at the training days once before the first step; nothing by default."""

    def on_epoch_start(self, epoch: int, task: Task) -> None:
        """Get ready for the epoch (from 0); nothing by default."""

    def fit(self, task: Task) -> pd.DataFrame:
        """Run the common training loop."""
        self.prepare(task)
        return train(self, task)

    def scores(self, batch: Batch) -> Tensor:
        """Score the present stocks."""
        x = self.inputs(batch)
        scores: Tensor = self(x, batch)
        return scores.to(x.dtype).masked_fill(~batch.present, float("nan"))

    def loss(self, batch: Batch, criterion: Loss) -> Tensor:
        """Loss of one day, a scalar; a model with a loss of its own overrides this."""
        y, mask = self.labels(batch)
        return criterion(self.scores(batch), y, mask)

    def inputs(self, batch: Batch) -> Tensor:
        """Return the window ``[n, T, F]`` with absent stocks set to zero."""
        if bool(batch.present.all()):
            return batch.x
        return torch.where(batch.present[:, None, None], batch.x, 0.0)

    def labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return labels and where they are known, both [n]; a ValueError where the day has none."""
        if batch.y is None or batch.label_mask is None:
            raise ValueError(
                f"{type(self).__name__}: the batch of {batch.date:%Y-%m-%d} has no labels, so it "
                "has no loss; ask for days.batch(row, labelled=True)"
            )
        return batch.y, batch.label_mask

    def state(self) -> dict[str, Any]:
        """Weights and buffers, on the CPU."""
        return {name: value.detach().cpu() for name, value in self.state_dict().items()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore weights and buffers, ready to score."""
        self.load_state_dict(state)
        self.eval()
