"""Fiscal-year histories from quarterly snapshots of market value and its multiples.

A multiple of last annual sales or profit, taken at the end of June, speaks of the fiscal year before: by
law the annual report is out by the end of April. So a fiscal year becomes known at the June snapshot, or
at the first later one of that calendar year that has the stock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.store import Array

YEARS = 5


@dataclass(frozen=True, eq=False)
class Snapshots:
    """Quarterly snapshots on the stocks of a grid.

    Attributes
    ----------
    table
        Rows of the source: ``quarter_end``, ``stock`` and figures.
    ends
        Quarter ends ``[Q]``, increasing.
    row
        For each session the newest snapshot taken by its close ``[T]``, -1 before the first.
    session
        For each snapshot the last session by which it was taken ``[Q]``, -1 before the panel.
    stocks
        Codes ``[N]``.
    """

    table: pd.DataFrame
    ends: pd.DatetimeIndex
    row: Array
    session: Array
    stocks: pd.Index

    @classmethod
    def of(cls, table: pd.DataFrame, dates: pd.DatetimeIndex, stocks: pd.Index) -> Snapshots:
        """Order a table ``quarter_end, trade_date, stock, ...``; without a trade date it is the past's."""
        taken = table.groupby("quarter_end")["trade_date"].max().sort_index()
        known = taken.fillna(pd.Series(taken.index, taken.index)).to_numpy()
        row = np.searchsorted(known, dates.to_numpy(), side="right") - 1
        session = np.searchsorted(dates.to_numpy(), known, side="right") - 1
        return cls(table, pd.DatetimeIndex(taken.index), row, session, stocks)

    def wide(self, figure: pd.Series) -> Array:
        """Lay a figure of the table's rows out as ``[Q, N]``."""
        values = np.full((len(self.ends), len(self.stocks)), np.nan)
        quarter = self.ends.get_indexer(pd.Index(self.table["quarter_end"]))
        column = self.stocks.get_indexer(pd.Index(self.table["stock"]))
        values[quarter[column >= 0], column[column >= 0]] = figure.to_numpy(np.float64)[column >= 0]
        return values

    def fiscal_year(self, figure: Array, year: int) -> Array:
        """Return what each session knows of a fiscal year ``[T, N]``, 1 the newest one.

        ``figure`` ``[Q, N]`` is the last annual figure as of each snapshot.
        """
        settled = self._settled(figure)
        cycle = self._cycle
        last = {int(c): q for q, c in enumerate(cycle)}  # the newest snapshot of each cycle
        then = [q if year == 1 else last.get(int(c) - year + 1, -1) for q, c in enumerate(cycle)]
        nothing = np.full((1, figure.shape[1]), np.nan)
        chosen = np.vstack([settled, nothing])[then]  # -1 takes the row of nothing
        return np.vstack([chosen, nothing]).astype(np.float32)[self.row]

    @property
    def _cycle(self) -> Array:
        """Year in whose second half a snapshot's annual figure was known: March belongs to the year before."""
        return np.asarray(self.ends.year - (self.ends.month < 6))

    def _settled(self, figure: Array) -> Array:
        """Keep the first figure of a cycle; a March snapshot may know the next year's and adds none."""
        settled, cycle = figure.copy(), self._cycle
        settled[self.ends.month < 6] = np.nan
        for q in range(1, len(settled)):
            if cycle[q] == cycle[q - 1]:
                before = settled[q - 1]
                settled[q] = np.where(np.isnan(before), settled[q], before)
        return settled
