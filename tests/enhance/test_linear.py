"""The user's own rows: both sides, both bounds, prices, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import enhance
from market import DataError
from tests.enhance.cases import STANDARD, case, names, without
from tests.enhance.sides import STOCKS, four_stocks, worst
from tests.enhance.test_prices import slope

SCORE = pd.Series([1.0, 2.0, 3.0, 5.0], STOCKS)
W = [0.4, 0.3, 0.2, 0.1]  # a score of 0.4 + 0.6 + 0.6 + 0.5 = 2.1 against 1.7 of the benchmark


def test_a_series_is_one_row_with_two_bounds():
    assert worst(enhance.Linear(SCORE, upper=2.1), W) == pytest.approx(0.0)
    assert worst(enhance.Linear(SCORE, lower=2.6), W) == pytest.approx(0.1)  # 0.5 over a size of 5
    assert worst(enhance.Linear(SCORE, 2.0, 2.2), W) == pytest.approx(-0.02)
    assert enhance.Linear(SCORE, upper=1.6).breach(np.array(W), four_stocks()) == pytest.approx(0.5)


def test_an_active_row_speaks_about_the_difference_to_the_benchmark():
    assert worst(enhance.Linear(SCORE, -0.4, 0.4, active=True), W) == pytest.approx(0.0)
    assert worst(enhance.Linear(SCORE, -0.4, 0.3, active=True), W) == pytest.approx(0.02)


def test_a_frame_is_a_row_a_column_each_with_its_own_bounds():
    frame = pd.DataFrame({"first": [1.0, 0, 0, 0], "last": [0, 0, 0, 1.0]}, STOCKS)
    upper = pd.Series({"last": 0.05, "first": 0.5})
    assert worst(enhance.Linear(frame, upper=upper), W) == pytest.approx(0.05)
    assert worst(enhance.Linear(frame, upper=upper), [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.0)
    assert worst(enhance.Linear(frame, lower=0.05), [0.5, 0.3, 0.2, 0.0]) == pytest.approx(0.05)


def test_a_row_may_be_a_column_of_the_data():
    data = {"esg": SCORE.to_numpy()}
    assert worst(enhance.Linear("esg", lower=2.0, name="esg"), W, data=data) < 0.0
    both = enhance.Linear(("esg", "esg"), lower=2.6)
    assert both.needs == ("esg", "esg")
    assert worst(both, W, data=data) == pytest.approx(0.1)


def test_the_frame_may_list_other_stocks_and_orders():
    more = pd.concat([pd.Series({"SZ000001": 9.0}), SCORE.iloc[::-1]])
    assert worst(enhance.Linear(more, upper=2.1), W) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda: enhance.Linear(SCORE, 3.0, 2.0, name="esg"),
            r"esg has lower 3\.0 above upper 2\.0 in row 'esg'",
        ),
        (lambda: enhance.Linear(SCORE), "linear has no finite bound"),
        (lambda: enhance.Linear(SCORE, upper=np.nan), "above upper nan"),
        (
            lambda: enhance.Linear(SCORE.to_frame("a"), upper=pd.Series({"b": 1.0})),
            "no bound for row 'a'",
        ),
    ],
)
def test_bounds_that_contradict_are_refused_at_construction(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_gaps_and_missing_stocks_are_refused_by_name():
    with pytest.raises(DataError, match=r"linear lacks or repeats.*1 stocks.*SH600003"):
        worst(enhance.Linear(SCORE.iloc[:3], upper=1.0), W)
    with pytest.raises(DataError, match=r"linear has gaps for 1 stocks.*SH600001"):
        worst(enhance.Linear(SCORE.where(SCORE != 2.0), upper=1.0), W)


def scored(seed=0):
    return pd.Series(np.random.default_rng(seed).standard_normal(60), index=names(60))


def test_a_row_is_kept_priced_diagnosed_and_relaxed():
    plain = case(constraints=without(STANDARD, "turnover"))
    free = float(scored() @ plain.solve().weights)
    row = enhance.Linear(scored(), upper=free - 0.11, limit=0.01, name="esg")
    c = replace(plain, constraints=(*plain.constraints, row))
    solution = c.solve()
    assert float(scored() @ solution.weights) == pytest.approx(free - 0.1, abs=1e-6)
    assert solution.shadow_prices["esg"] > 1e-5
    assert solution.shadow_prices["esg"] == pytest.approx(slope(c, row, step=1e-3), rel=1e-2)
    absurd = replace(c, constraints=(*STANDARD, enhance.Linear(scored(), upper=-9.0, name="esg")))
    with pytest.raises(enhance.InfeasibleError, match="esg 0 cannot hold: needs") as caught:
        absurd.solve()
    assert caught.value.diagnosis.conflict[-1] in {"esg", "long_only", "no_sell", "no_buy"}
    assert list(absurd.solve(relax=(enhance.Linear,)).relaxations) == ["esg"]


def test_rows_state_the_same_limit_as_the_named_classes():
    c = case(costs=(0.0, 0.0))
    X = c.risk.exposures[["size", "beta", "momentum", "value"]]
    rows = enhance.Linear(X, -0.1, 0.1, active=True, name="styles")
    others = without(STANDARD, "style_exposure")
    named = replace(c, constraints=(*others, enhance.StyleExposure(0.1))).solve()
    own = replace(c, constraints=(*others, rows)).solve()
    assert own.objective == pytest.approx(named.objective, rel=1e-6)
    assert own.vector == pytest.approx(named.vector, abs=1e-4)
    price = named.shadow_prices["style_exposure"]
    assert own.shadow_prices["styles"] == pytest.approx(price, rel=1e-3)
