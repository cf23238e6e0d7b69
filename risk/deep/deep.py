"""Latent factors learned from the market: settings, walk-forward fit, exposures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from market import Market
from risk.deep.days import Days, Fold, Splits
from risk.deep.fitted import FittedDeep
from risk.deep.fitting import Job
from risk.deep.folder import RunFolder
from risk.deep.network import DeepNetwork
from risk.deep.panel import KINDS, read_panel
from risk.deep.training import DeepTraining


@dataclass(frozen=True)
class Deep:
    """Deep risk model: exposures that a network learns in order to explain the returns ahead.

    Lin, Zhou, Liu and Bian, "Deep risk model: a deep learning solution for mining latent risk factors"
    (ICAIF 2021).

    Parameters
    ----------
    factors
        Latent factors K.
    inputs
        ``"price_volume"``: open, high, low, close and volume at twenty lags; ``"styles"``: style exposures
        at twenty weekly lags, given to ``fit``; or both, as a tuple.
    gat
        Read half of the factors from features less those of the stock's peers.
    hidden, layers
        Of the recurrent branches.
    dropout
        Share of neighbours left out of the attention in training.
    horizon
        Days ahead whose returns the exposures of a date explain, each with the same weight.
    """

    factors: int = 10
    inputs: str | tuple[str, ...] = "price_volume"
    gat: bool = True
    hidden: int = 32
    layers: int = 2
    dropout: float = 0.5
    horizon: int = 20

    def __post_init__(self) -> None:
        once = len(set(self.kinds)) == len(self.kinds) > 0
        if not once or not set(self.kinds) <= set(KINDS):
            raise ValueError(
                f"Deep: inputs {self.inputs!r} is unknown; there are {KINDS}, alone or as a tuple"
            )
        if self.factors < 1 + self.gat or self.horizon < 1:
            raise ValueError(
                f"Deep: factors {self.factors} must be >= {1 + self.gat} (one a branch) and horizon "
                f"{self.horizon} >= 1"
            )
        if self.hidden < 1 or self.layers < 1 or not 0.0 <= self.dropout < 1.0:
            raise ValueError(
                f"Deep: hidden {self.hidden} and layers {self.layers} must be >= 1 and dropout "
                f"{self.dropout} within [0, 1)"
            )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Inputs as a tuple."""
        return (self.inputs,) if isinstance(self.inputs, str) else self.inputs

    def build(self, features: int) -> DeepNetwork:
        """Return an untrained network."""
        return DeepNetwork(features, self.factors, self.hidden, self.layers, self.gat, self.dropout)

    def fit(
        self,
        market: Market,
        splits: Splits,
        *,
        styles: Mapping[str, pd.DataFrame] | None = None,
        seeds: Sequence[int] = (0,),
        config: DeepTraining | None = None,
        run: str | Path | None = None,
        device: str | None = None,
        progress: bool = False,
    ) -> FittedDeep:
        """Train a network per fold and seed, and expose all covered stocks on the test dates.

        Parameters
        ----------
        splits
            For instance ``alpha.WalkForward(train="5y", valid="2y", test="3y")``; it is told to purge
            ``horizon`` sessions.
        styles
            Exposures date x stock by name, for inputs ``"styles"``: ``history.style(name)``.
        run
            Folder to keep the course and the results in. Finished folds are read from it, a killed one
            goes on after its last epoch.
        device
            ``"cpu"`` or ``"cuda"``; CUDA when there is one. Only the CPU repeats bit for bit.

        Raises
        ------
        DataError
            The market is too short for a fold, a field is missing or empty, stocks are too few.
        ValueError
            No seeds, or the run folder belongs to other settings.
        """
        if not seeds:
            raise ValueError("Deep: seeds is empty; give one seed at least, such as (0,)")
        config = config or DeepTraining()
        folds = splits.folds(market.dates, self.horizon)
        folder = RunFolder(Path(run)) if run is not None else None
        if folder is not None:
            folder.claim(self._settings(market, folds, config, styles))
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        wanted = [(fold, seed) for seed in seeds for fold in folds]
        results = [folder.read(f.name, s) if folder is not None else None for f, s in wanted]
        if any(result is None for result in results):
            days = Days.read(market, read_panel(self.kinds, market, styles), self.horizon)
            for k, (fold, seed) in enumerate(wanted):
                if results[k] is None:
                    job = Job(self, days, fold, seed, config, place, folder, progress)
                    results[k] = job.run()
        return FittedDeep(self, tuple(r for r in results if r is not None))

    def _settings(
        self,
        market: Market,
        folds: Sequence[Fold],
        config: DeepTraining,
        styles: Mapping[str, pd.DataFrame] | None,
    ) -> dict[str, object]:
        spans = {
            fold.name: [
                int(rows[k]) for rows in (fold.train, fold.valid, fold.test) for k in (0, -1)
            ]
            for fold in folds
        }
        return {
            "model": asdict(self),
            "training": asdict(config),
            "market": market.fingerprint(),
            "styles": _digest(styles) if styles and "styles" in self.kinds else None,
            "folds": spans,
        }


def _digest(styles: Mapping[str, pd.DataFrame]) -> str:
    """Sixteen hexadecimal digits that change when a style does."""
    digest = hashlib.sha256()
    for name, frame in styles.items():
        digest.update(name.encode())
        digest.update(frame.to_numpy(np.float32).tobytes())
    return digest.hexdigest()[:16]
