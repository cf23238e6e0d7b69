"""One trading day is one graph: the batch that models see, and the days that make batches."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

PARTS = frozenset({"x", "y"})  # what a batch can carry; a model that needs more is refused


@dataclass(frozen=True, eq=False)
class Batch:
    """The cross-section of one day.

    Entries with ``present`` False are padding: their ``x`` may hold anything and no model may read it.
    ``y`` is None at predict, so a model that touches it there fails.
    """

    date: pd.Timestamp
    codes: pd.Index  # [n]
    x: Tensor  # [n, T, F] float32, last step is the day itself
    present: Tensor  # [n] bool
    horizon: int
    label_mask: Tensor | None = None  # [n] bool: the label is known
    y: Tensor | None = None  # [n] float32, normalised label, 0 where label_mask is False


@dataclass(frozen=True, eq=False)
class Days:
    """Normalised features and labels of one fold, served a day at a time.

    ``x`` covers the rows ``first .. first + len(x) - 1`` of ``dates``; everything else covers all
    rows, so that a row number means the same session everywhere.
    """

    x: NDArray[np.float32]  # [R, N, F], 0 where missing
    first: int
    present: NDArray[np.bool_]  # [T, N] in the universe, traded, has features
    y: NDArray[np.float32]  # [T, N] normalised label, NaN unknown
    dates: pd.DatetimeIndex  # [T]
    stocks: pd.Index  # [N]
    steps: int  # window length
    horizon: int

    @property
    def features(self) -> int:
        """Number of feature columns F."""
        return self.x.shape[2]

    def servable(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows that have a whole window behind them and at least one stock present."""
        inside = rows[rows - self.steps + 1 >= self.first]
        return inside[self.present[inside].any(axis=1)]

    def columns(self, row: int) -> NDArray[np.intp]:
        """Positions of the stocks of a day."""
        return np.flatnonzero(self.present[row])

    def window(self, row: int) -> NDArray[np.float32]:
        """All stocks' last ``steps`` days, ``[steps, N, F]``: a view, nothing is copied."""
        last = row - self.first + 1
        if last < self.steps:
            raise ValueError(
                f"no window of {self.steps} sessions ends on {self.dates[row]:%Y-%m-%d}: features "
                f"begin on {self.dates[self.first]:%Y-%m-%d}"
            )
        return self.x[last - self.steps : last]

    def batch(self, row: int, labelled: bool) -> Batch:
        """Gather the stocks of one day.

        The gathered block is ``[steps, n, F]`` and ``x`` its transposed view, so a recurrent net that
        walks over time reads contiguous steps. A day on which all stocks are present is the window
        itself, not a copy.
        """
        columns = self.columns(row)
        window, codes = self.window(row), self.stocks
        if len(columns) < len(codes):
            window, codes = np.take(window, columns, axis=1), codes[columns]
        x = torch.from_numpy(window).transpose(0, 1)
        mask = y = None
        if labelled:
            raw = self.y[row, columns]
            known = ~np.isnan(raw)
            mask, y = torch.from_numpy(known), torch.from_numpy(np.where(known, raw, np.float32(0)))
        return Batch(
            date=self.dates[row],
            codes=codes,
            x=x,
            present=torch.ones(len(columns), dtype=torch.bool),
            horizon=self.horizon,
            label_mask=mask,
            y=y,
        )

    def rows_table(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Stack the labelled (day, stock) rows of ``rows``: last-day features ``[M, F]``, labels ``[M]``."""
        keep = self.present[rows] & ~np.isnan(self.y[rows])
        return self.x[rows - self.first][keep], self.y[rows][keep]
