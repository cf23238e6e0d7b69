"""Dual sifting: price every stock, solve for the few whose place is open, price again until all agree.

Given multipliers of the rows, a stock whose reduced slope is clearly positive at its lower bound (or
negative at its upper one) stays there. Last week's multipliers place most stocks; the small problem over
the others gives new ones, and a stock that these misplace comes into play. The loop ends only when
every stock is where its price wants it, so the answer is that of the whole problem.
"""

from __future__ import annotations

import numpy as np

from enhance.structured.book import Book, Rows
from enhance.structured.certificate import curvature, exposures, stock_slopes
from enhance.structured.compiled import exact, inlined
from enhance.structured.form import Form, Multipliers
from enhance.structured.interior import SOLVED, interior
from enhance.structured.place import PLAY, at_place, open_industries, place, release
from enhance.structured.scale import FROZEN_WIDTH, THIN, WEIGHT, value_scale

Array = np.ndarray

MISPLACED = 3  # status of a sifting that ran out of rounds


@inlined
def order(form: Form, where: Array) -> tuple[Array, int]:
    """Return the stocks in play, two-sided ones first, and how many those are."""
    kinked = form.turnover < np.inf or form.buy + form.sell > 0.0
    chosen = np.empty(len(where), np.int64)
    count = two_sided = 0
    for both in (True, False):
        for i in range(len(where)):
            if where[i] == PLAY:
                inside = form.lower[i] + FROZEN_WIDTH < form.held[i] < form.upper[i] - FROZEN_WIDTH
                if (inside and kinked) == both:
                    chosen[count] = i
                    count += 1
        if both:
            two_sided = count
    return chosen[:count], two_sided


@inlined
def open_book(form: Form, chosen: Array, two_sided: int, scale: float, risk_unit: float) -> Book:
    """Copy the stocks in play, scaled."""
    n, dense = len(chosen), len(form.dense)
    gain, lower, upper, held = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    benchmark, specific, side = np.empty(n), np.empty(n), np.empty(n)
    industry = np.empty(n, np.int64)
    columns = np.zeros((dense + 3, n))
    for k in range(n):
        i = chosen[k]
        lower[k], upper[k] = WEIGHT * form.lower[i], WEIGHT * form.upper[i]
        held[k], benchmark[k] = WEIGHT * form.held[i], WEIGHT * form.benchmark[i]
        specific[k] = form.specific[i] / risk_unit
        industry[k] = form.industry[i]
        buys = k >= two_sided and form.held[i] <= form.lower[i] + FROZEN_WIDTH
        side[k] = 0.5 if buys else -0.5
        gain[k] = ((form.buy if buys else -form.sell) - form.alpha[i]) / scale
        columns[dense, k] = 1.0
    for a in range(dense):
        row, into = form.dense[a], columns[a]
        for k in range(n):
            into[k] = row[chosen[k]]
    return Book(
        two_sided, gain, lower, upper, held, benchmark, specific, side, industry, columns
    )  # fmt: skip


@inlined
def net_rows(form: Form, where: Array, w: Array, scale: float, risk_unit: float) -> Rows:
    """Return the rows net of the stocks out of play, scaled."""
    out = np.zeros(len(w))
    total, traded, variance = 0.0, 0.0, 0.0
    for i in range(len(w)):
        if where[i] != PLAY:
            active = w[i] - form.benchmark[i]
            out[i] = active
            total += w[i]
            traded += abs(w[i] - form.held[i])
            variance += form.specific[i] * active * active
    offset = exposures(form, out)
    low, high = form.low.copy(), form.high.copy()
    _bound(form, low, high)
    return Rows(
        form.industries, WEIGHT * low, WEIGHT * high, WEIGHT * offset, form.covariance / risk_unit,
        variance * WEIGHT * WEIGHT / risk_unit, form.aversion * risk_unit / (WEIGHT * scale),
        WEIGHT * (form.total - total), WEIGHT * (form.turnover - 0.5 * traded),
        form.tracking_error < np.inf, (form.buy + form.sell) / scale,
    )  # fmt: skip


@inlined
def _bound(form: Form, low: Array, high: Array) -> None:
    """Give an open side a limit that no portfolio reaches, and a thin row some width."""
    reach = 0.0
    for i in range(len(form.lower)):
        b = form.benchmark[i]
        reach += max(abs(form.lower[i] - b), abs(form.upper[i] - b))
    for j in range(len(low)):
        if low[j] == -np.inf or high[j] == np.inf:
            largest = 1.0
            if j >= form.industries:
                row = form.dense[j - form.industries]
                for i in range(len(row)):
                    largest = max(largest, abs(row[i]))
            low[j] = max(low[j], -1.0 - reach * largest)
            high[j] = min(high[j], 1.0 + reach * largest)
        short = 0.5 * (THIN - (high[j] - low[j]))
        if short > 0.0:
            low[j] -= short
            high[j] += short


@inlined
def solve_play(
    form: Form, where: Array, w: Array, scale: float, tolerance: float, most: int
) -> tuple[Multipliers, int, int]:
    """Solve over the stocks in play; return the multipliers, the status and the iterations."""
    limit = form.tracking_error if form.tracking_error < np.inf else 1.0
    risk_unit = limit * limit * WEIGHT * WEIGHT
    chosen, two_sided = order(form, where)
    book = open_book(form, chosen, two_sided, scale, risk_unit)
    rows = net_rows(form, where, w, scale, risk_unit)
    room = 5.0 * WEIGHT / max(len(chosen), 1)
    point, layout, status, iterations = interior(book, rows, room, tolerance, most)
    m = len(form.low)
    for k in range(len(chosen)):
        w[chosen[k]] = point.w[k] / WEIGHT
    exposure = np.empty(m)
    for j in range(m):  # what stands in for an open side has no price
        above = point.z[layout.high + j] if form.high[j] < np.inf else 0.0
        below = point.z[layout.low + j] if form.low[j] > -np.inf else 0.0
        exposure[j] = scale * (above - below)
    budget = scale * point.m[m] if form.total < np.inf else 0.0
    turnover = scale * point.z[layout.turnover] if layout.turnover >= 0 else 0.0
    risk = scale / WEIGHT * point.z[layout.risk] if layout.risk >= 0 else 0.0
    return Multipliers(exposure, point.y / WEIGHT, budget, turnover, risk), status, iterations


@exact
def sift(
    form: Form, known: Multipliers, margin: float, tolerance: float, most: int, rounds: int
) -> tuple[Array, Multipliers, float, int, int, int]:
    """Solve a form from multipliers in units of its scale; an infinite ``margin`` leaves all in play.

    Returns
    -------
    w, prices
        The answer, for a certificate to judge; prices in units of the objective.
    scale
        Size of the slopes.
    status
        That of the interior point, or ``MISPLACED``.
    iterations, played
        Newton steps, and stocks in play at first.
    """
    n, scale = len(form.alpha), value_scale(form)
    where, w = np.empty(n, np.int64), np.empty(n)
    prices = Multipliers(
        scale * known.exposure,
        known.factor,
        scale * known.budget,
        scale * known.turnover,
        scale * known.risk,
    )
    slopes, omega = stock_slopes(form, prices), curvature(form, prices)
    played = place(form, slopes, omega, prices.turnover, margin * scale, where)
    total, status = 0, SOLVED
    for _ in range(rounds):
        open_industries(form, where)
        at_place(form, where, w)
        if not (where == PLAY).any():
            return w, prices, scale, SOLVED, 0, 0
        prices, status, iterations = solve_play(form, where, w, scale, tolerance, most)
        total += iterations
        if status != SOLVED or margin == np.inf:
            break
        slopes, omega = stock_slopes(form, prices), curvature(form, prices)
        if not release(form, slopes, omega, prices.turnover, scale, where):
            break
        status = MISPLACED
    return w, prices, scale, status, total, played
