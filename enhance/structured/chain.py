"""From last week's prices to a verdict: sifted, then cold, then Clarabel; each answer is verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from enhance.structured.certificate import judge
from enhance.structured.form import Form, Multipliers
from enhance.structured.lean import solve_lean
from enhance.structured.sift import sift
from enhance.structured.standard import Standard
from enhance.structured.state import State

Array = np.ndarray

TOLERANCE = 1e-8  # of the interior point, in percent of weight and spreads of alpha
FLAT = 1e-10  # the same for a variance alone, which is flat at its least and may be next to nothing
MARGIN = 0.8  # spreads of alpha that a stock must be priced out by to be left out of play
MOST, ROUNDS = 60, 6
VIOLATION = 1e-8  # what an accepted answer may break, weights and volatilities
GAP = 1e-6  # distance from the optimum that is accepted, relative to the objective

Road = Literal["bounds", "sifted", "cold", "direct"]
Status = Literal["optimal", "optimal_inaccurate", "infeasible", "failed"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the chain ends with.

    Attributes
    ----------
    status
        ``"optimal"``; ``"optimal_inaccurate"`` where Clarabel did not reach its own tolerances;
        ``"infeasible"`` with Clarabel's certificate, or where bounds cross; ``"failed"``.
    weights
        ``[N]``, NaN where there is no answer.
    prices
        Multipliers of the rows.
    gap
        Most by which the objective can be improved, by duality; in its own units.
    violation
        Worst breach of any row, weights and annual volatility.
    road
        The link of the chain that answered; ``"direct"`` is Clarabel on the lean form.
    iterations, played
        Newton steps of all links, and stocks in play in the one that answered.
    """

    status: Status
    weights: Array
    prices: Multipliers
    gap: float
    violation: float
    road: Road
    iterations: int
    played: int


def answer(standard: Standard, state: State | None = None) -> Answer:
    """Solve a standard form; ``state`` is used as a start and keeps what was learnt."""
    form = standard.form
    if _crossed(form):  # limits by stock that contradict each other need no other certificate
        nothing = np.full(len(form.alpha), np.nan)
        return Answer("infeasible", nothing, nothing_known(form), np.inf, np.inf, "bounds", 0, 0)
    iterations, tolerance = 0, FLAT if standard.rooted else TOLERANCE
    known = None if state is None else state.recall(standard)
    roads: tuple[Road, ...] = ("cold",) if known is None else ("sifted", "cold")
    for road in roads:
        start = known if road == "sifted" else nothing_known(form)
        margin, rounds = (MARGIN, ROUNDS) if road == "sifted" else (np.inf, 1)
        w, prices, scale, _, steps, played = sift(form, start, margin, tolerance, MOST, rounds)
        prices, violation, gap, objective = judge(form, w, prices)
        iterations += steps
        if violation <= VIOLATION and gap <= GAP * max(abs(objective), scale):
            if state is not None:
                state.remember(standard, prices, scale)
            return Answer("optimal", w, prices, gap, violation, road, iterations, played)
    if state is not None:
        state.forget()
    return _by_clarabel(form, iterations)


def nothing_known(form: Form) -> Multipliers:
    """Return multipliers of zero."""
    m = len(form.low)
    return Multipliers(np.zeros(m), np.zeros(m), 0.0, 0.0, 0.0)


def _crossed(form: Form) -> bool:
    return bool((form.lower - form.upper > VIOLATION).any())


def _by_clarabel(form: Form, iterations: int) -> Answer:
    run = solve_lean(form)
    prices, violation, gap, _ = judge(form, run.weights, run.prices)
    status: Status = "failed"
    if run.infeasible:
        status = "infeasible"
    elif run.solved:
        status = "optimal" if run.status == "Solved" else "optimal_inaccurate"
    iterations += run.iterations
    return Answer(
        status, run.weights, prices, gap, violation, "direct", iterations, len(run.weights)
    )
