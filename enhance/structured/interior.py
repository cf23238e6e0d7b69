"""A primal-dual interior point with Mehrotra's predictor and corrector, for the standard problem.

    minimise   gain'w + trade_cost 1'p + aversion/2 V      V = y'Fy + (w - b)'D(w - b)
    subject to lower <= w <= upper,  low <= y = X'(w - b) <= high,  1'w = total,
               p >= 0,  p >= w - held,  side'(w - held) + 1'p <= turnover,  V <= 1

Risk is kept as the smooth inequality (1 - V)/2 >= 0. The start is inside it and no step leaves it: its
slack is the true one at every iterate, while the linear rows are met as the steps add up. Its curvature
is corrected to second order. Nothing of size N x N, and nothing sparse, is ever formed; see ``newton``.

Mehrotra 1992, "On the Implementation of a Primal-Dual Interior Point Method"; centrality correctors
after Gondzio 1996.
"""

from __future__ import annotations

import numpy as np

from enhance.structured.book import RISK, Book, Rows
from enhance.structured.compiled import exact, fast, inlined
from enhance.structured.iterate import (
    Layout,
    Point,
    Step,
    System,
    empty_point,
    empty_step,
    empty_system,
    plan,
)
from enhance.structured.newton import bend, direction, factorise, straighten
from enhance.structured.residual import slopes
from enhance.structured.slack import affine, aim, finish, move, recentre
from enhance.structured.start import start

SOLVED, STALLED, EXHAUSTED = 0, 1, 2

SECOND_ORDER = 10.0  # products may be corrected by this many mu
CORRECTORS, LONG, STRIDE = 2, 0.9, 0.3  # at most so many, for steps below LONG, each to gain STRIDE
SHORT, PATIENCE = 1e-3, 5  # so many short steps in a row: no portfolio, or none that can be found


@exact
def sound(a: float, b: float, c: float) -> bool:
    """Return whether three numbers are finite."""
    return np.isfinite(a) and np.isfinite(b) and np.isfinite(c)


@inlined
def wall(toward: float, mu: float) -> float:
    """Return the step that stops just before a wall."""
    keep = min(max(0.99, 1.0 - mu), 0.9995)
    return min(1.0, keep / max(toward, keep))


@inlined
def predict(
    book: Book, rows: Rows, layout: Layout, point: Point, system: System, step: Step, product: float
) -> float:
    """Take the affine direction, and set the pulls of the step that follows; return its mu."""
    step.pull[:] = 0.0
    straighten(system)
    direction(book, rows, layout, point, system, step)
    toward, first, second = affine(point.s, point.z, point.over_s, step.s)
    a = 1.0 / max(toward, 1.0)
    # s'z after the affine step: (s + a ds)'(z + a dz) with ds = s r, dz = -z (1 + r)
    after = (1.0 - a) * product + a * (1.0 - a) * first - a * first - a * a * second
    mu, share = product / layout.size, max(after / product, 0.0)
    target = share * share * share * mu
    aim(point.s, point.z, point.over_s, step.s, target, SECOND_ORDER * mu, step.pull)
    bend(book, rows, layout, point, step, system)
    return target


@fast
def correct(
    book: Book,
    rows: Rows,
    layout: Layout,
    point: Point,
    system: System,
    step: Step,
    trial: Step,
    mu: float,
    target: float,
) -> tuple[Step, Step, float]:
    """Take the corrected direction, recentred while that lengthens it; return it, a spare, its size."""
    direction(book, rows, layout, point, system, step)
    size = wall(finish(point, step), mu)
    for _ in range(CORRECTORS):
        if size > LONG:
            break
        recentre(point, step, min(1.0, size + STRIDE), target, trial.pull)
        direction(book, rows, layout, point, system, trial)
        longer = wall(finish(point, trial), mu)
        if longer < size + 0.1 * STRIDE:
            break
        step, trial, size = trial, step, longer
    return step, trial, size


@inlined
def within_risk(
    book: Book, rows: Rows, layout: Layout, point: Point, system: System, step: Step, size: float
) -> tuple[float, float]:
    """Shorten a step that would leave the limit on risk; return it and the slack at its end."""
    at = layout.risk
    if at < 0:
        return size, 0.0
    tilt, bulge = 0.0, 0.0
    column = book.columns[RISK]
    for i in range(len(step.w)):
        tilt += column[i] * step.w[i]
        bulge += book.specific[i] * step.w[i] * step.w[i]
    for j in range(len(step.y)):
        value = 0.0
        for i in range(len(step.y)):
            value += rows.covariance[j, i] * step.y[i]
        tilt += system.Fy[j] * step.y[j]
        bulge += value * step.y[j]
    slack = point.s[at] - system.residual[len(rows.low) + 3 + RISK]  # the true one
    least = 0.01 * slack
    if slack <= 0.0:
        return size, 0.0
    # slack - size tilt - size^2 bulge / 2 >= least
    room = slack - least
    longest = 2.0 * room / (tilt + np.sqrt(tilt * tilt + 2.0 * bulge * room) + 1e-300)
    if longest > 0.0:
        size = min(size, longest)
    return size, slack - size * tilt - 0.5 * size * size * bulge


@inlined
def advance(layout: Layout, point: Point, step: Step, size: float, slack: float) -> float:
    """Take the step; return s'z."""
    for i in range(len(point.w)):
        point.w[i] += size * step.w[i]
    for i in range(len(point.p)):
        point.p[i] += size * step.p[i]
    for j in range(len(point.y)):
        point.y[j] += size * step.y[j]
    for j in range(len(point.m)):
        point.m[j] += size * step.m[j]
    product = move(point, step, size)
    at = layout.risk
    if at >= 0 and slack > 0.0:
        product += (slack - point.s[at]) * point.z[at]
        point.s[at], point.over_s[at] = slack, 1.0 / slack
    return product


@fast
def interior(
    book: Book, rows: Rows, room: float, tolerance: float, most: int
) -> tuple[Point, Layout, int, int]:
    """Solve; return the point, the layout of its slacks, the status and the iterations."""
    layout = plan(book, rows)
    point = empty_point(book, rows, layout.size)
    step, trial = empty_step(book, rows, layout.size), empty_step(book, rows, layout.size)
    system = empty_system(book, rows)
    product = start(book, rows, layout, room, point)
    iteration, stuck = 0, 0
    for iteration in range(most):
        primal, dual = slopes(book, rows, layout, point, system)
        if primal < 0.1 * tolerance and dual < 1e3 * tolerance and product < 10 * tolerance:
            return point, layout, SOLVED, iteration
        if stuck == PATIENCE or not sound(primal, dual, product):
            return point, layout, STALLED, iteration
        factorise(book, rows, layout, point, system)
        mu = product / layout.size
        target = predict(book, rows, layout, point, system, step, product)
        step, trial, size = correct(book, rows, layout, point, system, step, trial, mu, target)
        size, slack = within_risk(book, rows, layout, point, system, step, size)
        product = advance(layout, point, step, size, slack)
        stuck = stuck + 1 if size < SHORT else 0
    return point, layout, EXHAUSTED, iteration
