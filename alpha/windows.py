"""Where the windows of a day come from: a normalised cube that is sliced, or bars scaled when they are read."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from alpha.process import RobustZScore

Rows = NDArray[np.intp]
Single = NDArray[np.float32]

SAMPLE = (
    48  # days that the medians of bars are taken from: 60-day windows of fewer hardly overlap less
)
NAMES = 1000  # stocks a sampled day, spread over all of them


class Windows(Protocol):
    """Normalised windows of the days of a fold, 0 where missing. Rows are positions of sessions."""

    @property
    def features(self) -> int:
        """Numbers of one step F."""
        ...

    @property
    def steps(self) -> int:
        """Steps of a window."""
        ...

    @property
    def first(self) -> int:
        """First session that has a whole window behind it."""
        ...

    def window(self, row: int, columns: Rows | None = None) -> Single:
        """Windows ``[steps, n, F]`` that end at the close of ``row``, of all stocks or of ``columns``."""
        ...


class BarWindows(Protocol):
    """Bars that become windows when a day is read: ``ALPHA360.of(market)``, a :class:`BarTensor`."""

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Sessions [T]."""
        ...

    @property
    def stocks(self) -> pd.Index:
        """Stocks [N]."""
        ...

    @property
    def steps(self) -> int:
        """Steps of a window."""
        ...

    @property
    def sessions(self) -> int:
        """Sessions that a window looks at."""
        ...

    def known(self) -> NDArray[np.bool_]:
        """Where a stock has bars on the day itself, ``[T, N]``."""
        ...

    def raw(self, row: int, columns: Rows | None = None) -> Single:
        """Windows ``[steps, n, F]`` in units of the stock, NaN where missing."""
        ...


@dataclass(frozen=True, eq=False)
class SlidingWindows:
    """Windows of a cube whose days are normalised already; without ``columns`` a view, not a copy."""

    x: Single  # [R, N, F], 0 where missing
    start: int  # session of x[0]
    steps: int

    @property
    def features(self) -> int:
        return self.x.shape[2]

    @property
    def first(self) -> int:
        return self.start + self.steps - 1

    def window(self, row: int, columns: Rows | None = None) -> Single:
        last = row - self.start + 1
        window = self.x[last - self.steps : last]
        if columns is None:
            return window
        out = np.empty((self.steps, len(columns), self.features), np.float32)
        _gather(window, columns, out)
        return out


@dataclass(frozen=True, eq=False)
class ScaledWindows:
    """Windows of bars, each step and field normalised by its own median, when a day is read.

    Nothing is kept but the bars: all windows of Alpha360 of the whole market would be a hundred gigabytes.
    """

    bars: BarWindows
    scaler: RobustZScore  # of [steps, 1, F]
    stocks: Rows  # of the days, as columns of ``bars``

    @classmethod
    def of(
        cls, bars: BarWindows, stocks: Rows, rows: Rows, present: NDArray[np.bool_]
    ) -> "ScaledWindows":
        """Take the medians from a sample of the training sessions ``rows``.

        Parameters
        ----------
        bars
            Not normalised.
        stocks
            Columns of ``bars`` that the days serve.
        rows
            Training sessions.
        present : [T, len(stocks)]
            Only stocks that a model would see are sampled.
        """
        days = rows[:: -(-len(rows) // SAMPLE)]
        drawn = []
        for row in days.tolist():
            there = stocks[present[row]]
            drawn.append(bars.raw(row, there[:: max(-(-len(there) // NAMES), 1)]))
        sample = np.concatenate([window.transpose(1, 0, 2) for window in drawn])
        steps, features = sample.shape[1:]
        flat = RobustZScore.fit(sample.reshape(len(sample), -1))
        shape = (steps, 1, features)
        scaler = RobustZScore(flat.centre.reshape(shape), flat.scale.reshape(shape))
        return cls(bars, scaler, stocks)

    @property
    def features(self) -> int:
        return self.scaler.centre.shape[2]

    @property
    def steps(self) -> int:
        return self.bars.steps

    @property
    def first(self) -> int:
        return self.bars.sessions - 1

    def window(self, row: int, columns: Rows | None = None) -> Single:
        stocks = self.stocks if columns is None else self.stocks[columns]
        return self.scaler.transform(self.bars.raw(row, stocks))


@njit(cache=True, nogil=True)
def _gather(window: Single, columns: Rows, out: Single) -> None:
    """``window[:, columns]``, neighbouring stocks in one piece."""
    size, count = window.shape[2], len(columns)
    for step in range(len(window)):
        source, target = window[step].ravel(), out[step].ravel()
        i = 0
        while i < count:
            end = i + 1
            while end < count and columns[end] == columns[end - 1] + 1:
                end += 1
            piece = source[columns[i] * size : (columns[end - 1] + 1) * size]
            place = target[i * size : end * size]
            for k in range(len(place)):
                place[k] = piece[k]
            i = end
