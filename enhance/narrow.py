"""A heuristic choice of names: what each holding is worth by itself, and the least worthy given up.

At an optimum the multipliers put a value on each holding by itself: what it brings by alpha, risk and the
limits it serves, less what buying it, or plus what not having to sell it, costs in charges and turnover. The
holdings that are worth least are given up, and those below the least holding filled up where that is worth
more than giving them up, in batches, each followed by a new optimum over what is left. A batch that leaves
no portfolio is halved, and a name that alone cannot be given up stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np

from enhance.constraint import Constraint, StockLimit
from enhance.constraints import Blacklist, Turnover
from enhance.constraints.names import HELD
from enhance.decision import Decision
from enhance.explain import Optimality
from enhance.problem import Problem
from enhance.reach import Reach, band

Array = np.ndarray
Trial = Callable[[Sequence[Constraint]], Optimality | None]

DROPPED, CHOSEN = "names given up", "names chosen"
SPECK = 1e-6  # an interior point leaves less than this where it wants nothing
PATIENCE = 12  # names tried in vain, one by one, before the search ends


@dataclass(frozen=True)
class Chosen(StockLimit):
    """The chosen names weigh at least ``limit``."""

    limit: float = 0.0
    name: str = CHOSEN
    stocks: tuple[str, ...] = ()
    floor = True

    def expression(self, x: Decision) -> cp.Expression | None:
        at = x.open[x.problem.stocks.isin(self.stocks)[x.open]]
        return x.weights[at] if len(at) else None

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.where(problem.stocks.isin(self.stocks), weights, np.inf)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        least = np.where(problem.stocks.isin(self.stocks), self.limit, -np.inf)
        return least, np.full_like(least, np.inf)


@dataclass(frozen=True, eq=False)
class Choice:
    """Names decided so far: given up, or held with the least holding; the others are open."""

    dropped: Array
    filled: Array

    def limits(self, problem: Problem, least: float) -> list[Constraint]:
        stocks = problem.stocks
        return [
            Blacklist(tuple(stocks[self.dropped]), name=DROPPED),
            Chosen(least, stocks=tuple(stocks[self.filled])),
        ]


@dataclass(frozen=True, eq=False)
class Room:
    """Which names can be given up, and which can be held with the least holding ``[N]``, bool.

    ``must`` are those that cannot be given up whatever is tried; the search takes others out of
    ``may_go`` that it tried in vain.
    """

    may_go: Array
    may_fill: Array
    must: Array

    @classmethod
    def of(cls, problem: Problem, base: Sequence[Constraint], least: float) -> Room:
        """Read the limits by stock."""
        reach, (low, high) = Reach.of(problem, base), band(problem, base)
        may_go = (np.maximum(reach.least, low) <= HELD) & ~(reach.pinned & (reach.at > HELD))
        may_fill = (high >= least) & (reach.greatest >= least) & ~reach.pinned
        return cls(may_go, may_fill, ~may_go)

    def without(self, gone: Array, filled: Array) -> Room:
        """Return the room left once these were tried in vain."""
        return replace(self, may_go=self.may_go & ~gone, may_fill=self.may_fill & ~filled)


def narrowed(
    problem: Problem, base: Sequence[Constraint], trial: Trial, most: float, least: float
) -> Choice:
    """Give up and fill up names until the limits are met or nothing more can be decided."""
    room = Room.of(problem, base, least)
    nothing = np.zeros(len(room.must), dtype=bool)
    choice, found = Choice(nothing, nothing), trial(base)
    if found is None:  # the optimum exists; its first-order conditions were not found
        return choice
    choice = Choice((found.weights <= SPECK) & ~room.must, nothing)
    batch, failures = len(nothing), 0
    while failures <= PATIENCE:
        worth, filling = _worth(problem, base, found, least)
        order = _effort(problem, found.weights) if failures else worth
        gone, filled = _next(found.weights, order, filling, choice, room, (most, least))
        gone, filled = _first(order, gone, filled, batch)
        if not (gone.any() or filled.any()):
            break
        tried = Choice(choice.dropped | gone, choice.filled | filled)
        answer = trial([*base, *tried.limits(problem, least)])
        count = int(gone.sum() + filled.sum())
        if answer is not None:
            found, batch = answer, 2 * count
            specks = (found.weights <= SPECK) & ~room.must
            choice = Choice(tried.dropped | specks, tried.filled)
        elif count > 1:
            batch = count // 2
        else:
            room, failures = room.without(gone, filled), failures + 1
    return choice


def _worth(
    problem: Problem, base: Sequence[Constraint], found: Optimality, least: float
) -> tuple[Array, Array]:
    """Return what each holding, and the least holding in its place, is worth beside none ``[N]``.

    The part of the Lagrangian that speaks about the one weight: (pull of alpha, risk and the limits on
    the portfolio) times w, less charges and turnover, plus what giving it up would add in own risk.
    """
    alone = {c.name for c in base if isinstance(c, StockLimit | Turnover)}
    alone |= {"cost", "impact", "pinned", CHOSEN, DROPPED}
    pull = sum(
        (p for name, p in found.pulls.items() if name not in alone), np.zeros(len(found.weights))
    )
    traded = [
        found.pulls[c.name] for c in base if isinstance(c, Turnover) and c.name in found.pulls
    ]
    price = sum(float(np.abs(p).max()) for p in traded)
    charge = found.pulls.get("cost", np.zeros(1))
    buy, sell = price + max(-charge.min(), 0.0), price + max(charge.max(), 0.0)
    curvature = found.risk_aversion * problem.specific_variance
    h = problem.holdings

    def of(w: Array) -> Array:
        trade = w - h
        cost = buy * np.maximum(trade, 0.0) + sell * np.maximum(-trade, 0.0)
        return pull * w - cost - 0.5 * curvature * (w - found.weights) ** 2

    none = of(np.zeros_like(h))
    return of(found.weights) - none, of(np.full_like(h, least)) - none


def _effort(problem: Problem, weights: Array) -> Array:
    """Return what giving up each holding adds to what is traded ``[N]``: less than nothing for a new one."""
    return problem.holdings - np.abs(weights - problem.holdings)


def _next(
    weights: Array,
    order: Array,
    filling: Array,
    choice: Choice,
    room: Room,
    limits: tuple[float, float],
) -> tuple[Array, Array]:
    """Return the names to give up and to fill up now: the small ones, and the first of too many."""
    most, least = limits
    held = (weights > SPECK) | room.must
    small = held & ~choice.filled & (weights < least - SPECK)
    filled = small & room.may_fill & ((filling >= 0.0) | ~room.may_go)
    gone = small & ~filled & room.may_go
    surplus = int(held.sum() - gone.sum() - min(most, held.sum()))
    if surplus > 0:
        spare = np.flatnonzero(held & ~gone & room.may_go)
        # half of the surplus at a time: what is left is weighed anew before the rest goes
        first = spare[np.argsort(order[spare], kind="stable")][: max(surplus // 2, 1)]
        gone[first] = True
        filled[first] = False
    return gone, filled


def _first(order: Array, gone: Array, filled: Array, batch: int) -> tuple[Array, Array]:
    """Return the first of a batch in order, those to be given up before those to be filled up."""
    ranked = np.concatenate([np.flatnonzero(gone)[np.argsort(order[gone])], np.flatnonzero(filled)])
    kept = np.zeros_like(gone)
    kept[ranked[:batch]] = True
    return gone & kept, filled & kept
