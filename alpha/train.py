"""The training loop of every network: one day per step, early stop, checkpoints that resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from alpha import losses
from alpha.batch import Days
from alpha.nn.course import follow
from alpha.ranks import row_ranks
from market.progress import track

if TYPE_CHECKING:
    from alpha.model import Network

Rows = NDArray[np.intp]

WHERE = ("threads", "device")  # settings of where a training runs, not of what it trains
MIN_NAMES = 10  # a correlation over fewer stocks than this is not taken for a measurement


@dataclass(frozen=True)
class TrainConfig:
    """How networks are trained."""

    epochs: int = 20  # with every=5, four looks at each day; early stop ends most fits before
    patience: int = 3  # epochs without a better validation score; daily RankIC is a steady judge
    learning_rate: float = 1e-3  # Adam's default; a day of 1,800 stocks is a large batch
    weight_decay: float = 0.0
    clip: float = 3.0  # each gradient element; crash days have labels that all point one way
    loss: losses.Loss = losses.ic  # what is traded is the order of a day, not its level
    metric: Literal["rank_ic", "loss"] = "rank_ic"  # judges epochs on the validation days
    every: int = 2  # ten-day labels of neighbouring days overlap by 90 %: skipping costs little
    bfloat16: bool = False  # for products in training steps: 1.7 x as fast, 1 % gradient noise
    valid_every: int = 1  # judge epochs on every k-th validation day
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: CUDA where there is one
    threads: int = 1  # torch threads of a job; another number may change the last bits

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "every", "valid_every", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"TrainConfig: {name} is {getattr(self, name)}; it must be >= 1")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"TrainConfig: device is {self.device!r}; use 'auto', 'cpu' or 'cuda'")
        if self.metric not in ("rank_ic", "loss"):
            raise ValueError(f'TrainConfig: metric is {self.metric!r}; use "rank_ic" or "loss"')
        if not callable(self.loss):
            raise ValueError(f"TrainConfig: loss is {self.loss!r}; give a function of alpha.losses")
        if not (self.learning_rate > 0 and self.clip > 0):
            raise ValueError(
                f"TrainConfig: learning_rate {self.learning_rate} and clip {self.clip} must be > 0"
            )


@dataclass(frozen=True, eq=False)
class Task:
    """What one model is trained on: the days of a fold, which rows, and how."""

    days: Days
    train: Rows
    valid: Rows
    config: TrainConfig
    seed: int
    name: str = ""  # shown by the bar
    checkpoint: Path | None = None  # written after each epoch, read when it exists
    progress: bool = False
    start: Mapping[str, Any] | None = None  # weights to begin with; drawn from the seed when None


def train(network: Network, task: Task) -> pd.DataFrame:
    """Train ``network`` in place and leave it in the state that validated best, ready to score.

    Each epoch visits every ``config.every``-th training day, one day later than the epoch before, in
    an order drawn from (seed, epoch). With a checkpoint, a killed training continues after its last
    whole epoch and ends with the same weights as an uninterrupted one.

    Returns
    -------
    DataFrame
        One row per epoch: ``loss`` (training), ``valid`` (RankIC, or minus the loss).
    """
    config = task.config
    network.to(device_of(config))
    optimiser = torch.optim.Adam(
        network.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,  # one pass over the weights: a third of the time of a loop over them
    )

    def one_epoch(epoch: int) -> dict[str, float]:
        loss = _epoch(network, optimiser, task, epoch)
        return {"loss": loss, "valid": validate(network, task.days, task.valid, config)}

    course = follow(
        network, optimiser, one_epoch, epochs=config.epochs, patience=config.patience,
        checkpoint=task.checkpoint, identity=_identity(task),
    )  # fmt: skip
    if course.best_epoch < 0:
        raise FloatingPointError(
            f"training: none of {course.epoch} epochs gave a finite validation score over "
            f"{len(task.valid)} days: the scores are equal for all stocks; lower learning_rate (now "
            f"{config.learning_rate})"
        )
    return course.table()


def _epoch(network: Network, optimiser: torch.optim.Optimizer, task: Task, epoch: int) -> float:
    """One pass over a share of the training days; the mean loss."""
    config = task.config
    step = min(config.every, len(task.train))
    rows = task.train[epoch % step :: step]
    rows = np.random.default_rng((task.seed, epoch)).permutation(rows)
    network.on_epoch_start(epoch, task)
    network.train()
    device, group = network.device, network.days_per_step
    total = 0.0
    days = track(rows, task.progress, f"{task.name} epoch {epoch + 1}", len(rows))
    for k, row in enumerate(days):
        batch = task.days.batch(row, labelled=True).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16):
            loss = network.loss(batch, config.loss)
        if k % group == 0:
            optimiser.zero_grad()
        (loss / min(group, len(rows) - k // group * group)).backward()  # type: ignore[no-untyped-call]
        if (k + 1) % group == 0 or k + 1 == len(rows):
            torch.nn.utils.clip_grad_value_(network.parameters(), config.clip)
            optimiser.step()
        total += float(loss.detach())
    mean = total / len(rows)
    if not np.isfinite(mean):
        raise FloatingPointError(
            f"training diverged in epoch {epoch + 1}: mean loss {mean} over {len(rows)} days; lower "
            f"learning_rate (now {config.learning_rate}) or clip (now {config.clip})"
        )
    return mean


@torch.no_grad()
def validate(network: Network, days: Days, rows: Rows, config: TrainConfig) -> float:
    """Mean daily RankIC over ``rows``, or minus the mean loss; larger is better."""
    network.eval()
    values = []
    for row in rows:
        batch = days.batch(row, labelled=True).to(network.device)
        if config.metric == "loss":
            values.append(-float(network.loss(batch, config.loss)))
        else:
            values.append(_rank_ic(network.scores(batch), batch.y, batch.label_mask))
    score = float(np.nanmean(values)) if np.isfinite(values).any() else -np.inf
    return score


def _rank_ic(scores: Tensor, y: Tensor | None, mask: Tensor | None) -> float:
    if y is None or mask is None or int(mask.sum()) < MIN_NAMES:
        return float("nan")
    both = torch.stack([scores[mask], y[mask]]).cpu().numpy()
    ranks = row_ranks(both, np.ones(both.shape, bool))
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt((ranks**2).sum(axis=1).prod())
    return float(ranks[0] @ ranks[1] / norm) if norm > 0 else float("nan")


def device_of(config: TrainConfig) -> torch.device:
    """Return the device that a configuration asks for.

    Raises
    ------
    RuntimeError
        It asks for CUDA and there is none.
    """
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise RuntimeError(
            f"TrainConfig: device is 'cuda' and torch {torch.__version__} sees no CUDA device; use "
            "device='auto', or install a CUDA build of torch"
        )
    return torch.device("cuda" if there and config.device != "cpu" else "cpu")


def _identity(task: Task) -> dict[str, Any]:
    """What must agree between a checkpoint and the training that resumes from it."""
    config = {name: value for name, value in vars(task.config).items() if name not in WHERE}
    loss = task.config.loss
    config["loss"] = getattr(loss, "__name__", repr(loss))  # a dataclass shows its settings
    rows = [len(task.train), int(task.train[0]), int(task.train[-1])]
    return {**config, "seed": task.seed, "train_rows": rows, "valid_days": len(task.valid)}
