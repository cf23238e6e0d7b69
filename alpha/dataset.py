"""What all folds of a fit share, and the normalised days of one fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.batch import Days
from alpha.features import FeatureCube, FeatureSet
from alpha.labels import Label
from alpha.process import RobustZScore, cs_rank_norm
from alpha.splits import Fold
from alpha.universe import universe
from market import Market


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features, universe and labels on one grid: the sessions to the last test day, ``cube.stocks``."""

    cube: FeatureCube  # raw
    present: NDArray[np.bool_]  # [T, N] in the universe, traded, has features
    label: pd.DataFrame  # raw forward returns [T, N]
    target: NDArray[np.float32]  # ranked within each day's universe [T, N]
    horizon: int

    @classmethod
    def of(
        cls,
        market: Market,
        index: str | Sequence[str] | None,
        label: Label,
        features: FeatureSet | FeatureCube,
        folds: tuple[Fold, ...],
        progress: bool,
    ) -> "Dataset":
        """Compute features and labels of the stocks that are in the universe during the folds."""
        first = min(int(f.train[0]) for f in folds)
        last = max(int(f.test[-1]) for f in folds)
        members = universe(market, index)[: last + 1]
        ever = np.flatnonzero(members[first:].any(axis=0))
        if not len(ever):
            raise ValueError(
                f"fit: no stock of index {index!r} traded between {market.dates[first]:%Y-%m-%d} "
                f"and {market.dates[last]:%Y-%m-%d}; the market has indexes {list(market.indexes)}"
            )
        cube = _cube(market, features, market.stocks[ever], last, progress)
        where = market.stocks.get_indexer(cube.stocks)
        present = members[:, where] & _has_features(cube.values)
        raw = label.values(market.select(cube.stocks)).iloc[: last + 1]
        target = cs_rank_norm(raw.to_numpy(), present)
        return cls(cube, present, raw, target, label.horizon)

    def days(self, fold: Fold, steps: int, every: int) -> Days:
        """Normalise what a fold touches by the medians of every ``every``-th of its training days."""
        scaler = RobustZScore.fit(self._sample(fold, every))
        rows = np.arange(max(int(fold.train[0]) - steps + 1, 0), int(fold.test[-1]) + 1)
        stocks = np.flatnonzero(self.present[rows].any(axis=0))
        values = self.cube.values
        x = np.empty((len(rows), len(stocks), values.shape[2]), np.float32)
        for k, row in enumerate(rows):  # a day at a time: its temporaries stay in cache
            x[k] = scaler.transform(values[row, stocks])
        return Days(
            x=x,
            first=int(rows[0]),
            present=self.present[:, stocks],
            y=self.target[:, stocks],
            dates=self.cube.dates,
            stocks=self.cube.stocks[stocks],
            steps=steps,
            horizon=self.horizon,
        )

    def _sample(self, fold: Fold, every: int) -> NDArray[np.float32]:
        """Rows (day, stock) of the training period, ``[M, F]``."""
        rows = fold.train[::every]
        sample = np.concatenate([self.cube.values[t][self.present[t]] for t in rows])
        if not len(sample):
            raise ValueError(
                f"fold {fold.name}: no stock of the universe has features between "
                f"{self.cube.dates[rows[0]]:%Y-%m-%d} and {self.cube.dates[rows[-1]]:%Y-%m-%d}; "
                "start testing later, or use another index"
            )
        return sample


def _cube(
    market: Market,
    features: FeatureSet | FeatureCube,
    stocks: pd.Index,
    last: int,
    progress: bool,
) -> FeatureCube:
    """Compute the cube of ``stocks``, or check that the one given holds them and the same sessions."""
    if isinstance(features, FeatureSet):
        return features.cube(market.until(market.dates[last]), stocks, progress)
    if not features.dates[: last + 1].equals(market.dates[: last + 1]):
        raise ValueError(
            f"fit: the feature cube covers {features.dates[0]:%Y-%m-%d} to "
            f"{features.dates[-1]:%Y-%m-%d} on {len(features.dates)} sessions; the fit needs the "
            f"{last + 1} sessions of the market to {market.dates[last]:%Y-%m-%d}; compute it on it"
        )
    unknown = stocks.difference(features.stocks)
    if len(unknown):
        raise ValueError(
            f"fit: {len(unknown)} of {len(stocks)} stocks of the universe are not in the feature "
            f"cube, first {list(unknown[:3])}; compute it on a market that holds them"
        )
    return features.until(last)


def _has_features(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """At least one finite feature, ``[T, N]``; day by day, to keep the temporary small."""
    return np.stack([~np.isnan(day).all(axis=1) for day in values])
