"""The limits of index enhancement. Weights and exposures are fractions, volatilities annual."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from enhance.constraint import Constraint, StockLimit
from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class Budget(Constraint):
    """The weights and ``limit`` of cash make one: an equality, so its price may be negative."""

    limit: float = 0.0
    name: str = "budget"
    hard = True

    def expression(self, x: Decision) -> cp.Expression:
        return 1.0 - cp.sum(x.weights)

    def rows(self, x: Decision, slack: cp.Expression | float = 0.0) -> list[cp.Constraint]:
        """Return the equality; a budget has no slack."""
        del slack
        return [self.expression(x) == self.limit]

    def measure(self, weights: Array, problem: Problem) -> Array:
        del problem
        return np.array(1.0 - weights.sum())

    def excess(self, weights: Array, problem: Problem) -> Array:
        return np.abs(self.measure(weights, problem) - self.limit)


@dataclass(frozen=True)
class LongOnly(StockLimit):
    """No stock below ``-limit``: with the default, no short position."""

    limit: float = 0.0
    name: str = "long_only"
    hard = True

    def expression(self, x: Decision) -> cp.Expression:
        return -x.weights[x.open]

    def measure(self, weights: Array, problem: Problem) -> Array:
        del problem
        return -weights

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        return np.full(len(problem.stocks), -self.limit), np.full(len(problem.stocks), np.inf)

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        return float(np.maximum(-gains[problem.holdings == 0.0], 0.0).sum())


@dataclass(frozen=True)
class NoBuy(StockLimit):
    """What cannot be bought (closed at its upper limit, suspended, unscored) weighs w <= h + limit."""

    limit: float = 0.0
    name: str = "no_buy"
    hard = True

    def expression(self, x: Decision) -> cp.Expression | None:
        blocked = x.open[~x.problem.can_buy[x.open]]
        return x.trades[blocked] if len(blocked) else None

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.where(problem.can_buy, -np.inf, weights - problem.holdings)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        greatest = np.where(problem.can_buy, np.inf, problem.holdings + self.limit)
        return np.full_like(greatest, -np.inf), greatest

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        return float(np.maximum(gains[~problem.can_buy], 0.0).sum())


@dataclass(frozen=True)
class NoSell(StockLimit):
    """What is held and cannot be sold (closed at its lower limit, suspended) weighs w >= h - limit.

    A stock that is not held has nothing to sell: keeping it from a short position is ``LongOnly``'s.
    """

    limit: float = 0.0
    name: str = "no_sell"
    hard = True

    def expression(self, x: Decision) -> cp.Expression | None:
        blocked = x.open[_locked_in(x.problem)[x.open]]
        return -x.trades[blocked] if len(blocked) else None

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.where(_locked_in(problem), problem.holdings - weights, -np.inf)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        least = np.where(_locked_in(problem), problem.holdings - self.limit, -np.inf)
        return least, np.full_like(least, np.inf)

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        return float(np.maximum(-gains[_locked_in(problem)], 0.0).sum())


def _locked_in(problem: Problem) -> Array:
    return ~problem.can_sell & (problem.holdings > 0.0)


@dataclass(frozen=True)
class Bounds(StockLimit):
    """No stock above ``limit``."""

    limit: float = 0.10
    name: str = "bounds"

    def expression(self, x: Decision) -> cp.Expression:
        return x.weights[x.open]

    def measure(self, weights: Array, problem: Problem) -> Array:
        del problem
        return weights

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        return np.full(len(problem.stocks), -np.inf), np.full(len(problem.stocks), self.limit)


@dataclass(frozen=True)
class ActiveWeight(StockLimit):
    """No stock further than ``limit`` from its benchmark weight: abs(w - b) <= limit."""

    limit: float = 0.01
    name: str = "active_weight"

    def expression(self, x: Decision) -> cp.Expression:
        active = x.active[x.open]  # both signs stacked: abs() would add N variables and N rows
        return cp.hstack([active, -active])

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.abs(weights - problem.benchmark)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        return problem.benchmark - self.limit, problem.benchmark + self.limit


@dataclass(frozen=True)
class StyleExposure(Constraint):
    """No listed style (None: all) further than ``limit`` from the benchmark: abs(X_s'(w - b))."""

    limit: float = 0.5
    name: str = "style_exposure"
    styles: tuple[str, ...] | None = None

    @property
    def tolerance(self) -> float:
        return 1e-5  # a weight error of 1e-6 under exposures of a few standard deviations

    def expression(self, x: Decision) -> cp.Expression:
        return cp.abs(x.factor[x.problem.factor_columns("style", self.styles)])

    def measure(self, weights: Array, problem: Problem) -> Array:
        columns = problem.factor_columns("style", self.styles)
        return np.abs(problem.active_exposures(weights)[columns])


@dataclass(frozen=True)
class IndustryExposure(Constraint):
    """No listed industry (None: all) further than ``limit`` from its benchmark weight."""

    limit: float = 0.02
    name: str = "industry_exposure"
    industries: tuple[str, ...] | None = None

    def expression(self, x: Decision) -> cp.Expression:
        return cp.abs(x.factor[x.problem.factor_columns("industry", self.industries)])

    def measure(self, weights: Array, problem: Problem) -> Array:
        columns = problem.factor_columns("industry", self.industries)
        return np.abs(problem.active_exposures(weights)[columns])


@dataclass(frozen=True)
class TrackingError(Constraint):
    """Predicted tracking error, annual: sqrt((w - b)'(XFX' + D)(w - b)) <= limit; a cone."""

    limit: float = 0.04
    name: str = "tracking_error"

    @property
    def tolerance(self) -> float:
        return 1e-4 * self.limit

    def expression(self, x: Decision) -> cp.Expression:
        return cp.norm(x.risk)

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.array(problem.tracking_error(weights))


@dataclass(frozen=True)
class ConstituentShare(Constraint):
    """At least ``limit`` of net asset value in members of the benchmark."""

    limit: float = 0.80
    name: str = "constituent_share"
    floor = True

    def expression(self, x: Decision) -> cp.Expression:
        return cp.sum(x.weights[np.flatnonzero(x.problem.benchmark > 0.0)])

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.array(weights[problem.benchmark > 0.0].sum())


@dataclass(frozen=True)
class Turnover(Constraint):
    """One-way turnover: half the sum of abs(w - h) over stocks; cash does not count."""

    limit: float = 0.20
    name: str = "turnover"

    def expression(self, x: Decision) -> cp.Expression:
        return 0.5 * cp.sum(x.buys + x.sells)

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.array(problem.turnover(weights))
