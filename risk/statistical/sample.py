"""One door to all estimators: returns in, risk model out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd

from market import DataError
from risk.arrays import Floats
from risk.model import RiskModel
from risk.statistical import peers
from risk.statistical.apca import apca, count_factors
from risk.statistical.form import Form
from risk.statistical.nonlinear import nonlinear
from risk.statistical.poet import poet

FACTORED: Mapping[str, Callable[[Floats, int], Form]] = MappingProxyType(
    {"apca": lambda x, k: apca(x, k).form(), "poet": poet}
)
SHRUNK: Mapping[str, Callable[[Floats], Form]] = MappingProxyType(
    {
        "sample": peers.sample,
        "lw": partial(peers.linear, rule="lw"),
        "oas": partial(peers.linear, rule="oas"),
        "nonlinear": nonlinear,
        "denoise": peers.denoised,
        "detone": peers.detoned,
        "gerber": peers.gerber,
        "ewma": peers.ewma,
    }
)
METHODS: tuple[str, ...] = (*FACTORED, *SHRUNK)


def sample_model(
    returns: pd.DataFrame, method: str = "nonlinear", factors: int | None = None
) -> RiskModel:
    """Estimate a risk model from a complete panel of returns alone.

    ========== =========================================================== ==================
    method     covariance                                                  from
    ========== =========================================================== ==================
    apca       asymptotic principal components, diagonal residual          ours
    poet       principal components, sparse residual                       ours
    nonlinear  analytical nonlinear shrinkage                              ours
    lw, oas    linear shrinkage to the identity                            scikit-learn
    sample     sample covariance, T > N                                    numpy
    denoise    noise eigenvalues replaced by their mean                    skfolio
    detone     without the market mode (singular: see ``peers.detoned``)   skfolio
    gerber     counted co-movements                                        skfolio
    ewma       exponentially weighted, T well above N                      skfolio
    ========== =========================================================== ==================

    All factors are of kind ``"latent"``. A covariance without factors of its own is written exactly as
    eigenvectors X, eigenvalues less the smallest F, and the smallest eigenvalue d: the same d for all
    stocks, so ``contributions`` says little about it. POET's residual is kept sparse and exact, as factors
    to which only blocks of correlated stocks are exposed.

    Parameters
    ----------
    returns
        ``[T, N]`` simple daily returns by session and stock, without NaN: ``complete`` makes such a panel.
    method
        One of ``METHODS``.
    factors
        Number of factors of apca and poet; None chooses by IC2.

    Returns
    -------
    RiskModel
        Daily variances, dated by the last session.

    Raises
    ------
    DataError
        NaN or infinite returns, fewer than 3 sessions or 2 stocks, a constant stock, labels repeated or
        not dates, a covariance that is not positive definite.
    ValueError
        An unknown method, factors not below min(T, N) - 1, or factors for a method without.

    Examples
    --------
    >>> model = sample_model(returns, "poet", factors=5)  # doctest: +SKIP
    >>> model.volatility(weights)  # doctest: +SKIP
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r} is unknown; use one of {list(METHODS)}")
    x = _checked(returns)
    if method in SHRUNK:
        if factors is not None:
            raise ValueError(
                f"method {method!r} has no factors, {factors} were asked for; leave factors out, or use "
                f"one of {list(FACTORED)}"
            )
        return SHRUNK[method](x).labelled(returns)
    return FACTORED[method](x, _factors(x, factors)).labelled(returns)


def _factors(x: Floats, factors: int | None) -> int:
    if factors is None:
        return count_factors(x)
    if not 1 <= factors < min(x.shape) - 1:
        raise ValueError(
            f"factors is {factors}; {x.shape[0]} sessions of {x.shape[1]} stocks carry 1 to "
            f"{min(x.shape) - 2} factors and a residual"
        )
    return factors


def _checked(returns: pd.DataFrame) -> Floats:
    """Return the returns as float64 ``[T, N]``, or say what is wrong with them."""
    t, n = returns.shape
    if t < 3 or n < 2:
        raise DataError(
            f"returns are {t} sessions of {n} stocks; a covariance needs 3 sessions and 2 stocks"
        )
    repeated = returns.columns[returns.columns.duplicated()]
    if not isinstance(returns.index, pd.DatetimeIndex) or len(repeated):
        raise DataError(
            f"returns are indexed by {type(returns.index).__name__} and repeat {len(repeated)} stocks "
            f"{list(repeated[:5])}; use a DatetimeIndex and each stock once"
        )
    x = returns.to_numpy(np.float64)
    bad = ~np.isfinite(x)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"returns hold {int(bad.sum())} missing values in {int(bad.any(axis=0).sum())} stocks, first "
            f"{returns.columns[column]} on {returns.index[row]:%Y-%m-%d}; risk.statistical.complete(returns) "
            "leaves out stocks with too few and fills the gaps of the others"
        )
    still = np.ptp(x, axis=0) == 0.0
    if still.any():
        raise DataError(
            f"returns of {int(still.sum())} stocks never change, first "
            f"{list(returns.columns[still][:5])}; leave them out"
        )
    return x
