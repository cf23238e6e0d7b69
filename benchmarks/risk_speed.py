"""The rows of ``benchmarks/risk.py``."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402

import market  # noqa: E402
import risk  # noqa: E402
from benchmarks import risk_peers as peers  # noqa: E402
from benchmarks.rows import Row, compare, write_rows  # noqa: E402
from risk.deep.loss import risk_loss  # noqa: E402
from risk.deep.network import DeepNetwork  # noqa: E402
from risk.eigen import Eigen, eigen_bias, simulated_length, whitened_draws  # noqa: E402

REFRESHES = 119  # of the eigenfactor adjustment in ten years, which share one set of draws
UPDATES = 5  # sessions added one by one
BUDGETS = {"full history": 25.0, "peak memory, GB": 4.0, "daily update": 0.150}
GOALS = {
    "regression, a day": 10.0,
    "eigen adjustment": 3.0,
    "deep model, a day": 20.0,
    "attention of peers": 20.0,
}


def against_budget(work: str, size: str, spent: float) -> Row:
    return Row(work, size, "the budget", spent, BUDGETS[work], BUDGETS[work] / spent)


def history(quick: bool) -> list[Row]:
    """Fit the full history, then add sessions one by one, in a process that holds nothing else."""
    days, stocks = (500, 500) if quick else (2500, 3000)
    with TemporaryDirectory() as scratch:
        for work, *size in ((_store, days, stocks), (_fit_and_update,)):
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                found = fresh.submit(work, Path(scratch) / "world", *size).result()
    size = f"{days} x {stocks}"
    print(
        f"\nfull history {size}: {found['models']} models, mean R2 {found['r2']:.3f}; update by "
        f"{UPDATES} sessions equals the rebuild's factor returns to {found['difference']:.1e}"
    )
    return [
        against_budget("full history", size, found["fit"]),
        against_budget("peak memory, GB", size, found["memory"]),
        against_budget("daily update", size, found["update"]),
    ]


def _store(folder: Path, days: int, stocks: int) -> None:
    market.simulate(stocks=stocks, days=days, seed=1, start="2014-01-02").save(folder)


def _fit_and_update(folder: Path) -> dict[str, float]:
    """Measure in this process, whose memory holds the stored fields and nothing else."""
    risk.Barra(warmup=70).fit(market.simulate(stocks=300, days=150))  # compilation
    world = market.open(folder)
    for name in world.fields:
        world.values(name)
    gc.collect()
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    began = process_time()
    fitted = risk.Barra().fit(world)
    spent = process_time() - began
    peak = _resident("VmHWM") - before
    rebuilt = fitted.factor_returns
    del fitted
    carried = risk.Barra().fit(world.until(world.dates[-UPDATES - 1]))
    taken = []
    for date in world.dates[-UPDATES:]:
        longer = world.until(date)
        began = process_time()
        carried = carried.update(longer)
        taken.append(process_time() - began)
    return {
        "fit": spent,
        "memory": peak,
        "update": median(taken),
        "models": len(carried.dates),
        "r2": carried.r2.mean(),
        "difference": float((carried.factor_returns - rebuilt).abs().max(axis=None)),
    }


def _resident(what: str) -> float:
    """Return a line of the process's status, in GB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(what)) / 1024**2


def regression(quick: bool) -> list[Row]:
    """Regress one day, with t statistics, VIF and R2, from the same arrays."""
    rows = []
    for stocks in (1000,) if quick else (1000, 3000):
        x = peers.day(stocks)
        f, t, r2 = peers.difference(x)
        if f > 1e-12 or t > 1e-10 or r2 > 1e-12:
            raise AssertionError(f"regressions differ: f {f:.1e}, t {t:.1e}, R2 {r2:.1e}")
        print(f"\nregression N={stocks}: largest differences f {f:.1e}, t {t:.1e}, R2 {r2:.1e}")
        rows.append(
            compare(
                "regression, a day",
                f"N={stocks}, K=42",
                partial(peers.closed_form, x),
                "statsmodels WLS",
                partial(peers.statsmodels_wls, x),
                15 if quick else 51,
            )
        )
    return rows


def eigen(quick: bool) -> list[Row]:
    """Simulate the bias of 42 eigenfactors at one date; our noise is drawn once for ten years."""
    config, horizon, factors = Eigen(), risk.CNE5S, 42
    simulations = 50 if quick else config.simulations
    length = simulated_length(2500, horizon)
    draw = np.random.default_rng(0)
    root = draw.standard_normal((factors, 60)) * np.geomspace(0.012, 0.002, factors)[:, None]
    covariance = root @ root.T / 60
    setup = (factors, horizon, length, simulations, config.seed)
    began = process_time()
    draws = whitened_draws(*setup)
    share = (process_time() - began) / REFRESHES
    plain = partial(peers.plain_eigen_bias, covariance, *setup[1:])
    difference = float(np.abs(eigen_bias(covariance, draws) - np.clip(plain(), 0.8, 2.0)).max())
    if difference > 1e-9:
        raise AssertionError(f"eigen adjustments differ by {difference:.1e}")
    print(f"\neigen adjustment, {simulations} simulations: largest difference {difference:.1e}")
    size = f"K={factors}, M={simulations}"
    row = compare(
        "eigen adjustment", size, lambda: eigen_bias(covariance, draws), "plain loop", plain,
        1 if quick else 3,
    )  # fmt: skip
    own = row.ours_cpu_s + share
    return [Row(row.work, size, row.peer, own, row.peer_cpu_s, (row.peer_cpu_s or 0.0) / own)]


def deep(quick: bool) -> list[Row]:
    """Take one day's loss and its gradient, 20 lags of 10 features, ours by sorting.

    Answers are compared without dropout, time is taken in training, with it.
    """
    stocks, repeats = (1000, 1) if quick else (3000, 3)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = DeepNetwork(features=10, factors=10, hidden=32, layers=2, gat=True, dropout=0.0)
    dense = deepcopy(network)
    dense.peers = peers.DensePeers(10, dropout=0.0)
    dense.peers.load_state_dict(network.peers.state_dict())
    x, y = torch.randn(20, stocks, 10), 0.02 * torch.randn(stocks, 20)
    cap = torch.exp(torch.randn(stocks))

    def step(model: torch.nn.Module) -> torch.Tensor:
        model.zero_grad()
        loss = risk_loss(model(x), y, cap)
        loss.backward()
        return loss.detach()

    def attend(model: torch.nn.Module) -> None:
        model.zero_grad()
        model(x).square().sum().backward()

    gaps = [abs(float(step(network) - step(dense)))]
    pairs = zip(network.parameters(), dense.parameters(), strict=True)
    gaps.append(max(float((a.grad - b.grad).abs().max()) for a, b in pairs))
    if max(gaps) > 1e-4:
        raise AssertionError(f"deep models differ: loss {gaps[0]:.1e}, gradient {gaps[1]:.1e}")
    print(f"\ndeep model N={stocks}: differences loss {gaps[0]:.1e}, gradient {gaps[1]:.1e}")
    network.peers.dropout = dense.peers.dropout = 0.5  # as published
    rows = []
    for work, do, ours, theirs in (
        ("deep model, a day", step, network, dense),
        ("attention of peers", attend, network.peers, dense.peers),
    ):
        sides = (partial(do, ours), "dense attention", partial(do, theirs))
        rows.append(compare(work, f"N={stocks}, 20 lags", *sides, repeats))
    return rows


def skfolio(quick: bool) -> list[Row]:
    """Fit the whole model; skfolio where it can express it."""
    if importlib.util.find_spec("skfolio") is None:
        return []
    from benchmarks.risk_skfolio import compare_models

    days, stocks, months = (450, 250, 1) if quick else (750, 1000, 6)
    found = compare_models(days, stocks, months=months)
    print(f"\nagainst skfolio, {days} x {stocks}:\n{found.table.round(3).to_string()}")
    own, other = found.seconds
    return [Row("whole model", f"{days} x {stocks}", "skfolio", own, other, other / own)]


WORKS = {f.__name__: f for f in (regression, eigen, deep, skfolio, history)}


def main(about: str) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a minute: small sizes, few repeats")
    parser.add_argument("--only", nargs="*", choices=WORKS, default=list(WORKS))
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    rows = [row for name in options.only for row in WORKS[name](options.quick)]
    frame = pd.DataFrame([asdict(row) for row in rows])
    goals = frame["work"].map({} if options.quick else GOALS | dict.fromkeys(BUDGETS, 1.0))
    print("\n" + frame.assign(goal=goals).to_string(index=False, float_format=lambda x: f"{x:.4g}"))
    write_rows(rows, options.json)
