"""Why no portfolio exists: which limits conflict, which numbers could be met, what is forced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from enhance.constraint import Constraint
from enhance.problem import Problem
from enhance.reach import forced_trades
from enhance.relax import WEEKLY, feasible, least_slack, loosenings, nearest


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """An irreducible conflict and the ways out of it.

    Attributes
    ----------
    date, stocks
        Where: the date and the number of stocks.
    conflict
        Names that cannot hold together; without any one of them the others can.
    alone
        Name -> (limit, nearest limit that can be met while every other limit holds).
    together
        The same for the fewest limits of the weekly ladder loosened jointly; used where none is
        enough alone.
    forced
        Weight change demanded by the limits by stock ``[n]``, only stocks that must trade.
    blocked
        Stocks that can neither be bought nor sold, or only one of the two.
    """

    date: pd.Timestamp
    stocks: int
    conflict: tuple[str, ...]
    alone: dict[str, tuple[float, float]]
    together: dict[str, tuple[float, float]]
    forced: pd.Series
    blocked: pd.Index

    def __str__(self) -> str:
        where = f"on {self.stocks} stocks on {self.date:%Y-%m-%d}"
        parts = [f"no portfolio meets all of {', '.join(self.conflict)} {where}", self._ways_out()]
        sells, buys = self.forced[self.forced < 0], self.forced[self.forced > 0]
        for verb, trades in (("sell", sells), ("buy", buys)):
            if len(trades):
                parts.append(
                    f"limits by stock force {len(trades)} stocks to {verb} {abs(trades.sum()):.4f} "
                    f"of value (first {trades.index[0]})"
                )
        if len(self.blocked):
            parts.append(f"{len(self.blocked)} stocks are blocked (first {self.blocked[0]})")
        return "; ".join(parts)

    def _ways_out(self) -> str:
        if self.alone:
            return f"any one of these would do: {_arrows(self.alone)}"
        if self.together:
            return f"no single limit is enough, together these would do: {_arrows(self.together)}"
        return "the limits that can be loosened do not help; look at cash and at what is blocked"


def diagnose(problem: Problem, constraints: Sequence[Constraint]) -> Diagnosis:
    """Name the conflict of an infeasible problem by a deletion filter, and what could be met.

    The filter drops each limit in turn and keeps out those without which the rest still conflicts
    (Chinneck 2008, "Feasibility and Infeasibility in Optimization", section 6.1). Several conflicts
    can exist at once; limits are dropped in the order in which they would give, so that the one named
    is the most stubborn: turnover is in it only if unlimited turnover would be a cure.
    """
    conflict = sorted(constraints, key=_stubbornness)
    for c in tuple(conflict):
        rest = [other for other in conflict if other is not c]
        if not feasible(problem, rest):
            conflict = rest
    alone = {}
    for c in (c for c in conflict if not c.hard):
        slack = least_slack(problem, constraints, c)
        if slack is not None:
            alone[c.name] = (c.limit, nearest(c, slack).limit)
    together = (
        {} if alone else changes(constraints, next(loosenings(problem, constraints, WEEKLY), None))
    )
    moves = pd.Series(forced_trades(problem, constraints), index=problem.stocks)
    return Diagnosis(
        date=problem.date,
        stocks=len(problem.stocks),
        conflict=tuple(c.name for c in conflict),
        alone=alone,
        together=together,
        forced=moves[np.abs(moves) > 1e-9],
        blocked=problem.stocks[~(problem.can_buy & problem.can_sell) & (problem.holdings > 0.0)],
    )


def changes(
    asked: Sequence[Constraint], used: Sequence[Constraint] | None
) -> dict[str, tuple[float, float]]:
    """Return name -> (limit asked, limit used) for the limits that differ."""
    if used is None:
        return {}
    pairs = zip(asked, used, strict=True)
    return {a.name: (a.limit, u.limit) for a, u in pairs if a.limit != u.limit}


def _stubbornness(constraint: Constraint) -> int:
    if constraint.hard:
        return len(WEEKLY) + 1
    steps = (k for k, kind in enumerate(WEEKLY) if isinstance(constraint, kind))
    return next(steps, len(WEEKLY))


def _arrows(limits: dict[str, tuple[float, float]]) -> str:
    return ", ".join(f"{name} {asked:g} -> {met:g}" for name, (asked, met) in limits.items())
