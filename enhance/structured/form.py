"""The standard problem as plain arrays: what every kernel of this folder takes.

    minimise   -alpha'(w - b) + buy 1'(w - h)+ + sell 1'(h - w)+ + aversion/2 V
    subject to lower <= w <= upper,  low <= y <= high,  1'w = total,
               1/2 sum abs(w - h) <= turnover,  V <= tracking_error^2

with y = X'(w - b) and V = y'Fy + (w - b)'D(w - b). X is one-hot in its first columns (industries) and
dense in the others (styles, membership, any other row). The country factor is the sum of the
industries, so that it needs no row of its own, and cash needs no exception.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Form(NamedTuple):
    """One problem, in fractions and annual variances; N stocks, I industries, M rows of exposures.

    Attributes
    ----------
    alpha, lower, upper, held, benchmark, specific
        By stock ``[N]``; lower <= upper, both finite.
    industry
        Row of each stock ``[N]``, int64 in 0..I-1; zeros where I is 0.
    industries
        I, zero where no limit and no risk needs industry rows.
    dense
        The other rows of X', C-ordered ``[M - I, N]``.
    low, high
        Limits of y ``[M]``, infinite where there is none.
    covariance
        F over the rows ``[M, M]``, zero for rows that are no factors.
    total
        Sum of the weights, infinite without a budget.
    turnover, tracking_error
        Limits, infinite where there is none.
    aversion
        Price of half the annual active variance.
    buy, sell
        Cost of one unit.
    """

    alpha: Array
    lower: Array
    upper: Array
    held: Array
    benchmark: Array
    specific: Array
    industry: Array
    industries: int
    dense: Array
    low: Array
    high: Array
    covariance: Array
    total: float
    turnover: float
    tracking_error: float
    aversion: float
    buy: float
    sell: float


class Multipliers(NamedTuple):
    """Prices of the rows of a form, in units of the objective.

    Attributes
    ----------
    exposure
        Of each row ``[M]``: positive where its upper limit binds, negative at its lower one.
    factor
        Active exposures y that go with them ``[M]``: they carry the gradient of risk.
    budget, turnover
        Of sum w = total (either sign) and of turnover.
    risk
        Of (V / tracking_error^2 - 1) / 2 <= 0.
    """

    exposure: Array
    factor: Array
    budget: float
    turnover: float
    risk: float
