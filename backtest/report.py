"""One page about a backtest, or about several side by side: tables and interactive figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from backtest import report_figures as figures
from backtest import report_tables as tables
from backtest.report_attribution import Given, write_attribution
from backtest.report_draft import Draft
from backtest.report_notes import notes
from backtest.result import Result
from market import Market


def report(
    results: Result | Mapping[str, Result],
    path: str | Path,
    *,
    language: str = "en",
    title: str | None = None,
    market: Market | None = None,
    attribution: Mapping[str, Given] | None = None,
) -> dict[str, pd.DataFrame]:
    """Write a self-contained HTML page; it needs no network, and prints on A4.

    Parameters
    ----------
    results
        One result, or several by name to be compared.
    path
        File to write, whole or not at all.
    language
        ``en`` or ``zh``. Notes of the data stay as the reader of the data wrote them.
    title
        Heading of the page.
    market
        The data of the run; with it the largest active weights are shown.
    attribution
        What the functions of ``backtest.attribution`` return, by the name to show, or tables of one's
        own. Of a single result; the page shows that they add up to its excess.

    Returns
    -------
    dict
        The tables of the page, not rounded, by their key in ``words.WORDS``, those of attribution by
        their names.

    Raises
    ------
    ValueError
        An unknown language, no result, or attribution of several.
    ImportError
        plotly is not installed.
    """
    many = dict(results) if isinstance(results, Mapping) else {}
    if isinstance(results, Mapping) and not many:
        raise ValueError("report: no results; give one, or a mapping from names to results")
    if many and attribution:
        raise ValueError("report: attribution is of one result; write a report for each")
    draft = Draft("report", language, title, plotly_source())
    if isinstance(results, Result):
        _one(draft, results, market)
        write_attribution(draft, results, attribution or {})
        _settings(draft, {"": results})
    else:
        _several(draft, many)
        _settings(draft, many)
    draft.page.write(Path(path))
    return draft.tables


def plotly_source() -> str:
    """Return the source of plotly.js."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as missing:
        raise ImportError(
            "reports need plotly, which is not installed; install the [plot] extra of this package"
        ) from missing
    return str(get_plotlyjs())


def _one(draft: Draft, result: Result, market: Market | None) -> None:
    alone = result.benchmark is None
    bounds = _bounds(result)
    lacking = [draft.words("warn_intervals", reason=bounds)] if isinstance(bounds, str) else []
    _warnings(draft, {"": result}, *lacking)
    draft.heading("summary", "said_summary")
    draft.table("summary", _summary(result, bounds), across=True)
    draft.heading("performance")
    draft.plot("nav_figure", figures.nav(result, draft.words))
    draft.plot("fall_figure" if alone else "excess_figure", figures.excess(result, draft.words))
    draft.heading("years_months")
    draft.table("yearly", result.yearly())
    name = "month_figure_alone" if alone else "month_figure"
    draft.plot(name, figures.months(result, draft.words))
    by_month = result.monthly()
    draft.table("monthly", by_month, by_month.rename(columns={"year": "whole_year"}))
    _risk(draft, result)
    draft.heading("trading_costs")
    draft.plot("turnover_figure", figures.turnover_costs(result, draft.words))
    draft.table("costs", tables.yearly_costs(result))
    draft.table("refusals", tables.refused(result))
    draft.table("relaxations", tables.relaxed(result))
    draft.table("relaxed_dates", tables.relaxed_dates(result))
    _holdings(draft, result, market)


def _risk(draft: Draft, result: Result) -> None:
    exposed = figures.exposures(result, draft.words)
    known = result.benchmark is not None and len(result.nav) > tables.QUARTER
    if not known and exposed is None:
        return
    draft.heading("risk")
    if known:
        figure = figures.tracking(result, draft.words)
        draft.plot("tracking_figure", figure, window=tables.QUARTER)
    if exposed is not None:
        draft.plot("exposure_figure", exposed)


def _holdings(draft: Draft, result: Result, market: Market | None) -> None:
    held = tables.largest_holdings(result)
    if held.empty:
        return
    draft.heading("holdings")
    date = f"{result.weights.index[-1]:%Y-%m-%d}"
    draft.table("largest_holdings", held, date=date)
    if market is not None and result.benchmark is not None:
        draft.table("largest_active", tables.largest_active(result, market), date=date)


def _several(draft: Draft, results: Mapping[str, Result]) -> None:
    _warnings(draft, results)
    draft.heading("comparison", "said_summary")
    beside = pd.DataFrame({name: r.summary() for name, r in results.items()}, dtype=object)
    draft.table("summary", beside.rename_axis(index="measure"), across=True)
    draft.plot("excess_all", figures.excess_of_all(results, draft.words))
    years = {
        n: r.yearly()[("return" if r.benchmark is None else "excess")] for n, r in results.items()
    }
    draft.table("yearly_excess", pd.DataFrame(years).rename_axis(index="year"))


def _bounds(result: Result) -> pd.DataFrame | str | None:
    """Return confidence intervals, why there are none, or None without a benchmark."""
    if result.benchmark is None:
        return None
    try:
        return result.confidence()
    except (ValueError, ImportError) as reason:  # few sessions, or an extra not installed: told
        return str(reason)


def _summary(result: Result, bounds: pd.DataFrame | str | None) -> pd.DataFrame:
    """Return measures by row: ``value``, and the bounds of 95% intervals where there are any."""
    table = result.summary().to_frame("value").rename_axis(index="measure")
    if not isinstance(bounds, pd.DataFrame):
        return table
    columns = ["newey_west_low", "newey_west_high", "bootstrap_low", "bootstrap_high"]
    return table.join(bounds[columns].astype(object))


def _warnings(draft: Draft, results: Mapping[str, Result], *more: str) -> None:
    told = [*more, *notes(results, draft.words)]
    if told:
        draft.heading("warnings")
        draft.page.warnings(*told)


def _settings(draft: Draft, results: Mapping[str, Result]) -> None:
    """Write settings once where all runs agree, side by side where they differ."""
    draft.heading("settings")
    for key, made in (("configuration", tables.configuration), ("provenance", tables.provenance)):
        beside = pd.concat([made(r)["value"].rename(n) for n, r in results.items()], axis=1)
        beside = beside.rename_axis(index="setting").fillna("")
        same = beside.eq(beside.iloc[:, 0], axis=0).all(axis=1)
        draft.table(key, beside[same].iloc[:, [0]].set_axis(["value"], axis=1))
        draft.table(f"{key}_differing", beside[~same])
