"""Fit a model by walk-forward: compose market, features, label and splits; train; score; keep."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from alpha.batch import PARTS, Days
from alpha.dataset import Dataset
from alpha.features import ALPHA158_20, FeatureCube, FeatureSet
from alpha.fitted import Fitted, FoldResult
from alpha.labels import Label, week
from alpha.model import AlphaModel, Recipe
from alpha.run_folder import RunFolder
from alpha.splits import Fold, WalkForward
from alpha.train import MIN_NAMES, Task, TrainConfig
from market import Market
from market.progress import track

Rows = NDArray[np.intp]


def fit(
    model: Recipe,
    market: Market,
    index: str | Sequence[str] | None = None,
    *,
    label: Label = week,
    features: FeatureSet | FeatureCube = ALPHA158_20,
    splits: WalkForward = WalkForward(),  # noqa: B008 - frozen
    config: TrainConfig = TrainConfig(),  # noqa: B008 - frozen
    seeds: Sequence[int] = (0,),
    run: Path | str | None = None,
    progress: bool = False,
) -> Fitted:
    """Train ``model`` on each fold and seed and score the test sessions.

    A stock is scored on a day when it is a member of ``index``, traded that day and has features.
    Features are normalised by medians of the training years, labels are ranked within each day.

    Parameters
    ----------
    model
        Settings such as ``alpha.GRU(hidden=64)``; each fold and seed builds a fresh model.
    market
        Prices, volumes and memberships.
    index
        Index name, several (their union), or None for every stock.
    label, splits, config
        What is predicted, which years, how it is trained.
    features
        A feature set, or a cube computed before on the same dates.
    seeds
        One model per seed; their scores are averaged.
    run
        Folder for settings, checkpoints, weights and scores. A finished fold found there is read, a
        half-trained one is continued, and other settings are refused.
    progress
        Show bars.

    Raises
    ------
    DataError
        Unknown index, or a field that the features need is missing.
    ValueError
        Splits outside the data, a fold without enough labelled stocks, or a run folder of another fit.
    """
    if not seeds:
        raise ValueError("fit: seeds is empty; use (0,) for one model a fold")
    folds = splits.folds(market.dates, label.horizon)
    folder = None if run is None else RunFolder(Path(run))
    if folder is not None:
        folder.claim(model, market, index, label, features, splits, config)
    data = Dataset.of(market, index, label, features, folds, progress)
    results = []
    with _threads(config.threads):
        for fold in folds:
            results += _fit_fold(model, data, fold, config, seeds, folder, progress)
    return Fitted(tuple(results), data.label, market.stocks)


def _fit_fold(
    model: Recipe,
    data: Dataset,
    fold: Fold,
    config: TrainConfig,
    seeds: Sequence[int],
    folder: RunFolder | None,
    progress: bool,
) -> list[FoldResult]:
    """Train and score one fold for every seed; a finished one is read."""
    done = {seed: folder.read(fold.name, seed) for seed in seeds} if folder is not None else {}
    if all(done.get(seed) is not None for seed in seeds):
        return [r for r in done.values() if r is not None]
    days = data.days(fold, model.steps, config.every)
    train = _trainable(days, fold.train, f"training period of fold {fold.name}")
    valid = _trainable(days, fold.valid, f"validation period of fold {fold.name}")
    results = []
    for seed in seeds:
        result = done.get(seed)
        if result is None:
            checkpoint = None if folder is None else folder.checkpoint(fold.name, seed)
            name = f"{fold.name} seed {seed}"
            task = Task(days, train, valid, config, seed, name, checkpoint, progress)
            result, trained = _fit_one(model, task, fold)
            if folder is not None:
                folder.write(result, trained.state())
        results.append(result)
    return results


def _fit_one(model: Recipe, task: Task, fold: Fold) -> tuple[FoldResult, AlphaModel]:
    started = perf_counter()
    with torch.random.fork_rng(devices=[]):  # the caller's random stream stays where it was
        torch.manual_seed(task.seed)
        trained = model.build(task.days.features)
        unmet = trained.needs - PARTS
        if unmet:
            raise ValueError(
                f"fit: {type(trained).__name__} needs {sorted(unmet)}, which a batch does not carry; "
                f"it carries {sorted(PARTS)}"
            )
        history = trained.fit(task)
    scores = predict(trained, task.days, fold.test, task.progress)
    seconds = perf_counter() - started
    return FoldResult(fold.name, task.seed, scores, history, seconds), trained


@torch.no_grad()
def predict(model: AlphaModel, days: Days, rows: Rows, progress: bool = False) -> pd.DataFrame:
    """Score each day of ``rows``: dates x stocks of ``days``, NaN where a stock is not present."""
    table = np.full((len(rows), len(days.stocks)), np.nan, np.float32)
    servable = set(days.servable(rows).tolist())
    for k, row in enumerate(track(rows, progress, "score", total=len(rows))):
        if row in servable:
            table[k, days.columns(row)] = model.scores(days.batch(row, labelled=False)).numpy()
    return pd.DataFrame(table, index=days.dates[rows], columns=days.stocks)


def _trainable(days: Days, rows: Rows, what: str) -> Rows:
    """Days with a window and enough labelled stocks to correlate; an error when there is none."""
    labelled = (days.present[rows] & ~np.isnan(days.y[rows])).sum(axis=1)
    kept = days.servable(rows[labelled >= MIN_NAMES])
    if not len(kept):
        raise ValueError(
            f"fit: none of the {len(rows)} sessions of the {what} "
            f"({days.dates[rows[0]]:%Y-%m-%d} to {days.dates[rows[-1]]:%Y-%m-%d}) has a window of "
            f"{days.steps} sessions and {MIN_NAMES} labelled stocks; the most on one day is "
            f"{int(labelled.max())}; widen the index or move the period"
        )
    return kept


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Set torch's thread count for the fit and put the caller's back."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
