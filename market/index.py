"""An index: who is in it on a date, with what weight, and its published level."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market.errors import DataError

if TYPE_CHECKING:
    from market.panel import Market

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Index:
    """One index on the grid of its market.

    Membership is by effective day. Weights are published snapshots rolled by price from the last
    snapshot on or before the date, so a weight at t uses nothing dated after t.
    """

    name: str
    market: Market

    @property
    def dates(self) -> pd.DatetimeIndex:
        return self.market.dates

    @property
    def stocks(self) -> pd.Index:
        return self.market.stocks

    @property
    def member(self) -> Array:
        """Effective membership ``[T, N]``, bool."""
        return self.market.values(f"member:{self.name}")

    @property
    def level(self) -> pd.Series | None:
        """Published price-index level by date, or None where the source has none."""
        levels = self.market.levels
        return levels[self.name] if self.name in levels.columns else None

    def members_on(self, date: pd.Timestamp | str) -> pd.Index:
        """Stocks that are members on a session."""
        return self.stocks[self.member[self.market.row(date)]]

    def weights(self) -> pd.DataFrame:
        """Weights at the close ``[T, N]``, fractions; zero for non-members, NaN before any snapshot."""
        return self.market.field(f"weight:{self.name}")

    def weights_on(self, date: pd.Timestamp | str) -> pd.Series:
        """Weights at the close of a session: members with weight, float64, summing to one.

        Raises
        ------
        DataError
            The date is not a session, or lies before the first weight snapshot.
        """
        row = self.market.row(date)
        weight = self.market.values(f"weight:{self.name}")[row].astype(np.float64)
        held = weight > 0.0
        if not held.any():
            raise DataError(
                f"index {self.name} has no weights on {self.dates[row]:%Y-%m-%d}; "
                f"the first date with weights is {self._first_weight()}"
            )
        return pd.Series(weight[held] / weight[held].sum(), index=self.stocks[held], name="weight")

    def returns(self) -> pd.Series:
        """Daily return: of the published level where there is one, else of the weights.

        The computed return holds the weights of the previous close, so it includes dividends, which a
        price index leaves out.
        """
        if self.level is not None:
            return self.level.pct_change(fill_method=None).rename(self.name)
        weight = self.market.values(f"weight:{self.name}").astype(np.float64)
        change = np.nan_to_num(self.market.values("returns").astype(np.float64))
        gained = np.full(len(self.dates), np.nan)
        gained[1:] = (weight[:-1] * change[1:]).sum(axis=1)
        return pd.Series(gained, index=self.dates, name=self.name)

    def _first_weight(self) -> str:
        rows = np.flatnonzero((self.market.values(f"weight:{self.name}") > 0).any(axis=1))
        return f"{self.dates[rows[0]]:%Y-%m-%d}" if len(rows) else "none"


def rolled_weights(member: Array, snapshot: Array, price: Array, value: Array) -> Array:
    """Roll weight snapshots forward by price, day by day, over the effective members.

    A weight is the last snapshot's times the stock's total return since. A member that the snapshot
    does not list (it joined since) gets its market value times the median ratio of weight to value
    among the listed members, that is, the weight of a stock of its size; without a market value, the
    median weight. A member without any price yet has no weight. Rows are then scaled to sum to one.

    Parameters
    ----------
    member
        Effective membership ``[T, N]``, bool.
    snapshot
        Published weights ``[T, N]``: rows that are all NaN are days without a snapshot.
    price
        Adjusted close carried through suspensions ``[T, N]``.
    value
        Float market value ``[T, N]``, CNY, NaN where unknown.

    Returns
    -------
    ndarray
        ``[T, N]`` float32; rows before the first snapshot are NaN.
    """
    rolled = np.full(member.shape, np.nan, dtype=np.float32)
    published = np.flatnonzero(np.isfinite(snapshot).any(axis=1))
    for start, end in pairwise([*published, len(member)]):
        rows = slice(start, end)
        inside = member[rows].any(axis=0) | (snapshot[start] > 0)
        columns = np.flatnonzero(inside)
        block = np.ix_(np.arange(start, end), columns)
        with np.errstate(invalid="ignore", divide="ignore"):
            grown = snapshot[start, columns] * (price[block] / price[start, columns])
        # a member that has not traded yet has no price to hold it at: it waits for its first one
        priced = member[block] & np.isfinite(price[block])
        weight = _estimate_missing(grown, priced, value[block])
        if not member[
            start
        ].any():  # a source with snapshots but no spans: the snapshot is the list
            weight = np.nan_to_num(grown)
        # summed over the full width: the order of summation must not depend on who joins later
        full = np.zeros((end - start, member.shape[1]))
        full[:, columns] = weight
        total = full.sum(axis=1, keepdims=True)
        rolled[rows] = np.divide(full, total, out=np.zeros_like(full), where=total > 0)
    return rolled


def _estimate_missing(weight: Array, member: Array, value: Array) -> Array:
    """Zero the non-members and give unlisted members the weight of a stock of their size."""
    listed = member & np.isfinite(weight) & (weight > 0)
    unknown = member & ~listed
    kept = np.where(listed, weight, 0.0)
    for row in np.flatnonzero(unknown.any(axis=1)):
        if not listed[row].any():
            continue
        base, size = weight[row, listed[row]], value[row, listed[row]]
        finite = np.isfinite(size)
        ratio = np.median(base[finite] / size[finite]) if finite.any() else np.nan
        estimate = value[row, unknown[row]] * ratio
        kept[row, unknown[row]] = np.where(np.isfinite(estimate), estimate, np.median(base))
    return kept
