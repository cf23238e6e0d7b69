"""Stocks of the same group are neighbours: industries, or any label that may change by the day."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.graph import Edges, Rows
from alpha.graphs.labels import coded, covered
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
        rows = covered(self.dates, dates, f"graph {self.name}")
        columns = self.stocks.get_indexer(stocks)
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
        Dates by stocks, any values; missing ones and the number -1 are no group.
    name
        For reports and run folders.

    Raises
    ------
    DataError
        Dates that are not increasing, a stock twice, or a blank label.
    """
    codes, names = coded(labels, f"graph {name}")
    return Groups(codes, pd.DatetimeIndex(labels.index), labels.columns, name, names)
