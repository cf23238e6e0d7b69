"""Structural specific risk: planted coefficients come back, and erratic histories are doubted."""

from __future__ import annotations

import numpy as np
import pytest

from risk.structural import (
    NEVER,
    Kinds,
    Structure,
    behaviour,
    history_share,
)


def planted(n=400, noise=0.0, seed=0):
    """Volatilities that follow one style and three industries."""
    draw = np.random.default_rng(seed)
    kinds = Kinds(draw.normal(size=(n, 2)), draw.integers(0, 3, n), draw.lognormal(23, 1, n))
    logs = np.log(0.02) + np.array([0.3, 0.0, -0.3])[kinds.industry] + 0.2 * kinds.styles[:, 0]
    return np.exp(logs + noise * draw.normal(size=n)), kinds


def test_planted_coefficients_come_back():
    own, kinds = planted()
    everyone = np.ones(len(own), dtype=bool)
    structure = Structure.fit(own, everyone, kinds, 3, np.ones(len(own)))
    np.testing.assert_allclose(structure.style, [0.2, 0.0], atol=0.01)
    assert structure.industry[0] - structure.industry[2] == pytest.approx(0.6, abs=0.02)
    np.testing.assert_allclose(structure.volatility(own, everyone, kinds), own, rtol=0.02)


def test_stocks_without_history_get_the_volatility_of_their_kind():
    own, kinds = planted(noise=0.2)
    truth, _ = planted()
    believed = np.arange(len(own)) >= 50
    unknown = np.where(believed, own, np.nan)
    structure = Structure.fit(unknown, believed, kinds, 3, np.ones(len(own)))
    found = structure.volatility(unknown, believed, kinds)
    assert np.isfinite(found).all()
    error = found[:50] / truth[:50] - 1.0
    assert np.abs(error - error.mean()).max() < 0.1
    assert abs(error.mean()) < 0.04  # the mean of exp(e) lies above exp of the mean


def test_the_level_follows_the_market_between_fits():
    own, kinds = planted()
    everyone = np.ones(len(own), dtype=bool)
    structure = Structure.fit(own, everyone, kinds, 3, np.ones(len(own)))
    calm, wild = (structure.volatility(level * own, everyone, kinds) for level in (1.0, 2.0))
    np.testing.assert_allclose(wild, 2.0 * calm)


def test_a_stock_without_industry_is_an_average_one_of_its_style():
    own, kinds = planted()
    outside = Kinds(kinds.styles, np.where(np.arange(400) == 7, -1, kinds.industry), kinds.cap)
    everyone = np.ones(len(own), dtype=bool)
    structure = Structure.fit(own, everyone & (outside.industry >= 0), outside, 3, np.ones(400))
    found = structure.volatility(own, everyone, outside)
    kind = np.exp(0.2 * kinds.styles[7, 0])
    assert 0.02 * np.exp(-0.3) * kind < found[7] < 0.02 * np.exp(0.3) * kind


def test_absent_styles_have_no_part():
    own, kinds = planted()
    kinds.styles[:, 1] = np.nan
    everyone = np.ones(len(own), dtype=bool)
    structure = Structure.fit(own, everyone, kinds, 3, np.ones(400))
    assert structure.style[1] == 0.0
    assert np.isfinite(structure.volatility(own, everyone, kinds)).all()


def test_before_any_fit_all_stocks_are_alike():
    own, kinds = planted(n=20)
    structure = Structure.empty(20, 3, 2)
    assert structure.age == NEVER
    found = structure.volatility(own, np.ones(20, dtype=bool), kinds)
    np.testing.assert_allclose(found, found[0])


def test_too_few_believed_stocks_give_one_level():
    own, kinds = planted()
    few = np.arange(400) < 4
    structure = Structure.fit(own, few, kinds, 3, np.ones(400))
    np.testing.assert_array_equal(structure.style, 0.0)
    found = structure.volatility(own, few, kinds)
    assert own[few].min() <= found[0] <= own[few].max()


def test_an_ordinary_history_is_believed_and_one_of_jumps_is_not():
    draw = np.random.default_rng(1)
    u = 0.01 * draw.normal(size=(180, 3))
    u[::12, 1] += 0.5  # fifteen jumps: clipped at ten deviations, they triple the plain one
    u[:, 2] = np.nan
    share = behaviour(u)
    assert share[0] == 1.0
    assert share[1] < 0.8
    assert share[2] == 1.0  # nothing is known against it


def test_behaviour_equals_its_definition():
    draw = np.random.default_rng(2)
    u = 0.01 * draw.standard_t(2, size=(180, 5))
    u[:70, 3] = np.nan
    for n in range(5):
        x = u[np.isfinite(u[:, n]), n]
        robust = np.subtract(*np.percentile(x, [75, 25])) / 1.35
        plain = np.sqrt(np.mean(np.clip(x, -10 * robust, 10 * robust) ** 2))
        expected = min(1.0, np.exp(1.0 - abs(plain / robust - 1.0)))
        assert behaviour(u)[n] == pytest.approx(expected, rel=1e-12)


def test_a_history_of_equal_residuals_is_not_believed():
    u = np.zeros((100, 1))
    u[:20] = 0.01
    assert behaviour(u)[0] == 0.0


def test_a_history_counts_from_sixty_to_one_hundred_and_eighty_residuals():
    count = np.array([0, 60, 120, 180], dtype=np.uint8)
    np.testing.assert_allclose(history_share(count), [0.0, 0.0, 0.5, 1.0])
