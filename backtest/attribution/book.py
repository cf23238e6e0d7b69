"""What a run held on every session, from what its result keeps: shares change at fills alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.metrics import returns as returns_of
from backtest.result import Result
from market import DataError, Market

Array = np.ndarray

SAME = 1e-9  # of net asset value: a larger difference to the run is another market, not rounding

TRADING = "trading"
DELISTING = "delisting"
COST = "cost"
INDEX = "index level against its weights"


@dataclass(frozen=True, eq=False)
class Book:
    """The daily accounts of a run, in fractions of the net asset value at the close before.

    For each of the S sessions after the first decision, exactly,

        return = sum_n (weights * returns + trading + delisting)_n - cost

    Attributes
    ----------
    dates, stocks
        Sessions ``[S]``; the stocks that were ever held or had a weight in the benchmark ``[n]``.
    before
        Sessions at whose close the weights are: the ones before ``dates``.
    weights, benchmark_weights
        At the close before the session ``[S, n]``, after drift; what is missing to one is cash.
    returns
        Close to close, adjusted ``[S, n]``; zero without a price.
    units, marks
        Adjusted shares after the session's trades and their value at its close, CNY ``[S + 1, n]``, with
        the first decision as row 0.
    flow
        Value bought less value sold ``[S, n]``, CNY.
    trading
        What the session's trades gained from their prices to the close ``[S, n]``.
    delisting
        What the haircut took from stocks that left the exchange ``[S, n]``.
    cost
        Charges ``[S]``.
    portfolio, benchmark
        Daily returns ``[S]``.
    nav
        Net asset value at the close before the session, CNY ``[S]``.
    filled
        Rows of ``units`` after fills, increasing.
    """

    dates: pd.DatetimeIndex
    before: pd.DatetimeIndex
    stocks: pd.Index
    weights: Array
    benchmark_weights: Array
    returns: Array
    units: Array
    marks: Array
    flow: Array
    trading: Array
    delisting: Array
    cost: Array
    portfolio: pd.Series
    benchmark: pd.Series
    nav: Array
    filled: Array

    @property
    def active(self) -> Array:
        """Weights less the benchmark's at the close before ``[S, n]``."""
        return self.weights - self.benchmark_weights

    @property
    def index_return(self) -> Array:
        """Return of the benchmark's weights of the close before ``[S]``."""
        return (self.benchmark_weights * self.returns).sum(axis=1)

    @property
    def beside(self) -> pd.DataFrame:
        """What adds to the active return beside ``active * returns``, session x line.

        ``trading``, ``delisting``, ``cost`` (negative), and what the benchmark's weights earned above
        its level: dividends, which a price index leaves out, and the error of the weights.
        """
        lines = {
            TRADING: self.trading.sum(axis=1),
            DELISTING: self.delisting.sum(axis=1),
            COST: -self.cost,
            INDEX: self.index_return - self.benchmark.to_numpy(),
        }
        return pd.DataFrame(lines, index=self.dates)


def book(result: Result, market: Market) -> Book:
    """Return the daily accounts of a run.

    Parameters
    ----------
    result
        A run with a benchmark.
    market
        The market it was run on; one with more sessions will do.

    Raises
    ------
    ValueError
        The run has no benchmark.
    DataError
        The market has other sessions, lacks a stock, has no weights of the benchmark, or does not lead
        to the net asset values of the run; names the first session that differs.
    """
    active = result.active  # a run without a benchmark says so here
    rows = _rows(result, market)
    weight = market.values(f"weight:{result.config['benchmark']}")[rows]
    _check_benchmark(result, weight)
    held = _held(result, market)
    columns = np.flatnonzero((weight > 0.0).any(axis=0) | held)
    stocks = market.stocks[columns]
    marks = _marks(market, rows, columns)
    nav = result.nav.to_numpy() * float(result.config["capital"])
    filled = result.nav.index.get_indexer(result.weights.index)
    units = _units(result, stocks, marks, nav, filled)
    worth = units * np.nan_to_num(marks)
    _check_nav(result, nav, worth)
    change = np.nan_to_num(np.diff(marks, axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = np.where(marks[:-1] > 0.0, change / marks[:-1], 0.0)
    flow, left = _flows(result, stocks, worth)
    traded = np.diff(worth, axis=0) - units[:-1] * change - flow
    base, portfolio = nav[:-1, None], returns_of(result.nav).rename("portfolio")
    return Book(
        dates=pd.DatetimeIndex(active.index),
        before=pd.DatetimeIndex(result.nav.index[:-1]),
        stocks=stocks,
        weights=worth[:-1] / base,
        benchmark_weights=weight[:-1, columns].astype(np.float64),
        returns=returns,
        units=units,
        marks=marks,
        flow=flow,
        trading=(traded - left) / base,
        delisting=left / base,
        cost=result.cost_rate().to_numpy(),
        portfolio=portfolio,
        benchmark=(portfolio - active).rename("benchmark"),
        nav=nav[:-1],
        filled=filled,
    )


def _rows(result: Result, market: Market) -> slice:
    """Return the rows of the run's sessions in the market."""
    dates = result.nav.index
    first = market.row(dates[0])
    rows = slice(first, first + len(dates))
    if not market.dates[rows].equals(pd.DatetimeIndex(dates)):
        known = market.dates.isin(dates).sum()
        raise DataError(
            f"the run has {len(dates)} sessions from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, the "
            f"market {known} of them; give the market that it was run on"
        )
    return rows


def _check_benchmark(result: Result, weight: Array) -> None:
    """Make sure that the benchmark has weights at every close that precedes a session."""
    lacking = np.flatnonzero(~(weight[:-1] > 0.0).any(axis=1))
    if len(lacking):
        raise DataError(
            f"benchmark {result.config['benchmark']} has no weights on {len(lacking)} sessions of the "
            f"run, first {result.nav.index[lacking[0]]:%Y-%m-%d}; run from the first date with weights"
        )


def _held(result: Result, market: Market) -> Array:
    """Tell which stocks of the market the run ever held ``[N]``."""
    held = result.weights.columns
    unknown = held.difference(market.stocks)
    if len(unknown):
        raise DataError(
            f"{len(unknown)} stocks of the run are not in the market, first {unknown[0]}; give the "
            "market that it was run on"
        )
    return np.asarray(market.stocks.isin(held))


def _marks(market: Market, rows: slice, columns: Array) -> Array:
    """Return what a unit is worth at each close ``[S + 1, n]``, CNY, as the run reckoned it."""
    close, factor = (market.values(name)[rows][:, columns] for name in ("close_filled", "factor"))
    return close.astype(np.float64) * factor


def _units(result: Result, stocks: pd.Index, marks: Array, nav: Array, filled: Array) -> Array:
    """Return adjusted shares after each session ``[S + 1, n]``: those of the last fills, less delistings."""
    weights = result.weights.reindex(columns=stocks, fill_value=0.0).to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        bought = np.where(weights > 0.0, weights * nav[filled, None] / marks[filled], 0.0)
    table = np.vstack([np.zeros(len(stocks)), bought])
    last = np.searchsorted(filled, np.arange(len(nav)), side="right")
    units = table[last]
    gone = result.trades[result.trades["side"] == "delisted"]
    ends = np.append(filled, len(nav))
    places = _places(result, gone, stocks)
    for row, column in zip(*places, strict=True):
        units[row : ends[np.searchsorted(filled, row, side="right")], column] = 0.0
    return units


def _flows(result: Result, stocks: pd.Index, worth: Array) -> tuple[Array, Array]:
    """Return value bought less sold, and what delistings took ``[S, n]``, CNY."""
    flow, left = np.zeros_like(worth[1:]), np.zeros_like(worth[1:])
    for side, sign in (("buy", 1.0), ("sell", -1.0), ("delisted", -1.0)):
        trades = result.trades[result.trades["side"] == side]
        row, column = _places(result, trades, stocks)
        value = trades["value"].to_numpy()
        np.add.at(flow, (row - 1, column), sign * value)
        if side == "delisted":
            left[row - 1, column] = value - worth[row - 1, column]
    return flow, left


def _places(result: Result, trades: pd.DataFrame, stocks: pd.Index) -> tuple[Array, Array]:
    """Return the row and the column of each trade."""
    rows = result.nav.index.get_indexer(pd.DatetimeIndex(trades["date"]))
    return rows, stocks.get_indexer(pd.Index(trades["stock"]))


def _check_nav(result: Result, nav: Array, worth: Array) -> None:
    """Make sure that cash and holdings make the net asset values of the run."""
    away = np.abs(result.cash.to_numpy() + worth.sum(axis=1) / nav - 1.0)
    wrong = np.flatnonzero(~(away <= SAME))
    if len(wrong):
        raise DataError(
            f"cash and holdings differ from the net asset value on {len(wrong)} sessions, first "
            f"{result.nav.index[wrong[0]]:%Y-%m-%d} by {away[wrong[0]]:.2e} of it; give the market that "
            "the run was made on"
        )
