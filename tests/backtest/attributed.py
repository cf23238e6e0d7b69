"""Worlds with an index of one stock, and factor models that say nothing, for tests of attribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.attribution import FactorFrames
from tests.backtest.worlds import NAN, one_price


def indexed(closes, **fields):
    """A world in which SH600000 is the index."""
    shape = (len(next(iter(closes.values()))), len(closes))
    member = np.zeros(shape, dtype=bool)
    member[:, 0] = True
    snapshot = np.full(shape, NAN, dtype=np.float32)
    snapshot[0] = member[0]
    return one_price(closes, **{"member:one": member, "snapshot:one": snapshot}, **fields)


def random_factors(world, seed, names=("size", "value")):
    """Exposures that say nothing and returns that mean nothing: the sum must hold all the same."""
    random = np.random.default_rng(seed)
    rows = pd.MultiIndex.from_product([world.dates, world.stocks])
    loadings = pd.DataFrame(random.standard_normal((len(rows), len(names))), rows, list(names))
    earned = 0.01 * random.standard_normal((len(world.dates), len(names)))
    return FactorFrames(loadings, pd.DataFrame(earned, world.dates, list(names)))


@dataclass(frozen=True, eq=False)
class Model:
    exposures: pd.DataFrame
    factor_covariance: pd.DataFrame
    specific_variance: pd.Series


@dataclass(frozen=True, eq=False)
class Always:
    """The same model on every date."""

    model: Model

    def at(self, date):
        return self.model


def model_of(stocks, seed, factors=3):
    random = np.random.default_rng(seed)
    names = [f"f{k}" for k in range(factors)]
    root = 0.01 * random.standard_normal((factors, factors))
    return Model(
        pd.DataFrame(random.standard_normal((len(stocks), factors)), stocks, names),
        pd.DataFrame(root @ root.T, names, names),
        pd.Series(0.01**2 * (0.5 + random.random(len(stocks))), stocks),
    )
