"""Factors keep their meaning through a change of network."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk.deep.align import joined
from risk.deep.folder import FoldExposures
from risk.deep.panel import Scaling
from risk.rotation import rotation

STOCKS = pd.Index([f"S{k}" for k in range(50)], name="stock")


@pytest.fixture
def basis():
    """The same three factors, and those factors turned."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((12, 50, 3))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    return z, turn


def fold(name, dates, values, overlap):
    course = pd.DataFrame({"loss": [0.0], "r2": [0.1]})
    scaling = Scaling(np.zeros((20, 5)), np.ones((20, 5)))
    half = values.astype(np.float16)
    return FoldExposures(name, 0, dates, STOCKS, overlap, half, course, {}, scaling)


def test_a_turned_basis_is_turned_back(basis):
    z, turn = basis
    np.testing.assert_allclose(rotation(z @ turn, z), turn.T, atol=1e-12)


def test_rotations_are_orthogonal_whatever_the_bases(basis):
    z, _ = basis
    r = rotation(np.random.default_rng(1).standard_normal(z.shape), z)
    np.testing.assert_allclose(r @ r.T, np.eye(3), atol=1e-12)


def test_nothing_in_common_leaves_the_basis_alone(basis):
    z, _ = basis
    np.testing.assert_array_equal(rotation(z[:0], z[:0]), np.eye(3))


def test_folds_join_into_one_run_of_the_same_factors(basis):
    z, turn = basis
    dates = pd.date_range("2020-01-01", periods=12)
    one = fold("a", dates[:8], z[:8], overlap=2)
    two = fold("b", dates[5:], (z @ turn)[5:], overlap=3)
    held = two.values.copy()
    held[:, 4] = np.nan
    there, stocks, values = joined([one, fold("b", dates[5:], held, overlap=3)])
    assert list(there) == list(dates[2:])
    assert stocks is one.stocks
    known = np.isfinite(values[-1]).all(axis=1)
    assert known.sum() == 49
    np.testing.assert_allclose(values[:, known], z[2:, known], atol=5e-3)  # three digits are kept
