"""What the interior point works on: the stocks in play and the rows over them, in plain arrays.

Stocks come with their two-sided ones first: those that hold something between their bounds, so that
they may be bought or sold. Only these need a second unknown (what is bought) for the kink of costs and
turnover at the held weight. The others trade in one direction at most.

Everything here is scaled: weights by ``Scale.weight``, the objective by ``Scale.value``, risk so that
the tracking-error limit is one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from enhance.structured.compiled import fast

Array = np.ndarray

# The last three of ``Book.columns``, counted from the end, and of the unknowns of the Schur system:
# the budget, turnover, the tracking error
BUDGET, TURNOVER, RISK = -3, -2, -1


class Book(NamedTuple):
    """Stocks in play.

    Attributes
    ----------
    two_sided
        How many of the first stocks trade both ways.
    gain
        Slope of the objective to be minimised in the weight ``[n]``, one-sided costs included.
    lower, upper, held, benchmark
        Weights ``[n]``; lower < upper.
    specific
        Specific variance ``[n]``.
    side
        Turnover per unit of weight beside what is bought ``[n]``: -1/2 for a sale, 1/2 for a purchase.
    industry
        Row of the stock among the industries ``[n]``, int64; unused where there are no such rows.
    columns
        Coefficients ``[D + 3, n]``: D dense rows, then the budget (ones), turnover and risk, the last
        two rewritten in each iteration.
    """

    two_sided: int
    gain: Array
    lower: Array
    upper: Array
    held: Array
    benchmark: Array
    specific: Array
    side: Array
    industry: Array
    columns: Array


class Rows(NamedTuple):
    """Limits over the stocks in play, net of the stocks that are not.

    Attributes
    ----------
    industries
        How many of the M rows are one-hot; the other D are dense.
    low, high
        Limits of the M active exposures, finite.
    offset
        Active exposures of the stocks out of play ``[M]``.
    covariance
        F over the rows ``[M, M]``.
    risk_offset
        Specific variance of the stocks out of play.
    aversion
        Penalty on half the variance.
    total
        What the weights must sum to, infinite without a budget.
    turnover
        One-way turnover left, infinite without a limit.
    capped
        Whether the variance must stay below one.
    trade_cost
        Cost of one unit bought and of one unit sold, together.
    """

    industries: int
    low: Array
    high: Array
    offset: Array
    covariance: Array
    risk_offset: float
    aversion: float
    total: float
    turnover: float
    capped: bool
    trade_cost: float


@fast
def gather(book: Book, rows: Rows, v: Array, out: Array) -> None:
    """Set out to J v ``[M + 3]``: every row's coefficients times a number per stock."""
    n, industries = len(v), rows.industries
    out[:] = 0.0
    if industries > 0:
        for i in range(n):
            out[book.industry[i]] += v[i]
    for a in range(len(book.columns)):
        column = book.columns[a]
        total = 0.0
        for i in range(n):
            total += column[i] * v[i]
        out[industries + a] = total


@fast
def spread(book: Book, rows: Rows, m: Array, out: Array) -> None:
    """Set out to J' m ``[n]``: every stock's coefficients times a number per row."""
    n, industries = len(out), rows.industries
    if industries > 0:
        for i in range(n):
            out[i] = m[book.industry[i]]
    else:
        out[:] = 0.0
    for a in range(len(book.columns)):
        column, price = book.columns[a], m[industries + a]
        for i in range(n):
            out[i] += price * column[i]


@fast
def weigh(book: Book, rows: Rows, weight: Array, scratch: Array, S: Array) -> None:
    """Write the lower triangle of J diag(weight) J' into S."""
    n, industries = len(weight), rows.industries
    columns = book.columns
    size = len(columns)
    for k in range(industries):
        S[k, : k + 1] = 0.0
    S[industries : industries + size, :industries] = 0.0
    if industries > 0:
        for i in range(n):
            k = book.industry[i]
            S[k, k] += weight[i]
            for a in range(size):
                S[industries + a, k] += weight[i] * columns[a, i]
    for a in range(size):
        own, row = columns[a], S[industries + a]
        for i in range(n):
            scratch[i] = weight[i] * own[i]
        for c in range(a + 1):
            other = columns[c]
            total = 0.0
            for i in range(n):
                total += scratch[i] * other[i]
            row[industries + c] = total
