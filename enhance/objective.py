"""What a rebalance maximises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import cvxpy as cp
import numpy as np

from enhance.constraints.table import Times, refuse_times, shares
from enhance.decision import Decision
from enhance.problem import Problem
from enhance.terms import Impact, RobustAlpha

if TYPE_CHECKING:
    from enhance.solution import Solution
    from enhance.stages import Stages

Array = np.ndarray
Term = Callable[[Decision], cp.Expression]


@dataclass(frozen=True)
class Objective(ABC):
    """A concave function of the weights, in two views: for the solver and in numpy."""

    needs_scores: ClassVar[bool] = False  # senseless where no stock has a score

    @abstractmethod
    def terms(self) -> dict[str, Term]:
        """Return the summands of the objective by name, concave; each is explained by itself.

        ``alpha``, ``cost`` and ``risk`` are names that an explanation knows.
        """

    @abstractmethod
    def value(self, weights: Array, problem: Problem) -> float:
        """Return the objective of given weights, in numpy."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns of ``Problem.data`` that the objective reads."""
        return ()

    def expression(self, x: Decision) -> cp.Expression:
        """Return the objective over a decision, concave."""
        return sum(term(x) for term in self.terms().values())

    def scale(self, problem: Problem) -> float:
        """Return the factor that brings the objective to unit size, where tolerances are meant."""
        del problem
        return 1.0


class Staged(Objective):
    """An objective that is answered by several concave programs, one after another."""

    @abstractmethod
    def in_stages(self, problem: Problem, solve: Stages) -> Solution:
        """Return the answer; ``solve`` answers a concave objective under the limits asked for."""


@dataclass(frozen=True)
class MaxAlpha(Objective):
    """Expected active return after costs: a'(w - b) - kappa (c_b'p + c_s's) - lambda/2 TE^2.

    Attributes
    ----------
    risk_aversion
        lambda, on the annual active variance; zero leaves risk to the limits. With alpha for a week,
        a fiftieth of the annual risk aversion weighs both on the same horizon.
    cost_aversion
        kappa; below one where a position is held for longer than alpha's holding period, since a
        cost is paid once. It weighs impact too.
    impact
        Market impact beside the proportional costs; None: none.
    uncertainty
        How wrong alpha may be; the objective is then that of the worst alpha. None: alpha is true.
    """

    risk_aversion: float = 0.0
    cost_aversion: float = 1.0
    impact: Impact | None = field(default=None, kw_only=True)
    uncertainty: RobustAlpha | None = field(default=None, kw_only=True)
    needs_scores = True

    def __post_init__(self) -> None:
        refuse_negative(self, "risk_aversion", "cost_aversion")

    @property
    def needs(self) -> tuple[str, ...]:
        terms = (self.impact, self.uncertainty)
        return tuple(name for term in terms if term is not None for name in term.needs)

    def terms(self) -> dict[str, Term]:
        """Return ``alpha``, ``cost`` and, where asked for, ``impact``, ``uncertainty``, ``risk``."""
        kappa, impact, uncertainty = self.cost_aversion, self.impact, self.uncertainty
        terms: dict[str, Term] = {
            "alpha": lambda x: x.problem.alpha @ x.active,
            "cost": lambda x: -trading_cost(x, kappa),
        }
        if impact is not None and kappa > 0.0:
            terms["impact"] = lambda x: -kappa * impact.expression(x)
        if uncertainty is not None:
            terms["uncertainty"] = lambda x: -uncertainty.expression(x)
        if self.risk_aversion > 0.0:
            terms["risk"] = lambda x: -0.5 * self.risk_aversion * cp.sum_squares(x.risk)
        return terms

    def value(self, weights: Array, problem: Problem) -> float:
        """Return the objective of given weights, in numpy."""
        gain = float(problem.alpha @ (weights - problem.benchmark))
        cost = problem.cost(weights)
        if self.impact is not None:
            cost += self.impact.value(weights, problem)
        if self.uncertainty is not None:
            gain -= self.uncertainty.value(weights, problem)
        variance = sum(problem.active_variance(weights))
        return gain - self.cost_aversion * cost - 0.5 * self.risk_aversion * variance

    def scale(self, problem: Problem) -> float:
        return of_alpha(problem, self.cost_aversion)


@dataclass(frozen=True)
class MinTrackingError(Objective):
    """Least predicted tracking error, annual: -TE - kappa (c_b'p + c_s's)."""

    cost_aversion: float = 0.0

    def __post_init__(self) -> None:
        refuse_negative(self, "cost_aversion")

    def terms(self) -> dict[str, Term]:
        return {
            "risk": lambda x: -cp.norm(x.risk),
            "cost": lambda x: -trading_cost(x, self.cost_aversion),
        }

    def value(self, weights: Array, problem: Problem) -> float:
        return -problem.tracking_error(weights) - self.cost_aversion * problem.cost(weights)

    def scale(self, problem: Problem) -> float:
        del problem
        return 30.0  # tracking errors are a few percent


@dataclass(frozen=True)
class MinStyleDeviation(Objective):
    """Least distance to the benchmark's styles: -sqrt(sum of (share X_s'(w - b))^2) - kappa cost.

    With alpha floored by a row, ``Linear(alpha, lower=0.001, active=True)``, this is the purest
    portfolio that earns it.

    Attributes
    ----------
    times
        How much each style weighs in the distance; ``"*"`` for every other.
    cost_aversion
        kappa. Without costs many portfolios have no deviation at all, and any of them may be returned.
    """

    times: Times | None = field(default=None, hash=False)
    cost_aversion: float = 1.0

    def __post_init__(self) -> None:
        refuse_negative(self, "cost_aversion")
        refuse_times("style deviation", self.times)

    def terms(self) -> dict[str, Term]:
        return {"styles": self._distance, "cost": lambda x: -trading_cost(x, self.cost_aversion)}

    def value(self, weights: Array, problem: Problem) -> float:
        columns, weight = self._weighted(problem)
        distance = np.linalg.norm(weight * problem.active_exposures(weights)[columns])
        return -float(distance) - self.cost_aversion * problem.cost(weights)

    def _distance(self, x: Decision) -> cp.Expression:
        columns, weight = self._weighted(x.problem)
        return -cp.norm(cp.multiply(weight, x.factor[columns]))

    def _weighted(self, problem: Problem) -> tuple[Array, Array]:
        columns = problem.factor_columns("style")
        weight = shares("style deviation", self.times, list(problem.factors[columns]))
        return columns, np.full(len(columns), 1.0) * weight


def trading_cost(x: Decision, aversion: float) -> cp.Expression | float:
    """Return kappa (c_b'p + c_s's)."""
    buy, sell = (aversion * rate for rate in x.problem.costs)
    if buy == 0.0 and sell == 0.0:  # without a price, buys and sells would float freely
        return 0.0
    return buy * cp.sum(x.buys) + sell * cp.sum(x.sells)


def of_alpha(problem: Problem, cost_aversion: float = 0.0) -> float:
    """Return one over the size of alpha: its spread, its level if all are alike, or the costs."""
    spread, level = float(np.std(problem.alpha)), float(np.abs(problem.alpha).max())
    size = spread if spread > 1e-3 * level else level
    size = max(size, 0.1 * cost_aversion * max(problem.costs))
    return 1.0 / size if size > 0.0 else 100.0


def refuse_negative(objective: Objective, *names: str) -> None:
    """Raise unless the named settings are finite and >= 0."""
    for name in names:
        value = getattr(objective, name)
        if not (np.isfinite(value) and value >= 0.0):
            raise ValueError(f"{name} is {value}; give a finite number >= 0")
