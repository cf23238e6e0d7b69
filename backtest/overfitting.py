"""What a search over many backtests is worth: the best of many looks better than it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import e
from statistics import NormalDist

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.result import Result
from backtest.storage import load_levels

Array = np.ndarray

EULER = 0.5772156649015329  # the constant of Euler and Mascheroni


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What the best trial of one half of the record did in the other half.

    Attributes
    ----------
    probability
        Of back-test overfitting: share of the splits in which the best trial in sample was no better
        than the median one out of sample.
    loss_probability
        Share of the splits in which it lost against the benchmark out of sample.
    splits
        A row a split: ``best`` (the trial chosen), ``in_sample`` and ``out_of_sample`` (its daily
        information ratio), ``rank`` (its relative rank out of sample, in (0, 1), 1 the best) and
        ``logit``, ln(rank / (1 - rank)).
    trials, sessions, blocks
        What it was measured on.
    """

    probability: float
    loss_probability: float
    splits: pd.DataFrame
    trials: int
    sessions: int
    blocks: int

    @property
    def degradation(self) -> float:
        """Slope of the ratio out of sample on that in sample: below zero, the better it looked the worse."""
        earlier, later = self.splits["in_sample"], self.splits["out_of_sample"]
        variance = float(earlier.var(ddof=1))
        return float(earlier.cov(later)) / variance if variance > 0.0 else float("nan")

    def __repr__(self) -> str:
        """Two lines for a notebook."""
        return (
            f"Overfitting of {self.trials} trials over {self.sessions} sessions in {self.blocks} "
            f"blocks, {len(self.splits)} splits\n"
            f"  the best in sample is in the lower half out of sample with probability "
            f"{self.probability:.1%}, and loses with {self.loss_probability:.1%}"
        )


def overfitting(trials: pd.DataFrame, blocks: int = 16) -> Overfitting:
    """Return the probability of back-test overfitting, by combinatorially symmetric cross-validation.

    The record is cut into blocks of sessions; every choice of half of them is in sample once, the rest
    out of sample. Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest
    overfitting", Journal of Computational Finance 20(4), section 3; the measure is the information
    ratio.

    Parameters
    ----------
    trials
        Daily active returns ``[T, N]``, a column a trial, of everything that was tried; or the cells of
        a ``sweep`` with a folder, whose results are then read.
    blocks
        Even; 16 give 12,870 splits.

    Raises
    ------
    ValueError
        Fewer than two trials, an odd number of blocks, blocks of less than two sessions, or a trial
        that has a gap or does not vary in some split.

    Examples
    --------
    >>> overfitting(sweep(world, factory, folder="runs", turnover=[0.1, 0.2]))  # doctest: +SKIP
    """
    daily = active_returns(trials) if "result" in trials else trials
    x = daily.to_numpy(dtype=np.float64)
    _check(daily, x, blocks)
    starts = np.linspace(0, len(x), blocks, endpoint=False).astype(np.int64)
    _check_movement(daily, x, starts)
    sums, squares = (np.add.reduceat(values, starts) for values in (x, x * x))
    counts = np.diff([*starts, len(x)])
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(halves), blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    earlier, later = (_ratios(s, sums, squares, counts) for s in (inside, 1.0 - inside))
    best = earlier.argmax(axis=1)
    rows = np.arange(len(best))
    own = later[rows, best][:, None]
    beaten = (later < own).sum(axis=1) + 0.5 * ((later == own).sum(axis=1) + 1)
    rank = beaten / (x.shape[1] + 1.0)
    splits = pd.DataFrame(
        {
            "best": daily.columns[best],
            "in_sample": earlier[rows, best],
            "out_of_sample": own[:, 0],
            "rank": rank,
            "logit": np.log(rank / (1.0 - rank)),
        }
    )
    lost = float((own < 0.0).mean())
    return Overfitting(float((rank <= 0.5).mean()), lost, splits, x.shape[1], len(x), blocks)


def active_returns(trials: Mapping[str, Result] | pd.DataFrame) -> pd.DataFrame:
    """Return the daily active returns of results, or of the saved cells of a sweep, side by side.

    Cells that failed are left out; a column is named by the limits of its cell.

    Raises
    ------
    ValueError
        Results of different sessions, or without a benchmark.
    """
    if isinstance(trials, pd.DataFrame):
        done = trials[trials["status"] == "done"]
        columns = {_name(row): _saved(str(row["result"])) for _, row in done.iterrows()}
    else:
        columns = {name: result.active for name, result in trials.items()}
    frame = pd.DataFrame(columns)
    for name, column in columns.items():
        if len(column) != len(frame):
            raise ValueError(
                f"{name} has {len(column)} sessions, {column.index[0]:%Y-%m-%d} to "
                f"{column.index[-1]:%Y-%m-%d}, of {len(frame)} in all; run all over the same sessions"
            )
    return frame


def deflated(cells: pd.DataFrame) -> pd.Series:
    """Return the probability that each cell has an excess above zero, given how many were tried.

    The best of many cells looks better than it is: of n that earn nothing the best has on average a
    t-statistic of s ((1 - g) z(1 - 1/n) + g z(1 - 1/(n e))), with s the standard deviation of the t over
    the cells, z the normal quantile and g Euler's constant. The probability is that of the t above it
    (Bailey and Lopez de Prado 2014, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5),
    equation 1; ``excess_t`` is Newey-West, in the place of their correction for skewness and kurtosis).
    What was tried outside the sweep is not counted; cells that move together are counted as if they did
    not, but with the small s that they then have.

    Ten cells with s = 0.5: luck alone gives the best a t of 0.5 * 1.57 = 0.79, so that a cell with
    t = 2.5 is above zero with probability 95.7% instead of 99.4%.
    """
    t = cells["excess_t"]
    count = int(t.notna().sum())
    luck = 0.0
    if count > 1:
        z = NormalDist().inv_cdf
        expected = (1.0 - EULER) * z(1.0 - 1.0 / count) + EULER * z(1.0 - 1.0 / (count * e))
        luck = float(t.std()) * expected
    known = t.dropna()
    return (known - luck).map(NormalDist().cdf).reindex(t.index).rename("deflated")


def _ratios(chosen: Array, sums: Array, squares: Array, counts: Array) -> Array:
    """Return the daily information ratio of each trial over the blocks of each split ``[splits, N]``."""
    n = (chosen @ counts)[:, None]
    mean = chosen @ sums / n
    variance = (chosen @ squares - n * mean**2) / (n - 1.0)
    return mean / np.sqrt(variance)


def _saved(path: str) -> pd.Series:
    """Return the active returns of a saved result without reading the rest of it."""
    daily = load_levels(path)
    if "benchmark" not in daily:
        raise ValueError(f"{path} was run without a benchmark; sweep with benchmark='csi300', say")
    return metrics.active(daily["nav"], daily["benchmark"])


def _name(row: pd.Series) -> str:
    limits = {str(k).removeprefix("limit."): v for k, v in row.items() if "limit." in str(k)}
    return ", ".join(f"{k} {'none' if pd.isna(v) else format(v, 'g')}" for k, v in limits.items())


def _check(daily: pd.DataFrame, x: Array, blocks: int) -> None:
    if x.shape[1] < 2:
        raise ValueError(f"{x.shape[1]} trials have nothing to choose from; give two or more")
    if blocks < 2 or blocks % 2 or len(x) < 2 * blocks:
        raise ValueError(
            f"blocks is {blocks} for {len(x)} sessions; give an even number, two sessions a block"
        )
    wrong = np.flatnonzero(~np.isfinite(x).all(axis=0))
    if len(wrong):
        raise ValueError(
            f"{len(wrong)} trials have gaps, first {daily.columns[wrong[0]]}; give every session"
        )


def _check_movement(daily: pd.DataFrame, x: Array, starts: Array) -> None:
    """Refuse a trial that stands still throughout some half of the blocks: it has no ratio there."""
    spread = np.maximum.reduceat(x, starts) - np.minimum.reduceat(x, starts)
    moving = (spread > metrics.ROUNDING).sum(axis=0)
    still = np.flatnonzero(2 * moving <= len(starts))
    if len(still):
        raise ValueError(
            f"{len(still)} trials do not vary in half of the {len(starts)} blocks, first "
            f"{daily.columns[still[0]]} in {moving[still[0]]} only; drop them or take fewer blocks"
        )
