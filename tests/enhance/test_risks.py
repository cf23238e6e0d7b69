"""Risk models as time passes: fitted once, extended, never ahead of the snapshot."""

import numpy as np
import pandas as pd
import pytest

import enhance
import risk
from enhance.risks import RiskFeed
from market import DataError, rebalance_dates
from tests.enhance.weeks import snapshot


@pytest.fixture(scope="module")
def small(world):
    return world.between(world.dates[0], world.dates[330])


def test_a_specification_gives_the_same_models_as_its_history(small, history):
    feed = RiskFeed(risk.Barra())
    for date in rebalance_dates(history.dates)[[8, 9]]:
        model = feed.at(date, small.until(date))
        expected = history.at(date)
        assert model.date == date
        pd.testing.assert_frame_equal(model.exposures, expected.exposures)
        pd.testing.assert_frame_equal(model.factor_covariance, expected.factor_covariance)
    assert feed.fits == 1


def test_a_second_pass_over_the_same_market_fits_nothing(small, history):
    feed = RiskFeed(risk.Barra())
    dates = rebalance_dates(history.dates)[[8, 9]]
    first = [feed.at(date, small.until(date)) for date in dates]
    second = [feed.at(date, small.until(date)) for date in dates]
    assert feed.fits == 1
    for one, two in zip(first, second, strict=True):
        pd.testing.assert_series_equal(one.specific_variance, two.specific_variance)


def test_another_market_is_fitted_anew(small, history):
    feed = RiskFeed(risk.Barra())
    date = rebalance_dates(history.dates)[8]
    feed.at(date, small.until(date))
    fewer = small.select(small.stocks[:100])
    model = feed.at(date, fewer.until(date))
    assert feed.fits == 2
    assert model.exposures.index.isin(fewer.stocks).all()


def test_a_policy_with_a_specification_decides_like_one_with_its_history(small, scores, history):
    date = rebalance_dates(history.dates)[8]
    held = small.index("csi500").weights_on(date)
    limits = {"active_weight": 0.03, "industry_exposure": 0.05, "tracking_error": 0.06}
    policies = (enhance.csi500(scores, source, **limits) for source in (risk.Barra(), history))
    one, two = (policy(snapshot(small, date, held)).weights for policy in policies)
    pd.testing.assert_series_equal(one, two)


def test_the_future_of_the_market_changes_nothing(world, history):
    date = rebalance_dates(history.dates)[8]
    close = world.values("close").copy()
    close[world.row(date) + 1 :] *= np.float32(1.5)
    other = world.with_fields({"close": close})
    model, changed = (RiskFeed(risk.Barra()).at(date, m.until(date)) for m in (world, other))
    pd.testing.assert_frame_equal(model.factor_covariance, changed.factor_covariance)
    pd.testing.assert_series_equal(model.specific_variance, changed.specific_variance)


def test_a_history_that_does_not_reach_the_date_says_so(small, history):
    with pytest.raises(DataError, match="no risk model for"):
        RiskFeed(history).at(small.dates[5], small.until(small.dates[5]))
