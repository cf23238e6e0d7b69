"""The compiled parts of the regression against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk import closed_form


@given(
    x=st.lists(st.integers(-5, 5) | st.floats(-1e6, 1e6), min_size=1, max_size=60),
    share=st.sampled_from([0.5, 0.95]),
)
@settings(max_examples=200, deadline=None)
def test_quantiles_are_numpys_whatever_the_ties(x, share):
    x = np.array(x, dtype=np.float64)
    found = closed_form.quantile(x.copy(), share)
    assert found == pytest.approx(np.quantile(x, share), rel=1e-12, abs=1e-12)


@given(seed=st.integers(0, 10_000), size=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_inverses_are_numpys_and_the_bound_holds(seed, size):
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(size, 3 * size)) * draw.lognormal(size=size)[:, None]
    gram = root @ root.T
    inverse, bound = closed_form.inverse(gram)
    np.testing.assert_allclose(inverse @ gram, np.eye(size), atol=1e-9)
    scale = np.sqrt(np.diag(gram))
    condition = np.linalg.cond(gram / np.outer(scale, scale))
    assert condition * (1.0 - 1e-9) <= bound <= size * condition * (1.0 + 1e-9)


def test_a_singular_matrix_has_no_bound():
    assert closed_form.inverse(np.ones((3, 3)))[1] == np.inf
    assert np.isnan(closed_form.inverse(np.zeros((2, 2)))[0]).all()


def test_clipping_reaches_five_robust_or_three_ordinary_deviations():
    x = np.append(np.linspace(-1.0, 1.0, 101), 50.0)
    middle = np.median(x)
    robust = 5.0 * 1.4826 * np.median(np.abs(x - middle))
    found = closed_form.clipped_returns(x)
    assert found.max() == pytest.approx(middle + max(robust, 3.0 * x.std()))
    np.testing.assert_array_equal(found[:-1], x[:-1])
    locked = np.append(np.full(60, -0.1), np.linspace(-0.05, 0.05, 40))  # the MAD is zero
    np.testing.assert_array_equal(closed_form.clipped_returns(locked), locked)


def test_only_voters_with_enough_peers_are_elected():
    returns = np.zeros(14)
    returns[2] = np.nan
    industry = np.array([0] * 6 + [1] * 4 + [-1] + [0] * 3)
    vote = np.ones(14, dtype=bool)
    vote[0] = False
    found = closed_form.electorate(returns, industry, vote, 2)
    assert list(found) == [1, 3, 4, 5, 11, 12, 13]
