"""Whole backtests under many limits, side by side, resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtest.cells import CellFolder, Limits
from backtest.engine import Date
from backtest.identity import identity
from backtest.overfitting import deflated
from backtest.result import Result
from backtest.settings import WithEta
from backtest.simulation import Policy
from backtest.workers import played
from market import Costs, Market
from market.calendar import Schedule
from market.combinations import combinations
from market.progress import track

MEASURES = (
    "annual_excess", "tracking_error", "information_ratio", "excess_t", "weekly_win_rate",
    "excess_drawdown", "annual_return", "drawdown", "predicted_tracking_error", "turnover",
    "annual_cost", "refused_orders", "orders_cut_for_cash", "relaxed_rebalances", "held_rebalances",
    "rebalances",
)  # fmt: skip


def sweep(
    market: Market,
    factory: Callable[..., Policy],
    start: Date | None = None,
    end: Date | None = None,
    *,
    benchmark: str | None = None,
    costs: Costs | None = None,
    schedule: Schedule = "weekly",
    deal: str = "vwap",
    capital: float = 1e8,
    delisting_haircut: float = 0.0,
    lots: bool = False,
    participation: float | None = None,
    impact: WithEta | None = None,
    retry: str = "next",
    workers: int = 2,
    folder: str | Path | None = None,
    progress: bool = False,
    **limits: Sequence[float | None],
) -> pd.DataFrame:
    """Run a backtest for every combination of the limits listed.

    >>> sweep(world, policy.with_limits, turnover=[0.1, 0.2], bounds=[0.05, None])  # doctest: +SKIP

    Parameters
    ----------
    market
        The data.
    factory
        ``factory(turnover=0.1, ...)`` returns the policy of a cell.
    start, end, benchmark, costs, schedule, deal, capital, delisting_haircut, lots, participation, impact, \
    retry
        As in ``run``, the same in every cell.
    workers
        Processes that work side by side; 1 works in this one. Large arrays are written to memory-mapped
        files once and shared. ``joblib.parallel_config`` chooses another engine, a cluster for one.
    folder
        Where finished cells are kept, each the saved result of its run; what is there already is read
        instead of run. None keeps nothing. That this package has changed is not noticed: then start a
        new folder.
    progress
        Show a bar.
    limits
        Values to try by name, in the order to try them; None stands for no limit.

    Returns
    -------
    DataFrame
        One row a cell, the last limit varying fastest: ``limit.<name>`` (NaN: none); ``status``
        (``"done"`` or ``"failed"``); the measures of ``Result.summary`` listed in ``MEASURES``, those of
        excess NaN without a benchmark; ``deflated``, see the function of that name; ``error``, why a cell
        failed; and, with ``folder``, ``result``, what ``backtest.load`` reads. A failed cell is run again
        by the next call.

    Raises
    ------
    ValueError
        No limit to sweep, values that are missing, repeated or no numbers, no worker, or a folder of
        another sweep: data, factory (its arrays, settings and code, not what it reads from the module around it) and
        the arguments of ``run`` must be the same; the grid may differ.
    """
    _check_values(limits)
    grid = combinations(limits)
    if workers < 1:
        raise ValueError(f"workers is {workers}; give 1 or more processes")
    options = {
        "start": None if start is None else pd.Timestamp(start),
        "end": None if end is None else pd.Timestamp(end),
        "benchmark": benchmark,
        "costs": costs if costs is not None else Costs.cn(),
        "schedule": schedule,
        "deal": deal,
        "capital": capital,
        "delisting_haircut": delisting_haircut,
        "lots": lots,
        "participation": participation,
        "impact": impact,
        "retry": retry,
    }
    cells = None if folder is None else _claimed(Path(folder), market, factory, options)
    rows = _finished(grid, cells)
    waiting = [k for k in range(len(grid)) if k not in rows]
    outcomes = played(market, factory, {k: grid[k] for k in waiting}, options, workers)
    for k, outcome in track(outcomes, progress, "cells", len(waiting)):
        rows[k] = _row(outcome)
        if cells is not None and isinstance(outcome, Result):
            cells.write(grid[k], outcome)
    frame = pd.DataFrame([{**_named(cell), **rows[k]} for k, cell in enumerate(grid)])
    frame["deflated"] = deflated(frame)
    if cells is not None:
        frame["result"] = [str(cells.place(cell)) for cell in grid]
        frame["result"] = frame["result"].where(frame["status"] == "done", "")
    return frame.astype(dict.fromkeys([*_named(limits), *MEASURES], np.float64))


def marginal(cells: pd.DataFrame, measure: str = "annual_excess") -> pd.DataFrame:
    """Return what each step of each limit changes, the other limits held: a row a step.

    Steps go in the order in which the values were swept. The mean of ``change`` by limit is what
    loosening it by a step is worth over the grid.

    >>> step = ["limit", "from", "to"]
    >>> marginal(cells).groupby(step, dropna=False)["change"].mean()  # doctest: +SKIP

    Parameters
    ----------
    cells
        Of ``sweep``, or any frame with columns ``limit.<name>``.
    measure
        The column to compare.

    Returns
    -------
    DataFrame
        ``limit``, ``from``, ``to`` (NaN: no limit), ``change``, and ``limit.<name>`` of the limits that
        were held. A failed cell makes the steps from and to it NaN.

    Raises
    ------
    ValueError
        The frame has no limit columns or lacks the measure.
    """
    names = [name for name in cells.columns if name.startswith("limit.")]
    if not names or measure not in cells.columns:
        missing = "limit.<name>" if not names else measure
        raise ValueError(f"the frame has no column {missing!r}; it has {', '.join(cells.columns)}")
    rows = []
    for name in names:
        held = [other for other in names if other != name]
        groups = cells.groupby(held, dropna=False, sort=False) if held else [((), cells)]
        for values, group in groups:
            change = group[measure].diff().iloc[1:]
            pairs = zip(group[name].iloc[:-1], group[name].iloc[1:], change, strict=True)
            given = dict(zip(held, values, strict=True))
            rows += [
                {"limit": name.removeprefix("limit."), "from": a, "to": b, "change": c, **given}
                for a, b, c in pairs
            ]
    return pd.DataFrame(rows, columns=["limit", "from", "to", "change", *names])


def _claimed(
    folder: Path, market: Market, factory: Callable[..., Policy], options: Mapping[str, Any]
) -> CellFolder:
    """Return the folder, made sure to be of this very sweep."""
    impact = None if options["impact"] is None else options["impact"].eta
    plain = {"costs": asdict(options["costs"]), "schedule": _schedule(options), "impact": impact}
    settings = {**options, **plain}
    cells = CellFolder(
        folder, {"data": market.fingerprint(), "factory": identity(factory), **settings}
    )
    cells.claim()
    return cells


def _check_values(limits: Mapping[str, object]) -> None:
    """Raise a ``ValueError`` before any work where values are no numbers in a list."""
    for name, values in limits.items():
        if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray | pd.Index):
            raise ValueError(
                f"{name} is {values!r}; give a list of values, such as {name}=[0.1, 0.2]"
            )
        wrong = [value for value in values if not (value is None or isinstance(value, Real))]
        if wrong:
            raise ValueError(
                f"{name} has the value {wrong[0]!r}; values are numbers, or None for no limit: for a "
                "choice of any other kind sweep its position in a list"
            )


def _schedule(options: Mapping[str, Any]) -> str | int | list[str]:
    schedule = options["schedule"]
    if isinstance(schedule, Integral):
        return int(schedule)
    return schedule if isinstance(schedule, str) else [str(date) for date in schedule]


def _finished(grid: Sequence[Limits], cells: CellFolder | None) -> dict[int, dict[str, Any]]:
    """Return the rows of the cells that are on disk."""
    if cells is None:
        return {}
    found = {k: cells.read(limits) for k, limits in enumerate(grid)}
    return {k: _row(result) for k, result in found.items() if result is not None}


def _row(outcome: Result | str) -> dict[str, Any]:
    if isinstance(outcome, str):
        return {
            "status": "failed",
            **dict.fromkeys(MEASURES, np.nan),
            "deflated": 0.0,
            "error": outcome,
        }
    return {"status": "done", **outcome.summary().reindex(MEASURES), "deflated": 0.0, "error": ""}


def _named(limits: Mapping[str, Any]) -> dict[str, Any]:
    return {f"limit.{name}": value for name, value in limits.items()}
