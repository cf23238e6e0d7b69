"""One page about a sweep: what each limit costs and gives, and how much of the best is luck."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from backtest import report_figures as figures
from backtest.labels import Labels
from backtest.overfitting import Overfitting, overfitting
from backtest.report import plotly_source
from backtest.report_draft import Draft
from backtest.report_text import limit
from backtest.sweep import marginal

# measure -> whether it is written in percent; the heat maps of the page
MAPPED = {
    "annual_excess": True, "tracking_error": True, "information_ratio": False,
    "excess_drawdown": True,
}  # fmt: skip
LISTED = (
    *MAPPED, "excess_t", "deflated", "weekly_win_rate", "predicted_tracking_error", "turnover",
    "annual_cost",
)  # fmt: skip
_BINS = 20  # of the relative rank, at most
_WRITTEN = 30  # points of the frontier up to which their limits fit beside them


def sweep_report(
    cells: pd.DataFrame, path: str | Path, *, language: str = "en", title: str | None = None
) -> dict[str, pd.DataFrame]:
    """Write a self-contained HTML page about the cells of a sweep.

    Parameters
    ----------
    cells
        Of ``sweep``: one row a cell, columns ``limit.<name>``. The first two limits of more than one
        value span the heat maps; there is a row of them for each value of the others. When the cells
        were kept in a folder, the probability of overfitting is read from their results.
    path
        File to write, whole or not at all.
    language
        ``en`` or ``zh``.
    title
        Heading of the page.

    Returns
    -------
    dict
        The tables of the page, not rounded, by their key in ``words.WORDS``.

    Raises
    ------
    ValueError
        An unknown language, no limits, no cells, or two cells with the same limits.
    ImportError
        plotly is not installed.
    """
    limits = _limits(cells)
    draft = Draft("sweep", language, title, plotly_source())
    found = _overfitting(cells)
    _warnings(draft, cells, found)
    draft.heading("grid")
    for place, part in _slices(cells, limits, draft.words):
        _maps(draft, part, limits[:2], place)
    named = _named(cells, limits, draft.words)
    draft.table("cells", named[[name for name in LISTED if name in named]])
    draft.heading("frontier")
    draft.plot("frontier_figure", _frontier(cells, limits, draft.words))
    draft.heading("marginal", "said_marginal")
    draft.table("steps", steps(cells))
    _failures(draft, named)
    if isinstance(found, Overfitting):
        _luck(draft, found)
    draft.page.write(Path(path))
    return draft.tables


def steps(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the mean change of each measure by step of each limit, the others held."""
    key = ["limit", "from", "to"]
    columns = {}
    for measure in [name for name in MAPPED if name in cells]:
        changes = marginal(cells, measure).groupby(key, dropna=False, sort=False)["change"]
        columns[measure] = changes.mean()
    table = pd.DataFrame(columns).reset_index(["from", "to"])
    return table.rename_axis(index="limit")


def _limits(cells: pd.DataFrame) -> list[str]:
    """Return the limit columns, those that vary first."""
    names = [str(name) for name in cells.columns if str(name).startswith("limit.")]
    if cells.empty or not names:
        raise ValueError(
            f"a sweep report needs cells with columns limit.<name>; got {len(cells)} rows with "
            f"{', '.join(map(str, cells.columns)) or 'no columns'}"
        )
    if cells.duplicated(names).any():
        raise ValueError(
            f"several cells share their values of {', '.join(names)}; write a report for each sweep"
        )
    varying = [name for name in names if cells[name].nunique(dropna=False) > 1]
    return [*varying, *(name for name in names if name not in varying)]


def _slices(
    cells: pd.DataFrame, limits: list[str], words: Labels
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split by the limits beyond the first two that vary; name each part by their values."""
    rest = [name for name in limits[2:] if cells[name].nunique(dropna=False) > 1]
    if not rest:
        yield "", cells
        return
    for values, part in cells.groupby(rest, dropna=False, sort=False):
        given = zip(rest, values, strict=True)
        yield ", ".join(f"{words.limit(n)} {limit(v, words)}" for n, v in given), part


def _maps(draft: Draft, cells: pd.DataFrame, axes: list[str], place: str) -> None:
    words = draft.words
    across, down = axes[0], axes[-1]
    for measure, percent in MAPPED.items():
        table = _grid(cells, measure, down, across, words)
        form = "{:.2%}" if percent else "{:.2f}"
        drawn = figures.heat_map(
            table,
            diverging=measure in ("annual_excess", "information_ratio"),
            form=form,
            shown=form[2:-1],
            empty=words("failed"),
            axes=(words.limit(down) if down != across else "", words.limit(across)),
        )
        caption = f"{words(measure)}{f', {place}' if place else ''}"
        draft.page.plot(caption, drawn, half=True)


def _grid(cells: pd.DataFrame, measure: str, down: str, across: str, words: Labels) -> pd.DataFrame:
    """Return a measure by two limits in the order in which they were swept, or a row by one."""
    x = [limit(v, words) for v in cells[across]]
    y = [limit(v, words) if down != across else "" for v in cells[down]]
    frame = pd.DataFrame({"y": y, "x": x, "v": cells[measure].to_numpy(np.float64)})
    wide = frame.set_index(["y", "x"])["v"].unstack()
    return wide.loc[list(dict.fromkeys(y)), list(dict.fromkeys(x))]


def _frontier(cells: pd.DataFrame, limits: list[str], words: Labels) -> figures.Figure:
    """Draw excess over tracking error, a colour a value of the first limit."""
    mode = "markers+text" if len(cells) <= _WRITTEN else "markers"
    traces = []
    for k, (value, part) in enumerate(cells.groupby(limits[0], dropna=False, sort=False)):
        name = f"{words.limit(limits[0])} {limit(value, words)}"
        colour = figures.COLOURS[k % len(figures.COLOURS)]
        traces.append({**_points(part, limits[1:], words), "name": name, "mode": mode})
        traces[-1]["marker"] = {"size": 11, "color": colour}
    return figures.figure(
        traces,
        height=420,
        hovermode="closest",
        showlegend=True,
        xaxis={"tickformat": ".2~%", "title": {"text": words("tracking_error")}},
        yaxis={"tickformat": ".2~%", "title": {"text": words("annual_excess")}},
    )


def _points(cells: pd.DataFrame, limits: list[str], words: Labels) -> figures.Figure:
    """Return cells as points, the values of their other limits written at each."""
    values = [[limit(v, words) for v in row] for row in cells[limits].to_numpy(object)]
    named = [words.limit(name) for name in limits]
    told = ["<br>".join(f"{n} {v}" for n, v in zip(named, row, strict=True)) for row in values]
    return {
        "type": "scatter",
        "textposition": "top center",
        "cliponaxis": False,
        "x": figures.numbers(cells["tracking_error"]),
        "y": figures.numbers(cells["annual_excess"]),
        "text": [", ".join(row) for row in values],
        "hovertext": told,
        "hovertemplate": "%{hovertext}<br>%{x:.2%}, %{y:.2%}",
    }


def _named(cells: pd.DataFrame, limits: list[str], words: Labels) -> pd.DataFrame:
    """Return the cells, their limits in words as the index."""
    told = [[limit(v, words) for v in cells[name]] for name in limits]
    return cells.set_index(pd.MultiIndex.from_arrays(told, names=limits))


def _failures(draft: Draft, cells: pd.DataFrame) -> None:
    failed = cells.loc[cells["status"] == "failed", ["error"]]
    counts = ["rebalances", "relaxed_rebalances", "held_rebalances"]
    gave = cells.loc[(cells[counts[1:]] > 0).any(axis=1), counts]
    if failed.empty and gave.empty:
        return
    draft.heading("failures")
    draft.table("failed_cells", failed)
    draft.table("relaxed_cells", gave)


def _overfitting(cells: pd.DataFrame) -> Overfitting | str | None:
    """Return what the saved results tell, why they tell nothing, or None without any."""
    if "result" not in cells or (cells["status"] == "done").sum() < 2:
        return None
    try:
        return overfitting(cells)
    except ValueError as reason:  # too few sessions, or a benchmark is missing: said on the page
        return str(reason)


def _warnings(draft: Draft, cells: pd.DataFrame, found: Overfitting | str | None) -> None:
    words, lines = draft.words, []
    failed, total = int((cells["status"] == "failed").sum()), len(cells)
    if failed:
        lines.append(words("warn_failed", count=failed, total=total))
    if "deflated" in cells and cells["annual_excess"].notna().any():
        best = float(cells["deflated"].iloc[int(cells["annual_excess"].argmax())])
        lines.append(words("warn_deflated", total=total, best=best))
    if isinstance(found, str):
        lines.append(words("warn_overfitting", reason=found))
    if lines:
        draft.heading("warnings")
        draft.page.warnings(*lines)


def _luck(draft: Draft, found: Overfitting) -> None:
    draft.heading("luck", "said_luck")
    names = ("probability", "loss_probability", "trials", "sessions", "blocks")
    rows = {name: getattr(found, name) for name in names}
    table = pd.DataFrame({"value": pd.Series(rows, dtype=object)}).rename_axis(index="measure")
    draft.table("overfitting", table, across=True)
    counts, edges = np.histogram(
        found.splits["rank"], bins=min(_BINS, found.trials), range=(0.0, 1.0)
    )
    bars = {
        "type": "bar",
        "x": [float(f"{x:.4g}") for x in (edges[1:] + edges[:-1]) / 2.0],
        "y": figures.numbers(pd.Series(counts / counts.sum())),
        "marker": {"color": figures.PORTFOLIO},
        "hovertemplate": "%{y:.1%}<extra></extra>",
    }
    drawn = figures.figure(
        [bars],
        xaxis={"range": [0.0, 1.0], "title": {"text": draft.words("rank")}},
        yaxis={"tickformat": ".0%", "title": {"text": draft.words("share_of_splits")}},
    )
    draft.plot("overfitting_figure", drawn)
