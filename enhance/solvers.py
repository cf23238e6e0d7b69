"""Run one convex program and say how it went."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import cvxpy as cp

from enhance.errors import SolverError

SolverName = Literal["clarabel", "osqp"]

# OSQP's own tolerances (1e-3) are those of a controller, not of a portfolio
SETTINGS: dict[str, dict[str, Any]] = {
    "clarabel": {},
    "osqp": {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iter": 200_000, "polishing": True},
}
SOLVED = ("optimal", "optimal_inaccurate")


@dataclass(frozen=True)
class Run:
    """How a solver ended: ``status`` in cvxpy's words, wall seconds with compilation, iterations.

    A solver that broke down has status ``"failed"``: near the border of feasibility that says nothing.
    """

    status: str
    seconds: float
    iterations: int

    @property
    def solved(self) -> bool:
        return self.status in SOLVED

    @property
    def undecided(self) -> bool:
        """Whether no portfolio may exist: said so, or broken down at the border."""
        return self.status in ("infeasible", "infeasible_inaccurate", "failed")


def maximise(objective: cp.Expression, rows: list[cp.Constraint], solver: SolverName) -> Run:
    """Maximise a concave expression under convex rows, leaving the answer in the variables.

    Raises
    ------
    SolverError
        The solver does not take cones.
    ValueError
        An unknown solver.
    """
    if solver not in SETTINGS:
        raise ValueError(f"solver {solver!r} is unknown; use {' or '.join(SETTINGS)}")
    program = cp.Problem(cp.Maximize(objective), rows)
    if solver == "osqp" and not program.is_qp():
        raise SolverError(
            "osqp solves quadratic programs and a tracking-error limit is a cone; "
            "use solver='clarabel', or MaxAlpha(risk_aversion=...) without TrackingError"
        )
    began = perf_counter()
    try:
        with warnings.catch_warnings():
            # an inaccurate answer is judged by the check, not by a warning
            warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
            program.solve(solver=solver.upper(), **SETTINGS[solver])
    except cp.error.SolverError:  # cvxpy's word for a solver that ended without a verdict
        return Run("failed", perf_counter() - began, 0)
    seconds = perf_counter() - began
    return Run(program.status, seconds, int(program.solver_stats.num_iters or 0))
