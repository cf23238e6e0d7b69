"""The folder of a fit: settings, then one sub-folder per fold and seed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from alpha.features import FeatureCube
from alpha.fitted import Fitted, FoldResult
from alpha.plan import Plan
from alpha.process import RobustZScore
from alpha.settings import flat
from market import Market
from market.run_files import check_same, write_atomic, write_json

RECORDED = ("versions",)  # for the reader of config.json; not compared


@dataclass(frozen=True)
class RunFolder:
    """``config.json``, ``metrics.json``, ``label.npz``, and a sub-folder like ``2018-seed0`` per fold and seed.

    - ``checkpoint.pt`` while it trains,
    - ``weights.pt``, ``scores.parquet``, ``history.parquet``, a folder ``extra-weak`` for each extra when
      it is finished, and last ``done.json``, whose presence says that the others are whole.
    """

    path: Path

    def claim(self, plan: Plan, market: Market) -> None:
        """Write the settings, or make sure that the folder belongs to the same ones (ValueError)."""
        settings = json.loads(json.dumps({"market": market.fingerprint(), **plan.settings()}))
        file = self.path / "config.json"
        if file.exists():
            stored = {k: v for k, v in self.settings().items() if k not in RECORDED}
            check_same(flat(stored), flat(settings), f"run folder {self.path}")
            return
        versions = {name: version(name) for name in ("torch", "lightgbm", "numpy", "pandas")}
        write_json(file, {**settings, "versions": versions})

    def claim_update(self, fold: str, plan: Plan, market: Market, refit: bool) -> None:
        """Write how the sessions after the fit are scored, or make sure that it is the same (ValueError)."""
        settings = {"refit": refit, "market": market.fingerprint(), **plan.settings()}
        file = self.path / f"update-{fold}.json"
        begun = any(self.path.glob(f"{fold}-seed*"))  # an attempt that kept nothing binds nobody
        if file.exists() and begun:
            stored = json.loads(file.read_text(encoding="utf-8"))
            check_same(flat(stored), flat(json.loads(json.dumps(settings))), f"update in {file}")
            return
        write_json(file, settings)

    def settings(self) -> dict[str, Any]:
        """Return what :meth:`claim` wrote (ValueError where nothing is)."""
        file = self.path / "config.json"
        if not file.exists():
            raise ValueError(f"{self.path} is not the folder of a fit: it has no config.json")
        settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return settings

    @property
    def finished(self) -> bool:
        """Whether a fit has come to its end here."""
        return (self.path / "metrics.json").exists()

    def holds(self, wanted: Sequence[tuple[str, int]]) -> bool:
        """Whether a fit of these folds and seeds has come to its end here."""
        if not self.finished:
            return False
        stored = json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))["folds"]
        return set(wanted) <= {(fold, seed) for fold, seed in stored}

    def sessions(self) -> pd.DatetimeIndex:
        """Sessions of the market, to the last that was scored."""
        with np.load(self.path / "label.npz") as kept:
            return pd.DatetimeIndex(kept["sessions"], name="date")

    def checkpoint(self, fold: str, seed: int) -> Path:
        """Where the training of a fold keeps its course."""
        return self._place(fold, seed) / "checkpoint.pt"

    def read(self, fold: str, seed: int) -> FoldResult | None:
        """Return the finished result, or None."""
        place = self._place(fold, seed)
        return _read(place, fold, seed) if (place / "done.json").exists() else None

    def found(
        self, folds: Sequence[str], seeds: Sequence[int]
    ) -> dict[tuple[str, int], FoldResult]:
        """Those of these folds and seeds that are finished."""
        wanted = [(fold, seed) for fold in folds for seed in seeds]
        return {job: found for job in wanted if (found := self.read(*job)) is not None}

    def write(self, result: FoldResult) -> FoldResult:
        """Keep a finished fold and return it as it is read; ``done.json`` comes last."""
        place = self._place(result.fold, result.seed)
        kept = {"state": dict(result.state), **_tensors(result.scaler)}
        write_atomic(place / "weights.pt", lambda draft: torch.save(kept, draft))
        write_atomic(place / "scores.parquet", result.scores.to_parquet)
        write_atomic(place / "history.parquet", result.history.to_parquet)
        for name, cube in result.extras.items():
            cube.save(place / f"extra-{name}")
        done = {
            "fold": result.fold,
            "seed": result.seed,
            "seconds": round(result.seconds, 1),
            "epochs": len(result.history),
            "best_epoch": result.best_epoch,
            "best_valid": float(result.history["valid"].max()),
            "test_days": len(result.scores),
            "extras": sorted(result.extras),
        }
        write_json(place / "done.json", done)
        (place / "checkpoint.pt").unlink(missing_ok=True)
        return _read(place, result.fold, result.seed)

    def finish(self, fitted: Fitted) -> Fitted:
        """Keep labels and metrics; ``metrics.json`` comes last and names the folds of the whole."""
        write_atomic(self.path / "label.npz", lambda draft: _write_label(draft, fitted))
        folds = [(f.fold, f.seed) for f in fitted.folds]
        found = zip(folds, fitted.metrics().to_dict("records"), strict=True)
        rows = {f"{fold} seed {seed}": _numbers(row) for (fold, seed), row in found}
        whole = _numbers(fitted.summary().loc["all"].to_dict())
        write_json(self.path / "metrics.json", {"all": whole, **rows, "folds": folds})
        return replace(fitted, run=self.path)

    def fitted(self, plan: Plan, wanted: Sequence[tuple[str, int]] | None = None) -> Fitted:
        """Return what was finished, or these folds and seeds of it.

        Raises
        ------
        ValueError
            The fit is not finished.
        """
        file = self.path / "metrics.json"
        if not self.finished:
            there = sorted(place.parent.name for place in self.path.glob("*/done.json"))
            raise ValueError(
                f"{self.path}: the fit is not finished; {len(there)} folds and seeds are: {there}; "
                "the same alpha.fit goes on from there"
            )
        jobs = wanted or json.loads(file.read_text(encoding="utf-8"))["folds"]
        results = tuple(_read(self._place(fold, seed), fold, seed) for fold, seed in jobs)
        with np.load(self.path / "label.npz") as kept:
            index = pd.DatetimeIndex(kept["dates"], name="date")
            stocks = pd.Index(kept["stocks"].astype(object), name="stock")
            label = pd.DataFrame(kept["values"], index=index, columns=stocks)
            sessions = pd.DatetimeIndex(kept["sessions"], name="date")
        last = max(result.scores.index[-1] for result in results)  # an update went on from there
        label, sessions = label.loc[:last], sessions[sessions <= last]
        return Fitted(results, label, stocks, plan, self.path, sessions)

    def _place(self, fold: str, seed: int) -> Path:
        return self.path / f"{fold}-seed{seed}"


def _read(place: Path, fold: str, seed: int) -> FoldResult:
    done = json.loads((place / "done.json").read_text(encoding="utf-8"))
    scores = pd.read_parquet(place / "scores.parquet")
    scores.index = pd.DatetimeIndex(scores.index, name="date")
    scores.columns.name = "stock"
    kept = torch.load(place / "weights.pt", weights_only=True, map_location="cpu")
    return FoldResult(
        fold,
        seed,
        scores,
        pd.read_parquet(place / "history.parquet"),
        done["seconds"],
        {name: FeatureCube.load(place / f"extra-{name}") for name in done["extras"]},
        kept["state"],
        RobustZScore(kept["centre"].numpy(), kept["scale"].numpy(), kept["limit"]),
    )


def _write_label(draft: Path, fitted: Fitted) -> None:
    label = fitted.label.reindex(columns=fitted.stocks)
    with draft.open("wb") as file:
        np.savez_compressed(
            file,
            dates=label.index.to_numpy(),
            stocks=np.asarray(label.columns, dtype=str),
            values=label.to_numpy(),
            sessions=np.asarray(fitted.sessions),
        )


def _numbers(row: Mapping[Any, float]) -> dict[str, float | None]:
    """Plain numbers; None for NaN, which JSON does not have."""
    return {str(k): float(v) if np.isfinite(v) else None for k, v in row.items()}


def _tensors(scaler: RobustZScore | None) -> dict[str, Any]:
    if scaler is None:
        return {}
    centre, scale = torch.from_numpy(scaler.centre), torch.from_numpy(scaler.scale)
    return {"centre": centre, "scale": scale, "limit": scaler.limit}


def load(run: Path | str) -> Fitted:
    """Read what a fit kept in its run folder: scores, extras, weights, labels, and the plan.

    ``features`` and ``graph`` of the plan are None where they held arrays; :meth:`Fitted.update` then
    wants them again.

    Raises
    ------
    ValueError
        ``run`` is no run folder, a fold or seed is not finished, or a class of the plan cannot be
        imported.
    """
    folder = RunFolder(Path(run))
    return folder.fitted(Plan.read(folder.settings()))
