"""Fundamentals from quarterly tables, each figure from the session on which it was known.

``valuation_quarterly`` holds market values and multiples of the last trading day of a quarter: the
figure behind a multiple was known that day. ``fundamentals_quarterly`` is stamped by report period; it
counts from its ``available_on`` date where the table has one, else from the legal deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market.derived import carried_forward
from market.errors import DataError
from market.readers.fiscal import YEARS
from market.store import Array

if TYPE_CHECKING:
    from market.readers.tables import Tables

Loads = dict[str, Callable[[], Array]]
# a report is taken as known when the law says that it must be out
_REPORT_LAG = {3: (0, 4, 30), 6: (0, 8, 31), 9: (0, 10, 31), 12: (1, 4, 30)}


def fundamentals(tables: Tables) -> tuple[Loads, list[str]]:
    """Return the fields that the tables give, made when first read, and what is approximate in them."""
    fields: Loads = {}
    notes: list[str] = []
    if "valuation_quarterly" in tables.names:
        for name, multiple in (
            ("book_equity", "pb"),
            ("dividends_12m", "dv_ratio"),
            ("sales", "ps"),
        ):
            fields[name] = partial(_from_multiple, tables, multiple)
        fields["net_income"] = partial(_net_income, tables)
        for item in ("net_income", "sales", "book_equity"):
            for year in range(1, YEARS + 1):
                fields[f"{item}_fy{year}"] = partial(_fiscal_year, tables, item, year)
        notes.append("fiscal years are known from the end of June, as multiples of then show them")
    if "fundamentals_quarterly" in tables.names:
        fields["debt_to_assets"] = partial(_debt_to_assets, tables)
        notes.append(
            "fundamentals carry no announcement date: taken as known on the legal deadline"
        )
    if {"valuation_quarterly", "fundamentals_quarterly"} <= tables.names:
        fields["total_assets"] = partial(_total_assets, tables)
        notes.append(
            "total assets follow from book equity and the debt ratio: no minority interests"
        )
    return fields, notes


def refuse_early(rows: pd.DataFrame, table: str, known: str, period: str) -> None:
    """Refuse rows that are said to be known before what they speak of was over.

    Raises
    ------
    DataError
        There is such a row; the message names the first.
    """
    if len(rows):
        first = rows.iloc[0]
        raise DataError(
            f"{table}: {len(rows)} rows are stamped as known before their period ended, first "
            f"{first['stock']}: {known} {first[known]:%Y-%m-%d}, {period} {first[period]:%Y-%m-%d}; "
            "give the date on which each figure was published"
        )


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


def _fiscal_year(tables: Tables, item: str, year: int) -> Array:
    """Annual figure of a fiscal year, 1 the newest; book equity is that of the report known in June."""
    snapshots = tables.snapshots
    if item == "net_income":
        return snapshots.fiscal_year(tables.annual_income, year)
    multiple = {"sales": "ps", "book_equity": "pb"}[item]
    return snapshots.fiscal_year(_behind(tables, multiple), year)


def annual_income(tables: Tables) -> Array:
    """Last annual profit at each snapshot ``[Q, N]``, CNY; a loss as in ``_net_income``."""
    profit = _behind(tables, "pe")
    if "fundamentals_quarterly" not in tables.names:
        return profit
    unknown = np.full((1, profit.shape[1]), np.nan)  # before the panel
    known = np.vstack([_reported(tables, "roe", annual=True), unknown])
    annual = known[tables.snapshots.session] / 100.0
    loss = np.where(annual < 0.0, annual * _behind(tables, "pb"), np.nan)
    return np.where(np.isnan(profit), loss, profit)


def _behind(tables: Tables, multiple: str) -> Array:
    """CNY figure behind a multiple at each snapshot ``[Q, N]``."""
    ratio = tables.quarters[multiple].astype(np.float64)
    value = tables.quarters["total_mv"] * 1e4  # stored in 10,000 CNY
    return tables.snapshots.wide(value / ratio.where(ratio != 0))


def _debt_to_assets(tables: Tables) -> Array:
    return (_reported(tables, "debt_to_assets") / 100.0).astype(np.float32)


def _total_assets(tables: Tables) -> Array:
    """Book equity over the share of assets that is not owed."""
    own = 1.0 - _debt_to_assets(tables)
    return _from_multiple(tables, "pb") / np.where(own > 0.0, own, np.float32(np.nan))


def _reported(tables: Tables, column: str, annual: bool = False) -> Array:
    """A figure of the last report (or annual report) that was out, ``[T, N]``."""
    report = _reports(tables)
    if annual:
        report = report[report["report_period"].dt.month == 12]
    # an annual report and the next first quarter share a deadline: the later period is laid last
    report = report[report[column].notna()].sort_values("report_period", ignore_index=True)
    return carried_forward(tables.place(report["available_on"], report["stock"], report[column]))


def _reports(tables: Tables) -> pd.DataFrame:
    """Reports with the date from which each is known: its own, or else the legal deadline."""
    frame = tables.read("fundamentals_quarterly")
    if "available_on" not in frame:
        deadline = {period: _deadline(period) for period in frame["report_period"].unique()}
        return frame.assign(available_on=frame["report_period"].map(deadline))
    early = frame["available_on"] <= frame["report_period"]
    refuse_early(frame[early], "fundamentals_quarterly", "available_on", "report_period")
    return frame


def _deadline(period: pd.Timestamp) -> pd.Timestamp:
    years, month, day = _REPORT_LAG[period.month]
    return pd.Timestamp(period.year + years, month, day)
