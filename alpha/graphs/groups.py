"""Stocks of the same group are neighbours: industries, or any label that may change by the day."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.graph import Edges, Rows
from market import Market


@dataclass(frozen=True, eq=False)
class Groups:
    """Every stock is tied to all others with its label of the day.

    With a label of -1 a stock has no neighbours on that day.
    """

    labels: NDArray[np.integer]  # [T, N], -1 none
    dates: pd.DatetimeIndex  # [T]
    stocks: pd.Index  # [N]
    name: str
    kinds: tuple[str, ...]  # what the labels 0, 1, ... mean

    def bind(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> "BoundGroups":
        """Take the labels of these sessions and stocks.

        Raises
        ------
        ValueError
            A session or a stock that the labels do not cover.
        """
        rows, columns = self.dates.get_indexer(dates), self.stocks.get_indexer(stocks)
        if (rows < 0).any():
            lost = dates[rows < 0]
            raise ValueError(
                f"graph {self.name}: it has no labels on {len(lost)} of {len(dates)} sessions, first "
                f"{lost[0]:%Y-%m-%d}; it covers {self.dates[0]:%Y-%m-%d} to {self.dates[-1]:%Y-%m-%d}; "
                "make it from the market that is fitted"
            )
        if (columns < 0).any():
            unknown = stocks[columns < 0]
            raise ValueError(
                f"graph {self.name}: {len(unknown)} of {len(stocks)} stocks have no column of labels, "
                f"first {list(unknown[:3])}; add them, with -1 where there is no group"
            )
        return BoundGroups(self.labels[np.ix_(rows, columns)], self.kinds)


@dataclass(frozen=True, eq=False)
class BoundGroups:
    """Labels on the grid of a fit."""

    labels: NDArray[np.integer]  # [T, N], -1 none
    kinds: tuple[str, ...]

    def edges(self, row: int, columns: Rows) -> Edges:
        """All ordered pairs with one label, by receiving stock."""
        labels = self.labels[row, columns].astype(np.int64)
        order = np.argsort(labels, kind="stable")
        sizes = np.bincount(labels + 1)
        ends = np.cumsum(sizes)
        mine = np.where(labels >= 0, sizes[labels + 1], 0)  # members of each stock's group
        stock = np.repeat(np.arange(len(columns)), mine)
        within = np.arange(len(stock)) - np.repeat(np.cumsum(mine) - mine, mine)
        neighbour = order[np.repeat((ends - sizes)[labels + 1], mine) + within]
        other = neighbour != stock
        return np.stack([neighbour[other], stock[other]])

    def types(self, row: int, columns: Rows) -> NDArray[np.float32]:
        """Return ``[E, Q]``: 1 in the column of the label that both stocks have."""
        stock = self.edges(row, columns)[1]
        out = np.zeros((len(stock), len(self.kinds)), np.float32)
        out[np.arange(len(stock)), self.labels[row, columns][stock]] = 1.0
        return out


def industry(market: Market) -> Groups:
    """Stocks of one industry, as classified on each day.

    Raises
    ------
    DataError
        The market has no field ``industry``.
    """
    labels, kinds = market.values("industry"), market.categories("industry")
    return Groups(labels, market.dates, market.stocks, "industry", tuple(kinds))


def from_labels(labels: pd.DataFrame, name: str = "labels") -> Groups:
    """Stocks with one label; it must be known at the close of its date.

    Parameters
    ----------
    labels : DataFrame [T, N]
        Dates by stocks, any values; missing ones and -1 are no group.
    name
        For reports and run folders.

    Raises
    ------
    ValueError
        Dates that are not increasing, or a stock twice.
    """
    if not (isinstance(labels.index, pd.DatetimeIndex) and labels.index.is_monotonic_increasing):
        raise ValueError(
            f"graph {name}: the rows of the labels must be increasing dates, got "
            f"{type(labels.index).__name__} of {len(labels)}; use labels.sort_index()"
        )
    for axis, what in ((labels.index, "dates"), (labels.columns, "stocks")):
        if not axis.is_unique:
            twice = axis[axis.duplicated()].unique()
            raise ValueError(
                f"graph {name}: {len(twice)} {what} appear more than once, first {twice[0]}; keep one"
            )
    codes, names = pd.factorize(labels.where(labels != -1).to_numpy().ravel())
    table = codes.reshape(labels.shape).astype(np.int32)
    return Groups(table, labels.index, labels.columns, name, tuple(map(str, names)))
