"""The folder of a fit: settings, then one sub-folder per fold and seed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from alpha.features import FeatureCube, FeatureSet
from alpha.fitted import FoldResult
from alpha.labels import Label
from alpha.model import Recipe
from alpha.splits import WalkForward
from alpha.train import TrainConfig
from market import Market
from market.run_files import check_same, write_atomic, write_json


@dataclass(frozen=True)
class RunFolder:
    """``config.json``, and a sub-folder like ``2018-seed0`` per fold and seed.

    - ``checkpoint.pt`` while it trains,
    - ``weights.pt``, ``scores.parquet``, ``history.parquet`` when it is finished, and last
      ``done.json``, whose presence says that the others are whole.
    """

    path: Path

    def claim(
        self,
        model: Recipe,
        market: Market,
        index: str | Sequence[str] | None,
        label: Label,
        features: FeatureSet | FeatureCube,
        splits: WalkForward,
        config: TrainConfig,
    ) -> None:
        """Write the settings, or make sure that the folder belongs to the same ones (ValueError)."""
        settings = {
            "model": _plain(model),
            "market": market.fingerprint(),
            "index": index if isinstance(index, str) or index is None else list(index),
            "label": _plain(label),
            "features": list(features.names),
            "splits": _plain(splits),
            "config": {k: v for k, v in _plain(config).items() if k != "threads"},
        }
        file = self.path / "config.json"
        if file.exists():
            stored = json.loads(file.read_text(encoding="utf-8"))
            stored.pop("versions", None)  # recorded for the reader; another version may resume
            check_same(stored, json.loads(json.dumps(settings)), f"run folder {self.path}")
            return
        versions = {name: version(name) for name in ("torch", "lightgbm", "numpy", "pandas")}
        write_json(file, {**settings, "versions": versions})

    def checkpoint(self, fold: str, seed: int) -> Path:
        """Where the training of a fold keeps its course."""
        return self._place(fold, seed) / "checkpoint.pt"

    def read(self, fold: str, seed: int) -> FoldResult | None:
        """Return the finished result, or None."""
        place = self._place(fold, seed)
        if not (place / "done.json").exists():
            return None
        done = json.loads((place / "done.json").read_text(encoding="utf-8"))
        scores = pd.read_parquet(place / "scores.parquet")
        scores.index = pd.DatetimeIndex(scores.index, name="date")
        scores.columns.name = "stock"
        history = pd.read_parquet(place / "history.parquet")
        return FoldResult(fold, seed, scores, history, done["seconds"])

    def write(self, result: FoldResult, state: dict[str, Any]) -> None:
        """Keep a finished fold; ``done.json`` comes last, then the checkpoint goes."""
        place = self._place(result.fold, result.seed)
        write_atomic(place / "weights.pt", lambda draft: torch.save(state, draft))
        write_atomic(place / "scores.parquet", result.scores.to_parquet)
        write_atomic(place / "history.parquet", result.history.to_parquet)
        done = {
            "fold": result.fold,
            "seed": result.seed,
            "seconds": round(result.seconds, 1),
            "epochs": len(result.history),
            "best_epoch": result.best_epoch,
            "best_valid": float(result.history["valid"].max()),
            "test_days": len(result.scores),
        }
        write_json(place / "done.json", done)
        (place / "checkpoint.pt").unlink(missing_ok=True)

    def _place(self, fold: str, seed: int) -> Path:
        return self.path / f"{fold}-seed{seed}"


def _plain(settings: Any) -> dict[str, Any]:
    """A dataclass as JSON values under its class name; functions by their name."""
    if not is_dataclass(settings) or isinstance(settings, type):
        raise TypeError(
            f"{settings!r} cannot be written to config.json; write the recipe as a frozen dataclass"
        )
    values = {k: getattr(v, "__name__", v) for k, v in asdict(settings).items()}
    return {"class": type(settings).__name__, **values}
