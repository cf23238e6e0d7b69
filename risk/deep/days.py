"""One date as a batch: who is in it, what the network sees, and what it should explain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from market import DataError, Market
from risk.arrays import Bools, Codes, Floats
from risk.deep.panel import Panel, Scaling
from risk.inputs import Inputs

KNOWN = 0.5  # share of its inputs without which a stock is given no exposure


class Fold(Protocol):
    """Positions of sessions; the returns of ``horizon`` sessions after train and valid are known by then."""

    @property
    def name(self) -> str: ...
    @property
    def train(self) -> Codes: ...
    @property
    def valid(self) -> Codes: ...
    @property
    def test(self) -> Codes: ...


class Splits(Protocol):
    """Cuts sessions into folds, purged by ``horizon``; ``alpha.WalkForward`` does."""

    def folds(self, dates: pd.DatetimeIndex, horizon: int) -> tuple[Fold, ...]: ...


@dataclass(frozen=True, eq=False)
class Batch:
    """A labelled date: inputs ``[L, n, F]``, returns of the days ahead ``[n, H]``, market value ``[n]``."""

    x: Tensor
    y: Tensor
    cap: Tensor


@dataclass(frozen=True, eq=False)
class Days:
    """The market as the deep model reads it; every array has all sessions ``[T, N]``."""

    dates: pd.DatetimeIndex
    stocks: pd.Index
    panel: Panel
    returns: Floats
    cap: Floats
    universe: Bools  # votes: the estimation universe
    covered: Bools  # is given exposures
    horizon: int

    @classmethod
    def read(cls, market: Market, panel: Panel, horizon: int) -> Days:
        """Take returns, market value and universe as the fundamental model does."""
        inputs = Inputs.read(market)
        return cls(
            dates=inputs.dates,
            stocks=inputs.stocks,
            panel=panel,
            returns=inputs.returns,
            cap=inputs.cap,
            universe=inputs.estu,
            covered=inputs.covered,
            horizon=horizon,
        )

    def labelled(self, rows: Codes, least: int) -> Codes:
        """Those of ``rows`` with a whole window, all days ahead, and ``least`` stocks to explain.

        Raises
        ------
        DataError
            There are none; says what is lacking.
        """
        inside = rows[(rows >= self.panel.first) & (rows + self.horizon < len(self.dates))]
        if not len(inside):
            raise DataError(
                f"none of the {len(rows)} sessions {self.dates[rows[0]]:%Y-%m-%d} to "
                f"{self.dates[rows[-1]]:%Y-%m-%d} has {self.panel.first} sessions before it and "
                f"{self.horizon} after it in a market of {len(self.dates)}; give a longer market or a "
                "later fold"
            )
        count = np.array([self.voters(t).size for t in inside])
        if (count < least).all():
            raise DataError(
                f"the sessions {self.dates[inside[0]]:%Y-%m-%d} to {self.dates[inside[-1]]:%Y-%m-%d} "
                f"have at most {count.max()} stocks in the estimation universe; these factors need "
                f"{least}: take fewer factors or more stocks"
            )
        return inside[count >= least]

    def voters(self, row: int) -> Codes:
        """Columns of the universe at ``row`` that trade on the next session."""
        votes = self.universe[row] & np.isfinite(self.cap[row]) & np.isfinite(self.returns[row + 1])
        return np.flatnonzero(votes)

    def batch(self, row: int, scaling: Scaling, columns: Codes, device: torch.device) -> Batch:
        """Gather a labelled date."""
        ahead = self.returns[row + 1 : row + 1 + self.horizon, columns].T
        return Batch(
            self.inputs(row, scaling, columns, device),
            torch.from_numpy(ahead.astype(np.float32)).to(device),
            torch.from_numpy(self.cap[row, columns].astype(np.float64)).to(device),
        )

    def inputs(self, row: int, scaling: Scaling, columns: Codes, device: torch.device) -> Tensor:
        """Scaled windows of a date ``[L, n, F]``."""
        scaled = scaling(self.panel.window(row, columns))
        return torch.from_numpy(np.ascontiguousarray(scaled)).to(device)

    def described(self, row: int) -> Codes:
        """Columns that are given exposures at ``row``: covered, with half of their inputs known."""
        held = np.flatnonzero(self.covered[row] & np.isfinite(self.cap[row]))
        known = np.isfinite(self.panel.window(row, held)).mean(axis=(0, 2))
        return held[known >= KNOWN]


def sampled(columns: Codes, size: int | None, seed: tuple[int, ...]) -> Codes:
    """A draw of ``size`` of the columns, in order; all of them when there are fewer."""
    if size is None or len(columns) <= size:
        return columns
    return np.sort(np.random.default_rng(seed).choice(columns, size, replace=False))


def grouped(rows: Codes, size: int) -> Iterator[Codes]:
    """Consecutive groups of ``size`` rows; the last may be shorter."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
