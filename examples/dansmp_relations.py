"""Typed relations between Chinese stocks (DANSMP's CSI100E, CSI300E): what each relational model adds.

    nice python examples/dansmp_relations.py --data ../shared/data/dansmp --run runs/dansmp   # seven CPU minutes
    python examples/dansmp_relations.py --data ../shared/data/dansmp --set CSI100E --seeds 0 --models LSTM RSR-implicit

The relations are industry, business, shareholding and supply chain. The label is whether a stock rises
from one close to the next; the last 50 days are the test, the 50 before them validation (the authors'
split), and a model is trained on the cross-entropy. Each (set, model, seed) is a file in RUN, which is
read when it is there. Prices come standardised over all of the sample, so that a low one promises a rise:
windows are taken relative to their last day, unless ``--levels``. The data have no dates: those here count.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor
from torch.nn import functional as F

import alpha
from examples.rsr_nasdaq import shown
from examples.train_alpha import numbers
from market.run_files import measured_once

SETS = ("CSI100E", "CSI300E")
KINDS = {"I": "industry", "B": "business", "S": "shareholding", "SC": "supply chain"}
PRICES = 4  # the first columns of x_price, whose level is that of a price
TEST = VALID = 50  # days
MEASURES = ("accuracy", "AUC", "MRR", "IRR", "top5", "RankIC")
# A model, and the one on the same recurrent net that sees no relation.
TWINS = {
    "LSTM": None,
    "GRU": None,
    "RSR-uniform": "LSTM",
    "RSR-explicit": "LSTM",
    "RSR-implicit": "LSTM",
    "GAT": "GRU",
    "GraphSAGE": "GRU",
}


def main(argv: Sequence[str] | None = None) -> pd.DataFrame:
    """Train what is not there yet, print what was measured, and return it by set, model and seed."""
    options = parse(argv)
    torch.set_num_threads(1)
    found = {}
    for name in options.set:
        data = Data.read(options.data / f"{name}.npz", options.levels)
        print(
            f"{name}: {len(data.stocks)} stocks, relations {data.graph.links.shape[1]}, rising "
            f"{(data.returns[-TEST:] > 0).mean():.1%} of the test", flush=True
        )  # fmt: skip
        for model in options.models:
            for seed in options.seeds:
                file = options.run / f"{name}-{model}-{seed}.json"
                found[name, model, seed] = kept(file, data, model, seed, options)
    table = pd.DataFrame(found).T.rename_axis(["set", "model", "seed"])
    shown(summary(table))
    shown(margins(table))
    return table


@dataclass(frozen=True, eq=False)
class Data:
    """One set, days first. Row t is known at the close of t, ``returns[t]`` comes after it."""

    features: NDArray[np.float32]  # [T, N, F]
    returns: NDArray[np.float32]  # [T, N] from the close of t to that of t + 1
    stocks: pd.Index
    graph: alpha.graphs.Relations
    levels: bool

    @classmethod
    def read(cls, file: Path, levels: bool) -> Data:
        """Read features, returns and the relations between stocks."""
        if not file.exists():
            raise ValueError(f"--data: {file} does not exist; give the folder of {', '.join(SETS)}")
        with np.load(file) as found:
            stocks = pd.Index(found["codes"].astype(str))
            links = [
                pd.DataFrame(
                    stocks.to_numpy()[found[f"edge_{key}"]].T, columns=["source", "target"]
                )
                for key in KINDS
            ]
            features = np.concatenate([found["x_price"], found["x_news"]], axis=2)
            returns = found["ret_next"][:, : len(stocks)]
        table = pd.concat(links, keys=KINDS.values(), names=["kind"]).reset_index(level="kind")
        # there is no history of the relations: what they were at the end is used throughout
        graph = alpha.graphs.Relations.from_frame(
            table, stocks, name=file.stem, undirected=False, point_in_time=False,
            kinds=tuple(KINDS.values()),
        )  # fmt: skip
        return cls(features, returns, stocks, graph, levels)

    def days(self, steps: int) -> alpha.Days:
        """Windows that end on a day, and whether each stock rises on the next."""
        dates = pd.bdate_range("2000-01-03", periods=len(self.returns))
        return alpha.Days(
            windows=PriceWindows(self.features, steps, self.levels),
            present=np.ones(self.returns.shape, bool),
            y=(self.returns > 0).astype(np.float32),
            dates=dates, stocks=self.stocks, horizon=1,
            graph=self.graph.bind(dates, self.stocks), typed=True,
        )  # fmt: skip

    def rows(self, part: str, steps: int) -> NDArray[np.intp]:
        """Days of a part that have a whole window behind them; labels of one day need no purge."""
        last = len(self.returns)
        ends = {
            "train": (steps - 1, last - TEST - VALID - 1),
            "valid": (last - TEST - VALID, last - TEST - 1),
            "test": (last - TEST, last),
        }
        return np.arange(*ends[part])


@dataclass(frozen=True, eq=False)
class PriceWindows:
    """Windows whose prices are differences from the last day, so that their level says nothing."""

    x: NDArray[np.float32]  # [T, N, F], prices first
    steps: int
    levels: bool  # leave prices as they are

    @property
    def features(self) -> int:
        return self.x.shape[2]

    @property
    def first(self) -> int:
        return self.steps - 1

    def window(self, row: int, columns: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        window = self.x[row - self.steps + 1 : row + 1]
        window = window.copy() if columns is None else window[:, columns]
        if not self.levels:
            window[..., :PRICES] -= window[-1:, :, :PRICES].copy()
        return window


def cross_entropy(scores: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Of the chance of a rise, whose log odds are the score."""
    return F.binary_cross_entropy_with_logits(scores[mask], y[mask])


def kept(
    file: Path, data: Data, model: str, seed: int, options: argparse.Namespace
) -> dict[str, float]:
    """Measures of a model and seed, read where they are there."""
    settings = {
        name: getattr(options, name) for name in ("steps", "hidden", "epochs", "every", "levels")
    }

    def work() -> dict[str, float]:
        scores = trained(data, model, seed, options)
        return measures(scores, data.returns[data.rows("test", options.steps)])

    return measured_once(file, settings, work)


def trained(data: Data, model: str, seed: int, options: argparse.Namespace) -> NDArray[np.float32]:
    """Scores of the test days ``[50, N]``."""
    days = data.days(options.steps)
    torch.manual_seed(seed)
    network = recipe(model, options.hidden, options.steps, len(KINDS)).build(days.features)
    if "edges" not in network.needs:
        days = replace(days, graph=None)
    config = alpha.TrainConfig(
        epochs=options.epochs, patience=5, every=options.every, loss=cross_entropy, metric="loss",
        device="cpu",
    )  # fmt: skip
    train, valid = (data.rows(part, options.steps) for part in ("train", "valid"))
    network.fit(alpha.Task(days, train, valid, config, seed, progress=options.progress))
    return alpha.predict(network, days, data.rows("test", options.steps)).to_numpy()


def recipe(model: str, hidden: int, steps: int, kinds: int) -> alpha.Recipe:
    """Settings of a model by its name in ``TWINS``."""
    kind, _, strength = model.partition("-")
    if kind == "RSR":
        return alpha.RSR(strength, types=kinds, hidden=hidden, steps=steps)
    if kind == "GraphSAGE":
        return alpha.GraphSAGE(layers=1, samples=None, hidden=hidden, steps=steps)
    return getattr(alpha, kind)(hidden=hidden, steps=steps)


def measures(scores: NDArray[np.floating], returns: NDArray[np.floating]) -> dict[str, float]:
    """Measures of scores ``[D, N]``, log odds of a rise, by what followed ``[D, N]``.

    - accuracy of the sign, and area under the ROC curve, over all (day, stock) pairs,
    - MRR, the mean of 1 / rank of the first pick in the true order of its day,
    - IRR and top5, returns of the first pick and of the first five, added up without costs,
    - RankIC, the mean over days.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    picks = np.take_along_axis(returns, order, axis=1)
    above = (returns > picks[:, :1]).sum(axis=1)
    rises = (returns > 0).ravel()
    ranks = rankdata(scores.ravel())[rises].sum()
    many, few = rises.sum(), (~rises).sum()
    frames = pd.DataFrame(scores), pd.DataFrame(returns)
    return {
        "accuracy": float(((scores > 0).ravel() == rises).mean()),
        "AUC": float((ranks - many * (many + 1) / 2) / (many * few)),
        "MRR": float((1.0 / (1 + above)).mean()),
        "IRR": float(picks[:, 0].sum()),
        "top5": float(picks[:, :5].mean(axis=1).sum()),
        "RankIC": float(alpha.evaluate.rank_ic(*frames).mean()),
    }


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean (standard deviation) over seeds."""
    groups = table[list(MEASURES)].groupby(level=["set", "model"], sort=False)
    mean, sd = groups.mean(), groups.std()
    text = {
        name: [f"{m:.4f} ({s:.4f})" for m, s in zip(mean[name], sd[name], strict=True)]
        for name in MEASURES
    }
    return pd.DataFrame(text, mean.index)


def margins(table: pd.DataFrame) -> pd.DataFrame:
    """What a relational model adds to its twin: mean and standard error over seeds."""
    there = table.index.droplevel("seed").unique()
    table, rows = table.sort_index(), {}
    for name, model in there:
        twin = TWINS[model]
        if twin is None or (name, twin) not in there:
            continue
        more = table.loc[(name, model)] - table.loc[(name, twin)]
        error = more.std() / np.sqrt(len(more))
        rows[name, model, twin] = {
            f"{measure}{what}": value[measure]
            for measure in ("AUC", "RankIC")
            for what, value in (("", more.mean()), (" error", error))
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of CSI100E.npz, CSI300E.npz"
    )
    parser.add_argument(
        "--run", type=Path, default=Path("runs/dansmp"), help="where results are kept"
    )
    parser.add_argument("--set", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--models", nargs="+", choices=TWINS, default=list(TWINS))
    parser.add_argument("--seeds", type=numbers, default=(0, 1, 2), metavar="0,1,2")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--every", type=int, default=2, help="an epoch is every k-th training day")
    parser.add_argument("--levels", action="store_true", help="prices as they are in the files")
    parser.add_argument("--progress", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:  # wrong data or options: the message says what to do
        raise SystemExit(f"error: {error}") from error
