"""Loadings of latent factors through time, as exposures for a cross-sectional model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from market import DataError, Market
from market.progress import track
from risk.arrays import Floats
from risk.rotation import rotation
from risk.statistical.apca import apca
from risk.statistical.form import numbered
from risk.statistical.panel import complete

ALLOWED = 0.1  # share of the window that a stock which shapes the factors may have missed
ENOUGH = 0.5  # share of the window without which a stock has no loading of its own


def pca_exposures(
    market: Market,
    factors: int = 10,
    window: int = 252,
    refresh: int = 21,
    progress: bool = False,
) -> dict[str, pd.DataFrame]:
    """Point-in-time loadings on latent factors, date x stock: descriptors for ``Barra().fit(given=...)``.

    Every ``refresh`` sessions the factor returns of the window are estimated (``apca``) from stocks that
    traded on 90 % of it; a stock that traded on half of it gets its loadings by least squares on the
    sessions it has, a younger one NaN. They hold until the next refresh. Factors have unit variance over
    the window, so a loading is a daily return per deviation.

    Principal axes of two windows differ in sign, order and, where eigenvalues lie close, direction, though
    the space they span hardly moves. So each estimate is turned onto the one before by the rotation that
    fits the loadings of their common stocks best (orthogonal Procrustes): ``pca01`` begins as the largest
    axis, the market, and stays the same factor. A rotation explains exactly what the axes explain.

    Parameters
    ----------
    market
        Returns only are read.
    factors
        Their number K.
    window, refresh
        Sessions of returns in an estimate, and between estimates.
    progress
        Show a bar.

    Returns
    -------
    dict
        ``pca01``, ``pca02``, ... to float32 frames; NaN before the first window. Row t is known at the
        close of t.

    Raises
    ------
    DataError
        The market is shorter than the window, or fewer stocks than factors traded through it.
    ValueError
        ``factors`` not in 1 .. window / 2, or ``refresh`` below 1.
    """
    _check(market, factors, window, refresh)
    returns = market.returns()
    held = np.full((factors, len(market.dates), len(market.stocks)), np.nan, dtype=np.float32)
    before: Floats | None = None
    rows = range(window, len(market.dates), refresh)
    for row in track(rows, progress, "pca exposures", total=len(rows)):
        loadings = _loadings(returns.iloc[row - window + 1 : row + 1], factors)
        if before is not None:
            loadings = loadings @ rotation(loadings, before)
        held[:, row : row + refresh] = loadings.T[:, None]
        before = loadings
    return {
        name: pd.DataFrame(held[k], market.dates, market.stocks, copy=False)
        for k, name in enumerate(numbered("pca", factors))
    }


def _loadings(returns: pd.DataFrame, factors: int) -> Floats:
    """Loadings ``[N, K]`` of one window; NaN for stocks with too few sessions."""
    panel = complete(returns, ALLOWED)
    if panel.returns.shape[1] <= factors:
        raise DataError(
            f"{panel.returns.shape[1]} stocks traded through the {len(returns)} sessions to "
            f"{returns.index[-1]:%Y-%m-%d}, not enough for {factors} factors; ask for fewer"
        )
    f = apca(panel.returns.to_numpy(), factors).returns
    x = returns.to_numpy(np.float64)
    seen = np.isfinite(x)
    enough = seen.sum(axis=0) >= max(ENOUGH * len(x), 2 * factors + 2)
    loadings = np.full((x.shape[1], factors), np.nan)
    loadings[enough] = least_squares(x[:, enough], seen[:, enough], f)
    return loadings


def least_squares(x: Floats, seen: Floats, f: Floats) -> Floats:
    """Regress each column of ``x`` ``[T, n]`` on factors and a constant over the sessions seen."""
    design = np.column_stack([np.ones(len(f)), f])
    k = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(f), k * k)
    gram = (seen.T.astype(np.float64) @ products).reshape(-1, k, k)
    cross = np.where(seen, x, 0.0).T @ design
    return np.linalg.solve(gram, cross[:, :, None])[:, 1:, 0]


def _check(market: Market, factors: int, window: int, refresh: int) -> None:
    if not 1 <= factors <= window // 2 or refresh < 1:
        raise ValueError(
            f"factors is {factors}, window {window}, refresh {refresh}; use 1 to {window // 2} factors "
            "and a refresh of 1 session or more"
        )
    if len(market.dates) <= window:
        raise DataError(
            f"market has {len(market.dates)} sessions from {market.dates[0]:%Y-%m-%d}; a window of "
            f"{window} returns needs {window + 1}: give a longer market"
        )
