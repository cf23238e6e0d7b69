"""Results side by side."""

import numpy as np
import pandas as pd
import pytest

from backtest import (
    BenchmarkPolicy,
    TopN,
    compare,
    compare_years,
    run,
    sweep,
    sweep_table,
    sweep_years,
)
from tests.backtest.worlds import random_world


@pytest.fixture(scope="module")
def world():
    return random_world(5, days=400)


@pytest.fixture(scope="module")
def scores(world):
    return world.field("adj_close").astype(float).pct_change(fill_method=None).fillna(0.0)


@pytest.fixture(scope="module")
def results(world, scores):
    policies = {"one": TopN(scores, 1), "three": TopN(scores, 3)}
    return {name: run(world, policy, benchmark="half") for name, policy in policies.items()}


class Limited:
    def __init__(self, scores):
        self.scores = scores

    def __call__(self, n, lag):
        if lag == 9:
            raise RuntimeError("out of memory")
        return TopN(self.scores.shift(0 if lag is None else int(lag)).fillna(0.0), int(n))


@pytest.fixture(scope="module")
def cells(world, scores, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    grid = {"n": [1, 2], "lag": [1, None, 9]}
    return sweep(world, Limited(scores), benchmark="half", workers=1, folder=folder, **grid)


def test_a_row_is_the_summary_in_the_order_of_the_reports(results):
    table = compare(results)
    assert table.index.tolist() == ["one", "three"]
    assert table.columns.tolist() == [
        "annual_excess", "tracking_error", "weekly_win_rate", "excess_drawdown",
        "information_ratio", "turnover", "annual_cost",
    ]  # fmt: skip
    for name, result in results.items():
        assert table.loc[name].tolist() == [result.summary()[k] for k in table.columns]
    assert (table.dtypes == np.float64).all()
    assert compare(results, ["sessions"])["sessions"].tolist() == [len(results["one"].nav) - 1] * 2


def test_years_side_by_side_compound_to_the_whole(results):
    table = compare_years(results)
    for name, result in results.items():
        assert table[name].drop("all").tolist() == result.yearly()["excess"].tolist()
        assert table.at["all", name] == pytest.approx(result.excess["geometric"].iloc[-1] - 1.0)
    assert "all" not in compare_years(results, "tracking_error").index


def test_what_does_not_compare_is_refused(world, results):
    policy = BenchmarkPolicy("half")
    late = run(world, policy, start=world.dates[50])
    with pytest.raises(ValueError, match=r"late has first session .* one has"):
        compare({**results, "late": late})
    with pytest.raises(ValueError, match="short has last session"):
        compare({**results, "short": run(world, policy, end=world.dates[200])})
    bare = run(world, lambda s: pd.Series(dtype=float))
    with pytest.raises(ValueError, match="bare has benchmark None, one has half"):
        compare_years({**results, "bare": bare})
    with pytest.raises(ValueError, match="nothing to compare"):
        compare({})
    with pytest.raises(ValueError, match="has no 'sharpe'"):
        compare(results, ["sharpe"])
    with pytest.raises(ValueError, match="no 'sharpe' by year"):
        compare_years(results, "sharpe")


def test_the_cells_of_a_sweep_as_the_reports_print_them(cells):
    table = sweep_table(cells, across="n")
    assert table.index.tolist() == ["1", "none", "9"]
    assert table.columns.tolist() == ["1", "2"]
    assert table.loc["9"].tolist() == ["failed", "failed"]
    row = cells[(cells["limit.n"] == 2) & cells["limit.lag"].isna()].iloc[0]
    measures = ["annual_excess", "tracking_error", "weekly_win_rate", "excess_drawdown"]
    assert table.at["none", "2"] == "/".join(f"{100 * row[m]:.2f}" for m in measures)
    assert (
        sweep_table(cells, "lag", ["turnover"], 0).at["1", "none"]
        == f"{100 * cells['turnover'][1]:.0f}"
    )


def test_the_years_of_every_cell(world, scores, cells):
    table = sweep_years(cells, across="n")
    assert table.columns.tolist() == [("1", "1"), ("none", "1"), ("1", "2"), ("none", "2")]
    assert table.columns.names == ["lag", "n"]
    own = run(world, TopN(scores, 2), benchmark="half").yearly()["excess"]
    assert table["none", "2"].drop("all").tolist() == pytest.approx(own.tolist())


def test_one_limit_alone_makes_one_row(world, scores):
    one = sweep(world, Limited(scores), benchmark="half", workers=1, n=[1, 2], lag=[1])
    assert sweep_table(one.drop(columns="limit.lag"), "n").shape == (1, 2)
    with pytest.raises(ValueError, match="no saved results"):
        sweep_years(one, "n")
    with pytest.raises(ValueError, match="did not vary 'turnover'; it varied n, lag"):
        sweep_table(one, "turnover")
