"""The portfolio in whole lots: greedy where that is good enough, an integer program where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np
import pandas as pd

from enhance.constraint import Constraint
from enhance.lots.account import Account
from enhance.lots.greedy import greedy
from enhance.lots.plan import LotPlan
from enhance.lots.program import GAP, Answer, best
from enhance.lots.request import Request
from enhance.objective import Objective
from enhance.problem import Problem
from enhance.solution import Solution
from market import Costs, Venue

Array = np.ndarray

LARGER = tuple(2.0**k for k in range(1, 11))  # accounts tried for the message of a small one
ROOMIER = (0.1, 0.2, 0.5)  # and rooms
HINT_SECONDS = 2.0  # of search for each


class TooSmallError(RuntimeError):
    """The account cannot hold the target within its limits in whole lots.

    ``enough`` is a capital that can, in CNY, None where none of those tried could. Recoverable by more
    capital, by more ``eps``, or by fewer and cheaper names in the target.
    """

    def __init__(self, message: str, enough: float | None = None) -> None:
        super().__init__(message)
        self.enough = enough


def round_to_lots(
    target: Solution | pd.Series,
    prices: pd.Series,
    capital: float,
    *,
    problem: Problem | None = None,
    constraints: Sequence[Constraint] | None = None,
    goal: Objective | None = None,
    venue: Venue | None = None,
    boards: pd.Series | None = None,
    shares: pd.Series | None = None,
    costs: Costs | None = None,
    eps: float = 0.05,
    idle: float = 0.01,
    seconds: float = 10.0,
) -> LotPlan:
    """Find whole lots near a target portfolio that meet its limits and cost the least of its objective.

    Parameters
    ----------
    target
        A solution, or weights by stock; weights need ``problem`` and ``constraints``.
    prices
        CNY a share, unadjusted, of every stock that is wanted or held.
    capital
        Net asset value, CNY.
    problem, constraints, goal
        Those of the solution by default.
    venue, boards
        Lot rules and the board of each stock; by default the mainland exchanges, and the ``board``
        column of the problem's data or the code's.
    shares
        Shares held. By default the held weights in the whole lots nearest to them.
    costs
        Charges with their least commission; by default the rates of the problem.
    eps
        Room of every limit that is not hard, as a fraction of it: 0.05 turns an active weight of 1% into
        1.05% and a tracking error of 4% into 4.2%. It is used only where no lots meet the limits as
        they are.
    idle
        Fraction of capital that may stay in cash beyond what the budget keeps.
    seconds
        Time for the integer program; 0 leaves it out.

    Raises
    ------
    TooSmallError
        No such lots were found. The message names stocks that do not fit, or a capital and a room that
        would do.
    DataError
        Prices, shares or boards that do not fit.

    Examples
    --------
    >>> plan = round_to_lots(solution, prices, 10e6)  # doctest: +SKIP
    >>> plan.orders[plan.orders != 0]  # doctest: +SKIP
    """
    request = Request.of(
        target, prices, problem=problem, constraints=constraints, goal=goal, venue=venue,
        boards=boards, costs=costs, idle=idle,
    )  # fmt: skip
    answer = attempt(request, capital, shares, eps, seconds)
    if isinstance(answer, LotPlan):
        return answer
    hint = min(seconds, HINT_SECONDS)
    larger = _first(LARGER, lambda k: request.account(k * capital, eps, None), hint)
    roomier = _first(ROOMIER, lambda room: request.account(capital, max(eps, room), shares), hint)
    enough = larger and larger * capital
    raise TooSmallError(_too_small(answer, eps, enough, roomier), enough)


def attempt(
    request: Request, capital: float, shares: pd.Series | None, eps: float, seconds: float
) -> LotPlan | Account:
    """Return a plan, or the account that has none within its room.

    Limits give way only where lots cannot do without, so that is not searched for long.
    """
    began = perf_counter()
    for room, time in ((0.0, seconds / 4.0), (eps, seconds)) if eps > 0.0 else ((0.0, seconds),):
        account = request.account(capital, room, shares)
        found = _searched(account, time)
        if found is not None:
            return LotPlan.of(account, *found, room, perf_counter() - began)
    return account


def _searched(account: Account, seconds: float) -> tuple[Array, str, bool] | None:
    """Return options that hold, how they were found, and whether they are proved the best there are."""
    if len(account.grid.without_option()):
        return None
    near = greedy(account)
    kept = account.holds(near)
    bound = account.goal.value(account.grid.wanted, account.problem)
    if kept and bound - account.value(near) <= GAP * abs(bound):
        return near, "greedy", True  # trading fractions is not worth more
    answer = best(account, seconds) if seconds > 0.0 else Answer(None, proved=False)
    chosen = answer.chosen
    if chosen is not None and not (kept and account.value(near) > account.value(chosen)):
        return chosen, "program", answer.proved
    return (near, "greedy", False) if kept else None


def _first(
    tried: Sequence[float], account: Callable[[float], Account], seconds: float
) -> float | None:
    """Return the first of ``tried`` whose account can be rounded."""
    return next((x for x in tried if _searched(account(x), seconds) is not None), None)


def _too_small(account: Account, eps: float, enough: float | None, room: float | None) -> str:
    """Say what does not fit, by how much, and what would do."""
    p, capital = account.problem, account.grid.terms.capital
    names = int((account.wanted > 0.0).sum())
    ways = [f"{enough:,.0f} CNY"] if enough else []
    ways += [f"eps={room:g}"] if room else []
    remedy = f"{' or '.join(ways)} would do" if ways else "try fewer names and wider limits"
    return (
        f"{capital:,.0f} CNY cannot hold the {names} names of {p.date:%Y-%m-%d} in whole lots within "
        f"eps={eps:g} of their limits: {account.obstacle(greedy(account))}; {remedy}"
    )
