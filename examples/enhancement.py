"""From prices to the track record of an enhanced index: what the scripts of the three indexes share.

Trains a model walk-forward on the members of every index of the market, or reads scores, fits the risk
model, lets the optimiser decide each week and trades it under the exchange's rules. Prints the yearly
and the summary table; writes the report, plots, the result and a record of the run. A second run with the
same settings reads the trained folds from ``--out`` instead of training again.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

import alpha
import backtest
import enhance
import market
import risk
from backtest import plots
from backtest.report_attribution import Given
from market.run_files import write_atomic


def columns(world: market.Market) -> alpha.FeatureSet:  # noqa: ARG001 - bars look at the market
    """Return the 30 daily columns."""
    return alpha.ALPHA158_30


def weekly_bars(world: market.Market) -> alpha.BarTensor:
    """Return the weekly bars of all stocks that were ever a member of an index."""
    member = np.any([world.index(name).member.any(axis=0) for name in world.indexes], axis=0)
    return alpha.BarTensor.weekly(world.select(world.stocks[member]))


Part = tuple[alpha.Recipe, Callable[[market.Market], alpha.FeatureSet | alpha.BarTensor]]

# A score is the mean of its parts, each a model and what it looks at.
MODELS: Mapping[str, Mapping[str, Part]] = {
    "gats": {"gats": (alpha.GATs(), columns)},
    "gru": {"gru": (alpha.GRU(), columns)},
    "lightgbm": {"lightgbm": (alpha.LightGBM(), columns)},
    "astgnn": {
        "astgnn-day": (alpha.ASTGNN(), columns),
        "astgnn-week": (alpha.ASTGNN(steps=30), weekly_bars),
    },
}
POLICIES = {"csi300": enhance.csi300, "csi500": enhance.csi500, "csi1000": enhance.csi1000}
TRACKING_ERROR = {"csi300": 0.04, "csi500": 0.05, "csi1000": 0.05}
PACKAGES = ("numpy", "pandas", "torch", "lightgbm", "cvxpy", "clarabel")


def main(index: str, argv: Sequence[str] | None = None) -> backtest.Result:
    """Run the whole road for one index and return the backtest."""
    options = parse(index, argv)
    clock = Clock()
    with clock("open the market"):
        world = open_market(options)
    if options.scores is not None:
        scores, quality = given_scores(options.scores, world, options), None
    else:
        with clock(f"train {options.model}"):
            fits = train(world, options)
        scores = together(fits)
        quality = rank_ic(scores, fits[0].label, world)
        print(f"\nRankIC of {options.model} with the next ten days, every tenth session, by year")
        print(quality.round(4).to_string())
    with clock("fit the risk model"):
        model = fit_risk(world.until(scores.index[-1]), scores, options)
    with clock("trade week by week"):
        result = trade(world, index, scores, model, options)
    with clock("write the report"):
        write(result, world, model, quality, options, clock)
    print_result(result, options)
    return result


def parse(index: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=f"From prices to a track record over {index}.")
    parser.add_argument("--data", type=Path, help="data folder; the simulated market when left out")
    parser.add_argument("--start", help="first day of testing; the first year that training allows")
    parser.add_argument("--end", help="last day of testing; the last session")
    parser.add_argument("--model", choices=sorted(MODELS), default="gats")
    parser.add_argument("--scores", type=Path,
                        help="parquet of scores, date x stock, in the place of training")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=1, help="models a fold, averaged")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--turnover", type=float, default=0.20, help="one-way, a week")
    parser.add_argument("--constituent-share", type=float, default=0.80)
    parser.add_argument("--tracking-error", type=float, default=TRACKING_ERROR[index],
                        help="annual, predicted")  # fmt: skip
    parser.add_argument("--score-factor", action="store_true",
                        help="let the risk model know the scores as a factor of their own")  # fmt: skip
    parser.add_argument("--costs", choices=["reference", "cn"], default="reference",
                        help="reference: 0.1%% buy, 0.2%% sell; cn: dated taxes and 0.02%% commission")  # fmt: skip
    parser.add_argument("--stocks", type=int, default=400, help="of the simulated market")
    parser.add_argument("--days", type=int, default=1215, help="of the simulated market")
    parser.add_argument("--out", type=Path, default=Path("runs") / index)
    parser.add_argument("--language", choices=["en", "zh"], default="en", help="of the report")
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


def train(world: market.Market, options: argparse.Namespace) -> list[alpha.Fitted]:
    """Fit walk-forward on the union of the indexes: five years where they exist, two at least."""
    return [
        alpha.fit(
            model,
            world,
            index=world.indexes,
            label=alpha.labels.fwd10,  # the turnover limit makes a holding last weeks, not days
            features=features(world),
            splits=alpha.WalkForward(start=options.start, end=options.end),
            config=alpha.TrainConfig(every=4, epochs=options.epochs, patience=3, threads=1),
            seeds=tuple(range(options.seeds)),
            run=options.out / name,
            progress=options.progress,
        )
        for name, (model, features) in MODELS[options.model].items()
    ]


def together(fits: Sequence[alpha.Fitted]) -> pd.DataFrame:
    """Return the mean of the scores of several fits of one market."""
    return alpha.average([fit.scores() for fit in fits])


def given_scores(path: Path, world: market.Market, options: argparse.Namespace) -> pd.DataFrame:
    """Read scores, whose stocks and dates the market must know, and z-score them."""
    scores = pd.read_parquet(path)
    scores.index = pd.DatetimeIndex(scores.index)
    scores = scores.loc[options.start : options.end]
    unknown = scores.columns.difference(world.stocks)
    strange = scores.index.difference(world.dates)
    if scores.empty or len(unknown) or len(strange):
        raise ValueError(
            f"{path}: {len(scores)} dates from {options.start} to {options.end}, {len(unknown)} unknown "
            f"stocks {list(unknown[:3])}, {len(strange)} dates that are no sessions "
            f"{[f'{date:%Y-%m-%d}' for date in strange[:3]]}; give date x stock like the market's"
        )
    return alpha.average([scores.reindex(columns=world.stocks)])


def rank_ic(scores: pd.DataFrame, label: pd.DataFrame, world: market.Market) -> pd.DataFrame:
    """Mean RankIC and its ICIR by year: among all scored stocks, and among the members of each index."""
    scores = scores[label.columns]
    table = {}
    for name in ("all", *sorted(world.indexes)):
        inside = scores if name == "all" else alpha.evaluate.within(scores, world.index(name))
        years = alpha.evaluate.by_year(alpha.evaluate.rank_ic(inside, label, every=10))
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
    world: market.Market,
    index: str,
    scores: pd.DataFrame,
    model: risk.RiskHistory,
    options: argparse.Namespace,
) -> backtest.Result:
    """Run the weekly policy under the exchange's rules."""
    policy = POLICIES[index](
        scores,
        model,
        turnover=options.turnover,
        constituent_share=options.constituent_share,
        tracking_error=options.tracking_error,
    )
    return backtest.run(
        world,
        policy,
        start=scores.index[0],
        end=scores.index[-1],
        costs=costs(options),
        progress=options.progress,
    )


def costs(options: argparse.Namespace) -> market.Costs:
    """Return the charges that were asked for."""
    return market.Costs.flat() if options.costs == "reference" else market.Costs.cn()


def write(
    result: backtest.Result,
    world: market.Market,
    model: risk.RiskHistory,
    quality: pd.DataFrame | None,
    options: argparse.Namespace,
    clock: Clock,
) -> None:
    """Write the result, a page, three plots and ``run.json``, which says what would repeat the run."""
    import matplotlib as mpl

    mpl.use("Agg")  # files only: a machine without a screen runs this too
    out = folder(options)
    result.save(out)
    result.report(
        out / "report.html",
        language=options.language,
        market=world,
        attribution=explained(result, world, model),
    )
    for name, plot in (
        ("nav", plots.plot_nav),
        ("excess", plots.plot_excess),
        ("turnover_costs", plots.plot_turnover_costs),
    ):
        axes = plot(result)
        axes.figure.savefig(out / f"{name}.png", dpi=120, bbox_inches="tight")
    record = {
        **made_by(options),
        "data": world.fingerprint(),
        "notes": list(result.notes),
        "versions": {name: version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "seconds": clock.seconds,
        "rank_ic": {}
        if quality is None
        else {" ".join(map(str, key)): value for key, value in quality.stack().items()},
    }
    text = json.dumps(record, indent=1, default=str)
    write_atomic(out / "run.json", lambda draft: draft.write_text(text, encoding="utf-8"))


def made_by(options: argparse.Namespace) -> dict[str, object]:
    """Return the options, and the models that were trained: with scores given, none was."""
    said = {key: str(value) for key, value in vars(options).items()}
    if options.scores is None:
        models = {name: asdict(part[0]) for name, part in MODELS[options.model].items()}
        return {"options": said, "model": models}
    for unused in ("model", "seeds", "epochs"):
        del said[unused]
    return {"options": said, "model": {}}


def explained(
    result: backtest.Result, world: market.Market, model: risk.RiskHistory
) -> dict[str, Given]:
    """Return where the excess came from, by heading; each table adds up to it."""
    by = backtest.attribution
    return {
        "factors": by.factor(result, world, model),
        "industries": by.brinson(result, world),
        "carrying it out": by.costs(result, world),
        "limits": by.limits(result),
        "risk": by.risk(result, world, model),
    }


def folder(options: argparse.Namespace) -> Path:
    """Return where the result goes."""
    source = options.model if options.scores is None else options.scores.stem
    return Path(options.out / f"{source}-result")


def print_result(result: backtest.Result, options: argparse.Namespace) -> None:
    print("\nYear by year\n" + result.yearly().round(4).to_string())
    print("\nSummary\n" + result.summary().to_string())
    for note in result.notes:
        print(f"note: {note}")
    print(f"written to {folder(options)}")


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


def script(index: str) -> None:
    """Run :func:`main`; wrong data or options end in one sentence that says what to do."""
    logging.basicConfig(level=logging.WARNING)
    try:
        main(index)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error
