"""Judge a risk model: how much it explains, and how well it forecasts, in one page.

    python examples/risk_report.py                                   # the simulated market, a minute
    python examples/risk_report.py --data DIR --start 2019-01-01 --preset CNE5 --horizon CNE5S
    python examples/risk_report.py --data DIR --deep RUN1 RUN2 --results BACKTEST1 BACKTEST2

Fits the model, the model without styles, and the model with ten statistical and ten random factors more (the
random ones tell what ten columns explain by chance). Every forecast is made at a close and held against the
returns of the days after it. Writes ``index.html``, its pictures, and every table as CSV into ``--out``.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import backtest
import market
import risk
from market.page import Page
from risk import evaluate as ev
from risk.diagnostics import factor_table
from risk.statistical import pca_exposures

PRESETS = ("CNE5", "CNE6", "USE4", "DFQ2020")
HORIZONS = ("CNE5S", "CNE5L", "CNE5D", "USE4S", "USE4L")
BASE = "country + industries"
HORIZON_NAMES = {1: "one day", 21: "one month"}


def main(argv: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """Write the report and return its tables."""
    options = parse(argv)
    world = market.open(options.data) if options.data else simulated(options)
    check(options, world)
    results = {path: backtest.load(path) for path in options.results}
    page = Report(options.out, f"Risk model {options.preset}, {options.horizon}")
    histories = fit(world, options)
    main_model = histories[options.preset]
    start = options.start or main_model.dates[0]
    span = (start, options.end)
    page.items(repr(main_model), *(f"note: {note}" for note in world.notes))
    page.show("what the data lacked", main_model.report)
    explained(page, histories, span)
    factors(page, main_model, span)
    plain = without_eigen(world, options)
    for horizon in (1, 21):
        calibrated(page, main_model, plain, world, span, horizon)
    least_risk(page, histories, world, span)
    if results:
        traded(page, main_model, world, results, span)
    page.write(options.out / "index.html")
    print(f"written to {options.out / 'index.html'}")
    return page.tables


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="data folder; the simulated market when left out")
    parser.add_argument("--start", help="first forecast judged; the first one there is")
    parser.add_argument("--end", help="last forecast judged; the last with an outcome")
    parser.add_argument("--preset", choices=PRESETS, default="CNE5", help="style factors")
    parser.add_argument("--horizon", choices=HORIZONS, default="CNE5S", help="half-lives")
    parser.add_argument("--pca", type=int, default=10, help="statistical factors to add; 0 none")
    parser.add_argument("--deep", type=Path, nargs="*", default=[], metavar="RUN",
                        help="folders of fitted deep factors, to replace the styles and to join them")  # fmt: skip
    parser.add_argument("--results", type=Path, nargs="*", default=[], metavar="DIR",
                        help="saved backtests whose tracking error to forecast")  # fmt: skip
    parser.add_argument("--stocks", type=int, default=500, help="of the simulated market")
    parser.add_argument("--days", type=int, default=1000, help="of the simulated market")
    parser.add_argument("--out", type=Path, default=Path("runs/risk"))
    parser.add_argument("--progress", action="store_true", help="show bars")
    return parser.parse_args(argv)


def simulated(options: argparse.Namespace) -> market.Market:
    return market.simulate(stocks=options.stocks, days=options.days, seed=7)


def check(options: argparse.Namespace, world: market.Market) -> None:
    """Refuse dates before minutes are spent on models."""
    for name in ("start", "end"):
        date = getattr(options, name)
        if date is not None and not world.dates[0] <= pd.Timestamp(date) <= world.dates[-1]:
            raise market.DataError(
                f"--{name} {date} is outside the data, {world.dates[0]:%Y-%m-%d} to "
                f"{world.dates[-1]:%Y-%m-%d}"
            )


def fit(world: market.Market, options: argparse.Namespace) -> dict[str, risk.RiskHistory]:
    """The models to compare, the simplest first."""
    styles = getattr(risk, options.preset)
    barra = risk.Barra(styles=styles, horizon=getattr(risk, options.horizon))
    given: dict[str, Mapping[str, pd.DataFrame]] = {"10 random": random_exposures(world, 10)}
    if options.pca:
        given[f"PCA {options.pca}"] = pca_exposures(world, factors=options.pca)
    for run in options.deep:
        given[f"deep {run.name}"] = deep_exposures(run)
    histories = {
        BASE: replace(barra, styles=()).fit(world, options.progress),
        options.preset: barra.fit(world, options.progress),
    }
    for name, frames in given.items():
        alone = latent(frames)
        both = replace(barra, styles=(*styles, *latent(frames, tuple(s.name for s in styles))))
        histories[f"{options.preset} + {name}"] = both.fit(world, options.progress, given=frames)
        if name.startswith("deep"):
            swapped = replace(barra, styles=alone)
            histories[name] = swapped.fit(world, options.progress, given=frames)
    return histories


def latent(
    frames: Mapping[str, pd.DataFrame], beside: tuple[str, ...] = ()
) -> tuple[risk.StyleSpec, ...]:
    """One latent factor for each frame, less what the styles beside it say already."""
    return tuple(
        risk.StyleSpec(name, {name: 1.0}, orthogonal_to=beside, kind="latent") for name in frames
    )


def random_exposures(world: market.Market, count: int) -> dict[str, pd.DataFrame]:
    """Exposures that mean nothing: each stock keeps a draw of its own."""
    draws = np.random.default_rng(0).standard_normal((count, 1, len(world.stocks)))
    shape = (len(world.dates), len(world.stocks))
    return {
        f"random{k:02d}": pd.DataFrame(np.broadcast_to(draw, shape), world.dates, world.stocks)
        for k, draw in enumerate(draws, 1)
    }


def deep_exposures(run: Path) -> dict[str, pd.DataFrame]:
    from risk.deep import FittedDeep  # torch is loaded only when asked for

    return FittedDeep.load(run).exposures()


def without_eigen(world: market.Market, options: argparse.Namespace) -> risk.RiskHistory:
    barra = risk.Barra(
        styles=getattr(risk, options.preset), horizon=getattr(risk, options.horizon), eigen=None
    )
    return barra.fit(world, options.progress)


Span = tuple[pd.Timestamp | str, str | None]


def explained(page: Report, histories: Mapping[str, risk.RiskHistory], span: Span) -> None:
    """Write how much of a day each model explains."""
    page.heading(
        "How much of a day's returns is explained",
        "Uncentred R2 of the cross-section, weighted by the square root of market value, on the days that all "
        "models explained. gain and its t (Newey-West) are against the first row.",
    )
    page.show("r2", ev.compare_r2(histories, *span))
    last = list(histories)[1:]
    styled = ev.compare_r2({name: histories[name] for name in last}, *span)
    page.items("The same against the styles:")
    page.show("r2_against_styles", styled)
    series = {name: h.r2.loc[span[0] : span[1]] for name, h in histories.items()}
    page.draw(
        "r2",
        "The same through time, mean of 63 sessions.",
        lambda plots, ax: plots.plot_r2(pd.DataFrame(series), ax=ax),
    )


def factors(page: Report, history: risk.RiskHistory, span: Span) -> None:
    """Write what the factors earned and how significant they were."""
    page.heading("The factors", "mean_t and share_t2 are of the absolute daily t statistics.")
    page.show("factors", factor_table(history, *span))
    returns = history.factor_returns.loc[span[0] : span[1]]
    styles = [name for name in returns.columns if history.kinds[name] == "style"]
    page.draw(
        "style_returns",
        "Returns of the styles, added up.",
        lambda plots, ax: plots.plot_factor_returns(returns, styles, ax=ax),
    )


def calibrated(
    page: Report,
    history: risk.RiskHistory,
    plain: risk.RiskHistory,
    world: market.Market,
    span: Span,
    horizon: int,
) -> None:
    """The calibration table of a horizon and its pictures."""
    page.heading(
        f"Forecast against outcome, {HORIZON_NAMES[horizon]} ahead",
        "bias: standard deviation of return over forecast, 1 when perfect, above when risk is under-forecast. "
        "mrad 0.17, q 2.27, in_band 0.95 when perfect and returns are normal.",
    )
    judged = ev.outcomes(history, world, ev.STANDARD, horizon, *span)
    page.show(f"calibration_{horizon}", ev.summarise(judged))
    if horizon > 1:
        return
    before = ev.outcomes(plain, world, [ev.Eigenfactors()], horizon, *span)["eigen"]
    ranks = {"without adjustment": before, "with adjustment": judged["eigen"]}
    bias = pd.DataFrame({name: each.annual()["bias"] for name, each in ranks.items()}).sort_index()
    page.show("eigen_bias", bias)
    outcomes = int(before.b.notna().sum().median())
    page.draw(
        "eigen_bias",
        "Bias of the eigenfactors by rank; flat at 1 when perfect.",
        lambda plots, ax: plots.plot_eigen_bias(bias, outcomes, ax),
    )
    b = judged["random"].b
    rolling = pd.DataFrame(ev.measures.rolling_bias(b.to_numpy(), 63), b.index, b.columns)
    page.draw(
        "rolling_bias",
        "Bias of the random active portfolios over the last 63 sessions.",
        lambda plots, ax: plots.plot_rolling_bias(rolling, ax=ax),
    )
    deciles = {
        "forecast": ev.by_decile(judged["specific"])["bias"],
        "market value": ev.by_decile(judged["specific"], world.cap())["bias"],
    }
    page.show("specific_deciles", pd.DataFrame(deciles))
    page.draw(
        "specific_deciles",
        "Bias of single stocks by decile of forecast specific risk and of market value.",
        lambda plots, ax: plots.plot_decile_bias(pd.DataFrame(deciles), ax=ax),
    )


def least_risk(
    page: Report, histories: Mapping[str, risk.RiskHistory], world: market.Market, span: Span
) -> None:
    """Write what the portfolios of least risk realised against forecast."""
    index = "csi300" if "csi300" in world.indexes else world.indexes[0]
    page.heading(
        f"Portfolios of least risk in {index}",
        "Solved anew at each close, no costs. The lower realised the better; ratio is forecast over realised.",
    )
    first = max(h.dates[0] for h in histories.values())  # the same days for every model
    sets = [ev.MinimumVariance(index), ev.MinimumTracking(index)]
    made = {}
    for name, history in histories.items():
        start = max(first, pd.Timestamp(span[0]))
        judged = ev.outcomes(history, world, sets, 1, start, span[1])
        made[name] = pd.concat([each.annual() for each in judged.values()])
    page.show("least_risk", pd.concat(made, names=["model", "portfolio"]))


def traded(
    page: Report,
    history: risk.RiskHistory,
    world: market.Market,
    results: Mapping[Path, backtest.Result],
    span: Span,
) -> None:
    """Write how stored backtests' tracking error was forecast."""
    page.heading(
        "Tracking error of traded portfolios",
        "Weights as they were traded, carried by prices between rebalances, against their index.",
    )
    frames = {}
    for path, result in results.items():
        name = str(result.config["benchmark"])
        frames[f"{path.parent.name}/{path.name}"] = ev.active_weights(result.weights, world, name)
    tables = {}
    for horizon in (1, 5):
        judged = ev.outcomes(history, world, [ev.Given(frames)], horizon, *span)["given"]
        tables[horizon] = judged.annual().dropna()
    page.show("traded", pd.concat(tables, names=["horizon", "portfolio"]))


class Report(Page):
    """A page with its tables as CSV and its pictures as PNG beside it."""

    def __init__(self, folder: Path, title: str) -> None:
        super().__init__(title)
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def heading(self, title: str, said: str = "") -> None:
        super().heading(title, said)
        print(f"\n{title}")

    def show(self, name: str, table: pd.DataFrame) -> None:
        """Write and print a table, four digits a number."""
        table.to_csv(self.folder / f"{name.replace(' ', '_')}.csv")
        self.table(name, table, {"": ".4g"})
        print(table.to_string(max_rows=60, na_rep="", float_format="{:.4g}".format))

    def draw(self, name: str, caption: str, picture: Callable[[Any, Any], object]) -> None:
        """Let ``picture(risk.plots, axes)`` make a figure, and keep it."""
        import matplotlib as mpl

        mpl.use("Agg")  # files only: a machine without a screen runs this too
        mpl.rcParams["font.family"] = ["sans-serif"]
        from matplotlib import pyplot as plt

        from risk import plots

        figure, axes = plt.subplots(figsize=(10, 4.5), layout="constrained")
        picture(plots, axes)
        file = self.folder / f"{name}.png"
        figure.savefig(file, dpi=110)
        plt.close(figure)
        self.figure(caption, file.read_bytes())


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        main()
    except ValueError as error:  # wrong data or options: the message says what to do
        raise SystemExit(f"error: {error}") from error
