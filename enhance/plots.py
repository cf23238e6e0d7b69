"""Figures of a solution and of a run of rebalances; matplotlib is imported here only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

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
