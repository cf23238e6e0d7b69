"""One network of a walk-forward fit: trained, and asked for the exposures of its test dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from risk.arrays import Codes, Floats
from risk.deep.days import Days, Fold
from risk.deep.folder import FoldExposures, RunFolder
from risk.deep.loss import standardized
from risk.deep.network import DeepNetwork
from risk.deep.panel import Scaling
from risk.deep.training import DeepTraining, Task, train

if TYPE_CHECKING:
    from risk.deep.deep import Deep

OVERLAP = 20  # sessions before a test period on which a fold is aligned with the one before
STOCKS_PER_FACTOR = 3  # fewer, and a cross-section of noise explains a third of its returns


@dataclass(frozen=True, eq=False)
class Job:
    """One network to train: a fold and a seed."""

    model: Deep
    days: Days
    fold: Fold
    seed: int
    config: DeepTraining
    device: torch.device
    folder: RunFolder | None
    progress: bool

    def run(self) -> FoldExposures:
        """Train, expose, keep."""
        days, fold = self.days, self.fold
        least = STOCKS_PER_FACTOR * (self.model.factors + 1)
        rows, valid = days.labelled(fold.train, least), days.labelled(fold.valid, least)
        task = Task(
            days=days,
            train=rows,
            valid=valid,
            scaling=Scaling.learn(days.panel, rows, days.universe),
            config=self.config,
            seed=self.seed,
            device=self.device,
            name=f"{fold.name} seed {self.seed}",
            checkpoint=self.folder.checkpoint(fold.name, self.seed) if self.folder else None,
            progress=self.progress,
        )
        network = self._network(len(days.panel.names))
        course = train(network, task)
        first = max(days.panel.first, int(fold.test[0]) - OVERLAP)
        shown = np.arange(first, int(fold.test[-1]) + 1)
        result = FoldExposures(
            fold=fold.name,
            seed=self.seed,
            dates=days.dates[shown],
            stocks=days.stocks,
            overlap=int(fold.test[0]) - first,
            values=expose(network, days, shown, task.scaling, self.device),
            course=course,
            weights={name: value.cpu() for name, value in network.state_dict().items()},
            scaling=task.scaling,
        )
        if self.folder is not None:
            self.folder.write(result)
        return result

    def _network(self, features: int) -> DeepNetwork:
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return self.model.build(features).to(self.device)


@torch.no_grad()
def expose(
    network: DeepNetwork, days: Days, rows: Codes, scaling: Scaling, device: torch.device
) -> Floats:
    """Standardised exposures ``[D, N, K]`` float16, all stocks of a date in one stroke; NaN not covered."""
    network.eval()
    result: list[Floats] = []
    for row in rows:
        columns = days.described(int(row))
        raw = network(days.inputs(int(row), scaling, columns, device)).double().cpu()
        cap = torch.from_numpy(days.cap[row, columns].astype(np.float64))
        z = np.full((len(days.stocks), raw.shape[1]), np.nan, np.float16)
        z[columns] = standardized(raw, cap).numpy()
        result.append(z)
    return np.stack(result)
