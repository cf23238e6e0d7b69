"""The tables of a report, as numbers: frames whose columns and rows are keys of ``words.WORDS``."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from backtest import metrics
from backtest.attribution import Attribution
from backtest.attribution.linking import EXCESS, RESIDUAL, SUM
from backtest.labels import Labels
from backtest.result import STATUS, Result
from market import Market

QUARTER = 63  # sessions of the rolling realised tracking error
_BELOW = [SUM, EXCESS, RESIDUAL]  # rows of an attribution that are no parts
_RELAXED = "relaxed."  # how a policy's log names the limit used in place of the one asked


def level_of(result: Result) -> pd.Series:
    """Return the level that a report follows: NAV over benchmark, or the NAV of a run without one."""
    return result.nav if result.benchmark is None else result.excess["geometric"]


def realised_tracking_error(result: Result, window: int = QUARTER) -> pd.Series:
    """Return the annual volatility of the daily active return over the last ``window`` sessions."""
    return result.active.rolling(window).apply(metrics.volatility, raw=True).dropna()


def by_size(exposures: pd.DataFrame) -> pd.DataFrame:
    """Return the factors in the order of their mean absolute exposure, largest first."""
    return exposures[exposures.abs().mean().sort_values(ascending=False, kind="stable").index]


def yearly_costs(result: Result) -> pd.DataFrame:
    """Return the charges by kind over the net asset value before them, summed by year, and in all."""
    before = (result.nav * float(result.config["capital"])).shift()
    rates = result.costs.div(before, axis=0).iloc[1:]
    rates = rates.loc[:, (rates != 0.0).any()]
    table = rates.groupby(pd.DatetimeIndex(rates.index).year).sum()
    table.loc["all"] = rates.sum()
    table["total"] = table.sum(axis=1)
    return table.rename_axis(index="year")


def refused(result: Result) -> pd.DataFrame:
    """Return by reason the orders that were cut: purchases, sales, mean share of them filled."""
    given = result.refusals
    if given.empty:
        return pd.DataFrame(columns=["buy", "sell", "filled"])
    counts = pd.crosstab(given["reason"], given["side"]).reindex(columns=["buy", "sell"])
    share = (given["done"] / given["wanted"]).groupby(given["reason"]).mean()
    table = counts.fillna(0).astype(int).assign(filled=share)
    return table.sort_values(["buy", "sell"], ascending=False).rename_axis(index="reason")


def relaxed(result: Result) -> pd.DataFrame:
    """Return how often each limit gave way, and the mean limit used then: of ``relaxed.<limit>``."""
    names = [str(name) for name in result.solver if str(name).startswith(_RELAXED)]
    used = result.solver[names].apply(pd.to_numeric, errors="coerce")
    used = used.rename(columns=lambda name: name.removeprefix(_RELAXED))
    table = pd.DataFrame({"rebalances": used.notna().sum(), "used": used.mean()})
    return table[table["rebalances"] > 0].rename_axis(index="limit")


def relaxed_dates(result: Result) -> pd.DataFrame:
    """Return the rebalances that were relaxed or held, in the words of the policy's log."""
    given = result.relaxed()
    if STATUS in result.solver:
        given = given | (result.solver[STATUS] == "held")
    rows = result.solver[given.to_numpy()]
    table = rows.reindex(columns=["status", "relaxations"]).fillna("").astype(str)
    table.index = pd.DatetimeIndex(table.index).strftime("%Y-%m-%d")
    return table.rename_axis(index="date")


def largest_holdings(result: Result, count: int = 15) -> pd.DataFrame:
    """Return the largest weights after the last fills."""
    last = result.weights.iloc[-1]
    table = last[last > 0.0].nlargest(count).to_frame("weight")
    return table.rename_axis(index="stock")


def largest_active(result: Result, market: Market, count: int = 15) -> pd.DataFrame:
    """Return the largest active weights after the last fills, either way.

    Raises
    ------
    DataError
        The market lacks the benchmark of the run, or the date.
    """
    date = result.weights.index[-1]
    held = result.weights.iloc[-1]
    index = market.index(str(result.config["benchmark"])).weights_on(date)
    both = pd.DataFrame({"weight": held, "benchmark_weight": index}).fillna(0.0)
    both["active_weight"] = both["weight"] - both["benchmark_weight"]
    order = both["active_weight"].abs().nlargest(count).index
    return both.loc[order].rename_axis(index="stock")


def parts(attribution: Attribution) -> pd.DataFrame:
    """Return what each part gave in all, a year, and by calendar year; sum, excess, residual below."""
    return attribution.total().join(attribution.yearly().T).rename_axis(index="part")


def largest_parts(table: pd.DataFrame, words: Labels, count: int = 25) -> pd.DataFrame:
    """Return the largest parts by their share a year, the others in one row, and the rows below them."""
    inner, below = table.drop(_BELOW), table.loc[_BELOW]
    order = inner["a_year"].abs().sort_values(ascending=False, kind="stable").index
    kept, rest = inner.loc[order[:count]], inner.loc[order[count:]]
    if len(rest):
        kept.loc[words("other_parts", count=len(rest))] = rest.sum()
    return pd.concat([kept, below]).rename_axis(index="part")


def configuration(result: Result) -> pd.DataFrame:
    """Return the settings of the run, one line each, what is nested in the form of a call."""
    skipped = ("versions", "data", "sweep")
    rows: dict[str, str] = {}
    for name, value in result.config.items():
        if name not in skipped:
            rows.update(_lines(name, value))
    return _settings(rows)


def provenance(result: Result) -> pd.DataFrame:
    """Return what identifies the data and the software of the run."""
    versions = result.config.get("versions", {})
    return _settings({"data": str(result.config.get("data", "")), **versions})


def _settings(rows: Mapping[str, str]) -> pd.DataFrame:
    table = pd.DataFrame({"value": list(rows.values())}, index=list(rows), dtype=object)
    return table.rename_axis(index="setting")


def _lines(name: str, value: object) -> dict[str, str]:
    """Open mappings, and lists of settings with a type, to a line an entry."""
    if isinstance(value, Mapping) and value:
        rows: dict[str, str] = {}
        kind = value.get("type")
        if kind is not None:
            rows[name] = str(kind)
        for key, inner in value.items():
            if key != "type":
                rows.update(_lines(f"{name}.{key}", inner))
        return rows
    if isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
        return {f"{name}[{k}]": _call(inner) for k, inner in enumerate(value)}
    return {name: _call(value)}


def _call(value: object) -> str:
    """Write a setting as it would be typed: ``Turnover(limit=0.1)``."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{k}={_call(v)}" for k, v in value.items() if k not in ("type", "name"))
        return f"{value.get('type', '')}({inner})"
    if isinstance(value, list | tuple):
        return ", ".join(_call(v) for v in value) or "none"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:g}"
    return "none" if value is None else str(value)
