"""Run one convex program and say how it went."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import cvxpy as cp

from enhance.errors import SolverError

SolverName = Literal["auto", "structured", "clarabel", "osqp", "highs"]

# OSQP's own tolerances (1e-3) are those of a controller, not of a portfolio
SETTINGS: dict[str, dict[str, Any]] = {
    "clarabel": {},
    "osqp": {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iter": 200_000, "polishing": True},
    # linear problems, names chosen exactly among them; a minute is far more than a rebalance needs
    "highs": {"mip_rel_gap": 1e-7, "time_limit": 60.0},
}
SOLVED = ("optimal", "optimal_inaccurate")

# Names that send a problem of the standard shape to enhance.structured; "auto" any other one to Clarabel
BY_STRUCTURE = ("auto", "structured")


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
        return self.status in ("infeasible", "infeasible_inaccurate", "failed", "user_limit")


def refuse_unknown(solver: str) -> None:
    """Raise ``ValueError`` unless there is such a solver."""
    known = (*BY_STRUCTURE, *SETTINGS)
    if solver not in known:
        raise ValueError(f"solver {solver!r} is unknown; use {' or '.join(known)}")


def maximise(objective: cp.Expression, rows: list[cp.Constraint], solver: SolverName) -> Run:
    """Maximise a concave expression under convex rows, leaving the answer in the variables.

    Raises
    ------
    SolverError
        The solver does not take cones.
    ValueError
        An unknown solver.
    """
    refuse_unknown(solver)
    if solver in BY_STRUCTURE:  # a program that reaches this road
        solver = "clarabel"
    program = cp.Problem(cp.Maximize(objective), rows)
    if solver == "osqp" and not program.is_qp():
        raise SolverError(
            "osqp solves quadratic programs and a tracking-error limit is a cone; "
            "use solver='clarabel', or MaxAlpha(risk_aversion=...) without TrackingError"
        )
    if solver == "highs" and not program.is_lp():
        raise SolverError(
            "highs solves linear programs, and a limit or the objective is curved; use "
            "solver='clarabel', or leave out TrackingError, risk aversion and impact"
        )
    began = perf_counter()
    try:
        with warnings.catch_warnings():
            # an inaccurate answer is judged by the check, not by a warning
            warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
            # cvxpy values the objective at an answer that may lie a hair below zero
            warnings.filterwarnings("ignore", "invalid value encountered in power", RuntimeWarning)
            program.solve(solver=solver.upper(), **SETTINGS[solver])
    except cp.error.SolverError:  # cvxpy's word for a solver that ended without a verdict
        return Run("failed", perf_counter() - began, 0)
    seconds = perf_counter() - began
    return Run(program.status, seconds, int(program.solver_stats.num_iters or 0))
