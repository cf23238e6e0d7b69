"""Figures of a result and of a sweep: axes in, axes out, nothing shown."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from backtest import metrics
from backtest.result import Result

_PORTFOLIO, _BENCHMARK, _EXCESS, _FALL = "#1f4e79", "#8c8c8c", "#b03a2e", "#d9a6a0"
_BAR_WIDTH = 0.8  # of the distance between two rebalances


def plot_nav(result: Result, ax: Axes | None = None) -> Axes:
    """Draw net asset value and benchmark, both from 1, on a logarithmic axis."""
    ax = _axes(ax)
    ax.plot(_days(result.nav), result.nav, color=_PORTFOLIO, label="portfolio")
    if result.benchmark is not None:
        name = str(result.config["benchmark"])
        ax.plot(_days(result.benchmark), result.benchmark, color=_BENCHMARK, label=name)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:.1f}")
    ax.yaxis.set_minor_formatter("{x:.1f}")
    ax.set_ylabel("net asset value")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False)
    return _dated(ax)


def plot_excess(result: Result, ax: Axes | None = None) -> Axes:
    """Draw the excess level (NAV over benchmark), its drawdown shaded on the right axis."""
    ax = _axes(ax)
    level = result.excess["geometric"]
    below = metrics.drawdowns(level)
    right = ax.twinx()
    right.fill_between(_days(below), below, 0.0, color=_FALL, alpha=0.6, linewidth=0.0)
    right.set_ylim(3.0 * min(float(below.min()), -0.01), 0.0)  # the fall keeps to the upper third
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    right.set_ylabel("excess drawdown")
    ax.set_zorder(right.get_zorder() + 1)  # the line above the shade
    ax.patch.set_visible(False)
    ax.plot(_days(level), level, color=_EXCESS)
    ax.axhline(1.0, color="black", linewidth=0.6)
    ax.set_ylabel("NAV / benchmark")
    return _dated(ax)


def plot_turnover_costs(result: Result, ax: Axes | None = None) -> Axes:
    """Draw one-way turnover a rebalance as bars and the running sum of charges on the right axis."""
    ax = _axes(ax)
    bars = result.turnover
    days = _days(bars)
    gap = float(np.median(np.diff(days)) / np.timedelta64(1, "D")) if len(days) > 1 else 1.0
    ax.bar(days, bars, width=_BAR_WIDTH * gap, color=_BENCHMARK, linewidth=0.0)
    usual = float(bars.iloc[1:].max()) if len(bars) > 1 else float(bars.max())
    ax.set_ylim(0.0, 1.25 * max(usual, 0.01))  # the first bar builds the portfolio and may be cut
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel("one-way turnover")
    right = ax.twinx()
    paid = result.cost_rate().cumsum()
    right.plot(_days(paid), paid, color=_EXCESS)
    right.set_ylim(bottom=0.0)
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    right.set_ylabel("charges so far, of NAV", color=_EXCESS)
    return _dated(ax)


def plot_result(result: Result) -> Figure:
    """Draw net asset value, excess, turnover and costs below each other."""
    panels: list[Any] = [plot_nav, plot_excess, plot_turnover_costs]
    if result.benchmark is None:
        panels.remove(plot_excess)
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(9.0, 2.9 * len(panels)), sharex=True, layout="constrained"
    )
    for panel, ax in zip(panels, axes, strict=True):
        panel(result, ax)
    return figure


def plot_heat_map(
    cells: pd.DataFrame,
    measure: str = "annual_excess",
    rows: str = "limit.constituent_share",
    columns: str = "limit.turnover",
    ax: Axes | None = None,
    *,
    percent: bool = True,
) -> Axes:
    """Draw a measure over two limits of a sweep, its number in each cell; failed cells stay empty.

    Parameters
    ----------
    cells
        Of ``sweep``, or any frame of one row a cell. Where more than two limits were swept, pass the
        rows of one value of the others.
    measure
        The column to draw.
    rows, columns
        The limits on the two axes, in the order in which they were swept.
    ax
        Where to draw.
    percent
        Write the numbers in percent; for ratios and counts say False.

    Raises
    ------
    ValueError
        A column that the frame lacks, or two cells at one place.
    """
    grid, down, across = _grid(cells, measure, rows, columns)
    ax = ax if ax is not None else plt.subplots(layout="constrained")[1]
    image = ax.imshow(grid, cmap="Blues", aspect="auto")
    low, high = image.get_clim()
    image.set_clim(low, high + 0.8 * (high - low))  # pale enough for black numbers everywhere
    for (i, j), value in np.ndenumerate(grid):
        text = "failed" if np.isnan(value) else f"{value:.2%}" if percent else f"{value:.2f}"
        ax.text(j, i, text, ha="center", va="center")
    ax.set_xticks(range(len(across)), across)
    ax.set_yticks(range(len(down)), down)
    ax.set_xlabel(_words(columns))
    ax.set_ylabel(_words(rows))
    ax.set_title(_words(measure))
    return ax


def _grid(
    cells: pd.DataFrame, measure: str, rows: str, columns: str
) -> tuple[np.ndarray, list[str], list[str]]:
    """Return a measure by the values of two limits, and those values in words."""
    missing = [name for name in (measure, rows, columns) if name not in cells.columns]
    if missing:
        raise ValueError(
            f"the sweep has no column {missing[0]!r}; it has {', '.join(cells.columns)}"
        )
    if cells.duplicated([rows, columns]).any():
        raise ValueError(
            f"several cells share a value of {rows} and {columns}; pass the rows of one value of the "
            "other limits"
        )
    (down, y), (across, x) = (
        pd.factorize(cells[name], use_na_sentinel=False) for name in (rows, columns)
    )
    grid = np.full((len(y), len(x)), np.nan)
    grid[down, across] = cells[measure]
    return grid, [_limit(v) for v in y], [_limit(v) for v in x]


def _limit(value: float) -> str:
    return "none" if pd.isna(value) else f"{value:g}"


def _words(column: str) -> str:
    kind, _, name = column.rpartition(".")
    return f"{name.replace('_', ' ')}{' limit' if kind == 'limit' else ''}"


def _axes(ax: Axes | None) -> Axes:
    return ax if ax is not None else plt.subplots(figsize=(9.0, 3.2), layout="constrained")[1]


def _days(series: pd.Series) -> np.ndarray:
    return series.index.to_numpy()


def _dated(ax: Axes) -> Axes:
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    for shared in ax.figure.axes:  # a right axis draws its own frame
        shared.spines["top"].set_visible(False)
    ax.grid(axis="y", linewidth=0.4, alpha=0.5)
    ax.margins(x=0.01)
    return ax
