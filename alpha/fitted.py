"""What a fit returns: scores out of sample, and how good they were."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alpha import evaluate
from alpha.averaging import average
from alpha.dataset import Features
from alpha.features import FeatureCube
from alpha.graphs import Concepts, Graph
from alpha.model import AlphaModel
from alpha.plan import Plan
from alpha.process import RobustZScore
from market import Market


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One fold and seed: raw scores of the test sessions, and how the model came to be.

    ``extras`` holds what the model tells beside its score, by the names of ``AlphaModel.extras``, a cube
    of validation and test sessions each: sessions that it was not trained on, though validation chose
    the epoch. With a run folder the cubes stay on disk until they are read.
    """

    fold: str
    seed: int
    scores: pd.DataFrame  # test dates x stocks of the fit, NaN where not scored
    history: pd.DataFrame  # by epoch: loss, valid
    seconds: float
    extras: Mapping[str, FeatureCube] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)  # what AlphaModel.load restores
    scaler: RobustZScore | None = None  # of the inputs

    @property
    def best_epoch(self) -> int:
        """Epoch (from 0) whose state was kept; -1 where nothing was trained."""
        return int(self.history["valid"].argmax()) if len(self.history) else -1


@dataclass(frozen=True, eq=False)
class Fitted:
    """Walk-forward results of one model."""

    folds: tuple[FoldResult, ...]
    label: pd.DataFrame  # raw forward returns, test dates x stocks of the fit
    stocks: pd.Index  # of the market
    plan: Plan | None = None  # what was asked for; None where the scores were made from other fits
    run: Path | None = None  # the folder, where there is one
    sessions: pd.DatetimeIndex | None = None  # of the market, to the last that was scored

    def scores(self) -> pd.DataFrame:
        """Scores of all test dates, date x stock, z-scored per date over the scored stocks.

        Seeds are averaged after their own z-scores, and the average is z-scored again. NaN where a stock
        has no score (not a member, suspended); 0 for all on a date where the model gave one score to all.
        """
        seeds = sorted({f.seed for f in self.folds})
        parts = [
            pd.concat([f.scores for f in self.folds if f.seed == seed]).sort_index()
            for seed in seeds
        ]
        return average(parts).reindex(columns=self.stocks).astype(np.float32)

    def rank_ic(self, every: int = 1) -> pd.Series:
        """RankIC of :meth:`scores` on each test date, against raw returns."""
        return evaluate.rank_ic(self.scores()[self.label.columns], self.label, every)

    def summary(self, every: int = 1) -> pd.DataFrame:
        """RankIC by test year: mean, std, ICIR, share above 0, days."""
        return evaluate.by_year(self.rank_ic(every))

    def history(self) -> pd.DataFrame:
        """Training by fold, seed and epoch."""
        keys = [(f.fold, f.seed) for f in self.folds]
        return pd.concat([f.history for f in self.folds], keys=keys, names=["fold", "seed"])

    def metrics(self) -> pd.DataFrame:
        """RankIC of each fold and seed alone, best validation score, epochs and seconds."""
        rows = {}
        for f in self.folds:
            found = evaluate.summary(evaluate.rank_ic(f.scores, self.label[f.scores.columns]))
            course = {"epochs": len(f.history), "valid": f.history["valid"].max()}
            rows[f.fold, f.seed] = {**found, **course, "seconds": f.seconds}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["fold", "seed"])

    def model(self, fold: str, seed: int) -> AlphaModel:
        """Return the trained model of a fold and seed, ready to score (ValueError: there is none)."""
        for f in self.folds:
            if (f.fold, f.seed) == (fold, seed) and self.plan is not None and f.scaler is not None:
                model = self.plan.model.build(f.scaler.centre.shape[-1])
                model.load(dict(f.state))
                return model
        have = [f"{f.fold} seed {f.seed}" for f in self.folds]
        raise ValueError(f"fitted: no model of fold {fold} seed {seed}; have {have}")

    def update(
        self,
        market: Market,
        refit: bool = False,
        *,
        epochs: int = 3,
        features: Features | None = None,
        graph: Graph | None = None,
        concepts: Concepts | None = None,
        jobs: int = 1,
        progress: bool = False,
    ) -> "Fitted":
        """Score the sessions of ``market`` that follow those of this fit; the weekly step of production.

        Scores there already stay as they are, bit by bit. New ones use nothing later than their session:
        the models are the last fold's, or, with ``refit``, those trained on from the last weights over
        the newest window whose labels were known before the first new session. Returns itself when the
        market has no new session. With a run folder, the new scores and weights are written to it.

        Parameters
        ----------
        market
            All sessions of the fit, then the new ones.
        refit
            Train on before scoring; the training and validation periods are as long as the last fold's.
            Trees are grown anew: they have no weights to begin with.
        epochs
            Most epochs of a refit.
        features, graph, concepts
            Those of the fit on the longer market; needed where they hold arrays (a cube, bars, labels of
            groups).
        jobs, progress
            As in :func:`alpha.fit`.

        Raises
        ------
        ValueError
            The market does not continue that of the fit, features or graph are missing, or the run
            folder was updated by somebody else.
        """
        from alpha.update import update  # it trains, and so imports this file

        return update(self, market, refit, epochs, features, graph, concepts, jobs, progress)

    def __repr__(self) -> str:
        """Return what was fitted and its headline."""
        names = sorted({f.fold for f in self.folds})
        seeds = sorted({f.seed for f in self.folds})
        headline = evaluate.summary(self.rank_ic())
        return (
            f"Fitted: folds {names[0]}..{names[-1]}, seeds {seeds}\n"
            f"RankIC {headline['mean']:.4f}, ICIR {headline['icir']:.2f}, "
            f"{headline['days']:.0f} days"
        )
