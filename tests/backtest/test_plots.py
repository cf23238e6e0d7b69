"""Figures show the numbers of the result, on the axes they are given."""

import matplotlib as mpl
import numpy as np
import pytest

from backtest import BenchmarkPolicy, metrics, run
from market import Target
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


@pytest.fixture(scope="module")
def logged():
    """A run of half a year whose policy logs what an index enhancer logs."""
    policy = BenchmarkPolicy("half")

    def logging(snapshot):
        size = 0.01 * len(snapshot.market.dates)
        log = {"tracking_error": 0.02, "active.size": size, "active.银行": -0.5 * size}
        return Target(policy(snapshot), log)

    return run(random_world(7, days=130), logging, benchmark="half")


def test_tracking_error_is_drawn_as_realised_and_as_predicted(logged):
    realised, predicted = plots.plot_tracking(logged).get_lines()
    own = metrics.volatility(logged.active.iloc[-63:])
    assert realised.get_ydata()[-1] == pytest.approx(own)
    assert set(predicted.get_ydata()) == {0.02}


def test_exposures_are_drawn_largest_first_and_refused_without_a_log(result, logged):
    ax = plots.plot_exposures(logged, count=1)
    assert [line.get_label() for line in ax.get_lines()][:1] == ["size"]
    assert np.array_equal(ax.get_lines()[0].get_ydata(), logged.exposures["size"])
    with pytest.raises(ValueError, match="logs no active exposures"):
        plots.plot_exposures(result)


def test_the_months_are_those_of_the_result(logged):
    ax = plots.plot_months(logged, language="zh")
    drawn = np.asarray(ax.get_images()[0].get_array().filled(np.nan))
    np.testing.assert_array_equal(drawn, logged.monthly().drop(columns="year"))
    shown = {text.get_text() for text in ax.texts}
    assert shown == {f"{v:.1%}" for v in drawn.ravel() if np.isfinite(v)}
    assert ax.get_xticklabels()[11].get_text() == "12月"


def test_the_figure_of_a_result_has_a_panel_for_each_thing_it_knows(result, logged):
    assert len(logged.plot().axes) == 8  # six panels, two of them with a right axis
    assert len(result.plot().axes) == 6  # too short for a rolling risk, and nothing logged
    alone = run(random_world(7, days=60), lambda s: result.targets.loc[s.date])
    assert len(alone.plot().axes) == 4
    width, height = logged.plot().get_size_inches()
    assert (round(25.4 * width), round(25.4 * height)) == (210, 297)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_written_without_a_missing_character(logged, tmp_path, language):
    try:
        figure = plots.plot_result(logged, language)
    except ValueError as missing:
        pytest.skip(str(missing))
    figure.savefig(tmp_path / "page.png", dpi=50)  # a character without a glyph warns
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_chinese_without_a_font_names_those_that_would_do(logged, monkeypatch):
    monkeypatch.setattr(plots, "CHINESE_FONTS", ("No Such Font",))
    with pytest.raises(ValueError, match="install one of No Such Font, or plot with"):
        plots.plot_result(logged, "zh")
    with pytest.raises(ValueError, match="language 'fr' is unknown"):
        plots.plot_result(logged, "fr")
