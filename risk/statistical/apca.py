"""Asymptotic principal components, and how many of them there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from risk.arrays import Floats
from risk.statistical.form import Form, numbered

MOST = 20  # factors that the criterion may choose from


@dataclass(frozen=True, eq=False)
class Apca:
    """Latent factors of a panel: ``x_t = B f_t + u_t``.

    Attributes
    ----------
    returns
        f ``[T, K]``, mean 0, uncorrelated, of unit variance.
    loadings
        B ``[N, K]``: the return of a stock per deviation of a factor; columns by falling size.
    residuals
        u ``[T, N]``.
    """

    returns: Floats
    loadings: Floats
    residuals: Floats

    def form(self) -> Form:
        """Return ``B cov(f) B' + diag(var u)``; var u with T - K - 1 degrees of freedom."""
        count, k = self.returns.shape
        return Form(
            self.loadings,
            self.returns.T @ self.returns / count,
            (self.residuals**2).sum(axis=0) / (count - k - 1),
            numbered("apca", k),
        )


def apca(x: Floats, factors: int) -> Apca:
    """Estimate latent factors from returns ``[T, N]`` by the T x T eigenproblem.

    The leading eigenvectors of ``X X' / N``, X demeaned over time, are the factor returns; loadings are
    least squares. Once more with every stock divided by its residual deviation, so that noisy stocks
    do not decide. Cost O(T^2 N): cheap for many stocks. Signs: the sum of each column of B is positive.

    Source: Connor and Korajczyk (1988), Risk and Return in an Equilibrium APT, J. Financial Economics 21.
    """
    centred = x - x.mean(axis=0)
    f = _leading(centred, factors)
    residual = centred - f @ (f.T @ centred) / len(x)
    deviation = np.sqrt((residual**2).mean(axis=0))
    # a stock that the factors explain wholly would otherwise weigh without limit
    deviation = np.maximum(deviation, 1e-3 * np.median(deviation))
    f = _leading(centred / deviation, factors)
    b = centred.T @ f / len(x)
    f, b = _ordered(f, b)
    return Apca(f, b, centred - f @ b.T)


def _leading(x: Floats, factors: int) -> Floats:
    """Leading eigenvectors of ``x x' / N``, scaled to unit variance ``[T, K]``, by falling eigenvalue."""
    _, vectors = np.linalg.eigh(x @ x.T / x.shape[1])
    return vectors[:, ::-1][:, :factors] * np.sqrt(len(x))


def _ordered(f: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Turn factors to principal axes of the loadings, the largest first, each with a positive sum."""
    _, _, turn = np.linalg.svd(b, full_matrices=False)
    b = b @ turn.T
    sign = np.where(b.sum(axis=0) < 0.0, -1.0, 1.0)
    return f @ turn.T * sign, b * sign


def count_factors(x: Floats, most: int = MOST) -> int:
    """Choose the number of factors of returns ``[T, N]`` by the criterion IC2, at least one.

        IC2(K) = ln V(K) + K (N + T) / (N T) ln min(N, T),

    V(K) the mean squared residual of K principal components of the standardised returns (the correlation
    matrix, so that no volatile stock passes for a factor).

    Source: Bai and Ng (2002), Determining the Number of Factors, Econometrica 70, equation (9).
    """
    t, n = x.shape
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    gram = z @ z.T if t <= n else z.T @ z
    values = np.linalg.eigvalsh(gram)[::-1] / (n * t)
    most = min(most, min(t, n) - 2)
    left = values.sum() - np.concatenate([[0.0], np.cumsum(values[:most])])
    penalty = (n + t) / (n * t) * np.log(min(n, t))
    criterion = np.log(np.maximum(left, 1e-300)) + penalty * np.arange(most + 1)
    return max(int(np.argmin(criterion)), 1)
