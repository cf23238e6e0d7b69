"""Where stocks belong at given prices: at a bound, or in play."""

from __future__ import annotations

import numpy as np

from enhance.structured.compiled import inlined
from enhance.structured.form import Form
from enhance.structured.scale import FROZEN_WIDTH

Array = np.ndarray

PLAY, LOWER, UPPER, FROZEN = 0, 1, 2, 3

WRONG, NEAR = 1e-6, 0.1  # spreads of alpha by which a placed stock is wrong, or nearly so


@inlined
def place(
    form: Form, slopes: Array, omega: float, by_turnover: float, margin: float, where: Array
) -> int:
    """Write where each stock clearly belongs, or PLAY; return how many are in play."""
    bought, sold = form.buy + 0.5 * by_turnover, form.sell + 0.5 * by_turnover
    count = 0
    for i in range(len(where)):
        lower, upper, held = form.lower[i], form.upper[i], form.held[i]
        bend = omega * form.specific[i]
        base = slopes[i] - bend * form.benchmark[i]
        at = PLAY
        if upper - lower <= FROZEN_WIDTH:
            at = FROZEN
        elif base + bend * lower + (bought if held <= lower + FROZEN_WIDTH else -sold) > margin:
            at = LOWER
        elif base + bend * upper + (-sold if held >= upper - FROZEN_WIDTH else bought) < -margin:
            at = UPPER
        where[i] = at
        count += at == PLAY
    return count


@inlined
def release(
    form: Form, slopes: Array, omega: float, by_turnover: float, scale: float, where: Array
) -> bool:
    """Bring misplaced stocks into play, with those that nearly are; return whether there were any."""
    bought, sold = form.buy + 0.5 * by_turnover, form.sell + 0.5 * by_turnover
    wrong, near = WRONG * scale, NEAR * scale
    worst = np.inf
    room = np.empty(len(where))
    for i in range(len(where)):
        lower, upper, held = form.lower[i], form.upper[i], form.held[i]
        bend = omega * form.specific[i]
        base = slopes[i] - bend * form.benchmark[i]
        room[i] = np.inf
        if where[i] == LOWER:
            room[i] = base + bend * lower + (bought if held <= lower + FROZEN_WIDTH else -sold)
        elif where[i] == UPPER:
            room[i] = -(base + bend * upper + (-sold if held >= upper - FROZEN_WIDTH else bought))
        worst = min(worst, room[i])
    if worst >= -wrong:
        return False
    for i in range(len(where)):
        if room[i] < near:
            where[i] = PLAY
    return True


@inlined
def open_industries(form: Form, where: Array) -> None:
    """Bring into play the industries whose limits cannot be met by the stocks that are."""
    least, most = np.zeros(form.industries), np.zeros(form.industries)
    for i in range(len(where)):
        if form.industries > 0:
            k, b = form.industry[i], form.benchmark[i]
            at_upper, at_lower = where[i] == UPPER, where[i] == LOWER
            least[k] += (form.upper[i] if at_upper else form.lower[i]) - b
            most[k] += (form.lower[i] if at_lower or where[i] == FROZEN else form.upper[i]) - b
    for i in range(len(where)):
        if form.industries > 0 and where[i] != FROZEN:
            k = form.industry[i]
            if least[k] > form.high[k] or most[k] < form.low[k]:
                where[i] = PLAY


@inlined
def at_place(form: Form, where: Array, w: Array) -> None:
    """Write the weights of the stocks that are out of play."""
    for i in range(len(w)):
        if where[i] == LOWER or where[i] == FROZEN:
            w[i] = form.lower[i]
        elif where[i] == UPPER:
            w[i] = form.upper[i]
