"""What a fit returns: scores out of sample, and how good they were."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha import evaluate


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One fold and seed: raw scores of the test sessions and the course of the training."""

    fold: str
    seed: int
    scores: pd.DataFrame  # test dates x stocks of the fit, NaN where not scored
    history: pd.DataFrame  # by epoch: loss, valid
    seconds: float

    @property
    def best_epoch(self) -> int:
        """Epoch (from 0) whose state was kept."""
        return int(self.history["valid"].argmax())


@dataclass(frozen=True, eq=False)
class Fitted:
    """Walk-forward results of one model."""

    folds: tuple[FoldResult, ...]
    label: pd.DataFrame  # raw forward returns, date x stocks of the fit
    stocks: pd.Index  # of the market

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
        mean = np.mean([_z_score(part.to_numpy(np.float64)) for part in parts], axis=0)
        frame = pd.DataFrame(_z_score(mean), index=parts[0].index, columns=parts[0].columns)
        return frame.reindex(columns=self.stocks).astype(np.float32)

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


def _z_score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standardise each row over its finite entries; a constant row becomes 0."""
    known = np.isfinite(values)
    x = np.where(known, values, 0.0)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    size = np.abs(x).max(axis=1, keepdims=True)
    x = np.where(known, x - x.sum(axis=1, keepdims=True) / count, 0.0)
    spread = np.sqrt((x * x).sum(axis=1, keepdims=True) / count)
    constant = spread <= 1e-7 * size  # what float32 scores leave of an equal score
    return np.where(known, np.where(constant, 0.0, x / np.where(constant, 1.0, spread)), np.nan)
