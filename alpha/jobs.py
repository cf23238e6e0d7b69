"""Train every fold and seed, one after another or several at a time in processes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from time import perf_counter
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray

from alpha.batch import PARTS, Days
from alpha.dataset import Dataset
from alpha.fitted import FoldResult
from alpha.model import AlphaModel, Recipe
from alpha.plan import Plan
from alpha.run_folder import RunFolder
from alpha.scoring import extras, predict
from alpha.splits import Fold
from alpha.train import MIN_NAMES, Task
from market.progress import track

Rows = NDArray[np.intp]
Job = tuple[Fold, int]

NOTHING = pd.DataFrame({"loss": [0.0], "valid": [0.0]}).rename_axis("epoch").iloc[:0]  # was trained


def train_all(
    plan: Plan,
    data: Dataset,
    wanted: list[Job],
    folder: RunFolder | None,
    jobs: int = 1,
    progress: bool = False,
    starts: Mapping[int, FoldResult] = MappingProxyType({}),
) -> dict[tuple[str, int], FoldResult]:
    """Train the folds and seeds ``wanted`` and return the results by fold name and seed.

    With ``starts``, by seed, training begins from the weights of these; a fold without a training period
    is scored by them as they are.

    With ``jobs`` above 1, arrays reach the processes as memory maps, so that all of them read one copy.
    Each job sets its own random state and thread count, so the numbers are those of ``jobs=1``.
    A job that fails names its fold and seed in a note on the error.
    """
    inner = progress and jobs == 1
    calls = (
        delayed(_train)(plan.model, task, fold, folder)
        for fold, task in _tasks(plan, data, wanted, folder, inner, starts)
    )
    parallel = Parallel(jobs, return_as="generator", batch_size=1, pre_dispatch=jobs, mmap_mode="c")
    try:
        found = list(track(parallel(calls), progress and jobs > 1, "fit", len(wanted)))
    except RuntimeError as error:  # a process that was killed cannot say what it was at
        if folder is not None and jobs > 1:
            left = [f"{f.name} seed {s}" for f, s in wanted if folder.read(f.name, s) is None]
            error.add_note(f"unfinished in {folder.path}: {left}; the same call goes on from there")
        raise
    return {(result.fold, result.seed): result for result in found}


def _tasks(
    plan: Plan,
    data: Dataset,
    wanted: list[Job],
    folder: RunFolder | None,
    progress: bool,
    starts: Mapping[int, FoldResult],
) -> Iterator[tuple[Fold, Task]]:
    """Tasks in order; the days of a fold are made when its first task is asked for, and shared."""
    config = plan.config
    for fold, group in groupby(wanted, key=lambda job: job[0]):
        seeds = [seed for _, seed in group]
        kept = None if len(fold.train) else starts[seeds[0]].scaler
        lookback = getattr(plan.model, "lookback", 0)
        days = data.days(fold, plan.model.steps, config.every, kept, lookback)
        train = trainable(days, fold.train, f"training period of fold {fold.name}")
        valid = trainable(days, fold.valid, f"validation period of fold {fold.name}")
        valid = valid[:: config.valid_every]
        for seed in seeds:
            checkpoint = None if folder is None else folder.checkpoint(fold.name, seed)
            start = starts[seed].state if seed in starts else None
            name = f"{fold.name} seed {seed}"
            yield fold, Task(days, train, valid, config, seed, name, checkpoint, progress, start)


def _train(model: Recipe, task: Task, fold: Fold, folder: RunFolder | None) -> FoldResult:
    """One job: train, score, keep; with a folder the result is the one read from it."""
    started = perf_counter()
    try:
        with _threads(task.config.threads), _random(task.seed):
            trained, days = fresh(model, task.days)
            if task.start is not None:
                trained.load(dict(task.start))
            history = NOTHING if not len(task.train) else trained.fit(replace(task, days=days))
            result = _result(trained, days, task, fold, history, started)
    except Exception as error:
        error.add_note(f"while fitting {type(model).__name__} on fold {task.name}")
        raise
    return result if folder is None else folder.write(result)


def _result(
    trained: AlphaModel, days: Days, task: Task, fold: Fold, history: pd.DataFrame, started: float
) -> FoldResult:
    unseen = np.concatenate([fold.valid, fold.test])
    return FoldResult(
        fold.name,
        task.seed,
        predict(trained, days, fold.test, task.progress),
        history,
        perf_counter() - started,
        extras(trained, days, unseen),
        trained.state(),
        days.scaler,
    )


def fresh(model: Recipe, days: Days) -> tuple[AlphaModel, Days]:
    """Return an untrained model, and the days as it wants them: no part that it does not read.

    Raises
    ------
    ValueError
        The model needs a part that these batches do not carry.
    """
    built = model.build(days.features)
    unmet = built.needs - PARTS
    if unmet:
        raise ValueError(
            f"fit: {type(built).__name__} needs {sorted(unmet)}, which a batch does not carry; "
            f"it carries {sorted(PARTS)}"
        )
    given = (
        ("edges", days.graph, "graph=alpha.graphs.industry(market), or another graph"),
        (
            "concepts",
            days.concepts,
            "concepts=alpha.graphs.Concepts.from_frame(table, market.stocks)",
        ),
        ("mktcap", days.mktcap, "a market with the field shares"),
    )
    for part, value, advice in given:
        if part in built.needs and value is None:
            raise ValueError(f"fit: {type(built).__name__} needs {part}; give {advice}")
    days = replace(
        days,
        graph=days.graph if "edges" in built.needs else None,
        typed="edge_type" in built.needs,
        concepts=days.concepts if "concepts" in built.needs else None,
        mktcap=days.mktcap if "mktcap" in built.needs else None,
    )
    return built, built.furnish(days)


def trainable(days: Days, rows: Rows, what: str) -> Rows:
    """Days with a window and enough labelled stocks to correlate; an error when there is none."""
    if not len(rows):
        return rows
    labelled = (days.present[rows] & ~np.isnan(days.y[rows])).sum(axis=1)
    kept = days.servable(rows[labelled >= MIN_NAMES])
    if not len(kept):
        raise ValueError(
            f"fit: none of the {len(rows)} sessions of the {what} "
            f"({days.dates[rows[0]]:%Y-%m-%d} to {days.dates[rows[-1]]:%Y-%m-%d}) has a window of "
            f"{days.steps} steps and {MIN_NAMES} labelled stocks; the most on one day is "
            f"{int(labelled.max())}; widen the index or move the period"
        )
    return kept


@contextmanager
def _random(seed: int) -> Iterator[None]:
    """Begin a random stream; the caller's stays where it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Set torch's thread count and put the caller's back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
