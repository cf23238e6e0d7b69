"""Figures show the numbers they are given: read back from the axes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from alpha import evaluate, plots

DATES = pd.bdate_range("2020-01-01", periods=60)


@pytest.fixture
def ax():
    return Figure().add_subplot()


def frame(columns, rows=DATES, seed=0):
    values = 0.01 * np.random.default_rng(seed).normal(size=(len(rows), len(columns)))
    return pd.DataFrame(values, rows, columns)


def heights(axis):
    return [bar.get_height() for bar in axis.patches]


def test_cumulative_rank_ic_skips_missing_dates(ax):
    series = frame(["a"])["a"]
    series.iloc[::7] = np.nan
    assert plots.plot_rank_ic(series, ax) is ax
    np.testing.assert_allclose(ax.lines[0].get_ydata(), series.dropna().cumsum())
    assert ax.get_legend().get_texts()[0].get_text() == f"a, mean {series.mean():.4f}"


def test_groups_are_bars_in_percent_side_by_side(ax):
    table = frame(["one", "two"], range(1, 6))
    plots.plot_groups(table, ax)
    np.testing.assert_allclose(heights(ax), 100 * table.to_numpy().T.ravel())
    left = [bar.get_x() for bar in ax.patches]
    assert left[5] == pytest.approx(left[0] + ax.patches[0].get_width())
    assert "%" in ax.get_ylabel()


@pytest.mark.parametrize("mode", ["compound", "sum"])
def test_paths_of_groups_end_at_their_totals(ax, mode):
    returns = frame([1, 2, 3])
    plots.plot_group_paths(returns, ax, mode)
    ends = [line.get_ydata()[-1] for line in ax.lines[:3]]
    np.testing.assert_allclose(ends, 100 * evaluate.cumulative(returns, mode).iloc[-1])
    assert len({line.get_color() for line in ax.lines[:3]}) == 3


def test_long_short_of_models_is_added_up(ax):
    returns = frame(["a", "b"])
    plots.plot_long_short(returns, ax)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 100 * returns["b"].cumsum())
    assert "added up" in ax.get_title()


def test_years_and_universes_are_bars(ax):
    table = frame(["a"], ["2019", "2020"])
    plots.plot_bars(table, "year", ax, "Excess", percent=True)
    np.testing.assert_allclose(heights(ax), 100 * table["a"])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2019", "2020"]
    other = plots.plot_bars(table, "universe", Figure().add_subplot())
    np.testing.assert_allclose(heights(other), table["a"])


def test_months_show_every_cell_and_leave_missing_ones_empty(ax):
    table = evaluate.by_month(frame(["a"], pd.bdate_range("2020-03-02", "2021-02-26"))["a"])
    plots.plot_months(table, ax, "a")
    said = [text.get_text() for text in ax.texts]
    assert len(said) == 12
    assert "-0.00" not in said
    assert ax.images[0].get_array().shape == (2, 12)
    low, high = ax.images[0].get_clim()
    assert low == -high


def test_decay_marks_each_horizon_from_zero(ax):
    table = pd.DataFrame({"a": [0.05, 0.08]}, index=[1, 10])
    plots.plot_decay(table, ax)
    assert ax.get_xticks().tolist() == [1, 10]
    assert ax.get_ylim()[0] == 0.0
    plots.plot_decay(-table, ax)
    assert ax.get_ylim()[0] == -0.08


def test_correlations_are_written_into_their_cells(ax):
    matrix = pd.DataFrame([[1.0, 0.31], [0.31, 1.0]], ["a", "b"], ["a", "b"])
    plots.plot_correlation(matrix, ax)
    assert [text.get_text() for text in ax.texts] == ["1.00", "0.31", "0.31", "1.00"]


def test_without_an_axis_a_figure_of_its_own_is_made():
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    axis = plots.plot_groups(pd.Series([0.1, -0.1], [1, 2]))
    assert axis.figure in [plt.figure(k) for k in plt.get_fignums()]
    assert axis.get_legend() is None
    plt.close("all")
    assert plots.png(plots.canvas()).startswith(b"\x89PNG")
    assert plt.get_fignums() == []
