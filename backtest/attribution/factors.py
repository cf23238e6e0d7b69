"""Active return by factor: what the portfolio was exposed to, times what that earned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd

from backtest.attribution.book import Book, book
from backtest.attribution.linking import Attribution
from backtest.result import Result
from market import DataError, Market
from market.progress import track

Array = np.ndarray

SPECIFIC = "specific"
DRIFT = "drift"


class Exposed(Protocol):
    """Exposures of one date, stock x factor; ``RiskModel`` is one."""

    @property
    def exposures(self) -> pd.DataFrame:
        """Known after the close of the date."""


class Factors(Protocol):
    """A factor model through time; ``RiskHistory`` is one."""

    @property
    def factor_returns(self) -> pd.DataFrame:
        """Daily, date x factor; those of t belong to the exposures of the session before."""

    def at(self, date: pd.Timestamp) -> Exposed:
        """Return the exposures known after the close of a session."""


@dataclass(frozen=True, eq=False)
class FactorFrames:
    """A factor model given as two frames.

    Attributes
    ----------
    loadings
        Exposures: rows (date, stock), columns factors.
    factor_returns
        Daily, date x factor.
    """

    loadings: pd.DataFrame
    factor_returns: pd.DataFrame

    def __post_init__(self) -> None:
        odd = self.loadings.columns.symmetric_difference(self.factor_returns.columns)
        if len(odd):
            raise DataError(
                f"{len(odd)} factors have either exposures or returns but not both, first {odd[0]}; give "
                "both for each factor"
            )

    def at(self, date: pd.Timestamp) -> Exposed:
        """Return the exposures of a date; a ``DataError`` names one that has none."""
        if date not in self._rows:
            dates = self.loadings.index.get_level_values(0)
            raise DataError(
                f"there are no exposures for {date:%Y-%m-%d}; they run from {dates.min():%Y-%m-%d} to "
                f"{dates.max():%Y-%m-%d}: give each session of the run its rows"
            )
        return _Day(self.loadings.iloc[self._rows[date]].droplevel(0))

    @cached_property
    def _rows(self) -> Mapping[object, Array]:
        """Positions of the rows of each date, found once."""
        found = self.loadings.groupby(level=0).indices
        return {date: np.asarray(rows) for date, rows in found.items()}


@dataclass(frozen=True, eq=False)
class _Day:
    exposures: pd.DataFrame


@dataclass(frozen=True, eq=False, repr=False)
class FactorAttribution(Attribution):
    """Active return by factor; see ``factor``.

    Attributes
    ----------
    exposures
        Active exposures at the close before each session, session x factor, as reached at the last
        fills.
    uncovered
        Absolute active weight of stocks that the model lacked then; their return is ``specific``.
    """

    exposures: pd.DataFrame
    uncovered: pd.Series


def factor(
    result: Result, market: Market, factors: Factors, progress: bool = False
) -> FactorAttribution:
    """Take the active return of a run apart by factor.

    On each session, with a the active weights (of the portfolio less the benchmark) as reached at the
    close of the last fills, X the exposures at the close before and f the factor returns,

        active return = sum_k (X'a)_k f_k + specific + drift + trading + delisting + cost + index line

    ``specific`` is a'(r - X f), ``drift`` the return of what the active weights have changed since the
    fills by themselves, ``trading`` what the session's trades gained from their prices to the close,
    ``cost`` the charges, and the last line what the benchmark's weights earned above its level.

    Parameters
    ----------
    result
        A run with a benchmark.
    market
        The market it was run on.
    factors
        A ``risk.RiskHistory``, or ``FactorFrames``.
    progress
        Show a bar.

    Raises
    ------
    DataError
        A session without factor returns or exposures, a gap in exposures, a factor that is called like
        another line, or as ``book``.

    Examples
    --------
    >>> attribution.factor(result, world, history).total()  # doctest: +SKIP
    """
    days = book(result, market)
    given = factors.factor_returns
    lacking = days.dates.difference(pd.DatetimeIndex(given.index))
    if len(lacking):
        raise DataError(
            f"there are no factor returns on {len(lacking)} of {len(days.dates)} sessions, first "
            f"{lacking[0]:%Y-%m-%d}; fit the model over the whole run"
        )
    # a factor that did not exist, or of too few stocks to estimate, earned nothing
    earned = given.loc[days.dates].fillna(0.0)
    names, active, beside = given.columns, base_active(days), days.beside
    taken = names.intersection(pd.Index([SPECIFIC, DRIFT, *beside.columns]))
    if len(taken):
        raise DataError(f"factor {taken[0]} is called like a line of its own here; rename it")
    exposed = np.zeros((len(days.dates), len(names)))
    uncovered = np.zeros(len(days.dates))
    for k in track(range(len(days.dates)), progress, "attribution", len(days.dates)):
        x, uncovered[k] = _exposure(factors, days, k, active[k])
        exposed[k] = x.reindex(names, fill_value=0.0).to_numpy()
    parts = pd.DataFrame(exposed * earned.to_numpy(), index=days.dates, columns=names)
    held = (active * days.returns).sum(axis=1)
    parts[SPECIFIC] = held - parts.to_numpy().sum(axis=1)
    parts[DRIFT] = ((days.active - active) * days.returns).sum(axis=1)
    return FactorAttribution(
        daily=parts.join(beside),
        portfolio=days.portfolio,
        benchmark=days.benchmark,
        exposures=pd.DataFrame(exposed, index=days.dates, columns=names),
        uncovered=pd.Series(uncovered, index=days.dates, name="uncovered"),
    )


def base_active(days: Book) -> Array:
    """Return for each session the active weights at the close of the last fills before it ``[S, n]``."""
    starts = np.union1d([0], days.filled[days.filled < len(days.dates)])
    last = np.searchsorted(starts, np.arange(len(days.dates)), side="right") - 1
    return days.active[starts[last]]


def _exposure(factors: Factors, days: Book, k: int, active: Array) -> tuple[pd.Series, float]:
    """Return X'a over the stocks that the model covers, and the absolute active weight of the rest."""
    exposures = factors.at(days.before[k]).exposures
    concerned = np.flatnonzero(active)
    place = exposures.index.get_indexer(days.stocks[concerned])
    covered = place >= 0
    X = exposures.to_numpy(dtype=np.float64)[place[covered]]
    gaps = np.argwhere(~np.isfinite(X))
    if len(gaps):
        row, column = gaps[0]
        raise DataError(
            f"{len(gaps)} exposures are missing on {days.before[k]:%Y-%m-%d}, first of "
            f"{exposures.index[place[covered][row]]} to {exposures.columns[column]}; leave a stock out "
            "that has none"
        )
    outside = float(np.abs(active[concerned[~covered]]).sum())
    return pd.Series(X.T @ active[concerned[covered]], index=exposures.columns), outside
