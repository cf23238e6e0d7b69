"""Panels, histories and point-in-time loadings: gaps are counted, and nothing looks ahead."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from market import DataError
from risk.rotation import rotation
from risk.statistical import Statistical, complete, pca_exposures, sample_model
from risk.statistical.exposures import least_squares


def changed_after(world, row):
    """The market with other prices, volumes and shares after a row."""
    rng, fields = np.random.default_rng(0), {}
    for name in ("open", "high", "low", "close"):
        values = np.array(world.values(name))
        values[row + 1 :] *= rng.uniform(0.5, 1.5, values[row + 1 :].shape).astype(np.float32)
        fields[name] = values
    return world.with_fields(fields)


@pytest.fixture(scope="module")
def exposures(world):
    return pca_exposures(world, factors=5)


# --- panels ------------------------------------------------------------------------------------------


def gappy():
    rng = np.random.default_rng(0)
    market = rng.normal(size=200) * 0.012
    x = market[:, None] * rng.uniform(0.5, 1.5, 30) + rng.normal(size=(200, 30)) * 0.02
    sessions = pd.bdate_range("2021-01-01", periods=200)
    return pd.DataFrame(x, sessions, [f"S{i:02d}" for i in range(30)])


def test_short_histories_are_left_out_and_listed():
    returns = gappy()
    returns.iloc[:150, 4] = np.nan
    returns.iloc[20:30, 7] = np.nan
    panel = complete(returns, allowed=0.1)
    assert panel.left_out.to_dict() == {"S04": 50}
    assert panel.filled.to_dict() == {"S07": 10}
    assert panel.returns.notna().all(axis=None)
    assert complete(returns, allowed=0.0).left_out.to_dict() == {"S04": 50, "S07": 190}


def test_filling_keeps_mean_variance_and_market_of_the_sessions_observed():
    returns = gappy()
    full = returns["S07"].copy()
    returns.iloc[20:40, 7] = np.nan
    filled = complete(returns).returns["S07"]
    assert filled.mean() == pytest.approx(returns["S07"].mean(), rel=1e-12)
    assert filled.std(ddof=0) == pytest.approx(returns["S07"].std(ddof=0), rel=1e-12)
    rest = returns.drop(columns="S07").mean(axis=1)
    assert filled.corr(rest) == pytest.approx(full.corr(rest), abs=0.06)
    assert (filled.iloc[20:40].abs() > 0).all()  # never a silent zero


def test_a_panel_without_gaps_is_unchanged():
    pd.testing.assert_frame_equal(complete(gappy()).returns, gappy())


def test_empty_sessions_and_empty_panels_are_refused():
    returns = gappy()
    returns.iloc[3] = np.nan
    with pytest.raises(DataError, match=r"1 sessions have no return .* first 2021-01-06"):
        complete(returns)
    with pytest.raises(DataError, match="none of 30 stocks traded on 90%"):
        complete(gappy() * np.nan)
    with pytest.raises(ValueError, match=r"allowed is 0\.8"):
        complete(gappy(), allowed=0.8)


# --- histories ---------------------------------------------------------------------------------------


def test_model_of_a_date_is_the_sample_model_of_its_last_refresh(world):
    history = Statistical("oas", window=120, refresh=10).fit(world, index="csi300")
    row = 120 + 27
    members = world.index("csi300").members_on(world.dates[row])
    window = world.returns().iloc[120 + 20 - 119 : 120 + 20 + 1][members]
    wanted = sample_model(complete(window).returns, "oas")
    model = history.at(world.dates[row])
    pd.testing.assert_frame_equal(model.cov(), wanted.cov())
    assert model.date == world.dates[row]
    assert history.at(world.dates[row]) is not history.at(world.dates[row + 1])
    assert history.dates[0] == world.dates[120]
    left_out = history.panel(world.dates[row]).left_out.index
    assert set(model.stocks) | set(left_out) == set(members)


@pytest.mark.parametrize("method", ["apca", "poet", "nonlinear"])
def test_models_know_nothing_of_the_future(world, method):
    row = 300
    config = Statistical(method, window=200)
    honest = config.fit(world).at(world.dates[row])
    other = config.fit(changed_after(world, row)).at(world.dates[row])
    shorter = config.fit(world.until(world.dates[row])).at(world.dates[row])
    pd.testing.assert_frame_equal(honest.cov(), other.cov())
    pd.testing.assert_frame_equal(honest.cov(), shorter.cov())


def test_forecasts_of_the_market_are_of_the_right_size(world):
    history = Statistical("nonlinear", window=252).fit(world)
    returns = world.returns()
    outcome = []
    for now, following in itertools.pairwise(history.dates):
        model = history.at(now)
        w = pd.Series(1.0 / len(model.stocks), model.stocks)
        realised = returns.loc[following, w.index].fillna(0.0) @ w
        outcome.append(realised / np.sqrt(model.variance(w)))
    assert 0.7 < np.std(outcome) < 1.4


def test_named_stocks_are_covered_and_unknown_ones_refused(world):
    # a date with a bought stock that lists later has no model of it, and says so
    some = world.stocks[[1, 5, 9, 14]]
    history = Statistical("lw").fit(world, stocks=some)
    day = history.dates[-1]
    assert set(history.at(day).stocks) | set(history.panel(day).left_out.index) <= set(some)
    with pytest.raises(DataError, match=r"lacks 1 of 1 stocks, first .'SH1'"):
        Statistical().fit(world, stocks=["SH1"])
    with pytest.raises(ValueError, match="both index and stocks"):
        Statistical().fit(world, index="csi300", stocks=some)


def test_bad_settings_and_dates_are_refused(world):
    for bad in ({"method": "x"}, {"window": 5}, {"refresh": 0}, {"allowed": 0.9}):
        with pytest.raises(ValueError, match="use"):
            Statistical(**bad)
    with pytest.raises(DataError, match="a window of 504 returns needs 505"):
        Statistical(window=504).fit(world)
    with pytest.raises(DataError, match="there is no risk model for 2016-01-05"):
        Statistical().fit(world).at("2016-01-05")


# --- loadings ----------------------------------------------------------------------------------------


def test_loadings_know_nothing_of_the_future(world, exposures):
    row = 400
    other = pca_exposures(changed_after(world, row), factors=5)
    shorter = pca_exposures(world.until(world.dates[row]), factors=5)
    for name, frame in exposures.items():
        pd.testing.assert_frame_equal(frame.iloc[: row + 1], other[name].iloc[: row + 1])
        pd.testing.assert_frame_equal(frame.iloc[: row + 1], shorter[name])
        assert not frame.iloc[row + 60].equals(other[name].iloc[row + 60])


def test_loadings_begin_after_the_window_and_hold_between_refreshes(world, exposures):
    assert list(exposures) == ["pca01", "pca02", "pca03", "pca04", "pca05"]
    for frame in exposures.values():
        assert frame.shape == world.returns().shape
        assert frame.to_numpy().dtype == np.float32
        assert frame.iloc[:252].isna().all(axis=None)
        assert frame.iloc[252].equals(frame.iloc[272].rename(frame.index[252]))
        assert frame.iloc[-1].notna().sum() > 100


def test_young_stocks_have_no_loadings(world, exposures):
    seen = world.returns().notna()
    counts = seen.iloc[252 - 251 : 252 + 1].sum()
    there = exposures["pca01"].iloc[252].notna()
    assert (there == (counts >= 126)).all()
    assert not there.all()


def test_rotation_keeps_factors_the_same_from_refresh_to_refresh(exposures):
    for frame in exposures.values():
        values = frame.iloc[252::21].dropna(axis=1).to_numpy(np.float64)
        steps = [np.corrcoef(a, b)[0, 1] for a, b in itertools.pairwise(values)]
        assert min(steps) > 0.6
        assert np.mean(steps) > 0.85


def test_rotation_undoes_signs_order_and_turns():
    rng = np.random.default_rng(0)
    before = rng.normal(size=(50, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    found = rotation(before @ turn.T, before)
    np.testing.assert_allclose(found, turn, atol=1e-12)
    gaps = before.copy()
    gaps[:10] = np.nan
    np.testing.assert_allclose(rotation(gaps[:, ::-1], before), np.eye(3)[::-1], atol=1e-12)


def test_loadings_with_gaps_equal_a_regression_by_stock():
    rng = np.random.default_rng(0)
    x, f = rng.normal(size=(60, 4)), rng.normal(size=(60, 2))
    seen = rng.random((60, 4)) > 0.3
    mine = least_squares(np.where(seen, x, np.nan), seen, f)
    for i in range(4):
        design = np.column_stack([np.ones(60), f])[seen[:, i]]
        plain = np.linalg.lstsq(design, x[seen[:, i], i])[0]
        np.testing.assert_allclose(mine[i], plain[1:], rtol=1e-9)


def test_bad_requests_for_loadings_are_refused(world):
    with pytest.raises(ValueError, match="factors is 0"):
        pca_exposures(world, factors=0)
    with pytest.raises(ValueError, match="refresh 0"):
        pca_exposures(world, refresh=0)
    with pytest.raises(DataError, match="a window of 900 returns needs 901"):
        pca_exposures(world, window=900)
    with pytest.raises(DataError, match="not enough for 20 factors"):
        pca_exposures(world.select(world.stocks[:15]), factors=20, window=252)
