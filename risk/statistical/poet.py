"""Principal components and a sparse residual correlation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from risk.arrays import Floats
from risk.statistical.form import Form, numbered, sparse

STEP = 0.05  # by which the constant C is raised
FIRST = 0.5  # C to begin with
LEAST = 0.01  # smallest eigenvalue of the residual correlation that counts as positive definite


def _soft(r: Floats, tau: float) -> Floats:
    return np.sign(r) * np.maximum(np.abs(r) - tau, 0.0)


def _hard(r: Floats, tau: float) -> Floats:
    return np.where(np.abs(r) > tau, r, 0.0)


def _scad(r: Floats, tau: float) -> Floats:
    a = 3.7  # the constant of Fan and Li (2001)
    size = np.abs(r)
    middle = ((a - 1.0) * r - np.sign(r) * a * tau) / (a - 2.0)
    return np.where(size <= 2.0 * tau, _soft(r, tau), np.where(size <= a * tau, middle, r))


THRESHOLDS: Mapping[str, Callable[[Floats, float], Floats]] = MappingProxyType(
    {"soft": _soft, "hard": _hard, "scad": _scad}
)


def poet(x: Floats, factors: int, threshold: str = "soft") -> Form:
    """Estimate a covariance from returns ``[T, N]``: principal components and thresholded residuals.

        cov = sum_k<=K l_k v_k v_k' + R,   R_ij = s_i s_j h(r_ij; tau),
        tau = C (1 / sqrt(N) + sqrt(ln N / T))

    l, v from the singular values of the T x N matrix, r the correlation of what they leave, s its
    deviations, h a threshold: ``"soft"``, ``"hard"`` or ``"scad"``. C is raised from 0.5 by 0.05 until the
    smallest eigenvalue of h(r) is at least 0.01. The result is exact: blocks of correlated residuals
    become factors of their own (``residual..``), see ``form.sparse``.

    Source: Fan, Liao and Mincheva (2013), Large covariance estimation by thresholding principal
    orthogonal complements, J. Royal Statistical Society B 75, section 2.

    Raises
    ------
    ValueError
        An unknown threshold.
    """
    if threshold not in THRESHOLDS:
        raise ValueError(f"threshold {threshold!r} is unknown; use one of {sorted(THRESHOLDS)}")
    t, n = x.shape
    centred = x - x.mean(axis=0)
    left, size, right = np.linalg.svd(centred, full_matrices=False)
    residual = centred - (left[:, :factors] * size[:factors]) @ right[:factors]
    spread = residual.T @ residual / t
    deviation = np.sqrt(np.diag(spread))
    correlation = spread / np.outer(deviation, deviation)
    unit = 1.0 / np.sqrt(n) + np.sqrt(np.log(n) / t)
    rest = sparse(deviation, _definite(correlation, unit, THRESHOLDS[threshold]))
    k = rest.exposures.shape[1]
    f = np.diag(np.append(size[:factors] ** 2 / t, np.ones(k)))
    names = (*numbered("pc", factors), *rest.names)
    return Form(np.hstack([right[:factors].T, rest.exposures]), f, rest.specific, names)


def _definite(correlation: Floats, unit: float, threshold: Callable[..., Floats]) -> Floats:
    """Raise C until the thresholded correlation is positive definite; at tau = 1 it is the identity."""
    constant = FIRST
    while True:
        sparse_part = threshold(correlation, constant * unit)
        np.fill_diagonal(sparse_part, 1.0)
        if np.linalg.eigvalsh(sparse_part)[0] >= LEAST:
            return sparse_part
        constant += STEP
