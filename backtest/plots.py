"""Figures of a result and of a sweep: axes in, axes out, nothing shown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter

from backtest import metrics
from backtest.labels import Labels
from backtest.report_tables import QUARTER, by_size, realised_tracking_error
from backtest.result import PREDICTED, Result

_PORTFOLIO, _BENCHMARK, _EXCESS, _FALL = "#1f4e79", "#8c8c8c", "#b03a2e", "#d9a6a0"
_A4 = (8.27, 11.69)  # inches
CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC",
    "SimHei", "WenQuanYi Zen Hei",
)  # fmt: skip
_BAR_WIDTH = 0.8  # of the distance between two rebalances


def plot_nav(result: Result, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw net asset value and benchmark, both from 1, on a logarithmic axis."""
    ax, words = _axes(ax), Labels(language)
    ax.plot(_days(result.nav), result.nav, color=_PORTFOLIO, label=words("portfolio"))
    if result.benchmark is not None:
        name = str(result.config["benchmark"])
        ax.plot(_days(result.benchmark), result.benchmark, color=_BENCHMARK, label=name)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(MaxNLocator(6))  # powers of ten are too far apart
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylabel(words("nav_figure"))
    return _dated(_legend(ax))


def plot_excess(result: Result, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw the excess level (NAV over benchmark), its drawdown shaded on the right axis."""
    ax, words = _axes(ax), Labels(language)
    level = result.excess["geometric"]
    below = metrics.drawdowns(level)
    right = ax.twinx()
    right.fill_between(_days(below), below, 0.0, color=_FALL, alpha=0.6, linewidth=0.0)
    right.set_ylim(3.0 * min(float(below.min()), -0.01), 0.0)  # the fall keeps to the upper third
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    right.set_ylabel(words("excess_drawdown_axis"))
    ax.set_zorder(right.get_zorder() + 1)  # the line above the shade
    ax.patch.set_visible(False)
    ax.plot(_days(level), level, color=_EXCESS)
    ax.axhline(1.0, color="black", linewidth=0.6)
    ax.set_ylabel(words("excess_axis"))
    return _dated(ax)


def plot_tracking(result: Result, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw the realised tracking error of the last quarter and what was predicted at rebalances."""
    ax, words = _axes(ax), Labels(language)
    realised = realised_tracking_error(result)
    ax.plot(_days(realised), realised, color=_EXCESS, label=words("realised"))
    if PREDICTED in result.solver:
        told = pd.to_numeric(result.solver[PREDICTED], errors="coerce")
        ax.step(_days(told), told, color=_PORTFOLIO, where="post", label=words("predicted"))
    ax.set_ylim(bottom=0.0)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel(words("tracking_error_axis"))
    return _dated(_legend(ax))


def plot_exposures(
    result: Result, ax: Axes | None = None, language: str = "en", count: int = 5
) -> Axes:
    """Draw the active exposures that the policy logged, the largest ``count`` of them.

    Raises
    ------
    ValueError
        The policy logs none.
    """
    words, exposures = Labels(language), by_size(result.exposures)
    if exposures.empty:
        raise ValueError("the policy logs no active exposures; log them as active.<factor>")
    ax = _axes(ax)
    for name in exposures.columns[:count]:
        ax.plot(_days(exposures), exposures[name], linewidth=1.0, label=words.part(name))
    ax.axhline(0.0, color="black", linewidth=0.6)
    ax.set_ylabel(words("exposure_axis"))
    return _dated(_legend(ax, 3))


def plot_turnover_costs(result: Result, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw one-way turnover a rebalance as bars and the running sum of charges on the right axis."""
    ax, words = _axes(ax), Labels(language)
    bars = result.turnover
    days = _days(bars)
    gap = float(np.median(np.diff(days)) / np.timedelta64(1, "D")) if len(days) > 1 else 1.0
    ax.bar(days, bars, width=_BAR_WIDTH * gap, color=_BENCHMARK, linewidth=0.0)
    usual = float(bars.iloc[1:].max()) if len(bars) > 1 else float(bars.max())
    ax.set_ylim(0.0, 1.25 * max(usual, 0.01))  # the first bar builds the portfolio and may be cut
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel(words("turnover"))
    right = ax.twinx()
    paid = result.cost_rate().cumsum()
    right.plot(_days(paid), paid, color=_EXCESS)
    right.set_ylim(bottom=0.0)
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    right.set_ylabel(words("charges"), color=_EXCESS)
    return _dated(ax)


def plot_months(result: Result, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw the excess of each month as a heat map, its number in each cell; white is zero."""
    ax, words = _axes(ax), Labels(language)
    table = result.monthly().drop(columns="year")
    values = table.to_numpy(np.float64)
    most = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    # not red and green, which mean the opposite to a Chinese reader
    ax.imshow(values, cmap="PuOr", vmin=-1.6 * most, vmax=1.6 * most, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            ax.text(j, i, f"{value:.1%}", ha="center", va="center", fontsize="small")
    ax.set_xticks(range(12), list(words.months()))
    ax.set_yticks(range(len(table)), [str(year) for year in table.index])
    ax.set_title(words("month_figure" if result.benchmark is not None else "month_figure_alone"))
    return ax


def plot_result(result: Result, language: str = "en") -> Figure:
    """Draw a result on one page of A4; panels that it has no numbers for are left out.

    Raises
    ------
    ValueError
        An unknown language, or Chinese without a font that has its characters.
    """
    panels: list[list[Any]] = [[plot_nav]]
    if result.benchmark is not None:
        panels.append([plot_excess])
        known = plot_tracking if len(result.nav) > QUARTER else None
        told = None if result.exposures.empty else plot_exposures
        panels += [[panel for panel in (known, told) if panel]] if known or told else []
    panels += [[plot_turnover_costs], [plot_months]]
    wide = max(map(len, panels))
    family = _font(Labels(language), map(str, result.exposures.columns))
    with mpl.rc_context({"font.family": family, "font.size": 8.0}):
        figure = plt.figure(figsize=_A4, layout="constrained")
        grid = figure.add_gridspec(len(panels), wide)
        for place, row in enumerate(panels):
            for k, panel in enumerate(row):
                span = slice(None) if len(row) == 1 else slice(k, k + 1)
                panel(result, figure.add_subplot(grid[place, span]), language)
    return figure


def _font(words: Labels, names: Iterable[str]) -> list[str]:
    """Return the font families for a language and the names to be written in it."""
    usual = list(mpl.rcParams["font.family"])
    if words.language == "en" and all(name.isascii() for name in names):
        return usual
    if not _chinese():  # installed after matplotlib made its list, perhaps
        for path in findSystemFonts():
            if any(name.replace(" ", "") in Path(path).name for name in ("CJK", *CHINESE_FONTS)):
                fontManager.addfont(path)
    found = _chinese()[:1]
    if words.language == "en":
        return usual + found  # names of industries come as the data have them
    if not found:
        raise ValueError(
            f"no font with Chinese characters is installed; install one of {', '.join(CHINESE_FONTS)}, "
            "or plot with language='en'"
        )
    return found


def _chinese() -> list[str]:
    known = {font.name for font in fontManager.ttflist}
    return [name for name in CHINESE_FONTS if name in known]


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


def _legend(ax: Axes, columns: int = 2) -> Axes:
    """Write the names above the axes, where no line runs."""
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, frameon=False)
    return ax


def _days(series: pd.Series | pd.DataFrame) -> np.ndarray:
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
