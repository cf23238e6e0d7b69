"""What the limits of an optimised policy cost, by the shadow prices that it logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.attribution.linking import EXCESS, RESIDUAL, SUM
from backtest.result import Result
from market import DataError

PRICE = "price."  # with the name of a limit: its shadow price, a column of the log
RELAXED = "relaxed."  # with the name of a limit: the limit used where it had to give
BINDS = 1e-8  # a smaller price is what a solver leaves on a limit with room


@dataclass(frozen=True, eq=False)
class LimitAttribution:
    """What limits cost and what was expected under them; see ``limits``.

    Attributes
    ----------
    table
        A row a limit, dearest first: ``limit`` (mean of those used), ``binding`` (share of the
        rebalances with a price), ``price`` (mean gain of the objective per unit by which it is
        loosened), ``cost_a_year`` (price times limit, a fraction a year) and ``point_a_year`` (what
        loosening it by 0.01 gains).
    by_date
        Price times limit, decision date x limit, a fraction over the holding period; NaN where the limit
        was not in force.
    decided
        A row a decision: ``expected`` active return before cost and expected ``cost`` (negative) as
        logged, ``surprise``, and their sum ``excess``, the arithmetic active return until the next
        decision.
    transfer_coefficient
        Mean of those logged.
    sessions
        Of the run, over which a year is reckoned.
    """

    table: pd.DataFrame
    by_date: pd.DataFrame
    decided: pd.DataFrame
    transfer_coefficient: float
    sessions: int

    def total(self) -> pd.Series:
        """Return expectation and surprise a year; they add up to the arithmetic annual excess."""
        parts = self.decided[["expected", "cost", "surprise"]].sum()
        excess = float(self.decided[EXCESS].sum())
        parts[SUM] = parts.sum()
        parts[EXCESS], parts[RESIDUAL] = excess, excess - parts[SUM]
        return parts.map(lambda value: _a_year(value, self.sessions)).rename("a_year")

    def __repr__(self) -> str:
        """Three lines for a notebook."""
        year, dear = self.total(), self.table["cost_a_year"].head(3)
        return (
            f"LimitAttribution of {len(self.decided)} rebalances, transfer coefficient "
            f"{self.transfer_coefficient:.2f}\n"
            f"  expected {year['expected']:+.2%} a year, cost {year['cost']:+.2%}, surprise "
            f"{year['surprise']:+.2%}, excess {year[EXCESS]:+.2%}\n"
            f"  dearest limits: {', '.join(f'{k} {1e4 * v:.0f} bp' for k, v in dear.items())}"
        )


def limits(result: Result, bounds: Mapping[str, float] | None = None) -> LimitAttribution:
    """Return what each limit of an optimised policy costs, at first order.

    A shadow price is what the objective gains over the holding period per unit by which a limit is
    loosened. The objective is concave in its limits, so price times limit is the most that a ceiling
    twice as high could gain, or a floor (``constituent_share``) that is dropped; the true gain is less,
    as the price falls on the way. Summed over the rebalances and put on a year it reads "this limit
    costs x basis points a year". Costs of several limits do not add up to that of them together.

    Parameters
    ----------
    result
        A run with a benchmark of a policy that logs ``price.<limit>``, as the index enhancer does.
    bounds
        Limits by name; those in the configuration of the run when left out. ``relaxed.<limit>`` in the
        log stands before them on its date.

    Raises
    ------
    DataError
        The log has no prices, or a limit with a price is not known; names it.
    """
    log = result.solver
    names = [str(n).removeprefix(PRICE) for n in log.columns if str(n).startswith(PRICE)]
    if not names:
        raise DataError(
            f"the log of this run has no column {PRICE}<limit>; it has {len(log.columns)} columns: run "
            "a policy that logs shadow prices, such as those of enhance"
        )
    known = dict(bounds) if bounds is not None else _limits(result.config.get("policy"))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataError(
            f"{len(unknown)} limits have prices but no size, first {unknown[0]}; give "
            f"bounds={{{unknown[0]!r}: ...}} with all of {names}"
        )
    prices = log[[PRICE + name for name in names]].astype(np.float64).set_axis(names, axis=1)
    used = pd.DataFrame({name: _used(log, name, known[name]) for name in names}, index=log.index)
    table, by_date = _table(prices, used, len(result.active)), prices * used
    coefficient = _column(log, "transfer_coefficient").mean()
    return LimitAttribution(
        table, by_date, _decided(result), float(coefficient), len(result.active)
    )


def _table(prices: pd.DataFrame, used: pd.DataFrame, sessions: int) -> pd.DataFrame:
    """Return the row of each limit, dearest first."""
    table = pd.DataFrame(
        {
            "limit": used.where(prices.notna()).mean(),
            "binding": (prices > BINDS).mean(),
            "price": prices.mean(),
            "cost_a_year": _a_year((prices * used).sum(), sessions),
            "point_a_year": _a_year(0.01 * prices.sum(), sessions),
        }
    ).rename_axis(index="limit_name")
    order = ["cost_a_year", "point_a_year"]
    return table.sort_values(order, ascending=False, kind="stable")


def _decided(result: Result) -> pd.DataFrame:
    """Return what each decision expected and what came of it until the next one."""
    active = result.active
    dates = pd.DatetimeIndex(result.solver.index)
    since = dates.searchsorted(pd.DatetimeIndex(active.index), side="left") - 1
    came = active.groupby(since).sum().reindex(range(len(dates)), fill_value=0.0)
    # a policy that held what it had expected nothing new
    expected = _column(result.solver, "expected_return").fillna(0.0)
    cost = -_column(result.solver, "cost").fillna(0.0)
    frame = pd.DataFrame({"expected": expected, "cost": cost})
    frame["surprise"] = came.to_numpy() - expected - cost
    frame[EXCESS] = came.to_numpy()
    return frame


def _column(log: pd.DataFrame, name: str) -> pd.Series:
    if name not in log:
        return pd.Series(np.nan, index=log.index, name=name)
    return pd.to_numeric(log[name], errors="coerce")


def _used(log: pd.DataFrame, name: str, limit: float) -> pd.Series:
    """Return the limit in force on each date."""
    return _column(log, RELAXED + name).fillna(limit)


def _limits(policy: Any) -> dict[str, float]:
    """Return the limits by name in the recorded configuration of a policy."""
    config = policy.get("config", policy) if isinstance(policy, Mapping) else {}
    found = config.get("constraints", ()) if isinstance(config, Mapping) else ()
    rows = [row for row in found if isinstance(row, Mapping) and {"name", "limit"} <= set(row)]
    return {str(row["name"]): float(row["limit"]) for row in rows}


def _a_year(summed: Any, sessions: int) -> Any:
    """Return what a sum over the sessions of a run comes to in a year."""
    return summed * metrics.mean_annual_return(pd.Series([1.0 / sessions]))
