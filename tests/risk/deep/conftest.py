"""A market just long enough for a year of lags, cut by row numbers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import market
from risk.deep import Deep, DeepTraining


class Cut:
    """Folds between row numbers: train, valid, test, end; like a walk-forward, purged by the horizon."""

    def __init__(self, *edges):
        self.edges = edges

    def folds(self, dates, horizon):
        return tuple(
            SimpleNamespace(
                name=f"f{c}",
                train=np.arange(a, b - horizon),
                valid=np.arange(b, c - horizon),
                test=np.arange(c, d),
            )
            for a, b, c, d in self.edges
        )


@pytest.fixture(scope="session")
def small():
    return market.simulate(stocks=70, days=330, seed=2)


@pytest.fixture(scope="session")
def cut():
    return Cut((0, 285, 300, 315), (0, 300, 315, 330))


@pytest.fixture(scope="session")
def tiny():
    return Deep(factors=3, hidden=4, layers=1, horizon=5)


@pytest.fixture(scope="session")
def quick():
    return DeepTraining(epochs=3, patience=3, accumulate=4, every=3)


@pytest.fixture(scope="session")
def fitted(small, cut, tiny, quick):
    return tiny.fit(small, cut, config=quick, device="cpu")
