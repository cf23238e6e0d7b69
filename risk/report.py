"""What a risk history had to do without, fill or repair: one row each, with counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from risk.arrays import Floats
from risk.descriptors import DESCRIPTORS
from risk.styles import lookback

if TYPE_CHECKING:
    from risk.history import RiskHistory

VIF_ALARM = 5.0  # variance inflation above which a style's own return says little
COLUMNS = ["what", "where", "count", "of", "first"]
Row = tuple[str, str, float, float, Any]  # the last is a Timestamp, or NaT where nothing happened


def build_report(history: RiskHistory) -> pd.DataFrame:
    """List what happened: ``what``, ``where``, ``count``, ``of`` (out of how many), ``first`` date.

    Rows without a count are notes. Counts of stocks are stock-days.
    """
    rows = [*_substitutes(history), *_styles(history), *_days(history)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _substitutes(history: RiskHistory) -> list[Row]:
    """Proxies, and descriptors without their fields."""
    nothing = (np.nan, np.nan, pd.NaT)
    rows: list[Row] = [("substituted", note, *nothing) for note in history.substitutes]
    there = set(history.fields)
    for spec in history.config.styles:
        known = [
            DESCRIPTORS[name].possible(there) for name in spec.descriptors if name in DESCRIPTORS
        ]
        kind = "renormalised" if any(known) or len(known) < len(spec.descriptors) else "absent"
        for name in spec.descriptors:
            lacking = _lacking(name, there)
            if lacking:
                told = kind if lacking.startswith("needs") else "substituted"
                rows.append((told, f"{spec.name}: {name} {lacking}", *nothing))
    return rows


def _lacking(name: str, there: set[str]) -> str:
    """Say what a descriptor lacks, and what stands in where something does."""
    if name not in DESCRIPTORS:
        return ""
    known = DESCRIPTORS[name]
    lacking = ", ".join(x for x in known.needs if x not in there)
    if not lacking:
        return ""
    if known.possible(there):
        return f"from {', '.join(known.or_else)} for want of {lacking}"
    return f"needs {lacking}"


def _styles(history: RiskHistory) -> list[Row]:
    """Days on which a style was absent, and exposures that had to be predicted."""
    record = history.record
    described = record.described
    rows = []
    for k, spec in enumerate(history.config.styles):
        present = np.isfinite(np.where(record.covered, record.styles[:, :, k], np.nan)).any(axis=1)
        absent = described & ~present
        rows.append(_row(history, "style absent", spec.name, absent, int(described.sum())))
        of = int(record.covered[present].sum())
        rows.append(_row(history, "exposure filled", spec.name, record.filled[:, k], of))
        inflated = record.vif[:, k] > VIF_ALARM
        if inflated.any():
            days = int(np.isfinite(record.vif[:, k]).sum())
            rows.append(_row(history, "inflated by other factors", spec.name, inflated, days))
    return rows


def _days(history: RiskHistory) -> list[Row]:
    """What the days of the whole history add up to."""
    record = history.record
    described = record.described
    rows_needed = lookback(history.config.styles)
    cells = int(record.covered.sum())
    modelled = record.modelled
    specific = int(record.covered[modelled].sum())
    estimated = record.estimated
    return [
        _row(
            history,
            "short window",
            f"sessions before {rows_needed} rows of history",
            described & (np.arange(len(described)) < rows_needed),
            int(described.sum()),
        ),
        _row(history, "no cross-section", "too few stocks vote", ~estimated, len(estimated)),
        _row(history, "blanked as error", "descriptor values", record.errors, np.nan),
        _row(history, "no industry", "covered stocks", record.unplaced, cells),
        _row(history, "no market value", "covered stocks", record.unsized, cells),
        _row(
            history,
            "collinear style left out",
            "sessions",
            record.collinear > 0,
            int(estimated.sum()),
        ),
        _row(history, "covariance repaired", "sessions", record.repaired, int(modelled.sum())),
        _row(
            history,
            "eigen bias out of bounds",
            "ranks, each time simulated",
            record.eigen_clipped,
            np.nan,
        ),
        _row(history, "surprise clipped", "factors and stocks", record.surprises, np.nan),
        _row(history, "specific risk from its kind", "covered stocks", record.thin, specific),
        _row(history, "specific risk at a bound", "covered stocks", record.clipped, specific),
    ]


def _row(history: RiskHistory, what: str, where: str, counts: Floats, of: float) -> Row:
    """Sum counts by date ``[T]`` and find their first date."""
    days = np.flatnonzero(counts)
    first = history.sessions[days[0]] if len(days) else pd.NaT
    return what, where, float(counts.sum()), of, first
