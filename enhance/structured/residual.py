"""How far an iterate is from the conditions of an optimum: rows not met, slopes not paid for."""

from __future__ import annotations

import numpy as np

from enhance.structured.book import BUDGET, RISK, TURNOVER, Book, Rows, gather, spread
from enhance.structured.compiled import fast, inlined
from enhance.structured.iterate import Layout, Point, System, multiplier


@fast
def slopes(
    book: Book, rows: Rows, layout: Layout, point: Point, system: System
) -> tuple[float, float]:
    """Fill gradients and residuals; return the largest residual of the rows and of the gradients."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    w, s, Fy = point.w, point.s, system.Fy
    by_turnover, by_risk = multiplier(point, layout.turnover), multiplier(point, layout.risk)
    omega = rows.aversion + by_risk
    risk_column = book.columns[RISK]
    variance, total, traded = rows.risk_offset, 0.0, 0.0
    for i in range(n):
        system.scratch[i] = w[i] - book.benchmark[i]
        risk_column[i] = book.specific[i] * system.scratch[i]
    for i in range(n):
        variance += risk_column[i] * system.scratch[i]
        total += w[i]
        traded += book.side[i] * (w[i] - book.held[i])
    for i in range(k):
        traded += point.p[i]
    for j in range(m):
        value = 0.0
        for i in range(m):
            value += rows.covariance[j, i] * point.y[i]
        Fy[j] = value
        variance += value * point.y[j]
    residual = system.residual
    gather(book, rows, system.scratch, residual)
    residual[m + 3 + BUDGET] = total - rows.total if rows.total < np.inf else 0.0
    residual[m + 3 + TURNOVER] = residual[m + 3 + RISK] = 0.0
    if layout.turnover >= 0:
        residual[m + 3 + TURNOVER] = traded - rows.turnover + s[layout.turnover]
    if layout.risk >= 0:
        residual[m + 3 + RISK] = 0.5 * (variance - 1.0) + s[layout.risk]
    primal = 0.0
    for j in range(m):
        residual[j] += rows.offset[j] - point.y[j]
    for j in range(m + 3):
        primal = max(primal, abs(residual[j]))
    return primal, _dual_residual(book, rows, layout, point, system, by_turnover, omega)


@inlined
def _dual_residual(
    book: Book,
    rows: Rows,
    layout: Layout,
    point: Point,
    system: System,
    by_turnover: float,
    omega: float,
) -> float:
    """Fill the gradients; return the largest residual of stationarity."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    slope, z, price = system.slope, point.z, point.m
    price[m + 3 + TURNOVER] = price[m + 3 + RISK] = 0.0  # taken apart below
    spread(book, rows, price, slope)
    risk_column = book.columns[RISK]
    worst = 0.0
    for i in range(n):
        slope[i] += book.gain[i] + by_turnover * book.side[i] + omega * risk_column[i]
        pulled = z[layout.sold + i] if i < k else 0.0
        worst = max(worst, abs(slope[i] - z[i] + z[layout.upper + i] + pulled))
    for i in range(k):
        both = z[layout.bought + i] + z[layout.sold + i]
        worst = max(worst, abs(rows.trade_cost + by_turnover - both))
    for j in range(m):
        system.slope_y[j] = omega * system.Fy[j] - price[j]
        worst = max(worst, abs(system.slope_y[j] - z[layout.low + j] + z[layout.high + j]))
    return worst
