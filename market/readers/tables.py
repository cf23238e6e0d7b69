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
from market.readers.spans import fill_spans, wide_snapshots
from market.store import Array, Loader

_TOGETHER = 10  # stocks that end on one day; real delistings come one by one
# a report is taken as known when the law says that it must be out
_REPORT_LAG = {3: (0, 4, 30), 6: (0, 8, 31), 9: (0, 10, 31), 12: (1, 4, 30)}


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

    @cached_property
    def valuation(self) -> pd.DataFrame:
        frame = self.read("valuation_quarterly")
        return frame[frame["trade_date"].notna() & (frame["trade_date"] >= self.dates[0])]

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
    if "fundamentals_quarterly" in tables.names and "debt_to_assets" not in stored:
        built.fields["debt_to_assets"] = partial(_debt_to_assets, tables)
        built.notes.append(
            "fundamentals carry no announcement date: taken as known on the legal deadline"
        )
    if "industry_sw" in tables.names and "industry" not in stored:
        _add_industry(tables, built)
    if "st_spans" in tables.names and "st" not in stored:
        _add_st(tables, built)
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
    for name, multiple in (("book_equity", "pb"), ("dividends_12m", "dv_ratio")):
        built.fields[name] = partial(_from_multiple, tables, multiple)
    built.fields["net_income"] = partial(_net_income, tables)


def _float_shares(tables: Tables) -> Array:
    """Monthly tradable shares; between and after them, their last ratio to total shares."""
    monthly = tables.read("float_shares_monthly")
    counted = tables.place(monthly["month"], monthly["stock"], monthly["float_shares"])
    total = tables.shares
    ratio = carried_forward(np.minimum(counted / total, 1.0))
    alone = carried_forward(counted / tables.splits) * tables.splits
    return np.where(np.isnan(ratio), alone, ratio * total).astype(np.float32)


def _from_multiple(tables: Tables, multiple: str) -> Array:
    """CNY figure behind a market multiple at quarter end: value/pb, value/pe, value*yield."""
    quarter = tables.valuation
    value = quarter["total_mv"] * 1e4  # stored in 10,000 CNY
    ratio = quarter[multiple].astype(np.float64)
    if multiple == "dv_ratio":
        figure = value * ratio.fillna(0.0) / 100.0  # percent; empty means that nothing was paid
    else:
        figure = value / ratio.where(ratio != 0)
    # an empty figure ends the one before it: infinity marks the quarter, so that it is not carried over
    placed = tables.place(quarter["trade_date"], quarter["stock"], figure.fillna(np.inf))
    carried = carried_forward(placed)
    return np.where(np.isinf(carried), np.nan, carried).astype(np.float32)


def _net_income(tables: Tables) -> Array:
    """Last annual profit. The source has no ``pe`` for a loss: there, annual ROE times book equity."""
    profit = _from_multiple(tables, "pe")
    if "fundamentals_quarterly" not in tables.names:
        return profit
    annual = _reported(tables, "roe", annual=True) / 100.0
    loss = np.where(annual < 0.0, annual * _from_multiple(tables, "pb"), np.nan)
    return np.where(np.isnan(profit), loss, profit).astype(np.float32)


def _debt_to_assets(tables: Tables) -> Array:
    return (_reported(tables, "debt_to_assets") / 100.0).astype(np.float32)


def _reported(tables: Tables, column: str, annual: bool = False) -> Array:
    """A figure of the last report (or annual report) that had to be out, ``[T, N]``."""
    report = tables.read("fundamentals_quarterly")
    if annual:
        report = report[report["report_period"].dt.month == 12]
    # an annual report and the next first quarter share a deadline: the later period is laid last
    report = report[report[column].notna()].sort_values("report_period", ignore_index=True)
    known = report["report_period"].map(_deadline)
    return carried_forward(tables.place(known, report["stock"], report[column]))


def _deadline(period: pd.Timestamp) -> pd.Timestamp:
    years, month, day = _REPORT_LAG[period.month]
    return pd.Timestamp(period.year + years, month, day)


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
