"""RSR: relational stock ranking, recurrent states and typed relations (Feng et al. 2019, arXiv:1809.09441)."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from torch import Tensor, nn
from torch.nn import functional as F

from alpha.batch import Batch
from alpha.model import Network
from alpha.models.neighbourhood import NeighbourNetwork
from alpha.nn import Cell
from alpha.nn.relation import SLOPE, Normalise, RelationLayer, Strength
from alpha.train import Task, train


@dataclass(frozen=True)
class RSR:
    """Settings of :class:`RSRNetwork`; fit it with ``graph=`` and ``losses.RankingMSE``.

    Published: an LSTM over 16 (NASDAQ) or 8 days, 64 or 32 units, ``strength`` explicit or implicit,
    two stages (``pretrain``), Adam at 1e-3, 50 epochs; the authors' program has ``normalise="sender"``.
    """

    strength: Strength = "implicit"  # "uniform", "weighted", "explicit"
    normalise: Normalise = "degree"
    types: int = 1  # kinds of relations Q, len(graph.kinds)
    scale: float | None = None  # of explicit strengths; None: 1 / sqrt(hidden), published: 1
    hidden: int = 64
    rnn_layers: int = 1
    cell: Cell = "lstm"
    pretrain: bool = False  # first train the recurrent net alone, then keep it as it is
    steps: int = 16

    def build(self, features: int) -> "RSRNetwork":
        """Return an untrained network."""
        return RSRNetwork(self, features)


class RSRNetwork(NeighbourNetwork):
    """``score_i = phi(w . [e_i, e~_i] + b)`` with e = LSTM(x)_T and e~ of :class:`~alpha.nn.relation.RelationLayer`.

    A stock without relations has e~ = 0.

    Shapes
    ------
    x [n, T, F] -> [n]
    """

    def __init__(self, settings: RSR, features: int) -> None:
        hidden = settings.hidden
        typed = settings.strength != "uniform"  # then every relation counts the same
        super().__init__(features, hidden, settings.rnn_layers, settings.cell, typed=typed)
        self.settings = settings
        self.relation = RelationLayer(
            hidden, settings.types, settings.strength, settings.normalise, scale=settings.scale
        )

    def fit(self, task: Task) -> pd.DataFrame:
        """Train, in two stages with ``pretrain``; the first has a checkpoint until the second is over."""
        table = super().fit(task)
        draft = _first(task.checkpoint)
        if self.settings.pretrain and draft is not None:
            draft.unlink()
        return table

    def prepare(self, task: Task) -> None:
        """Train the recurrent net alone on the same days, by the same rules."""
        if self.settings.pretrain:
            alone = _Alone(self.encoder, self.settings.hidden).to(self.device)
            draft = _first(task.checkpoint)
            train(alone, replace(task, checkpoint=draft, name=f"{task.name} alone"))
            self.encoder.requires_grad_(False)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        """Score each window with those it is related to."""
        return F.leaky_relu(super().forward(x, batch), SLOPE)

    def mix(self, h: Tensor, edges: Tensor, types: Tensor | None) -> Tensor:
        """Average the related stocks."""
        if types is not None and types.shape[1] != self.settings.types:
            raise ValueError(
                f"RSR: the edges have {types.shape[1]} types and the settings {self.settings.types}; "
                f"use alpha.RSR(types={types.shape[1]})"
            )
        related: Tensor = self.relation(h, edges, types)
        return related


def _first(checkpoint: Path | None) -> Path | None:
    """Where the first stage stands, beside the checkpoint of the second."""
    return checkpoint and checkpoint.with_name(f"first-{checkpoint.name}")


class _Alone(Network):
    """The recurrent net with a head of its own (Rank_LSTM)."""

    def __init__(self, encoder: nn.Module, hidden: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002 - a graph of no edges
        """Score each window."""
        return F.leaky_relu(self.head(self.encoder(x))[:, 0], SLOPE)
