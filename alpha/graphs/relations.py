"""Relations from a table: who is related to whom, how, from when and until when."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.graph import Edges, Rows
from market import DataError

Ints = NDArray[np.int64]

ALWAYS = np.iinfo(np.int32).max  # a last day that never comes


@dataclass(frozen=True, eq=False)
class Relations:
    """Typed relations, each of which holds from one day to another. Made by :meth:`from_frame`."""

    links: NDArray[np.int32]  # [3, R] source, target, kind; sorted by target, then source
    days: NDArray[np.int32]  # [2, R] first and last day, in days since 1970
    weights: NDArray[np.float32]  # [R]
    stocks: pd.Index  # what source and target count
    kinds: tuple[str, ...]
    name: str
    point_in_time: bool  # False: the table has no history, and is used as if it always held

    @classmethod
    def from_frame(
        cls,
        table: pd.DataFrame,
        stocks: pd.Index,
        *,
        name: str = "relations",
        undirected: bool = True,
        point_in_time: bool = True,
        kinds: Sequence[str] | None = None,
    ) -> "Relations":
        """Read a table of one relation a row.

        Parameters
        ----------
        table
            Columns ``source`` and ``target`` (codes); ``kind`` (one unnamed kind without it), ``weight``
            (1), ``since`` (the first session on whose close the relation is known and used), ``until``
            (the last, NaT where it still holds), and ``published``, which is only checked: a relation
            must not be used before.
        stocks
            All codes that may be named, such as ``market.stocks``.
        name
            For reports and config.json.
        undirected
            Each row holds both ways.
        point_in_time
            With False a table without ``since`` is taken, used on all days, and warned of: what was known
            later leaks into the past.
        kinds
            The kinds in the order of their columns; those of the table, sorted, when None.

        Raises
        ------
        DataError
            Columns missing, unknown codes, a stock related to itself, weights that are not positive, a
            relation that ends before it begins or is used before it is published, rows that repeat
            each other.
        """
        what = f"relation table {name!r}"
        missing = [c for c in ("source", "target") if c not in table.columns]
        if missing or table.empty:
            raise DataError(
                f"{what}: {len(table)} rows, without columns {missing}; it has {list(table.columns)} "
                "and needs rows of source, target"
            )
        days = spans(table, what, point_in_time)
        if not point_in_time:
            warnings.warn(
                f"{what} has no history: its {len(table)} rows are used on all days, and what became "
                "known later leaks into the past",
                UserWarning,
                stacklevel=2,
            )
        labels = table["kind"].astype(str) if "kind" in table else pd.Series("", table.index)
        names = tuple(sorted(labels.unique())) if kinds is None else tuple(kinds)
        ends = positions(pd.concat([table["source"], table["target"]]), stocks, what)
        kind = positions(labels, pd.Index(names), f"{what}, its kinds")
        links = np.concatenate([ends.reshape(2, -1), kind[None]])
        weights = np.ones(len(table)) if "weight" not in table else table["weight"].to_numpy(float)
        _check_rows(table, links, weights, what)
        if undirected:
            links = np.concatenate([links, links[[1, 0, 2]]], axis=1)
            days, weights = np.tile(days, 2), np.tile(weights, 2)
        order = np.lexsort((*days[::-1], links[2], links[0], links[1]))
        links, days = links[:, order], days[:, order]
        _check_repeats(links, days, stocks, undirected, what)
        single = weights[order].astype(np.float32)
        return cls(links.astype(np.int32), days, single, stocks, names, name, point_in_time)

    def bind(self, dates: pd.DatetimeIndex, stocks: pd.Index) -> "BoundRelations":
        """Return the relations among ``stocks`` on ``dates`` (DataError: a stock the table cannot name)."""
        place = np.full(len(self.stocks), -1, np.int32)
        place[positions(stocks, self.stocks, f"graph {self.name!r}, asked")] = np.arange(
            len(stocks)
        )
        links = self.links.copy()
        links[:2] = place[links[:2]]
        kept = (links[:2] >= 0).all(axis=0)
        days = dates.to_numpy().astype("datetime64[D]").astype(np.int32)
        return BoundRelations(
            links[:, kept], self.days[:, kept], self.weights[kept], days, len(stocks), self.kinds
        )


@dataclass(frozen=True, eq=False)
class BoundRelations:
    """Relations among some stocks on some sessions."""

    links: NDArray[np.int32]  # [3, R] positions among the stocks, kind
    days: NDArray[np.int32]  # [2, R]
    weights: NDArray[np.float32]  # [R]
    sessions: NDArray[np.int32]  # [T] days since 1970
    count: int  # stocks
    kinds: tuple[str, ...]

    def edges(self, row: int, columns: Rows) -> Edges:
        """Return ``[2, E]``: each related pair once, whatever the number of its kinds."""
        source, target, _, _ = self._on(row, columns)
        first = self._firsts(source, target)
        return np.stack([source[first], target[first]])

    def types(self, row: int, columns: Rows) -> NDArray[np.float32]:
        """Return ``[E, Q]``: the weights of each kind, beside :meth:`edges`; 0 where it does not hold."""
        source, target, kind, weights = self._on(row, columns)
        first = self._firsts(source, target)
        out = np.zeros((int(first.sum()), len(self.kinds)), np.float32)
        np.add.at(out, (np.cumsum(first) - 1, kind), weights)
        return out

    def _on(self, row: int, columns: Rows) -> tuple[Ints, Ints, Ints, NDArray[np.float32]]:
        """Rows of the table that hold on a session, by positions within ``columns``."""
        place = np.full(self.count, -1)
        place[columns] = np.arange(len(columns))
        today = self.sessions[row]
        source, target = place[self.links[0]], place[self.links[1]]
        on = (self.days[0] <= today) & (today <= self.days[1]) & (source >= 0) & (target >= 0)
        return source[on], target[on], self.links[2, on].astype(np.int64), self.weights[on]

    @staticmethod
    def _firsts(source: Ints, target: Ints) -> NDArray[np.bool_]:
        """Where a pair is not the one before it; rows of a pair stand together."""
        same = (source[1:] == source[:-1]) & (target[1:] == target[:-1])
        return np.concatenate([np.ones(min(len(source), 1), bool), ~same])


def positions(codes: pd.Series | pd.Index, known: pd.Index, what: str) -> Ints:
    """Places of ``codes`` in ``known`` (DataError naming those that are not in it)."""
    found = known.get_indexer(pd.Index(codes))
    if (found < 0).any():
        strange = pd.Index(codes)[found < 0].unique()
        raise DataError(
            f"{what}: {len(strange)} of {pd.Index(codes).nunique()} names are unknown, first "
            f"{list(strange[:3])}; {len(known)} are known, first {list(known[:3])}; drop their rows or "
            "give what they belong to"
        )
    return found.astype(np.int64)


def spans(table: pd.DataFrame, what: str, point_in_time: bool) -> NDArray[np.int32]:
    """First and last day of each row ``[2, R]``, in days since 1970.

    Raises
    ------
    DataError
        No dates and a history asked for, or dates that would be thrown away; a missing first day; an end before the beginning; used before
        published.
    """
    if "since" not in table.columns:
        if point_in_time:
            raise DataError(
                f"{what}: no column since, so nobody can say when its {len(table)} rows became known; "
                "add it, or ask for point_in_time=False and live with the look-ahead"
            )
        return np.repeat(np.array([[-ALWAYS], [ALWAYS]], np.int32), len(table), axis=1)
    if not point_in_time:
        raise DataError(
            f"{what}: it has a column since, which point_in_time=False would throw away; leave that "
            "out, or drop the column"
        )
    since = pd.to_datetime(table["since"])
    until = pd.to_datetime(table["until"]) if "until" in table else pd.Series(pd.NaT, table.index)
    if since.isna().any():
        raise DataError(
            f"{what}: {int(since.isna().sum())} of {len(table)} rows have no since, first at row "
            f"{table.index[since.isna()][0]}; give the day each became known"
        )
    if (until < since).any():
        at = table.index[until < since][0]
        raise DataError(
            f"{what}: {int((until < since).sum())} rows end before they begin, first row {at}: since "
            f"{since[at]:%Y-%m-%d}, until {until[at]:%Y-%m-%d}"
        )
    if "published" in table:
        _check_published(pd.to_datetime(table["published"]), since, what)
    first = since.to_numpy().astype("datetime64[D]").astype(np.int32)
    last = until.fillna(pd.Timestamp("2262-01-01")).to_numpy().astype("datetime64[D]")
    return np.stack([first, np.where(until.isna(), ALWAYS, last.astype(np.int32))])


def _check_published(published: pd.Series, since: pd.Series, what: str) -> None:
    early = ~(published <= since)
    if early.any():
        at = since.index[early][0]
        raise DataError(
            f"{what}: {int(early.sum())} of {len(since)} rows are used before they were published, "
            f"first row {at}: since {since[at]:%Y-%m-%d}, published {str(published[at])[:10]}; let since "
            "be the day of publication"
        )


def _check_rows(table: pd.DataFrame, links: Ints, weights: NDArray[np.float64], what: str) -> None:
    loops = links[0] == links[1]
    if loops.any():
        raise DataError(
            f"{what}: {int(loops.sum())} of {len(table)} rows relate a stock to itself, first "
            f"{table['source'][loops].iloc[0]}; drop them: layers add the stock themselves"
        )
    bad = ~(weights > 0)
    if bad.any():
        raise DataError(
            f"{what}: {int(bad.sum())} of {len(table)} weights are not positive, first "
            f"{weights[bad][0]:g} at row {table.index[bad][0]}; leave those rows out, or give a negative "
            "relation a kind of its own"
        )


def _check_repeats(
    links: Ints, days: NDArray[np.int32], stocks: pd.Index, undirected: bool, what: str
) -> None:
    rows = np.concatenate([links, days])
    same = (rows[:, 1:] == rows[:, :-1]).all(axis=0)
    if same.any():
        source, target = stocks[links[:2, 1:][:, same][:, 0]]
        hint = ", or pass undirected=False where both ways are there" if undirected else ""
        raise DataError(
            f"{what}: {int(same.sum())} rows repeat another, first {source} -> {target}; drop "
            f"duplicates{hint}"
        )
