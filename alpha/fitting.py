"""Fit a model by walk-forward: compose market, features, label and splits; train; score; keep."""

from collections.abc import Sequence
from pathlib import Path

from alpha.dataset import Dataset, Features
from alpha.features import ALPHA158_20
from alpha.fitted import Fitted, FoldResult
from alpha.graphs import Concepts, Graph
from alpha.jobs import train_all
from alpha.labels import Label, week
from alpha.model import Recipe
from alpha.plan import Plan
from alpha.run_folder import RunFolder
from alpha.splits import Splits, WalkForward, checked
from alpha.train import TrainConfig
from market import Market


def fit(
    model: Recipe,
    market: Market,
    index: str | Sequence[str] | None = None,
    *,
    label: Label = week,
    features: Features = ALPHA158_20,
    graph: Graph | None = None,
    concepts: Concepts | None = None,
    splits: Splits = WalkForward(),  # noqa: B008 - frozen
    config: TrainConfig = TrainConfig(),  # noqa: B008 - frozen
    seeds: Sequence[int] = (0,),
    run: Path | str | None = None,
    jobs: int = 1,
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
        What is predicted, which years, how it is trained. ``splits`` may be any dataclass with the
        method of :class:`~alpha.splits.Splits`; its folds are checked.
    features
        A feature set, a cube computed before on the same dates, ``alpha.ALPHA360``, or a
        :class:`~alpha.BarTensor`; the last two come in windows of their own length, which the model's
        ``steps`` has to match.
    graph
        Edges between stocks for the models that read them, such as ``alpha.graphs.industry(market)``.
    concepts
        Memberships for the models that read them, an :class:`alpha.graphs.Concepts`. A snapshot without
        a history is recorded as ``point_in_time: false`` in the run's ``config.json``.
    seeds
        One model per seed; their scores are averaged.
    run
        Folder for settings, checkpoints, weights and scores. A finished fold found there is read, a
        half-trained one is continued, and other settings are refused. ``alpha.load`` reads it.
    jobs
        Folds and seeds trained at a time, in processes of ``config.threads`` threads each; the numbers
        are the same as with 1. Arrays are shared by memory map.
    progress
        Show bars.

    Raises
    ------
    DataError
        Unknown index, or a field that the features need is missing.
    ValueError
        Splits outside the data or that let a model see what it is tested on, a fold without enough
        labelled stocks, a model whose steps are not those of the features or that needs a graph and has
        none, or a run folder of another fit.
    """
    if not seeds:
        raise ValueError("fit: seeds is empty; use (0,) for one model a fold")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"fit: seeds {tuple(seeds)} name one twice; each seed is one model a fold")
    if model.steps < 1:
        raise ValueError(f"fit: {type(model).__name__} has steps {model.steps}; it must be >= 1")
    if jobs < 1:
        raise ValueError(f"fit: jobs is {jobs}; 1 trains one fold and seed after another")
    names = index if isinstance(index, str) or index is None else tuple(index)
    plan = Plan(model, names, label, features, graph, concepts, splits, config)
    folds = checked(splits.folds(market.dates, label.horizon), market.dates, label.horizon)
    folder = None if run is None else RunFolder(Path(run))
    order = [(f.name, seed) for f in folds for seed in seeds]
    done: dict[tuple[str, int], FoldResult] = {}
    if folder is not None:
        folder.claim(plan, market)
        done = folder.found([f.name for f in folds], seeds)
        if folder.holds(order):
            return folder.fitted(plan, order)
    data = Dataset.of(market, names, label, features, folds, progress, graph, concepts)
    left = [(f, seed) for f in folds for seed in seeds if (f.name, seed) not in done]
    done |= train_all(plan, data, left, folder, jobs, progress)
    tested = data.label.iloc[int(folds[0].test[0]) :]
    results = tuple(done[job] for job in order)
    fitted = Fitted(results, tested, market.stocks, plan, None, data.dates)
    return fitted if folder is None else folder.finish(fitted)
