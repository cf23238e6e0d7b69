"""What a fit of the deep model leaves: exposures on the test dates, and networks to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from market import DataError, Market
from risk.arrays import Floats
from risk.deep.align import joined, rotations
from risk.deep.days import Days
from risk.deep.fitting import expose
from risk.deep.folder import FoldExposures, RunFolder
from risk.deep.panel import read_panel

if TYPE_CHECKING:
    from risk.deep.deep import Deep


@dataclass(frozen=True, eq=False)
class FittedDeep:
    """Exposures of every fold and seed."""

    model: Deep
    folds: tuple[FoldExposures, ...]

    @classmethod
    def load(cls, run: str | Path) -> FittedDeep:
        """Read the folder of a whole fit, without the market it was fitted on.

        Raises
        ------
        ValueError
            The folder is no run, or a fold of some seed is not finished.
        """
        from risk.deep.deep import Deep  # which imports this module

        folder = RunFolder(Path(run))
        settings = folder.settings()
        inputs = settings["model"]["inputs"]
        kinds = inputs if isinstance(inputs, str) else tuple(inputs)
        model = Deep(**{**settings["model"], "inputs": kinds})
        return cls(model, folder.finished(tuple(settings["folds"])))

    def __repr__(self) -> str:
        """Two lines for a notebook."""
        first, last = self.folds[0], self.folds[-1]
        return (
            f"FittedDeep of {self.model.factors} factors from {' and '.join(self.model.kinds)}, "
            f"{first.dates[first.overlap]:%Y-%m-%d} to {last.dates[-1]:%Y-%m-%d}\n"
            f"  {len({fold.fold for fold in self.folds})} folds, seeds {list(self.seeds)}"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Factor names, ``deep01`` onwards."""
        return tuple(f"deep{k + 1:02d}" for k in range(self.model.factors))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that were trained."""
        return tuple(dict.fromkeys(fold.seed for fold in self.folds))

    def exposures(self, seed: int | None = None) -> dict[str, pd.DataFrame]:
        """Exposures by factor, date x stock, on the test dates; known at the close of their date.

        A fold's factors are rotated onto those of the fold before it (``risk.deep.align``), so that
        a factor keeps its meaning through a change of network.

        Parameters
        ----------
        seed
            Which training; the first by default. Seeds are not averaged: their factors are not the same.
        """
        dates, stocks, values = joined(self._of(seed))
        return self._framed(values, dates, stocks)

    def continued(
        self,
        market: Market,
        seed: int | None = None,
        styles: Mapping[str, pd.DataFrame] | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Exposures on the sessions of ``market`` after the last test date, by the newest network.

        They go on from ``exposures()`` and are what ``RiskHistory.update`` takes as ``given``.

        Parameters
        ----------
        market
            Reaches further than that of the fit; it must reach back as far as the longest lag.
        seed
            As in ``exposures``.
        styles
            Exposures to the same styles as in the fit, for inputs ``"styles"``.

        Raises
        ------
        DataError
            The market has no later session, or too few before it.
        """
        folds = self._of(seed)
        last = folds[-1]
        days = Days.read(market, read_panel(self.model.kinds, market, styles), self.model.horizon)
        rows = np.arange(
            int(days.dates.searchsorted(last.dates[-1], side="right")), len(days.dates)
        )
        if not len(rows) or rows[0] < days.panel.first:
            raise DataError(
                f"market, {days.dates[0]:%Y-%m-%d} to {days.dates[-1]:%Y-%m-%d}, cannot carry on "
                f"exposures that end on {last.dates[-1]:%Y-%m-%d}: it needs later sessions, and "
                f"{days.panel.first} before the first of them"
            )
        network = self.model.build(len(days.panel.names))
        network.load_state_dict(last.weights)
        values = expose(network, days, rows, last.scaling, torch.device("cpu"))
        turned = values.astype(np.float32) @ rotations(folds)[-1]
        return self._framed(turned, days.dates[rows], days.stocks)

    def _of(self, seed: int | None) -> list[FoldExposures]:
        chosen = self.seeds[0] if seed is None else seed
        if chosen not in self.seeds:
            raise ValueError(f"seed {seed} was not trained; there are {self.seeds}")
        return [fold for fold in self.folds if fold.seed == chosen]

    def _framed(
        self, values: Floats, dates: pd.DatetimeIndex, stocks: pd.Index
    ) -> dict[str, pd.DataFrame]:
        return {
            name: pd.DataFrame(values[:, :, k], index=dates, columns=stocks)
            for k, name in enumerate(self.names)
        }

    def summary(self) -> pd.DataFrame:
        """One row per fold and seed: epochs, the best of them, its validation R2."""
        rows = [
            {
                "fold": fold.fold,
                "seed": fold.seed,
                "epochs": len(fold.course),
                "best_epoch": fold.best_epoch,
                "valid_r2": float(fold.course["r2"].max()),
            }
            for fold in self.folds
        ]
        return pd.DataFrame(rows).set_index(["fold", "seed"])
