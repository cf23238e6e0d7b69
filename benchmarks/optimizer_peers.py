"""The solvers that ``benchmarks/optimizer.py`` compares, each from a week's arrays to its weights."""

from __future__ import annotations

import importlib.util

import cvxpy as cp
import numpy as np

from benchmarks.optimizer_weeks import INDUSTRIES, STYLES, Array, Solver, Week, form
from enhance.structured import Answer, State, answer
from enhance.structured.lean import Program, solve_lean

DENSE_MOST = 2000  # a dense covariance of 5000 stocks takes minutes a solve


def structured(warm: bool) -> Solver:
    """The solver of this project, from last week's prices or from nothing."""
    state = State() if warm else None

    def solve(week: Week) -> tuple[Array, bool, float]:
        found: Answer = answer(form(week), state)
        return found.weights, found.status == "optimal", found.gap

    return solve


def direct(week: Week) -> tuple[Array, bool, float]:
    """Clarabel on the lean sparse form, rebuilt each week."""
    run = solve_lean(form(week).form)
    return run.weights, run.solved, np.nan


def ecos(week: Week) -> tuple[Array, bool, float]:
    """ECOS on the same sparse form."""
    import ecos as library

    program = Program(form(week).form)
    _, q, A, b, _ = program.data()
    A, equal = A.tocsr(), program.start["lower"]
    run = library.solve(
        q, A[equal:].tocsc(), b[equal:],
        {"l": program.start["risk"] - equal, "q": [program.length - program.start["risk"]]},
        A[:equal].tocsc(), b[:equal], verbose=False,
    )  # fmt: skip
    w = week.lower.copy()
    w[program.open] = run["x"][: len(program.open)] / 100.0
    return w, run["info"]["exitFlag"] == 0, np.nan


def modelled(dense: bool) -> Solver:
    """The textbook program in cvxpy, with a dense covariance or with factors."""

    def solve(week: Week) -> tuple[Array, bool, float]:
        world, limits, w = week.world, week.limits, cp.Variable(len(week.held))
        X = np.hstack(
            [np.ones((len(week.held), 1)), np.eye(INDUSTRIES)[world.industry], world.styles]
        )
        active, trades = w - world.benchmark, w - week.held
        if dense:
            y = X.T @ active
            V = X @ world.covariance @ X.T + np.diag(world.specific)
            rows = [cp.quad_form(active, cp.psd_wrap(V)) <= limits.tracking_error**2]
        else:
            y = cp.Variable(X.shape[1])
            root = np.linalg.cholesky(world.covariance + 1e-14 * np.eye(X.shape[1]))
            own = cp.multiply(np.sqrt(world.specific), active)
            risk = cp.norm(cp.hstack([root.T @ y, own]))
            rows = [y == X.T @ active, risk <= limits.tracking_error]
        rows += [
            cp.sum(w) == 1.0, w >= week.lower, w <= week.upper,
            cp.abs(y[1 : 1 + INDUSTRIES]) <= limits.industry,
            cp.abs(y[1 + INDUSTRIES :]) <= limits.style,
            0.5 * cp.norm1(trades) <= limits.turnover,
        ]  # fmt: skip
        if limits.share is not None:
            rows.append(cp.sum(w[np.flatnonzero(world.benchmark > 0.0)]) >= limits.share)
        cost = limits.buy * cp.sum(cp.pos(trades)) + limits.sell * cp.sum(cp.neg(trades))
        program = cp.Problem(cp.Maximize(world.alpha @ active - cost), rows)
        program.solve(solver="CLARABEL")
        solved = program.status == "optimal"
        return np.asarray(w.value) if solved else week.held, solved, np.nan

    return solve


def qlib(week: Week) -> tuple[Array, bool, float]:
    """Optimise as pyqlib does: risk as a penalty, no costs, no share, a two-sided turnover."""
    from qlib.contrib.strategy.optimizer.enhanced_indexing import EnhancedIndexingOptimizer

    world, limits = week.world, week.limits
    bands = np.concatenate(
        [[1.0], np.full(INDUSTRIES, limits.industry), np.full(STYLES, limits.style)]
    )
    optimiser = EnhancedIndexingOptimizer(
        lamb=0.25, delta=2 * limits.turnover, b_dev=limits.active, f_dev=bands, scale_return=False
    )
    X = np.hstack([np.ones((len(week.held), 1)), np.eye(INDUSTRIES)[world.industry], world.styles])
    w = optimiser(
        world.alpha, X, world.covariance, world.specific, week.held, world.benchmark,
        mfh=week.upper - week.lower < 1e-9,
    )  # fmt: skip
    return w, not np.allclose(w, week.held), np.nan


def line_up(stocks: int) -> dict[str, tuple[Solver, float]]:
    """Return the solvers by name, with the CPU seconds that each may take."""
    solvers: dict[str, tuple[Solver, float]] = {
        "structured, sifted": (structured(warm=True), np.inf),
        "structured, cold": (structured(warm=False), np.inf),
        "Clarabel direct": (direct, np.inf),
        "cvxpy factor + Clarabel": (modelled(dense=False), 20.0),
    }
    if importlib.util.find_spec("ecos"):
        solvers["ECOS direct"] = (ecos, 20.0)
    if importlib.util.find_spec("qlib"):
        solvers["pyqlib"] = (qlib, 20.0)
    if stocks <= DENSE_MOST:
        solvers["cvxpy dense + Clarabel"] = (modelled(dense=True), 20.0)
    return solvers
