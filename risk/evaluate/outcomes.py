"""Forecast against outcome: sigma known at the close of t, returns of t + 1 to t + H."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from market import TRADING_DAYS, DataError, Market
from market.progress import track
from risk.arrays import Codes, Floats
from risk.evaluate.source import Date, History, Source
from risk.evaluate.today import PortfolioSet


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What was forecast for the portfolios of a set, and what came.

    Attributes
    ----------
    name, horizon
        Of the set; sessions H of an outcome.
    volatility
        Forecast for the next H sessions, date x portfolio, a fraction: ``sqrt(H)`` times the daily one.
    returns
        Sum of the H daily returns at the weights of the date; a stock that does not trade returns 0.
    variance
        Realised variance: sum of the H squared daily returns.
    """

    name: str
    horizon: int
    volatility: pd.DataFrame
    returns: pd.DataFrame
    variance: pd.DataFrame

    @property
    def b(self) -> pd.DataFrame:
        """Outcomes over forecasts; NaN where there is no outcome or no risk was forecast."""
        return self.returns / self.volatility.where(self.volatility > 0.0)

    def between(self, first: Date | None, last: Date | None) -> Outcomes:
        """Return the dates from ``first`` to ``last``, both included."""
        rows = slice(first, last)
        return Outcomes(
            self.name,
            self.horizon,
            self.volatility.loc[rows],
            self.returns.loc[rows],
            self.variance.loc[rows],
        )

    def annual(self) -> pd.DataFrame:
        """Return realised against forecast annual volatility, a row a portfolio.

        ``realised`` is the standard deviation of outcomes, ``forecast`` the root mean square of forecasts
        where there is an outcome, ``ratio`` forecast over realised, ``bias`` the bias statistic, ``n``
        the outcomes.
        """
        there = self.b.notna()
        scale = np.sqrt(TRADING_DAYS / self.horizon)
        realised = scale * self.returns.where(there).std()
        forecast = scale * np.sqrt((self.volatility.where(there) ** 2).mean())
        table = {
            "realised": realised,
            "forecast": forecast,
            "ratio": forecast / realised,
            "bias": self.b.std(),
            "n": there.sum(),
        }
        return pd.DataFrame(table)


def outcomes(
    history: History,
    market: Market,
    sets: Iterable[PortfolioSet],
    horizon: int = 1,
    start: Date | None = None,
    end: Date | None = None,
    progress: bool = False,
) -> dict[str, Outcomes]:
    """Form every set on every date, forecast it, and take the returns that followed.

    Dates are ``horizon`` sessions apart, so that outcomes do not overlap; the last is the one whose
    outcome is whole. All portfolios of a date are done together in factor form.

    Parameters
    ----------
    history
        Any history of risk models.
    market
        The market it was fitted on, or one that reaches further.
    sets
        Portfolio sets, each with its own name.
    horizon
        Sessions of an outcome.
    start, end
        First and last date of a forecast.
    progress
        Show a bar.

    Raises
    ------
    DataError
        No date with a model and an outcome, two sets of one name, a set that needs factor returns or
        residuals of a history without them, or more than 2% of a portfolio outside the model.
    """
    chosen = list(sets)
    names = [each.name for each in chosen]
    if len(set(names)) < len(names):
        raise DataError(f"sets {names} repeat a name; give each its own")
    source = Source.read(history, market, horizon)
    rows = source.rows(start, end)
    ledger = {name: _Ledger() for name in names}
    with threadpool_limits(1, user_api="blas"):
        for row in track(rows, progress, "outcomes", total=len(rows)):
            today = source.today(int(row))
            for each in chosen:
                portfolios = each(today)
                ledger[each.name].add(portfolios.names, *source.settle(int(row), today, portfolios))
    dates = market.dates[rows]
    return {name: Outcomes(name, horizon, *book.frames(dates)) for name, book in ledger.items()}


class _Ledger:
    """Rows of a table whose columns may come and go."""

    def __init__(self) -> None:
        self.place: dict[str, int] = {}
        self.last: tuple[tuple[str, ...], Codes] = ((), np.zeros(0, dtype=int))
        self.entries: list[tuple[Codes, Sequence[Floats]]] = []

    def add(self, names: tuple[str, ...], *values: Floats) -> None:
        if names != self.last[0]:
            at = [self.place.setdefault(name, len(self.place)) for name in names]
            self.last = (names, np.array(at, dtype=int))
        self.entries.append((self.last[1], values))

    def frames(self, dates: pd.DatetimeIndex) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        tables = np.full((3, len(dates), len(self.place)), np.nan)
        for t, (at, values) in enumerate(self.entries):
            tables[:, t, at] = values
        first, second, third = (pd.DataFrame(x, dates, list(self.place)) for x in tables)
        return first, second, third
