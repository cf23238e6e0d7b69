"""Figures show the numbers of the result, on the axes they are given."""

import matplotlib as mpl
import numpy as np
import pytest

from backtest import BenchmarkPolicy, metrics, run
from tests.backtest.worlds import random_world

mpl.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")
plots = pytest.importorskip("backtest.plots")


@pytest.fixture(scope="module")
def result():
    return run(random_world(7, days=60), BenchmarkPolicy("half"))


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", ["plot_nav", "plot_excess", "plot_turnover_costs"])
def test_a_plot_draws_on_the_axes_it_is_given_and_returns_them(result, name):
    _, ax = plt.subplots()
    assert getattr(plots, name)(result, ax) is ax
    assert getattr(plots, name)(result) is not ax


def test_the_lines_are_the_series(result):
    lines = plots.plot_nav(result).get_lines()
    assert np.array_equal(lines[0].get_ydata(), result.nav)
    assert np.array_equal(lines[1].get_ydata(), result.benchmark)
    line = plots.plot_excess(result).get_lines()[0]
    assert np.array_equal(line.get_ydata(), result.excess["geometric"])


def test_the_shade_reaches_down_to_the_deepest_drawdown(result):
    ax = plots.plot_excess(result)
    right = next(a for a in ax.figure.axes if a is not ax)
    drawn = right.collections[0].get_paths()[0].vertices[:, 1].min()
    deepest = metrics.max_drawdown(result.excess["geometric"]).depth
    assert drawn == pytest.approx(deepest)


def test_the_bars_are_the_turnover(result):
    ax = plots.plot_turnover_costs(result)
    assert [bar.get_height() for bar in ax.patches] == result.turnover.tolist()


def test_the_figure_of_a_result_has_a_panel_a_topic(result):
    assert len(result.plot().axes) == 5  # three panels, two of them with a right axis
    alone = run(random_world(7, days=60), lambda s: result.targets.loc[s.date])
    assert len(alone.plot().axes) == 3
