"""Enhance the CSI 300: from prices to a track record, with one command.

    python examples/enhance_csi300.py                       # the simulated market, two minutes
    python examples/enhance_csi300.py --data DIR --model gru --start 2018-01-01 --end 2023-12-31

Trains a model walk-forward on the members of every index of the market, fits the risk model, lets the
optimiser decide each week and trades it under the exchange's rules. Prints the yearly and the summary
table; writes plots, the result and a record of the run. A second run with the same settings reads the
trained folds from ``--out`` instead of training again.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import pandas as pd

import alpha
import backtest
import enhance
import market
import risk
from backtest import plots

MODELS = {"gats": alpha.GATs(), "gru": alpha.GRU(), "lightgbm": alpha.LightGBM()}
PACKAGES = ("numpy", "pandas", "torch", "lightgbm", "cvxpy", "clarabel")


def main(argv: Sequence[str] | None = None) -> backtest.Result:
    """Run the whole road and return the backtest."""
    options = parse(argv)
    clock = Clock()
    with clock("open the market"):
        world = open_market(options)
    with clock(f"train {options.model}"):
        fitted = train(world, options)
    scores = fitted.scores()
    quality = rank_ic(fitted, world)
    print(f"\nRankIC of {options.model} with the next ten days, every tenth session, by year")
    print(quality.round(4).to_string())
    with clock("fit the risk model"):
        model = fit_risk(world.until(scores.index[-1]), scores, options)
    with clock("trade week by week"):
        result = trade(world, scores, model, options)
    with clock("write plots and tables"):
        write(result, world, quality, options, clock)
    print_result(result, options)
    return result


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="data folder; the simulated market when left out")
    parser.add_argument("--start", help="first day of testing; the first year that training allows")
    parser.add_argument("--end", help="last day of testing; the last session")
    parser.add_argument("--model", choices=sorted(MODELS), default="gats")
    parser.add_argument("--seeds", type=int, default=1, help="models a fold, averaged")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--turnover", type=float, default=0.20, help="one-way, a week")
    parser.add_argument("--constituent-share", type=float, default=0.80)
    parser.add_argument("--tracking-error", type=float, default=0.04, help="annual, predicted")
    parser.add_argument("--score-factor", action="store_true",
                        help="let the risk model know the scores as a factor of their own")  # fmt: skip
    parser.add_argument("--costs", choices=["reference", "cn"], default="reference",
                        help="reference: 0.1%% buy, 0.2%% sell; cn: dated taxes and 0.02%% commission")  # fmt: skip
    parser.add_argument("--stocks", type=int, default=400, help="of the simulated market")
    parser.add_argument("--days", type=int, default=1215, help="of the simulated market")
    parser.add_argument("--out", type=Path, default=Path("runs/csi300"))
    parser.add_argument("--progress", action="store_true", help="show bars")
    return parser.parse_args(argv)


def open_market(options: argparse.Namespace) -> market.Market:
    """Open the data, counting its defects, or simulate a market."""
    if options.data is None:
        # twice the usual alpha: two years of a few hundred stocks are little to learn from
        return market.simulate(stocks=options.stocks, days=options.days, seed=7, rank_ic=0.15)
    world = market.open(options.data)
    found = market.validate(world)
    if len(found):
        print(
            f"\nDefects of the data, counted and left as they are\n{found.to_string(index=False)}"
        )
    return world


def train(world: market.Market, options: argparse.Namespace) -> alpha.Fitted:
    """Fit walk-forward on the union of the indexes: five years where they exist, two at least."""
    return alpha.fit(
        MODELS[options.model],
        world,
        index=world.indexes,
        label=alpha.labels.fwd10,  # the turnover limit makes a holding last weeks, not days
        features=alpha.ALPHA158_30,
        splits=alpha.WalkForward(start=options.start, end=options.end),
        config=alpha.TrainConfig(every=4, epochs=options.epochs, patience=3, threads=1),
        seeds=tuple(range(options.seeds)),
        run=options.out / options.model,
        progress=options.progress,
    )


def rank_ic(fitted: alpha.Fitted, world: market.Market) -> pd.DataFrame:
    """Mean RankIC and its ICIR by year: among all scored stocks, and among the members of each index."""
    scores = fitted.scores()[fitted.label.columns]
    rows = [world.row(date) for date in scores.index]
    columns = world.stocks.get_indexer(scores.columns)
    table = {}
    for name in ("all", *sorted(world.indexes)):
        inside = scores
        if name != "all":
            inside = scores.where(world.index(name).member[rows][:, columns])
        years = alpha.evaluate.by_year(alpha.evaluate.rank_ic(inside, fitted.label, every=10))
        table[name] = years["mean"]
        table[f"{name} ICIR"] = years["icir"]
    return pd.DataFrame(table)


def fit_risk(
    world: market.Market, scores: pd.DataFrame, options: argparse.Namespace
) -> risk.RiskHistory:
    """Fit the risk model; books that follow one score share a risk that only the score can name."""
    if not options.score_factor:
        return risk.Barra().fit(world, progress=options.progress)
    styles = tuple(spec.name for spec in risk.CNE5)
    score = risk.StyleSpec("score", {"score": 1.0}, orthogonal_to=styles, kind="latent")
    given = {"score": scores.reindex(world.dates[world.dates >= scores.index[0]])}
    return risk.Barra(styles=(*risk.CNE5, score)).fit(world, options.progress, given)


def trade(
    world: market.Market, scores: pd.DataFrame, model: risk.RiskHistory, options: argparse.Namespace
) -> backtest.Result:
    """Run the weekly policy under the exchange's rules."""
    policy = enhance.csi300(
        scores,
        model,
        turnover=options.turnover,
        constituent_share=options.constituent_share,
        tracking_error=options.tracking_error,
    )
    costs = market.Costs.flat() if options.costs == "reference" else market.Costs.cn()
    return backtest.run(
        world,
        policy,
        start=scores.index[0],
        end=scores.index[-1],
        costs=costs,
        progress=options.progress,
    )


def write(
    result: backtest.Result,
    world: market.Market,
    quality: pd.DataFrame,
    options: argparse.Namespace,
    clock: Clock,
) -> None:
    """Write the result, three plots and ``run.json``, which says what would repeat the run."""
    import matplotlib as mpl

    mpl.use("Agg")  # files only: a machine without a screen runs this too
    out = options.out / f"{options.model}-result"
    result.save(out)
    for name, plot in (
        ("nav", plots.plot_nav),
        ("excess", plots.plot_excess),
        ("turnover_costs", plots.plot_turnover_costs),
    ):
        axes = plot(result)
        axes.figure.savefig(out / f"{name}.png", dpi=120, bbox_inches="tight")
    record = {
        "options": {key: str(value) for key, value in vars(options).items()},
        "model": asdict(MODELS[options.model]),
        "data": world.fingerprint(),
        "notes": list(result.notes),
        "versions": {name: version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "seconds": clock.seconds,
        "rank_ic": {" ".join(key): value for key, value in quality.stack().items()},
    }
    draft = out / "run.json.part"  # renamed when whole, so that a record is never half of one
    draft.write_text(json.dumps(record, indent=1, default=str), encoding="utf-8")
    draft.replace(out / "run.json")


def print_result(result: backtest.Result, options: argparse.Namespace) -> None:
    print("\nYear by year\n" + result.yearly().round(4).to_string())
    print("\nSummary\n" + result.summary().to_string())
    for note in result.notes:
        print(f"note: {note}")
    print(f"written to {options.out / (options.model + '-result')}")


class Clock:
    """Seconds by stage, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = perf_counter()
        yield
        self.seconds[stage] = round(perf_counter() - started, 1)
        print(f"{self.seconds[stage]:7.1f} s  {stage}", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        main()
    except ValueError as error:  # wrong data or options: the message says what to do
        raise SystemExit(f"error: {error}") from error
