"""One rebalance under many limits: what each limit costs, and where portfolios stop existing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from enhance.constraint import Constraint
from enhance.errors import InfeasibleError, SolverError
from enhance.objective import MaxAlpha, Objective
from enhance.optimize import solve
from enhance.problem import Problem
from enhance.solution import Solution
from enhance.solvers import SolverName
from enhance.structured import State
from market.combinations import combinations
from market.progress import track

Limits = dict[str, float | None]

MEASURES = (
    "objective", "expected_return", "tracking_error", "turnover", "cost", "constituent_share",
    "transfer_coefficient", "names", "seconds",
)  # fmt: skip


def sweep(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective | None = None,
    *,
    solver: SolverName = "auto",
    progress: bool = False,
    **limits: Sequence[float | None],
) -> pd.DataFrame:
    """Solve one rebalance for every combination of the limits listed.

    >>> sweep(problem, limits, turnover=[0.1, 0.2], bounds=[0.02, None])  # doctest: +SKIP

    Parameters
    ----------
    problem
        The aligned rebalance.
    constraints
        Its limits; those swept are replaced, the others hold in every cell. A cell starts from the
        multipliers of the one before it.
    objective, solver
        As in ``solve``.
    progress
        Show a bar.
    limits
        Values to try by constraint name, in the order to try them; None removes the limit.

    Returns
    -------
    DataFrame
        One row a cell, the last limit varying fastest, so that neighbours follow each other:
        ``limit.<name>`` for each swept one (NaN: removed); ``status`` (that of the solution,
        ``"infeasible"``, or ``"failed"`` where the solver broke down); ``objective``,
        ``expected_return``, ``tracking_error`` (predicted), ``turnover``, ``cost``,
        ``constituent_share``, ``transfer_coefficient``, ``names`` (stocks held), ``seconds``;
        ``price.<name>``, the marginal value of each constraint (gain of the objective per unit by which
        it is loosened); ``nearest.<name>`` in infeasible cells (the limit that would do alone, or
        together with the others given where none does alone); ``error``, the diagnosis in words.

    Raises
    ------
    ValueError
        No limit to sweep, one that is not among ``constraints``, or values that are missing, repeated or
        no limits.
    """
    grid = combinations(limits)
    asked = [limited(constraints, cell) for cell in grid]  # a wrong value is told before any work
    cells = track(list(zip(grid, asked, strict=True)), progress, "cells", len(grid))
    state = State()
    return _frame(
        [
            {f"limit.{name}": limit for name, limit in cell.items()}
            | _row(problem, used, objective or MaxAlpha(), solver, state)
            for cell, used in cells
        ]
    )


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    found = dict.fromkeys(name for row in rows for name in row)  # each once, in order
    limits, prices, nearest = (
        [name for name in found if name.startswith(kind)]
        for kind in ("limit.", "price.", "nearest.")
    )
    numbers = [*MEASURES, *prices, *nearest]
    frame = pd.DataFrame(rows, columns=[*limits, "status", *numbers, "error"])
    return frame.astype(dict.fromkeys([*limits, *numbers], np.float64))


def limited(
    constraints: Sequence[Constraint], limits: Mapping[str, float | None]
) -> list[Constraint]:
    """Return the constraints with other limits by name; None removes one.

    Raises
    ------
    ValueError
        A name that is not among the constraints, or a value that is no limit.
    """
    names = [c.name for c in constraints]
    unknown = [name for name in limits if name not in names]
    if unknown:
        raise ValueError(
            f"no limit is called {unknown[0]!r} here; there are {', '.join(names)}: add it to the "
            "constraints first"
        )
    changed = []
    for c in constraints:
        if c.name not in limits:
            changed.append(c)
        elif (limit := limits[c.name]) is not None:
            changed.append(replace(c, limit=limit))
    return changed


def _row(
    problem: Problem,
    constraints: Sequence[Constraint],
    objective: Objective,
    solver: SolverName,
    state: State,
) -> dict[str, Any]:
    try:
        return _measures(solve(problem, constraints, objective, solver, state=state))
    except InfeasibleError as error:
        found = error.diagnosis
        nearest = {f"nearest.{n}": met for n, (_, met) in (found.alone or found.together).items()}
        return {"status": "infeasible", **nearest, "error": str(error)}
    except SolverError as error:
        return {"status": "failed", "error": str(error)}


def _measures(solution: Solution) -> dict[str, Any]:
    measures = {name: getattr(solution, name) for name in MEASURES if name != "names"}
    prices = {f"price.{name}": price for name, price in solution.shadow_prices.items()}
    held = int((solution.vector > 0.0).sum())
    return {"status": solution.status, **measures, "names": held, **prices, "error": ""}
