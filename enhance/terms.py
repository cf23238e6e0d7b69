"""Terms that an objective may carry: market impact, and the error of alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cvxpy as cp
import numpy as np

from enhance import door
from enhance.constraints.trading import daily_share
from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray

# Of the portfolio: a stock that has not traded for a month counts as trading this much a day, at which
# nobody would touch it
THINNEST = 1e-6


@dataclass(frozen=True)
class Impact:
    """Market impact by the square-root law: sum of eta sigma sqrt(capital / amount) abs(w - h)^(3/2).

    A trade of the fraction q of a stock's average daily value moves its price by eta sigma sqrt(q),
    sigma its volatility over a day (Almgren, Thum, Hauptmann and Li 2005, "Direct Estimation of Equity
    Market Impact", whose exponent is 0.6; Toth et al. 2011 for the square root). A cone. Reads the
    data column ``amount`` and the capital.

    One percent of a portfolio of 100 million in a stock that trades 100 million a day at 2% volatility,
    eta one: 0.02 * sqrt(1) * 0.01^1.5 = 0.2 basis points of the portfolio, 20 of the trade.
    """

    eta: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.eta) and self.eta >= 0.0):
            raise ValueError(f"eta is {self.eta}; give a finite number >= 0, about one")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("amount",)

    def expression(self, x: Decision) -> cp.Expression:
        """Return the cost of what is open to choice, as a fraction of value, convex."""
        traded, rate = x.buys + x.sells, self._rate(x.problem)
        if x.eliminated:
            traded, rate = traded[x.open], rate[x.open]
        # two second-order cones each say the power 3/2 exactly (Alizadeh and Goldfarb 2003, section
        # 2.3); Clarabel breaks down on the power cone of a thousand stocks that hardly trade
        return rate @ cp.power(traded, 1.5, approx=True)

    def value(self, weights: Array, problem: Problem) -> float:
        """Return the cost of given weights, in numpy."""
        return float(self._rate(problem) @ np.abs(weights - problem.holdings) ** 1.5)

    def _rate(self, problem: Problem) -> Array:
        share = np.maximum(daily_share(problem, "impact", None), THINNEST)
        return self.eta * problem.volatility() / np.sqrt(share)


@dataclass(frozen=True)
class RobustAlpha:
    """Alpha may be wrong, stock by stock, and the objective is that of the worst alpha.

    With e the standard error of alpha (data column ``alpha_error``) and x = w - b:

    - ``"ellipsoid"``: alpha anywhere in sum ((a - alpha) / e)^2 <= radius^2; costs
      radius * sqrt(sum (e x)^2), a cone (Ben-Tal and Nemirovski 1999, "Robust Solutions of Uncertain
      Linear Programs").
    - ``"box"``: every alpha within radius * e of its value; costs radius * sum e abs(x), so that a stock
      whose alpha is within its error of zero is held at its benchmark weight.
    """

    radius: float = 1.0
    shape: Literal["ellipsoid", "box"] = "ellipsoid"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.radius) and self.radius >= 0.0):
            raise ValueError(f"radius is {self.radius}; give a number of standard errors >= 0")
        if self.shape not in ("ellipsoid", "box"):
            raise ValueError(f"shape is {self.shape!r}; use 'ellipsoid' or 'box'")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("alpha_error",)

    def expression(self, x: Decision) -> cp.Expression:
        """Return how much the worst alpha takes from the objective, convex."""
        doubt = cp.multiply(self._error(x.problem), x.active)
        return self.radius * (cp.norm(doubt) if self.shape == "ellipsoid" else cp.norm1(doubt))

    def value(self, weights: Array, problem: Problem) -> float:
        """Return the same of given weights, in numpy."""
        doubt = self._error(problem) * (weights - problem.benchmark)
        size = np.linalg.norm(doubt) if self.shape == "ellipsoid" else np.abs(doubt).sum()
        return self.radius * float(size)

    def _error(self, problem: Problem) -> Array:
        error = problem.column("alpha_error")
        bad = error < 0.0
        if bad.any():
            door.refuse("alpha_error is negative", problem.stocks[bad], problem.date, "give >= 0")
        return error
