"""Figures take an axis and give it back; importing the package needs no matplotlib."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import enhance
from tests.enhance.cases import STANDARD, case, swap

mpl.use("Agg")
from matplotlib import pyplot as plt

from enhance.plots import (
    plot_active_weights,
    plot_binding_limits,
    plot_explanation,
    plot_shadow_prices,
)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_active_weights_are_drawn_in_percent_largest_first(ax):
    solution = case().solve()
    assert plot_active_weights(solution, ax, count=10) is ax
    widths = sorted(bar.get_width() for bar in ax.patches)
    expected = solution.active[solution.active.abs().nlargest(10).index].sort_values()
    assert widths == pytest.approx(list(100 * expected))


def test_prices_of_one_solution_are_bars(ax):
    solution = case().solve()
    assert plot_shadow_prices(solution, ax) is ax
    assert len(ax.patches) == sum(abs(p) > 1e-8 for p in solution.shadow_prices.values())


def test_prices_of_a_log_are_lines_by_limit(ax):
    log = pd.DataFrame(
        {"price.turnover": [0.001, 0.002], "price.bounds": [0.0, 0.0], "names": [3, 4]},
        index=pd.to_datetime(["2020-01-03", "2020-01-10"]),
    )
    plot_shadow_prices(log, ax)
    assert [line.get_label() for line in ax.lines] == ["turnover"]
    assert np.asarray(ax.lines[0].get_ydata()) == pytest.approx([0.001, 0.002])


def test_a_log_without_prices_is_refused(ax):
    with pytest.raises(ValueError, match="no price"):
        plot_shadow_prices(pd.DataFrame({"names": [1]}), ax)


def test_binding_limits_are_drawn_by_what_a_tenth_of_them_is_worth(ax):
    solution = case().solve()
    assert plot_binding_limits(solution, ax) is ax
    widths = {
        label.get_text(): bar.get_width()
        for label, bar in zip(ax.get_yticklabels(), ax.patches, strict=True)
    }
    price = solution.shadow_prices["turnover"]
    assert widths["turnover"] == pytest.approx(1e4 * price * 0.02)
    assert "budget" not in widths
    assert "style exposure" not in widths  # it has room
    assert list(widths.values()) == sorted(widths.values())


def test_an_explanation_is_a_staircase_that_ends_at_the_active_weight(ax):
    solution = case(constraints=swap(STANDARD, enhance.TrackingError(0.02))).solve()
    stock = solution.bets(1).index[0]
    assert plot_explanation(solution.explain(stock), ax) is ax
    *steps, total = ax.patches
    ends = [bar.get_x() + bar.get_width() for bar in steps]
    starts = [bar.get_x() for bar in steps]
    assert starts[0] == pytest.approx(0.0)
    assert starts[1:] == pytest.approx(ends[:-1])
    assert total.get_width() == pytest.approx(100 * solution.active[stock], rel=1e-2)


def test_without_a_price_on_risk_the_staircase_is_of_pulls(ax):
    solution = case(constraints=swap(STANDARD, enhance.TrackingError(0.5))).solve()
    plot_explanation(solution.explain(solution.bets(1).index[0]), ax)
    assert ax.get_xlabel().startswith("pull, bp")


def test_importing_enhance_loads_neither_matplotlib_nor_torch():
    code = "import enhance, sys; print([m for m in ('matplotlib', 'torch') if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
