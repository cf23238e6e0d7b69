"""The policies that ship with the engine."""

import numpy as np
import pandas as pd
import pytest

from backtest import BenchmarkPolicy, FixedWeights, TopN
from market import Costs, Snapshot
from tests.backtest.worlds import random_world


@pytest.fixture
def snapshot():
    m = random_world(2, days=10, stocks=5, quiet=True)
    flags = pd.Series([True, True, False, False, True], index=m.stocks)
    held = pd.Series({m.stocks[3]: 0.4})
    date = m.dates[6]
    return Snapshot(date, m.until(date), held, 0.6, 1e6, flags, flags, Costs.cn())


def test_fixed_weights_answer_the_row_of_the_date(snapshot):
    frame = pd.DataFrame(
        np.eye(10, 5),
        index=random_world(2, days=10, stocks=5).dates,
        columns=snapshot.market.stocks,
    )
    answer = FixedWeights(frame)(snapshot)
    assert answer.equals(frame.loc[snapshot.date])


def test_the_benchmark_policy_holds_the_weights_of_the_date(snapshot):
    answer = BenchmarkPolicy("half")(snapshot)
    assert answer.sum() == pytest.approx(1.0)
    assert answer.equals(snapshot.market.index("half").weights_on(snapshot.date))


def test_top_n_takes_the_best_that_can_be_bought_or_are_held(snapshot):
    a, b, c, d, e = snapshot.market.stocks
    scores = pd.DataFrame([[1.0, 2.0, 9.0, 5.0, np.nan]], [snapshot.date], [a, b, c, d, e])
    assert TopN(scores, 2)(snapshot).to_dict() == {d: 0.5, b: 0.5}  # c: closed to buyers


def test_top_n_leaves_cash_when_too_few_are_eligible(snapshot):
    a, b = snapshot.market.stocks[:2]
    scores = pd.DataFrame([[1.0, 2.0]], [snapshot.date], [a, b])
    assert TopN(scores, 4)(snapshot).sum() == pytest.approx(0.5)


def test_top_n_ranks_equal_scores_by_their_columns(snapshot):
    a, b, e = snapshot.market.stocks[[0, 1, 4]]
    scores = pd.DataFrame([[1.0, 1.0, 1.0]], [snapshot.date], [e, a, b])
    assert TopN(scores, 2)(snapshot).index.tolist() == [e, a]
