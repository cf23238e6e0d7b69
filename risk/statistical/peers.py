"""Estimators taken from scikit-learn and skfolio, which are imported when asked for."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from risk.arrays import Floats
from risk.statistical.form import Form, dense, spectral


def linear(x: Floats, rule: str) -> Form:
    """Linear shrinkage to the identity: rule ``"lw"`` (Ledoit-Wolf 2004) or ``"oas"`` (Chen et al. 2010).

    scikit-learn gives the share; the eigenvectors are those of the sample, so the factor form needs no
    N x N matrix.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage, oas

    centred = x - x.mean(axis=0)
    _, size, right = np.linalg.svd(centred / np.sqrt(len(x)), full_matrices=False)
    values = size**2
    target = values.sum() / x.shape[1]
    if rule == "lw":
        share = float(ledoit_wolf_shrinkage(centred, assume_centered=True))
    else:
        share = float(oas(centred, assume_centered=True)[1])
    rest = share * target if x.shape[1] > len(values) else None
    return spectral(right.T, (1.0 - share) * values + share * target, rest)


def sample(x: Floats) -> Form:
    """Covariance of the sample, with T - 1; needs more sessions than stocks."""
    return dense(np.atleast_2d(np.cov(x, rowvar=False)))


def denoised(x: Floats) -> Form:
    """Eigenvalues within the Marchenko-Pastur bulk replaced by their mean (Lopez de Prado 2020, ch. 2)."""
    moments = _skfolio()
    plain = moments.EmpiricalCovariance(nearest=False)
    return dense(_fitted(moments.DenoiseCovariance(plain, nearest=False), x))


def detoned(x: Floats) -> Form:
    """Covariance without its market mode: singular, so for comparing stocks, not for minimising risk."""
    moments = _skfolio()
    plain = moments.EmpiricalCovariance(nearest=False)
    return dense(_fitted(moments.DetoneCovariance(plain, nearest=False), x), singular=True)


def gerber(x: Floats) -> Form:
    """Co-movements beyond half a deviation, counted (Gerber et al. 2022); O(T N^2)."""
    return dense(_fitted(_skfolio().GerberCovariance(nearest=False), x))


def ewma(x: Floats) -> Form:
    """Exponentially weighted with a half-life of 84 sessions; needs well more sessions than stocks."""
    return dense(_fitted(_skfolio().EWCovariance(half_life=84, nearest=False), x))


def _fitted(estimator: object, x: Floats) -> Floats:
    return np.asarray(estimator.fit(x).covariance_)  # type: ignore[attr-defined]


def _skfolio() -> ModuleType:
    try:
        import skfolio.moments as moments
    except ImportError as missing:
        raise ImportError(
            "this method comes from skfolio, which is not installed; "
            "pip install 'index-enhancement[statistical]', or use lw, oas, nonlinear, apca or poet"
        ) from missing
    return moments
