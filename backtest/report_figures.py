"""Interactive figures of a result, as plotly.js takes them: plain ``data`` and ``layout``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.attribution.linking import EXCESS, RESIDUAL, SUM
from backtest.labels import Labels
from backtest.report_tables import by_size, realised_tracking_error
from backtest.result import PREDICTED, Result

Figure = dict[str, Any]

COLOURS = ("#1f4e79", "#b03a2e", "#2e7d4f", "#d98a00", "#6c4a9e", "#0f8b8d", "#8c5a3c", "#7a7a7a")
PORTFOLIO, FALL, SHADE, QUIET = COLOURS[0], COLOURS[1], "rgba(176,58,46,0.28)", "#9a9a9a"
# below and above zero; not red and green, which mean the opposite to a Chinese reader
DIVERGING = [[0.0, "#d9822b"], [0.5, "#ffffff"], [1.0, "#2f6da8"]]
PALE = [[0.0, "#f4f8fc"], [1.0, "#8fb8de"]]  # black numbers can be read on it everywhere
SHOWN_EXPOSURES = 5  # lines drawn at first; the others wait in the legend


def nav(result: Result, words: Labels) -> Figure:
    """Draw net asset value and benchmark, both from 1."""
    lines = [line(result.nav, words("portfolio"), PORTFOLIO)]
    levels = [result.nav]
    if result.benchmark is not None:
        lines.append(line(result.benchmark, str(result.config["benchmark"]), QUIET))
        levels.append(result.benchmark)
    least, most = min(s.min() for s in levels), max(s.max() for s in levels)
    # on a plain axis the early years of a level that has tripled are flat
    return figure(lines, yaxis={"type": "log" if most > 3.0 * least else "linear"})


def excess(result: Result, words: Labels) -> Figure:
    """Draw the excess level with its drawdown on the right axis; without a benchmark, the NAV."""
    alone = result.benchmark is None
    level = result.nav if alone else result.excess["geometric"]
    below = metrics.drawdowns(level)
    fall = words("drawdown_axis" if alone else "excess_drawdown_axis")
    shade = line(below, fall, FALL, yaxis="y2", fill="tozeroy", fillcolor=SHADE)
    shade["line"]["width"] = 0.5
    name = words("portfolio" if alone else "excess_axis")
    return figure(
        [shade, line(level, name, PORTFOLIO)],
        yaxis={"title": {"text": name}},
        # three times the fall: the shade keeps to the upper third, the line is drawn over it
        yaxis2=right(fall, range=[3.0 * min(float(below.min()), -0.01), 0.0]),
    )


def excess_of_all(results: Mapping[str, Result], words: Labels) -> Figure:
    """Draw the excess level of several results, or their net asset values without benchmarks."""
    alone = any(r.benchmark is None for r in results.values())
    lines = [
        line(r.nav if alone else r.excess["geometric"], name, COLOURS[k % len(COLOURS)])
        for k, (name, r) in enumerate(results.items())
    ]
    title = words("nav_figure" if alone else "excess_axis")
    return figure(lines, height=420, yaxis={"title": {"text": title}})


def tracking(result: Result, words: Labels) -> Figure:
    """Draw the rolling realised tracking error and what was predicted at each rebalance."""
    lines = [line(realised_tracking_error(result), words("realised"), FALL, percent=True)]
    if PREDICTED in result.solver:
        predicted = pd.to_numeric(result.solver[PREDICTED], errors="coerce")
        lines.append(line(predicted, words("predicted"), PORTFOLIO, percent=True, shape="hv"))
    return figure(lines, yaxis={"tickformat": ".1%", "rangemode": "tozero"})


def exposures(result: Result, words: Labels) -> Figure | None:
    """Draw the active exposures that the policy logged, the largest at first; None without a log."""
    frame = by_size(result.exposures)
    if frame.empty:
        return None
    lines = []
    for k, name in enumerate(frame.columns):
        drawn = line(frame[name], words.part(name), COLOURS[k % len(COLOURS)])
        lines.append({**drawn, "visible": True if k < SHOWN_EXPOSURES else "legendonly"})
    legend = {"orientation": "v", "x": 1.01, "xanchor": "left", "y": 1.0, "yanchor": "top"}
    return figure(
        lines,
        height=420,
        yaxis={"title": {"text": words("exposure_axis")}},
        legend=legend,
        hovermode="closest",  # forty names in one box cover the figure
    )


def turnover_costs(result: Result, words: Labels) -> Figure:
    """Draw turnover a rebalance as bars, the running sum of charges on the right axis."""
    bars = result.turnover
    usual = float(bars.iloc[1:].max()) if len(bars) > 1 else float(bars.max())
    drawn = {
        "type": "bar",
        "x": days(bars),
        "y": numbers(bars),
        "name": words("turnover"),
        "marker": {"color": QUIET},
        "hovertemplate": "%{y:.1%}",
    }
    paid = line(result.cost_rate().cumsum(), words("charges"), FALL, percent=True, yaxis="y2")
    # the first bar builds the portfolio and may be cut
    low_high = [0.0, 1.25 * max(usual, 0.01)]
    return figure(
        [drawn, paid],
        yaxis={"tickformat": ".0%", "range": low_high, "title": {"text": words("turnover")}},
        yaxis2=right(words("charges"), tickformat=".1%", rangemode="tozero"),
        bargap=0.0,
    )


def months(result: Result, words: Labels) -> Figure:
    """Draw the excess of each month as a heat map, its number in each cell."""
    table = result.monthly().drop(columns="year")
    return heat_map(
        table.set_axis(list(words.months()), axis=1), diverging=True, form="{:.1%}", shown=".2%"
    )


def parts(table: pd.DataFrame, words: Labels, count: int = 20) -> Figure:
    """Draw the largest parts of an attribution, a year, as bars to either side of zero."""
    inner = table["a_year"].drop([SUM, EXCESS, RESIDUAL])
    kept = inner[inner.abs().sort_values(ascending=False, kind="stable").index[:count]]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": numbers(kept),
        "y": [words.part(name) for name in kept.index],
        "marker": {"color": [PORTFOLIO if v > 0.0 else FALL for v in kept]},
        "hovertemplate": "%{y}: %{x:.2%}<extra></extra>",
    }
    return figure(
        [bars],
        height=max(180, 80 + 22 * len(kept)),
        xaxis={"tickformat": ".1%", "title": {"text": words("a_year")}},
        yaxis={"autorange": "reversed", "type": "category"},
        hovermode="closest",
    )


def bias(rolled: pd.DataFrame, words: Labels) -> Figure:
    """Draw predicted and realised tracking error, and the bias statistic on the right axis."""
    lines = [
        line(rolled["realised"].dropna(), words("realised"), FALL, percent=True),
        line(rolled["predicted"].dropna(), words("predicted"), PORTFOLIO, percent=True),
        line(rolled["bias"].dropna(), words("bias"), QUIET, yaxis="y2"),
    ]
    return figure(
        lines,
        yaxis={"tickformat": ".1%", "rangemode": "tozero"},
        yaxis2=right(words("bias"), tickformat=".1f", rangemode="tozero"),
    )


def heat_map(
    table: pd.DataFrame,
    *,
    diverging: bool = False,
    form: str = "{:.2%}",
    shown: str = ".2%",
    empty: str = "",
    axes: tuple[str, str] = ("", ""),
) -> Figure:
    """Draw a table by colour with its numbers written; ``diverging`` is white at zero."""
    values = table.to_numpy(np.float64)
    text = [[form.format(v) if np.isfinite(v) else empty for v in row] for row in values]
    cells = {
        "type": "heatmap",
        "x": [str(name) for name in table.columns],
        "y": [str(name) for name in table.index],
        "z": [numbers(pd.Series(row)) for row in values],
        "text": text,
        "texttemplate": "%{text}",
        "hovertemplate": f"%{{y}} %{{x}}: %{{z:{shown}}}<extra></extra>",
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        **_colours(values, diverging),
    }
    down, across = axes
    return figure(
        [cells],
        height=max(200, 84 + 36 * len(table)),
        xaxis={"type": "category", "showgrid": False, "title": {"text": across}},
        yaxis={
            "type": "category",
            "showgrid": False,
            "autorange": "reversed",
            "title": {"text": down, "standoff": 12},
        },
        hovermode="closest",
    )


def _colours(values: np.ndarray, diverging: bool) -> Figure:
    if diverging:
        most = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
        return {"colorscale": DIVERGING, "zmin": -most, "zmax": most}
    fall = bool(np.nanmax(values, initial=-np.inf) <= 0.0)  # deeper falls are darker
    return {"colorscale": PALE, "reversescale": fall}


def line(
    series: pd.Series,
    name: str,
    colour: str,
    *,
    percent: bool = False,
    shape: str = "linear",
    **more: object,
) -> Figure:
    """Return the trace of a series by date."""
    form = ".2%" if percent or "fill" in more else ".4f"
    return {
        "type": "scatter",
        "mode": "lines",
        "x": days(series),
        "y": numbers(series),
        "name": name,
        "line": {"color": colour, "width": 1.6, "shape": shape},
        "hovertemplate": f"%{{y:{form}}}",
        **more,
    }


def right(title: str, **more: object) -> Figure:
    """Return a second axis on the right, in percent and without a grid of its own."""
    base = {"overlaying": "y", "side": "right", "showgrid": False, "zeroline": False}
    # ticks of its own: at those of the left axis they fall on odd numbers
    return {**base, "tickmode": "auto", "tickformat": ".0%", "title": {"text": title}, **more}


def figure(traces: Sequence[Figure], height: int = 340, **layout: object) -> Figure:
    """Return traces on the common layout; ``layout`` adds to it, axis by axis."""
    grid = {"gridcolor": "#e6e6e6", "zerolinecolor": "#bbbbbb", "automargin": True}
    legend = {"orientation": "h", "x": 0.0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"}
    common: Figure = {
        "height": height,
        "margin": {"l": 56, "r": 56, "t": 30, "b": 36},
        "font": {"family": "system-ui, Noto Sans CJK SC, Microsoft YaHei, sans-serif", "size": 12},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "x unified",
        "legend": legend,
        "xaxis": dict(grid),
        "yaxis": dict(grid),
    }
    for name, value in layout.items():
        known = common.get(name)
        both = isinstance(known, dict) and isinstance(value, dict) and name != "legend"
        common[name] = {**known, **value} if both else value  # type: ignore[dict-item]
    return {"data": list(traces), "layout": common}


def days(series: pd.Series) -> list[str]:
    """Return the dates as text."""
    return list(pd.DatetimeIndex(series.index).strftime("%Y-%m-%d"))


def numbers(series: pd.Series) -> list[float | None]:
    """Return the values to six digits, more than a screen shows; gaps are None."""
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in series.to_numpy(np.float64)]
