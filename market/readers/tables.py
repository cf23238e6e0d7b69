"""Fields built from long tables, each known on the date it is used.

A figure enters the grid on the session it was known and stays until the next one. Share counts that a
source gives once a quarter or month are moved by the stock dividends between, on their ex-dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd

from market.codes import index_name
from market.derived import carried_forward
from market.readers.fiscal import Snapshots
from market.readers.fundamentals import annual_income, fundamentals, refuse_early
from market.readers.spans import fill_spans, wide_snapshots
from market.store import Array, Loader

_HOLIDAY = 15  # days that the last session of a quarter may lie before its end
_TOGETHER = 10  # stocks that end on one day; real delistings come one by one


@dataclass(frozen=True)
class Tables:
    """The long tables of a folder and the grid they are laid on."""

    folder: Path
    names: frozenset[str]
    dates: pd.DatetimeIndex
    stocks: pd.Index

    def read(self, name: str) -> pd.DataFrame:
        frame = pd.read_parquet(self.folder / f"{name}.parquet")
        return frame.rename(columns={"instrument": "stock"})

    def place(self, date: pd.Series, stock: pd.Series, values: pd.Series) -> Array:
        """Lay sparse figures on the grid ``[T, N]`` float64, on the first session from their date on."""
        wide = np.full((len(self.dates), len(self.stocks)), np.nan)
        row = self.dates.searchsorted(date.to_numpy(), side="left")
        column = self.stocks.get_indexer(pd.Index(stock))
        known = (row < len(self.dates)) & (column >= 0) & date.notna().to_numpy()
        wide[row[known], column[known]] = values.to_numpy(dtype=np.float64)[known]
        return wide

    @cached_property
    def splits(self) -> Array:
        """Shares that one share of the first session has become, by stock dividends, ``[T, N]``."""
        growth = np.ones((len(self.dates), len(self.stocks)))
        if "dividends" in self.names:
            given = self.read("dividends")
            given = given[given["stk_div"] > 0]
            placed = self.place(given["ex_date"], given["stock"], given["stk_div"])
            growth = np.cumprod(1.0 + np.nan_to_num(placed), axis=0)
        return growth

    def cash_dividends(self) -> Array:
        """CNY a share before tax that holders of the close before receive, on its ex-date ``[T, N]``."""
        given = self.read("dividends")
        given = given[given["ex_date"].between(self.dates[0], self.dates[-1])]
        session = self.dates[self.dates.searchsorted(given["ex_date"].to_numpy())]
        held = given.assign(session=session)
        paid = held.groupby(["session", "stock"], as_index=False)["cash_div_tax"].sum()
        placed = self.place(paid["session"], paid["stock"], paid["cash_div_tax"])
        return np.nan_to_num(placed).astype(np.float32)

    @cached_property
    def quarters(self) -> pd.DataFrame:
        """Quarterly snapshots; those without a trade date lie before the panel."""
        frame = self.read("valuation_quarterly")
        early = frame["quarter_end"] - frame["trade_date"] > pd.Timedelta(days=_HOLIDAY)
        refuse_early(frame[early], "valuation_quarterly", "trade_date", "quarter_end")
        return frame

    @cached_property
    def valuation(self) -> pd.DataFrame:
        frame = self.quarters
        return frame[frame["trade_date"].notna() & (frame["trade_date"] >= self.dates[0])]

    @cached_property
    def snapshots(self) -> Snapshots:
        return Snapshots.of(self.quarters, self.dates, self.stocks)

    @cached_property
    def annual_income(self) -> Array:
        """Last annual profit at each quarterly snapshot ``[Q, N]``."""
        return annual_income(self)

    @cached_property
    def shares(self) -> Array:
        """Total shares ``[T, N]``: the last quarter's, moved by the stock dividends since."""
        counted = self.place(
            self.valuation["trade_date"], self.valuation["stock"], self.valuation["total_shares"]
        )
        return carried_forward(counted / self.splits) * self.splits


@dataclass
class Built:
    """What the tables add to a market."""

    fields: dict[str, Array | Loader] = field(default_factory=dict)
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    securities: pd.DataFrame | None = None
    levels: pd.DataFrame | None = None


def fields_from_tables(tables: Tables, stored: Mapping[str, object]) -> Built:
    """Build what ``tables`` hold and ``stored`` lacks: shares, fundamentals, industry, ST, indexes."""
    built = Built()
    if "market_securities" in tables.names:
        built.securities = tables.read("market_securities").set_index("stock")
        built.levels = tables.read("market_levels").set_index("date")
    if "securities" in tables.names:
        built.securities = _securities(tables)
        built.notes += _gaps(built.securities["delisted_on"])
    if "valuation_quarterly" in tables.names and "shares" not in stored:
        _add_valuation(tables, built)
    fields, notes = fundamentals(tables)
    built.fields |= {name: load for name, load in fields.items() if name not in stored}
    built.notes += notes if not fields.keys() <= stored.keys() else []
    if "industry_sw" in tables.names and "industry" not in stored:
        _add_industry(tables, built)
    if "st_spans" in tables.names and "st" not in stored:
        _add_st(tables, built)
    if "dividends" in tables.names and "cash_dividend" not in stored:
        built.fields["cash_dividend"] = tables.cash_dividends
    if "index_membership" in tables.names:
        _add_indexes(tables, built)
    return built


def _securities(tables: Tables) -> pd.DataFrame:
    frame = tables.read("securities").set_index("stock")
    boards = {"Main": "main", "ChiNext": "chinext", "STAR": "star"}
    return pd.DataFrame(
        {
            "name": frame["name"].fillna(""),
            "board": frame["board"].map(boards).fillna("other"),
            "listed_on": frame["list_date"],
            "delisted_on": frame["last_bar"],
        }
    )


def _gaps(last_bars: pd.Series) -> list[str]:
    """Say where many stocks end on one day: the source stopped, the companies did not."""
    ends = last_bars.value_counts()
    return [
        f"{count} stocks end together on {day:%Y-%m-%d}, a gap of the source: they count as delisted"
        for day, count in ends[ends >= _TOGETHER].items()
    ]


def _add_valuation(tables: Tables, built: Built) -> None:
    built.fields["shares"] = lambda: tables.shares.astype(np.float32)
    if "float_shares_monthly" in tables.names:
        built.fields["float_shares"] = partial(_float_shares, tables)
        built.notes.append(
            "tradable shares end in 2020-08 for most Shenzhen stocks: their last ratio to total shares "
            "is kept"
        )


def _float_shares(tables: Tables) -> Array:
    """Monthly tradable shares; between and after them, their last ratio to total shares."""
    monthly = tables.read("float_shares_monthly")
    counted = tables.place(monthly["month"], monthly["stock"], monthly["float_shares"])
    total = tables.shares
    ratio = carried_forward(np.minimum(counted / total, 1.0))
    alone = carried_forward(counted / tables.splits) * tables.splits
    return np.where(np.isnan(ratio), alone, ratio * total).astype(np.float32)


def _add_industry(tables: Tables, built: Built) -> None:
    spans = tables.read("industry_sw").sort_values(["stock", "start"], ignore_index=True)
    codes, labels = pd.factorize(spans["l1_name"], sort=True)

    def load() -> Array:
        wide = np.full((len(tables.dates), len(tables.stocks)), -1, dtype=np.int8)
        fill_spans(spans, codes.astype(np.int8), tables.dates, tables.stocks, wide)
        return wide

    built.fields["industry"] = load
    built.categories["industry"] = tuple(str(label) for label in labels)


def _add_st(tables: Tables, built: Built) -> None:
    spans = tables.read("st_spans")

    def load() -> Array:
        wide = np.zeros((len(tables.dates), len(tables.stocks)), dtype=bool)
        fill_spans(spans, np.ones(len(spans), dtype=bool), tables.dates, tables.stocks, wide)
        return wide

    built.fields["st"] = load
    if tables.dates[-1] > spans["end"].max():
        built.notes.append(
            f"ST status is unknown after {spans['end'].max():%Y-%m-%d}: taken as normal"
        )


def _add_indexes(tables: Tables, built: Built) -> None:
    spans = tables.read("index_membership")
    weights = tables.read("approx_index_weights")
    for label in spans["index"].unique():
        name = label.lower()
        own = spans[spans["index"] == label]
        built.fields[f"member:{name}"] = partial(_membership, tables, own)
        listed = weights[weights["index"] == label]
        # the sources' own samples list part of an index: weights are shares of what is listed
        total = listed.groupby("date")["weight"].transform("sum")
        scaled = listed.assign(weight=listed["weight"] / total)
        built.fields[f"snapshot:{name}"] = partial(
            wide_snapshots, scaled, tables.dates, tables.stocks, name
        )
    built.notes.append("index weights are approximate: month-end estimates rolled by price")
    if "index_daily" in tables.names:
        built.levels = _levels(tables)
        built.notes.append(
            "index levels are price indexes: they leave out dividends, about 2% a year"
        )


def _membership(tables: Tables, spans: pd.DataFrame) -> Array:
    wide = np.zeros((len(tables.dates), len(tables.stocks)), dtype=bool)
    fill_spans(spans, np.ones(len(spans), dtype=bool), tables.dates, tables.stocks, wide)
    return wide


def _levels(tables: Tables) -> pd.DataFrame:
    daily = tables.read("index_daily")
    wide = daily.pivot(index="date", columns="stock", values="close").reindex(tables.dates)
    return wide.rename(columns=index_name).astype(np.float64).rename_axis(columns=None)
