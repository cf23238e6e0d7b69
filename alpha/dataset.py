"""What all folds of a fit share, and the normalised days of one fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.batch import Days
from alpha.features import BarTensor, FeatureCube, FeatureSet, PriceWindows
from alpha.graphs import Concepts, Graph
from alpha.labels import Label
from alpha.process import RobustZScore, cs_rank_norm
from alpha.splits import Fold
from alpha.universe import universe
from alpha.windows import BarWindows, Rows, ScaledWindows, SlidingWindows
from market import Market

Features = FeatureSet | FeatureCube | PriceWindows | BarTensor


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features, universe and labels on one grid: the sessions to the last test day, the stocks ever in it."""

    source: FeatureCube | BarWindows  # not normalised; may hold more stocks
    dates: pd.DatetimeIndex  # [T]
    stocks: pd.Index  # [N]
    present: NDArray[np.bool_]  # [T, N] in the universe, traded, has features
    label: pd.DataFrame  # raw forward returns [T, N]
    target: NDArray[np.float32]  # ranked within each day's universe [T, N]
    horizon: int
    graph: Graph | None = None
    concepts: Concepts | None = None
    mktcap: NDArray[np.float32] | None = None  # [T, N] CNY, with concepts only
    y_mkt: NDArray[np.float32] | None = None  # [T] mean raw label of the universe

    @classmethod
    def of(
        cls,
        market: Market,
        index: str | Sequence[str] | None,
        label: Label,
        features: Features,
        folds: tuple[Fold, ...],
        progress: bool,
        graph: Graph | None = None,
        concepts: Concepts | None = None,
    ) -> "Dataset":
        """Compute features and labels of the stocks that are in the universe during the folds."""
        first = min(f.first for f in folds)
        last = max(f.last for f in folds)
        members = universe(market, index)[: last + 1]
        ever = np.flatnonzero(members[first:].any(axis=0))
        if not len(ever):
            raise ValueError(
                f"fit: no stock of index {index!r} traded between {market.dates[first]:%Y-%m-%d} "
                f"and {market.dates[last]:%Y-%m-%d}; the market has indexes {list(market.indexes)}"
            )
        here = market.until(market.dates[last])
        stocks = market.stocks[ever]
        source = _source(here, features, stocks, progress)
        columns = source.stocks.get_indexer(stocks)
        present = members[:, ever] & source.known()[: last + 1, columns]
        raw = label.values(market.select(stocks)).iloc[: last + 1]
        target = cs_rank_norm(raw.to_numpy(), present)
        return cls(
            source, here.dates, stocks, present, raw, target, label.horizon, graph, concepts,
            mktcap=None if concepts is None else _mktcap(here.select(stocks)),
            y_mkt=_day_means(raw.to_numpy(), present),
        )  # fmt: skip

    def days(
        self,
        fold: Fold,
        steps: int,
        every: int,
        scaler: RobustZScore | None = None,
        lookback: int = 0,
    ) -> Days:
        """Normalise what a fold touches by the medians of every ``every``-th of its training days.

        With a ``scaler`` that was found before, that one is used, and the fold needs no training period.
        ``lookback`` is how many labelled sessions before the fold's first a model wants to see too.

        Raises
        ------
        ValueError
            A model of ``steps`` steps cannot read these features.
        """
        before = steps - 1 + (lookback + self.horizon if lookback else 0)
        touched = np.arange(max(fold.first - before, 0), fold.last + 1)
        stocks = np.flatnonzero(self.present[touched].any(axis=0))
        columns = self.source.stocks.get_indexer(self.stocks[stocks])
        present = self.present[:, stocks]
        rows = fold.train[::every]
        if scaler is None and not present[rows].any():
            raise ValueError(
                f"fold {fold.name}: no stock of the universe has features between "
                f"{self.dates[rows[0]]:%Y-%m-%d} and {self.dates[rows[-1]]:%Y-%m-%d}; "
                "start testing later, or use another index"
            )
        windows: SlidingWindows | ScaledWindows
        if isinstance(self.source, FeatureCube):
            scaler = scaler or _medians(self.source, columns, rows, present)
            windows = _slide(self.source, columns, touched, scaler, steps)
        else:
            if steps != self.source.steps:
                raise ValueError(
                    f"fit: the model reads {steps} steps and the features are windows of "
                    f"{self.source.steps}; use a model with steps={self.source.steps}"
                )
            if scaler is None:
                windows = ScaledWindows.of(self.source, columns, rows, present)
            else:
                windows = ScaledWindows(self.source, scaler, columns)
            scaler = windows.scaler
        names = self.stocks[stocks]
        return Days(
            windows=windows,
            present=present,
            y=self.target[:, stocks],
            dates=self.dates,
            stocks=names,
            horizon=self.horizon,
            graph=None if self.graph is None else self.graph.bind(self.dates, names),
            concepts=None if self.concepts is None else self.concepts.bind(self.dates, names),
            mktcap=None if self.mktcap is None else self.mktcap[:, stocks],
            y_mkt=self.y_mkt,
            scaler=scaler,
        )


def _mktcap(market: Market) -> NDArray[np.float32] | None:
    """Market values [T, N], or None where the market has no shares."""
    if "shares" not in market.fields:
        return None
    return market.cap().to_numpy(np.float32)


def _day_means(label: NDArray[np.floating], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean of each day's labels over its universe [T], NaN where there are none."""
    known = present & np.isfinite(label)
    count = known.sum(axis=1)
    total = np.where(known, label, 0.0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _medians(
    cube: FeatureCube, columns: Rows, rows: Rows, present: NDArray[np.bool_]
) -> RobustZScore:
    """Medians of the sessions ``rows``."""
    return RobustZScore.fit(
        np.concatenate([cube.values[t][columns[present[t]]] for t in rows.tolist()])
    )


def _slide(
    cube: FeatureCube, columns: Rows, touched: Rows, scaler: RobustZScore, steps: int
) -> SlidingWindows:
    """Normalise the sessions ``touched`` of a cube."""
    x = np.empty((len(touched), len(columns), len(cube.names)), np.float32)
    for k, row in enumerate(touched.tolist()):  # a day at a time: its temporaries stay in cache
        x[k] = scaler.transform(cube.values[row, columns])
    return SlidingWindows(x, int(touched[0]), steps)


def _source(
    market: Market, features: Features, stocks: pd.Index, progress: bool
) -> FeatureCube | BarWindows:
    """Compute the features of ``stocks``, or check that what is given has them on the same sessions."""
    if isinstance(features, FeatureSet):
        # Who joins the universe later must not show in the ranks of today: those see all stocks.
        return features.cube(market, None if features.across else stocks, progress)
    if isinstance(features, PriceWindows):
        return features.of(market.select(stocks))
    what = "feature cube" if isinstance(features, FeatureCube) else "bar tensor"
    count = len(market.dates)
    if not features.dates[:count].equals(market.dates):
        raise ValueError(
            f"fit: the {what} covers {features.dates[0]:%Y-%m-%d} to "
            f"{features.dates[-1]:%Y-%m-%d} on {len(features.dates)} sessions; the fit needs the "
            f"{count} sessions of the market from {market.dates[0]:%Y-%m-%d} to "
            f"{market.dates[-1]:%Y-%m-%d}; compute it on it, or cut the market by market.between"
        )
    unknown = stocks.difference(features.stocks)
    if len(unknown):
        raise ValueError(
            f"fit: {len(unknown)} of {len(stocks)} stocks of the universe are not in the {what}, "
            f"first {list(unknown[:3])}; compute it on a market that holds them"
        )
    return features
