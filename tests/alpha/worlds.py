"""Small markets whose numbers the tests can state by hand, and small labelled days for models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

import alpha
from alpha.model import Network
from alpha.process import cs_rank_norm
from alpha.windows import SlidingWindows
from market import Market

# The four-node graph of the specification, neighbour above stock: edges 0-1, 0-3, 1-2, 1-3 both ways.
FOUR = torch.tensor([[1, 3, 0, 2, 3, 1, 0, 1], [0, 0, 1, 1, 1, 2, 3, 3]])


def bars_market(prices: np.ndarray, **changes: np.ndarray) -> Market:
    """A market whose open, high, low and close all equal ``prices`` [T, N], NaN on suspended days."""
    days, stocks = prices.shape
    fields = {name: prices.astype(np.float32) for name in ("open", "high", "low", "close")}
    fields["volume"] = np.where(np.isnan(prices), np.nan, 1000.0).astype(np.float32)
    fields |= changes
    dates = pd.bdate_range("2015-01-01", periods=days)
    return Market(dates, pd.Index([f"SH{600000 + i}" for i in range(stocks)]), fields)


def random_market(
    days: int = 300, stocks: int = 30, seed: int = 0, reversal: float = 0.3
) -> Market:
    """Random walks with short-term reversal, gaps, and an index ``all`` and ``half``."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(0, 0.02, (days, stocks))
    returns = shocks.copy()
    for t in range(1, days):
        returns[t] -= reversal * returns[t - 1]
    close = 10 * np.exp(np.cumsum(returns, axis=0))
    open_ = close * np.exp(rng.normal(0, 0.004, (days, stocks)))
    high = np.maximum(open_, close) * 1.002
    low = np.minimum(open_, close) * 0.997
    volume = np.exp(rng.normal(13, 0.6, (days, stocks)))
    off = rng.random((days, stocks)) < 0.03
    panels = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    fields = {k: np.where(off, np.nan, v).astype(np.float32) for k, v in panels.items()}
    fields["factor"] = np.cumprod(1 + 0.1 * (rng.random((days, stocks)) < 0.01), axis=0).astype(
        np.float32
    )
    fields["member:all"] = np.ones((days, stocks), bool)
    fields["member:half"] = np.tile(np.arange(stocks) < stocks // 2, (days, 1))
    dates = pd.bdate_range("2015-01-01", periods=days)
    return Market(dates, pd.Index([f"SH{600000 + i}" for i in range(stocks)]), fields)


def make_days(
    days: int = 40,
    stocks: int = 24,
    features: int = 5,
    steps: int = 4,
    seed: int = 0,
    target: Callable[[np.ndarray], np.ndarray] | None = None,
) -> alpha.Days:
    """Random normalised features; the label ranks ``target(x_now [T, N, F])``, by default column 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(days, stocks, features)).astype(np.float32)
    present = np.ones((days, stocks), bool)
    raw = x[..., 0] if target is None else target(x)
    return alpha.Days(
        windows=SlidingWindows(x, start=0, steps=steps),
        present=present,
        y=cs_rank_norm(raw, present),
        dates=pd.bdate_range("2020-01-01", periods=days),
        stocks=pd.Index([f"SH{600000 + i}" for i in range(stocks)]),
        horizon=2,
    )


class Drawn:
    """The same edges and types every day."""

    kinds = ("tie",)

    def __init__(self, edges, types=None):
        self.drawn = np.asarray(edges)
        self.typed = np.ones((self.drawn.shape[-1], 1), np.float32) if types is None else types

    def edges(self, row, columns):
        return self.drawn

    def types(self, row, columns):
        return self.typed


def edges_of(weights: torch.Tensor) -> torch.Tensor:
    """Edges of a dense matrix whose row i holds what stock i receives."""
    return weights.nonzero().T.flip(0)


def fused(network: Network, steps: int) -> Network:
    """Let ``network`` die on the training step after so many, as a killed process would."""
    plain, left = network.loss, steps

    def burning(batch, criterion):
        nonlocal left
        left -= network.training
        if left < 0:
            raise KeyboardInterrupt
        return plain(batch, criterion)

    network.loss = burning
    return network
