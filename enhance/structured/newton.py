"""One Newton direction: N-sized blocks are eliminated by hand, one small Schur system is factorised.

Unknowns are the weights w, what is bought p (two-sided stocks only), the active exposures y = X'(w - b)
and a multiplier for each tie of y, the budget, turnover and risk. With H the diagonal curvature of w
after p is eliminated, H_y = omega F + diag(z/s) that of y, and J all rows over the stocks,

    S dm = J H^-1 rho + E H_y^-1 rho_y - residual,        S = J H^-1 J' + E H_y^-1 E' + diag(s/z)

is what is left: as many unknowns as there are industries, styles and limits over the portfolio.
"""

from __future__ import annotations

import numpy as np

from enhance.structured.book import BUDGET, RISK, TURNOVER, Book, Rows, gather, spread, weigh
from enhance.structured.compiled import fast, inlined
from enhance.structured.dense import cholesky, invert, multiply, solve
from enhance.structured.iterate import Layout, Point, Step, System, multiplier

# A pivot this small against its start is an unknown that others determine
FLOOR = 1e-13
# What an absent limit has on its diagonal: its multiplier stays at nothing
ABSENT = 1e30


@fast
def factorise(book: Book, rows: Rows, layout: Layout, point: Point, system: System) -> None:
    """Eliminate the stocks and the exposures, and factorise what is left."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    s, z, over_s, over_z, flat = point.s, point.z, point.over_s, point.over_z, system.flat
    omega = rows.aversion + multiplier(point, layout.risk)
    column = book.columns[TURNOVER]
    for i in range(n):
        u = layout.upper + i
        flat[i] = omega * book.specific[i] + z[i] * over_s[i] + z[u] * over_s[u]
        column[i] = book.side[i]
    softness = 0.0
    for i in range(k):
        b, c = layout.bought + i, layout.sold + i
        stiff, stiff_sold = z[b] * over_s[b], z[c] * over_s[c]
        system.soft[i] = 1.0 / (stiff + stiff_sold)
        system.bend[i] = stiff_sold * system.soft[i]
        flat[i] += stiff * system.bend[i]
        column[i] += system.bend[i]
    for i in range(k):
        softness += system.soft[i]
    for i in range(n):
        flat[i] = 1.0 / flat[i]
    S = system.S
    weigh(book, rows, flat, system.scratch, S)
    _add_rows(rows, layout, point, system, omega)
    r = m + 3
    if rows.total == np.inf:
        S[r + BUDGET, r + BUDGET] += ABSENT
    t, q = layout.turnover, layout.risk
    S[r + TURNOVER, r + TURNOVER] += softness + s[t] * over_z[t] if t >= 0 else ABSENT
    S[r + RISK, r + RISK] += s[q] * over_z[q] if q >= 0 else ABSENT
    cholesky(S, r, FLOOR)


@inlined
def _add_rows(rows: Rows, layout: Layout, point: Point, system: System, omega: float) -> None:
    """Add E H_y^-1 E' to the Schur matrix, leaving the inverse of H_y."""
    m, S, Hy = len(rows.low), system.S, system.Hy
    for j in range(m):
        low, high = layout.low + j, layout.high + j
        for i in range(j + 1):
            Hy[j, i] = omega * rows.covariance[j, i]
        Hy[j, j] += point.z[low] * point.over_s[low] + point.z[high] * point.over_s[high]
    cholesky(Hy, m, FLOOR)
    invert(Hy, system.root, system.inverse, m)
    for j in range(m):
        for i in range(j + 1):
            S[j, i] += system.inverse[j, i]
    if layout.risk >= 0:
        pull = system.shift
        multiply(system.inverse, system.Fy, pull, m)
        own = 0.0
        for j in range(m):
            own += pull[j] * system.Fy[j]
        S[m + 3 + RISK, m + 3 + RISK] += own
        for j in range(m):
            S[m + 3 + RISK, j] -= pull[j]


@inlined
def bend(book: Book, rows: Rows, layout: Layout, point: Point, step: Step, system: System) -> None:
    """Keep the second-order terms of risk along an affine step; none where risk has no limit."""
    at = layout.risk
    if at < 0:
        return
    twist = -point.z[at] * (1.0 + step.s[at] / point.s[at])
    bulge = 0.0
    for i in range(len(step.w)):
        system.curl[i] = twist * book.specific[i] * step.w[i]
    for i in range(len(step.w)):
        bulge += book.specific[i] * step.w[i] * step.w[i]
    m = len(step.y)
    for j in range(m):
        value = 0.0
        for i in range(m):
            value += rows.covariance[j, i] * step.y[i]
        system.curl_y[j] = twist * value
        bulge += value * step.y[j]
    system.curl_y[m] = 0.5 * bulge


@inlined
def straighten(system: System) -> None:
    """Leave out the second-order terms: what follows is an affine step."""
    system.curl[:] = 0.0
    system.curl_y[:] = 0.0


@fast
def direction(
    book: Book, rows: Rows, layout: Layout, point: Point, system: System, step: Step
) -> None:
    """Turn the pulls in ``step`` into a direction."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    pull, rho, rho_p = step.pull, system.rho, system.rho_p
    push, bought = rows.trade_cost + multiplier(point, layout.turnover), 0.0
    for i in range(n):
        rho[i] = pull[i] - pull[layout.upper + i] - system.slope[i] - system.curl[i]
    for i in range(k):
        sold = pull[layout.sold + i]
        rho_p[i] = pull[layout.bought + i] + sold - push
        rho[i] += system.bend[i] * rho_p[i] - sold
    for i in range(k):
        bought += system.soft[i] * rho_p[i]
    for i in range(n):
        system.scratch[i] = rho[i] * system.flat[i]
    gather(book, rows, system.scratch, step.m)
    _pull_rows(rows, layout, point, system, step, bought)
    solve(system.S, step.m, m + 3)
    _expand(book, rows, layout, point, system, step)


@inlined
def _pull_rows(
    rows: Rows, layout: Layout, point: Point, system: System, step: Step, bought: float
) -> None:
    """Complete the right-hand side of the Schur system, J H^-1 rho so far, by what the rows ask."""
    m, dm, pull, residual = len(rows.low), step.m, step.pull, system.residual
    t, q, r = layout.turnover, layout.risk, m + 3
    for j in range(m):
        system.rho_y[j] = pull[layout.low + j] - pull[layout.high + j] - system.slope_y[j]
        system.rho_y[j] -= system.curl_y[j]
    multiply(system.inverse, system.rho_y, system.shift, m)
    for j in range(m):
        dm[j] += residual[j] - system.shift[j]
    dm[r + BUDGET] += residual[r + BUDGET]
    if rows.total == np.inf:
        dm[r + BUDGET] = 0.0
    if t >= 0:
        reach = point.s[t] * point.over_z[t] * (pull[t] - point.z[t])
        dm[r + TURNOVER] += residual[r + TURNOVER] + reach + bought
    if q >= 0:
        reach = point.s[q] * point.over_z[q] * (pull[q] - point.z[q])
        for j in range(m):
            reach += system.Fy[j] * system.shift[j]
        dm[r + RISK] += residual[r + RISK] + reach + system.curl_y[m]


@fast
def _expand(
    book: Book, rows: Rows, layout: Layout, point: Point, system: System, step: Step
) -> None:
    """Recover the steps of weights, exposures and slacks from those of the multipliers."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    ds, dm, r = step.s, step.m, m + 3
    by_turnover = dm[r + TURNOVER] if layout.turnover >= 0 else 0.0
    by_risk = dm[r + RISK] if layout.risk >= 0 else 0.0
    spread(book, rows, dm, system.scratch)
    for i in range(n):
        change = (system.rho[i] - system.scratch[i]) * system.flat[i]
        step.w[i] = change
        ds[i] = change
        ds[layout.upper + i] = -change
    for i in range(k):
        bought = (system.rho_p[i] - by_turnover) * system.soft[i] + system.bend[i] * step.w[i]
        step.p[i] = bought
        ds[layout.bought + i] = bought
        ds[layout.sold + i] = bought - step.w[i]
    for j in range(m):
        system.rho_y[j] += dm[j] - by_risk * system.Fy[j]
    multiply(system.inverse, system.rho_y, step.y, m)
    for j in range(m):
        ds[layout.low + j] = step.y[j]
        ds[layout.high + j] = -step.y[j]
    for at, change in ((layout.turnover, by_turnover), (layout.risk, by_risk)):
        if at >= 0:
            s, z = point.s[at], point.z[at]
            ds[at] = s / z * (step.pull[at] - z - change)
