"""Figures draw the numbers they are given, on the axes they are given."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from risk.plots import plot_factor_returns, plot_r2

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
