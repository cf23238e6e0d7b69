"""Statements by item and fiscal year, analysts and holders: what a full set of fundamentals would hold.

Everything is made from a few annual tables ``[years, N]``: a row for each annual report of the sample and
five for the years before it. A session shows the newest year whose report is out. Names and units are
those that the risk model's descriptors read; nothing here moves a price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

Array = np.ndarray

YEARS = 5  # fiscal years that a session shows
_SPRING = (3, 4)  # months in which annual reports come out
_RATIOS = {"sales": 1.2, "capex": 0.08, "depreciation": 0.05, "cost_of_sales": 0.85, "ebit": 0.13}
_ALWAYS = ("net_income", "sales")  # items whose fiscal years every simulated market shows
_MONTH = 21


class Filings:
    """Annual tables of a simulated market, and how a session reads them.

    Parameters
    ----------
    rng
        Draws the companies' ratios and the years before the sample.
    dates
        Sessions ``[T]``.
    announced
        Sessions on which each company reports ``[T, N]`` bool; the one in spring is the annual report.
    reported
        ``book_equity``, ``net_income`` and ``debt_to_assets`` as known at the close ``[T, N]``.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        dates: pd.DatetimeIndex,
        announced: Array,
        reported: Mapping[str, Array],
    ) -> None:
        self._rng = rng
        annual = announced & np.isin(dates.month, _SPRING)[:, None]
        self._out = np.cumsum(annual, axis=0, dtype=np.int8)
        self._rows = _report_rows(annual)
        self.tables = self._items(reported)

    def fields(self, listed: Array) -> dict[str, Callable[[], Array]]:
        """Return the fields that every simulated market has, made when first read."""
        return {
            f"{item}_fy{k}": self._year(item, k, listed)
            for item in _ALWAYS
            for k in range(1, YEARS + 1)
        }

    def all_fields(
        self, listed: Array, stored: Mapping[str, Array]
    ) -> dict[str, Callable[[], Array]]:
        """Return every field of statements, analysts and holders, made when first read."""
        made: dict[str, Callable[[], Array]] = {
            f"{item}_fy{k}": self._year(item, k, listed)
            for item in self.tables
            for k in range(1, YEARS + 1)
        }
        flows = ("sales", "cost_of_sales", "ebit", "depreciation", "operating_cash_flow")
        made |= {item: made[f"{item}_fy1"] for item in (*flows, "investing_cash_flow")}
        made |= self._balance(stored)
        return made | self._outside(listed, stored)

    def _items(self, reported: Mapping[str, Array]) -> dict[str, Array]:
        """Draw the annual tables ``[years, N]``, oldest year first."""
        book = self._annual(reported["book_equity"], grown=True)
        years, stocks = book.shape
        items = {"book_equity": book}
        for name, usual in _RATIOS.items():
            own = usual * np.exp(0.5 * self._rng.normal(size=stocks))
            items[name] = book * own * np.exp(0.12 * self._rng.normal(size=(years, stocks)))
        items["cost_of_sales"] = items["sales"] * np.clip(
            0.75 + 0.12 * self._rng.normal(size=(years, stocks)), 0.2, 0.98
        )
        income = self._annual(reported["net_income"], grown=False)
        income[: YEARS - 1] *= 1.0 + 0.3 * self._rng.normal(size=(YEARS - 1, stocks))
        items["net_income"] = income
        surprise = 0.03 * book * self._rng.normal(size=(years, stocks))
        items["operating_cash_flow"] = income + items["depreciation"] + surprise
        items["investing_cash_flow"] = -items["capex"]
        debt = self._annual(reported["debt_to_assets"], grown=False)
        items["total_assets"] = book / (1.0 - debt)
        items["total_liabilities"] = items["total_assets"] - book
        items["total_debt"] = 0.5 * items["total_liabilities"]
        items["cash"] = items["total_assets"] * self._rng.uniform(0.05, 0.3, (years, stocks))
        issued = np.abs(0.03 * self._rng.normal(size=(years, stocks)))
        items["shares"] = 1e9 * np.exp(np.cumsum(issued, axis=0))
        return items

    def _annual(self, field: Array, grown: bool) -> Array:
        """Take a field at the annual reports; lead up to its first value over the years before."""
        column = np.arange(field.shape[1])
        inside = field[np.minimum(self._rows, len(field) - 1), column]
        growth = 1.0 + np.clip(self._rng.normal(0.08, 0.08, field.shape[1]), -0.1, 0.4)
        back = np.arange(YEARS - 1, -1, -1)[:, None] * (1.0 if grown else 0.0)
        return np.vstack([field[0] / growth**back, inside])

    def _year(self, item: str, year: int, listed: Array) -> FiscalYear:
        return FiscalYear(self.tables[item], self._out, year, listed)

    def _balance(self, stored: Mapping[str, Array]) -> dict[str, Callable[[], Array]]:
        """Balance sheets of the day's report, by the company's usual shares of the whole."""
        book, debt = stored["book_equity"], stored["debt_to_assets"]
        spread = self._rng.uniform(1.0, 1.6, (3, book.shape[1]))
        owed: dict[str, Array] = {
            "current_liabilities": 0.5 * spread[0],
            "long_term_debt": 0.05 * spread[1],
            "total_debt": 0.3 * spread[2],
            "total_liabilities": np.ones(book.shape[1]),
        }
        held: dict[str, Array] = {"total_assets": np.ones(book.shape[1])}
        held["cash"] = self._rng.uniform(0.05, 0.3, (book.shape[1],))
        of_debt = {name: partial(_of_debt, book, debt, x) for name, x in owed.items()}
        return of_debt | {name: partial(_of_assets, book, debt, x) for name, x in held.items()}

    def _outside(
        self, listed: Array, stored: Mapping[str, Array]
    ) -> dict[str, Callable[[], Array]]:
        """What others say of a company, new every month: forecasts, analysts, holders."""
        shape = (len(listed) // _MONTH + 1, listed.shape[1])
        rng, stocks = self._rng, shape[1]
        followers = rng.poisson(np.exp(1.0 + rng.normal(size=stocks)), size=shape)
        opinion = np.cumsum(0.05 * rng.normal(size=shape), axis=0)
        opinion[followers == 0] = np.nan
        said = opinion - opinion  # zero where somebody follows the company
        state = np.where(rng.random(stocks) < 0.3, rng.uniform(0.2, 0.7, stocks), 0.0)
        tables = {
            "analysts": followers.astype(np.float64),
            "forecast_growth_long": said + 0.1 + 0.05 * rng.normal(size=shape),
            "forecast_growth_short": said + 0.1 + 0.05 * rng.normal(size=shape),
            "upgrades": said + rng.poisson(0.3, size=shape),
            "downgrades": said + rng.poisson(0.3, size=shape),
            "state_share": np.broadcast_to(state, shape),
            "fund_share": np.clip(0.08 + 0.05 * rng.normal(size=shape), 0.0, None),
        }
        income, paid = stored["net_income"], stored["dividends_12m"]
        return {
            **{name: Monthly(table, listed) for name, table in tables.items()},
            "forecast_income_this_year": Monthly(np.expm1(opinion + 0.05), listed, income, 1.0),
            "forecast_income_next_year": Monthly(np.expm1(opinion + 0.15), listed, income, 1.0),
            "forecast_income_deviation": Monthly(0.1 * np.exp(opinion), listed, income),
            "forecast_dividends": Monthly(np.expm1(opinion), listed, paid, 1.0),
        }


@dataclass(frozen=True, eq=False)
class FiscalYear:
    """Reads fiscal year ``year``, 1 the newest whose report is out, from an annual table."""

    table: Array  # [years, N]
    out: Array  # [T, N] annual reports of the sample that are out
    year: int
    listed: Array

    def __call__(self) -> Array:
        values = np.take_along_axis(self.table, self.out + np.int16(YEARS - self.year), axis=0)
        return np.where(self.listed, values, np.nan).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Monthly:
    """Spreads a monthly table over the sessions, as it is or as a share of the size of a base.

    ``level * base + table * abs(base)``: a forecast is the income known plus a share of it.
    """

    table: Array  # [months, N]
    listed: Array
    base: Array | None = None
    level: float = 0.0

    def __call__(self) -> Array:
        values = self.table[np.arange(len(self.listed)) // _MONTH]
        if self.base is not None:
            values = self.level * self.base + values * np.abs(self.base)
        return np.where(self.listed, values, np.nan).astype(np.float32)


def _of_assets(book: Array, debt: Array, share: Array) -> Array:
    return (book / (1.0 - debt) * share).astype(np.float32)


def _of_debt(book: Array, debt: Array, share: Array) -> Array:
    return (book / (1.0 - debt) * debt * share).astype(np.float32)


def _report_rows(annual: Array) -> Array:
    """Rows of each company's annual reports ``[years, N]``, the last row where there are fewer."""
    order = np.sort(np.where(annual, np.arange(len(annual))[:, None], len(annual) - 1), axis=0)
    return order[: int(annual.sum(axis=0).max(initial=0))]
