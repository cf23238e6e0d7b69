"""In a world whose risk is known, every portfolio family is calibrated; with errors planted, none is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from market import DataError
from risk import evaluate as ev
from risk.evaluate import measures
from tests.risk.evaluate.worlds import gaussian_world

SETS = (*ev.STANDARD, ev.MinimumVariance("big"), ev.MinimumTracking("big", stocks=10))


@pytest.fixture(scope="module")
def true_world():
    return gaussian_world()


@pytest.fixture(scope="module")
def judged(true_world):
    market, history = true_world
    return ev.outcomes(history, market, SETS)


@pytest.mark.parametrize("name", [each.name for each in SETS])
def test_true_models_are_calibrated_on_every_set(judged, name):
    b = judged[name].b.to_numpy()
    each = measures.bias(b)
    within = 3.0 * np.sqrt(1.0 / (2 * len(b)))  # three standard errors of a standard deviation
    assert abs(each.mean() - 1.0) < within
    assert (np.abs(each - 1.0) < 3.0 * measures.band(len(b))).all()
    assert measures.q_statistic(b) == pytest.approx(measures.PERFECT_Q, abs=0.2)


def test_the_table_has_a_row_a_set_and_period_at_the_perfect_levels(true_world):
    market, history = true_world
    table = ev.calibration(history, market, SETS[:3], horizon=5, periods="2y")
    assert table.loc["factors"].index.tolist() == ["all", "2015-2016", "2017-2018"]
    whole = table.xs("all", level="period")
    assert whole["mrad"].to_numpy() == pytest.approx(measures.PERFECT_MRAD, abs=0.03)
    assert whole["bias"].to_numpy() == pytest.approx(1.0, abs=0.06)
    assert (whole["p5"] < whole["bias"]).all()
    assert (whole["bias"] < whole["p95"]).all()
    assert whole["rolling_p5"].to_numpy() == pytest.approx(0.66, abs=0.08)
    assert whole["rolling_p95"].to_numpy() == pytest.approx(1.34, abs=0.08)
    assert whole["n"].tolist() == [199] * 3
    assert whole["portfolios"].tolist() == [10, 9, 100]
    assert table.loc[("random", "all"), "n"] == table.loc["random"].iloc[1:]["n"].sum()
    assert (whole["qlike"] < 0.35).all()  # five days of realised variance: less noise than one


def test_variances_off_by_a_factor_show_as_its_root_in_every_bias(true_world, judged):
    market, history = true_world
    factor = 0.5
    wrong = ev.outcomes(history.scaled(factor), market, SETS)
    for name, right in judged.items():
        np.testing.assert_allclose(
            measures.bias(wrong[name].b.to_numpy()),
            measures.bias(right.b.to_numpy()) / np.sqrt(factor),
            rtol=1e-6,
        )


def test_forecasts_and_returns_are_those_of_the_dense_model_and_of_the_next_days(true_world):
    market, history = true_world
    random = np.random.default_rng(5)
    frame = pd.DataFrame(random.standard_normal((1, 60)) / 60, [market.dates[400]], market.stocks)
    made = ev.outcomes(history, market, [ev.Given({"p": frame})], 5, market.dates[400], market.dates[400])["given"]  # fmt: skip
    w = frame.iloc[0].to_numpy()
    dense = history.at(market.dates[400]).cov().to_numpy()
    assert made.volatility.iloc[0, 0] == pytest.approx(np.sqrt(5 * w @ dense @ w), rel=1e-10)
    ahead = market.values("returns")[401:406].astype(float) @ w
    assert made.returns.iloc[0, 0] == pytest.approx(ahead.sum(), rel=1e-6)
    assert made.variance.iloc[0, 0] == pytest.approx((ahead**2).sum(), rel=1e-6)


def test_nothing_of_the_outcome_enters_a_forecast(true_world):
    market, history = true_world
    last = market.dates[500]
    changed = market.values("returns").copy()
    changed[501:] = -changed[501:] + 0.01
    other = market.with_fields({"returns": changed})
    first_day = market.dates[440]
    second = ev.outcomes(history, other, SETS, start=first_day, end=last)
    for name, first in ev.outcomes(history, market, SETS, start=first_day, end=last).items():
        pd.testing.assert_frame_equal(first.volatility, second[name].volatility)
        assert first.volatility.index[-1] == last
        if name not in {
            "factors",
            "eigen",
            "factor alpha",
            "specific",
        }:  # not of the market's returns
            newest = first.returns.iloc[-1], second[name].returns.iloc[-1]
            assert not np.isclose(*newest).any()
            pd.testing.assert_frame_equal(first.returns.iloc[:-1], second[name].returns.iloc[:-1])


def test_a_covariance_learned_from_few_days_flatters_the_optimiser_as_shepard_says(true_world):
    market, history = true_world
    returns, window = history.factor_returns.to_numpy(), 60
    learned = history.covariances.copy()
    for t in range(window - 1, len(returns)):
        learned[t] = np.cov(returns[t - window + 1 : t + 1].T)
    guessed = replace(history, covariances=learned)
    sets = [ev.RandomFactorAlpha(50), ev.PureFactors(), ev.Eigenfactors()]
    table = ev.outcomes(guessed, market, sets, start=market.dates[window])
    seen = measures.bias(table["factor alpha"].b.to_numpy()).mean()
    assert seen == pytest.approx(
        1.0 / (1.0 - 9 / window), abs=0.05
    )  # K - 1 directions have a return
    assert measures.bias(table["factors"].b.to_numpy()).mean() == pytest.approx(1.02, abs=0.03)
    ranks = measures.bias(table["eigen"].b.to_numpy())
    assert ranks[0] > 1.08 > ranks[-1]


def test_single_stocks_are_pooled_by_decile_of_forecast_and_of_size(true_world, judged):
    market, history = true_world
    table = ev.by_decile(judged["specific"])
    assert table["bias"].to_numpy() == pytest.approx(1.0, abs=0.05)
    assert table["n"].sum() == judged["specific"].b.notna().to_numpy().sum()
    assert table["forecast"].is_monotonic_increasing
    wrong = history.scaled(1.0)
    wrong = replace(
        wrong, specific=wrong.specific * np.where(market.cap().iloc[0] < 1e9, 0.25, 1.0)
    )
    small = ev.outcomes(wrong, market, [ev.SingleStocks()])["specific"]
    by_size = ev.by_decile(small, market.cap())
    assert by_size["bias"].iloc[0] == pytest.approx(2.0, abs=0.1)
    assert by_size["bias"].iloc[-1] == pytest.approx(1.0, abs=0.1)


def test_realised_and_forecast_volatility_agree_in_annual_units(judged):
    table = judged["minimum variance"].annual()
    assert table.index.tolist() == ["GMV", "GMV+", "big"]
    assert table["ratio"].to_numpy() == pytest.approx(1.0, abs=0.07)
    assert (
        table.loc["GMV", "realised"] < table.loc["GMV+", "realised"] < table.loc["big", "realised"]
    )
    daily = judged["minimum variance"].returns["big"].std()
    assert table.loc["big", "realised"] == pytest.approx(daily * np.sqrt(252))


def test_a_factor_without_a_return_gives_no_outcome(true_world):
    market, history = true_world
    holed = history.factor_returns.copy()
    holed.iloc[300, 2] = np.nan
    history = replace(history, factor_returns=holed)
    judged = ev.outcomes(history, market, ev.STANDARD[:2], end=market.dates[350])
    gaps = judged["factors"].b.isna()
    assert gaps.to_numpy().sum() == 1
    assert gaps.iloc[299, 2]  # the date of the forecast, a day before
    assert judged["eigen"].b.isna().any(axis=1).sum() == 1


def test_a_factor_that_never_had_a_return_gives_none_rather_than_that_of_another(true_world):
    market, history = true_world
    lacking = history.factor_returns.drop(columns="industry1")
    history = replace(history, factor_returns=lacking)
    judged = ev.outcomes(history, market, ev.STANDARD[:1], end=market.dates[50])["factors"]
    assert judged.b["industry1"].isna().all()
    assert judged.b.drop(columns="industry1").notna().all(axis=None)


class TestRefusals:
    def test_of_a_span_without_a_model(self, true_world):
        market, history = true_world
        with pytest.raises(DataError, match="has a model and 1 sessions after it"):
            ev.outcomes(history, market, ev.STANDARD, start="2030-01-01")

    def test_of_sets_of_one_name_and_of_a_horizon_of_none(self, true_world):
        market, history = true_world
        with pytest.raises(DataError, match="repeat a name"):
            ev.outcomes(history, market, [ev.RandomAlpha(), ev.RandomAlpha(seed=1)])
        with pytest.raises(DataError, match="horizon 0"):
            ev.outcomes(history, market, ev.STANDARD, horizon=0)

    def test_of_periods_that_are_no_years(self, true_world):
        market, history = true_world
        with pytest.raises(DataError, match="periods 'q' is not a number of years"):
            ev.calibration(history, market, ev.STANDARD[:1], periods="q")

    def test_of_a_market_without_the_stocks_of_the_model(self, true_world):
        market, history = true_world
        with pytest.raises(DataError, match="10 stocks of the risk model"):
            ev.outcomes(history, market.select(market.stocks[:50]), ev.STANDARD[:1])

    def test_of_a_history_that_lacks_what_a_set_asks_for(self, true_world):
        market, history = true_world
        bare = replace(history, residuals=None)
        with pytest.raises(DataError, match="History has no residuals"):
            ev.outcomes(bare, market, [ev.SingleStocks()])

    def test_of_a_portfolio_outside_the_model(self, true_world):
        market, history = true_world
        frame = pd.DataFrame({"SH600000": 0.9, "SH999999": 0.1}, market.dates[:2])
        with pytest.raises(DataError, match=r"10.0% of portfolio p"):
            ev.outcomes(history, market, [ev.Given({"p": frame})])

    def test_of_an_unknown_index(self, true_world):
        market, history = true_world
        with pytest.raises(DataError, match="index 'csi300' is not in this market"):
            ev.outcomes(history, market, [ev.MinimumVariance("csi300")])
