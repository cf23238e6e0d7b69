"""Train scores out of sample and write one page about them.

    python examples/train_alpha.py                             # GATs on the simulated market, a minute
    python examples/train_alpha.py --model GATs GRU LightGBM --data DIR --years 2019-2024 --seeds 0,1 --jobs 2
    python examples/train_alpha.py --model ASTGNN --features week --set hidden=32 mode=subtract --config epochs=8

Every class of ``alpha.models`` can be named; those that read concepts get the industries, those that read
edges ``--graph industry``. A model is trained for each test year and seed in
``RUN/<model>``; what is finished there is read, what was interrupted is continued, and other settings are
refused. ``RUN/report.html`` compares the models.
"""

from __future__ import annotations

import argparse
import ast
import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

import alpha
import market

FEATURES = {
    "ALPHA158_20": alpha.ALPHA158_20,
    "ALPHA158_30": alpha.ALPHA158_30,
    "ALPHA158": alpha.ALPHA158,
    "ALPHA101": alpha.ALPHA101,
    "ALPHA360": alpha.ALPHA360,
    "week": alpha.BarTensor.weekly,  # the last 30 blocks of five daily bars
    "day": alpha.BarTensor.daily,  # the last 60 daily bars
}
LABELS = {
    label.name: label for label in (alpha.labels.vwap_1, alpha.labels.week, alpha.labels.fwd10)
}
LOSSES = {"ic": alpha.losses.ic, "mse": alpha.losses.mse}
GRAPHS = {"none": None, "industry": alpha.graphs.industry}


def main(argv: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """Train, write the report and return its tables."""
    options = parse(argv)
    asked = [(k, loss(v) if k == "loss" else v) for k, v in options.config]
    config = changed(alpha.TrainConfig(epochs=8, every=4, threads=1), asked, "--config")
    recipes = {name: getattr(alpha.models, name)() for name in options.model}
    recipes = changed_recipes(recipes, options.set)
    world = open_market(options)
    features = FEATURES[options.features]
    if callable(features):
        features = features(world)
    graph = None if GRAPHS[options.graph] is None else GRAPHS[options.graph](world)
    fitted = {}
    for name, recipe in recipes.items():
        started = perf_counter()
        model = suited(recipe, features, graph, options.set)
        reads = model.build(len(features.names)).needs
        fitted[name] = alpha.fit(
            model,
            world,
            options.index or world.indexes,
            label=LABELS[options.label],
            features=features,
            graph=graph,
            concepts=alpha.graphs.Concepts.from_labels(world.field("industry"))
            if "concepts" in reads
            else None,
            splits=alpha.WalkForward(start=options.years[0], end=options.years[1]),
            config=config if "loss" in dict(asked) else replace(config, loss=own_loss(model)),
            seeds=options.seeds,
            run=options.run / name,
            jobs=options.jobs,
            progress=options.progress,
        )
        print(f"{perf_counter() - started:7.1f} s  {name}: {fitted[name]!r}", flush=True)
    page = options.run / "report.html"
    tables = alpha.report(
        fitted, world, page, title=f"Scores of {', '.join(fitted)}",
        settings={"features": options.features}, progress=options.progress,
    )  # fmt: skip
    for title, table in tables.items():
        if title.startswith("League"):
            print(f"\n{title}\n{table.round(4).to_string()}")
    print(f"\nwritten to {page}")
    return tables


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", choices=alpha.models.__all__, default=["GATs"])
    parser.add_argument("--set", nargs="+", type=pair, default=[], metavar="NAME=VALUE",
                        help="settings of the models, such as hidden=32")  # fmt: skip
    parser.add_argument("--config", nargs="+", type=pair, default=[], metavar="NAME=VALUE",
                        help="settings of the training, such as epochs=20 every=2")  # fmt: skip
    parser.add_argument("--data", type=Path, help="data folder; the simulated market when left out")
    parser.add_argument("--index", type=words, help="csi300 or several by comma; all the data have")
    parser.add_argument("--label", choices=LABELS, default="week")
    parser.add_argument("--features", choices=FEATURES, default="ALPHA158_30")
    parser.add_argument("--graph", choices=GRAPHS, default="none",
                        help="edges for the models that read them")  # fmt: skip
    parser.add_argument("--years", type=years, default=(None, None), metavar="2019-2024",
                        help="test years; all that training allows")  # fmt: skip
    parser.add_argument("--seeds", type=numbers, default=(0,), metavar="0,1", help="averaged")
    parser.add_argument("--jobs", type=int, default=1, help="years and seeds trained at a time")
    parser.add_argument("--run", type=Path, default=Path("runs/alpha"), help="folder to write to")
    parser.add_argument("--stocks", type=int, default=400, help="of the simulated market")
    parser.add_argument("--days", type=int, default=1215, help="of the simulated market")
    parser.add_argument("--progress", action="store_true", help="show bars")
    return parser.parse_args(argv)


def pair(text: str) -> tuple[str, Any]:
    """``hidden=32`` -> ("hidden", 32); what is no number, True, False or None is a word."""
    name, found, value = text.partition("=")
    if not name or not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE, such as hidden=32")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def words(text: str) -> tuple[str, ...]:
    """``csi300,csi500`` -> its words."""
    return tuple(word for word in text.split(",") if word)


def numbers(text: str) -> tuple[int, ...]:
    """``0,1`` -> its whole numbers."""
    try:
        return tuple(int(word) for word in words(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of whole numbers, such as 0,1"
        ) from error


def years(text: str) -> tuple[str, str]:
    """``2019-2024`` or ``2020`` -> first and last day."""
    first, _, last = text.partition("-")
    last = last or first
    if not (first.isdigit() and last.isdigit() and len(first) == len(last) == 4 and first <= last):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no range of years, such as 2019-2024 or 2020"
        )
    return f"{first}-01-01", f"{last}-12-31"


def open_market(options: argparse.Namespace) -> market.Market:
    if options.data is not None:
        return market.open(options.data)
    # twice the usual alpha: two years of a few hundred stocks are little to learn from
    return market.simulate(stocks=options.stocks, days=options.days, seed=7, rank_ic=0.15)


def changed(settings: Any, pairs: Sequence[tuple[str, Any]], option: str) -> Any:
    """Replace fields of a dataclass; an unknown one is named with those that exist."""
    known = [field.name for field in fields(settings)]
    for name, value in pairs:
        if name not in known:
            raise ValueError(f"{option} {name}: {type(settings).__name__} has {', '.join(known)}")
        if isinstance(getattr(settings, name), int | float) and isinstance(value, str):
            raise ValueError(
                f"{option} {name}={value}: {name} is a number, {getattr(settings, name)} by default"
            )
    return replace(settings, **dict(pairs))


def changed_recipes(recipes: dict[str, Any], pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Give each setting to every model that knows it; one that no model knows is an error."""
    known = {name: {field.name for field in fields(recipe)} for name, recipe in recipes.items()}
    for setting, _ in pairs:
        if not any(setting in names for names in known.values()):
            have = "; ".join(
                f"{name} has {', '.join(sorted(names))}" for name, names in known.items()
            )
            raise ValueError(f"--set {setting}: no model knows it. {have}")
    return {
        name: changed(recipe, [(k, v) for k, v in pairs if k in known[name]], "--set")
        for name, recipe in recipes.items()
    }


def loss(name: str) -> alpha.losses.Loss:
    """A function of ``alpha.losses`` by its name."""
    if name not in LOSSES:
        raise ValueError(f"--config loss={name}: the losses are {', '.join(LOSSES)}")
    return LOSSES[name]


def own_loss(model: Any) -> alpha.losses.Loss:
    """TRA shares stocks out by squared errors, so its scores need the labels' scale."""
    return alpha.losses.mse if isinstance(model, alpha.TRA) else alpha.losses.ic


def suited(recipe: Any, features: Any, graph: Any, asked: Sequence[tuple[str, Any]]) -> Any:
    """Take the steps of windows with a length of their own, bars of a step, and kinds of edges."""
    own = {field.name for field in fields(recipe)} - {name for name, _ in asked}
    shape = {
        "steps": getattr(features, "steps", None), "bars": getattr(features, "days", None),
        "types": None if graph is None else len(graph.kinds),
    }  # fmt: skip
    if "backbone" in own:
        recipe = replace(recipe, backbone=suited(recipe.backbone, features, graph, asked))
    return replace(recipe, **{k: v for k, v in shape.items() if k in own and v is not None})


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        main()
    except ValueError as error:  # wrong data or options: the message says what to do
        raise SystemExit(f"error: {error}") from error
