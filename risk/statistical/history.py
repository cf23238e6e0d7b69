"""Statistical risk models through time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from market import DataError, Market
from risk.model import RiskModel
from risk.statistical.panel import Panel, complete
from risk.statistical.sample import METHODS, sample_model

KEPT = 8  # estimates held at once; one model of 300 stocks is a megabyte


@dataclass(frozen=True)
class Statistical:
    """A risk model from the returns of a trailing window, estimated anew every ``refresh`` sessions.

    Parameters
    ----------
    method
        One of ``risk.statistical.METHODS``; see ``sample_model``.
    window
        Sessions of returns: 252 or 504 are usual.
    refresh
        Sessions between estimates. In between the last one holds, on the stocks of the day.
    factors
        For apca and poet; None chooses by IC2 at every estimate.
    allowed
        Share of the window that a stock may have missed; see ``complete``. Stocks with more gaps are not
        covered, and ``StatisticalHistory.panel`` lists them.

    Examples
    --------
    >>> history = Statistical("poet").fit(world, index="csi300")  # doctest: +SKIP
    >>> history.at("2020-06-30").volatility(weights)  # doctest: +SKIP
    """

    method: str = "nonlinear"
    window: int = 252
    refresh: int = 21
    factors: int | None = None
    allowed: float = 0.1

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r} is unknown; use one of {list(METHODS)}")
        if self.window < 21 or self.refresh < 1:
            raise ValueError(
                f"window is {self.window} and refresh {self.refresh} sessions; use at least 21 and 1"
            )
        if not 0.0 <= self.allowed <= 0.5:
            raise ValueError(f"allowed is {self.allowed}; use a share between 0 and 0.5")

    def fit(
        self, market: Market, index: str | None = None, stocks: Iterable[str] | None = None
    ) -> StatisticalHistory:
        """Prepare the models of a market; each is estimated when it is first asked for.

        Parameters
        ----------
        market
            Returns, and the index.
        index
            Cover the members of the day.
        stocks
            Cover these. Without ``index`` and ``stocks``: all that traded within the window.

        Raises
        ------
        DataError
            The market is shorter than the window, or lacks the index or a stock.
        ValueError
            Both ``index`` and ``stocks``.
        """
        if index is not None and stocks is not None:
            raise ValueError("both index and stocks are given; give one, or none for all stocks")
        if len(market.dates) <= self.window:
            raise DataError(
                f"market has {len(market.dates)} sessions from {market.dates[0]:%Y-%m-%d}; a window of "
                f"{self.window} returns needs {self.window + 1}: give a longer market"
            )
        chosen = np.ones((1, len(market.stocks)), dtype=bool)
        if index is not None:
            chosen = market.index(index).member
        elif stocks is not None:
            chosen = _mask(market.stocks, stocks)
        return StatisticalHistory(self, market.dates, market.returns(), chosen)


@dataclass(frozen=True, eq=False)
class StatisticalHistory:
    """Models by date: that of t uses returns up to the close of t only.

    Attributes
    ----------
    config
        The settings.
    sessions
        Of the market.
    returns
        ``[T, N]``, NaN where not traded.
    universe
        Stocks to cover, bool ``[T, N]``; ``[1, N]`` if the same on all dates.
    """

    config: Statistical
    sessions: pd.DatetimeIndex
    returns: pd.DataFrame
    universe: np.ndarray
    _models: dict[tuple[int, bytes], RiskModel] = field(default_factory=dict, repr=False)

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Sessions that have a model: all with a window of returns, the first row of a market having none."""
        return self.sessions[self.config.window :]

    def at(self, date: pd.Timestamp | str) -> RiskModel:
        """Return the model known after the close of a session.

        Raises
        ------
        DataError
            No such session, one before the first window, or no stock with enough history.
        """
        row = self._row(date)
        key = (self._refreshed(row), self._chosen(row).tobytes())
        if key not in self._models:
            while len(self._models) >= KEPT:
                del self._models[next(iter(self._models))]
            config = self.config
            panel = self.panel(date)
            self._models[key] = sample_model(panel.returns, config.method, config.factors)
        return replace(self._models[key], date=self.sessions[row])

    def panel(self, date: pd.Timestamp | str) -> Panel:
        """Return the returns behind a model: what was filled, and which stocks were left out."""
        row = self._row(date)
        last = self._refreshed(row) + 1
        window = self.returns.iloc[last - self.config.window : last, self._chosen(row)]
        return complete(window, self.config.allowed)

    def _chosen(self, row: int) -> np.ndarray:
        """Positions of the stocks to cover ``[N]`` bool: without those that never traded in the window."""
        wanted = self.universe[min(row, len(self.universe) - 1)]
        if len(self.universe) > 1:
            return wanted
        last = self._refreshed(row) + 1
        window = self.returns.to_numpy()[last - self.config.window : last]
        return wanted & np.isfinite(window).any(axis=0)

    def _refreshed(self, row: int) -> int:
        """Row of the last estimate: the first window's end and every ``refresh`` sessions after it."""
        first = self.config.window
        return first + (row - first) // self.config.refresh * self.config.refresh

    def _row(self, date: pd.Timestamp | str) -> int:
        stamp = pd.Timestamp(date)
        dates = self.dates
        if stamp not in dates:
            raise DataError(
                f"there is no risk model for {stamp:%Y-%m-%d}; models exist for the sessions from "
                f"{dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}; see history.dates"
            )
        return int(self.sessions.get_indexer(pd.DatetimeIndex([stamp]))[0])

    def __repr__(self) -> str:
        """Two lines for a notebook."""
        dates, config = self.dates, self.config
        return (
            f"StatisticalHistory of {len(dates)} models, {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}\n"
            f"  {config.method}, window {config.window}, refreshed every {config.refresh} sessions"
        )


def _mask(grid: pd.Index, stocks: Iterable[str]) -> np.ndarray:
    """Positions of named stocks on the grid ``[1, N]`` bool."""
    wanted = pd.Index(list(stocks))
    unknown = wanted[grid.get_indexer(wanted) < 0]
    if len(unknown):
        raise DataError(
            f"market lacks {len(unknown)} of {len(wanted)} stocks, first {list(unknown[:5])}; "
            "choose among market.stocks"
        )
    return np.asarray(grid.isin(wanted))[None]
