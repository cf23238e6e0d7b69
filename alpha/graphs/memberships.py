"""Groups of stocks that may overlap: which stock belongs to which concept, and from when to when."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.dates import ALWAYS, spans
from alpha.graphs.graph import Rows
from alpha.graphs.labels import NONE, coded, covered
from alpha.graphs.relations import Ints, blank, positions
from market import DataError


@dataclass(frozen=True, eq=False)
class Concepts:
    """Memberships, each of which holds from one day to another.

    Made by :meth:`from_frame` or :meth:`from_labels`; given to a fit as ``concepts=``.
    """

    members: NDArray[np.int32]  # [2, M] stock, concept
    days: NDArray[np.int32]  # [2, M] first and last day, in days since 1970
    stocks: pd.Index  # what members count
    names: tuple[str, ...]  # of the concepts
    point_in_time: bool = True  # False: one snapshot, used as if it always held
    sessions: pd.DatetimeIndex | None = None  # those of the labels; None: rows say when they hold

    @classmethod
    def from_frame(
        cls, table: pd.DataFrame, stocks: pd.Index, *, point_in_time: bool = True
    ) -> "Concepts":
        """Read a table of one membership a row.

        Parameters
        ----------
        table
            Columns ``stock`` and ``concept``; ``since`` (the first session on whose close the membership
            is known and used), ``until`` (the last, NaT where it still holds), both days without a time,
            and ``published``, which is only checked.
        stocks
            All codes that may be named, such as ``market.stocks``.
        point_in_time
            With False a table without ``since`` is taken, used on all days, and warned of: the concepts
            of today are those whose stocks did well.

        Raises
        ------
        DataError
            Columns missing, or dates that would be thrown away or that
            :func:`alpha.graphs.dates.spans` refuses; unknown stocks; an empty concept; a membership
            without a beginning, that ends before it begins, or that is there twice at a time.
        """
        what = f"concepts, {len(table)} memberships"
        missing = [c for c in ("stock", "concept") if c not in table.columns]
        if missing or table.empty:
            raise DataError(
                f"{what}: columns {missing} are missing; give rows of stock, concept and since"
            )
        empty = blank(table["concept"])
        if empty.any():
            raise DataError(
                f"{what}: {int(empty.sum())} have an empty concept, first that of "
                f"{table['stock'][empty].iloc[0]}; drop these rows"
            )
        days = spans(table, what, point_in_time)
        if not point_in_time:
            warnings.warn(
                f"{what}: they have no history and are used on all days; what became known later "
                "leaks into the past, and no backtest of it can be believed",
                UserWarning,
                stacklevel=2,
            )
        codes, names = pd.factorize(table["concept"].astype(str), sort=True)
        members = np.stack([positions(table["stock"], stocks, what), codes])
        return cls(*_ordered(members, days, stocks, names), stocks, tuple(names), point_in_time)

    @classmethod
    def from_labels(cls, labels: pd.DataFrame) -> "Concepts":
        """One concept a label, such as ``market.field("industry")``.

        A label of session t is taken to be known at the close of t, and used on the sessions of the
        labels only: what holds on others is not known.

        Parameters
        ----------
        labels : DataFrame [T, N]
            Sessions by stocks, any values; missing ones and the number -1 are no concept.

        Raises
        ------
        DataError
            Dates that are not increasing, a stock twice, or a blank label.
        """
        codes, names = coded(labels, "concepts from labels")
        begins = np.ones(codes.shape, bool)
        begins[1:] = codes[1:] != codes[:-1]
        stock, first = np.nonzero(begins.T)
        last = np.append(first[1:], 0) - 1  # a label holds until the next one of its stock begins
        concept = codes[first, stock]
        sessions = labels.index.to_numpy().astype("datetime64[D]").astype(np.int32)
        days = np.stack([sessions[first], np.where(last < 0, ALWAYS, sessions[last])])
        kept = concept != NONE
        members = np.stack([stock, concept])[:, kept].astype(np.int32)
        covered_by = pd.DatetimeIndex(labels.index)
        return cls(members, days[:, kept], labels.columns, names, sessions=covered_by)

    def bind(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> "BoundConcepts":
        """Return the memberships of ``stocks`` on ``dates``.

        Raises
        ------
        DataError
            A stock it cannot name, or a session without labels.
        """
        if self.sessions is not None:
            covered(self.sessions, dates, "concepts from labels")
        place = np.full(len(self.stocks), NONE, np.int32)
        place[positions(stocks, self.stocks, "concepts, asked")] = np.arange(len(stocks))
        members = np.stack([place[self.members[0]], self.members[1]])
        kept = members[0] != NONE
        sessions = dates.to_numpy().astype("datetime64[D]").astype(np.int32)
        return BoundConcepts(members[:, kept], self.days[:, kept], sessions, len(stocks))

    def __repr__(self) -> str:
        """Return how many there are."""
        count = len(np.unique(self.members[0]))
        held = "" if self.point_in_time else ", one snapshot for all days"
        return f"Concepts: {len(self.names)} of {count} stocks{held}"


@dataclass(frozen=True, eq=False)
class BoundConcepts:
    """Memberships of some stocks on some sessions."""

    held: NDArray[np.int32]  # [2, M] stock, concept
    days: NDArray[np.int32]  # [2, M]
    sessions: NDArray[np.int32]  # [T] days since 1970
    count: int  # stocks

    def members(self, row: int, columns: Rows) -> Ints:
        """Return ``[2, M]``: position within ``columns``, number of the concept."""
        place = np.full(self.count, NONE)
        place[columns] = np.arange(len(columns))
        today, stock = self.sessions[row], place[self.held[0]]
        on = (self.days[0] <= today) & (today <= self.days[1]) & (stock != NONE)
        return np.stack([stock[on], self.held[1, on].astype(np.int64)])


def _ordered(
    members: Ints, days: NDArray[np.int32], stocks: pd.Index, names: pd.Index
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """By stock, concept and first day (DataError: a pair that holds twice on a day)."""
    order = np.lexsort((days[0], members[1], members[0]))
    members, days = members[:, order], days[:, order]
    again = (members[:, 1:] == members[:, :-1]).all(axis=0) & (days[0, 1:] <= days[1, :-1])
    if again.any():
        stock, concept = members[:, 1:][:, again][:, 0]
        raise DataError(
            f"concepts: {int(again.sum())} of {members.shape[1]} memberships begin before the one "
            f"before of the same stock and concept ended, first of {stocks[stock]} in "
            f"{names[concept]!r}; merge them"
        )
    return members.astype(np.int32), days
