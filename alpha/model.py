"""What a model is: a recipe that the user writes, and the model that one fold and one seed train."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from alpha.batch import Batch
from alpha.losses import Loss
from alpha.train import Task, train


class Recipe(Protocol):
    """Settings of a model: a frozen dataclass, which ``build`` turns into a fresh model."""

    @property
    def steps(self) -> int:
        """Sessions in a window."""
        ...

    def build(self, features: int) -> "AlphaModel":
        """Return an untrained model for ``features`` columns."""
        ...


class AlphaModel(ABC):
    """One model of one fold and seed.

    ``needs`` names the parts of a batch (``alpha.batch.PARTS``) that the model reads.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x", "y"})

    @abstractmethod
    def fit(self, task: Task) -> pd.DataFrame:
        """Train, keep the state that validates best, and return the history by epoch."""

    @abstractmethod
    def scores(self, batch: Batch) -> Tensor:
        """Score each stock of a day ``[n]``; NaN where the stock is not present."""

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

    def prepare(self, task: Task) -> None:
        """Look at the training days once before the first step; nothing by default."""

    def fit(self, task: Task) -> pd.DataFrame:
        """Run the common training loop."""
        self.prepare(task)
        return train(self, task)

    def scores(self, batch: Batch) -> Tensor:
        """Score the present stocks."""
        x = batch.x
        if not bool(batch.present.all()):
            x = torch.where(batch.present[:, None, None], x, 0.0)
        scores: Tensor = self(x, batch)
        return scores.to(x.dtype).masked_fill(~batch.present, float("nan"))

    def loss(self, batch: Batch, criterion: Loss) -> Tensor:
        """Loss of one day, a scalar; a model with a loss of its own overrides this."""
        if batch.y is None or batch.label_mask is None:
            raise ValueError(
                f"{type(self).__name__}: the batch of {batch.date:%Y-%m-%d} has no labels, so it "
                "has no loss; ask for days.batch(row, labelled=True)"
            )
        return criterion(self.scores(batch), batch.y, batch.label_mask)

    def state(self) -> dict[str, Any]:
        """Weights and buffers."""
        return dict(self.state_dict())

    def load(self, state: dict[str, Any]) -> None:
        """Restore weights and buffers, ready to score."""
        self.load_state_dict(state)
        self.eval()
