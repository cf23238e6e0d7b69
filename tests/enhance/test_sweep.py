"""One rebalance under many limits: each cell is its own solution, neighbours tell what a limit costs."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import enhance
from enhance.sweep import combinations, limited, sweep
from tests.enhance.cases import STANDARD, case, swap, without

mpl.use("Agg")
from matplotlib import pyplot as plt

from enhance.plots import plot_frontier


@pytest.fixture(scope="module")
def problem():
    return case(n=60, members=30).problem()


@pytest.fixture(scope="module")
def cells(problem):
    return sweep(
        problem, STANDARD, turnover=[0.05, 0.10, None], tracking_error=[0.02, 0.03], progress=True
    )


def test_each_row_is_the_solution_under_its_limits(problem, cells):
    assert cells["limit.turnover"].tolist()[:4] == [0.05, 0.05, 0.10, 0.10]
    assert cells["limit.turnover"].isna().sum() == 2
    assert cells["limit.tracking_error"].tolist() == [0.02, 0.03] * 3
    assert (cells["status"] == "optimal").all()
    own = swap(STANDARD, enhance.Turnover(0.10), enhance.TrackingError(0.02))
    alone = enhance.solve(problem, own, enhance.MaxAlpha())
    row = cells.iloc[2]
    for name in ("objective", "tracking_error", "turnover", "cost", "transfer_coefficient"):
        assert row[name] == pytest.approx(getattr(alone, name), rel=1e-4)
    price = alone.shadow_prices["tracking_error"]
    assert row["price.tracking_error"] == pytest.approx(price, rel=1e-4)
    assert row["names"] == (alone.vector > 0.0).sum()


def test_a_looser_limit_never_costs_and_a_removed_one_has_no_price(cells):
    table = cells["objective"].to_numpy().reshape(3, 2)  # turnover by tracking error
    assert (np.diff(table, axis=0) >= -1e-9).all()
    assert (np.diff(table, axis=1) >= -1e-9).all()
    removed = cells[cells["limit.turnover"].isna()]
    assert removed["price.turnover"].isna().all()
    assert (cells["price.turnover"].dropna() >= -1e-9).all()


def test_the_marginal_value_of_a_limit_is_the_slope_between_neighbours(problem):
    cells = sweep(problem, STANDARD, turnover=[0.0499, 0.05, 0.0501])
    slope = (cells["objective"][2] - cells["objective"][0]) / 0.0002
    assert cells["price.turnover"][1] == pytest.approx(slope, rel=0.02)


def test_an_infeasible_cell_is_a_row_with_the_nearest_limits_that_can_be_met(problem):
    constraints = (*STANDARD, enhance.Bounds(0.10))
    cells = sweep(problem, constraints, bounds=[0.001, 0.10], turnover=[0.20])
    assert cells["status"].tolist() == ["infeasible", "optimal"]
    assert np.isnan(cells["objective"][0])
    nearest = cells["nearest.bounds"][0]
    assert 0.01 < nearest < 0.10
    again = sweep(problem, constraints, bounds=[nearest])
    assert again["status"].tolist() == ["optimal"]
    assert "bounds" in cells["error"][0]
    assert cells["error"][1] == ""
    assert np.isnan(cells["nearest.bounds"][1])


def test_a_penalty_of_risk_can_be_swept_against_other_limits(problem):
    free = without(STANDARD, "tracking_error")
    cells = sweep(
        problem,
        free,
        enhance.MaxAlpha(risk_aversion=0.2),
        solver="osqp",
        active_weight=[0.01, 0.02],
    )
    assert (cells["tracking_error"].diff().dropna() > 0.0).all()


def test_wrong_grids_are_told_before_any_work(problem):
    for wrong, message in (
        ({}, "nothing to sweep"),
        ({"turnover": []}, "turnover has values"),
        ({"turnover": [0.1, 0.1]}, "each once"),
        ({"turnover": [-0.1]}, "turnover"),
        ({"bounds": [0.1]}, "no limit is called 'bounds'"),
    ):
        with pytest.raises(ValueError, match=message):
            sweep(problem, STANDARD, **wrong)


def test_the_last_limit_varies_fastest():
    assert combinations({"a": [1.0, 2.0], "b": [3.0, None]}) == [
        {"a": 1.0, "b": 3.0},
        {"a": 1.0, "b": None},
        {"a": 2.0, "b": 3.0},
        {"a": 2.0, "b": None},
    ]


def test_limits_that_are_not_swept_stay_the_same_objects():
    changed = limited(STANDARD, {"turnover": None, "tracking_error": 0.01})
    assert [c.name for c in changed] == [c.name for c in STANDARD if c.name != "turnover"]
    assert changed[0] is STANDARD[0]
    assert next(c.limit for c in changed if c.name == "tracking_error") == 0.01


def test_a_frontier_draws_a_line_a_limit_through_its_cells(cells):
    _, ax = plt.subplots()
    assert plot_frontier(cells, "limit.tracking_error", "objective", ["limit.turnover"], ax) is ax
    lines = ax.get_lines()
    assert [line.get_label() for line in lines] == [
        "turnover 0.05",
        "turnover 0.1",
        "turnover none",
    ]
    assert lines[0].get_ydata().tolist() == cells["objective"].tolist()[:2]
    plt.close("all")


def test_a_frontier_leaves_failed_cells_out_and_names_a_column_that_is_missing():
    cells = pd.DataFrame({"tracking_error": [0.03, 0.02, 0.04], "objective": [2.0, 1.0, np.nan]})
    _, ax = plt.subplots()
    plot_frontier(cells, y="objective", ax=ax, percent=False)
    assert ax.get_lines()[0].get_xdata().tolist() == [0.02, 0.03]
    with pytest.raises(ValueError, match="'sharpe'"):
        plot_frontier(cells, y="sharpe", ax=ax)
    plt.close("all")
