"""Speed of the road's stages against named peers: CPU seconds, medians, both sides in turn in one run.

    python benchmarks/pipeline.py [--quick] [--data DIR] [--json FILE]

A peer that is not installed (extra ``[bench]``) leaves its column empty. ``--quick`` ends in a minute.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

import alpha
import backtest
import enhance
import market
import risk
from benchmarks.rows import Row, Work, compare, write_rows


def open_panel(folder: Path, repeats: int) -> Row:
    """All stored fields, ready to use, against pandas reading the same files as they lie."""
    fields = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["fields"]

    def ours() -> None:
        world = market.open(folder)
        for name in world.fields:
            world.values(name)

    def theirs() -> None:
        for entry in fields.values():
            (pd.read_parquet(folder / entry["file"]).set_index("date") * entry["scale"]).to_numpy()

    world = market.open(folder)
    size = f"{len(world.dates)} x {len(world.stocks)}, {len(world.fields)} fields"
    return compare("open the panel", size, ours, "pandas.read_parquet, files only", theirs, repeats)


def rebalance(stocks: int, repeats: int, with_peer: bool) -> Row:
    """One rebalance under all limits of the CSI 300 policy, against the dense textbook form."""
    model, benchmark, score = instance(stocks)
    limits = [
        enhance.Budget(), enhance.LongOnly(), enhance.NoBuy(), enhance.NoSell(),
        enhance.ActiveWeight(0.01), enhance.StyleExposure(0.5), enhance.IndustryExposure(0.02),
        enhance.TrackingError(0.04), enhance.ConstituentShare(0.8), enhance.Turnover(0.2),
    ]  # fmt: skip
    holdings = enhance.optimize(
        score.sample(frac=1.0, random_state=1).set_axis(score.index), model, benchmark,
        benchmark, limits, costs=(0.001, 0.002),
    ).weights  # fmt: skip

    def ours() -> object:
        return enhance.optimize(score, model, benchmark, holdings, limits, costs=(0.001, 0.002))

    dense = dense_form(model, benchmark, score, holdings) if with_peer else None
    return compare("one rebalance", f"N={stocks}", ours, "cvxpy dense + Clarabel", dense, repeats)


def instance(stocks: int) -> tuple[risk.RiskModel, pd.Series, pd.Series]:
    """A factor model of 1 + 31 + 10 factors, an index over the 300 largest, and scores."""
    rng = np.random.default_rng(0)
    names = pd.Index([f"SH{600000 + k}" for k in range(stocks)], name="stock")
    industry = rng.integers(0, 31, stocks)
    styles = rng.standard_normal((stocks, 10))
    x = np.hstack([np.ones((stocks, 1)), np.eye(31)[industry], styles])
    kinds = ["country", *["industry"] * 31, *["style"] * 10]
    factors = pd.Index([f"{kind}{k}" for k, kind in enumerate(kinds)])
    root = (
        rng.standard_normal((42, 60))
        * np.r_[0.012, np.full(31, 0.006), np.full(10, 0.003)][:, None]
    )
    model = risk.RiskModel(
        pd.Timestamp("2024-01-05"),
        pd.DataFrame(x, names, factors),
        pd.DataFrame(root @ root.T / 60, factors, factors),
        pd.Series(rng.uniform(0.012, 0.035, stocks) ** 2, names),
        dict(zip(factors, kinds, strict=True)),
    )
    size = np.sort(rng.pareto(1.2, stocks) + 1)[::-1][: min(stocks, 300)]
    capped = np.minimum(size / size.sum(), 0.04)
    benchmark = pd.Series(capped / capped.sum(), names[: len(size)])
    score = pd.Series(
        0.05 * np.sqrt(5 * model.specific_variance) * rng.standard_normal(stocks), names
    )
    return model, benchmark, score


def dense_form(
    model: risk.RiskModel, benchmark: pd.Series, score: pd.Series, holdings: pd.Series
) -> Work:
    """The same problem with the N x N covariance, as optimisation libraries write it."""
    import cvxpy as cp

    b = benchmark.reindex(model.stocks, fill_value=0.0).to_numpy()
    h = holdings.reindex(model.stocks, fill_value=0.0).to_numpy()
    x, v = model.exposures.to_numpy(), model.cov().to_numpy() * market.TRADING_DAYS
    styles, industries = x[:, -10:], x[:, 1:-10]

    def solve() -> None:
        w = cp.Variable(len(b))
        d, t = w - b, w - h
        rows = [
            cp.sum(w) == 1, w >= 0, cp.abs(d) <= 0.01, cp.abs(styles.T @ d) <= 0.5,
            cp.abs(industries.T @ d) <= 0.02, cp.quad_form(d, cp.psd_wrap(v)) <= 0.04**2,
            cp.sum(w[b > 0]) >= 0.8, cp.norm1(t) / 2 <= 0.2,
        ]  # fmt: skip
        cost = 0.001 * cp.sum(cp.pos(t)) + 0.002 * cp.sum(cp.neg(t))
        cp.Problem(cp.Maximize(score.to_numpy() @ d - cost), rows).solve(solver="CLARABEL")

    return solve


def weekly_backtest(stocks: int, weeks: int, repeats: int) -> Row:
    """Given targets traded under the exchange's rules, against vectorbt, which knows no rules."""
    rng = np.random.default_rng(1)
    days = weeks * 5
    moves = rng.normal(0.0, 0.02, (days, stocks)).clip(-0.09, 0.09)
    close = (10 * np.exp(np.cumsum(moves, axis=0))).astype(np.float32)
    bars = dict.fromkeys(("open", "high", "low", "close"), close)
    bars |= {"high": close * np.float32(1.01), "low": close * np.float32(0.99)}
    names = pd.Index([f"SH{600000 + k}" for k in range(stocks)])
    world = market.Market(
        pd.bdate_range("2015-01-05", periods=days),
        names,
        {**bars, "volume": np.full(close.shape, 1e6, np.float32)},
    )
    dates = market.rebalance_dates(world.dates)
    weight = rng.random((len(dates), stocks)) * (rng.random((len(dates), stocks)) < 0.1)
    targets = pd.DataFrame(weight / weight.sum(axis=1, keepdims=True), dates, names)
    policy = backtest.FixedWeights(targets)
    world.values("can_buy")  # rules are part of the data, computed once for all runs

    def ours() -> object:
        return backtest.run(world, policy, costs=market.Costs.flat())

    theirs = vectorbt_form(world, targets) if importlib.util.find_spec("vectorbt") else None
    return compare(
        "weekly backtest", f"{weeks} weeks x {stocks}", ours, "vectorbt", theirs, repeats
    )


def vectorbt_form(world: market.Market, targets: pd.DataFrame) -> Work:
    import vectorbt

    price = world.field("close").astype(np.float64)
    sizes = targets.reindex(price.index).shift(1)

    def run() -> None:
        vectorbt.Portfolio.from_orders(
            price, sizes, size_type="targetpercent", group_by=True, cash_sharing=True,
            call_seq="auto", fees=0.0015, freq="D",
        ).value()  # fmt: skip

    return run


def information_coefficients(stocks: int, days: int, repeats: int) -> Row:
    """IC and RankIC by date, against pandas on wide frames."""
    rng = np.random.default_rng(2)
    dates = pd.bdate_range("2014-01-02", periods=days)
    score, label = (
        pd.DataFrame(rng.standard_normal((days, stocks)), dates).mask(
            rng.random((days, stocks)) < 0.02
        )
        for _ in range(2)
    )

    def ours() -> None:
        alpha.evaluate.ic(score, label)
        alpha.evaluate.rank_ic(score, label)

    def theirs() -> None:
        score.corrwith(label, axis=1)
        both = score.notna() & label.notna()
        score.where(both).rank(axis=1).corrwith(label.where(both).rank(axis=1), axis=1)

    size = f"{days} days x {stocks}"
    return compare("IC and RankIC", size, ours, "pandas rank + corrwith", theirs, repeats)


def rows(quick: bool, data: Path | None) -> list[Row]:
    repeats = 3 if quick else 7
    with TemporaryDirectory() as scratch:
        folder = data
        if folder is None:
            folder = market.simulate(stocks=400, days=1000).save(Path(scratch) / "store")
        table = [open_panel(folder, 3)]
    table += [rebalance(300, repeats, with_peer=True)]
    table += [rebalance(n, repeats, with_peer=not quick and n == 1000) for n in (1000, 1800)]
    table += [weekly_backtest(1000 if quick else 5000, 313, 3)]
    table += [information_coefficients(300, 500 if quick else 2500, repeats)]
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path, help="data folder for the reading test")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    table = rows(options.quick, options.data)
    print(
        pd.DataFrame([asdict(row) for row in table]).to_string(
            index=False, float_format=lambda x: f"{x:.4g}"
        )
    )
    write_rows(table, options.json)


if __name__ == "__main__":
    main()
