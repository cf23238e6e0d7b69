"""Figures of a solution, of a run of rebalances and of a sweep; matplotlib is imported here only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator, PercentFormatter, ScalarFormatter

from enhance.explain import Explanation
from enhance.solution import Solution

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_active_weights(solution: Solution, ax: Axes | None = None, count: int = 20) -> Axes:
    """Draw the largest active weights as bars, in percent, overweights above."""
    ax = ax or plt.gca()
    active = solution.active
    chosen = active[active.abs().nlargest(count).index].sort_values()
    rows = np.arange(len(chosen))
    colours = np.where(chosen > 0.0, "tab:red", "tab:green")  # the colours of a Chinese screen
    ax.barh(rows, 100.0 * chosen.to_numpy(), color=list(colours))
    ax.set_yticks(rows, [str(stock) for stock in chosen.index])
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.set_xlabel("active weight, %")
    ax.set_title(f"{solution.problem.date:%Y-%m-%d}: {len(chosen)} largest active weights")
    return ax


def plot_shadow_prices(prices: Solution | pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw what each limit costs: bars of one solution, or lines of a log by date.

    A log is a frame by date with columns ``price.<limit>``, as a backtest of an ``Enhancer`` records.
    Prices differ by orders of magnitude between limits (one unit of active weight is far more than
    one unit of turnover), hence the logarithmic axis; zero prices are left out.

    Raises
    ------
    ValueError
        A frame without price columns.
    """
    ax = ax or plt.gca()
    if isinstance(prices, Solution):
        paid = pd.Series(prices.shadow_prices).abs()
        paid = paid[paid > 1e-8].sort_values()
        ax.barh(list(paid.index), paid.to_numpy(), log=True)
        ax.set_xlabel("gain per unit of limit")
        return ax
    columns = [c for c in prices.columns if str(c).startswith("price.")]
    if not columns:
        raise ValueError("the log has no price.<limit> columns; give the log of an Enhancer run")
    for column in columns:
        price = prices[column].astype(float).abs()
        if (price > 1e-8).any():
            ax.plot(
                prices.index, price.where(price > 1e-8), label=str(column).removeprefix("price.")
            )
    ax.set_yscale("log")
    ax.set_ylabel("gain per unit of limit")
    ax.legend(loc="best", fontsize="small")
    return ax


def plot_binding_limits(solution: Solution, ax: Axes | None = None) -> Axes:
    """Draw what the objective would gain if each limit were loosened by a tenth of itself, in basis points.

    Shadow price times a tenth of the limit, so that limits in different units can be compared; a first
    order that overstates a large change. Limits of zero (budget, long only) and free ones are left out.
    """
    ax = ax or plt.gca()
    table = solution.summary()
    worth = (1e4 * 0.1 * table["shadow_price"] * table["limit"]).dropna().sort_values()
    worth = worth[worth > 1e-3 * worth.max()]
    bars = ax.barh([_words(str(name)) for name in worth.index], worth.to_numpy(), color="tab:blue")
    names = [f"{table.loc[name, 'limit']:g}" for name in worth.index]
    ax.bar_label(bars, names, padding=3, fontsize="small", color="dimgray")
    ax.margins(x=0.12)
    ax.set_xlabel("gain if loosened by a tenth, bp over the holding period (limit beside the bar)")
    ax.set_title(f"{solution.problem.date:%Y-%m-%d}: what the limits cost")
    return ax


def plot_explanation(explanation: Explanation, ax: Axes | None = None) -> Axes:
    """Draw how alpha, common risk, cost and each limit make up one stock's active weight, in percent.

    Each bar starts where the last one ended; where risk has no price the bars are pulls in basis points,
    and end at what the stock's own risk balances.
    """
    ax = ax or plt.gca()
    column, unit = ("active", 100.0) if "active" in explanation.table else ("pull", 1e4)
    parts = unit * explanation.table[column].drop("own_risk")
    parts = parts[parts.abs() > 1e-3 * parts.abs().max()]
    parts = parts.reindex(parts.abs().sort_values(ascending=False).index)
    ends = parts.cumsum()
    colours = ["salmon" if part > 0.0 else "mediumseagreen" for part in parts]
    labels = [_words(str(name)) for name in parts.index]
    bars = ax.barh(labels, parts.to_numpy(), left=(ends - parts).to_numpy(), color=colours)
    ax.bar_label(bars, [f"{part:+.2f}" for part in parts], label_type="center", fontsize="small")
    ax.bar_label(ax.barh(["sum"], [ends.iloc[-1]], color="silver"), fmt="%+.2f", fontsize="small")
    ax.use_sticky_edges = False
    ax.margins(x=0.08)
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.invert_yaxis()
    ax.set_xlabel("active weight, %" if column == "active" else "pull, bp over the holding period")
    ax.set_title(explanation.sentence.replace(" (", "\n("), fontsize="medium")
    return ax


def plot_frontier(
    cells: pd.DataFrame,
    x: str = "tracking_error",
    y: str = "expected_return",
    by: Sequence[str] = (),
    ax: Axes | None = None,
    *,
    percent: bool = True,
) -> Axes:
    """Draw two columns of a sweep against each other, a line for each combination of the limits ``by``.

    Parameters
    ----------
    cells
        Of ``enhance.sweep``, or any frame of one row a cell such as ``backtest.sweep`` gives.
    x, y
        Columns: a measure, a limit (``limit.turnover``) or a price (``price.turnover``).
    by
        Limit columns that tell the lines apart. Cells without a number leave no point.
    ax
        Where to draw.
    percent
        Write both axes in percent; for prices and ratios say False.

    Raises
    ------
    ValueError
        A column that the frame lacks.
    """
    missing = [name for name in (x, y, *by) if name not in cells.columns]
    if missing:
        raise ValueError(
            f"the sweep has no column {missing[0]!r}; it has {', '.join(cells.columns)}"
        )
    ax = ax or plt.gca()
    groups = cells.groupby(list(by), dropna=False, sort=False) if by else [((), cells)]
    for values, group in groups:
        points = group[[x, y]].dropna().sort_values(x)
        ax.plot(points[x], points[y], marker="o", markersize=4, label=_names(by, values))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(PercentFormatter(1.0) if percent else ScalarFormatter())
    ax.set_xlabel(_words(x))
    ax.set_ylabel(_words(y))
    ax.grid(linewidth=0.4, alpha=0.5)
    if by:
        ax.legend(loc="best", fontsize="small", frameon=False)
    return ax


def _names(by: Sequence[str], values: Iterable[Any]) -> str:
    """Return the limits of one line in words: ``turnover 0.2, constituent share none``."""
    names = [name.rpartition(".")[2].replace("_", " ") for name in by]
    pairs = zip(names, values, strict=True)
    return ", ".join(f"{name} {'none' if pd.isna(v) else f'{v:g}'}" for name, v in pairs)


def _words(column: str) -> str:
    """Return a column of a sweep in words: ``turnover limit``, ``price of turnover``."""
    kind, _, name = column.rpartition(".")
    words = name.replace("_", " ")
    return {"limit": f"{words} limit", "price": f"price of {words}"}.get(kind, words)
