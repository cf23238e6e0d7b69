"""The answer of one rebalance: weights that passed the check, and what they are worth and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from enhance.check import Check
from enhance.errors import SolverError
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Solution:
    """What ``optimize`` returns. Every number but prices and solver facts is measured in numpy.

    Attributes
    ----------
    problem
        The aligned inputs.
    vector
        Final weights ``[N]`` in the order of ``problem.stocks``, checked or not.
    check
        The verdict of the independent check on ``vector``.
    objective
        Value of the objective, fraction over the holding period.
    shadow_prices
        By constraint name: gain of the objective per unit by which the limit is loosened. Exact where
        the optimum is unique; zero for a limit with room.
    relaxations
        By name: (limit asked, limit used), for limits that had to give.
    forced
        Stocks pinned outside a limit by stock: ``constraint``, ``stock``, ``excess``.
    status
        ``"optimal"``, ``"relaxed"``, or ``"optimal_inaccurate"`` where the solver did not reach its own
        tolerances but the check passed.
    seconds, iterations
        Wall time of the whole call with compilation, and the iterations of its solves for the optimum.
    trimmed
        Whether dust was removed by solving again on the support.
    """

    problem: Problem
    vector: Array
    check: Check
    objective: float
    shadow_prices: Mapping[str, float]
    relaxations: Mapping[str, tuple[float, float]]
    forced: pd.DataFrame
    status: str
    seconds: float
    iterations: int
    trimmed: bool

    @property
    def weights(self) -> pd.Series:
        """Weights ``[N]``, fractions.

        Raises
        ------
        SolverError
            The weights failed the check.
        """
        if not self.check.passed:
            raise SolverError(
                f"the weights of {self.problem.date:%Y-%m-%d} failed the check: "
                f"{'; '.join(self.check.broken)}",
                self,
            )
        return self._by_stock(self.vector, "weight")

    @property
    def active(self) -> pd.Series:
        """Active weights w - b ``[N]``."""
        return self._by_stock(self.vector - self.problem.benchmark, "active")

    @property
    def trades(self) -> pd.Series:
        """Weight changes w - h ``[N]``."""
        return self._by_stock(self.vector - self.problem.holdings, "trade")

    @property
    def exposures(self) -> pd.Series:
        """Active exposures by factor ``[K]``."""
        values = self.problem.active_exposures(self.vector)
        return pd.Series(values, index=self.problem.factors, name="active_exposure")

    @property
    def turnover(self) -> float:
        """One-way turnover, fraction of value."""
        return self.problem.turnover(self.vector)

    @property
    def cost(self) -> float:
        """Expected trading cost, fraction of value."""
        return self.problem.cost(self.vector)

    @property
    def tracking_error(self) -> float:
        """Predicted tracking error, annual."""
        return self.problem.tracking_error(self.vector)

    @cached_property
    def factor_risk(self) -> float:
        """Part of the predicted tracking error that factors explain, annual; squares add up."""
        return float(np.sqrt(self.problem.active_variance(self.vector)[0]))

    @cached_property
    def specific_risk(self) -> float:
        """Part of the predicted tracking error that is specific to stocks, annual."""
        return float(np.sqrt(self.problem.active_variance(self.vector)[1]))

    @property
    def expected_return(self) -> float:
        """Expected active return before costs over the holding period, a'(w - b)."""
        return float(self.problem.alpha @ (self.vector - self.problem.benchmark))

    @property
    def constituent_share(self) -> float:
        """Weight in members of the benchmark."""
        return float(self.vector[self.problem.benchmark > 0.0].sum())

    @property
    def transfer_coefficient(self) -> float:
        """Correlation of alpha/sigma with (w - b) sigma over the scored stocks, sigma specific.

        One when the limits cost nothing of the alpha (Clarke, de Silva and Thorley 2002, "Portfolio
        Constraints and the Fundamental Law of Active Management", equation 10). NaN without
        dispersion.
        """
        p, sigma = self.problem, np.sqrt(self.problem.specific_variance)
        x = (p.alpha / sigma)[p.scored]
        y = ((self.vector - p.benchmark) * sigma)[p.scored]
        if len(x) < 2 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
            return float("nan")
        return float(np.corrcoef(x, y)[0, 1])

    def summary(self) -> pd.DataFrame:
        """Return one row per limit: ``limit``, ``value``, ``room``, ``shadow_price``, ``asked``.

        ``asked`` differs from ``limit`` where the limit was loosened.
        """
        table = self.check.table
        asked = {name: pair[0] for name, pair in self.relaxations.items()}
        return pd.DataFrame(
            {
                "limit": table["limit"],
                "value": table["value"],
                "room": -table["excess"],
                "shadow_price": pd.Series(self.shadow_prices, dtype=float).reindex(table.index),
                "asked": pd.Series(asked, dtype=float).reindex(table.index).fillna(table["limit"]),
            }
        )

    def __repr__(self) -> str:
        held = int((self.vector > 0.0).sum())
        verdict = "" if self.check.passed else ", check FAILED"
        return (
            f"Solution({self.problem.date:%Y-%m-%d}, {self.status}{verdict}: {held} of "
            f"{len(self.vector)} stocks held, tracking error {self.tracking_error:.2%}, "
            f"turnover {self.turnover:.1%}, expected active return {self.expected_return:.3%})"
        )

    def _by_stock(self, values: Array, name: str) -> pd.Series:
        return pd.Series(values, index=self.problem.stocks, name=name)
