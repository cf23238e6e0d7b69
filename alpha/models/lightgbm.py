"""LightGBM: boosted trees on the numbers of a window, side by side."""

from dataclasses import asdict, dataclass
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from alpha.batch import Batch
from alpha.model import AlphaModel
from alpha.train import Task


@dataclass(frozen=True)
class LightGBM:
    """Settings of :class:`Trees`; the defaults suit rank-normalised labels.

    L1 and L2 act on sums of labels, so another scale of the label needs other values. Those of qlib for
    Alpha158 are ``LightGBM(rounds=1000, patience=50, learning_rate=0.2, leaves=210, columns=0.8879,
    rows=0.8789, l1=205.6999, l2=580.9768)``; for Alpha360 its learning rate is 0.0421, and ``steps`` 60.
    """

    rounds: int = 300
    patience: int = 30  # rounds without a lower validation l2
    learning_rate: float = 0.1
    leaves: int = 64
    depth: int = 8
    leaf_rows: int = 20  # fewest rows in a leaf
    columns: float = 0.7  # share of the features drawn for each tree
    rows: float = 0.8  # share of the rows drawn for each tree
    l1: float = 50.0
    l2: float = 200.0
    threads: int = 1
    steps: int = 1  # the day itself; the columns of more steps stand side by side

    def build(self, features: int) -> "Trees":  # noqa: ARG002 - trees count columns when they fit
        """Return an untrained model."""
        return Trees(self)


class Trees(AlphaModel):
    """Gradient boosting on rows (day, stock) of flat windows, squared error on the labels."""

    def __init__(self, settings: LightGBM) -> None:
        self.settings = settings
        self.booster: lightgbm.Booster | None = None

    def fit(self, task: Task) -> pd.DataFrame:
        """Grow trees on every ``config.every``-th training day; stop early on the validation days."""
        config = task.config
        x, y = task.days.rows_table(task.train[:: config.every])
        valid_x, valid_y = task.days.rows_table(task.valid)
        train = lightgbm.Dataset(x, y)
        valid = lightgbm.Dataset(valid_x, valid_y, reference=train)
        curve: dict[str, Any] = {}
        self.booster = lightgbm.train(
            _parameters(self.settings, task.seed),
            train,
            num_boost_round=self.settings.rounds,
            valid_sets=[valid],
            valid_names=["valid"],
            callbacks=[
                lightgbm.early_stopping(self.settings.patience, verbose=False),
                lightgbm.record_evaluation(curve),
            ],
        )
        return pd.DataFrame({"valid": -np.asarray(curve["valid"]["l2"])}).rename_axis("epoch")

    def scores(self, batch: Batch) -> Tensor:
        """Predict from each window."""
        if self.booster is None:
            raise ValueError("LightGBM: no trees yet; call fit or load before scores")
        scores = torch.full((len(batch.codes),), float("nan"))
        if bool(batch.present.any()):
            rows = batch.x[batch.present].flatten(1).numpy()
            threads = self.settings.threads
            found = np.asarray(self.booster.predict(rows, num_threads=threads), np.float32)
            scores[batch.present] = torch.from_numpy(found)
        return scores

    def state(self) -> dict[str, Any]:
        """Return the trees as text."""
        if self.booster is None:
            raise ValueError("LightGBM: no trees yet; call fit before state")
        best = self.booster.best_iteration
        return {**asdict(self.settings), "trees": self.booster.model_to_string(num_iteration=best)}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the trees."""
        self.booster = lightgbm.Booster(model_str=state["trees"])


def boost(
    settings: LightGBM, x: NDArray[np.float32], y: NDArray[np.float32], seed: int
) -> lightgbm.Booster:
    """Grow all ``settings.rounds`` trees on rows ``x`` [M, F], ``y`` [M], with nothing to stop at."""
    rounds = settings.rounds
    return lightgbm.train(
        _parameters(settings, seed), lightgbm.Dataset(x, y), num_boost_round=rounds
    )


def _parameters(settings: LightGBM, seed: int) -> dict[str, Any]:
    return {
        "objective": "regression",
        "metric": "l2",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "max_depth": settings.depth,
        "min_data_in_leaf": settings.leaf_rows,
        "feature_fraction": settings.columns,
        "bagging_fraction": settings.rows,
        "bagging_freq": 1,  # without it bagging_fraction is silently ignored
        "lambda_l1": settings.l1,
        "lambda_l2": settings.l2,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,  # the automatic choice times both ways, so it may differ between runs
        "num_threads": settings.threads,
        "verbosity": -1,
    }
