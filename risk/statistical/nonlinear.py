"""Analytical nonlinear shrinkage of the spectrum of a sample covariance."""

from __future__ import annotations

import numpy as np

from market import DataError
from risk.arrays import Floats
from risk.statistical.form import Form, spectral

ROOT5 = np.sqrt(5.0)
FAR = 100.0  # kernel widths: there the closed form and its series are both exact to 1e-12


def nonlinear(x: Floats) -> Form:
    """Shrink the covariance of returns ``[T, N]``, each sample eigenvalue by its own amount.

    Eigenvectors are those of the sample; with n = T - 1 and more stocks than n, directions without sample
    variance get one common eigenvalue. No parameter to choose.

    Source: Ledoit and Wolf (2020), Analytical nonlinear shrinkage of large-dimensional covariance
    matrices, Annals of Statistics 48, section 4 and, for N > n, appendix C.

    Raises
    ------
    DataError
        Returns of lower rank than their shape (a stock given twice), or more stocks than sessions and
        fewer than 13 sessions.
    """
    n, p = len(x) - 1, x.shape[1]
    centred = x - x.mean(axis=0)
    _, size, right = np.linalg.svd(centred / np.sqrt(n), full_matrices=False)
    values = size[: min(n, p)] ** 2
    if values[-1] <= 1e-14 * values[0]:
        raise DataError(
            f"returns of {p} stocks over {len(x)} sessions have rank {int((values > 1e-14 * values[0]).sum())}, "
            f"not {len(values)}; leave out stocks or sessions that repeat others"
        )
    if p > n and n < 12:
        raise DataError(
            f"nonlinear shrinkage of {p} stocks needs 13 sessions, there are {len(x)}; give more"
        )
    shrunk, null = shrunk_eigenvalues(values, n, p)
    return spectral(right[: len(values)].T, shrunk, null)


def shrunk_eigenvalues(values: Floats, n: int, p: int) -> tuple[Floats, float | None]:
    """Return the shrunk eigenvalues, and that of the null space when p > n.

    Parameters
    ----------
    values
        l, the min(n, p) sample eigenvalues that are not zero by construction.
    n, p
        Degrees of freedom (sessions less one) and stocks.
    """
    c, h = p / n, n ** (-1.0 / 3.0)
    x = (values[:, None] - values) / (h * values)  # [i, j]
    f = spectral_density(x, h * values)
    hilbert = hilbert_transform(x, h * values)
    if p <= n:
        outer = np.pi * c * values
        return values / ((outer * f) ** 2 + (1.0 - c - outer * hilbert) ** 2), None
    edge = ROOT5 * h
    at_zero = (
        3.0 / (10.0 * h**2)
        + 3.0 / (4.0 * ROOT5 * h) * (1.0 - 1.0 / (5.0 * h**2)) * np.log((1.0 + edge) / (1.0 - edge))
    ) * np.mean(1.0 / values)
    null = 1.0 / ((p - n) / n * at_zero)  # pi cancels against that of the Hilbert transform at zero
    return values / (np.pi**2 * values**2 * (f**2 + hilbert**2)), float(null)


def spectral_density(x: Floats, width: Floats) -> Floats:
    """Epanechnikov estimate of the spectral density at each eigenvalue."""
    return np.mean(3.0 / (4.0 * ROOT5) * np.maximum(1.0 - x**2 / 5.0, 0.0) / width, axis=1)


def hilbert_transform(x: Floats, width: Floats) -> Floats:
    """Return the Hilbert transform of that density.

    In closed form the terms of order x cancel to leave 1/x, which costs x^2 in precision; far from the
    kernel (tiny sample eigenvalues have narrow ones) its moments 1, 15/7, 125/21 give the same to rounding.
    """
    bump = 3.0 / (4.0 * ROOT5 * np.pi) * (1.0 - x**2 / 5.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(np.abs((ROOT5 - x) / (ROOT5 + x)))
        y = 1.0 / x**2
        tail = -(1.0 + y * (1.0 + y * (15.0 / 7.0 + y * 125.0 / 21.0))) / (np.pi * x)
    # where |x| is sqrt 5 the parabola is zero and the logarithm infinite: their product vanishes
    near = -3.0 / (10.0 * np.pi) * x + np.where(np.isfinite(log), bump * log, 0.0)
    return np.mean(np.where(np.abs(x) > FAR, tail, near) / width, axis=1)
