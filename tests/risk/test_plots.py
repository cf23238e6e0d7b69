"""Figures draw the numbers they are given, on the axes they are given."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from risk.plots import (
    plot_decile_bias,
    plot_eigen_bias,
    plot_factor_returns,
    plot_r2,
    plot_rolling_bias,
)

DATES = pd.date_range("2020-01-01", periods=5, name="date")


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_factor_returns_accumulate_in_percent_over_gaps(ax):
    frame = pd.DataFrame({"size": [0.01, np.nan, 0.02, 0.0, -0.01], "beta": 0.0}, DATES)
    assert plot_factor_returns(frame, ["size"], ax) is ax
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.0, 1.0, 3.0, 3.0, 2.0])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["size"]


def test_r2_shows_days_and_their_mean(ax):
    assert plot_r2(pd.Series([0.1, 0.3, 0.2, 0.4, 0.6], DATES), window=2, ax=ax) is ax
    np.testing.assert_allclose(ax.lines[1].get_ydata()[1:], [0.2, 0.25, 0.3, 0.5])


def test_axes_are_made_when_none_are_given():
    ax = plot_r2(pd.Series([0.1, 0.2], DATES[:2]), window=1)
    assert len(ax.lines) == 2
    plt.close(ax.figure)


def test_r2_of_several_models_shows_their_means_only(ax):
    frame = pd.DataFrame({"a": [0.1, 0.3, 0.2, 0.4, 0.6], "b": 0.5}, DATES)
    plot_r2(frame, window=2, ax=ax)
    np.testing.assert_allclose(ax.lines[0].get_ydata()[1:], [0.2, 0.25, 0.3, 0.5])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]


def test_eigen_bias_has_a_line_a_model_by_rank_and_the_band_of_its_outcomes(ax):
    frame = pd.DataFrame({"before": [1.4, 1.1, 0.9], "after": [1.0, 1.0, 1.0]})
    assert plot_eigen_bias(frame, 200, ax) is ax
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 1.0)
    assert ax.patches[0].get_y() == pytest.approx(0.9)
    assert ax.patches[0].get_height() == pytest.approx(0.2)
    plot_eigen_bias(frame["before"], ax=ax)


def test_rolling_bias_shows_the_mean_and_the_range_from_the_first_whole_window(ax):
    rolling = pd.DataFrame({"p": [np.nan, 1.2, 1.0], "q": [np.nan, 0.8, 1.4]}, DATES[:3])
    assert plot_rolling_bias(rolling, ax) is ax
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.0, 1.2])
    assert len(ax.collections) == 1


def test_decile_bars_stand_on_one(ax):
    frame = pd.DataFrame({"forecast": np.linspace(0.9, 1.1, 10), "size": 1.05}, range(1, 11))
    assert plot_decile_bias(frame, ax) is ax
    tops = [bar.get_y() + bar.get_height() for bar in ax.patches[:10]]
    np.testing.assert_allclose(tops, frame["forecast"])
    assert len(ax.patches) == 20
