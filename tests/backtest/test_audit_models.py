"""Every registered model under audit: a whole fit, from raw data to the weights of a portfolio."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

import alpha
import market
from alpha import models
from backtest import TopN, audit

SPLITS = alpha.WalkForward("6m", "3m", "6m", min_train="6m", start="2016-11-01", end="2017-02-28")
FEATURES = alpha.FeatureSet(
    "three",
    {
        "momentum": "close / lag(close, 10)",
        "reversal": "close / lag(close, 1)",
        "range": "high / low",
    },
)
LEAST = {
    "hidden": 4, "steps": 3, "layers": 1, "heads": 1, "rounds": 2, "weak": 2, "embedding": 2,
    "factors": 2, "width": 4, "bank_days": 2, "neighbours": 2, "days_per_step": 2,
}  # fmt: skip
OWN = {
    "TRA": {"backbone": alpha.GRU(hidden=4, steps=3), "hidden": 4, "length": 2},
    "SecondOrder": {"scales": (1, 3), "history": 2, "hidden": 4},
    "GraphSAGE": {"samples": (2,)},
    "LightGBM": {"rounds": 20, "l1": 0, "l2": 0.1, "leaves": 8},  # or no split is worth its price
}


def smallest(name, kinds):
    """A model of a registered kind, small enough to be fitted in a moment."""
    default = getattr(models, name)()
    known = {field.name for field in fields(default)}
    given = {key: value for key, value in LEAST.items() if key in known}
    if "types" in known:
        given["types"] = kinds
    if default.steps == 1:
        given.pop("steps", None)
    return replace(default, **{**given, **OWN.get(name, {})})


class Fitted:
    """A portfolio of the best by the scores of a fit, and the label it is trained on."""

    def __init__(self, name):
        self.name = name
        self.known = {}

    def scores(self, world):
        if id(world) not in self.known:
            self.known[id(world)] = (
                world,
                self.fit(world),
            )  # the world too: its id is not used again
        return self.known[id(world)][1]

    def fit(self, world):
        graph = alpha.graphs.industry(world)
        model = smallest(self.name, len(graph.kinds))
        needs = model.build(3).needs
        concepts = alpha.graphs.Concepts.from_labels(world.field("industry"))
        config = alpha.TrainConfig(epochs=1, every=20, threads=1)
        if self.name == "TRA":  # shares stocks out by squared errors
            config = replace(config, loss=alpha.losses.mse)
        return alpha.fit(
            model,
            world,
            label=alpha.labels.vwap_1,
            features=FEATURES,
            graph=graph if "edges" in needs else None,
            concepts=concepts if "concepts" in needs else None,
            splits=SPLITS,
            config=config,
        ).scores()

    def label(self, world):
        return alpha.labels.vwap_1.values(world)

    def layers(self, world, t):
        return {
            "features": FEATURES.compute(world)[world.row(t)],
            "scores": self.scores(world).loc[t],
        }

    def __call__(self, world):
        return TopN(self.scores(world), n=5)


@pytest.fixture(scope="module")
def world():
    return market.simulate(stocks=80, days=330, seed=5)


@pytest.mark.parametrize("name", models.__all__)
def test_no_registered_model_looks_ahead_in_its_fit(world, name):
    t = world.dates[world.dates.searchsorted(np.datetime64("2017-01-10"))]
    policy = Fitted(name)
    report = audit(policy, world, [t], perturbations=["noise"])
    assert report.passed, repr(report)
    assert report.checks["perturbation"].tolist() == ["noise", "own session"]
    before, _, after = (scores.loc[t:].iloc[1:] for _, scores in policy.known.values())
    assert not before.equals(after)  # the future did change, and later scores with it
