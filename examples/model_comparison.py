"""Every model on the same inputs: the league table, who beats the twin without a graph, and the best together.

    python examples/model_comparison.py                       # all models, simulated market, minutes of one core
    python examples/model_comparison.py --models GRU HIST RSR --seeds 0,1 --run runs/three
    nice python examples/model_comparison.py --data DIR --index csi300,csi500,csi1000 --years 2021-2024 --seeds 0,1

A model is trained for each fold and seed in ``RUN/<model>``; what is finished there is read, what was
interrupted goes on, other settings are refused. ``GRU`` is always among them: it is the twin that the others
are tested against. Models that read relations get the industries as edges, those that read concepts get them
as concepts, on all levels where the data folder has ``industry_sw.parquet``. ``best three`` averages, in each
test period, the models with the best validation score of its own fold, so that no test decides who is in it;
``mean of all`` chooses nobody. ``RUN`` also gets ``league.csv``, ``paired.csv``, ``chosen.csv`` and
``report.html``.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

import alpha
import market
from alpha.dataset import Dataset
from examples.train_alpha import FEATURES, LABELS, numbers, own_loss, words, years

TWIN = "GRU"
ENSEMBLE = "best three"
ALL = "mean of all"
COLUMNS = ["rank_ic", "icir", "rank_ic_daily", "excess", "ratio", "turnover"]

# What differs between a small simulated market and a real one; the same for every model of a run.
SIMULATED = {
    "features": "ALPHA158_20", "label": "week", "hidden": 32, "steps": 8,
    "epochs": 6, "patience": 3, "every": 4, "valid_every": 1, "learning_rate": 3e-3,
    "train": "18m", "valid": "4m", "test": "6m", "min_train": "20m",
}  # fmt: skip
REAL = {
    "features": "ALPHA158_30", "label": "fwd10", "hidden": 64, "steps": 20,
    "epochs": 10, "patience": 2, "every": 5, "valid_every": 3, "learning_rate": 1e-3,
    "train": "5y", "valid": "1y", "test": "1y", "min_train": "2y",
}  # fmt: skip
# Where a model's defaults are its source's, and others find what the simulator plants or cost less.
SETTINGS: dict[str, dict[str, Any]] = {
    "HIST": {"variant": "qlib", "own_concepts": True},
    "RSR": {"cell": "gru"},
    "GraphSAGE": {"layers": 1, "samples": (10,)},
    "IGMTF": {"bank_every": 2},
    "ADD": {"told": 128},
}


def main(argv: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """Train what is not there yet, print and write the tables, and return them."""
    options = parse(argv)
    world = open_market(options)
    fits = {name: fitted(name, world, options) for name in ordered(options.models)}
    for name, fit in fits.items():
        spent = sum(fold.seconds for fold in fit.folds)
        print(f"{spent:7.1f} s  {name}", flush=True)
    validated = pd.DataFrame({name: validation(fit, world) for name, fit in fits.items()})
    together: dict[str, alpha.Fitted | pd.DataFrame] = dict(fits)
    chosen = best(validated)
    if len(fits) > 3:
        together[ENSEMBLE] = ensemble(fits, chosen)
        together[ALL] = alpha.average([fit.scores() for fit in fits.values()])
    tables = written(together, world, options)
    paired = against_twin(together, fits[TWIN].label, LABELS[options.label].horizon)
    league = tables["League, all"][COLUMNS].join(validated.mean().rename("valid"))
    shown("League, all stocks, test sessions", league.sort_values("rank_ic_daily", ascending=False))
    shown(f"Daily RankIC against {TWIN}", paired)
    shown("Best validation scores, by fold", chosen)
    for name, table in (("league", league), ("paired", paired), ("chosen", chosen)):
        table.to_csv(options.run / f"{name}.csv")
    print(f"\nwritten to {options.run}")
    return {"league": league, "paired": paired, "chosen": chosen}


def ordered(names: Sequence[str]) -> list[str]:
    """The twin first, each once."""
    return [TWIN, *(name for name in dict.fromkeys(names) if name != TWIN)]


def fitted(name: str, world: market.Market, options: argparse.Namespace) -> alpha.Fitted:
    """Train a model, or read it."""
    graph, features = alpha.graphs.industry(world), FEATURES[options.features]
    model = recipe(name, options.hidden, options.steps, len(graph.kinds))
    needs = model.build(len(features.names)).needs
    config = alpha.TrainConfig(
        epochs=options.epochs, patience=options.patience, every=options.every,
        valid_every=options.valid_every, learning_rate=options.learning_rate, device=options.device,
    )  # fmt: skip
    return alpha.fit(
        model,
        world,
        options.index or None,
        label=LABELS[options.label],
        features=features,
        graph=graph if "edges" in needs else None,
        concepts=industries(world, options.data) if "concepts" in needs else None,
        splits=splits(options),
        config=replace(config, loss=own_loss(model)),
        seeds=options.seeds,
        run=options.run / name,
        jobs=options.jobs,
        progress=options.progress,
    )


def recipe(name: str, hidden: int, steps: int, kinds: int) -> alpha.Recipe:
    """A model with the common width and window, and as many kinds of edges as there are."""
    model = getattr(alpha.models, name)(**SETTINGS.get(name, {}))
    if name == "TRA":  # its own hidden is the router's
        return replace(model, backbone=alpha.GRU(hidden=hidden, steps=steps))
    common = {"hidden": hidden, "steps": steps, "types": kinds}
    own = {field.name for field in fields(model)} - ({"steps"} if model.steps == 1 else set())
    return replace(model, **{key: value for key, value in common.items() if key in own})


def industries(world: market.Market, folder: Path | None) -> alpha.graphs.Concepts:
    """Industries as concepts, which change on the day that the label does."""
    file = None if folder is None else folder / "industry_sw.parquet"
    if file is None or not file.exists():
        return alpha.graphs.Concepts.from_labels(world.field("industry"))
    spans = pd.read_parquet(file)
    return alpha.graphs.Concepts.from_frame(
        levels(spans[spans["instrument"].isin(world.stocks)]), world.stocks
    )


def levels(spans: pd.DataFrame) -> pd.DataFrame:
    """Memberships of the three levels of a six-digit classification; a new edition has new groups.

    A stock that moves within a group stays in it: its stays there are one.
    """
    spans = spans.sort_values(["instrument", "start"])
    found = []
    for digits in (2, 4, 6):
        code, above = (spans["sw_code"].str[:k].str.ljust(6, "0") for k in (digits, digits - 2))
        held = pd.DataFrame({
            "stock": spans["instrument"], "concept": spans["edition"] + "-" + code,
            "since": spans["start"], "until": spans["end"],
        })[code != above]  # fmt: skip
        before = held.shift()
        on = (held["stock"] == before["stock"]) & (held["concept"] == before["concept"])
        on &= held["since"] == before["until"] + pd.Timedelta(days=1)
        stays = held.groupby((~on).cumsum())
        found.append(stays.head(1).assign(until=stays["until"].tail(1).to_numpy()))
    return pd.concat(found, ignore_index=True)


def splits(options: argparse.Namespace) -> alpha.WalkForward:
    """Test periods one after another, each with its training and validation before it."""
    first, last = options.years
    return alpha.WalkForward(
        options.train, options.valid, options.test, options.min_train, start=first, end=last
    )


def validation(fit: alpha.Fitted, world: market.Market) -> pd.Series:
    """RankIC of the validation sessions by fold, mean over seeds: what the best epoch was chosen by.

    Trees stop by squared errors, so theirs is worked out here.
    """
    if not isinstance(fit.plan.model, alpha.LightGBM):
        return fit.metrics()["valid"].groupby("fold").mean()
    plan = fit.plan
    folds = plan.splits.folds(world.dates, plan.label.horizon)
    data = Dataset.of(world, plan.index, plan.label, plan.features, folds, progress=False)
    found = {}
    for fold in folds:
        days = data.days(fold, plan.model.steps, plan.config.every)
        rows = fold.valid[:: plan.config.valid_every]
        truth = pd.DataFrame(days.y[rows], days.dates[rows], days.stocks)
        seeds = [one.seed for one in fit.folds if one.fold == fold.name]
        scores = (alpha.predict(fit.model(fold.name, seed), days, rows) for seed in seeds)
        measured = [alpha.evaluate.rank_ic(table, truth).mean() for table in scores]
        found[fold.name] = sum(measured) / len(measured)
    return pd.Series(found)


def best(validated: pd.DataFrame, count: int = 3) -> pd.DataFrame:
    """Names of the models of each fold by their validation score, the best first."""
    ranked = {fold: row.nlargest(count).index.tolist() for fold, row in validated.iterrows()}
    table = pd.DataFrame.from_dict(ranked, orient="index").rename_axis("fold")
    return table.rename(columns=lambda k: f"{k + 1}.")


def ensemble(fits: Mapping[str, alpha.Fitted], chosen: pd.DataFrame) -> pd.DataFrame:
    """Mean score, in each fold's test sessions, of the models chosen for the fold."""
    sessions = {one.fold: one.scores.index for one in fits[TWIN].folds}
    parts = []
    for fold, names in chosen.iterrows():
        scores = [fits[name].scores().loc[sessions[fold]] for name in names]
        parts.append(alpha.average(scores))
    return pd.concat(parts).sort_index()


def written(
    models: Mapping[str, alpha.Fitted | pd.DataFrame],
    world: market.Market,
    options: argparse.Namespace,
) -> dict[str, pd.DataFrame]:
    """Write the page and return its tables."""
    return alpha.report(
        models, world, options.run / "report.html", label=LABELS[options.label],
        indexes=options.index or (), title="Every model on the same inputs",
        settings={"features": options.features, ENSEMBLE: "by validation score of each fold"},
        progress=options.progress,
    )  # fmt: skip


def against_twin(
    models: Mapping[str, alpha.Fitted | pd.DataFrame], label: pd.DataFrame, horizon: int
) -> pd.DataFrame:
    """Paired test of daily RankIC against the twin; a model that scores all stocks alike is left out."""
    daily = {}
    for name, model in models.items():
        scores = model.scores() if isinstance(model, alpha.Fitted) else model
        daily[name] = alpha.evaluate.rank_ic(scores[label.columns], label)
    measured = {name: series for name, series in daily.items() if series.notna().any()}
    if len(measured) < 2 or TWIN not in measured:
        return pd.DataFrame(columns=["mean", "difference", "t", "p", "won", "days"])
    return alpha.evaluate.paired(measured, horizon, TWIN).droplevel("against")


def shown(title: str, table: pd.DataFrame) -> None:
    """Print a table."""
    print(f"\n{title}\n{table.round(4).to_string()}")


def open_market(options: argparse.Namespace) -> market.Market:
    """The data folder, or a market in which every part of the alpha is planted."""
    if options.data is not None:
        return market.open(options.data)
    return market.simulate(stocks=options.stocks, days=options.days, seed=7, rank_ic=0.15)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what was not said is filled in by the kind of market."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = alpha.models.__all__
    parser.add_argument("--models", nargs="+", choices=known, default=known)
    parser.add_argument("--data", type=Path, help="data folder; the simulated market when left out")
    parser.add_argument(
        "--index", type=words, default=(), help="csi300 or several by comma; every stock"
    )
    parser.add_argument("--years", type=years, default=(None, None), metavar="2021-2024",
                        help="test years; all that training allows")  # fmt: skip
    parser.add_argument("--seeds", type=numbers, default=(0,), metavar="0,1", help="averaged")
    parser.add_argument("--jobs", type=int, default=1, help="years and seeds trained at a time")
    parser.add_argument(
        "--run", type=Path, default=Path("runs/comparison"), help="folder to write to"
    )
    parser.add_argument("--features", choices=[k for k in FEATURES if k.startswith("ALPHA158")])
    parser.add_argument("--label", choices=LABELS)
    for name, what in (("hidden", "units"), ("steps", "sessions in a window"), ("epochs", "at most"),
                       ("patience", "epochs without a better validation score"),
                       ("every", "an epoch is every k-th training day"),
                       ("valid-every", "epochs are judged on every k-th validation day")):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, help=what)
    parser.add_argument("--learning-rate", type=float)
    for name in ("train", "valid", "test", "min-train"):
        parser.add_argument(f"--{name}", metavar="5y", help="length, as 5y or 18m")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--stocks", type=int, default=250, help="of the simulated market")
    parser.add_argument("--days", type=int, default=725, help="of the simulated market")
    parser.add_argument("--progress", action="store_true", help="show bars")
    options = parser.parse_args(argv)
    for name, value in (SIMULATED if options.data is None else REAL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        main()
    except ValueError as error:  # wrong data or options: the message says what to do
        raise SystemExit(f"error: {error}") from error
