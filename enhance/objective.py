"""What a rebalance maximises."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class MaxAlpha:
    """Expected active return after costs: a'(w - b) - kappa (c_b'p + c_s's) - lambda/2 TE^2.

    Attributes
    ----------
    risk_aversion
        lambda, on the annual active variance; zero leaves risk to the limits. With alpha for a week,
        a fiftieth of the annual risk aversion weighs both on the same horizon.
    cost_aversion
        kappa; below one where a position is held for longer than alpha's holding period, since a
        cost is paid once.
    """

    risk_aversion: float = 0.0
    cost_aversion: float = 1.0

    def __post_init__(self) -> None:
        for name in ("risk_aversion", "cost_aversion"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} is {value}; give a finite number >= 0")

    def expression(self, x: Decision) -> cp.Expression:
        """Return the objective over a decision, concave."""
        value = x.problem.alpha @ x.active
        buy, sell = (self.cost_aversion * rate for rate in x.problem.costs)
        if buy > 0.0 or sell > 0.0:  # without a price, buys and sells would float freely
            value = value - buy * cp.sum(x.buys) - sell * cp.sum(x.sells)
        if self.risk_aversion > 0.0:
            value = value - 0.5 * self.risk_aversion * cp.sum_squares(x.risk)
        return value

    def value(self, weights: Array, problem: Problem) -> float:
        """Return the objective of given weights, in numpy."""
        gain = float(problem.alpha @ (weights - problem.benchmark))
        variance = sum(problem.active_variance(weights))
        return (
            gain - self.cost_aversion * problem.cost(weights) - 0.5 * self.risk_aversion * variance
        )
