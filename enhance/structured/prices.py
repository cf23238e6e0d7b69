"""Multipliers of rows and stocks as shadow prices of named limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from enhance.constraint import Constraint, StockLimit
from enhance.constraints import Budget
from enhance.problem import Problem
from enhance.structured.certificate import curvature, stock_slopes
from enhance.structured.form import Form, Multipliers
from enhance.structured.standard import Standard

Array = np.ndarray

AT = 1e-7  # a weight this near to its held weight has not traded


def shadow_prices(
    problem: Problem,
    constraints: Sequence[Constraint],
    standard: Standard,
    weights: Array,
    prices: Multipliers,
    fixed: Array,
) -> dict[str, float]:
    """Return by name the gain of the objective per unit by which each limit is loosened."""
    gains = stock_gains(standard.form, weights, prices)
    by_stock = _bound_prices(problem, constraints, standard.form, weights, gains, fixed)
    pinned_gains = np.where(np.isnan(fixed), 0.0, gains)
    return {
        c.name: _portfolio_price(c, standard, prices)
        + by_stock.get(c.name, 0.0)
        + c.pinned_price(pinned_gains, problem)
        for c in constraints
    }


def stock_gains(form: Form, weights: Array, prices: Multipliers) -> Array:
    """Return the gain of the objective per unit of each weight, all rows paid for ``[N]``.

    Where the weight is the held one, buying and selling gain differently: the better of the two, or zero
    where neither pays.
    """
    omega = curvature(form, prices)
    slope = stock_slopes(form, prices) + omega * form.specific * (weights - form.benchmark)
    buying = -slope - form.buy - 0.5 * prices.turnover
    selling = slope - form.sell - 0.5 * prices.turnover
    trades = weights - form.held
    idle = np.where(buying > 0.0, buying, np.where(selling > 0.0, -selling, 0.0))
    return np.where(trades > AT, buying, np.where(trades < -AT, -selling, idle))


def _bound_prices(
    problem: Problem,
    constraints: Sequence[Constraint],
    form: Form,
    weights: Array,
    gains: Array,
    fixed: Array,
) -> dict[str, float]:
    """Give each stock's gain at its bound to the limit that set the bound, the first of several."""
    open_ = np.isnan(fixed)
    nearer_upper = form.upper - weights < weights - form.lower
    point = form.upper - form.lower <= AT
    up = np.where(open_ & (nearer_upper | point), np.maximum(gains, 0.0), 0.0)
    down = np.where(open_ & (~nearer_upper | point), np.maximum(-gains, 0.0), 0.0)
    found: dict[str, float] = {}
    for c in constraints:
        if isinstance(c, StockLimit):
            low, high = c.interval(problem)
            at_upper, at_lower = high <= form.upper, low >= form.lower
            share = np.broadcast_to(c.share(problem), len(up))
            found[c.name] = float(up[at_upper] @ share[at_upper] + down[at_lower] @ share[at_lower])
            up[at_upper] = 0.0
            down[at_lower] = 0.0
    return found


def _portfolio_price(constraint: Constraint, standard: Standard, prices: Multipliers) -> float:
    name, form, v = constraint.name, standard.form, prices.exposure
    if name == standard.turnover_by:
        return prices.turnover
    if name == standard.risk_by:
        return prices.risk / form.tracking_error
    if isinstance(constraint, Budget) and form.total < np.inf:
        return -prices.budget
    above = np.array([by == name for by in standard.high_by], dtype=bool)
    below = np.array([by == name for by in standard.low_by], dtype=bool)
    gain = np.where(above, np.maximum(v, 0.0) * standard.high_share, 0.0)
    return float((gain + np.where(below, np.maximum(-v, 0.0) * standard.low_share, 0.0)).sum())
