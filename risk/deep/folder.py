"""The folder of a fit: settings, then one sub-folder per fold and seed; it survives a kill."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from market.run_files import check_same, write_atomic, write_json
from risk.arrays import Floats
from risk.deep.panel import Scaling


@dataclass(frozen=True, eq=False)
class FoldExposures:
    """Exposures of one fold and seed: the test dates, and before them the dates that align folds.

    ``values`` ``[D, N, K]`` float16, standardised, NaN where not covered: three digits are more than a
    learned exposure has.
    """

    fold: str
    seed: int
    dates: pd.DatetimeIndex
    stocks: pd.Index
    overlap: int  # leading dates that lie before the test period
    values: Floats
    course: pd.DataFrame  # loss and r2 by epoch
    weights: Mapping[str, torch.Tensor]  # of the network, on the CPU
    scaling: Scaling  # of its inputs

    @property
    def best_epoch(self) -> int:
        """Epoch whose weights were kept, counted from 0."""
        return int(self.course["r2"].to_numpy().argmax())


@dataclass(frozen=True)
class RunFolder:
    """``config.json``, and a sub-folder like ``2019-seed0`` per fold and seed.

    - ``checkpoint.pt`` while it trains,
    - ``weights.pt``, ``exposures.npz``, ``course.csv`` when finished, and last ``done.json``, whose
      presence says that the others are whole.
    """

    path: Path

    def claim(self, settings: Mapping[str, Any]) -> None:
        """Write the settings, or make sure that the folder belongs to the same ones (ValueError)."""
        plain = json.loads(json.dumps(settings))
        if (self.path / "config.json").exists():
            check_same(self.settings(), plain, f"run folder {self.path}")
            return
        write_json(self.path / "config.json", plain)

    def settings(self) -> dict[str, Any]:
        """Return what ``claim`` wrote; a ValueError where nothing is."""
        file = self.path / "config.json"
        if not file.exists():
            raise ValueError(f"{self.path} is not the folder of a deep fit: it has no config.json")
        settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return settings

    def finished(self, folds: Sequence[str]) -> tuple[FoldExposures, ...]:
        """Results of every seed begun, fold by fold; a ValueError names one that is not finished."""
        places = sorted(self.path.glob(f"{folds[0]}-seed*"))
        seeds = sorted(int(place.name.removeprefix(f"{folds[0]}-seed")) for place in places)
        wanted = [(fold, seed) for seed in seeds or (0,) for fold in folds]
        results: list[FoldExposures] = []
        for fold, seed in wanted:
            result = self.read(fold, seed)
            if result is None:
                raise ValueError(
                    f"{self.path}: fold {fold} of seed {seed} is not finished ({len(results)} of "
                    f"{len(wanted)} are); call Deep.fit(run=...) again, it goes on where it stopped"
                )
            results.append(result)
        return tuple(results)

    def checkpoint(self, fold: str, seed: int) -> Path:
        """Where the training of a fold keeps its course."""
        return self._place(fold, seed) / "checkpoint.pt"

    def read(self, fold: str, seed: int) -> FoldExposures | None:
        """Return the finished result, or None."""
        place = self._place(fold, seed)
        if not (place / "done.json").exists():
            return None
        kept = torch.load(place / "weights.pt", weights_only=True, map_location="cpu")
        with np.load(place / "exposures.npz", allow_pickle=False) as file:
            return FoldExposures(
                fold,
                seed,
                pd.DatetimeIndex(file["dates"], name="date"),
                pd.Index(file["stocks"].astype(object), name="stock"),
                int(file["overlap"]),
                file["values"],
                pd.read_csv(place / "course.csv", index_col="epoch"),
                kept["network"],
                Scaling(kept["middle"].numpy(), kept["deviation"].numpy()),
            )

    def write(self, result: FoldExposures) -> None:
        """Keep a finished fold; ``done.json`` comes last, then the checkpoint goes."""
        place = self._place(result.fold, result.seed)
        kept = {
            "network": dict(result.weights),
            "middle": torch.from_numpy(result.scaling.middle),
            "deviation": torch.from_numpy(result.scaling.deviation),
        }
        write_atomic(place / "weights.pt", lambda draft: torch.save(kept, draft))
        write_atomic(place / "course.csv", result.course.to_csv)
        write_atomic(place / "exposures.npz", lambda draft: _write_arrays(draft, result))
        done = {
            "fold": result.fold,
            "seed": result.seed,
            "epochs": len(result.course),
            "best_epoch": result.best_epoch,
            "valid_r2": float(result.course["r2"].max()),
            "test_dates": len(result.dates) - result.overlap,
        }
        write_json(place / "done.json", done)
        (place / "checkpoint.pt").unlink(missing_ok=True)

    def _place(self, fold: str, seed: int) -> Path:
        return self.path / f"{fold}-seed{seed}"


def _write_arrays(draft: Path, result: FoldExposures) -> None:
    with draft.open("wb") as file:  # given a name, numpy would append its own ending
        np.savez(
            file,
            dates=result.dates.to_numpy(),
            stocks=result.stocks.to_numpy().astype(str),
            overlap=result.overlap,
            values=result.values,
        )
