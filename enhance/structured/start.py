"""Where the interior point begins: inside every bound, and inside the limit on risk."""

from __future__ import annotations

import numpy as np

from enhance.structured.book import Book, Rows, gather
from enhance.structured.compiled import inlined
from enhance.structured.iterate import Layout, Point

HALVINGS = 8  # of the way from the benchmark to the held weights


@inlined
def start(book: Book, rows: Rows, layout: Layout, room: float, point: Point) -> float:
    """Start between the benchmark and the held weights, inside every bound and the limit on risk.

    Weights keep ``room`` or a tenth of the width from their walls. Both are halved until the start is
    well inside the limit on risk: unlike the linear rows, it is not reached well from outside. Returns
    s'z.
    """
    n, w = len(book.gain), point.w
    toward, first = 1.0, room
    for _ in range(HALVINGS):
        variance = rows.risk_offset
        for i in range(n):
            b = book.benchmark[i]
            off = min(room, 0.1 * (book.upper[i] - book.lower[i]))
            wanted = b + toward * (book.held[i] - b)
            w[i] = min(max(wanted, book.lower[i] + off), book.upper[i] - off)
        for i in range(n):
            b = book.benchmark[i]
            variance += book.specific[i] * (w[i] - b) * (w[i] - b)
        if not rows.capped or variance < 0.5:
            break
        toward, room = 0.5 * toward, 0.5 * room
    _first_slacks(book, layout, room, point)
    _first_rows(book, rows, layout, room, variance, point)
    mu = 0.0
    for i in range(n):
        mu += min(first, 0.1 * (book.upper[i] - book.lower[i])) / n
    for i in range(layout.size):
        point.z[i] = mu / point.s[i]
        point.over_s[i], point.over_z[i] = 1.0 / point.s[i], point.s[i] / mu
    return mu * layout.size


@inlined
def _first_slacks(book: Book, layout: Layout, room: float, point: Point) -> None:
    """Fill what is bought and the slacks of the stocks."""
    w, s = point.w, point.s
    for i in range(len(w)):
        s[i], s[layout.upper + i] = w[i] - book.lower[i], book.upper[i] - w[i]
    for i in range(book.two_sided):
        change = w[i] - book.held[i]
        point.p[i] = max(change, 0.0) + min(room, 0.1 * (book.upper[i] - book.lower[i]))
        s[layout.bought + i], s[layout.sold + i] = point.p[i], point.p[i] - change


@inlined
def _first_rows(
    book: Book, rows: Rows, layout: Layout, room: float, variance: float, point: Point
) -> None:
    """Start the exposures near those of the weights, with little risk; fill the slacks of the rows."""
    s, m = point.s, len(point.y)
    active, exposure = point.w - book.benchmark, np.empty(m + 3)
    gather(book, rows, active, exposure)
    risk = 0.0
    for j in range(m):
        margin = 0.1 * (rows.high[j] - rows.low[j])
        wanted = exposure[j] + rows.offset[j]
        point.y[j] = min(max(wanted, rows.low[j] + margin), rows.high[j] - margin)
    for j in range(m):
        for i in range(m):
            risk += point.y[j] * rows.covariance[j, i] * point.y[i]
    shrink = min(1.0, np.sqrt(0.25 / risk)) if rows.capped and risk > 0.0 else 1.0
    for j in range(m):
        margin = 0.1 * (rows.high[j] - rows.low[j])
        point.y[j] = min(max(shrink * point.y[j], rows.low[j] + margin), rows.high[j] - margin)
        s[layout.low + j], s[layout.high + j] = point.y[j] - rows.low[j], rows.high[j] - point.y[j]
    if layout.turnover >= 0:
        traded = 0.0
        for i in range(len(point.w)):
            traded += book.side[i] * (point.w[i] - book.held[i])
        for i in range(len(point.p)):
            traded += point.p[i]
        s[layout.turnover] = max(rows.turnover - traded, 0.1 * max(rows.turnover, room))
    if layout.risk >= 0:
        s[layout.risk] = max(0.5 * (1.0 - variance - min(risk, 0.25)), 0.1)
