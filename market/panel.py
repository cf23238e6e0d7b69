"""The market: every field of every stock on one grid of sessions, seen up to a date."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from market.derived import DERIVED
from market.errors import DataError
from market.grid import checked_grid, completed_fields, completed_securities
from market.index import Index, rolled_weights
from market.store import Array, Loader, row_digests
from market.venue import Venue

Date = pd.Timestamp | str

_PRICES = ("open", "high", "low", "close", "vwap", "typical")
_DEALS = ("vwap", "open", "close", "typical")  # nobody knows in time what the high or low will be


class Market:
    """Daily fields of N stocks over T sessions, frozen.

    ``until(t)`` gives the market as it was known after the close of t: later rows do not exist in it.
    Fields load when first asked for and are read-only; a slice shares them.

    Attributes
    ----------
    dates, stocks
        The grid: sessions ``[T]`` and codes ``[N]``.
    securities
        Facts that do not change by date, indexed by stock: ``name``, ``board`` (``main``, ``chinext``,
        ``star``, ``bse`` or ``other``), ``listed_on``, ``delisted_on`` (NaT while open).
    levels
        Published index levels ``[T, indexes]``, float64.
    venue
        The trading rules.
    notes
        What is approximate in the data; every report repeats it.
    truth
        What a simulated market planted; None for real data.
    """

    def __init__(
        self,
        dates: pd.DatetimeIndex,
        stocks: pd.Index,
        fields: Mapping[str, Array | Loader],
        *,
        securities: pd.DataFrame | None = None,
        levels: pd.DataFrame | None = None,
        categories: Mapping[str, tuple[str, ...]] | None = None,
        venue: Venue | None = None,
        notes: Iterable[str] = (),
        truth: Any = None,
    ) -> None:
        self._full_dates, self._full_stocks = checked_grid(dates, stocks)
        shape = (len(dates), len(stocks))
        self._store = completed_fields(shape, fields)
        self._rows = slice(0, shape[0])
        self._columns: Array | None = None
        self._securities = completed_securities(securities, self._full_stocks)
        self._levels = levels if levels is not None else pd.DataFrame(index=self._full_dates)
        self._categories = dict(categories or {})
        self.venue = venue if venue is not None else Venue.cn()
        self.notes = tuple(notes)
        self.truth = truth
        self._cut: dict[str, Array] = {}

    # --- the grid -------------------------------------------------------------------------------

    @property
    def dates(self) -> pd.DatetimeIndex:
        return self._full_dates[self._rows]

    @property
    def stocks(self) -> pd.Index:
        return self._full_stocks if self._columns is None else self._full_stocks[self._columns]

    @property
    def securities(self) -> pd.DataFrame:
        return self._securities if self._columns is None else self._securities.iloc[self._columns]

    @property
    def levels(self) -> pd.DataFrame:
        return self._levels.iloc[self._rows]

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the stored fields; ``member:x`` and ``snapshot:x`` belong to index x."""
        return self._store.names

    @property
    def indexes(self) -> tuple[str, ...]:
        return tuple(n.split(":", 1)[1] for n in self.fields if n.startswith("member:"))

    def row(self, date: Date) -> int:
        """Return the position of a session in ``dates``.

        Raises
        ------
        DataError
            The date is no session of this market.
        """
        stamp = pd.Timestamp(date)
        position = int(self.dates.searchsorted(stamp))
        if position == len(self.dates) or self.dates[position] != stamp:
            raise DataError(
                f"{stamp:%Y-%m-%d} is not a session of this market, which runs "
                f"{self.dates[0]:%Y-%m-%d} to {self.dates[-1]:%Y-%m-%d}; use a date of market.dates"
            )
        return position

    # --- fields ---------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Tell whether ``name`` is a stored field."""
        return name in self._store.names

    def values(self, name: str) -> Array:
        """Return a field as a read-only array ``[T, N]``, date-major.

        Raises
        ------
        DataError
            No such field; the message lists those that exist.
        """
        if name not in self._cut:
            whole = self._whole(name)[self._rows]
            self._cut[name] = whole if self._columns is None else _columns(whole, self._columns)
        return self._cut[name]

    def field(self, name: str) -> pd.DataFrame:
        """Return a field as a frame, date x stock, without copying it."""
        return pd.DataFrame(self.values(name), index=self.dates, columns=self.stocks, copy=False)

    def categories(self, name: str) -> tuple[str, ...]:
        """Return the labels of a coded field: code k means ``categories(name)[k]``, -1 means unknown."""
        if name not in self._categories:
            raise DataError(f"field {name} is not coded; coded fields: {sorted(self._categories)}")
        return self._categories[name]

    def returns(self) -> pd.DataFrame:
        """Return simple adjusted close-to-close returns ``[T, N]``, NaN on days without a trade."""
        return self.field("returns")

    def adjusted(self, name: str) -> pd.DataFrame:
        """Return a price times the cumulative factor, or a volume divided by it."""
        if name != "volume" and name not in _PRICES:
            raise DataError(f"field {name} cannot be adjusted; use volume or one of {_PRICES}")
        factor = self.field("factor")
        return self.field(name) / factor if name == "volume" else self.field(name) * factor

    def deal_price(self, name: str = "vwap") -> pd.DataFrame:
        """Return the unadjusted price at which orders of a session are filled, CNY.

        ``vwap`` takes the typical price, (open + high + low + close) / 4, in the cells that have no
        average price; ``substituted_vwap`` counts them. Nobody trades at the high or the low of a
        session by intention, so they are no deals.

        Raises
        ------
        DataError
            Not one of ``vwap``, ``open``, ``close``, ``typical``.
        """
        if name not in _DEALS:
            raise DataError(f"deal price {name!r} is unknown; use one of {', '.join(_DEALS)}")
        return self.field("deal_vwap" if name == "vwap" else name)

    def substituted_vwap(self) -> float:
        """Return the share of traded stock-days whose average price is the typical price."""
        traded = ~np.isnan(self.values("close"))
        real = ~np.isnan(self.values("vwap")) if self.has("vwap") else np.zeros_like(traded)
        return float((traded & ~real).sum() / max(traded.sum(), 1))

    def cap(self) -> pd.DataFrame:
        """Return total market value at the close, CNY."""
        return self.field("cap")

    def float_cap(self) -> pd.DataFrame:
        """Return tradable market value at the close, CNY."""
        return self.field("float_cap")

    def index(self, name: str) -> Index:
        """Return an index by name; a ``DataError`` lists those that exist."""
        if name not in self.indexes:
            raise DataError(f"index {name!r} is not in this market; it has {list(self.indexes)}")
        return Index(name, self)

    # --- views ----------------------------------------------------------------------------------

    def until(self, date: Date) -> Market:
        """Return the market as known after the close of a session."""
        return self._view(slice(self._rows.start, self._rows.start + self.row(date) + 1))

    def between(self, first: Date, last: Date) -> Market:
        """Return the sessions from ``first`` to ``last``, both included where they are sessions.

        Raises
        ------
        DataError
            No session lies between them.
        """
        start = int(self.dates.searchsorted(pd.Timestamp(first), side="left"))
        end = int(self.dates.searchsorted(pd.Timestamp(last), side="right"))
        if start >= end:
            raise DataError(
                f"no session between {pd.Timestamp(first):%Y-%m-%d} and "
                f"{pd.Timestamp(last):%Y-%m-%d}; this market runs {self.dates[0]:%Y-%m-%d} to "
                f"{self.dates[-1]:%Y-%m-%d}"
            )
        return self._view(slice(self._rows.start + start, self._rows.start + end))

    def select(self, stocks: Iterable[str]) -> Market:
        """Return the named stocks, in that order; a ``DataError`` names those that are not here."""
        wanted = pd.Index(list(stocks), name="stock")
        position = self.stocks.get_indexer(wanted)
        if (position < 0).any():
            unknown = wanted[position < 0]
            raise DataError(f"{len(unknown)} stocks are not in this market: {list(unknown[:5])}")
        columns = position if self._columns is None else self._columns[position]
        view = self._view(self._rows)
        view._columns = columns
        return view

    def with_fields(self, changes: Mapping[str, Array | Loader]) -> Market:
        """Return a market with some stored fields replaced ``[T, N]``; derived ones follow.

        A field may be given as a function that makes it when it is first read.

        Only for a market that is neither sliced nor selected, as the replaced field has its grid.
        """
        if self._rows != slice(0, len(self._full_dates)) or self._columns is not None:
            raise DataError("with_fields needs the whole market; call it before until or select")
        unknown = sorted(set(changes) - set(self.fields))
        if unknown:
            raise DataError(f"fields {unknown} are not stored; stored fields: {list(self.fields)}")
        copy = self._view(self._rows)
        copy._store = self._store.replaced(changes)
        return copy

    def with_levels(self, levels: pd.DataFrame) -> Market:
        """Return a market with other index levels ``[T, indexes]``."""
        copy = self._view(self._rows)
        copy._levels = levels.reindex(self._full_dates)
        return copy

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that change when anything does that a run could read.

        That is the grid, every stored field, the index levels, securities, names of codes, and the rules
        of the venue; not the notes.
        """
        dates = self.dates.to_numpy().astype("datetime64[D]").astype(np.int64)
        told = [
            list(self.stocks),
            sorted(self.fields),
            sorted(self._categories.items()),
            self.venue,
        ]
        tables = self.securities.to_csv() + self.levels.to_csv()
        digest = hashlib.sha256(repr(told).encode() + dates.tobytes() + tables.encode())
        if self._columns is None:
            rows = self._store.digests()[self._rows]
        else:
            rows = row_digests([self.values(name) for name in sorted(self.fields)])
        digest.update(b"".join(rows))
        return digest.hexdigest()[:16]

    def save(self, path: str | Path) -> Path:
        """Write the market in the project's parquet layout; see ``market.readers.parquet.save``."""
        from market.readers.parquet import save  # the reader builds markets, hence not at the top

        return save(self, Path(path))

    def __repr__(self) -> str:
        """Five lines that fit a notebook."""
        span = f"{self.dates[0]:%Y-%m-%d} to {self.dates[-1]:%Y-%m-%d}"
        lines = [
            f"Market of {len(self.stocks)} stocks, {len(self.dates)} sessions, {span}",
            f"  indexes: {', '.join(self.indexes) or 'none'}",
            f"  fields: {', '.join(n for n in self.fields if ':' not in n)}",
        ]
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])

    # --- inside ---------------------------------------------------------------------------------

    def _view(self, rows: slice) -> Market:
        view = object.__new__(Market)
        view.__dict__.update(self.__dict__)
        view._rows = rows
        view._cut = {}
        return view

    def _whole(self, name: str) -> Array:
        """Return a field on the full grid, deriving it once."""
        if self.has(name):
            return self._store.get(name)
        ready = self._store.cached(name)
        if ready is not None:
            return ready
        whole = self._view(slice(0, len(self._full_dates)))
        whole._columns = None
        if name in DERIVED:
            return self._store.put(name, DERIVED[name](whole))
        if name.startswith("weight:") and self.has(f"snapshot:{name[7:]}"):
            return self._store.put(name, _index_weights(whole, name[7:]))
        stored = [n for n in self.fields if ":" not in n]
        raise DataError(f"field {name!r} is missing; stored: {stored}; derived: {sorted(DERIVED)}")


def _index_weights(whole: Market, name: str) -> Array:
    shares = "float_shares" if whole.has("float_shares") else "shares"
    value = (
        whole.values("close_filled") * whole.values(shares)
        if whole.has(shares)
        else np.full_like(whole.values("close_filled"), np.nan)
    )
    return rolled_weights(
        whole.values(f"member:{name}"),
        whole.values(f"snapshot:{name}"),
        whole.values("adj_close"),
        value,
    )


def _columns(whole: Array, columns: Array) -> Array:
    chosen = np.ascontiguousarray(whole[:, columns])
    chosen.flags.writeable = False
    return chosen
