"""Relational stock ranking on the NASDAQ data of Feng et al. 2019: what the industry relation adds.

    python examples/rsr_nasdaq.py --data ../shared/data/rsr --run runs/rsr --anchors   # check the measures
    nice python examples/rsr_nasdaq.py --data ../shared/data/rsr --run runs/rsr        # ten CPU minutes

In the authors' two stages: a recurrent net ranks the stocks alone, then its states are kept and a
relation layer is trained on top of them. Each (model, seed) is a file in RUN, which is read when it is
there. Unlike the published program, prices are divided by the last close of their window (not by the
highest of all five years), the return is predicted itself, no training target lies in the validation
year, and epochs are judged by RankIC.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import alpha
from alpha.windows import SlidingWindows, Windows
from market.run_files import measured_once

MODELS = ("ranking LSTM", "GCN", "RSR explicit", "RSR implicit")
# tables 5 and 7 of arXiv:1809.09441v2, industry relation: mean (sd) of five runs
PUBLISHED = pd.DataFrame(
    {
        "ranking LSTM": ("3.79e-04", "0.0417 (0.0075)", "0.68 (0.60)"),
        "GCN": ("3.80e-04", "0.0345 (0.0084)", "0.24 (0.32)"),
        "RSR explicit": ("3.82e-04", "0.0316 (0.0035)", "0.20 (0.22)"),
        "RSR implicit": ("3.80e-04", "0.0317 (0.0051)", "0.23 (0.27)"),
    },
    index=["published MSE", "published MRR", "published top1"],
).T
MEASURES = ("MSE", "MRR", "top1", "top5", "top10", "RankIC")
STAGE = ("steps", "hidden", "weight", "epochs", "every")  # options that decide the first stage
UNKNOWN = "n/a"  # 156 stocks without an industry, which the published tensor makes one clique


def main(argv: Sequence[str] | None = None) -> pd.DataFrame:
    """Train what is not there yet, and return measures by model and seed."""
    options = parse(argv)
    options.run.mkdir(parents=True, exist_ok=True)
    data = Data.read(options.data)
    if options.anchors:
        return shown(anchors(data, options.steps))
    torch.set_num_threads(options.threads)
    table = shown(runs(data, options))
    shown(summary(table))
    return table


@dataclass(frozen=True, eq=False)
class Data:
    """The files of the folder, sessions first."""

    features: NDArray[
        np.float32
    ]  # [T, N, 5] means of 5, 10, 20, 30 days and the close, NaN missing
    there: NDArray[np.bool_]  # [T, N]
    returns: NDArray[np.float32]  # [T, N] of the session over the one before
    dates: pd.DatetimeIndex
    stocks: pd.Index
    industry: pd.DataFrame  # source, target, kind
    parts: dict[str, tuple[int, int]]  # target sessions of train, valid, test

    @classmethod
    def read(cls, folder: Path) -> Data:
        """Read prices, the industry relation and the split."""
        if not (folder / "NASDAQ_prices.npz").exists():
            raise ValueError(
                f"--data: {folder / 'NASDAQ_prices.npz'} does not exist; give the folder of the data set"
            )
        prices = np.load(folder / "NASDAQ_prices.npz")
        links = np.load(folder / "NASDAQ_relations.npz")
        split = json.loads((folder / "NASDAQ_split.json").read_text(encoding="utf-8"))
        stocks = pd.Index(prices["tickers"].astype(str))
        industry = pd.DataFrame(
            {
                "source": stocks[links["industry_src"]],
                "target": stocks[links["industry_dst"]],
                "kind": links["industry_names"][links["industry_type"]].astype(str),
            }
        )
        return cls(
            np.ascontiguousarray(prices["features"].transpose(1, 0, 2)),
            prices["mask"].T.astype(bool),
            np.ascontiguousarray(prices["ret"].T),
            pd.DatetimeIndex(prices["dates"].astype(str)),
            stocks,
            industry,
            {part: tuple(split[f"{part}_target_days"]) for part in ("train", "valid", "test")},
        )

    def days(self, steps: int, windows: Windows | None = None) -> alpha.Days:
        """Row t decides after the close of t; its label is the return of session t + 1."""
        sessions = len(self.dates)
        whole = np.zeros_like(self.there)
        runs_of = np.lib.stride_tricks.sliding_window_view(self.there, steps, axis=0)
        whole[steps - 1 :] = runs_of.all(axis=-1)
        label = np.full(self.returns.shape, np.nan, np.float32)
        label[: sessions - 1] = np.where(self.there[1:], self.returns[1:], np.nan)
        return alpha.Days(
            RelativePrices(self.features, steps) if windows is None else windows,
            whole, label, self.dates, self.stocks, horizon=1,
        )  # fmt: skip

    def rows(self, part: str, steps: int, every: int = 1) -> NDArray[np.intp]:
        """Rows whose target session is in a part and that have a whole window."""
        first, end = self.parts[part]
        rows = np.arange(max(first - 1, steps - 1), end - 1)
        return rows[::every]


@dataclass(frozen=True, eq=False)
class RelativePrices:
    """Windows of prices over the last close of the window, less one: nothing of the future scales them."""

    prices: NDArray[np.float32]  # [T, N, F], close last
    steps: int
    scale: float = 10.0  # a tenth up or down is a one

    @property
    def features(self) -> int:
        return self.prices.shape[2]

    @property
    def first(self) -> int:
        return self.steps - 1

    def window(self, row: int, columns: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        window = self.prices[row - self.steps + 1 : row + 1]
        window = window if columns is None else window[:, columns]
        relative = self.scale * (window / window[-1:, :, -1:] - 1.0)
        return np.nan_to_num(relative)  # the 30-day mean of a stock's first month


class Last(nn.Module):
    """Read the last step as it is: the states are made already."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1]


def runs(data: Data, options: argparse.Namespace) -> pd.DataFrame:
    """Measures of each model and seed."""
    table = data.industry.drop_duplicates()
    if options.drop_unknown:
        table = table[table["kind"] != UNKNOWN]
    # an industry is what it was at the end: the data have no history of it
    graph = alpha.graphs.Relations.from_frame(
        table, data.stocks, name="industry", undirected=False, point_in_time=False
    )
    found = {}
    for seed in options.seeds:
        for model in options.models:
            file = options.run / f"{model.replace(' ', '-')}-{seed}.json"
            settings = {**stage(options), "drop_unknown": options.drop_unknown}
            work = partial(measured, model, data, graph, seed, options)
            found[model, seed] = measured_once(file, settings, work)
    return pd.DataFrame(found).T.rename_axis(["model", "seed"])


def measured(
    model: str, data: Data, graph: alpha.graphs.Graph, seed: int, options: argparse.Namespace
) -> dict[str, float]:
    """Train a model and measure it."""
    return measures(trained(model, data, graph, seed, options), data, options.steps)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean (standard deviation) over seeds, beside what was published."""
    by_model = table[list(MEASURES)].groupby(level="model", sort=False)
    both = {"MSE": "{:.2e}", "MRR": "{:.4f} ({:.4f})", "RankIC": "{:.4f} ({:.4f})"}
    text = {
        name: [
            both.get(name, "{:.2f} ({:.2f})").format(mean, sd)
            for mean, sd in zip(by_model.mean()[name], by_model.std()[name], strict=True)
        ]
        for name in MEASURES
    }
    return pd.DataFrame(text, by_model.mean().index).join(PUBLISHED)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Print a table, and return it."""
    print(table.to_string(float_format=lambda v: f"{v:.4g}"))
    return table


def trained(
    model: str, data: Data, graph: alpha.graphs.Graph, seed: int, options: argparse.Namespace
) -> NDArray[np.float32]:
    """Predicted returns of the test sessions [D, N], NaN where a stock has no whole window."""
    config = alpha.TrainConfig(
        epochs=options.epochs, patience=options.epochs, every=options.every,
        loss=alpha.losses.RankingMSE(options.weight, "published"),
    )  # fmt: skip
    torch.manual_seed(seed)
    days = data.days(options.steps)
    if model == "ranking LSTM":
        network = alpha.LSTM(options.hidden, layers=1, steps=options.steps).build(days.features)
    else:
        windows = SlidingWindows(states(data, graph, seed, options), start=0, steps=1)
        days = replace(days, windows=windows, graph=graph.bind(days.dates, days.stocks))
        recipe = relational(model, options.hidden, len(graph.kinds))
        network = recipe.build(options.hidden)
        network.encoder = Last()
        days = replace(days, typed="edge_type" in network.needs)
    fit(network, days, data, config, seed, options)
    if model == "ranking LSTM":
        torch.save(
            {"settings": stage(options), "state": network.state()},
            options.run / f"states-{seed}.pt",
        )
    rows = data.rows("test", options.steps)
    return alpha.predict(network, days, rows).to_numpy()


def relational(model: str, hidden: int, kinds: int) -> alpha.GCN | alpha.RSR:
    """Settings of a model on states of ``hidden`` numbers."""
    if model == "GCN":
        return alpha.GCN(layers=1, hidden=hidden, steps=1)
    strength = "explicit" if model == "RSR explicit" else "implicit"
    return alpha.RSR(strength, types=kinds, hidden=hidden, steps=1)


def fit(
    network: alpha.Network,
    days: alpha.Days,
    data: Data,
    config: alpha.TrainConfig,
    seed: int,
    options: argparse.Namespace,
) -> None:
    """Train on the training part, keep the epoch that ranks the validation year best."""
    train, valid = data.rows("train", options.steps), data.rows("valid", options.steps, every=2)
    network.fit(alpha.Task(days, train, valid, config, seed, progress=options.progress))


def stage(options: argparse.Namespace) -> dict[str, float]:
    """What decides the states of the first stage."""
    return {name: getattr(options, name) for name in STAGE}


@torch.no_grad()
def states(
    data: Data, graph: alpha.graphs.Graph, seed: int, options: argparse.Namespace
) -> NDArray[np.float32]:
    """States of the ranking LSTM of a seed ``[T, N, H]``, trained if it is not there."""
    file = options.run / f"states-{seed}.pt"
    if not file.exists():
        with torch.enable_grad():
            trained("ranking LSTM", data, graph, seed, options)
    days = data.days(options.steps)
    network = alpha.LSTM(options.hidden, layers=1, steps=options.steps).build(days.features)
    found = torch.load(file, weights_only=True)
    if found.get("settings") != stage(options):
        raise ValueError(
            f"{file} was trained with {found.get('settings')} and {stage(options)} is asked for; use "
            "another --run"
        )
    network.load(found["state"])
    found = np.zeros((*data.there.shape, options.hidden), np.float32)
    for row in range(days.windows.first, len(days.dates)):
        batch = days.batch(row, labelled=False)
        found[row, days.columns(row)] = network.encoder(batch.x).numpy()
    return found


def measures(scores: NDArray[np.float32], data: Data, steps: int) -> dict[str, float]:
    """The published measures, and RankIC, over the test sessions; stocks with a whole window only.

    - MSE over all (session, stock); MRR, the mean of 1 / rank of the first pick in the true order,
    - top-k: mean return of the k best scored, summed over sessions, without costs.
    """
    rows = data.rows("test", steps)
    days = data.days(steps)
    label = np.where(days.present[rows], days.y[rows], np.nan)
    scores = np.where(np.isnan(label), np.nan, scores)
    known = [np.flatnonzero(~np.isnan(day)) for day in label]
    reciprocal, picks = [], dict.fromkeys((1, 5, 10), 0.0)
    for score, truth, there in zip(scores, label, known, strict=True):
        order = there[np.argsort(-score[there], kind="stable")]
        reciprocal.append(1.0 / (1 + (truth[there] > truth[order[0]]).sum()))
        for k in picks:
            picks[k] += float(truth[order[:k]].mean())
    frames = [pd.DataFrame(values, data.dates[rows], data.stocks) for values in (scores, label)]
    return {
        "MSE": float(np.nanmean((scores.astype(float) - label) ** 2)),
        "MRR": float(np.mean(reciprocal)),
        **{f"top{k}": value for k, value in picks.items()},
        "RankIC": float(alpha.evaluate.rank_ic(*frames).mean()),
    }


def anchors(data: Data, steps: int) -> pd.DataFrame:
    """Measures of predictors that need no training."""
    rows = data.rows("test", steps)
    today, tomorrow = data.returns[rows], data.returns[rows + 1]
    chance = [
        measures(np.random.default_rng(k).normal(size=today.shape), data, steps) for k in range(20)
    ]
    found = {
        "zero": measures(np.zeros_like(today), data, steps),
        "reversal": measures(-today, data, steps),
        "momentum": measures(today, data, steps),
        "oracle": measures(tomorrow, data, steps),
        "random, mean of 20": dict(pd.DataFrame(chance).mean()),
        "random, sd of 20": dict(pd.DataFrame(chance).std()),
    }
    return pd.DataFrame(found).T


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with NASDAQ_*.npz")
    parser.add_argument("--run", type=Path, default=Path("runs/rsr"), help="where results are kept")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--seeds", type=lambda s: tuple(map(int, s.split(","))), default=range(5))
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--weight", type=float, default=0.1, help="of the ranking term")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--every", type=int, default=4, help="an epoch is every k-th training day")
    parser.add_argument("--drop-unknown", action="store_true", help=f"no clique of {UNKNOWN}")
    parser.add_argument(
        "--anchors", action="store_true", help="measure predictors without training"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--progress", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:  # wrong data or options: the message says what to do
        raise SystemExit(f"error: {error}") from error
