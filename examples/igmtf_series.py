"""IGMTF on its own task, forecasting a set of series: beside the last value and a GRU without a bank.

    nice python examples/igmtf_series.py --data ../shared/data/multivariate --run runs/series   # ten CPU minutes
    python examples/igmtf_series.py --data ../shared/data/multivariate --set ETTh1 --horizons 24 --every 24

The first 60 % of the rows train, the next 20 % validate, the last 20 % test; a target lies 3, 6, 12 or 24
rows ahead. Each (set, horizon, model, seed) is a file in RUN, which is read when it is there.

What is predicted is the change from the last value, and windows are differences from it, both in units of
the changes in the training rows: a score of zero is the last value. The published systems predict levels
over the maximum of the whole series, which later rows decide. Windows are shorter than theirs (168).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

import alpha
from examples.rsr_nasdaq import shown
from examples.train_alpha import numbers
from market.run_files import measured_once

FILES = {"exchange": "exchange_rate.txt.gz", "ETTh1": "ETTh1.csv.gz"}
MODELS = ("GRU", "IGMTF")
NAIVE = "last value"
HORIZONS = (3, 6, 12, 24)
# exchange rates: arXiv:1703.07015 and arXiv:2005.11650, figures from memory
PUBLISHED = {
    "RSE": {"LSTNet-skip": (0.0226, 0.0280, 0.0356, 0.0449), "MTGNN": (0.0194, 0.0259, 0.0349, 0.0456)},
    "CORR": {"LSTNet-skip": (0.9735, 0.9658, 0.9511, 0.9354), "MTGNN": (0.9786, 0.9708, 0.9551, 0.9372)},
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> pd.DataFrame:
    """Train what is not there yet, print what was measured, and return it by set, horizon, model and seed."""
    options = parse(argv)
    torch.set_num_threads(1)
    found = {}
    for name in options.set:
        series = read(options.data / FILES[name])
        for horizon in options.horizons:
            data = Series(series, horizon, options.steps)
            rows = data.rows("test")
            found[name, horizon, NAIVE, 0] = measures(data.values[rows], data.after(rows))
            for model in options.models:
                for seed in options.seeds:
                    file = options.run / f"{name}-{horizon}-{model}-{seed}.json"
                    found[name, horizon, model, seed] = kept(file, data, model, seed, options)
    table = pd.DataFrame(found).T.rename_axis(["set", "horizon", "model", "seed"])
    for name in options.set:
        for measure in PUBLISHED:
            print(f"\n{name}, {measure}")
            shown(beside(table.loc[name, measure], measure if name == "exchange" else None))
    return table


def read(file: Path) -> NDArray[np.float64]:
    """Values ``[T, N]``; a column of dates is left out."""
    if not file.exists():
        raise ValueError(
            f"--data: {file} does not exist; give the folder of {', '.join(FILES.values())}"
        )
    head = 0 if ".csv" in file.name else None
    return pd.read_csv(file, header=head).select_dtypes("number").to_numpy(np.float64)


@dataclass(frozen=True, eq=False)
class Series:
    """N series, a row a step, and a target ``horizon`` rows ahead."""

    values: NDArray[np.float64]  # [T, N]
    horizon: int
    steps: int

    def rows(self, part: str) -> NDArray[np.intp]:
        """Rows whose target lies in a part; of the training part only those with a whole window."""
        count = len(self.values)
        first, second = int(0.6 * count), int(0.8 * count)
        ends = {
            "train": (self.steps - 1 + self.horizon, first),
            "valid": (first, second),
            "test": (second, count),
        }
        return np.arange(*ends[part]) - self.horizon

    def after(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Targets of rows."""
        return self.values[rows + self.horizon]

    def changes(self, ahead: int) -> NDArray[np.float64]:
        """Root mean square of changes over ``ahead`` rows in the training part ``[N]``."""
        known = self.values[: self.rows("train")[-1] + self.horizon + 1]
        return np.sqrt(np.square(known[ahead:] - known[:-ahead]).mean(axis=0))

    def days(self) -> alpha.Days:
        """A row is a day and a series a stock; dates count."""
        count, scale = len(self.values), self.changes(self.horizon)
        label = np.full(self.values.shape, np.nan, np.float32)
        label[: count - self.horizon] = (
            self.values[self.horizon :] - self.values[: -self.horizon]
        ) / scale
        return alpha.Days(
            windows=Differences(self.values, self.changes(self.steps), self.steps),
            present=np.ones(label.shape, bool), y=label,
            dates=pd.date_range("1990-01-01", periods=count),
            stocks=pd.Index([f"series {k}" for k in range(label.shape[1])]), horizon=self.horizon,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Differences:
    """Windows of values less the last of them, over a scale: one feature."""

    values: NDArray[np.float64]  # [T, N]
    scale: NDArray[np.float64]  # [N]
    steps: int
    features: int = 1

    @property
    def first(self) -> int:
        return self.steps - 1

    def window(self, row: int, columns: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        window = self.values[row - self.steps + 1 : row + 1]
        found = ((window - window[-1]) / self.scale)[..., None].astype(np.float32)
        return found if columns is None else found[:, columns]


def absolute(scores: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error, as IGMTF's authors have it."""
    return (scores[mask] - y[mask]).abs().mean()


def kept(
    file: Path, data: Series, model: str, seed: int, options: argparse.Namespace
) -> dict[str, float]:
    """Measures of a model and seed, read where they are there."""
    settings = {name: getattr(options, name) for name in ("steps", "hidden", "epochs", "every")}

    def work() -> dict[str, float]:
        rows = data.rows("test")
        moved = trained(data, model, seed, options) * data.changes(data.horizon)
        return measures(data.values[rows] + moved, data.after(rows))

    return measured_once(file, settings, work)


def trained(
    data: Series, model: str, seed: int, options: argparse.Namespace
) -> NDArray[np.float32]:
    """Scores of the test rows ``[D, N]``."""
    torch.manual_seed(seed)
    days = data.days()
    recipe = {
        "GRU": alpha.GRU(hidden=options.hidden, steps=options.steps),
        "IGMTF": alpha.IGMTF(
            hidden=options.hidden, steps=options.steps, gap=data.horizon + options.steps,
            bank_every=options.every,
        ),
    }[model]  # fmt: skip
    network = recipe.build(days.features)
    config = alpha.TrainConfig(
        epochs=options.epochs, patience=4, every=options.every,
        loss=absolute, metric="loss", device="cpu",
    )  # fmt: skip
    valid = data.rows("valid")[:: options.every]
    network.fit(
        alpha.Task(days, data.rows("train"), valid, config, seed, progress=options.progress)
    )
    return alpha.predict(network, days, data.rows("test")).to_numpy()


def measures(forecast: NDArray[np.floating], truth: NDArray[np.floating]) -> dict[str, float]:
    """RSE over the whole test matrix, CORR the mean over series of their correlations."""
    rse = np.sqrt(np.square(truth - forecast).sum() / np.square(truth - truth.mean()).sum())
    f, y = forecast - forecast.mean(axis=0), truth - truth.mean(axis=0)
    size = np.sqrt(np.square(f).sum(axis=0) * np.square(y).sum(axis=0))
    moves = size > 0.0  # a series that stands still correlates with nothing
    return {"RSE": float(rse), "CORR": float(((f * y).sum(axis=0)[moves] / size[moves]).mean())}


def beside(values: pd.Series, published: str | None) -> pd.DataFrame:
    """A row a model and a column a horizon: mean over seeds, their sd in brackets, published rows below."""
    groups = values.groupby(level=["model", "horizon"], sort=False)
    both = zip(groups.mean().items(), groups.std(), strict=True)
    text = {key: f"{m:.4f}" + ("" if np.isnan(s) else f" ({s:.4f})") for (key, m), s in both}
    table = pd.Series(text).unstack()
    rows = {
        f"{model} (published)": [f"{printed[h]:.4f}" if h in printed else "" for h in table.columns]
        for model, row in PUBLISHED.get(published or "", {}).items()
        for printed in [dict(zip(HORIZONS, row, strict=True))]
    }
    return pd.concat([table, pd.DataFrame.from_dict(rows, "index", columns=table.columns)])


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help=f"folder of {FILES['exchange']}")
    parser.add_argument(
        "--run", type=Path, default=Path("runs/series"), help="where results are kept"
    )
    parser.add_argument("--set", nargs="+", choices=FILES, default=["exchange"])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--horizons", type=numbers, default=HORIZONS, metavar="3,6,12,24")
    parser.add_argument("--seeds", type=numbers, default=(0, 1), metavar="0,1")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--every", type=int, default=8, help="train on every k-th row in an epoch")
    parser.add_argument("--progress", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:  # wrong data or options: the message says what to do
        raise SystemExit(f"error: {error}") from error
