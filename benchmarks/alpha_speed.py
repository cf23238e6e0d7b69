"""Rows of ``benchmarks/alpha.py``: features, day batches and evaluation against pyqlib.

Both sides read the same prices: those of a market folder, or random walks with gaps. The peer runs
``alpha_speed_peer.py`` in a process of its own, under its own interpreter, and times itself.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import alpha  # noqa: E402
import market  # noqa: E402
from alpha.features.fields import PRICES, Fields  # noqa: E402
from alpha.windows import SlidingWindows  # noqa: E402
from benchmarks.rows import Row  # noqa: E402

# Least ratios asked for
GOALS = {"Alpha158": 100, "Alpha360": 900, "day batches": 20, "IC, RankIC, groups": 100}
LEAD = 61  # sessions before the first one compared, so that both sides know whole windows
STEPS = 20


class Peer:
    """A process that answers requests; ``ask`` gives None when there is none."""

    def __init__(
        self, python: Path | None, folder: Path, script: str = "alpha_speed_peer.py"
    ) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.name = "pyqlib (skipped)"
        if python is not None and python.exists():
            self._process = subprocess.Popen(
                [str(python), str(Path(__file__).with_name(script)), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self.name = f"pyqlib {self._answer()['version']}"

    def ask(self, **request: object) -> dict[str, Any] | None:
        """Send one request and wait."""
        if self._process is None or self._process.stdin is None:
            return None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError("the peer ended without an answer; run its script by hand to see why")


def against(
    work: str, size: str, ours: Callable[[], object], peer: Peer, request: dict[str, object],
    repeats: int,
) -> Row:  # fmt: skip
    """Let both work in turn after one warm-up of ours, and take the medians."""
    ours()
    own, others = [], []
    for _ in range(repeats):
        began = process_time()
        ours()
        own.append(process_time() - began)
        answer = peer.ask(**request)
        if answer is not None:
            others.append(answer["cpu"])
    other = median(others) if others else None
    ratio = None if other is None else other / median(own)
    return Row(work, size, peer.name, median(own), other, ratio)


def world(folder: Path | None, stocks: int, days: int) -> market.Market:
    """Real stocks that trade most in the last ``days`` sessions of 2022, or random walks with gaps."""
    if folder is not None:
        whole = market.open(folder).until("2022-12-30")
        whole = whole.between(whole.dates[-days], whole.dates[-1])
        traded = (whole.values("volume") > 0).sum(axis=0)
        return whole.select(whole.stocks[np.sort(np.argsort(-traded, kind="stable")[:stocks])])
    rng = np.random.default_rng(0)
    close = 10 * np.exp(np.cumsum(rng.normal(0, 0.02, (days, stocks)), axis=0))
    first = close * np.exp(rng.normal(0, 0.01, close.shape))
    panels = {
        "open": first, "close": close, "high": np.maximum(first, close) * 1.01,
        "low": np.minimum(first, close) * 0.99, "volume": np.exp(rng.normal(13, 0.6, close.shape)),
    }  # fmt: skip
    off = rng.random(close.shape) < 0.01
    fields = {n: np.where(off, np.nan, x).astype(np.float32) for n, x in panels.items()}
    codes = pd.Index([f"SH{600000 + k}" for k in range(stocks)])
    return market.Market(pd.bdate_range("2018-01-02", periods=days), codes, fields)


def write_bins(here: market.Market, folder: Path) -> None:
    """Write the adjusted panels in the peer's binary layout."""
    (folder / "calendars").mkdir(parents=True)
    (folder / "instruments").mkdir()
    days = [f"{day:%Y-%m-%d}" for day in here.dates]
    (folder / "calendars" / "day.txt").write_text("\n".join(days) + "\n")
    lines = [f"{code}\t{days[0]}\t{days[-1]}\n" for code in here.stocks]
    (folder / "instruments" / "all.txt").write_text("".join(lines))
    panels = Fields(here)
    for k, code in enumerate(here.stocks):
        place = folder / "features" / code.lower()
        place.mkdir(parents=True)
        for name in (*PRICES, "volume", "factor"):
            values = np.r_[np.float32(0), panels[name][:, k]].astype("<f4")
            values.tofile(place / f"{name}.day.bin")


def alpha158(here: market.Market, peer: Peer, folder: Path, repeats: int) -> list[Row]:
    """All 158 columns, into a new array and into one that is there."""
    days = len(here.dates) - LEAD
    size = f"{days} x {len(here.stocks)}, 158 columns"
    span = {"start": f"{here.dates[LEAD]:%Y-%m-%d}", "end": f"{here.dates[-1]:%Y-%m-%d}"}
    request = {"work": "features", "handler": "alpha158", **span}
    fresh = against("Alpha158", size, lambda: alpha.ALPHA158.compute(here), peer, request, repeats)
    out = alpha.ALPHA158.compute(here)
    again = against(
        "Alpha158", f"{size}, array reused", lambda: alpha.ALPHA158.compute(here, out=out),
        Peer(None, folder), request, repeats,
    )  # fmt: skip
    other = fresh.peer_cpu_s
    ratio = None if other is None else other / again.ours_cpu_s
    agreement(here, out, peer, folder, request)
    return [fresh, Row(again.work, again.size, fresh.peer, again.ours_cpu_s, other, ratio)]


def agreement(
    here: market.Market, ours: np.ndarray, peer: Peer, folder: Path, request: dict[str, str]
) -> None:
    """Print how far the columns are from the peer's, relative to their size.

    Where all of the last 61 sessions were traded: around a missing one the two differ by design (the peer
    counts it as a day on which the price did not rise, and takes it for the highest).
    """
    file = folder / "peer.npz"
    if peer.ask(**request, save=str(file)) is None:
        return
    with np.load(file) as saved:
        rows = here.dates.get_indexer(pd.DatetimeIndex(saved["days"]))
        columns = here.stocks.get_indexer(pd.Index(saved["codes"]))
        theirs = saved["cube"].astype(np.float64)
        names = tuple(saved["names"])
    mine = ours[np.ix_(rows, columns)].astype(np.float64)
    off = np.isnan(Fields(here)["close"]).astype(float)
    whole = (pd.DataFrame(off).rolling(LEAD).sum() == 0).to_numpy()[np.ix_(rows, columns)][
        ..., None
    ]
    both = np.isfinite(mine) & np.isfinite(theirs) & whole
    error = np.where(both, np.abs(mine - theirs), 0.0)
    level = np.nanmean(np.where(both, np.abs(theirs), np.nan), axis=(0, 1))
    worst = (error / np.maximum(np.abs(np.where(both, theirs, 0.0)), level)).max(axis=(0, 1))
    missing = ((np.isfinite(mine) != np.isfinite(theirs)) & whole).sum(axis=(0, 1))
    print(
        f"Alpha158 against {peer.name}: {int((worst < 1e-5).sum())} of 158 columns within 1e-5, "
        f"{int((missing == 0).sum())} with the same missing cells, on {whole.mean():.0%} of the cells"
    )
    for k in np.argsort(-worst)[:8]:
        print(f"  {names[k]:8} worst {worst[k]:.1e}, {missing[k]} cells missing on one side")
    assert names == alpha.ALPHA158.names


def alpha360(here: market.Market, peer: Peer, repeats: int) -> Row:
    """Every day's windows, made and thrown away."""
    days = len(here.dates) - LEAD

    def ours() -> None:
        view = alpha.ALPHA360.of(here)
        for day in here.dates[LEAD:]:
            view.window(day)

    span = {"start": f"{here.dates[LEAD]:%Y-%m-%d}", "end": f"{here.dates[-1]:%Y-%m-%d}"}
    request: dict[str, object] = {"work": "features", "handler": "alpha360", **span}
    return against("Alpha360", f"{days} x {len(here.stocks)}", ours, peer, request, repeats)


def batches(peer: Peer, repeats: int, stocks: int, absent: float) -> Row:
    """One day's batch of windows of all columns, with a share of the stocks absent each day."""
    shape, count = (300, stocks, 158), 60
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape, dtype=np.float32)
    days = alpha.Days(
        windows=SlidingWindows(x, start=0, steps=STEPS), present=rng.random(shape[:2]) >= absent, y=rng.standard_normal(shape[:2], dtype=np.float32),
        dates=pd.bdate_range("2018-01-02", periods=shape[0]),
        stocks=pd.Index([f"SH6{k:05d}" for k in range(stocks)]), horizon=2,
    )  # fmt: skip

    def ours() -> None:
        for row in range(shape[0] - count, shape[0]):
            days.batch(row, labelled=True)

    request: dict[str, object] = {
        "work": "batches", "shape": shape, "steps": STEPS, "count": count
    }  # fmt: skip
    what = f"{stocks} x {STEPS} x 158, {'all there' if absent == 0 else f'{absent:.0%} absent'}"
    row = against("day batches", what, ours, peer, request, repeats)
    own = row.ours_cpu_s / count
    ratio = None if row.peer_cpu_s is None else row.peer_cpu_s / own
    return Row(row.work, row.size, row.peer, own, row.peer_cpu_s, ratio)


def measures(peer: Peer, folder: Path, repeats: int, stocks: int) -> Row:
    """IC, RankIC and five groups of ours against IC and RankIC of the peer."""
    rng = np.random.default_rng(0)
    label = rng.standard_normal((2500, stocks), dtype=np.float32) * np.float32(0.02)
    scores = 2.5 * label + rng.standard_normal(label.shape, dtype=np.float32)
    scores[rng.random(scores.shape) < 0.02] = np.nan
    np.savez(folder / "scores.npz", scores=scores, label=label)
    index = pd.bdate_range("2012-01-02", periods=len(label))
    frames = [pd.DataFrame(x, index, [f"S{k:05d}" for k in range(stocks)]) for x in (scores, label)]
    request: dict[str, object] = {"work": "measures", "file": str(folder / "scores.npz")}
    answer = peer.ask(**request)
    if answer is not None:
        found = alpha.evaluate.daily(*frames, groups=5)
        for name in ("ic", "rank_ic"):
            gap = np.abs(found[name].to_numpy() - np.array(answer[name])).max()
            print(f"{name} against {peer.name}: largest difference {gap:.1e}")
    return against(
        "IC, RankIC, groups", f"2500 x {stocks}",
        lambda: alpha.evaluate.daily(*frames, groups=5), peer, request, repeats,
    )  # fmt: skip


def report(rows: list[Row]) -> None:
    """Print the table of what is there so far."""
    print(f"\n{'work':20}{'size':42}{'ours ms':>10}{'peer ms':>12}{'ratio':>9}{'goal':>7}")
    for row in rows:
        peer = "" if row.peer_cpu_s is None else f"{1e3 * row.peer_cpu_s:.1f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.0f}"
        goal = GOALS.get(row.work, "")
        own = f"{1e3 * row.ours_cpu_s:.2f}"
        print(f"{row.work:20}{row.size:42}{own:>10}{peer:>12}{ratio:>9}{goal:>7}")


def measure(
    python: Path | None, quick: bool, works: Collection[str], data: Path | None, repeats: int
) -> list[Row]:
    """Rows of the ``works`` asked for: ``alpha158``, ``alpha360``, ``batches``, ``measures``."""
    stocks, days = (60, 480) if quick else (300, 1215)
    repeats = 1 if quick else repeats
    rows: list[Row] = []
    with TemporaryDirectory() as place:
        folder = Path(place)
        here = world(data, stocks, days + LEAD)
        write_bins(here, folder / "bins")
        peer = Peer(python, folder / "bins")
        if "alpha158" in works:
            rows += alpha158(here, peer, folder, repeats)
        if "alpha360" in works:
            rows.append(alpha360(here, peer, 1))
        if "batches" in works:
            rows += [batches(peer, repeats, stocks, absent) for absent in (0.0, 0.1)]
        if "measures" in works:
            rows.append(measures(peer, folder, repeats, stocks))
        peer.close()
    report(rows)
    return rows
