"""The answer of one rebalance: weights that passed the check, and what they are worth and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from enhance.check import Check
from enhance.constraint import Constraint
from enhance.errors import SolverError
from enhance.explain import Explanation, Optimality, times_covariance, transfer_coefficients
from enhance.objective import MaxAlpha, Objective
from enhance.problem import Problem
from enhance.pulls import pulls
from enhance.reach import forced_turnover
from enhance.solvers import SolverName

Array = np.ndarray

PRICED = 1e-8  # a smaller shadow price is what an interior point leaves on a limit with room


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
        Whether dust was removed by solving again.
    constraints, goal, solver
        The limits used (loosened where they gave), what was maximised under them, and the solver asked.
    road
        What answered: the structured solver from last week's prices (``"sifted"``) or from none
        (``"cold"``), Clarabel on the same form (``"direct"``), or the solver behind cvxpy.
    first_order
        The first-order conditions, where the road to the optimum had them at hand.
    bound
        Where names had to be chosen, a value of the objective that no choice exceeds; else NaN.
    gap
        Most by which the optimum, before dust, falls short of the true one, by duality; NaN: not said.
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
    constraints: tuple[Constraint, ...] = ()
    goal: Objective = field(default_factory=MaxAlpha)
    solver: SolverName = "auto"
    road: str = ""
    first_order: Optimality | None = None
    bound: float = float("nan")
    gap: float = float("nan")

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
        """How much of alpha arrives in the weights, risk-weighted; see ``transfer_coefficients``."""
        return float(self.transfer_coefficients["risk_weighted"])

    @cached_property
    def transfer_coefficients(self) -> pd.Series:
        """``plain``, ``risk_weighted`` and ``covariance``: one where the limits cost no alpha."""
        values = transfer_coefficients(self.problem, self.vector)
        return pd.Series(values, name="transfer_coefficient")

    @property
    def marginal_risk(self) -> pd.Series:
        """Tracking error gained per unit of weight, V (w - b) / TE ``[N]``; zero without risk."""
        gradient = times_covariance(self.problem, self.vector - self.problem.benchmark)
        error = self.tracking_error
        return self._by_stock(gradient / error if error > 0.0 else gradient, "marginal_risk")

    @property
    def risk_contributions(self) -> pd.Series:
        """Part of the tracking error that each active weight brings ``[N]``; they sum to it (Euler)."""
        return (self.active * self.marginal_risk).rename("risk_contribution")

    @cached_property
    def optimality(self) -> Optimality:
        """The first-order conditions at the optimum: what alpha, risk, cost and each limit pull.

        Where the road to the optimum did not bring them along this solves once more, in about twice the
        time of ``optimize``.
        """
        if self.first_order is not None:
            return self.first_order
        return pulls(self.problem, self.constraints, self.goal, self.solver)

    def explain(self, stock: str) -> Explanation:
        """Say why one stock weighs what it weighs: alpha, risk, cost and each limit's pull.

        >>> solution.explain("SH600519")  # doctest: +SKIP
        SH600519 on 2020-01-03: active +1.20% (weight 6.20%, benchmark 5.00%)
                      pull, bp active, %
        alpha           +24.30    +3.100
        common_risk      -8.10    -1.033
        turnover         -6.79    -0.867
        own_risk         -9.41
        sum              +0.00    +1.200
        """
        weight = float(self._by_stock(self.vector, "weight").get(stock, np.nan))
        return self.optimality.stock(stock, weight)

    def attribution(self) -> pd.DataFrame:
        """Split the active position into alpha's part and what each limit makes of it, by term.

        See ``Optimality.attribution``; ``optimality.holdings()`` has the parts by stock.
        """
        return self.optimality.attribution()

    def implied_alpha(self, risk_aversion: float | None = None) -> pd.Series:
        """Return the alpha for which the active weights are optimal with no limit, ``[N]``.

        lambda V (w - b), by default with the risk aversion that the optimum itself pays: the penalty of
        the objective plus the shadow price of tracking error over its value (Sharpe 1974, "Imputing
        Expected Security Returns from Portfolio Composition"). In return over the holding period.

        Raises
        ------
        ValueError
            Risk has no price and no ``risk_aversion`` was given.
        """
        price = self.optimality.priced("implied alpha") if risk_aversion is None else risk_aversion
        gradient = times_covariance(self.problem, self.vector - self.problem.benchmark)
        return self._by_stock(price * gradient, "implied_alpha")

    def bets(self, count: int = 10) -> pd.DataFrame:
        """Return the largest active bets, largest first.

        ``active``, ``weight``, ``benchmark`` and ``trade`` are fractions of value, ``alpha`` is over the
        holding period, ``risk_share`` is the part of the active variance that the bet brings.
        """
        table = pd.DataFrame(
            {
                "active": self.active,
                "weight": self.vector,
                "benchmark": self.problem.benchmark,
                "trade": self.trades,
                "alpha": self.problem.alpha,
                "risk_share": self.risk_contributions / (self.tracking_error or 1.0),
            }
        )
        return table.loc[table["active"].abs().nlargest(count).index]

    def statistics(self) -> pd.Series:
        """Return the portfolio in numbers; ``forced_turnover`` is what limits by stock demand of turnover."""
        held = self.vector > 0.0
        return pd.Series(
            {
                "objective": self.objective,
                "expected_return": self.expected_return,
                "cost": self.cost,
                "turnover": self.turnover,
                "forced_turnover": forced_turnover(self.problem, self.constraints),
                "tracking_error": self.tracking_error,
                "factor_risk": self.factor_risk,
                "specific_risk": self.specific_risk,
                "names": float(held.sum()),
                "active_share": 0.5 * float(self.active.abs().sum()),
                "largest_active": float(self.active.abs().max()),
                "constituent_share": self.constituent_share,
                **self.transfer_coefficients.add_prefix("transfer_").to_dict(),
            },
            name=self.problem.date,
        )

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

    def _repr_html_(self) -> str:
        table = self.summary()
        bind = table[(table["shadow_price"].abs() > PRICED) & (table["room"].abs() < 1e-4)]
        columns = bind[["limit", "value", "shadow_price"]]
        return f"<p>{self!r}</p><p>Limits that cost something:</p>{columns.to_html()}"

    def _by_stock(self, values: Array, name: str) -> pd.Series:
        return pd.Series(values, index=self.problem.stocks, name=name)
