"""From a solver's optimum to the exact one: an active-set walk over faces.

An interior point stops about 1e-8 from the optimum and leaves open which limits bind. The walk starts
on the face that its weights suggest and goes on as the textbook method does (Nocedal and Wright 2006,
"Numerical Optimization", algorithm 16.3): towards the optimum of the face until a limit blocks, which is
then added; at the optimum of a face the limit with the worst price is dropped. From so near it takes a
few steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from enhance.check import check
from enhance.constraint import Constraint
from enhance.face import Face, Point

Array = np.ndarray

TOUCH = 1e-7  # of weight: closer than this to a bound, the solver's answer is taken to be at it
NEAR = 1e-4  # of weight: what trimming ten names of dust can move
LEAST = 1e-13  # of weight: a change smaller than this is rounding
GAIN = 1e-9  # of the largest alpha: a price below this is none
ROUNDS = 200


def settled(start: Face, weights: Array, constraints: Sequence[Constraint]) -> Point | None:
    """Return the optimum at a solver's ``weights``, exact to rounding; None where no face explains it.

    Where more limits meet in the optimum than it takes to hold it there, prices are not unique and the
    walk can go in circles: then the face that the weights suggest stands, if its optimum is there.
    """
    point = _walked(start, weights)
    if point is None:
        point = start.optimum()
        if float(np.abs(point.weights - weights).max()) > NEAR:
            return None
    return point if check(start.problem, point.weights, constraints).passed else None


def _walked(face: Face, at: Array) -> Point | None:
    """Go from face to face until no limit blocks and no price is wrong."""
    for _ in range(ROUNDS):
        point = face.optimum()
        fraction, blocked = _blocked(point, at)
        if blocked is not None:
            at, face = at + fraction * (point.weights - at), blocked
            continue
        released = _released(point)
        if released is None:
            return point
        at, face = point.weights, released
    return None


def _blocked(point: Point, at: Array) -> tuple[float, Face | None]:
    """Return how far the way from ``at`` to the point is open, and the face with what blocks it."""
    face, region = point.face, point.face.region
    floor, ceiling = face.room()
    begin, end = face.measures(at), face.measures(point.weights)
    over, under = end > ceiling + LEAST, end < floor - LEAST
    if not (over.any() or under.any()):
        return 1.0, None
    limit = np.where(over, ceiling, np.where(under, floor, np.inf))
    ahead = np.where(over, limit - begin, begin - limit)  # below zero where it starts outside
    fraction = np.where(over | under, ahead / np.maximum(np.abs(end - begin), LEAST), np.inf)
    first, stocks = int(fraction.argmin()), len(at)
    reach = max(float(fraction[first]), 0.0)
    if first < stocks:
        return reach, face.fixing(first, limit[first])
    if first < stocks + len(region.rows):
        return reach, face.binding(first - stocks, 1 if over[first] else -1)
    return reach, replace(face, full=True)


def _released(point: Point) -> Face | None:
    """Return the face without the limit whose price has the wrong sign most; None where all are right."""
    face, region, p = point.face, point.face.region, point.face.problem
    chosen, fixed, v = face.bound != 0, face.side == 0, face.value
    prices = np.zeros(len(region.rows))
    prices[chosen] = point.prices[: chosen.sum()]
    trade = 0.5 * point.prices[-1] if face.full else 0.0
    risk = region.loadings @ (region.loadings.T @ point.active) + p.specific_variance * point.active
    gains = p.alpha - point.aversion * risk - prices @ region.rows
    after, before = (np.where(beyond, 1, -1) for beyond in (v >= p.holdings, v > p.holdings))
    up = np.where(fixed & (v < region.high), gains - face.slopes(after) - trade * after, 0.0)
    down = np.where(fixed & (v > region.low), face.slopes(before) + trade * before - gains, 0.0)
    loose = np.where(region.floor < region.ceiling, -face.bound * prices, 0.0)
    wrong = np.concatenate([up, down, loose, [-trade]])
    worst, stocks = int(wrong.argmax()), len(v)
    if wrong[worst] <= GAIN * float(np.abs(p.alpha).max()):
        return None
    if worst < 2 * stocks:
        stock, side = worst % stocks, after if worst < stocks else before
        return face.freeing(stock, int(side[stock]))
    if worst < 2 * stocks + len(prices):
        return face.binding(worst - 2 * stocks, 0)
    return replace(face, full=False)
