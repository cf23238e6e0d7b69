"""Where the interior point is: its unknowns, its slacks in one flat row, and the next step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from enhance.structured.book import Book, Rows
from enhance.structured.compiled import inlined

Array = np.ndarray


class Layout(NamedTuple):
    """Where each inequality begins in the flat arrays of slacks; -1 where it is absent."""

    lower: int
    upper: int
    bought: int
    sold: int
    low: int
    high: int
    turnover: int
    risk: int
    size: int


class Point(NamedTuple):
    """An iterate: w ``[n]``, p, y ``[M]``, multipliers m ``[M + 3]``, slacks s, theirs z, inverses."""

    w: Array
    p: Array
    y: Array
    m: Array
    s: Array
    z: Array
    over_s: Array
    over_z: Array


class Step(NamedTuple):
    """A direction, and the pull of each slack that it was made for."""

    w: Array
    p: Array
    y: Array
    m: Array
    s: Array
    z: Array
    pull: Array


class System(NamedTuple):
    """The Newton system at a point.

    ``flat`` is H^-1 ``[n]``; ``bend`` the change of p with w and ``soft`` the inverse curvature of p;
    ``slope`` the gradient in w without bounds ``[n]``; ``slope_y``, ``Fy`` ``[M]``; ``residual``
    ``[M + 3]`` of ties, budget, turnover and risk; ``curl``, ``curl_y`` what the curvature of risk adds
    to second order, whose last entry belongs to risk itself.
    """

    flat: Array
    bend: Array
    soft: Array
    slope: Array
    slope_y: Array
    Fy: Array
    residual: Array
    curl: Array
    curl_y: Array
    rho: Array
    rho_p: Array
    rho_y: Array
    scratch: Array
    shift: Array
    Hy: Array
    root: Array
    inverse: Array
    S: Array


@inlined
def plan(book: Book, rows: Rows) -> Layout:
    """Lay out the slacks of a problem."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    end = 2 * (n + k + m)
    turnover, risk = -1, -1
    if rows.turnover < np.inf:
        turnover, end = end, end + 1
    if rows.capped:
        risk, end = end, end + 1
    return Layout(0, n, 2 * n, 2 * n + k, 2 * (n + k), 2 * (n + k) + m, turnover, risk, end)


@inlined
def empty_point(book: Book, rows: Rows, size: int) -> Point:
    """Return room for an iterate."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    return Point(
        np.empty(n), np.empty(k), np.empty(m), np.zeros(m + 3),
        np.empty(size), np.empty(size), np.empty(size), np.empty(size),
    )  # fmt: skip


@inlined
def empty_step(book: Book, rows: Rows, size: int) -> Step:
    """Return room for a step."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    return Step(
        np.zeros(n), np.zeros(k), np.zeros(m), np.zeros(m + 3),
        np.zeros(size), np.zeros(size), np.zeros(size),
    )  # fmt: skip


@inlined
def empty_system(book: Book, rows: Rows) -> System:
    """Return room for a Newton system."""
    n, k, m = len(book.gain), book.two_sided, len(rows.low)
    return System(
        np.empty(n), np.empty(k), np.empty(k), np.empty(n), np.empty(m), np.empty(m),
        np.empty(m + 3), np.zeros(n), np.zeros(m + 1), np.empty(n), np.empty(k), np.empty(m),
        np.empty(n), np.empty(m), np.empty((m, m)), np.empty((m, m)), np.empty((m, m)),
        np.empty((m + 3, m + 3)),
    )  # fmt: skip


@inlined
def multiplier(point: Point, at: int) -> float:
    """Return a multiplier of the flat arrays, zero where it is absent."""
    return point.z[at] if at >= 0 else 0.0
