"""Which names to hold: limits on their number and on the least holding, which are not convex.

Without them the problem is solved first: its optimum bounds every choice of names (``Solution.bound``).
At an optimum the multipliers put a value on each holding by itself: what it brings by alpha, risk and the
limits it serves, less what buying it, or plus what not having to sell it, costs in charges and turnover. The
holdings that are worth least are given up, and those below the least holding filled up where that is worth
more than giving them up, in batches, each followed by a new optimum over what is left. A batch that leaves
no portfolio is halved, and a name that alone cannot be given up stays. This is a heuristic. With
``solver="highs"`` and a linear problem the choice is exact instead, by a mixed-integer program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np

from enhance.check import check
from enhance.constraint import Constraint, StockLimit
from enhance.constraints import Blacklist, MaxNames, MinHolding, Turnover
from enhance.constraints.names import HELD
from enhance.decision import Decision
from enhance.errors import SolverError
from enhance.explain import Optimality
from enhance.objective import Objective
from enhance.problem import Problem
from enhance.reach import Reach, band
from enhance.relax import Ladder
from enhance.solution import Solution
from enhance.solvers import maximise

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
class _Choice:
    """Names decided so far: given up, or held with the least holding; the others are open."""

    dropped: Array
    filled: Array

    def limits(self, problem: Problem, least: float) -> list[Constraint]:
        stocks = problem.stocks
        return [
            Blacklist(tuple(stocks[self.dropped]), name=DROPPED),
            Chosen(least, stocks=tuple(stocks[self.filled])),
        ]


def choose_names(
    problem: Problem,
    constraints: Sequence[Constraint],
    solve: Callable[[Sequence[Constraint], Ladder], Solution],
    trial: Trial,
    relax: Ladder,
    exact: Objective | None = None,
) -> Solution:
    """Solve under limits on names.

    Parameters
    ----------
    problem, constraints
        With at least one discrete limit.
    solve
        Answers the problem under convex limits, loosening those of a ladder if it has to.
    trial
        The first-order conditions under convex limits, None where there is no portfolio.
    relax
        Kinds of limits that may give; ``MaxNames`` and ``MinHolding`` among them, they become what
        could be reached.
    exact
        The objective, to choose by a mixed-integer program; None: in batches.

    Raises
    ------
    SolverError
        No choice of names was found, and they may not give.
    """
    convex = solve([c for c in constraints if not c.discrete], relax)
    discrete = [c for c in constraints if c.discrete]
    base = list(convex.constraints)
    most = min((c.limit for c in discrete if isinstance(c, MaxNames)), default=np.inf)
    least = max((c.limit for c in discrete if isinstance(c, MinHolding)), default=0.0)
    best = None if exact is None else _exact(problem, base, exact, most, least)
    choice = best or _narrowed(problem, base, trial, most, least)
    solution = solve([*base, *choice.limits(problem, least)], ())
    used = [_reached(c, solution.vector, problem) for c in discrete]
    gave = {c.name: (c.limit, u.limit) for c, u in zip(discrete, used, strict=True) if u is not c}
    stubborn = [
        c for c, u in zip(discrete, used, strict=True) if u is not c and type(c) not in relax
    ]
    if stubborn:
        name, (asked, met) = stubborn[0].name, gave[stubborn[0].name]
        raise SolverError(
            f"no choice of names was found on {problem.date:%Y-%m-%d} that meets {name} {asked:g} and "
            f"the other limits; {met:g} was reached: loosen it to that, or what forbids to sell names"
        )
    bound = convex.objective if best is None else solution.objective
    return replace(_answer(problem, constraints, solution, convex, used, gave), bound=bound)


def _answer(
    problem: Problem,
    constraints: Sequence[Constraint],
    solution: Solution,
    convex: Solution,
    used: Sequence[Constraint],
    gave: dict[str, tuple[float, float]],
) -> Solution:
    """Return the solution under the limits that were asked for, with their verdict and prices."""
    by_name = {c.name: c for c in (*convex.constraints, *used)}
    final = tuple(by_name[c.name] for c in constraints)
    prices = dict(solution.shadow_prices)
    filled, _ = prices.pop(CHOSEN), prices.pop(DROPPED)
    prices |= {c.name: filled for c in used if isinstance(c, MinHolding)}
    relaxations = {**convex.relaxations, **gave}
    verdict = check(problem, solution.vector, final)
    if not verdict.passed:
        raise SolverError(
            f"the chosen names of {problem.date:%Y-%m-%d} failed the check: "
            f"{'; '.join(verdict.broken)}; try the other solver",
            replace(solution, check=verdict),
        )
    return replace(
        solution,
        check=verdict,
        shadow_prices=prices,
        relaxations=relaxations,
        status="relaxed" if relaxations else solution.status,
        forced=convex.forced,
        constraints=(*solution.constraints, *used),
        seconds=convex.seconds + solution.seconds,
        iterations=convex.iterations + solution.iterations,
    )


def _exact(
    problem: Problem, base: Sequence[Constraint], objective: Objective, most: float, least: float
) -> _Choice | None:
    """Choose by a mixed-integer program; None where it found no portfolio in its time."""
    x = Decision(problem, Reach.of(problem, base).fixed(problem))
    may_go, may_fill = _movable(problem, base, least)
    free, fill = np.flatnonzero(may_go), np.flatnonzero(may_fill)
    held = cp.Variable(len(may_go), boolean=True)
    greatest = np.minimum(band(problem, base)[1], 1.0)
    choice = [
        held[np.flatnonzero(~may_go)] == 1.0,
        x.weights[free] <= cp.multiply(greatest[free], held[free]),
        x.weights[fill] >= least * held[fill],
    ]
    if np.isfinite(most):
        choice.append(cp.sum(held) <= most)
    if least > 0.0:
        choice.append(held[np.flatnonzero(may_go & ~may_fill)] == 0.0)
    gain = objective.expression(x) - sum(c.penalty(x) for c in base)
    rows = [row for c in base for row in c.rows(x)] + x.ties + x.pin
    run = maximise(objective.scale(problem) * gain, rows + choice, "highs")
    if not run.solved:
        return None
    dropped = may_go & (held.value < 0.5)
    return _Choice(dropped, may_fill & ~dropped & (least > 0.0))


def _narrowed(
    problem: Problem, base: Sequence[Constraint], trial: Trial, most: float, least: float
) -> _Choice:
    """Give up and fill up names until the limits are met or nothing more can be decided."""
    may_go, may_fill = _movable(problem, base, least)
    nothing = np.zeros(len(may_go), dtype=bool)
    choice, found = _Choice(nothing, nothing), trial(base)
    if found is None:  # the optimum exists; its first-order conditions were not found
        return choice
    choice = _Choice((found.weights <= SPECK) & may_go, nothing)
    stays, batch, failures = ~may_go, len(may_go), 0  # stays: not possible, or tried in vain
    while failures <= PATIENCE:
        worth, filling = _worth(problem, base, found, least)
        order = _effort(problem, found.weights) if failures else worth
        gone, filled = _next(
            found.weights, order, filling, choice, stays, ~may_go, may_fill, most, least
        )
        gone, filled = _first(order, gone, filled, batch)
        if not (gone.any() or filled.any()):
            break
        tried = _Choice(choice.dropped | gone, choice.filled | filled)
        answer = trial([*base, *tried.limits(problem, least)])
        count = int(gone.sum() + filled.sum())
        if answer is not None:
            found, batch = answer, 2 * count
            dropped = tried.dropped | ((found.weights <= SPECK) & may_go)
            choice = _Choice(dropped, tried.filled)
        elif count > 1:
            batch = count // 2
        else:
            stays, may_fill, failures = stays | gone, may_fill & ~filled, failures + 1
    return choice


def _movable(problem: Problem, base: Sequence[Constraint], least: float) -> tuple[Array, Array]:
    """Return which names can be given up, and which can be held with the least holding."""
    reach, (low, high) = Reach.of(problem, base), band(problem, base)
    may_go = (np.maximum(reach.least, low) <= HELD) & ~(reach.pinned & (reach.at > HELD))
    return may_go, (high >= least) & (reach.greatest >= least) & ~reach.pinned


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
    choice: _Choice,
    stays: Array,
    must: Array,
    may_fill: Array,
    most: float,
    least: float,
) -> tuple[Array, Array]:
    """Return the names to give up and to fill up now: the small ones, and the first of too many."""
    held = (weights > SPECK) | must
    small = held & ~choice.filled & (weights < least - SPECK)
    filled = small & may_fill & ((filling >= 0.0) | stays)
    gone = small & ~filled & ~stays
    surplus = int(held.sum() - gone.sum() - min(most, held.sum()))
    if surplus > 0:
        spare = np.flatnonzero(held & ~gone & ~stays)
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


def _reached(c: Constraint, weights: Array, problem: Problem) -> Constraint:
    """Return the limit as it is met: itself, or loosened to what was reached."""
    if float(np.max(c.excess(weights, problem))) <= c.tolerance:
        return c
    return replace(c, limit=c.reached(weights, problem))
