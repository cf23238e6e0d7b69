"""Agreement with skfolio's measures of a covariance forecast, where it is installed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk import evaluate as ev
from risk.evaluate import measures
from tests.risk.evaluate.worlds import gaussian_world

metrics = pytest.importorskip("skfolio.metrics")


class Fitted:
    """What skfolio asks of an estimator: a covariance."""

    def __init__(self, covariance: np.ndarray) -> None:
        self.covariance_ = covariance


@pytest.fixture(scope="module")
def world():
    return gaussian_world(days=60, stocks=20)


def test_a_months_realised_over_forecast_variance_is_the_portfolio_calibration_ratio(world):
    market, history = world
    weights = np.random.default_rng(0).standard_normal(20)
    date = market.dates[30]
    frame = pd.DataFrame([weights], [date], market.stocks)
    judged = ev.outcomes(history, market, [ev.Given({"p": frame})], 21, date, date)["given"]
    ours = (judged.variance / judged.volatility**2).iloc[0, 0]
    theirs = metrics.portfolio_variance_calibration_ratio(
        Fitted(history.at(date).cov().to_numpy()),
        market.values("returns")[31:52].astype(float),
        portfolio_weights=weights,
    )
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_qlike_differs_from_theirs_by_what_no_forecast_can_change(world):
    market, history = world
    judged = ev.outcomes(history, market, [ev.PureFactors()])["factors"]
    r, sigma = judged.returns["country"].to_numpy(), judged.volatility["country"].to_numpy()
    ours = np.mean(measures.qlike(r**2, sigma**2)) + np.mean(np.log(r**2)) + 1.0
    assert ours == pytest.approx(metrics.qlike_loss(r, sigma**2), rel=1e-10)
