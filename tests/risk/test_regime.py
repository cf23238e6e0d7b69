"""Volatility regime: hand-worked numbers, the doubling of volatility, and what it must not do."""

from __future__ import annotations

import numpy as np
import pytest

from risk.regime import OUTLIER, Regime


def doubled(half_life, memory, feedback=False):
    """Lambda by day after the volatility of a factor forecast by EWMA doubles, in expectation."""
    fade = 0.5 ** (1.0 / half_life)
    variance, regime, path = 1.0, Regime(memory, np.array([1.0])), []
    for _ in range(120):
        regime, _ = regime.learn(np.array([2.0]))
        variance = fade * variance + (1.0 - fade) * 4.0
        scale = regime.level if feedback else 1.0
        regime = Regime(memory, np.array([scale * np.sqrt(variance)]), regime.square)
        path.append(regime.level)
    return path


def test_a_day_is_averaged_into_the_level():
    regime = Regime(half_life=2.0, forecast=np.array([0.01, 0.02, 0.03]), square=1.0)
    after, clipped = regime.learn(np.array([0.02, -0.02, 0.0]))
    fade = 0.5**0.5
    assert after.square == pytest.approx(fade * 1.0 + (1.0 - fade) * (4.0 + 1.0 + 0.0) / 3.0)
    assert after.level == pytest.approx(np.sqrt(after.square))
    assert clipped == 0


def test_weights_count_what_is_known_alone():
    regime = Regime(1.0, np.array([1.0, 1.0, np.nan, 1.0]))
    after, _ = regime.learn(np.array([2.0, 0.0, 9.0, np.nan]), np.array([3.0, 1.0, 5.0, 5.0]))
    assert after.square == pytest.approx(0.5 + 0.5 * 3.0 * 4.0 / 4.0)
    nobody, _ = regime.learn(np.array([2.0, 0.0, 9.0, np.nan]), np.zeros(4))
    assert nobody is regime


def test_one_surprise_is_clipped_and_counted():
    regime = Regime(1.0, np.array([1.0, 1.0]))
    after, clipped = regime.learn(np.array([100.0, 1.0]))
    assert after.square == pytest.approx(0.5 + 0.5 * (OUTLIER + 1.0) / 2.0)
    assert clipped == 1


def test_a_day_without_returns_changes_nothing():
    regime = Regime(42.0, np.array([0.01]), square=1.3)
    assert regime.learn(np.array([np.nan]))[0] is regime


def test_lambda_follows_a_doubling_of_volatility():
    path = doubled(252.0, 42.0)
    assert 1.48 < path[59] < 1.58
    assert path[59] > max(path[:20])


def test_forecasts_that_were_adjusted_would_feed_back():
    assert doubled(252.0, 42.0, feedback=True)[59] < 1.4


def test_a_well_calibrated_world_has_no_regime():
    draw, levels = np.random.default_rng(0), []
    regime = Regime(42.0, np.ones(40))
    for row in draw.normal(size=(800, 40)):
        regime, _ = regime.learn(row)
        levels.append(regime.level)
    assert np.mean(levels[200:]) == pytest.approx(1.0, abs=0.02)
