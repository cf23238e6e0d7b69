"""A stretch of sessions to describe, with the trailing rows that descriptors need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from risk.arrays import Bools, Floats
from risk.descriptors import analysts, statements, value, volatility


@dataclass(frozen=True, eq=False)
class Block:
    """Raw arrays ``[M, N]`` whose last ``size`` rows are described; the rest is their trailing window.

    Attributes
    ----------
    size
        Rows to describe.
    dates
        Sessions ``[M]``.
    returns, market
        Simple returns, and that of the estimation universe ``[M]``.
    estu
        Estimation universe.
    fields
        What the market offers, in float32: ``cap``, ``turnover`` and the names that descriptors need;
        ``industry`` in codes, -1 none.
    """

    size: int
    dates: pd.DatetimeIndex
    returns: Floats
    market: Floats
    estu: Bools
    fields: Mapping[str, Floats]

    @cached_property
    def logs(self) -> Floats:
        """Log returns."""
        return np.log1p(self.returns)

    @cached_property
    def market_model(self) -> volatility.MarketModel:
        """Regression on the market over a year."""
        return volatility.market_model(self.returns, self.market, self.size)

    @cached_property
    def turnover(self) -> Floats:
        """Share of the float traded."""
        return self.whole("turnover")

    @cached_property
    def market_turnover(self) -> Floats:
        """Turnover of the estimation universe ``[M]``, weighted by market value."""
        held = self.estu & np.isfinite(self.fields["turnover"])
        weight = np.where(held, self.fields["cap"], 0.0).astype(np.float64)
        total = np.sum(weight * np.where(held, self.turnover, 0.0), axis=1)
        mass = weight.sum(axis=1)
        return np.divide(total, mass, out=np.full(len(mass), np.nan), where=mass > 0.0)

    @cached_property
    def style_portfolios(self) -> Floats:
        """Market, size and value portfolios of the universe ``[M, 3]``."""
        book = self.fields["book_equity"]
        return volatility.style_portfolios(
            self.returns, self.fields["cap"], book, self.estu, self.market
        )

    @cached_property
    def forward_income(self) -> Floats:
        """Forecast income of the coming twelve months ``[M, N]``."""
        this = self.whole("forecast_income_this_year")
        following = self.whole("forecast_income_next_year")
        return analysts.forward_income(this, following, self.dates)

    def whole(self, name: str) -> Floats:
        """Return all rows of a field, float64."""
        return self.fields[name].astype(np.float64)

    def last(self, name: str) -> Floats:
        """Return the described rows of a field, float64."""
        return self.fields[name][-self.size :].astype(np.float64)

    def or_zero(self, name: str) -> Floats:
        """Return the described rows of an item that is zero unless reported."""
        if name not in self.fields:
            return np.zeros((self.size, self.returns.shape[1]))
        return np.nan_to_num(self.last(name))

    def to_cap(self, name: str) -> Floats:
        """Return a field over market value."""
        return value.ratio(self.last(name), self.last("cap"))

    def years(self, name: str, count: int = 5) -> list[Floats]:
        """Return the described rows of fiscal years 1 (newest) to ``count``, as stored."""
        return [self.fields[f"{name}_fy{k}"][-self.size :] for k in range(1, count + 1)]

    def stack(self, name: str, count: int) -> Floats:
        """Return fiscal years as one float64 array ``[count, size, N]``."""
        return np.stack(self.years(name, count)).astype(np.float64)

    def growth(self, name: str) -> Floats:
        """Return the growth of an item per share; of the company where share counts are unknown."""
        if "shares_fy1" not in self.fields:
            return statements.when_new(statements.growth, self.years(name))

        def per_share(stacked: Floats) -> Floats:
            return statements.growth(value.ratio(stacked[:5], stacked[5:]))

        return statements.when_new(per_share, [*self.years(name), *self.years("shares")])
