"""The parts of the structured solver against plain numpy, brute force and the definition."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import enhance
from enhance.structured import Form, Multipliers, answer
from enhance.structured.certificate import (
    exposures,
    gap,
    judge,
    objective,
    one_way,
    stock_loss,
    variance,
    violation,
)
from enhance.structured.dense import cholesky, invert, multiply, solve
from enhance.structured.lean import solve_lean
from enhance.structured.slack import affine, aim
from market.kernels import drop_stale
from tests.enhance.cases import STANDARD, case, swap
from tests.enhance.test_structured import drawn, form_of


def positive(n, rng):
    A = rng.standard_normal((n, n))
    return A @ A.T + 0.1 * np.eye(n)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 17, 45])
def test_the_small_factorisation_solves_and_inverts(n):
    rng = np.random.default_rng(n)
    A, x = positive(n, rng), rng.standard_normal(n)
    L, work, out = A.copy(), np.empty((n, n)), np.empty((n, n))
    cholesky(L, n, 1e-13)
    assert np.tril(L) == pytest.approx(np.linalg.cholesky(A), rel=1e-9, abs=1e-12)
    answer_ = x.copy()
    solve(L, answer_, n)
    assert A @ answer_ == pytest.approx(x, abs=1e-9)
    invert(L, work, out, n)
    assert out == pytest.approx(np.linalg.inv(A), rel=1e-7, abs=1e-9)
    multiply(out, x, answer_, n)
    assert A @ answer_ == pytest.approx(x, abs=1e-7)


def test_an_unknown_that_others_determine_is_answered_by_zero():
    A = np.array([[4.0, 2.0, 2.0], [2.0, 3.0, 3.0], [2.0, 3.0, 3.0]])  # the last two rows agree
    L, x = A.copy(), np.array([2.0, 1.0, 1.0])
    cholesky(L, 3, 1e-13)
    solve(L, x, 3)
    assert A @ x == pytest.approx([2.0, 1.0, 1.0])
    assert x[2] == pytest.approx(0.0, abs=1e-30)


def test_the_affine_step_reaches_the_nearest_wall():
    s, z, ds = np.array([1.0, 2.0]), np.array([1.0, 0.5]), np.array([-2.0, 1.0])
    # slacks: 1 - 2a = 0 at a = 1/2; multipliers: dz = -z (1 + ds/s) = 1, -0.75, at zero at a = 2/3
    toward, first, second = affine(s, z, 1.0 / s, ds)
    assert toward == pytest.approx(2.0)
    assert first == pytest.approx(-2.0 + 0.5)
    assert second == pytest.approx(4.0 + 0.25)
    pull = np.empty(2)
    aim(s, z, 1.0 / s, ds, 0.1, 1e9, pull)
    dz = -z * (1.0 + ds / s)
    assert pull == pytest.approx((0.1 - ds * dz) / s)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_the_loss_of_a_stock_is_that_of_a_fine_grid(seed):
    rng = np.random.default_rng(seed)
    slope, bend = rng.normal(), rng.choice([0.0, 1.0, 30.0])
    lower, upper = np.sort(rng.uniform(-1.0, 1.0, 2))
    b, h, w = rng.uniform(-1.2, 1.2), rng.uniform(-1.2, 1.2), rng.uniform(lower, upper)
    bought, sold = rng.uniform(0.0, 0.5, 2)

    def lagrangian(x):
        trade = x - h
        cost = bought * np.maximum(trade, 0.0) + sold * np.maximum(-trade, 0.0)
        return slope * x + cost + 0.5 * bend * (x - b) ** 2

    points = np.append(np.linspace(lower, upper, 4001), np.clip(h, lower, upper))
    best = lagrangian(points).min()
    loss = stock_loss(slope, bend, b, h, lower, upper, bought, sold, w)
    assert loss == pytest.approx(lagrangian(w) - best, abs=1e-5)
    assert loss >= lagrangian(w) - best - 1e-12


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 0.05))
def test_the_gap_bounds_the_distance_from_the_optimum_at_any_prices(seed, noise):
    form = form_of(drawn(seed, most=60)).form
    best = answer(form_of(drawn(seed, most=60)))
    if best.status != "optimal":
        return
    rng, m = np.random.default_rng(seed), len(form.low)
    v = rng.normal(0.0, noise, m)
    v = np.where((v > 0.0) & np.isinf(form.high), 0.0, v)
    v = np.where((v < 0.0) & np.isinf(form.low), 0.0, v)
    prices = Multipliers(
        v, exposures(form, best.weights - form.benchmark), rng.normal(0.0, noise),
        rng.uniform(0.0, noise) * np.isfinite(form.turnover),
        rng.uniform(0.0, noise) * np.isfinite(form.tracking_error),
    )  # fmt: skip
    assert gap(form, best.weights, prices) >= -1e-9  # of the optimum: no prices prove it wrong


def test_the_measures_of_the_certificate_are_those_of_the_problem():
    c = case(70, 30, seed=3)
    problem, form = c.problem(), form_of(c).form
    w = np.random.default_rng(0).dirichlet(np.ones(70))
    y = exposures(form, w - problem.benchmark)
    hot = [k for k, kind in enumerate(problem.kinds) if kind != "country"]
    assert y[: len(hot)] == pytest.approx(problem.active_exposures(w)[hot], abs=1e-14)
    assert np.sqrt(variance(form, w, y)) == pytest.approx(problem.tracking_error(w), rel=1e-12)
    assert one_way(form, w) == pytest.approx(problem.turnover(w), rel=1e-12)
    assert objective(form, w) == pytest.approx(enhance.MaxAlpha().value(w, problem), rel=1e-12)
    worst, excess = violation(form, w)
    checked = enhance.check.check(problem, w, c.constraints).table["excess"]
    assert excess == pytest.approx(checked["tracking_error"] / 0.04, rel=1e-12)
    assert worst == pytest.approx(checked.drop("tracking_error").max(), rel=1e-9)


def test_a_weight_that_is_no_number_is_a_violation_without_bound():
    form = form_of(case()).form
    w = form.benchmark.copy()
    w[3] = np.nan
    assert violation(form, w)[0] == np.inf


@pytest.mark.parametrize("aversion", [0.0, 15.0])
def test_clarabel_in_lean_form_gives_the_same_answer_and_prices(aversion):
    c = case(90, 40, seed=4, constraints=swap(STANDARD, enhance.TrackingError(0.015)))
    c.options = {"objective": enhance.MaxAlpha(aversion)}
    form = form_of(c)
    ours, lean = answer(form), solve_lean(form.form)
    prices, worst, distance, _ = judge(form.form, lean.weights, lean.prices)
    assert lean.solved
    assert worst <= 1e-9
    assert distance <= 1e-9
    assert lean.weights == pytest.approx(ours.weights, abs=1e-5)
    for name in ("exposure", "budget", "turnover", "risk"):
        assert getattr(prices, name) == pytest.approx(getattr(ours.prices, name), abs=1e-5)


def test_multiplying_objective_and_costs_multiplies_prices_and_nothing_else():
    c = case(80, 40, seed=5)
    small = replace(c, alpha=1e-4 * c.alpha, costs=(1e-7, 2e-7))
    one, other = c.solve(solver="structured"), small.solve(solver="structured")
    assert other.vector == pytest.approx(one.vector, abs=1e-8)
    assert other.objective == pytest.approx(1e-4 * one.objective, rel=1e-6)


def test_a_form_holds_nothing_of_size_n_by_n():
    form = form_of(case(500, 100)).form
    sizes = [array.size for array in form if isinstance(array, np.ndarray)]
    assert max(sizes) <= 500 * (len(form.low) + 1)


MEMORY = """
import resource, numpy as np
from enhance.structured import answer
from market.kernels import drop_stale
from tests.enhance.cases import case
from tests.enhance.test_structured import form_of
answer(form_of(case(200, 80)))
big = form_of(case(20_000, 2_000))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = answer(big)
print(found.road, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_twenty_thousand_stocks_take_little_memory():
    # an N x N matrix would take 3,200 MB
    run = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    road, megabytes = run.stdout.split()
    assert road == "cold"
    assert float(megabytes) < 120.0


def test_a_changed_source_drops_the_kernels_compiled_before_it(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    old, fresh = (tmp_path / "__pycache__" / name for name in ("a.nbi", "b.nbc"))
    source = tmp_path / "kernel.py"
    for path, when in ((old, 100.0), (source, 200.0), (fresh, 300.0)):
        path.write_text("")
        os.utime(path, (when, when))
    drop_stale(tmp_path)
    assert not old.exists()
    assert fresh.exists()


def test_a_form_is_made_of_plain_arrays():
    form = form_of(case()).form
    assert isinstance(form, Form)
    assert all(a.dtype in (np.float64, np.int64) for a in form if isinstance(a, np.ndarray))
