"""Policies: callables from a ``Snapshot`` to target weights or orders."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

from backtest.orders import Orders, aligned, faulty, numbers, places
from market import DataError, Snapshot

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class FixedWeights:
    """Targets known in advance: a row of weights a rebalance date.

    Attributes
    ----------
    targets
        Date x stock, fractions of net asset value, zero for none. Each rebalance date of the run
        needs its row; ``schedule=targets.index`` trades on exactly these dates.
    """

    targets: pd.DataFrame

    def __call__(self, snapshot: Snapshot) -> pd.Series:
        """Return the row of the snapshot's date; a ``DataError`` names a date without one."""
        return _row(self.targets, snapshot.date, "targets")

    def table(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> Array:
        """Return the weights of all rebalance dates ``[D, N]``, each checked as an answer is."""
        rows = rows_of(self.targets, dates, "targets")
        if self.targets.columns.equals(stocks):
            given = numeric(self.targets, rows, "target weights")
            if not faulty(given).any():
                return np.maximum(given, 0.0) if given.min(initial=0.0) < 0.0 else given
        whole = [aligned(self.targets.iloc[k], stocks, dates[d]) for d, k in enumerate(rows)]
        return np.stack(whole)


@dataclass(frozen=True)
class BenchmarkPolicy:
    """Hold the index: its weights at each rebalance."""

    benchmark: str

    def __call__(self, snapshot: Snapshot) -> pd.Series:
        """Return the weights of the index at the close of the snapshot's date."""
        return snapshot.market.index(self.benchmark).weights_on(snapshot.date)


@dataclass(frozen=True, eq=False)
class TopN:
    """Hold the n stocks with the highest scores, equally weighted.

    Stocks without a score are left out, and so are those that the snapshot says cannot be bought and
    are not held already. Equal scores rank in the order of the columns. A date with scores for nobody
    raises, for it says nothing about what to hold (``TopkDropout`` holds what it has).

    Attributes
    ----------
    scores
        Date x stock, NaN for no score.
    n
        How many stocks to hold; fewer when fewer are eligible, and then weight 1/n stays in cash for
        each one missing.
    """

    scores: pd.DataFrame
    n: int

    def __post_init__(self) -> None:
        if not whole(self.n):
            raise ValueError(f"n is {self.n!r}; give a whole number of stocks")
        if self.n < 1:
            raise ValueError(f"n is {self.n}; a portfolio holds at least one stock")

    def __call__(self, snapshot: Snapshot) -> pd.Series:
        """Return 1/n for each of the n best."""
        given = _row(self.scores, snapshot.date, "scores")
        places(self.scores.columns, snapshot.market.stocks, "stocks with scores")
        score = pd.Series(numbers(given, snapshot.date, "scores"), given.index).dropna()
        if score.empty:
            raise DataError(
                f"no stock has a score on {snapshot.date:%Y-%m-%d}, so TopN would sell everything; "
                "rebalance on dates with scores, or carry the scores before forward"
            )
        buyable = snapshot.can_buy.reindex(score.index, fill_value=False).to_numpy()
        kept = score[buyable | score.index.isin(snapshot.holdings.index)]
        best = np.argsort(-kept.to_numpy(), kind="stable")[: self.n]
        return pd.Series(1.0 / self.n, index=kept.index[best], name="weight")


@dataclass(frozen=True, eq=False)
class BuyAndHold:
    """Buy once, at the first rebalance, and let the weights drift.

    Attributes
    ----------
    weights
        Fractions of net asset value by stock; what they leave below 1 stays in cash.
    """

    weights: pd.Series

    def __call__(self, snapshot: Snapshot) -> pd.Series | Orders:
        """Return the weights for an account without holdings, and no orders for any other."""
        if snapshot.holdings.empty:
            return self.weights
        return Orders(snapshot.market.stocks[:0], pd.Series(dtype=np.float64))


def whole(value: object) -> bool:
    """Tell whether a value is a whole number, of Python or numpy."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def rows_of(frame: pd.DataFrame, dates: pd.DatetimeIndex, what: str) -> Array:
    """Return the positions of the dates, each of which needs exactly one row."""
    _check_wide(frame, what)
    if frame.index.equals(dates):
        return np.arange(len(dates))
    for date in dates[~dates.isin(frame.index[~frame.index.duplicated(keep=False)])][:1]:
        _row(frame, date, what)  # raises
    return frame.index.get_indexer_for(dates)


def numeric(frame: pd.DataFrame, rows: Array, what: str) -> Array:
    """Return the rows ``rows`` ``[D]`` as float64 ``[D, N]``; a cell of text is named."""
    values = frame.to_numpy()
    if values.dtype.kind not in "fiub":
        return np.stack([numbers(frame.iloc[k], frame.index[k], what) for k in rows])
    whole = np.array_equal(rows, np.arange(len(values)))
    return (values if whole else values[rows]).astype(np.float64, copy=False)


def _check_wide(frame: pd.DataFrame, what: str) -> None:
    """Raise a ``DataError`` unless the frame has dates as rows and stocks as columns."""
    if not isinstance(frame, pd.DataFrame) or frame.index.nlevels + frame.columns.nlevels > 2:
        long = "; unstack a long one" if getattr(frame, "index", pd.Index([])).nlevels > 1 else ""
        raise DataError(f"{what} are no frame of date x stock but a {_shape(frame)}{long}")
    if frame.empty:
        raise DataError(f"{what} are empty: {len(frame)} dates x {len(frame.columns)} stocks")
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise DataError(
            f"the rows of {what} are no dates, first {frame.index[0]!r}; use "
            f"{what}.set_axis(pd.to_datetime({what}.index))"
        )


def _shape(given: object) -> str:
    """Return the kind of an object and how its index looks."""
    kind, levels = type(given).__name__, getattr(getattr(given, "index", None), "nlevels", 1)
    return f"{kind} with an index of {levels} levels" if levels > 1 else kind


def _row(frame: pd.DataFrame, date: pd.Timestamp, what: str) -> pd.Series:
    """Return the one row of ``date``."""
    _check_wide(frame, what)
    at = np.flatnonzero(frame.index == date)
    if len(at) != 1:
        raise DataError(
            f"{len(at)} rows of {what} on {date:%Y-%m-%d}, one is needed; the {len(frame)} rows run "
            f"from {frame.index[0]:%Y-%m-%d} to {frame.index[-1]:%Y-%m-%d}; rebalance on their dates "
            f"with schedule={what}.index, or pass start and end inside them"
        )
    return frame.iloc[int(at[0])]
