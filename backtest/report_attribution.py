"""The part of a report that says where the excess came from."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from backtest import metrics
from backtest import report_figures as figures
from backtest import report_tables as tables
from backtest.attribution import (
    Attribution,
    BrinsonAttribution,
    LimitAttribution,
    TrackingRisk,
)
from backtest.report_draft import Draft
from backtest.report_text import text
from backtest.result import Result

Given = Attribution | LimitAttribution | TrackingRisk | pd.DataFrame


def write_attribution(draft: Draft, result: Result, given: Mapping[str, Given]) -> None:
    """Write each attribution by its kind, and the excess of the run to hold their sums against."""
    if not given:
        return
    draft.heading("attribution", "said_attribution")
    for name, each in given.items():
        if isinstance(each, Attribution):
            _parts(draft, name, each)
        elif isinstance(each, LimitAttribution):
            _limits(draft, name, each)
        elif isinstance(each, TrackingRisk):
            _risk(draft, name, each)
        else:
            draft.table(name, each)
    level = tables.level_of(result)
    growth, year = level.iloc[-1] / level.iloc[0] - 1.0, metrics.annual_return(level)
    said = {"geometric": text("total", growth), "year": text("a_year", year)}
    draft.page.items(draft.words("run_excess", **said))


def _parts(draft: Draft, name: str, given: Attribution) -> None:
    table = tables.parts(given)
    draft.table(name, table, tables.largest_parts(table, draft.words))
    draft.plot(name, figures.parts(table, draft.words))
    if isinstance(given, BrinsonAttribution):
        draft.table("segments", given.by_segment(), of=name)


def _limits(draft: Draft, name: str, given: LimitAttribution) -> None:
    table = given.table.rename(columns={"limit": "limit_used"})
    bp = {"cost_bp": 1e4 * table["cost_a_year"], "point_bp": 1e4 * table["point_a_year"]}
    draft.table(name, table, table.drop(columns=["cost_a_year", "point_a_year"]).assign(**bp))
    year = given.total().to_frame("a_year").rename_axis(index="part")
    draft.table("expectation", year, of=name)


def _risk(draft: Draft, name: str, given: TrackingRisk) -> None:
    whole = given.summary().to_frame("value").rename_axis(index="measure")
    draft.table(name, whole, across=True)
    largest = given.largest().to_frame("contribution").rename_axis(index="part")
    draft.table("largest", largest, of=name)
    draft.plot("through_time", figures.bias(given.through_time(), draft.words), of=name)
