"""Broken inputs: a clear error each, and never a wrong portfolio whatever is broken at once."""

import traceback
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import enhance
from market import DataError
from tests.enhance.breaks import (
    BREAKS,
    REFUSED,
    absurd_limits,
    assert_right,
    blocked,
    broken,
    concentrated,
    fewer_limits,
    huge_scores,
    put,
    singular_covariance,
    tiny_scores,
)
from tests.enhance.cases import STANDARD, case, swap, without

TYPED = (ValueError, enhance.InfeasibleError, enhance.SolverError)  # DataError is a ValueError


@pytest.mark.parametrize("breaks", REFUSED, ids=lambda f: f.__name__)
def test_each_kind_of_bad_input_has_its_own_error(breaks):
    for seed in range(3):
        c = broken(seed)
        breaks(c, np.random.default_rng(seed))
        with pytest.raises(ValueError, match=REFUSED[breaks]):
            c.solve()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.lists(st.sampled_from(BREAKS), min_size=1, max_size=3, unique=True),
    st.booleans(),
    st.sampled_from(["auto", "clarabel"]),
)
@example(0, [huge_scores, fewer_limits], False, "auto")
@example(1, [concentrated, absurd_limits, blocked], True, "auto")
@example(2, [singular_covariance, tiny_scores], False, "clarabel")
def test_whatever_is_broken_there_is_a_typed_error_or_a_right_answer(
    seed, breaks, relaxing, solver
):
    c, rng = broken(seed % 50), np.random.default_rng(seed)
    relax = enhance.WEEKLY if relaxing else ()
    try:
        for one in breaks:
            one(c, rng)
    except (TypeError, IndexError, KeyError, AttributeError):
        assume(False)  # what one break left cannot be broken by the next
    except ValueError:  # a limit that was refused at construction
        return
    try:
        solution = c.solve(relax=relax, solver=solver)
    except TYPED as error:
        where, message = traceback.extract_tb(error.__traceback__)[-1].filename, str(error)
    else:
        assert_right(c, solution)
        return
    assert any(part in where for part in ("/enhance/", "/market/"))
    assert len(message) > 20


def test_limits_that_cross_on_a_stock_are_named_with_both():
    c = case(constraints=(*swap(STANDARD, enhance.ActiveWeight(0.01)), enhance.Bounds(0.02)))
    with pytest.raises(enhance.InfeasibleError) as caught:
        c.solve()
    assert "bounds" in caught.value.diagnosis.conflict
    crossed = caught.value.diagnosis.crossed
    member = c.benchmark.idxmax()
    assert member in set(crossed["stock"])
    row = crossed.set_index("stock").loc[member]
    assert row["least"] == pytest.approx(c.benchmark[member] - 0.01)
    assert (row["at_least"], row["at_most"]) == ("active_weight", "bounds")
    assert "asked to be in two places at once" in str(caught.value)


def test_a_problem_made_by_hand_is_measured_too():
    problem = case().problem()
    with pytest.raises(DataError, match=r"alpha of 2020-01-03 has shape \(59,\), 60 stocks"):
        replace(problem, alpha=problem.alpha[1:])
    with pytest.raises(DataError, match=r"exposures of .* has shape \(60, 8\)"):
        replace(problem, exposures=problem.exposures[:, :8])
    with pytest.raises(DataError, match=r"alpha is not finite for 1 stocks.*SH600003"):
        replace(problem, alpha=put(pd.Series(problem.alpha), 3, np.nan).to_numpy())


def test_data_that_does_not_fit_is_refused():
    c = case()
    frame = pd.DataFrame({"esg": 1.0}, index=c.alpha.index)
    limits = (*without(STANDARD, "turnover"), enhance.Linear("esg", upper=2.0))
    c.constraints = limits
    assert c.solve(data=frame).check.passed
    with pytest.raises(DataError, match=r"data is missing for 1 stocks.*SH600000"):
        c.solve(data=frame.iloc[1:])
    with pytest.raises(DataError, match="data is list"):
        c.solve(data=[1.0])
    with pytest.raises(DataError, match="repeats a stock or a column"):
        c.solve(data=pd.concat([frame, frame]))
    with pytest.raises(DataError, match=r"esg is (str|object).*not all numbers"):
        c.solve(data=frame.astype(object).replace(1.0, "good"))
    with pytest.raises(DataError, match="capital is -1"):
        c.solve(data=frame, capital=-1.0)
