"""One score from the weak factors of several datasets: trees refitted on a short window behind them.

The last step of S1: which factors of the weekly, daily and other bars pay changes faster than what a
network can learn from years, so the weighting looks back over a year only, and is renewed each quarter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.features import FeatureCube
from alpha.fitted import Fitted, FoldResult
from alpha.labels import Label
from alpha.models.lightgbm import LightGBM, boost
from alpha.process import cs_rank_norm
from alpha.splits import span_offset
from alpha.universe import universe
from market import Market
from market.progress import track

Rows = NDArray[np.intp]

WEEK = 5  # sessions

# Few leaves with many rows each and half of the factors a tree: the factors are alike, the window is
# short, and there are no later sessions to stop early by.
SHORT_CYCLE = LightGBM(
    rounds=200, learning_rate=0.05, leaves=31, leaf_rows=200, columns=0.5, l1=0.0, l2=0.0
)


def combine(
    fits: Mapping[str, Fitted],
    market: Market,
    index: str | tuple[str, ...] | None = None,
    *,
    label: Label | None = None,
    refit: int = 13,
    window: str = "1y",
    every: int = 5,
    trees: LightGBM = SHORT_CYCLE,
    progress: bool = False,
) -> Fitted:
    """Weigh the weak factors of all ``fits`` by trees, and score their test sessions anew.

    For each fold and seed, trees are grown before the first test session and again every ``refit`` weeks
    on the sessions of the ``window`` before: validation sessions of the fold, which its networks were
    not trained on, and test sessions so far, less the last ones, whose labels were not known yet. The
    networks of another fold have other factors, so nothing is carried from fold to fold.

    Parameters
    ----------
    fits
        By the name of the dataset, fitted models with the extras ``weak`` (``alpha.ASTGNN``), on the same
        folds and seeds.
    market
        What they were fitted on.
    index
        Who the trees learn from and score; None for all that the fits score.
    label
        What the trees predict, ranked within each day; None for the label of the fits.
    refit
        Weeks between two growings.
    window
        How far the sessions learnt from reach back, ``"1y"`` or ``"6m"``.
    every
        Learn from every so many sessions, counted back from the last: labels of neighbours overlap.
    trees
        How they grow.
    progress
        Show a bar.

    Returns
    -------
    Fitted
        Scores of the test sessions. Its history has a row per growing: ``sessions``, ``rows``, and
        ``valid`` without a number, as trees of a fixed count are not validated.

    Raises
    ------
    ValueError
        No fits, fits of different folds, seeds or test sessions, fits without weak factors, or a window
        with no session to learn from.
    """
    if refit < 1 or every < 1:
        raise ValueError(f"combine: refit {refit} weeks and every {every} sessions must be >= 1")
    _check_alike(fits)
    first = next(iter(fits.values()))
    known = _label_of(first) if label is None else label
    columns = {c for fit in fits.values() for f in fit.folds for c in f.scores.columns}
    stocks = market.stocks[market.stocks.isin(columns)]
    members = universe(market, index)[:, market.stocks.get_indexer(stocks)]
    raw = known.values(market.select(stocks))
    course = _Course(
        market.dates, members, raw.to_numpy(), known.horizon,
        refit * WEEK, span_offset(window, "window"), every, trees,
    )  # fmt: skip
    keys = [(f.fold, f.seed) for f in first.folds]
    results = []
    for fold, seed in track(keys, progress, "combine", total=len(keys)):
        parts = {name: _part(fit, fold, seed) for name, fit in fits.items()}
        results.append(_combine_fold(course, parts, stocks))
    tested = pd.DatetimeIndex(np.concatenate([r.scores.index for r in results])).unique()
    return Fitted(tuple(results), raw.loc[tested.sort_values()], market.stocks)


@dataclass(frozen=True, eq=False)
class _Course:
    """What all folds and seeds share: who is a member, the ranked labels, and when trees are grown."""

    dates: pd.DatetimeIndex  # [T]
    members: NDArray[np.bool_]  # [T, N]
    label: NDArray[np.floating]  # [T, N] raw, NaN unknown
    horizon: int
    block: int  # sessions between two growings
    window: pd.DateOffset
    every: int
    trees: LightGBM

    def blocks(self, test: Rows) -> list[Rows]:
        """Cut the test sessions into those that one set of trees scores."""
        return np.split(test, range(self.block, len(test), self.block))

    def lessons(self, held: Rows, now: int) -> Rows:
        """Sessions of ``held`` in the window before ``now``, with labels that ended before it."""
        begin = self.dates.searchsorted(self.dates[now] - self.window)
        usable = held[(held >= begin) & (held + self.horizon < now)]
        return usable[::-1][:: self.every][::-1]


@dataclass(frozen=True, eq=False)
class _Pool:
    """All weak factors of one fold and seed, on the grid of dates and stocks of the course."""

    cubes: tuple[FeatureCube, ...]
    rows: tuple[Rows, ...]  # per cube, market row -> its row, -1 where it has none
    columns: tuple[Rows, ...]  # per cube, stock -> its column, -1 where it has none

    @classmethod
    def of(
        cls, cubes: tuple[FeatureCube, ...], dates: pd.DatetimeIndex, stocks: pd.Index
    ) -> "_Pool":
        rows = tuple(cube.dates.get_indexer(dates) for cube in cubes)
        return cls(cubes, rows, tuple(cube.stocks.get_indexer(stocks) for cube in cubes))

    def held(self) -> Rows:
        """Market rows that any cube has."""
        return np.flatnonzero(np.max(self.rows, axis=0) >= 0)

    def at(self, row: int) -> NDArray[np.float32]:
        """Weak factors of all datasets at the close of a session, ``[N, K]``, NaN missing."""
        parts = []
        for cube, rows, columns in zip(self.cubes, self.rows, self.columns, strict=True):
            part = np.full((len(columns), len(cube.names)), np.nan, np.float32)
            if rows[row] >= 0:
                there = columns >= 0
                part[there] = cube.values[rows[row]][columns[there]]
            parts.append(part)
        return np.concatenate(parts, axis=1)


def _combine_fold(course: _Course, parts: Mapping[str, FoldResult], stocks: pd.Index) -> FoldResult:
    """Grow trees block by block and score each with those grown before it."""
    started = perf_counter()
    one = next(iter(parts.values()))
    pool = _Pool.of(tuple(p.extras["weak"] for p in parts.values()), course.dates, stocks)
    test, held = course.dates.get_indexer(one.scores.index), pool.held()
    scores = np.full((len(test), len(stocks)), np.nan, np.float32)
    history, done = [], 0
    for block in course.blocks(test):
        lessons = course.lessons(held, int(block[0]))
        x, y = _table(course, pool, lessons)
        if not len(x):
            raise ValueError(
                f"combine: fold {one.fold} has no labelled session to learn from before "
                f"{course.dates[block[0]]:%Y-%m-%d}; its weak factors begin on "
                f"{course.dates[held[0]]:%Y-%m-%d}, the label looks {course.horizon} sessions ahead; "
                "lengthen window, or the validation of the fits"
            )
        grown = boost(course.trees, x, y, one.seed)
        for row in block:
            factors = pool.at(row)
            scored = course.members[row] & np.isfinite(factors).any(axis=1)
            if scored.any():
                found = grown.predict(factors[scored], num_threads=course.trees.threads)
                scores[done, scored] = np.asarray(found, np.float32)
            done += 1
        history.append({"sessions": len(lessons), "rows": len(x), "valid": np.nan})
    table = pd.DataFrame(scores, index=one.scores.index, columns=stocks)
    course_table = pd.DataFrame(history).rename_axis("epoch")
    return FoldResult(one.fold, one.seed, table, course_table, perf_counter() - started)


def _table(
    course: _Course, pool: _Pool, lessons: Rows
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Stack the labelled rows (session, stock) of ``lessons``: factors ``[M, K]``, labels ``[M]``.

    Labels are ranked over the rows of their session: a stock that joins later has no say in it.
    """
    x, y = [np.empty((0, sum(len(c.names) for c in pool.cubes)), np.float32)], []
    for row in lessons:
        factors, label = pool.at(row), course.label[row]
        kept = course.members[row] & np.isfinite(label) & np.isfinite(factors).any(axis=1)
        x.append(factors[kept])
        y.append(cs_rank_norm(label[None, kept], np.ones((1, kept.sum()), bool))[0])
    return np.concatenate(x), np.concatenate(y) if y else np.empty(0, np.float32)


def _check_alike(fits: Mapping[str, Fitted]) -> None:
    if not fits:
        raise ValueError('combine: fits is empty; pass {"day": fitted, "week": fitted}')
    keys = {name: sorted((f.fold, f.seed) for f in fit.folds) for name, fit in fits.items()}
    for (one, mine), (other, theirs) in pairwise(keys.items()):
        if mine != theirs:
            raise ValueError(
                f"combine: {one!r} has folds and seeds {mine} and {other!r} has {theirs}; fit both on "
                "the same splits and seeds"
            )
    for name, fit in fits.items():
        for fold, seed in keys[name]:
            part = _part(fit, fold, seed)
            wanted = _part(next(iter(fits.values())), fold, seed).scores.index
            if not part.scores.index.equals(wanted):
                raise ValueError(
                    f"combine: fold {fold} of {name!r} tests {len(part.scores)} sessions and that of "
                    f"{next(iter(fits))!r} {len(wanted)}; fit both on the same market and splits"
                )
            if "weak" not in part.extras:
                raise ValueError(
                    f"combine: fold {fold} seed {seed} of {name!r} has extras {sorted(part.extras)} and "
                    "no weak factors; fit a model that has them, such as alpha.ASTGNN()"
                )


def _part(fit: Fitted, fold: str, seed: int) -> FoldResult:
    return next(f for f in fit.folds if (f.fold, f.seed) == (fold, seed))


def _label_of(fit: Fitted) -> Label:
    if fit.plan is None:
        raise ValueError("combine: the fits do not tell their label; pass label=alpha.labels.fwd10")
    return fit.plan.label
