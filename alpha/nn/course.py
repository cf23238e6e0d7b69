"""The course of a training: epochs until validation stops improving, a checkpoint after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from market.run_files import check_same, write_atomic


@dataclass
class Course:
    """Where a training stands: all that a checkpoint needs beside the optimiser.

    ``history`` has a row an epoch; the last of its values is the validation score, larger is better.
    """

    epoch: int
    best_epoch: int
    best_score: float
    best_state: dict[str, Tensor]
    history: list[dict[str, float]]

    def table(self) -> pd.DataFrame:
        """Return the history, a row an epoch."""
        return pd.DataFrame(self.history).rename_axis("epoch")


def follow(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    one_epoch: Callable[[int], dict[str, float]],
    *,
    epochs: int,
    patience: int,
    checkpoint: Path | None,
    identity: Mapping[str, Any],
) -> Course:
    """Train in place until ``patience`` epochs brought nothing better; end with the best weights.

    With a checkpoint, a killed training continues after its last whole epoch and ends with the same
    weights as an uninterrupted one. Where no epoch had a finite score, ``best_epoch`` is -1 and the
    weights are the last.

    Parameters
    ----------
    network, optimiser
        What is trained.
    one_epoch
        Trains an epoch and returns its row of the history, the validation score last.
    epochs, patience
        Most epochs, and most without a better score.
    checkpoint
        File, written after each epoch and read when it exists; None keeps nothing.
    identity
        What a checkpoint and the training that goes on from it must have in common.

    Raises
    ------
    ValueError
        The checkpoint has another identity.
    """
    course = Course(0, -1, -np.inf, _copy(network), [])
    if checkpoint is not None and checkpoint.exists():
        course = _read(network, optimiser, checkpoint, identity)
    while course.epoch < epochs and course.epoch - course.best_epoch <= patience:
        row = one_epoch(course.epoch)
        course.history.append(row)
        score = list(row.values())[-1]
        if score > course.best_score:
            course.best_epoch, course.best_score = course.epoch, score
            course.best_state = _copy(network)
        course.epoch += 1
        if checkpoint is not None:
            _write(network, optimiser, checkpoint, identity, course)
    if course.best_epoch >= 0:
        network.load_state_dict(course.best_state)
    network.eval()
    return course


def _place(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _write(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    path: Path,
    identity: Mapping[str, Any],
    course: Course,
) -> None:
    content = {
        "identity": dict(identity),
        "course": vars(course),
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "rng": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if _place(network).type == "cuda" else None,
    }
    write_atomic(path, lambda draft: torch.save(content, draft))


def _read(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    path: Path,
    identity: Mapping[str, Any],
) -> Course:
    stored = torch.load(path, weights_only=True, map_location="cpu")
    check_same(stored["identity"], identity, f"checkpoint {path}")
    network.load_state_dict(stored["network"])
    optimiser.load_state_dict(stored["optimiser"])
    torch.set_rng_state(stored["rng"])
    if stored["cuda"] is not None and _place(network).type == "cuda":
        torch.cuda.set_rng_state(stored["cuda"])
    return Course(**stored["course"])
