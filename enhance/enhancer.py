"""The weekly policy: scores and a risk model in, target weights and a log out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from enhance.attach import stock_data
from enhance.constraint import Constraint
from enhance.constraints import (
    ActiveWeight,
    Beta,
    Bounds,
    Budget,
    ConstituentShare,
    ExcludeST,
    IndustryExposure,
    LatentExposure,
    LongOnly,
    MaxNames,
    MinHolding,
    NoBuy,
    NoSell,
    Participation,
    StyleExposure,
    TrackingError,
    Turnover,
)
from enhance.errors import InfeasibleError
from enhance.log import rebalance_log
from enhance.objective import MaxAlpha, Objective
from enhance.optimize import optimize
from enhance.relax import WEEKLY, Ladder
from enhance.risks import RiskFeed, RiskSpec
from enhance.solution import Solution
from enhance.solvers import SolverName
from enhance.structured import State
from enhance.universe import Universe
from market import DataError, Snapshot, Target
from risk import RiskHistory, RiskModel

ALWAYS: tuple[Constraint, ...] = (Budget(), LongOnly(), NoBuy(), NoSell())

# What with_limits can set by name
OPTIONAL: tuple[Constraint, ...] = (
    Turnover(),
    StyleExposure(),
    IndustryExposure(),
    ActiveWeight(),
    Bounds(),
    TrackingError(),
    ConstituentShare(),
    Beta(),
    LatentExposure(),
    Participation(),
    ExcludeST(),
    MinHolding(),
    MaxNames(),
)

# Scores far from unit spread are predicted returns or ranks, not z-scores: alpha would be nonsense
LEAST_SPREAD, FEW = 0.1, 10


@dataclass(frozen=True)
class EnhancerConfig:
    """How the weekly rebalance is decided.

    Attributes
    ----------
    benchmark
        Name of an index of the market.
    constraints
        Limits of every rebalance.
    objective
        What is maximised under them.
    ic
        Information coefficient that the scores are trusted with; scales alpha against costs.
    holding_days
        Sessions that a score speaks about: a week.
    on_infeasible
        ``"relax"`` loosens limits along ``ladder``, ``"raise"`` stops the backtest, ``"hold"`` keeps
        the holdings of that week. All three are recorded.
    ladder
        Kinds of limits that may give, first to give first.
    solver
        See ``optimize``.
    data
        Columns of one's own that limits read, by name: frames date x stock, known at the close of their
        dates. Average daily value, size band, board, special treatment and weeks outside the index are
        attached without asking, see ``enhance.attach``.
    """

    benchmark: str
    constraints: tuple[Constraint, ...]
    objective: Objective = field(default_factory=MaxAlpha)
    ic: float = 0.05  # a good weekly rank IC of the reference reports is 0.10 to 0.15, before decay
    holding_days: int = 5
    on_infeasible: Literal["relax", "raise", "hold"] = "relax"
    ladder: Ladder = WEEKLY
    solver: SolverName = "auto"
    data: Mapping[str, pd.DataFrame] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.ic) and self.ic > 0.0):
            raise ValueError(f"ic is {self.ic}; give a positive number such as 0.05")
        if self.on_infeasible not in ("relax", "raise", "hold"):
            raise ValueError(
                f"on_infeasible is {self.on_infeasible!r}; use 'relax', 'raise' or 'hold'"
            )


class Enhancer:
    """A policy for ``backtest.run``: call it with a snapshot, get target weights and a log.

    Parameters
    ----------
    scores
        z-scores, date x stock, known at the close of their date; NaN where there is none.
    risk
        A fitted ``RiskHistory``, or a specification such as ``risk.Barra()`` that is then fitted on
        the snapshots' markets as they grow.
    config
        Benchmark, limits, objective.

    Notes
    -----
    A benchmark member without a score has alpha zero; any other stock without one is not bought.
    Stocks the risk model does not cover are sold or, if that is impossible, kept outside the budget;
    see ``Universe``. From an empty portfolio the turnover limit is left out. The log counts all this.
    """

    def __init__(
        self, scores: pd.DataFrame, risk: RiskHistory | RiskSpec | RiskFeed, config: EnhancerConfig
    ) -> None:
        if scores.index.has_duplicates or scores.columns.has_duplicates:
            raise DataError("scores have a repeated date or stock; give each once")
        self.scores = scores
        self.risk = risk if isinstance(risk, RiskFeed) else RiskFeed(risk)
        self.config = config
        # prices of last week's limits: where the next solve begins, never what it answers
        self.state = State()

    @property
    def benchmark(self) -> str:
        """Name of the index that is enhanced."""
        return self.config.benchmark

    def with_limits(self, **limits: float | None) -> Enhancer:
        """Return the same policy with other limits, by constraint name; None removes a limit.

        >>> policy.with_limits(turnover=0.10, constituent_share=None)  # doctest: +SKIP

        Raises
        ------
        ValueError
            A name that is neither a limit of this policy nor one of the standard ones.
        """
        current = {c.name: c for c in self.config.constraints}
        known = {c.name: c for c in OPTIONAL} | current
        for name, limit in limits.items():
            if name not in known:
                raise ValueError(f"no limit is called {name!r}; there are {', '.join(known)}")
            if limit is None:
                current.pop(name, None)
            else:
                current[name] = replace(known[name], limit=limit)
        return self.with_config(constraints=tuple(current.values()))

    def with_constraints(self, *constraints: Constraint) -> Enhancer:
        """Return the same policy with these limits, in the place of those of the same name.

        >>> policy.with_constraints(Soft(StyleExposure(0.3), price=0.002))  # doctest: +SKIP
        """
        current = {c.name: c for c in self.config.constraints} | {c.name: c for c in constraints}
        return self.with_config(constraints=tuple(current.values()))

    def with_config(self, **changes: Any) -> Enhancer:
        """Return the same policy with other settings; see ``EnhancerConfig``.

        >>> policy.with_config(ic=0.03, on_infeasible="hold")  # doctest: +SKIP
        """
        return Enhancer(self.scores, self.risk, replace(self.config, **changes))

    def __call__(self, snapshot: Snapshot) -> Target:
        """Decide the target weights of one rebalance.

        Raises
        ------
        DataError
            No scores on the date, no risk model for it, or too little of the benchmark covered.
        InfeasibleError
            No portfolio exists, even with every limit of the ladder loosened.
        """
        score = self._score_on(snapshot.date, snapshot.market.stocks)
        risk = self.risk.at(snapshot.date, snapshot.market)
        universe = Universe.of(
            snapshot.market.stocks,
            score,
            snapshot.market.index(self.benchmark).weights_on(snapshot.date),
            snapshot.holdings,
            snapshot.can_sell,
            risk,
        )
        try:
            solution = self._solve(snapshot, universe, risk)
        except InfeasibleError as error:
            if self.config.on_infeasible != "hold":
                raise
            return Target(snapshot.holdings, {"status": "held", "reason": str(error)})
        weights = solution.weights
        # what is not above zero is zero, or a solver's -1e-9 where dust could not be removed
        target = pd.concat([weights[weights > 0.0], universe.kept])
        return Target(target.rename("weight"), rebalance_log(solution, universe))

    def _score_on(self, date: pd.Timestamp, stocks: pd.Index) -> pd.Series:
        """Return the scores of one date, scored stocks of the market only."""
        at = self.scores.index.get_indexer(pd.Index([date]))[0]
        if at < 0:
            dates = self.scores.index
            raise DataError(
                f"there are no scores for {date:%Y-%m-%d}; they run from {dates.min():%Y-%m-%d} to "
                f"{dates.max():%Y-%m-%d} with {len(dates)} dates: score every rebalance date"
            )
        row = self.scores.iloc[at].dropna()
        row = row[row.index.isin(stocks)]
        if row.empty:
            raise DataError(
                f"all scores of {date:%Y-%m-%d} are missing or of stocks that the market lacks; "
                "score at least one stock of the market"
            )
        spread = float(row.std())
        if len(row) > FEW and not LEAST_SPREAD <= spread <= 1.0 / LEAST_SPREAD:
            raise DataError(
                f"the scores of {date:%Y-%m-%d} have standard deviation {spread:.3g} over {len(row)} "
                "stocks; give z-scores (about 1), the scale that ic is meant for"
            )
        return row.astype(np.float64)

    def _solve(self, snapshot: Snapshot, universe: Universe, risk: RiskModel) -> Solution:
        config, constraints = self.config, self._constraints(universe)
        needs = [name for c in constraints for name in c.needs] + list(config.objective.needs)
        doubt = universe.alpha_error(risk, config.ic, config.holding_days)
        return optimize(
            universe.alpha(risk, config.ic, config.holding_days),
            risk,
            universe.benchmark,
            universe.holdings,
            constraints,
            costs=snapshot.costs.rates(snapshot.date),
            can_buy=snapshot.can_buy,
            can_sell=snapshot.can_sell,
            objective=config.objective,
            solver=config.solver,
            relax=config.ladder if config.on_infeasible == "relax" else (),
            data=stock_data(snapshot, universe.stocks, self.benchmark, needs, config.data, doubt),
            capital=snapshot.capital,
            state=self.state,
        )

    def _constraints(self, universe: Universe) -> list[Constraint]:
        """Return the limits of the week: no turnover limit from nothing, kept stocks off the budget."""
        constraints = []
        for c in self.config.constraints:
            if isinstance(c, Turnover) and universe.holdings.empty:
                continue
            if isinstance(c, Budget):
                c = replace(c, limit=c.limit + float(universe.kept.sum()))
            constraints.append(c)
        return constraints

    def __repr__(self) -> str:
        limits = ", ".join(f"{c.name} {c.limit:g}" for c in self.config.constraints if not c.hard)
        return f"Enhancer({self.benchmark}: {limits})"
