"""What a policy may see at one rebalance, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from market.costs import Costs
from market.errors import DataError
from market.panel import Market


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of the world and of the account after the close of ``date``.

    Attributes
    ----------
    date
        The rebalance session.
    market
        The market until ``date``: later rows do not exist in it.
    holdings
        Weights of net asset value after drift, stocks that are held only.
    cash
        Fraction of net asset value.
    capital
        Net asset value, CNY.
    can_buy, can_sell
        Forecast for the next session by stock ``[N]``, bool, from the state at this close: suspended
        stocks trade neither way, a close at the upper (lower) limit cannot be bought (sold).
    costs
        The charges that the account will pay.
    benchmark
        Name of the index the run is measured against, if any.
    """

    date: pd.Timestamp
    market: Market
    holdings: pd.Series
    cash: float
    capital: float
    can_buy: pd.Series
    can_sell: pd.Series
    costs: Costs
    benchmark: str | None = None

    @property
    def benchmark_weights(self) -> pd.Series:
        """Weights of the benchmark at this close; see ``Index.weights_on``."""
        if self.benchmark is None:
            raise DataError(
                f"the run has no benchmark on {self.date:%Y-%m-%d}; pass benchmark= to backtest.run"
            )
        return self.market.index(self.benchmark).weights_on(self.date)


@dataclass(frozen=True, eq=False)
class Target:
    """A policy's answer: target weights (fractions of net asset value) and its own log."""

    weights: pd.Series
    log: Mapping[str, Any] = field(default_factory=dict)
