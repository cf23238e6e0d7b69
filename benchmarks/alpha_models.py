"""Rows of ``benchmarks/alpha.py``: training steps of GATs against pyqlib's, and of every model as N grows.

The peer runs ``alpha_models_peer.py`` in a process of its own and times itself; a size at which it needs
more memory than is free is skipped.
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402

import alpha  # noqa: E402
from alpha import models  # noqa: E402
from alpha.graphs.groups import BoundGroups  # noqa: E402
from alpha.graphs.memberships import BoundConcepts  # noqa: E402
from alpha.windows import SlidingWindows  # noqa: E402
from benchmarks.alpha_speed import Peer  # noqa: E402
from benchmarks.rows import Row  # noqa: E402

STEPS, FEATURES, HIDDEN = 20, 158, 64
GOALS = {300: 2.5, 800: 6.0, 3000: 15.0}  # stocks: least ratio to the peer
PEER_KB_PER_PAIR = 1.1  # of stocks, in the peer's step
LARGEST = 5000
GROUPS = 30
MORE = 5  # training days, where it takes several to see what one costs


def gats_step(stocks: int) -> tuple[alpha.Network, alpha.Batch]:
    """Our network in the peer's shape and a random day."""
    torch.manual_seed(0)
    network = models.GATs(hidden=HIDDEN, rnn_layers=2, steps=STEPS).build(FEATURES)
    x = torch.randn(STEPS, stocks, FEATURES).transpose(0, 1)
    return network, alpha.Batch(
        pd.Timestamp("2020-01-02"),
        pd.RangeIndex(stocks),
        x,
        torch.ones(stocks, dtype=torch.bool),
        2,
    )


def step(network: alpha.Network, batch: alpha.Batch) -> torch.Tensor:
    """Forward and backward on one day."""
    network.zero_grad(set_to_none=True)
    scores: torch.Tensor = network(batch.x, batch)
    scores.square().mean().backward()
    return scores.detach()


def memory(name: str) -> float:
    """MB of this process: ``VmRSS`` now, ``VmHWM`` at most since the mark was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def gats_memory(stocks: int) -> float:
    """MB on top of one step, run in a fresh process that has warmed up on fewer stocks."""
    torch.set_num_threads(1)
    step(*gats_step(64))
    network, batch = gats_step(stocks)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    step(network, batch)
    return memory("VmHWM") - before


def gats(peer: Peer, stocks: int, repeats: int) -> Row:
    """Steps of both sides in turn."""
    network, batch = gats_step(stocks)
    step(network, batch)
    request = {"stocks": stocks, "steps": STEPS, "features": FEATURES, "hidden": HIDDEN}
    enough = stocks**2 * PEER_KB_PER_PAIR / 1e6 + 2 < available()
    if not enough:
        print(f"GATs, {stocks} stocks: the peer would not fit into {available():.0f} GB; skipped")
    own, others, others_mb = [], [], []
    for _ in range(repeats):
        began = process_time()
        step(network, batch)
        own.append(process_time() - began)
        answer = peer.ask(work="gats", **request) if enough else None
        if answer is not None:
            others.append(answer["cpu"])
            others_mb.append(answer["mb"])
    mine = apart(gats_memory, stocks)
    theirs = f", peer {max(others_mb):.0f} MB" if others_mb else ""
    print(f"GATs, {stocks} stocks: {mine:.0f} MB on top of a step{theirs}")
    other = median(others) if others else None
    ratio = None if other is None else other / median(own)
    return Row(
        "GATs step", f"{stocks} x {STEPS} x {FEATURES}", peer.name, median(own), other, ratio
    )


def agreement(peer: Peer, folder: Path) -> None:
    """Print how far scores and a gradient are from the peer's, with the same weights."""
    network, batch = gats_step(200)
    graph = network.graph.attend[0]
    weights = {
        **{f"rnn.{k}": v for k, v in network.encoder.steps.weights.state_dict().items()},
        "transformation.weight": graph.project.weight, "transformation.bias": graph.project.bias,
        "a": torch.cat([graph.neighbour, graph.centre])[:, None],
        "fc.weight": network.mix.weight, "fc.bias": network.mix.bias,
        "fc_out.weight": network.head.weight, "fc_out.bias": network.head.bias,
    }  # fmt: skip
    arrays = {k: v.detach().numpy() for k, v in weights.items()}
    np.savez(folder / "gats.npz", x=batch.x.numpy(), **arrays)
    answer = peer.ask(work="scores", file=str(folder / "gats.npz"), out=str(folder / "peer.npz"))
    if answer is None:
        return
    ours = step(network, batch).numpy()
    slope = network.encoder.steps.weights.weight_ih_l0.grad.numpy()
    with np.load(folder / "peer.npz") as saved:
        gap = np.abs(ours - saved["scores"]).max()
        share = np.linalg.norm(slope - saved["slope"]) / np.linalg.norm(saved["slope"])
    print(
        f"GATs against {peer.name}: scores within {gap:.1e}, gradient within {share:.1e} of its norm"
    )


def world(model: alpha.AlphaModel, stocks: int, steps: int, features: int) -> alpha.Days:
    """Random days with what the model needs: 30 groups, three concepts a stock."""
    rng = np.random.default_rng(0)
    days = steps + 60
    labels = np.tile(np.arange(stocks) % GROUPS, (days, 1))
    stock = np.tile(np.arange(stocks), 3)
    held = np.stack(
        [stock, rng.integers(100, size=len(stock)) * 3 + np.arange(len(stock)) // stocks]
    )
    always = np.repeat([[0], [1]], len(stock), axis=1)
    found = alpha.Days(
        windows=SlidingWindows(rng.standard_normal((days, stocks, features), np.float32), 0, steps),
        present=np.ones((days, stocks), bool),
        y=rng.standard_normal((days, stocks), np.float32),
        dates=pd.bdate_range("2020-01-01", periods=days),
        stocks=pd.Index([f"SH6{k:05d}" for k in range(stocks)]),
        horizon=2,
        graph=BoundGroups(labels, tuple(f"group {k}" for k in range(GROUPS))),
        typed="edge_type" in model.needs,
        concepts=BoundConcepts(held, always, np.zeros(days), stocks) if "concepts" in model.needs else None,
        mktcap=np.exp(rng.standard_normal((days, stocks), dtype=np.float32) + 23),
        y_mkt=rng.standard_normal(days, np.float32),
    )  # fmt: skip
    if "edges" not in model.needs:
        found = replace(found, graph=None)
    return model.furnish(found)


def recipe(name: str) -> alpha.Recipe:
    """A model's defaults, with as many kinds of relation as there are groups and a bank up to yesterday."""
    settings = getattr(models, name)()
    own = {f.name for f in fields(settings)}
    fitting = {"types": GROUPS, "gap": 0}
    return replace(settings, **{k: v for k, v in fitting.items() if k in own})


def training(name: str, sizes: Collection[int]) -> tuple[list[float], float]:
    """CPU seconds of a training day (judged on another) by size, and the most GB ever held.

    What reads the past first makes up what it reads: there it is what further days take, each with what
    its session adds to the memory or the bank.
    """
    torch.set_num_threads(1)
    seconds = []
    for stocks in sizes:
        settings = recipe(name)
        model = settings.build(30)
        days = world(model, stocks, settings.steps, 30)
        past = getattr(settings, "bank_days", 0)
        fitted(settings, days, past + 1)  # compiles
        took = fitted(settings, days, past + 1)
        if past or "memory" in model.needs:
            took = (fitted(settings, days, past + 1 + MORE) - took) / MORE
        seconds.append(took)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def fitted(settings: alpha.Recipe, days: alpha.Days, count: int) -> float:
    """CPU seconds of a fit on ``count`` days, with the model's own furnishing outside."""
    loss = alpha.losses.mse if isinstance(settings, alpha.TRA) else alpha.losses.ic
    config = alpha.TrainConfig(epochs=1, every=1, device="cpu", loss=loss)
    rows = np.arange(len(days.dates))[-count - 1 :]
    model = settings.build(30)
    days = model.furnish(days) if "memory" in model.needs else days  # its own, made while it trains
    began = process_time()
    model.fit(alpha.Task(days, rows[:-1], rows[-1:], config, 0))
    return process_time() - began


def every_model(names: Collection[str], quick: bool) -> list[Row]:
    """Train each model for a day at growing sizes, up to 5,000 stocks, in a process of its own."""
    sizes = [625, 1250] if quick else [LARGEST // 4, LARGEST // 2, LARGEST]
    rows = []
    print(
        f"\none training day, 30 features{'':12}"
        + "".join(f"{n:>9}" for n in sizes)
        + "   slope  GB"
    )
    for name in names:
        seconds, peak = apart(training, name, sizes)
        slope = math.log(seconds[-1] / seconds[-2], sizes[-1] / sizes[-2])
        cells = "".join(f"{s:9.2f}" for s in seconds)
        print(f"  {name:38}{cells}{slope:8.2f}{peak:6.1f}", flush=True)
        size = f"{sizes[-1]} x 30, slope {slope:.2f}, {peak:.1f} GB"
        rows.append(Row(f"day of {name}", size, "none", seconds[-1], None, None))
    return rows


def apart(work, *arguments):  # noqa: ANN001, ANN201 - whatever the work returns
    """Run in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def available() -> float:
    """GB that can still be taken."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / 2**20 for line in lines if line.startswith("MemAvailable"))


def steps(python: Path | None, quick: bool, repeats: int) -> list[Row]:
    """One training step of GATs at 300, 800 and 3,000 stocks, beside pyqlib's."""
    sizes = list(GOALS)[:1] if quick else list(GOALS)
    rows = []
    with TemporaryDirectory() as place:
        peer = Peer(python, Path(place), "alpha_models_peer.py")
        agreement(peer, Path(place))
        for stocks in sizes:
            rows.append(gats(peer, stocks, 1 if stocks > 2000 else repeats))
        peer.close()
    for row, stocks in zip(rows, sizes, strict=True):
        theirs = (
            "" if row.ratio is None else f"peer {1e3 * row.peer_cpu_s:.0f} ms, {row.ratio:.1f} x"
        )
        print(
            f"{row.work}, {row.size}: {1e3 * row.ours_cpu_s:.1f} ms  {theirs} "
            f"(goal {GOALS[stocks]:g} x)"
        )
    return rows
