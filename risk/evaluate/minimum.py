"""Portfolios of least risk in an index: of themselves, or against the index.

Least risk is where the errors of a covariance do most harm, so its realised volatility ranks models:
the lower the better, and forecast over realised says how far a model flatters itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market import DataError
from risk.arrays import Bools, Floats
from risk.evaluate.sets import inverse_times
from risk.evaluate.today import Portfolios, Today

PIVOTS = 500  # exchanges of the active set; twenty were the most ever seen


@dataclass(frozen=True)
class MinimumVariance:
    """Fully invested portfolios of least variance among the members of an index.

    Two portfolios a day: ``GMV`` is free to be short, ``Sigma^-1 1 / (1' Sigma^-1 1)``, ``GMV+`` is not.
    The index itself stands beside them. With ``index=None`` all stocks that traded take part.
    """

    index: str | None
    name: str = "minimum variance"

    def __call__(self, today: Today) -> Portfolios:
        """Return weights ``[2 or 3, n]`` on the members that traded."""
        base = today.market_weights() if self.index is None else index_weights(today, self.index)
        held = np.flatnonzero((base > 0.0) & today.traded)
        made = np.zeros((3, len(base)))
        made[2] = base
        if len(held):
            x, d = today.x[held], today.d[held]
            free = inverse_times(x, today.f, d, np.ones((len(held), 1)))[:, 0]
            made[0, held] = free / free.sum()
            made[1, held] = least_risk(x, today.f, d, np.zeros(len(held)))
        return Portfolios(("GMV", "GMV+", self.index or "market"), "stocks", made)


@dataclass(frozen=True)
class MinimumTracking:
    """Long-only portfolio of few stocks that follows an index as closely as the model can: active weights.

    The stocks are the ``stocks`` largest members by weight that traded.
    """

    index: str
    stocks: int = 100
    name: str = "minimum tracking error"

    def __call__(self, today: Today) -> Portfolios:
        """Return active weights ``[1, n]``."""
        base = index_weights(today, self.index)
        ranked = np.argsort(-np.where(today.traded, base, 0.0), kind="stable")
        held = np.sort(ranked[: min(self.stocks, int(np.sum((base > 0.0) & today.traded)))])
        active = -base
        if len(held):
            pull = today.x[held] @ (today.f @ (today.x.T @ base)) + today.d[held] * base[held]
            active[held] += least_risk(today.x[held], today.f, today.d[held], pull)
        return Portfolios((f"{self.index} by {self.stocks}",), "stocks", active[None, :])


def index_weights(today: Today, index: str) -> Floats:
    """Weights of an index at the close ``[n]``."""
    if index not in today.indexes:
        raise DataError(f"index {index!r} is not in this market; it has {list(today.indexes)}")
    return today.indexes[index]


def least_risk(x: Floats, f: Floats, d: Floats, pull: Floats) -> Floats:
    """Minimise ``w' Sigma w / 2 - pull' w`` over ``w >= 0``, ``1' w = 1``; returns w ``[n]``.

    Sigma = X F X' + diag(d). Block principal pivoting (Portugal, Judice and Vicente 1994): solve for the
    held stocks, exchange all that violate the signs at once, and one at a time should that not settle. Each
    step is a Woodbury solve, O(n K^2).

    Raises
    ------
    DataError
        No answer within 500 exchanges.

    Examples
    --------
    >>> none = np.zeros((2, 1))
    >>> least_risk(none, np.eye(1), np.array([1.0, 3.0]), np.zeros(2))  # inverse to the variances
    array([0.75, 0.25])
    """
    held = np.ones(len(d), dtype=bool)
    fewest, patience = len(d) + 1, 3
    for _ in range(PIVOTS):
        w, slope = _balanced(x, f, d, pull, held)
        wrong = np.where(held, w < -1e-12, slope < -1e-10 * np.abs(slope).max())
        count = int(wrong.sum())
        if count == 0:
            return np.maximum(w, 0.0) / np.maximum(w, 0.0).sum()
        if count < fewest:
            fewest, patience = count, 3
        elif patience > 0:
            patience -= 1
        else:
            last = np.flatnonzero(wrong)[-1]
            wrong = np.arange(len(d)) == last
        held = held ^ wrong
        if not held.any():
            held[np.argmin(d)] = True
    raise DataError(
        f"least risk over {len(d)} stocks did not settle in {PIVOTS} exchanges; specific variances run "
        f"from {d.min():.1e} to {d.max():.1e}: check the model"
    )


def _balanced(x: Floats, f: Floats, d: Floats, pull: Floats, held: Bools) -> tuple[Floats, Floats]:
    """Weights of the held stocks at equal slope, and by how much the slope of the others exceeds it."""
    rhs = np.column_stack([pull[held], np.ones(int(held.sum()))])
    own, flat = inverse_times(x[held], f, d[held], rhs).T
    level = (1.0 - own.sum()) / flat.sum()
    w = np.zeros(len(d))
    w[held] = own + level * flat
    slope = x @ (f @ (x.T @ w)) + d * w - pull - level
    slope[held] = 0.0
    return w, slope
