"""Results side by side, in the form of the reference reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from backtest import metrics
from backtest.result import Result
from backtest.storage import load_levels

REPORTED = (
    "annual_excess", "tracking_error", "weekly_win_rate", "excess_drawdown", "information_ratio",
    "turnover", "annual_cost",
)  # fmt: skip
SHORT = ("annual_excess", "tracking_error", "weekly_win_rate", "excess_drawdown")
LIMIT = "limit."  # with the name of a limit: a column of the cells of a sweep


def compare(results: Mapping[str, Result], measures: Sequence[str] = REPORTED) -> pd.DataFrame:
    """Return the summaries of results side by side, a row a result.

    Parameters
    ----------
    results
        By name; over the same sessions and against the same benchmark, or they do not compare.
    measures
        Rows of a ``Result.summary``: annual excess, tracking error, weekly win rate, excess drawdown,
        information ratio, turnover and cost when left out.

    Returns
    -------
    DataFrame
        Result x measure, fractions.

    Raises
    ------
    ValueError
        No result, one without such a measure, or results of other sessions or another benchmark.

    Examples
    --------
    >>> compare({"gats": first, "gru": second}).round(4)  # doctest: +SKIP
    """
    _check_comparable(results)
    rows = {name: result.summary() for name, result in results.items()}
    for name, summary in rows.items():
        missing = [measure for measure in measures if measure not in summary]
        if missing:
            raise ValueError(
                f"the summary of {name} has no {missing[0]!r}; it has {', '.join(summary.index)}"
            )
    table = pd.DataFrame({name: summary[list(measures)] for name, summary in rows.items()}).T
    return table.infer_objects().rename_axis(index="result")


def compare_years(results: Mapping[str, Result], measure: str = "excess") -> pd.DataFrame:
    """Return one measure by calendar year, year x result, with a row ``all`` for the whole run.

    Parameters
    ----------
    results
        As in ``compare``.
    measure
        A column of ``Result.yearly``. The last row is there for ``excess`` alone: years compound to it.

    Raises
    ------
    ValueError
        An unknown measure, or as ``compare``.
    """
    _check_comparable(results)
    years = {name: result.yearly() for name, result in results.items()}
    return _side_by_side(years, measure).rename_axis(columns="result")


def sweep_table(
    cells: pd.DataFrame, across: str, measures: Sequence[str] = SHORT, digits: int = 2
) -> pd.DataFrame:
    """Return the cells of a sweep as text in percent, joined by slashes: the table of the reports.

    Parameters
    ----------
    cells
        Of ``sweep``.
    across
        The limit whose values are the columns; the others go down.
    measures
        Columns of ``cells``, fractions.
    digits
        After the point.

    Returns
    -------
    DataFrame
        Text such as ``16.59/4.66/69.01/-4.58``; ``failed`` where a cell did, ``none`` for no limit.

    Raises
    ------
    ValueError
        No such limit in the sweep.
    """
    down, _ = _sides(cells, across)
    text = (100.0 * cells[list(measures)]).map(f"{{:.{digits}f}}".format).agg("/".join, axis=1)
    text = text.where(cells["status"] == "done", "failed")
    return _crossed(cells, text.rename("cell"), down, across)


def sweep_years(cells: pd.DataFrame, across: str, measure: str = "excess") -> pd.DataFrame:
    """Return one measure by calendar year of every cell: year down, limits across.

    Parameters
    ----------
    cells
        Of a ``sweep`` with a folder: results are read from it; cells that failed are left out.
    across
        The limit that varies fastest in the columns.
    measure
        A column of ``Result.yearly``, as in ``compare_years``.

    Raises
    ------
    ValueError
        No such limit, or a sweep that kept no results.
    """
    down, column = _sides(cells, across)
    if "result" not in cells:
        raise ValueError("these cells have no saved results; give sweep a folder")
    done = cells[cells["status"] == "done"]
    names = [*down, column]
    keys = [tuple(map(_shown, row)) for row in done[names].itertuples(index=False)]
    levels = [load_levels(str(path)) for path in done["result"]]
    tables = {str(k): metrics.yearly(d["nav"], d.get("benchmark")) for k, d in enumerate(levels)}
    labels = [name.removeprefix(LIMIT) for name in names]
    return _side_by_side(tables, measure).set_axis(
        pd.MultiIndex.from_tuples(keys, names=labels), axis=1
    )


def _side_by_side(years: Mapping[str, pd.DataFrame], measure: str) -> pd.DataFrame:
    """Return one column of each yearly table, and the whole below where years compound to it."""
    for name, table in years.items():
        if measure not in table:
            raise ValueError(
                f"{name} has no {measure!r} by year; it has {', '.join(table.columns)}"
            )
    frame = pd.DataFrame({name: table[measure] for name, table in years.items()})
    if measure == "excess":
        frame.loc["all"] = (1.0 + frame).prod() - 1.0
    return frame.rename_axis(index="year")


def _check_comparable(results: Mapping[str, Result]) -> None:
    if not results:
        raise ValueError("there is nothing to compare; give one result or more by name")
    first, *others = results
    base = results[first]
    for name in others:
        other = results[name]
        for what, here, there in (
            ("benchmark", base.config["benchmark"], other.config["benchmark"]),
            ("first session", base.nav.index[0], other.nav.index[0]),
            ("last session", base.nav.index[-1], other.nav.index[-1]),
        ):
            if here != there:
                raise ValueError(
                    f"{name} has {what} {there}, {first} has {here}; compare runs over the same "
                    "sessions against the same benchmark"
                )


def _sides(cells: pd.DataFrame, across: str) -> tuple[list[str], str]:
    """Return the limit columns that go down, and the one that goes across."""
    names = [str(name) for name in cells.columns if str(name).startswith(LIMIT)]
    column = LIMIT + across
    if column not in names:
        raise ValueError(
            f"the sweep did not vary {across!r}; it varied "
            f"{', '.join(name.removeprefix(LIMIT) for name in names) or 'nothing'}"
        )
    return [name for name in names if name != column], column


def _crossed(cells: pd.DataFrame, text: pd.Series, down: list[str], across: str) -> pd.DataFrame:
    keys = [cells[name].map(_shown).rename(name.removeprefix(LIMIT)) for name in down]
    top = cells[LIMIT + across].map(_shown).rename(across)
    if not keys:
        return text.set_axis(pd.Index(top)).to_frame().T
    return text.groupby([*keys, top], sort=False).first().unstack(across, sort=False)


def _shown(limit: float) -> str:
    return "none" if pd.isna(limit) else f"{limit:g}"
