"""A history and a market as arrays: what a date may know, and what followed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from market import DataError, Market
from risk.arrays import Codes, Floats
from risk.evaluate.today import Portfolios, Today
from risk.model import RiskModel

Date = pd.Timestamp | str


class History(Protocol):
    """A model a date. ``factor_returns`` and ``residuals`` are asked for only by the sets that need them."""

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Sessions with a model."""
        ...

    def at(self, date: Date) -> RiskModel:
        """Return the model known after the close of a session."""
        ...


@dataclass(frozen=True, eq=False)
class Source:
    """Daily returns of stocks, factors and residuals on the grid of the market, and its risk models.

    ``returns``, ``cap`` and ``specific`` are ``[T, N]`` float32; ``factors`` ``[T, K]`` with its
    ``columns``; ``weights`` index name to ``[T, N]``. What the history lacks is None.
    """

    history: History
    market: Market
    horizon: int
    returns: Floats
    cap: Floats
    weights: Mapping[str, Floats]
    specific: Floats | None
    factors: Floats | None
    columns: pd.Index

    @classmethod
    def read(cls, history: History, market: Market, horizon: int) -> Source:
        """Lay a history on the grid of a market."""
        if horizon < 1:
            raise DataError(f"horizon {horizon} is not a number of sessions; use 1 or more")
        factors: Any = getattr(history, "factor_returns", None)
        residuals: Any = getattr(history, "residuals", None)
        grid = {"index": market.dates, "columns": market.stocks}
        return cls(
            history=history,
            market=market,
            horizon=horizon,
            returns=market.values("returns"),
            cap=market.values("cap"),
            weights={name: market.values(f"weight:{name}") for name in market.indexes},
            specific=None if residuals is None else residuals.reindex(**grid).to_numpy(),
            factors=None if factors is None else factors.reindex(index=market.dates).to_numpy(),
            columns=pd.Index([]) if factors is None else factors.columns,
        )

    def rows(self, start: Date | None, end: Date | None) -> Codes:
        """Sessions to judge: every ``horizon``-th with a model and a whole outcome."""
        dates = self.history.dates
        span = dates[dates.slice_indexer(start, end)]
        found = self.market.dates.get_indexer(span)
        found = found[(found >= 0) & (found + self.horizon < len(self.market.dates))]
        if not len(found):
            raise DataError(
                f"no date from {start} to {end} has a model and {self.horizon} sessions after it; models "
                f"exist from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, the market ends "
                f"{self.market.dates[-1]:%Y-%m-%d}"
            )
        # steps are counted in sessions of the market, so a date without a model shifts nothing
        steps = np.arange(found[0], found[-1] + 1, self.horizon)
        return steps[np.isin(steps, found)]

    def today(self, row: int) -> Today:
        """Return what is known after the close of a session."""
        model = self.history.at(self.market.dates[row])
        held = self.market.stocks.get_indexer(model.stocks)
        if (held < 0).any():
            lost = model.stocks[held < 0]
            raise DataError(
                f"{len(lost)} stocks of the risk model of {model.date:%Y-%m-%d} are not in the market, "
                f"first {list(lost[:5])}; give the market it was fitted on"
            )
        return Today(
            model=model,
            x=model.exposures.to_numpy(),
            f=model.factor_covariance.to_numpy(),
            d=model.specific_variance.to_numpy(),
            held=held,
            width=len(self.market.stocks),
            cap=np.nan_to_num(self.cap[row, held].astype(np.float64)),
            traded=np.isfinite(self.returns[row, held]),
            indexes={name: _scaled(w[row, held]) for name, w in self.weights.items()},
        )

    def settle(
        self, row: int, today: Today, portfolios: Portfolios
    ) -> tuple[Floats, Floats, Floats]:
        """Return forecast volatility, return and realised variance of each portfolio ``[P]``."""
        ahead = slice(row + 1, row + 1 + self.horizon)
        if portfolios.on == "specific":
            daily = self._needed(self.specific, "residuals")[ahead][:, today.held].T.astype(float)
            forecast = today.d
        elif portfolios.on == "factors":
            w = _given(portfolios, today.x.shape[1])
            columns = self.columns.get_indexer(today.model.factors)
            made = self._needed(self.factors, "factor_returns")[ahead][:, columns]
            # a factor that never had a return has no column: -1 would take the last one's
            daily = _combine(w, np.where(columns >= 0, made, np.nan))
            forecast = np.sum((w @ today.f) * w, axis=1)
        else:
            w = _given(portfolios, len(today.held))
            daily = w @ np.nan_to_num(self.returns[ahead][:, today.held].T.astype(np.float64))
            x = w @ today.x
            forecast = np.sum((x @ today.f) * x, axis=1) + (w * w) @ today.d
        # a factor or a residual missing on one of the days leaves no outcome
        return np.sqrt(self.horizon * forecast), daily.sum(axis=1), (daily**2).sum(axis=1)

    def _needed(self, values: Floats | None, what: str) -> Floats:
        if values is None:
            raise DataError(
                f"{type(self.history).__name__} has no {what}; leave out the sets that ask for them"
            )
        return values


def _given(portfolios: Portfolios, width: int) -> Floats:
    if portfolios.weights is None or portfolios.weights.shape != (len(portfolios.names), width):
        shape = None if portfolios.weights is None else portfolios.weights.shape
        raise DataError(
            f"portfolios on {portfolios.on} have weights {shape}; give one row for each of the "
            f"{len(portfolios.names)} names and {width} columns"
        )
    return portfolios.weights


def _combine(weights: Floats, made: Floats) -> Floats:
    """Daily returns ``[P, H]`` of factor portfolios; NaN where a factor with weight has no return."""
    missing = ~np.isfinite(made)
    daily = weights @ np.where(missing, 0.0, made).T
    if missing.any():
        daily[(np.abs(weights) > 1e-12) @ missing.T.astype(float) > 0.0] = np.nan
    return daily


def _scaled(weight: Floats) -> Floats:
    weight = np.nan_to_num(weight.astype(np.float64))
    return weight / max(weight.sum(), 1e-300)
