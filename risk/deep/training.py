"""Training of one network on one fold: accumulated gradients, early stop, a checkpoint per epoch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from alpha.nn.course import follow
from market.progress import track
from risk.arrays import Codes
from risk.deep.days import Days, grouped, sampled
from risk.deep.loss import explained, regression_weights, risk_loss, standardized
from risk.deep.network import DeepNetwork
from risk.deep.panel import Scaling


@dataclass(frozen=True)
class DeepTraining:
    """How a deep model is trained.

    The defaults are those of the paper, some hours a network on a CPU. ``DeepTraining(epochs=8, patience=3,
    learning_rate=2e-3, accumulate=2, every=6, sample=1000)`` takes minutes: a thousand stocks stand for
    the market, and the days between two visits for each other.
    """

    epochs: int = 100
    patience: int = 20  # epochs without a better validation R2
    learning_rate: float = 1e-3
    accumulate: int = 64  # dates per step: the R2 of one date says little about another's
    every: int = 1  # dates visited per epoch, each epoch beginning one later; labels overlap anyway
    sample: int | None = None  # stocks drawn per date; None takes the whole universe
    penalty: float = 0.01  # weight of the variance inflation in the loss

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "accumulate", "every"):
            if getattr(self, name) < 1:
                raise ValueError(f"DeepTraining: {name} is {getattr(self, name)}; it must be >= 1")
        if self.learning_rate <= 0 or self.penalty < 0 or (self.sample or 30) < 30:
            raise ValueError(
                f"DeepTraining: learning_rate {self.learning_rate} must be > 0, penalty "
                f"{self.penalty} >= 0 and sample {self.sample} None or >= 30"
            )


@dataclass(frozen=True, eq=False)
class Task:
    """What one network is trained on."""

    days: Days
    train: Codes
    valid: Codes
    scaling: Scaling
    config: DeepTraining
    seed: int
    device: torch.device
    name: str = ""
    checkpoint: Path | None = None
    progress: bool = False


def train(network: DeepNetwork, task: Task) -> pd.DataFrame:
    """Train ``network`` in place and leave it in the state that validated best.

    An epoch visits every ``config.every``-th date, one later than the epoch before, in an order drawn from
    (seed, epoch). With a checkpoint, a killed training goes on after its last whole epoch and ends with
    the weights of an uninterrupted one.

    Returns
    -------
    DataFrame
        One row per epoch: ``loss`` of training, ``r2`` of the next day's returns in validation.

    Raises
    ------
    FloatingPointError
        The loss became NaN, or no epoch gave a finite R2.
    """
    config = task.config
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)

    def one_epoch(epoch: int) -> dict[str, float]:
        loss = _epoch(network, optimiser, task, epoch)
        return {"loss": loss, "r2": validate(network, task)}

    course = follow(
        network, optimiser, one_epoch, epochs=config.epochs, patience=config.patience,
        checkpoint=task.checkpoint, identity=_identity(task),
    )  # fmt: skip
    if course.best_epoch < 0:
        raise FloatingPointError(
            f"deep model {task.name}: none of {course.epoch} epochs gave a finite R2 on "
            f"{len(task.valid)} validation days; lower learning_rate (now {config.learning_rate})"
        )
    return course.table()


def _epoch(network: DeepNetwork, optimiser: torch.optim.Optimizer, task: Task, epoch: int) -> float:
    """One pass over a share of the dates; the mean loss."""
    config = task.config
    step = min(config.every, len(task.train))
    rows = np.random.default_rng((task.seed, epoch)).permutation(task.train[epoch % step :: step])
    groups = list(grouped(rows, config.accumulate))
    network.train()
    total = 0.0
    with torch.random.fork_rng():  # the dropout of an epoch depends on seed and epoch alone
        torch.manual_seed(1_000_003 * task.seed + epoch)
        for group in track(groups, task.progress, f"{task.name} epoch {epoch + 1}", len(groups)):
            optimiser.zero_grad()
            for row in group:
                columns = sampled(task.days.voters(row), config.sample, (task.seed, epoch, row))
                batch = task.days.batch(row, task.scaling, columns, task.device)
                loss = risk_loss(network(batch.x), batch.y, batch.cap, config.penalty)
                (loss / len(group)).backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
            optimiser.step()
    if not np.isfinite(total):
        raise FloatingPointError(
            f"deep model {task.name}: the loss of epoch {epoch + 1} is {total} over {len(rows)} dates; "
            f"lower learning_rate (now {config.learning_rate})"
        )
    return total / len(rows)


@torch.no_grad()
def validate(network: DeepNetwork, task: Task) -> float:
    """Mean R2 of the next day's returns over the validation dates, on a fixed draw of stocks."""
    network.eval()
    values = []
    for row in task.valid[:: task.config.every]:
        columns = sampled(task.days.voters(row), task.config.sample, (row,))
        batch = task.days.batch(row, task.scaling, columns, task.device)
        z = standardized(network(batch.x), batch.cap)
        values.append(float(explained(z, batch.y[:, :1], regression_weights(batch.cap))[0]))
    return float(np.mean(values))


def _identity(task: Task) -> dict[str, Any]:
    """What a checkpoint and the training that goes on from it must have in common."""
    spans = [[len(r), int(r[0]), int(r[-1])] for r in (task.train, task.valid)]
    return {**asdict(task.config), "seed": task.seed, "spans": spans}
