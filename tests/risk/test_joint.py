"""Fundamental and learned factors in one model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import market
from risk import Barra
from risk.deep import Deep, DeepTraining
from risk.joint import Joint

FIRST = 260  # row of the first test date
STYLES = ("size", "beta", "residual_volatility")


@pytest.fixture(scope="module")
def world():
    return market.simulate(stocks=120, days=345, seed=6)


@pytest.fixture(scope="module")
def barra():
    plain = Barra()
    kept = tuple(s for s in plain.styles if s.name in STYLES)
    return Barra(styles=kept, warmup=70, eigen=None)  # its simulation is tested elsewhere


@pytest.fixture(scope="module")
def learned(world):
    """Exposures as a deep model would give them: the hidden loading, and a copy of size with noise."""
    noise = np.random.default_rng(0).standard_normal((len(world.dates), len(world.stocks)))
    hidden = pd.DataFrame(world.truth.hidden_loading, world.dates, world.stocks)
    size = np.log(world.cap()) + 0.3 * noise
    return {"deep01": hidden.iloc[FIRST:], "deep02": size.iloc[FIRST:]}


@pytest.fixture(scope="module")
def plain(world, barra):
    return barra.fit(world)


@pytest.fixture(scope="module")
def augmented(world, barra, learned):
    return Joint(barra, Deep(2), mode="augment").join(world, learned)


def test_replacing_leaves_the_styles_out(world, barra, learned):
    history = Joint(barra, Deep(2), mode="replace").join(world, learned)
    model = history.at(world.dates[-1])
    assert model.of_kind("style") == []
    assert model.of_kind("latent") == ["deep01", "deep02"]
    hidden = pd.Series(world.truth.hidden_returns, world.dates)
    assert history.factor_returns["deep01"].corr(hidden) > 0.8


def test_augmenting_keeps_the_styles_and_takes_out_what_they_say(world, plain, augmented):
    model = augmented.at(world.dates[-1])
    assert set(model.of_kind("style")) == set(STYLES)
    assert model.of_kind("latent") == ["deep01", "deep02"]
    pd.testing.assert_frame_equal(augmented.style("size"), plain.style("size"))
    x = model.exposures[["size", "deep02"]]
    assert (
        abs(x.corr().iloc[0, 1]) < 0.15
    )  # a copy of size, held orthogonal to it by sqrt-cap weight
    later = world.dates[FIRST + 1 :]
    assert (augmented.r2[later] > plain.r2[later]).mean() > 0.95


def test_before_the_first_exposures_the_model_is_the_plain_one(world, plain, augmented):
    before = world.dates[FIRST - 20]
    one, two = augmented.at(before), plain.at(before)
    pd.testing.assert_frame_equal(one.factor_covariance, two.factor_covariance)
    assert one.of_kind("latent") == []


def test_a_fit_trains_on_the_styles_and_joins_them(world, barra, tmp_path):
    fold = SimpleNamespace(
        name="a", train=np.arange(95, 200), valid=np.arange(205, 250), test=np.arange(260, 345)
    )
    splits = SimpleNamespace(folds=lambda dates, horizon: (fold,))
    deep = Deep(factors=2, inputs="styles", hidden=4, layers=1, horizon=5)
    config = DeepTraining(epochs=1, accumulate=4, every=8)
    history = Joint(barra, deep).fit(world, splits, config=config, run=tmp_path)
    assert history.at(world.dates[-1]).of_kind("latent") == ["deep01", "deep02"]
    absent = history.style("deep01").isna().all(axis=1)
    assert absent[:FIRST].all()
    assert not absent[FIRST:].any()


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode is 'join'"):
        Joint(Barra(), Deep(2), mode="join")
