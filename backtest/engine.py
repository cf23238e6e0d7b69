"""The one call of the package: check what was asked, play it, and write down what it was."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from backtest.plain import description
from backtest.result import Result
from backtest.simulation import Policy, Settings, Simulation
from market import Costs, DataError, Market, rebalance_dates
from market.calendar import Schedule

Array = np.ndarray
Date = pd.Timestamp | str


def run(
    market: Market,
    policy: Policy,
    start: Date | None = None,
    end: Date | None = None,
    *,
    benchmark: str | None = None,
    costs: Costs | None = None,
    schedule: Schedule = "weekly",
    deal: str = "vwap",
    capital: float = 1e8,
    delisting_haircut: float = 0.0,
    progress: bool = False,
) -> Result:
    """Run a policy over the sessions from ``start`` to ``end``.

    The account opens, all cash, at the close of the first rebalance date at or after ``start``, where
    the policy is asked for the first time; net asset value and benchmark are 1 there.

    Parameters
    ----------
    market
        The data. Fills use rows up to ``end``; a decision at t uses rows up to t.
    policy
        ``policy(snapshot)`` returns target weights, fractions of net asset value by stock, or an
        object with ``weights`` and ``log``. What the weights leave below 1 stays in cash.
    start, end
        First and last session; the market's own when left out.
    benchmark
        Name of an index; ``policy.benchmark`` when left out and there is one.
    costs
        Charges; ``Costs.cn()`` when left out.
    schedule
        Rebalance dates: see ``market.rebalance_dates``.
    deal
        Price of the fills: ``vwap``, ``open``, ``close`` or ``typical`` of the next session.
    capital
        CNY at the start. It matters through the minimum commission.
    delisting_haircut
        Fraction of the last price that is lost when a held stock leaves the exchange.
    progress
        Show a bar.

    Raises
    ------
    DataError
        An unknown benchmark or deal price, dates outside the data, a schedule without a date that a
        session follows, or weights that are NaN, negative, above 1 in sum, or of unknown stocks.
    """
    rows = _span(market, start, end)
    name = benchmark if benchmark is not None else getattr(policy, "benchmark", None)
    charges = costs if costs is not None else Costs.cn()
    settings = Settings(name, charges, deal, capital, delisting_haircut)
    decide_on = _decision_rows(market, rows, schedule)
    level = None if name is None else _level(market, name, int(decide_on[0]), rows.stop)
    known = market.between(market.dates[0], market.dates[rows.stop - 1])
    simulation = Simulation(known, settings, decide_on)
    simulation.play(policy, progress)
    words = schedule if isinstance(schedule, str | int) else "explicit dates"
    return simulation.result(level, _config(market, policy, settings, words))


def _span(market: Market, start: Date | None, end: Date | None) -> slice:
    """Return the rows from ``start`` to ``end``, which must lie inside the data."""
    dates = market.dates
    first = dates[0] if start is None else pd.Timestamp(start)
    last = dates[-1] if end is None else pd.Timestamp(end)
    if first < dates[0] or last > dates[-1]:
        raise DataError(
            f"the run {first:%Y-%m-%d} to {last:%Y-%m-%d} leaves the data, which has "
            f"{len(dates)} sessions from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}; "
            "pass dates inside them, or leave start or end out"
        )
    rows = slice(int(dates.searchsorted(first)), int(dates.searchsorted(last, side="right")))
    if rows.start >= rows.stop:
        raise DataError(
            f"no session from {first:%Y-%m-%d} to {last:%Y-%m-%d}; pass a start before the end"
        )
    return rows


def _decision_rows(market: Market, rows: slice, schedule: Schedule) -> Array:
    """Return the rows on which the policy is asked: rebalance dates that a session follows."""
    dates = market.dates[rows]
    chosen = rebalance_dates(dates, schedule)
    decide_on = rows.start + np.flatnonzero(dates[:-1].isin(chosen))
    if not len(decide_on):
        raise DataError(
            f"the schedule has no rebalance date that a session follows among the {len(dates)} "
            f"sessions {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}; pass a longer span or other dates"
        )
    return decide_on


def _level(market: Market, name: str, first: int, stop: int) -> pd.Series:
    """Return the index from 1 at row ``first`` on."""
    change = market.index(name).returns().iloc[first:stop].astype(np.float64)
    change.iloc[0] = 0.0
    if change.isna().any():
        missing = change.index[change.isna()]
        raise DataError(
            f"benchmark {name} has no return on {len(missing)} sessions, first "
            f"{missing[0]:%Y-%m-%d}; pass dates where its level or weights are known"
        )
    return (1.0 + change).cumprod().rename("benchmark")


def _config(
    market: Market, policy: Policy, settings: Settings, schedule: str | int
) -> dict[str, Any]:
    """Return what would repeat the run: settings, data fingerprint, versions."""
    return {
        "benchmark": settings.benchmark,
        "schedule": schedule,
        "deal": settings.deal,
        "capital": settings.capital,
        "delisting_haircut": settings.delisting_haircut,
        "costs": asdict(settings.costs),
        "policy": description(policy),
        "data": market.fingerprint(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
    }
