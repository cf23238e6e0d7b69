"""One trading day is one graph: the batch that models see, and the days that make batches."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from alpha.graphs.checks import sound_edges, sound_types
from alpha.graphs.graph import BoundGraph
from alpha.process import RobustZScore
from alpha.windows import Windows

# What a batch can carry; a model that needs more is refused.
PARTS = frozenset(
    {"x", "y", "y_mkt", "edges", "edge_type", "concepts", "mktcap", "theta", "memory"}
)

Rows = NDArray[np.intp]


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
    edges: Tensor | None = None  # [2, E] int64: neighbour -> stock, positions in the batch
    edge_type: Tensor | None = None  # [E, Q] float32: weight of each kind of relation on the edge
    y_mkt: Tensor | None = None  # scalar: mean raw label of the universe, NaN where it is not known
    concepts: Tensor | None = None  # [2, M] int64: stock, a position in the batch, and concept
    mktcap: Tensor | None = None  # [n] float32, CNY; the day's median where it is not known
    theta: Tensor | None = None  # [S, L, 1 + F]: regression coefficients of the last L sessions
    memory: Tensor | None = None  # [n, L, K] float32: errors of L sessions, NaN unknown

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch with its tensors on ``device``; itself if they are there."""
        if self.x.device == torch.device(device):
            return self
        moved: dict[str, Any] = {
            part.name: value.to(device)
            for part in fields(self)
            if isinstance(value := getattr(self, part.name), Tensor)
        }
        return replace(self, **moved)


class DayConcepts(Protocol):
    """Memberships among the stocks of a day."""

    def members(self, row: int, columns: Rows) -> NDArray[np.int64]:
        """Return ``[2, M]``: position within ``columns``, number of the concept; no pair twice."""
        ...


class DayTheta(Protocol):
    """Coefficients of regressions, as they were known at the close of each session."""

    def read(self, row: int) -> NDArray[np.float32]:
        """Return those of the sessions up to ``row``, ``[S, L, 1 + F]``, NaN where there were none."""
        ...


class DayMemory(Protocol):
    """What a model remembers of past sessions whose labels are known."""

    def read(self, days: "Days", row: int, columns: Rows) -> NDArray[np.float32]:
        """Return ``[n, L, K]`` of the stocks ``columns`` as known at the close of ``row``, NaN unknown."""
        ...


@dataclass(frozen=True, eq=False)
class Days:
    """Normalised features and labels of one fold, served a day at a time.

    A row number means the same session everywhere, in ``windows`` too.
    """

    windows: Windows
    present: NDArray[np.bool_]  # [T, N] in the universe, traded, has features
    y: NDArray[np.float32]  # [T, N] normalised label, NaN unknown
    dates: pd.DatetimeIndex  # [T]
    stocks: pd.Index  # [N]
    horizon: int
    graph: BoundGraph | None = None
    typed: bool = False  # batches carry the types of the edges too
    concepts: DayConcepts | None = None
    mktcap: NDArray[np.float32] | None = None  # [T, N] CNY at the close, NaN where it is not known
    y_mkt: NDArray[np.float32] | None = None  # [T] mean raw label of the universe, NaN unknown
    theta: DayTheta | None = None
    memory: DayMemory | None = None
    scaler: RobustZScore | None = None  # what normalised the windows

    @cached_property
    def _names(self) -> pd.Index:
        """The stocks as Python strings: taking some from an Arrow index costs as much as their windows."""
        return self.stocks.astype(object)

    @property
    def features(self) -> int:
        """Numbers of one step F."""
        return self.windows.features

    @property
    def steps(self) -> int:
        """Window length."""
        return self.windows.steps

    def servable(self, rows: Rows) -> Rows:
        """Return the rows that have a whole window behind them and at least one stock present."""
        inside = rows[rows >= self.windows.first]
        return inside[self.present[inside].any(axis=1)]

    def columns(self, row: int) -> Rows:
        """Positions of the stocks of a day."""
        return np.flatnonzero(self.present[row])

    def batch(self, row: int, labelled: bool) -> Batch:
        """Gather the stocks of one day.

        The gathered block is ``[steps, n, F]`` and ``x`` its transposed view, so a recurrent net that
        walks over time reads contiguous steps. A day on which all stocks are present is the window
        itself, not a copy.
        """
        if row < self.windows.first:
            raise ValueError(
                f"no window of {self.steps} steps ends on {self.dates[row]:%Y-%m-%d}: the first whole "
                f"one ends on {self.dates[self.windows.first]:%Y-%m-%d}"
            )
        columns = self.columns(row)
        everyone = len(columns) == len(self.stocks)
        window = self.windows.window(row, None if everyone else columns)
        x = torch.from_numpy(window).transpose(0, 1)
        return Batch(
            date=self.dates[row],
            codes=self.stocks if everyone else self._names[columns],
            x=x,
            present=torch.ones(len(columns), dtype=torch.bool),
            horizon=self.horizon,
            **self._about(row, columns),
            **(self._labels(row, columns) if labelled else {}),
        )

    def _labels(self, row: int, columns: Rows) -> dict[str, Tensor]:
        """What is known of a day when its label is."""
        raw = self.y[row, columns]
        known = ~np.isnan(raw)
        y = np.where(known, raw, np.float32(0))
        found = {"label_mask": torch.from_numpy(known), "y": torch.from_numpy(y)}
        if self.y_mkt is not None:
            found["y_mkt"] = torch.tensor(self.y_mkt[row])
        return found

    def _about(self, row: int, columns: Rows) -> dict[str, Tensor]:
        """What is known of the stocks at the close of a day, beside their features."""
        found = {}
        if self.graph is not None:
            where = f"graph {type(self.graph).__name__} on {self.dates[row]:%Y-%m-%d}"
            edges = sound_edges(self.graph.edges(row, columns), len(columns), where)
            found["edges"] = torch.from_numpy(edges)
            if self.typed:
                types = sound_types(self.graph.types(row, columns), edges, where)
                found["edge_type"] = torch.from_numpy(types)
        if self.concepts is not None:
            found["concepts"] = torch.from_numpy(self.concepts.members(row, columns))
        if self.mktcap is not None:
            value = self.mktcap[row, columns]
            known = value[value > 0]
            usual = np.median(known) if len(known) else np.float32(1)
            found["mktcap"] = torch.from_numpy(np.where(value > 0, value, usual))
        if self.theta is not None:
            found["theta"] = torch.from_numpy(self.theta.read(row))
        if self.memory is not None:
            found["memory"] = torch.from_numpy(self.memory.read(self, row, columns))
        return found

    def rows_table(self, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Stack the labelled (day, stock) rows of ``rows``: flat windows ``[M, steps * F]``, labels ``[M]``.

        With one step these are the features of the day itself.
        """
        keep = self.present[rows] & ~np.isnan(self.y[rows])
        table = np.empty((keep.sum(), self.steps * self.features), np.float32)
        end = 0
        for row, kept in zip(rows.tolist(), keep, strict=True):
            columns = np.flatnonzero(kept)
            window = self.windows.window(row, columns)
            end += len(columns)
            table[end - len(columns) : end] = window.transpose(1, 0, 2).reshape(
                len(columns), table.shape[1]
            )
        return table, self.y[rows][keep]
