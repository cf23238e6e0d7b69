"""Relations from a table: who is related to whom, how, from when and until when."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.dates import spans
from alpha.graphs.graph import Edges, Rows
from market import DataError

Ints = NDArray[np.int64]


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
            (the last, NaT where it still holds), both days without a time, and ``published``, which is
            only checked: a relation must not be used before.
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
            Columns missing, unknown codes, codes or kinds given twice, a row without its kind, a stock
            related to itself, weights that are not positive and finite, a relation that ends before it
            begins or is used before it is published, dates as :func:`alpha.graphs.dates.spans` refuses
            them, rows that repeat each other.
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
        labels = _kinds(table, what)
        names = tuple(sorted(labels.unique())) if kinds is None else tuple(kinds)
        ends = positions(pd.concat([table["source"], table["target"]]), stocks, what)
        kind = positions(labels, pd.Index(names), f"{what}, its kinds")
        links = np.concatenate([ends.reshape(2, -1), kind[None]])
        weights = np.ones(len(table)) if "weight" not in table else table["weight"].to_numpy(float)
        single = _check_rows(table, links, weights, what)
        if undirected:
            links = np.concatenate([links, links[[1, 0, 2]]], axis=1)
            days, single = np.tile(days, 2), np.tile(single, 2)
        order = np.lexsort((*days[::-1], links[2], links[0], links[1]))
        links, days = links[:, order], days[:, order]
        _check_repeats(links, days, stocks, undirected, what)
        return cls(links.astype(np.int32), days, single[order], stocks, names, name, point_in_time)

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
    """Places of ``codes`` in ``known`` (DataError naming those that are not in it, or are in it twice)."""
    if not known.is_unique:
        twice = known[known.duplicated()].unique()
        raise DataError(
            f"{what}: {len(twice)} of the {len(known)} known names are given more than once, first "
            f"{twice[0]}; give each once"
        )
    found = known.get_indexer(pd.Index(codes))
    if (found < 0).any():
        strange = pd.Index(codes)[found < 0].unique()
        raise DataError(
            f"{what}: {len(strange)} of {pd.Index(codes).nunique()} names are unknown, first "
            f"{list(strange[:3])}; {len(known)} are known, first {list(known[:3])}; drop their rows or "
            "give what they belong to"
        )
    return found.astype(np.int64)


def blank(names: pd.Series) -> "pd.Series[bool]":
    """Where a column of names has none: missing, or nothing but spaces."""
    return names.isna() | (names.astype(str).str.strip() == "")


def _kinds(table: pd.DataFrame, what: str) -> pd.Series:
    """Kind of each row by name; one without a name where the table has none."""
    if "kind" not in table:
        return pd.Series("", table.index)
    empty = blank(table["kind"])
    if empty.any():
        first = table[empty].iloc[0]
        raise DataError(
            f"{what}: {int(empty.sum())} of {len(table)} rows have no kind, first {first['source']} -> "
            f"{first['target']}; name it, or leave the column out where there is one kind only"
        )
    return table["kind"].astype(str)


def _check_rows(
    table: pd.DataFrame, links: Ints, weights: NDArray[np.float64], what: str
) -> NDArray[np.float32]:
    """Return the weights in single precision, in which they have to be positive and finite too."""
    loops = links[0] == links[1]
    if loops.any():
        raise DataError(
            f"{what}: {int(loops.sum())} of {len(table)} rows relate a stock to itself, first "
            f"{table['source'][loops].iloc[0]}; drop them: layers add the stock themselves"
        )
    with np.errstate(over="ignore"):
        single = weights.astype(np.float32)
    bad = ~((single > 0) & np.isfinite(single))
    if bad.any():
        raise DataError(
            f"{what}: {int(bad.sum())} of {len(table)} weights are not positive and finite, first "
            f"{weights[bad][0]:g} at row {table.index[bad][0]}; leave those rows out, or give a negative "
            "relation a kind of its own"
        )
    return single


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
