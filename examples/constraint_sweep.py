"""What the limits cost: turnover 0.1 / 0.2 / 0.3 with 80% in members or not, on three indexes.

    python examples/constraint_sweep.py                     # the simulated market, a few minutes
    python examples/constraint_sweep.py --data DIR --model gats --start 2018-01-01 --end 2023-12-31

The grid of the broker reports on index enhancement with graph-network scores, in their form: annual
excess / tracking error / weekly win rate / largest excess drawdown, in percent, and the excess of each
year. Writes the table, heat maps and frontiers, and a page for each index. Finished backtests stay under ``--out``: a killed run
continues. ``--trained`` takes the trained folds of another example, its ``--out``.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import backtest
import market
import risk
from backtest.comparison import SHORT
from backtest.plots import plot_heat_map
from backtest.sweep import marginal, sweep
from enhance.plots import plot_frontier
from examples.enhancement import (
    MODELS,
    POLICIES,
    Clock,
    costs,
    given_scores,
    open_market,
    together,
    train,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TURNOVERS = (0.1, 0.2, 0.3)
SHARES = (0.8, None)


def main(argv: Sequence[str] | None = None) -> pd.DataFrame:
    """Run the sweep of every index and return its cells, one below the other."""
    options = parse(argv)
    clock = Clock()
    with clock("open the market"):
        world = open_market(options)
    if options.scores is not None:
        scores = given_scores(options.scores, world, options)
    else:
        with clock(f"train {options.model}"):
            trained = Namespace(**{**vars(options), "out": options.trained or options.out})
            scores = together(train(world, trained))
    with clock("fit the risk model"):
        model = risk.Barra().fit(world.until(scores.index[-1]), progress=options.progress)
    tables = []
    for name in options.indexes:
        with clock(f"{len(TURNOVERS) * len(SHARES)} backtests of {name}"):
            tables.append(backtests(world, name, scores, model, options))
    cells = pd.concat(tables, ignore_index=True)
    print_tables(cells)
    write(cells, options.out)
    return cells


def parse(argv: Sequence[str] | None) -> Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="data folder; the simulated market when left out")
    parser.add_argument("--start", help="first day of testing; the first year that training allows")
    parser.add_argument("--end", help="last day of testing; the last session")
    parser.add_argument("--indexes", nargs="+", choices=sorted(POLICIES), default=list(POLICIES))
    parser.add_argument("--model", choices=sorted(MODELS), default="gats")
    parser.add_argument("--scores", type=Path,
                        help="parquet of scores, date x stock, in the place of training")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=1, help="models a fold, averaged")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--trained", type=Path, help="folder with trained folds; --out if left out")
    parser.add_argument("--costs", choices=["reference", "cn"], default="reference",
                        help="reference: 0.1%% buy, 0.2%% sell; cn: dated taxes and 0.02%% commission")  # fmt: skip
    parser.add_argument("--stocks", type=int, default=200, help="of the simulated market")
    parser.add_argument("--days", type=int, default=1000, help="of the simulated market")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument("--out", type=Path, default=Path("runs/sweep"))
    parser.add_argument("--progress", action="store_true", help="show bars")
    return parser.parse_args(argv)


def backtests(
    world: market.Market,
    name: str,
    scores: pd.DataFrame,
    model: risk.RiskHistory,
    options: Namespace,
) -> pd.DataFrame:
    """Run the grid of one index; its standard tracking error is 4% for csi300 and 5% for the others."""
    cells = sweep(
        world,
        POLICIES[name](scores, model).with_limits,
        start=scores.index[0],
        end=scores.index[-1],
        benchmark=name,
        costs=costs(options),
        workers=options.workers,
        folder=options.out / name,
        progress=options.progress,
        turnover=TURNOVERS,
        constituent_share=SHARES,
    )
    cells.insert(0, "index", name)
    return cells


def print_tables(cells: pd.DataFrame) -> None:
    """Print the tables in the form of the reference report."""
    print("\nannual excess % / tracking error % / weekly win % / largest excess drawdown %")
    print(report_table(cells).to_string())
    print("\nprobability of an excess above zero %, deflated for the cells of the index")
    print(report_table(cells, ["deflated"]).to_string())
    for row in cells[cells["status"] == "failed"].to_dict(orient="records"):
        print(f"{row['index']} failed: {row['error']}")
    print("\nexcess of each year %\n" + yearly(cells).round(2).to_string())
    print("\nwhat a step of a limit adds to the annual excess %, mean over the other limit")
    step = ["limit", "from", "to"]
    means = {
        name: marginal(group).groupby(step, dropna=False, sort=False)["change"].mean()
        for name, group in cells.groupby("index", sort=False)
    }
    print((100 * pd.DataFrame(means)).round(2).to_string())
    relaxed = cells.groupby("index", sort=False)[["relaxed_rebalances", "rebalances"]].sum()
    print("\nrebalances in which a limit had to give\n" + relaxed.astype(int).to_string())


def report_table(cells: pd.DataFrame, measures: Sequence[str] = SHORT) -> pd.DataFrame:
    """Return the numbers of each cell as text: index and share down, turnover across."""
    return by_index(cells, lambda group: backtest.sweep_table(group, "turnover", measures))


def yearly(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the excess by index and calendar year, a column a cell, percent."""
    return by_index(cells, lambda group: 100 * backtest.sweep_years(group, "turnover"))


def by_index(cells: pd.DataFrame, table: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of the indexes one below the other."""
    groups = cells.groupby("index", sort=False)
    return pd.concat({name: table(group) for name, group in groups}, names=["index"])


def write(cells: pd.DataFrame, out: Path) -> None:
    """Write the cells, a heat map and a frontier for each index."""
    import matplotlib as mpl

    mpl.use("Agg")  # files only: a machine without a screen runs this too
    from matplotlib import pyplot as plt

    cells.to_csv(out / "cells.csv", index=False)
    groups = list(cells.groupby("index", sort=False))
    for name, group in groups:
        backtest.sweep_report(group.drop(columns="index"), out / f"{name}.html")
    for file, draw in (("heat_maps", _heat_map), ("frontiers", _frontier)):
        figure, axes = plt.subplots(
            1, len(groups), figsize=(4.6 * len(groups), 3.4), layout="constrained", squeeze=False
        )
        for ax, (name, group) in zip(axes[0], groups, strict=True):
            draw(group, ax)
            ax.set_title(f"{name}: annual excess")
        figure.savefig(out / f"{file}.png", dpi=120)
        plt.close(figure)
    print(f"written to {out}")


def _heat_map(group: pd.DataFrame, ax: Axes) -> None:
    plot_heat_map(group, ax=ax)


def _frontier(group: pd.DataFrame, ax: Axes) -> None:
    plot_frontier(group, "limit.turnover", "annual_excess", ["limit.constituent_share"], ax)


if __name__ == "__main__":
    main()
