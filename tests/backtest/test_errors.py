"""Bad input stops a run, and the message says what, where and how much."""

import numpy as np
import pandas as pd
import pytest

from backtest import BenchmarkPolicy, FixedWeights, TopkDropout, TopN, run
from market import Costs, DataError
from tests.backtest.worlds import NAN, one_price, random_world

A, B = "SH600000", "SH600001"


@pytest.fixture(scope="module")
def m():
    return one_price({A: [10.0] * 8, B: [5.0] * 8, "SH600002": [NAN] * 4 + [3.0] * 4})


def answer(weights):
    return lambda snapshot: pd.Series(weights)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({A: 0.6, B: 0.5}, "2021-03-05.*sum to 1.10000000.*SH600000"),
        ({A: 0.6, B: NAN}, "2021-03-05.*missing.*SH600001 with nan"),
        ({A: 0.6, B: -0.1}, "2021-03-05.*negative.*SH600001 with -0.1"),
        ({A: 0.6, "SH999999": 0.1}, "2021-03-05.*not in the market.*SH999999"),
    ],
)
def test_wrong_weights_name_the_stock_and_the_date(m, weights, words):
    with pytest.raises(DataError, match=words):
        run(m, answer(weights))


def test_a_stock_weighted_twice_is_named(m):
    twice = pd.Series([0.2, 0.2], index=[A, A])
    with pytest.raises(DataError, match=r"two target weights.*SH600000"):
        run(m, lambda s: twice)


def test_a_weight_on_a_stock_before_its_listing_is_named():
    m = one_price({A: [10.0] * 8, B: [NAN] * 7 + [3.0]})
    with pytest.raises(DataError, match=r"no price.*2021-03-05.*SH600001"):
        run(m, answer({B: 0.5}))


def test_an_answer_that_is_no_series_says_what_would_work(m):
    with pytest.raises(TypeError, match="returned dict on 2021-03-05; return a Series"):
        run(m, lambda s: {A: 1.0})


def test_rounding_of_a_solver_passes_and_a_short_position_does_not(m):
    result = run(m, answer({A: 1.0 + 5e-7, B: -1e-12}), costs=Costs.free())
    assert result.targets.columns.tolist() == [A]


def test_an_unknown_benchmark_lists_those_that_exist():
    m = random_world(0)
    with pytest.raises(DataError, match=r"csi300.*\['half'\]"):
        run(m, answer({A: 1.0}), benchmark="csi300")
    with pytest.raises(DataError, match="csi500"):
        run(m, BenchmarkPolicy("csi500"))


@pytest.mark.parametrize(("start", "end"), [("2020-01-01", None), (None, "2030-01-01")])
def test_dates_outside_the_data_name_its_span(m, start, end):
    with pytest.raises(DataError, match="8 sessions from 2021-03-01 to 2021-03-10"):
        run(m, answer({A: 1.0}), start, end)


def test_a_span_without_sessions_and_one_without_a_rebalance_are_refused(m):
    with pytest.raises(DataError, match="no session from 2021-03-06 to 2021-03-07"):
        run(m, answer({A: 1.0}), "2021-03-06", "2021-03-07")
    with pytest.raises(DataError, match="no session"):
        run(m, answer({A: 1.0}), "2021-03-09", "2021-03-02")
    with pytest.raises(DataError, match="no rebalance date that a session follows"):
        run(m, answer({A: 1.0}), "2021-03-08", "2021-03-10")


def test_an_empty_schedule_is_refused(m):
    with pytest.raises(DataError, match="no rebalance date"):
        run(m, answer({A: 1.0}), schedule=[])


def test_a_schedule_outside_the_span_is_refused(m):
    with pytest.raises(DataError, match="2021-03-01"):
        run(m, answer({A: 1.0}), start="2021-03-02", schedule=["2021-03-01", "2021-03-04"])


def test_money_and_haircut_must_make_sense(m):
    with pytest.raises(ValueError, match="capital is 0"):
        run(m, answer({A: 1.0}), capital=0)
    with pytest.raises(ValueError, match=r"delisting_haircut is 1\.5"):
        run(m, answer({A: 1.0}), delisting_haircut=1.5)


def test_an_unknown_deal_price_is_refused(m):
    with pytest.raises(DataError, match="'twap'"):
        run(m, answer({A: 1.0}), deal="twap")


def test_a_benchmark_without_returns_on_a_session_names_it():
    levels = pd.DataFrame({"half": [NAN] * 10 + [100.0] * 30})
    world = random_world(0)
    levels.index = world.dates
    with pytest.raises(DataError, match=f"half has no return.*{world.dates[5]:%Y-%m-%d}"):
        run(world.with_levels(levels), answer({A: 0.0}), benchmark="half")


def test_a_held_stock_without_a_factor_is_named():
    factor = np.array([[1.0], [1.0], [1.0], [NAN]], dtype=np.float32)
    m = one_price({A: [10.0] * 4}, factor=factor)
    with pytest.raises(DataError, match="close or factor on 2021-03-04, first SH600000"):
        run(m, answer({A: 1.0}), schedule="daily")


def test_fixed_weights_and_scores_name_a_date_that_they_lack(m):
    targets = pd.DataFrame({A: [1.0]}, index=m.dates[:1])
    with pytest.raises(
        DataError, match=r"0 rows of targets on 2021-03-05.*schedule=targets\.index"
    ):
        run(m, FixedWeights(targets))
    with pytest.raises(DataError, match="0 rows of scores on 2021-03-05"):
        run(m, TopN(targets, n=1))
    with pytest.raises(ValueError, match="n is 0"):
        TopN(targets, n=0)


SCORES = pd.DataFrame({A: [1.0] * 8, B: [2.0] * 8}, pd.bdate_range("2021-03-01", periods=8))
TABLES = [
    (
        SCORES.set_axis(SCORES.index.strftime("%Y-%m-%d")),
        "rows of .* are no dates, first '2021-03-01'",
    ),
    (SCORES.stack(), "Series with an index of 2 levels; unstack"),
    (SCORES.stack().to_frame(), "DataFrame with an index of 2 levels; unstack"),
    (SCORES.iloc[:0], "are empty: 0 dates x 2 stocks"),
    (SCORES.iloc[:, :0], "are empty: 8 dates x 0 stocks"),
]


@pytest.mark.parametrize(("table", "words"), TABLES)
@pytest.mark.parametrize(
    "policy", [lambda t: TopN(t, 1), lambda t: TopkDropout(t, 1, 1), FixedWeights]
)
def test_a_table_that_is_not_dates_by_stocks_says_so(m, table, words, policy):
    with pytest.raises(DataError, match=words):
        run(m, policy(table))


def test_text_in_a_table_or_an_answer_names_the_date_and_the_stock(m):
    table = SCORES.astype(object)
    table.loc["2021-03-05", B] = "0.5"
    words = "2021-03-05 are not all numbers, first SH600001 with '0.5'"
    for policy in (TopN(table, 1), TopkDropout(table, 1, 1), FixedWeights(table * 1)):
        with pytest.raises(DataError, match=words):
            run(m, policy)
    with pytest.raises(DataError, match=r"target weights on 2021-03-05.*SH600000 with 'half'"):
        run(m, answer({A: "half"}))


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (SCORES, "policy is DataFrame; give a callable"),
        ("half", "policy is str"),
        ([TopN(SCORES, 1)], "policy is list.*mapping by name"),
        (BenchmarkPolicy, "policy is the class BenchmarkPolicy"),
        ({"one": None}, "policy 'one' is NoneType"),
    ],
)
def test_what_cannot_be_asked_is_no_policy(m, policy, words):
    with pytest.raises(TypeError, match=words):
        run(m, policy)


def test_no_policy_at_all_is_refused(m):
    with pytest.raises(ValueError, match="no policy to run"):
        run(m, {})


def test_top_n_wants_a_whole_number_stocks_of_the_market_and_a_score_on_each_date(m):
    with pytest.raises(ValueError, match=r"n is 20\.5; give a whole number"):
        TopN(SCORES, 20.5)
    with pytest.raises(DataError, match="1 stocks with scores are not in the market, first 600000"):
        run(m, TopN(SCORES.rename(columns={A: "600000.SH"}), 1))
    with pytest.raises(DataError, match="no stock has a score on 2021-03-05"):
        run(m, TopN(SCORES.loc[:"2021-03-04"].reindex(SCORES.index), 1), schedule="daily")


def test_a_step_of_numpy_is_a_step_and_an_explicit_last_session_leaves_a_note(m):
    step = run(m, TopN(SCORES, 1), schedule=np.int64(3))
    assert (step.config["schedule"], type(step.config["schedule"])) == (3, int)
    assert step.notes == run(m, TopN(SCORES, 1)).notes
    dates = iter(["2021-03-03", "2021-03-10"])  # read once
    noted = run(m, TopN(SCORES, 1), schedule=dates)
    assert noted.targets.index.tolist() == [pd.Timestamp("2021-03-03")]
    assert noted.notes[-1].startswith("nothing was decided on 2021-03-10")
