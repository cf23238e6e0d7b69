"""Why no portfolio exists: which limits conflict, which numbers could be met, what is forced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from enhance.constraint import Constraint, StockLimit
from enhance.constraints import Budget, ConstituentShare, Turnover
from enhance.problem import Problem
from enhance.reach import Reach, band, forced_trades
from enhance.relax import WEEKLY, feasible, loosenings, repair

Array = np.ndarray

TRADED = 1e-9  # a smaller forced trade is rounding


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """An irreducible conflict and the ways out of it.

    Attributes
    ----------
    date, stocks
        Where: the date and the number of stocks.
    conflict
        Names that cannot hold together; without any one of them the others can.
    repairs
        One row per limit of the conflict that may give: ``limit``, ``nearest`` (the nearest limit that
        can be met while every other limit holds, NaN where it cannot be repaired alone) and
        ``sentence``. Limits outside the conflict are no cure, whatever they are set to.
    together
        Name -> (limit, limit that could be met) for the fewest limits of the weekly ladder loosened
        jointly; used where none is enough alone.
    forced
        Trades that limits by stock demand, whatever else is chosen: ``stock``, ``change``,
        ``constraint``, ``why`` (``deleted members``, ``stocks outside the benchmark``, ``members``).
    crossed
        Stocks that two limits ask to be in different places: ``stock``, ``least``, ``greatest``,
        ``at_least`` and ``at_most`` (the names of the two limits).
    blocked
        Held stocks that can neither be bought nor sold, or only one of the two.
    """

    date: pd.Timestamp
    stocks: int
    conflict: tuple[str, ...]
    repairs: pd.DataFrame
    together: dict[str, tuple[float, float]]
    forced: pd.DataFrame
    crossed: pd.DataFrame
    blocked: pd.Index

    @property
    def alone(self) -> dict[str, tuple[float, float]]:
        """Name -> (limit, nearest limit that can be met while every other limit holds)."""
        cures = self.repairs.dropna(subset="nearest")
        pairs = zip(cures["limit"], cures["nearest"], strict=True)
        return dict(zip(cures.index, pairs, strict=True))

    def __str__(self) -> str:
        where = f"on {self.stocks} stocks on {self.date:%Y-%m-%d}"
        parts = [f"no portfolio meets all of {', '.join(self.conflict)} {where}", self._ways_out()]
        parts.extend(self.repairs["sentence"])
        parts.extend(self._crossed())
        parts.extend(_forced_phrases(self.forced))
        if len(self.blocked):
            parts.append(f"{len(self.blocked)} stocks are blocked (first {self.blocked[0]})")
        return "; ".join(parts)

    def _ways_out(self) -> str:
        if self.alone:
            return f"any one of these would do: {_arrows(self.alone)}"
        if self.together:
            return f"no single limit is enough, together these would do: {_arrows(self.together)}"
        return "the limits that can be loosened do not help; look at cash and at what is blocked"

    def _crossed(self) -> list[str]:
        if self.crossed.empty:
            return []
        row = self.crossed.iloc[0]
        return [
            f"{len(self.crossed)} stocks are asked to be in two places at once (first {row['stock']}: "
            f"at least {row['least']:.4g} by {row['at_least']}, at most {row['greatest']:.4g} by "
            f"{row['at_most']})"
        ]


def diagnose(problem: Problem, constraints: Sequence[Constraint]) -> Diagnosis | None:
    """Name the conflict of an infeasible problem by a deletion filter, and what could be met.

    None where some portfolio meets all limits.

    The filter drops each limit in turn and keeps out those without which the rest still conflicts
    (Chinneck 2008, "Feasibility and Infeasibility in Optimization", section 6.1). Several conflicts
    can exist at once; limits are dropped in the order in which they would give, so that the one named
    is the most stubborn: turnover is in it only if unlimited turnover would be a cure.
    """
    if feasible(problem, constraints):
        return None
    conflict = sorted(constraints, key=_stubbornness)
    for c in tuple(conflict):
        rest = [other for other in conflict if other is not c]
        if not feasible(problem, rest):
            conflict = rest
    forced = forced_by(problem, constraints)
    repairs = _repairs(problem, constraints, conflict, forced)
    cured = bool(repairs["nearest"].notna().any())
    gave = None if cured else next(loosenings(problem, constraints, WEEKLY), None)
    return Diagnosis(
        date=problem.date,
        stocks=len(problem.stocks),
        conflict=tuple(c.name for c in conflict),
        repairs=repairs,
        together=changes(constraints, gave),
        forced=forced,
        crossed=_crossed(problem, constraints),
        blocked=problem.stocks[~(problem.can_buy & problem.can_sell) & (problem.holdings > 0.0)],
    )


def changes(
    asked: Sequence[Constraint], used: Sequence[Constraint] | None
) -> dict[str, tuple[float, float]]:
    """Return name -> (limit asked, limit used) for the limits that differ; of cash the side that gave."""
    if used is None:
        return {}
    pairs = {}
    for a, u in zip(asked, used, strict=True):
        if u.limit < a.limit and isinstance(u, Budget):
            pairs[a.name] = (a.limit, u.limit)
        elif a.number != u.number:
            pairs[a.name] = (a.number, u.number)
    return pairs


def forced_by(problem: Problem, constraints: Sequence[Constraint]) -> pd.DataFrame:
    """Return the trades that limits by stock demand: ``stock``, ``change``, ``constraint``, ``why``.

    The limit named is the one that asks for the whole of the trade; ``why`` says what the stock is to
    the benchmark, with ``deleted members`` told apart where the data have ``weeks_out``.
    """
    moves = forced_trades(problem, constraints)
    at = np.flatnonzero(np.abs(moves) > TRADED)
    asks = np.full(len(moves), "", dtype=object)
    most = np.zeros(len(moves))
    for limit in (c for c in constraints if isinstance(c, StockLimit)):
        low, high = limit.interval(problem)
        h = problem.holdings
        asked = np.maximum(np.maximum(h - high, low - h), 0.0)
        asks[asked > most] = limit.name
        most = np.maximum(most, asked)
    return pd.DataFrame(
        {
            "stock": problem.stocks[at],
            "change": moves[at],
            "constraint": asks[at],
            "why": _standing(problem)[at],
        }
    )


def _standing(problem: Problem) -> Array:
    """Return what each stock is to the benchmark ``[N]``, in the plural."""
    outside = "stocks outside the benchmark"
    standing = np.where(problem.benchmark > 0.0, "members", outside).astype(object)
    if "weeks_out" in problem.data.columns:
        left = ~np.isnan(problem.column("weeks_out", gaps=True)) & (problem.benchmark == 0.0)
        standing[left] = "deleted members"
    return standing


def _repairs(
    problem: Problem,
    constraints: Sequence[Constraint],
    conflict: Sequence[Constraint],
    forced: pd.DataFrame,
) -> pd.DataFrame:
    """Return the nearest limit of each member of the conflict that may give, and a sentence on it."""
    rows = {}
    for c in (c for c in conflict if not c.hard):
        cure = repair(problem, constraints, c)
        met = float("nan") if cure is None else cure.number
        cause = _cause(problem, constraints, c, forced)
        needs = "cannot be repaired alone" if cure is None else f"needs {c.quoted(met)}"
        sentence = f"{c.name} {c.quoted(c.number)} cannot hold: {cause}{needs}"
        rows[c.name] = {"limit": c.number, "nearest": met, "sentence": sentence}
    columns = ["limit", "nearest", "sentence"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _cause(
    problem: Problem, constraints: Sequence[Constraint], c: Constraint, forced: pd.DataFrame
) -> str:
    """Return what a limit runs into, where that can be said in a number: trades and cash."""
    if isinstance(c, Turnover):
        phrases = []
        for why, trades in forced.groupby("why"):
            one_way = max(
                trades["change"].clip(lower=0).sum(), -trades["change"].clip(upper=0).sum()
            )
            phrases.append(f"{c.quoted(one_way)} is forced by {len(trades)} {why}")
        phrases.extend(_into_members(problem, constraints))
        return ", ".join(phrases) + "; " if phrases else ""
    if isinstance(c, Budget):
        reach = Reach.of(problem, constraints)
        low, high = band(problem, constraints)
        most = np.where(reach.pinned, reach.at, np.minimum(high, reach.greatest)).sum()
        least = np.where(reach.pinned, reach.at, np.maximum(low, reach.least)).sum()
        if most < 1.0 - c.number:
            return f"limits by stock leave {c.quoted(1.0 - most)} in cash; "
        if least > 1.0 - c.limit:
            return f"limits by stock leave at most {c.quoted(1.0 - least)} in cash; "
    return ""


def _into_members(problem: Problem, constraints: Sequence[Constraint]) -> list[str]:
    """Return what a constituent share asks to be moved into members."""
    phrases = []
    for c in constraints:
        if isinstance(c, ConstituentShare):
            short = c.limit - float(c.measure(problem.holdings, problem))
            if short > TRADED:
                phrases.append(f"{c.quoted(short)} must move into members for {c.name}")
    return phrases


def _crossed(problem: Problem, constraints: Sequence[Constraint]) -> pd.DataFrame:
    """Return the stocks whose limits by stock leave no weight, with the two that do."""
    reach = Reach.of(problem, constraints)
    n = len(problem.stocks)
    low, high = np.full(n, -np.inf), np.full(n, np.inf)
    by_low, by_high = np.full(n, "", dtype=object), np.full(n, "", dtype=object)
    for c in (c for c in constraints if isinstance(c, StockLimit)):
        least, greatest = c.interval(problem)
        by_low[least > low], by_high[greatest < high] = c.name, c.name
        low, high = np.maximum(low, least), np.minimum(high, greatest)
    at = np.flatnonzero((low > high + TRADED) & ~reach.pinned)
    return pd.DataFrame(
        {
            "stock": problem.stocks[at],
            "least": low[at],
            "greatest": high[at],
            "at_least": by_low[at],
            "at_most": by_high[at],
        }
    )


def _forced_phrases(forced: pd.DataFrame) -> list[str]:
    phrases = []
    for verb, sign in (("sell", -1.0), ("buy", 1.0)):
        trades = forced[sign * forced["change"] > 0.0]
        if len(trades):
            phrases.append(
                f"limits by stock force {len(trades)} stocks to {verb} "
                f"{abs(trades['change'].sum()):.4f} of value (first {trades['stock'].iloc[0]})"
            )
    return phrases


def _stubbornness(constraint: Constraint) -> int:
    if constraint.hard:
        return len(WEEKLY) + 1
    steps = (k for k, kind in enumerate(WEEKLY) if isinstance(constraint, kind))
    return next(steps, len(WEEKLY) - 1)


def _arrows(limits: dict[str, tuple[float, float]]) -> str:
    return ", ".join(f"{name} {asked:g} -> {met:g}" for name, (asked, met) in limits.items())
