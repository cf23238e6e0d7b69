"""The model on real A-shares: levels that published models show. Needs the data set on disk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import market
from risk import Barra
from risk.inputs import Inputs

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def world(data_root):
    return market.open(data_root("ashare")).between("2016-01-01", "2018-12-31")


@pytest.fixture(scope="module")
def history(world):
    return Barra().fit(world)


def test_r2_lies_in_the_published_band(history):
    # 29.8 % uncentred, daily, 2017 to 2020 for ten styles: the deep risk model paper's human baseline
    assert 0.24 < history.r2["2017":].mean() < 0.36


def test_country_factor_is_the_cap_weighted_market(history, world):
    whole = pd.Series(Inputs.read(world).market_return, world.dates)
    country = history.factor_returns["country"]
    assert country.corr(whole) > 0.98
    assert country.std() / whole.std() == pytest.approx(1.0, abs=0.05)


def test_all_styles_are_there_and_none_is_collinear(history):
    assert len(history.at("2018-06-29").of_kind("style")) == 10
    assert history.vif["2017":].max().max() < 5.0
    assert history.record.collinear.sum() == 0


def test_styles_matter_on_many_days(history):
    strength = history.t_values["2017":].abs().mean()
    assert strength["size"] > 3.0
    assert strength["country"] > 8.0
    assert (strength[["beta", "momentum", "residual_volatility"]] > 2.0).all()
    assert (strength > 0.798).all()  # sqrt(2 / pi): the mean of |t| by chance alone


def test_exposures_are_stable_over_a_month(history):
    for name, least in {"size": 0.97, "value": 0.95, "beta": 0.85, "momentum": 0.75}.items():
        style = history.style(name)
        rho = [style.iloc[i].corr(style.iloc[i + 21]) for i in range(480, 700, 42)]
        assert np.mean(rho) > least, name


def test_tracking_error_of_csi500_against_csi300(history, world):
    for date in ("2017-06-30", "2018-06-29", "2018-12-28"):
        large, mid = (world.index(n).weights_on(date) for n in ("csi300", "csi500"))
        assert 0.05 < history.at(date).tracking_error(mid, large) < 0.16


def test_predicted_and_realised_tracking_error_agree(history, world):
    returns = world.returns()
    outcome = []
    for now, following in zip(history.dates[:-1], history.dates[1:], strict=True):
        weight = world.index("csi300").weights_on(now)
        active = 1.0 / len(weight) - weight
        realised = float(active @ returns.loc[following, active.index].fillna(0.0))
        outcome.append(realised / np.sqrt(history.at(now).variance(active)))
    assert (
        0.8 < np.std(outcome) < 1.35
    )  # equal weights against the index; 2018 was rougher than before


def test_every_member_with_weight_is_covered(history, world):
    for date in history.dates[::40]:
        for name in world.indexes:
            members = world.index(name).weights_on(date).index
            assert members.isin(history.at(date).stocks).all()
