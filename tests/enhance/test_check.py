"""The check is a second opinion: it knows no solver and accepts no broken answer."""

import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.check import check
from enhance.errors import SolverError
from tests.enhance.cases import STANDARD, case


def test_an_optimum_passes_and_lists_every_limit():
    c = case()
    verdict = check(c.problem(), c.solve().vector, STANDARD)
    assert verdict.passed
    assert list(verdict.table.index) == [k.name for k in STANDARD]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda w: w * 1.001, "budget"),
        (lambda w: np.r_[w[:1] + 0.001, w[1:-1], w[-1:] - 0.001], "long_only"),
        (lambda w: np.r_[w[:1] + 0.2, w[1:] * (1 - 0.2 / w[1:].sum())], "active_weight"),
    ],
)
def test_a_broken_limit_is_named(change, name):
    c = case()
    verdict = check(c.problem(), change(c.solve().vector), STANDARD)
    assert not verdict.passed
    assert name in [phrase.split()[0] for phrase in verdict.broken]


def test_tolerances_are_a_millionth_of_weight_and_a_ten_thousandth_of_tracking_error():
    problem = case().problem()
    w = problem.benchmark.copy()
    w[0] += 2e-6
    assert not check(problem, w, (enhance.Budget(),)).passed
    w[0] -= 1.5e-6
    assert check(problem, w, (enhance.Budget(),)).passed
    w[0], w[1] = w[0] + 0.01, w[1] - 0.01
    te = problem.tracking_error(w)
    assert check(problem, w, (enhance.TrackingError(te / 1.00009),)).passed
    assert not check(problem, w, (enhance.TrackingError(te / 1.00011),)).passed


def test_a_missing_weight_fails():
    problem = case().problem()
    w = problem.benchmark.copy()
    w[5] = np.nan
    assert not check(problem, w, STANDARD).passed


def test_a_forced_stock_is_exempt_only_at_its_held_weight():
    c = case()
    held = 0.9 * c.holdings
    held["SH600000"] += 0.1
    c.holdings = held
    c.can_buy = c.can_sell = pd.Series(c.alpha.index != "SH600000", index=c.alpha.index)
    problem = c.problem()
    limit = (enhance.NoSell(), enhance.NoBuy(), enhance.ActiveWeight(0.08))
    w = problem.benchmark.copy()
    w[0] = problem.holdings[0]
    assert check(problem, w, limit).passed
    w[0] += 1e-4
    assert not check(problem, w, limit).passed


def test_a_solution_that_failed_refuses_its_weights():
    c = case()
    good = c.solve()
    bad = enhance.Solution(
        **{
            **good.__dict__,
            "vector": 2 * good.vector,
            "check": check(c.problem(), 2 * good.vector, STANDARD),
        }
    )
    assert "check FAILED" in repr(bad)
    with pytest.raises(SolverError, match=r"failed the check: .*budget -1"):
        _ = bad.weights


def test_an_answer_the_solver_got_wrong_is_never_returned():
    """A user limit whose two views disagree is caught by the check."""

    class Wrong(enhance.Turnover):
        def measure(self, weights, problem):
            return 10.0 * super().measure(weights, problem)

    c = case(constraints=(*STANDARD[:-1], Wrong(0.05)))
    with pytest.raises(SolverError, match="failed the check: turnover") as caught:
        c.solve()
    assert caught.value.solution is not None
