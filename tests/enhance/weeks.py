"""Rebalances of the simulated market, outside any backtest."""

import numpy as np
import pandas as pd

import market


def scores_of(world, seed=0):
    """Standard normal z-scores for every listed stock on every session."""
    rng = np.random.default_rng(seed)
    shape = (len(world.dates), len(world.stocks))
    z = pd.DataFrame(rng.standard_normal(shape), world.dates, world.stocks)
    return z.where(world.field("listed").astype(bool))


def snapshot(world, date, holdings=None, benchmark="csi500", can_buy=None, can_sell=None, **kwargs):
    """What a policy sees after the close of ``date``; masks as the exchange would forecast them."""
    seen = world.until(date)
    trades = ~seen.values("suspended")[-1]
    up, down = seen.values("closed_at_limit_up")[-1], seen.values("closed_at_limit_down")[-1]
    held = pd.Series(dtype=float) if holdings is None else holdings
    return market.Snapshot(
        date=pd.Timestamp(date),
        market=seen,
        holdings=held,
        cash=1.0 - held.sum(),
        capital=1e8,
        can_buy=pd.Series(trades & ~up, seen.stocks) if can_buy is None else can_buy,
        can_sell=pd.Series(trades & ~down, seen.stocks) if can_sell is None else can_sell,
        costs=market.Costs.cn(),
        benchmark=benchmark,
        **kwargs,
    )


def drifted(world, weights, start, end):
    """Weights after the returns of the sessions in (start, end]; a suspended stock stands still."""
    grown = 1.0 + world.returns().loc[start:end].iloc[1:].fillna(0.0)
    value = weights * grown.prod()[weights.index]
    return value / value.sum()
