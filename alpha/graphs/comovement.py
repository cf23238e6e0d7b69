"""Neighbours by returns: who moves with a stock, and who moved before it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.dates import check_panel
from alpha.graphs.graph import Edges, Rows
from alpha.graphs.relations import positions
from market import DataError

Single = NDArray[np.float32]

BLOCK = 512  # rows of the N x N correlations held at a time


@dataclass(frozen=True, eq=False)
class Comovement:
    """The ``top`` stocks whose returns correlate most with a stock's own, refreshed every ``every`` sessions.

    The correlation of stock i on session t with neighbour j is taken over the ``window`` sessions that
    end at the last refresh, ``corr(r_i(s), r_j(s - lag))``: with a lag the neighbour leads. Refreshes are
    counted from the first session of ``returns``, so that folds agree, and use nothing after themselves.

    ``returns`` should be those of all stocks that may be neighbours: a frame cut to the later members of
    an index chooses neighbours by what became of them. ``member`` says who counts on each session.
    """

    returns: pd.DataFrame  # [T, N] date x stock, simple returns, NaN where not traded
    window: int = 250
    top: int = 10
    every: int = 21
    lag: int = 0
    least: float = 0.0  # absolute correlation that makes an edge
    coverage: float = 0.8  # share of the window that a stock must have traded
    member: pd.DataFrame | None = (
        None  # [T, N] bool: on a refresh only these are stocks and neighbours
    )
    name: str = "correlation"
    undirected: bool = False  # an edge if either names the other, as spectral layers need

    def __post_init__(self) -> None:
        check_panel(self.returns, f"{self.name}, returns")
        if self.member is not None:
            _check_member(self.member, self.returns, self.name)
        for name in ("window", "top", "every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{self.name}: {name} is {getattr(self, name)}; it must be >= 1")
        if self.lag < 0 or not 0 < self.coverage <= 1:
            raise ValueError(
                f"{self.name}: lag {self.lag} must be >= 0 and coverage {self.coverage} in (0, 1]"
            )
        if self.undirected and self.lag:
            raise ValueError(
                f"{self.name}: undirected with lag {self.lag}; who comes first is a direction, so use "
                "lag 0, or a model that takes directed edges"
            )

    def bind(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> "BoundComovement":
        """Return the edges among ``stocks`` on ``dates`` (DataError: dates or stocks without returns)."""
        rows = self.returns.index.get_indexer(dates)
        if (rows < 0).any():
            raise DataError(
                f"graph {self.name!r}: {int((rows < 0).sum())} of {len(dates)} sessions have no row of "
                f"returns, first {dates[rows < 0][0]:%Y-%m-%d}; returns reach from "
                f"{self.returns.index[0]:%Y-%m-%d} to {self.returns.index[-1]:%Y-%m-%d}"
            )
        columns = positions(stocks, self.returns.columns, f"graph {self.name!r}, asked")
        return BoundComovement(self, rows, columns)

    def strongest(self, last: int) -> tuple[NDArray[np.int32], Single]:
        """Neighbours ``[2, E]`` (neighbour, stock) at refresh ``last``, and their correlations ``[E]``."""
        values = self.returns.to_numpy()
        if last - self.window - self.lag + 1 < 0:
            return np.zeros((2, 0), np.int32), np.zeros(0, np.float32)
        own = _standardised(values[last - self.window + 1 : last + 1], self.coverage)
        first = last - self.window - self.lag + 1
        near = _standardised(values[first : first + self.window], self.coverage)
        there = ~(np.isnan(own).any(axis=0) | np.isnan(near).any(axis=0))
        if self.member is not None:
            there &= self.member.to_numpy()[last]
        chosen = np.flatnonzero(there)
        edges, strength = [np.zeros((2, 0), np.int32)], [np.zeros(0, np.float32)]
        for stocks, others, found in self._blocks(own[:, chosen], near[:, chosen]):
            edges.append(np.stack([chosen[others], chosen[stocks]]).astype(np.int32))
            strength.append(found)
        chosen_edges, found = np.concatenate(edges, axis=1), np.concatenate(strength)
        return _both_ways(chosen_edges, found) if self.undirected else (chosen_edges, found)

    def _blocks(self, own: Single, near: Single) -> Iterator[tuple[Rows, Rows, Single]]:
        """Stock, neighbour, correlation; a block of stocks at a time."""
        top = min(self.top, own.shape[1] - 1)
        for first in range(0, own.shape[1] if top > 0 else 0, BLOCK):
            block = own[:, first : first + BLOCK].T @ near
            size = np.abs(block)
            np.fill_diagonal(size[:, first:], -1.0)
            others = np.sort(np.argpartition(-size, top - 1, axis=1)[:, :top], axis=1)
            stocks = np.repeat(np.arange(len(block)), top)
            others = others.ravel()
            kept = size[stocks, others] > self.least
            stocks, others = stocks[kept], others[kept]
            yield stocks + first, others, block[stocks, others]


@dataclass(frozen=True, eq=False)
class BoundComovement:
    """Strongest correlations among some stocks on some sessions; a refresh is computed once."""

    source: Comovement
    rows: Rows  # [T] sessions, as rows of the returns
    stocks: Rows  # [N] as columns of the returns
    kinds: tuple[str, ...] = ("positive", "negative")
    _known: dict[int, tuple[NDArray[np.int32], Single]] = field(default_factory=dict)

    def edges(self, row: int, columns: Rows) -> Edges:
        """Return ``[2, E]``: the neighbour, and the stock that it was chosen for; or both ways."""
        return self._on(row, columns)[0]

    def types(self, row: int, columns: Rows) -> Single:
        """Return ``[E, 2]``: the size of the correlation where it is positive, where it is negative."""
        strength = self._on(row, columns)[1]
        return np.stack([strength.clip(min=0), -strength.clip(max=0)], axis=1)

    def _on(self, row: int, columns: Rows) -> tuple[NDArray[np.int64], Single]:
        last = int(self.rows[row]) // self.source.every * self.source.every
        if last not in self._known:
            self._known[last] = self.source.strongest(last)
        edges, strength = self._known[last]
        place = np.full(self.source.returns.shape[1], -1)
        place[self.stocks[columns]] = np.arange(len(columns))
        found = place[edges]
        kept = (found >= 0).all(axis=0)
        return found[:, kept], strength[kept]


def correlation(
    returns: pd.DataFrame,
    window: int = 250,
    top: int = 10,
    every: int = 21,
    least: float = 0.0,
    member: pd.DataFrame | None = None,
    undirected: bool = False,
) -> Comovement:
    """Return the graph of stocks that moved together, as :class:`Comovement` has it.

    Each stock names its own ``top``, so the graph is directed; ``undirected=True`` is for the layers that
    need edges both ways (SGC, ChebNet, GCN by its symmetric rule).
    """
    return Comovement(
        returns, window, top, every, least=least, member=member, undirected=undirected
    )


def lead_lag(
    returns: pd.DataFrame,
    lag: int = 1,
    window: int = 250,
    top: int = 10,
    every: int = 21,
    least: float = 0.0,
    member: pd.DataFrame | None = None,
) -> Comovement:
    """Return the directed graph of stocks whose returns came ``lag`` sessions before a stock's own."""
    if lag < 1:
        raise ValueError(f"lead_lag: lag is {lag}; it must be >= 1, else use correlation")
    return Comovement(returns, window, top, every, lag, least, member=member, name="lead-lag")


def _check_member(member: pd.DataFrame, returns: pd.DataFrame, name: str) -> None:
    """Rows and columns are taken by position, so they must be those of the returns."""
    for own, wanted, what in (
        (member.index, returns.index, "dates"),
        (member.columns, returns.columns, "stocks"),
    ):
        pairs = enumerate(zip(own, wanted, strict=False))
        row = next((k for k, (a, b) in pairs if a != b), min(len(own), len(wanted)))
        if row == len(own) == len(wanted):
            continue
        raise DataError(
            f"{name}: the {len(own)} {what} of member are not the {len(wanted)} of the returns, first "
            f"at {row}: {[str(x) for x in own[row : row + 1]]} there and "
            f"{[str(x) for x in wanted[row : row + 1]]} here; use member.reindex(index=returns.index, "
            "columns=returns.columns, fill_value=False)"
        )
    other = member.columns[(member.dtypes != np.dtype(bool)).to_numpy()]
    if len(other):
        raise DataError(
            f"{name}: {len(other)} of {len(member.columns)} columns of member are not bool, first "
            f"{other[0]} of {member.dtypes[other[0]]}; fill what is missing and use member.astype(bool)"
        )


def _both_ways(edges: NDArray[np.int32], strength: Single) -> tuple[NDArray[np.int32], Single]:
    """Each pair that is named at all, once in either direction, with one strength."""
    low, high = edges.min(axis=0), edges.max(axis=0)
    (low, high), first = np.unique(np.stack([low, high]), axis=1, return_index=True)
    both = np.stack([np.append(low, high), np.append(high, low)])
    order = np.lexsort((both[0], both[1]))
    return both[:, order], np.tile(strength[first], 2)[order]


def _standardised(window: NDArray[np.float32], coverage: float) -> Single:
    """Columns of mean 0 and length 1, so that products are correlations; NaN for those traded too little.

    A missing return counts as average, which takes a correlation towards zero.
    """
    known = ~np.isnan(window)
    count = known.sum(axis=0)
    filled = np.where(known, window, np.float32(0))
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = np.where(known, filled - filled.sum(axis=0) / count, 0.0)
        unit = centred / np.sqrt((centred * centred).sum(axis=0))
    usable = (count >= coverage * len(window)) & (centred != 0).any(axis=0)
    return np.where(usable, unit, np.nan).astype(np.float32)
