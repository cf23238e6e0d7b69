"""Read a problem with its limits as a standard form, or see that it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from enhance.constraint import Constraint, RowLimit, StockLimit
from enhance.constraints import Budget, TrackingError, Turnover
from enhance.constraints.exposure import FactorExposure
from enhance.objective import MaxAlpha, MinTrackingError, Objective
from enhance.problem import Problem
from enhance.reach import band
from enhance.structured.factors import Factors
from enhance.structured.form import Form

Array = np.ndarray

MOST_ROWS = 64  # dense rows beside the factors: the Schur system has one unknown for each


@dataclass(frozen=True, eq=False)
class Standard:
    """A form, and the names behind its rows.

    Attributes
    ----------
    form
        The numbers.
    rows
        Name of each row: a factor, or what the constraint calls its entry.
    low_by, high_by
        Constraint that set each side of each row, None for an open side.
    low_share, high_share
        By how much each side moves per unit of that constraint's limit ``[M]``.
    turnover_by, risk_by
        Constraints that limit turnover and the tracking error.
    rooted
        The form minimises half the variance where the problem minimises its root.
    """

    form: Form
    rows: tuple[str, ...]
    low_by: tuple[str | None, ...]
    high_by: tuple[str | None, ...]
    low_share: Array
    high_share: Array
    turnover_by: str | None
    risk_by: str | None
    rooted: bool = False

    def fixed(self, weights: Array) -> Standard:
        """Return the same problem with some weights given ``[N]``, NaN for those that stay open."""
        open_, form = np.isnan(weights), self.form
        lower, upper = (np.where(open_, side, weights) for side in (form.lower, form.upper))
        return replace(self, form=form._replace(lower=lower, upper=upper))


def standard(
    problem: Problem, constraints: Sequence[Constraint], objective: Objective, fixed: Array
) -> Standard | None:
    """Return the standard form; None where a limit, the objective or the risk model has another shape.

    ``fixed`` are the weights that are not open to choice ``[N]``, NaN where they are; such stocks are
    exempt from the limits by stock.
    """
    shape = _shape(problem, objective)
    if shape is None or not all(_known(c) for c in constraints):
        return None
    alpha, aversion, kappa = shape
    budget = next((c for c in constraints if type(c) is Budget and c.spare == 0.0), None)
    turnover, cone = (_tightest(constraints, kind) for kind in (Turnover, TrackingError))
    if cone is not None and cone.limit == 0.0:
        return None  # a cone without an inside
    lower, upper = _intervals(problem, constraints, fixed)
    if not (np.isfinite(lower) & np.isfinite(upper)).all():
        return None
    risk = cone is not None or aversion > 0.0
    if risk and not (problem.specific_variance >= 0.0).all():
        return None
    table = _table(problem, constraints, budget, risk)
    if table is None:
        return None
    buy, sell = (kappa * rate for rate in problem.costs)
    form = Form(
        alpha=alpha,
        lower=lower,
        upper=upper,
        held=problem.holdings,
        benchmark=problem.benchmark,
        specific=problem.specific_variance if risk else np.zeros(len(lower)),
        industry=table.factors.industry,
        industries=table.factors.industries,
        dense=np.vstack([table.factors.dense, *table.extra]),
        low=np.array(table.low),
        high=np.array(table.high),
        covariance=table.covariance(problem, risk),
        total=np.inf if budget is None else 1.0 - budget.limit,
        turnover=np.inf if turnover is None else turnover.limit,
        tracking_error=np.inf if cone is None else cone.limit,
        aversion=aversion,
        buy=buy,
        sell=sell,
    )
    return Standard(
        form, tuple(table.names), tuple(table.low_by), tuple(table.high_by),
        np.array(table.low_share), np.array(table.high_share),
        None if turnover is None else turnover.name, None if cone is None else cone.name,
        isinstance(objective, MinTrackingError),
    )  # fmt: skip


def _shape(problem: Problem, objective: Objective) -> tuple[Array, float, float] | None:
    """Return alpha, risk aversion and cost aversion of the form; None for another objective."""
    if type(objective) is MaxAlpha and objective.impact is None and objective.uncertainty is None:
        return problem.alpha, float(objective.risk_aversion), objective.cost_aversion
    free = type(objective) is MinTrackingError and objective.cost_aversion * max(problem.costs) == 0
    return (np.zeros(len(problem.stocks)), 1.0, 0.0) if free else None


def _known(constraint: Constraint) -> bool:
    """Whether the kernels know a limit: by its interval or its rows, or by exactly its class."""
    if isinstance(constraint, StockLimit | RowLimit):
        return True
    return type(constraint) in (Turnover, TrackingError)


def _tightest(constraints: Sequence[Constraint], kind: type[Constraint]) -> Constraint | None:
    return min((c for c in constraints if type(c) is kind), key=lambda c: c.limit, default=None)


def _intervals(
    problem: Problem, constraints: Sequence[Constraint], fixed: Array
) -> tuple[Array, Array]:
    """Return the bounds of each weight; those without one take what the budget implies, and one more."""
    low, high = band(problem, constraints)
    open_ = np.isnan(fixed)
    low, high = np.where(open_, low, fixed), np.where(open_, high, fixed)
    for budget in (c for c in constraints if type(c) is Budget):
        most, least = 1.0 - budget.limit, 1.0 - budget.limit - budget.spare
        bare_low, bare_high = np.isneginf(low), np.isposinf(high)
        if bare_high.any() and not bare_low.any():
            high[bare_high] = 1.0 + most - low.sum() + low[bare_high]
        elif bare_low.any() and not bare_high.any():
            low[bare_low] = least - 1.0 - high.sum() + high[bare_low]
    return low, high


class _Table:
    """Rows as they are gathered: those of factors first."""

    def __init__(self, problem: Problem, factors: Factors) -> None:
        self.factors = factors
        known = problem.factors.tolist()
        self.names = [str(known[k]) if k >= 0 else "" for k in factors.columns]
        self.extra: list[Array] = []
        n = len(self.names)
        self.low, self.high = [-np.inf] * n, [np.inf] * n
        self.low_share, self.high_share = [0.0] * n, [0.0] * n
        self.low_by: list[str | None] = [None] * n
        self.high_by: list[str | None] = [None] * n
        self.row = {column: k for k, column in enumerate(factors.columns)}

    def append(self, names: Sequence[str], rows: Array) -> list[int]:
        """Add rows that no factor has, without limits as yet; return where they are."""
        first = len(self.names)
        self.extra.append(rows)
        self.names += names
        for column, empty in ((self.low, -np.inf), (self.high, np.inf)):
            column += [empty] * len(names)
        for share in (self.low_share, self.high_share):
            share += [0.0] * len(names)
        for by in (self.low_by, self.high_by):
            by += [None] * len(names)
        return list(range(first, len(self.names)))

    def limit(self, at: Sequence[int], c: RowLimit, low: Array, high: Array, share: Array) -> None:
        """Write limits of active exposures, the tighter where a row has some already."""
        sign = -1.0 if isinstance(c, Budget) else 1.0  # more cash moves both sides down
        for k, least, most, part in zip(at, low, high, share, strict=True):
            if least > self.low[k]:
                self.low[k], self.low_by[k], self.low_share[k] = least, c.name, part
            if most < self.high[k]:
                self.high[k], self.high_by[k], self.high_share[k] = most, c.name, sign * part

    def covariance(self, problem: Problem, risk: bool) -> Array:
        """Return F over all rows ``[M, M]``, zero for rows that no factor has."""
        F = np.zeros((len(self.names),) * 2)
        if risk:
            k = len(self.factors.columns)
            F[:k, :k] = self.factors.covariance(problem)
        return F


def _table(
    problem: Problem, constraints: Sequence[Constraint], budget: Budget | None, risk: bool
) -> _Table | None:
    """Gather the rows of the factors that matter and of the limits other than an exact budget."""
    rows = [c for c in constraints if isinstance(c, RowLimit) and c is not budget]
    by_factor = {c.name: _columns(problem, c) for c in rows if isinstance(c, FactorExposure)}
    kinds = np.array(problem.kinds)
    limited = np.concatenate([np.zeros(0, np.intp), *by_factor.values()]).astype(np.intp)
    hot = risk or bool((kinds[limited] == "industry").any())
    needed = np.arange(len(kinds)) if risk else np.unique(limited)
    dense = needed[~np.isin(kinds[needed], ("country", "industry"))]
    factors = Factors.of(problem, hot, dense, country=risk)
    if factors is None:
        return None
    table = _Table(problem, factors)
    exposures = np.asarray(problem.exposures.T @ problem.benchmark)
    for c in rows:
        low, high = c.interval(problem)
        if c.name in by_factor:
            held = exposures[by_factor[c.name]]
            at = [table.row[column] for column in by_factor[c.name]]
        else:
            A = c.combinations(problem)
            held = np.asarray(A @ problem.benchmark)
            if len(table.names) - len(factors.columns) + len(held) > MOST_ROWS:
                return None
            names = [f"{c.name} {k}" for k in range(len(held))]
            at = table.append(names, A.toarray())
        share = np.broadcast_to(c.share(problem), len(held))
        table.limit(at, c, low - held, high - held, np.where(np.isfinite(share), share, 0.0))
    return table


def _columns(problem: Problem, limit: FactorExposure) -> Array:
    return problem.factor_columns(limit.kind, limit.listed)
