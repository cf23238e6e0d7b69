"""Pure factor portfolios: the portfolios whose returns are the factor returns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from market import DataError
from risk.arrays import Floats
from risk.closed_form import MIN_MEMBERS
from risk.model import RiskModel
from risk.regression import CONDITION, regression_weights


def pure_portfolios(model: RiskModel, cap: pd.Series) -> pd.DataFrame:
    """Return Omega of ``f = Omega r``, the constrained weighted regression, one row per factor.

    The country row is close to the cap-weighted market; an industry row is long its industry and short
    the market; a style row has unit exposure to its style and none to any other factor. Omega solves

        [X'VX  c] [Omega]   [X'V]
        [ c'   0] [  l' ] = [ 0 ]

    with c the cap shares of the industries and V the regression weights, so it holds for fractional
    industry exposures too.

    Parameters
    ----------
    model
        Its exposures X are used, nothing else.
    cap
        Market value of the stocks that vote, CNY, known when the portfolios are formed; all are covered.

    Returns
    -------
    DataFrame
        Factor x stock. An industry with fewer than five voters has no row, and its stocks have no vote.

    Raises
    ------
    DataError
        A market value that is not positive, a stock that the model does not cover, or factors that the
        voters cannot tell apart.

    Examples
    --------
    >>> weights = pure_portfolios(history.at(t), cap)  # doctest: +SKIP
    >>> weights @ returns  # factor returns of the day after t, unclipped  # doctest: +SKIP
    """
    if not (cap > 0.0).all():
        bad = cap.index[~(cap > 0.0)]
        raise DataError(
            f"{len(bad)} market values at {model.date:%Y-%m-%d} are not positive, first {bad[0]}; "
            "leave those stocks out"
        )
    exposures = model.select(cap.index).exposures
    industries = model.of_kind("industry")
    members = (exposures[industries] > 0.0).sum()
    thin = list(members.index[members < MIN_MEMBERS])
    exposures = exposures[(exposures[thin] == 0.0).all(axis=1)].drop(columns=thin)
    size = cap.loc[exposures.index].to_numpy(dtype=np.float64)
    x = exposures.to_numpy()
    placed = exposures.columns.isin(industries)
    share = np.where(placed, size @ x / size.sum(), 0.0)
    weights = _omega(x, regression_weights(size), share, model)
    return pd.DataFrame(weights, index=exposures.columns, columns=exposures.index)


def _omega(x: Floats, v: Floats, share: Floats, model: RiskModel) -> Floats:
    """Solve the bordered system ``[K, n]``, scaled to a unit diagonal."""
    weighed = x * v[:, None]
    gram = x.T @ weighed
    scale = np.sqrt(np.diag(gram))
    if not (scale > 0.0).all():
        names = list(model.factors[: len(scale)][~(scale > 0.0)])
        raise DataError(
            f"no voter at {model.date:%Y-%m-%d} is exposed to {names}; give more market values"
        )
    system = gram / np.outer(scale, scale)
    right = weighed.T / scale[:, None]
    if share.any():
        border = (share / scale)[:, None] / np.linalg.norm(share / scale)
        system = np.block([[system, border], [border.T, np.zeros((1, 1))]])
        right = np.vstack([right, np.zeros((1, len(x)))])
    condition = np.linalg.cond(system)
    if condition > CONDITION:
        raise DataError(
            f"factors at {model.date:%Y-%m-%d} cannot be told apart by {len(x)} voters: condition "
            f"number {condition:.1e}; drop a factor or give more market values"
        )
    return np.linalg.solve(system, right)[: len(scale)] / scale[:, None]
