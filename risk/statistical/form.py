"""Covariances written as factors and a diagonal, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from market import DataError
from risk.arrays import Floats
from risk.model import RiskModel

SINGULAR = 1e-10  # of the mean eigenvalue: below it an eigenvalue is rounding


@dataclass(frozen=True, eq=False)
class Form:
    """``X F X' + diag(d)`` without labels: X ``[N, K]``, F ``[K, K]``, d ``[N]``, K factor names."""

    exposures: Floats
    covariance: Floats
    specific: Floats
    names: tuple[str, ...]

    def labelled(self, returns: pd.DataFrame) -> RiskModel:
        """Return the risk model of the columns of ``returns``, known after its last session."""
        names = pd.Index(self.names, name="factor")
        stocks = returns.columns.rename("stock")
        return RiskModel(
            date=pd.Timestamp(returns.index[-1]),
            exposures=pd.DataFrame(self.exposures, stocks, names),
            factor_covariance=pd.DataFrame(self.covariance, names, names),
            specific_variance=pd.Series(self.specific, stocks, name="specific_variance"),
            kinds=dict.fromkeys(self.names, "latent"),
        )


def numbered(stem: str, count: int) -> tuple[str, ...]:
    """Return ``stem001``, ``stem002``, ...; two digits below a hundred."""
    digits = 2 if count < 100 else len(str(count))
    return tuple(f"{stem}{i + 1:0{digits}d}" for i in range(count))


def spectral(vectors: Floats, values: Floats, rest: float | None = None) -> Form:
    """Write a covariance given by eigenvectors ``[N, m]`` and eigenvalues ``[m]``.

    The smallest eigenvalue is d of every stock; the others, less it, are the variances of factors whose
    exposures are their eigenvectors. ``rest`` is the eigenvalue of the N - m directions not given.
    """
    if rest is not None and rest > values.min():
        basis, _ = np.linalg.qr(vectors, mode="complete")
        missing = basis[:, vectors.shape[1] :]
        vectors = np.column_stack([vectors, missing])
        values = np.append(values, np.full(missing.shape[1], rest))
        rest = None
    least = values.min() if rest is None else rest
    order = np.argsort(values)[::-1]
    order = order[values[order] > least]
    return Form(
        vectors[:, order],
        np.diag(values[order] - least),
        np.full(len(vectors), least),
        numbered("eigen", len(order)),
    )


def dense(covariance: Floats, singular: bool = False) -> Form:
    """Write a dense covariance ``[N, N]`` by its spectrum; see ``spectral``.

    Parameters
    ----------
    covariance
        Symmetric.
    singular
        The estimator is singular by construction: its null directions get 1e-10 of the mean eigenvalue.

    Raises
    ------
    DataError
        The covariance is not finite, or not positive definite and ``singular`` is not set.
    """
    _require_finite(covariance)
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2.0)
    floor = SINGULAR * values.mean()
    if values[0] < floor and not (singular and values[0] > -floor):
        raise DataError(
            f"covariance of {len(values)} stocks is not positive definite: its smallest eigenvalue is "
            f"{values[0]:.2e}, the mean one {values.mean():.2e}; use more sessions than stocks, or a "
            "method that shrinks: lw, oas, nonlinear, poet, apca"
        )
    return spectral(vectors, np.maximum(values, floor))


def sparse(deviation: Floats, correlation: Floats) -> Form:
    """Write a sparse covariance ``deviation_i C_ij deviation_j`` by its blocks.

    A stock correlated with no other has its variance in d. Stocks joined by correlations form a block;
    there d is the block's smallest eigenvalue of C times the variance, and the rest of the block's
    spectrum becomes factors that only its stocks are exposed to.
    """
    count, block = connected_components(csr_array(correlation != 0.0), directed=False)
    specific, columns = deviation**2, []
    for b in np.flatnonzero(np.bincount(block, minlength=count) > 1):
        members = np.flatnonzero(block == b)
        values, vectors = np.linalg.eigh(correlation[np.ix_(members, members)])
        specific[members] *= values[0]
        above = values > values[0]
        column = np.zeros((len(deviation), int(above.sum())))
        column[members] = (
            deviation[members, None] * vectors[:, above] * np.sqrt(values[above] - values[0])
        )
        columns.append(column)
    exposures = np.hstack(columns) if columns else np.zeros((len(deviation), 0))
    k = exposures.shape[1]
    return Form(exposures, np.eye(k), specific, numbered("residual", k))


def _require_finite(covariance: Floats) -> None:
    bad = ~np.isfinite(covariance)
    if bad.any():
        raise DataError(
            f"the estimator left {int(bad.sum())} of {covariance.size} covariances undefined; "
            "it needs more sessions"
        )
