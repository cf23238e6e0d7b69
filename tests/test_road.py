"""The whole road under audit: from raw data to weights, nothing dated after a decision may matter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

import alpha
import backtest
import enhance
import market
import risk

INDEXES = ("csi300", "csi500", "csi1000")


class Road:
    """Features, labels, training, scores, exposures, covariance, optimiser: all from the market given."""

    def __init__(self, model: alpha.Recipe) -> None:
        self.model = model

    def scores(self, world: market.Market) -> pd.DataFrame:
        return alpha.fit(
            self.model,
            world,
            index=INDEXES,
            label=alpha.labels.fwd10,
            splits=alpha.WalkForward("1y", "6m", "1y", min_train="1y", start="2017-07-10"),
            config=alpha.TrainConfig(epochs=1, every=8, threads=1),
        ).scores()

    def __call__(self, world: market.Market) -> enhance.Enhancer:
        return enhance.csi300(self.scores(world), risk.Barra().fit(world), tracking_error=0.06)

    def layers(self, world: market.Market, t: pd.Timestamp) -> Mapping[str, np.ndarray]:
        row = world.row(t)
        model = risk.Barra().fit(world).at(t)
        return {
            "features": alpha.ALPHA158_20.compute(world)[row],
            "scores": self.scores(world).loc[t].to_numpy(),
            "exposures": model.exposures.to_numpy(),
            "factor covariance": model.factor_covariance.to_numpy(),
            "specific variance": model.specific_variance.to_numpy(),
            "benchmark weights": world.index("csi300").weights_on(t).to_numpy(),
        }


@pytest.fixture(scope="module")
def small() -> market.Market:
    return market.simulate(stocks=80, days=520, seed=5)


@pytest.mark.parametrize("recipe", [alpha.GATs(hidden=8, steps=10), alpha.LightGBM(rounds=20)])
def test_no_decision_of_the_whole_road_looks_ahead(small, recipe):
    first = small.dates[440]  # inside the one test period: what trains lies before it
    report = backtest.audit(Road(recipe), small, [first], benchmark="csi300")
    assert report.passed, repr(report)
    assert len(report.checks) == 3


class ReadsTomorrow(Road):
    """The same road with scores that know the next return: what the audit is there to catch."""

    def scores(self, world: market.Market) -> pd.DataFrame:
        known = super().scores(world)
        tomorrow = world.returns().shift(-1).reindex_like(known)
        return (known + 10 * tomorrow).where(known.notna())


def test_a_road_that_reads_tomorrow_is_caught_at_its_scores(small):
    cheat = ReadsTomorrow(alpha.LightGBM(rounds=5))
    report = backtest.audit(
        cheat, small, [small.dates[440]], benchmark="csi300", perturbations=["noise"]
    )
    assert not report.passed
    assert report.findings["layer"].tolist() == ["scores"]
