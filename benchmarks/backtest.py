"""Speed of the backtester against pyqlib and vectorbt, and the account paths of both sides.

    python benchmarks/backtest.py [--pyqlib PYTHON] [--vectorbt PYTHON] [--data DIR] [--quick]
                                  [--repeats N] [--json FILE]

Each ``PYTHON`` is an interpreter with that package; without one the peer's column is empty. Works: daily
TopkDropout over 2,674 sessions of 300 stocks, weekly top-50 at equal weight on the same, and 313 weekly
rebalances of 5,000 stocks. Times are CPU seconds of ``backtest.run`` with its whole ``Result``, medians,
after one warm-up (which compiles); the peer's account must be ours.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

# A script's own folder comes first on the path, and this file is named like the package it measures.
_HERE = Path(__file__).resolve().parent
sys.path[:] = [str(_HERE.parent), *(p for p in sys.path if Path(p or ".").resolve() != _HERE)]

if __name__ == "backtest":  # another script of this folder asked for the package
    del sys.modules[__name__]
    importlib.import_module(__name__)
else:
    import numpy as np
    import pandas as pd

    import backtest
    import market
    from backtest.settings import Settings
    from backtest.simulation import Simulation
    from backtest.tape import tape_of
    from benchmarks.rows import Row, Work, write_rows

GOALS = {"daily TopkDropout": 500, "weekly top-50": 40}
LIMIT = np.float32(0.095)  # the peer's rule: no trade of a stock that moved this much


def panel(folder: Path | None, stocks: int, days: int) -> dict[str, np.ndarray]:
    """Adjusted closes and factors, float32: of the stocks that traded most, or random walks."""
    if folder is not None:
        whole = market.open(folder)
        whole = whole.between(whole.dates[-days], whole.dates[-1])
        close, factor = whole.values("close"), whole.values("factor")
        best = np.argsort(-np.isfinite(close).sum(axis=0), kind="stable")[:stocks]
        best = np.sort(best)
        codes, dates = whole.stocks[best].to_numpy("U8"), whole.dates
        close, factor = close[:, best].astype(np.float64), factor[:, best].astype(np.float64)
    else:
        rng = np.random.default_rng(0)
        dates = pd.bdate_range("2015-01-05", periods=days)
        codes = np.array([f"SH{600000 + k}" for k in range(stocks)])
        off = rng.random((days, stocks)) < 0.01
        factor = np.cumprod(1.0 + 0.03 * (rng.random((days, stocks)) < 0.004), axis=0)
        move = np.clip(0.03 * rng.standard_normal((days, stocks)), -0.1, 0.1)
        close = np.maximum(20.0 * np.exp(np.cumsum(move, axis=0)), 1.0) / factor
        close[off] = np.nan
    # the peer keeps the last price through a suspension, so nothing may go ex inside one
    factor = pd.DataFrame(np.where(np.isfinite(close), factor, np.nan)).ffill().to_numpy()
    adjusted = (close * factor).astype(np.float32)
    last = pd.DataFrame(adjusted.astype(np.float64)).ffill().to_numpy()
    change = np.full(close.shape, np.nan, np.float32)
    change[1:] = adjusted[1:] / last[:-1] - 1.0
    return {
        "dates": dates.strftime("%Y-%m-%d").to_numpy("U10"), "codes": codes, "close": adjusted,
        "factor": factor.astype(np.float32), "change": change,
    }  # fmt: skip


def scores_for(shape: tuple[int, int]) -> np.ndarray:
    """Noise that forgets a tenth of itself a day, as a model's scores do; NaN for some."""
    rng = np.random.default_rng(1)
    noise, scores = rng.standard_normal(shape), np.zeros(shape)
    for day in range(1, len(noise)):
        scores[day] = 0.9 * scores[day - 1] + noise[day]
    scores[rng.random(shape) < 0.01] = np.nan
    return scores


def world(p: dict[str, np.ndarray]) -> market.Market:
    """Return the panel as a market, in float64 so that price times factor is the peer's price."""
    close = p["close"].astype(np.float64) / p["factor"].astype(np.float64)
    traded = np.isfinite(close)
    fields = dict.fromkeys(("open", "high", "low", "close"), close)
    fields["volume"] = np.where(traded, 1e6, np.nan).astype(np.float32)
    with np.errstate(invalid="ignore"):
        fields["can_buy"] = traded & ~(p["change"] >= LIMIT)
        fields["can_sell"] = traded & ~(p["change"] <= -LIMIT)
    fields |= {"factor": p["factor"], "listed": np.ones_like(traded)}
    codes = pd.Index([str(code) for code in p["codes"]])
    main = pd.DataFrame({"board": "main"}, index=codes)
    venue = market.Venue(lots=market.Venue.cn().lots)
    dates = pd.DatetimeIndex(p["dates"])
    return market.Market(dates, codes, fields, venue=venue, securities=main)


def write_bins(p: dict[str, np.ndarray], folder: Path) -> None:
    """Write the panel in pyqlib's binary layout."""
    (folder / "calendars").mkdir(parents=True)
    (folder / "instruments").mkdir()
    beyond = pd.Timestamp(p["dates"][-1]) + pd.offsets.BDay()  # the peer asks when a session ends
    days = [*p["dates"], f"{beyond:%Y-%m-%d}"]
    (folder / "calendars" / "day.txt").write_text("\n".join(days) + "\n")
    lines = [f"{code}\t{p['dates'][0]}\t{p['dates'][-1]}\n" for code in p["codes"]]
    (folder / "instruments" / "all.txt").write_text("".join(lines))
    volume = np.where(np.isnan(p["close"]), np.nan, np.float32(1e6))
    for k, code in enumerate(p["codes"]):
        place = folder / "features" / str(code).lower()
        place.mkdir(parents=True)
        for name in ("close", "factor", "change", "volume"):
            column = (volume if name == "volume" else p[name])[:, k]
            np.r_[np.float32(0), column].astype("<f4").tofile(place / f"{name}.day.bin")


def ask(python: Path | None, work: str, folder: Path) -> dict | None:
    """Let a peer do its work in a process of its own; None without an interpreter."""
    if python is None or not python.exists():
        return None
    script = Path(__file__).with_name("backtest_peer.py")
    done = subprocess.run(
        [str(python), str(script), work, str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{script.name} {work} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def clock(ours: Work, repeats: int) -> float:
    """Return the median CPU seconds after one warm-up."""
    ours()
    taken = []
    for _ in range(repeats):
        began = process_time()
        ours()
        taken.append(process_time() - began)
    return median(taken)


def row_of(work: str, size: str, own: float, answer: dict | None) -> Row:
    """Return a row of the table, with the peer's side where there is one."""
    if answer is None:
        return Row(work, size, "none", own, None, None)
    return Row(work, size, answer["name"], own, answer["cpu"], answer["cpu"] / own)


def daily(
    p: dict[str, np.ndarray], python: Path | None, folder: Path, repeats: int, two_sided: bool
) -> Row:
    """TopkDropout(50, 5) on every session, lots and five yuan a commission at least."""
    here, scores = world(p), scores_for(p["close"].shape)
    begun = np.maximum.accumulate(np.isfinite(p["close"]), axis=0)
    scores[~begun] = np.nan  # here a stock without a price is no candidate, to the peer it is
    topk = min(50, len(p["codes"]) // 4)
    side = "two_sided" if two_sided else "one_sided"
    policy = backtest.TopkDropout(pd.DataFrame(scores, here.dates, here.stocks), topk, 5, side)
    costs = market.Costs.flat(0.0005, 0.0015, minimum=5.0)

    def ours() -> backtest.Result:
        return backtest.run(here, policy, schedule="daily", deal="close", lots=True, costs=costs)

    own = clock(ours, repeats)
    np.savez(
        folder / "panel.npz", dates=p["dates"], codes=p["codes"], scores=scores, topk=topk,
        n_drop=5, two_sided=two_sided,
    )  # fmt: skip
    answer = ask(python, "topk", folder)
    if answer is not None:
        compare(ours(), answer, side)
    size = f"{len(here.dates)} x {len(here.stocks)}, {side}"
    return row_of("daily TopkDropout", size, own, answer)


def compare(result: backtest.Result, answer: dict, side: str) -> None:
    """Print how far the two accounts are apart, and stop where they are not one."""
    theirs = np.array(answer["account"])
    mine = result.nav.to_numpy()[-len(theirs) :] * 1e8
    gap = float(np.abs(theirs / mine - 1.0).max())
    refused = result.refusals["reason"].value_counts().to_dict()
    print(
        f"{side}: account {mine[-1]:.2f} CNY after {len(result.trades)} fills, refused {refused}; "
        f"{answer['name']}: {theirs[-1]:.2f}, largest difference on {len(theirs)} sessions {gap:.1e}"
    )
    if not gap < 1e-12:
        raise RuntimeError(f"the accounts differ by {gap:.1e}")


def weekly(p: dict[str, np.ndarray], python: Path | None, folder: Path, repeats: int) -> list[Row]:
    """Equal weights of the best 50 each week; nobody is refused, as the peer knows no refusals.

    Once with the whole result, and once up to the account and its log of fills, which is what the peer
    has when it gives its value.
    """
    close = pd.DataFrame(p["close"]).ffill().to_numpy()
    shut = {"close": close, "change": np.zeros_like(close), "factor": np.ones_like(close)}
    here = world({**p, **shut})
    rank = pd.DataFrame(scores_for(close.shape), here.dates, here.stocks).rank(axis=1)
    best = (rank.rank(axis=1, ascending=False) <= 50).astype(float) / 50.0
    weeks = market.rebalance_dates(here.dates[:-1], "weekly")
    targets = best.loc[weeks]
    policy, costs = backtest.FixedWeights(targets), market.Costs.flat(0.0005, 0.0005)

    def ours() -> backtest.Result:
        return backtest.run(here, policy, schedule=targets.index, deal="close", costs=costs)

    settings = Settings(None, costs, "close", 1e8, 0.0)
    rows = here.dates.get_indexer(weeks)

    def account() -> None:
        tape = tape_of(here, "close", costs, volume=False, depth=None)
        Simulation(here, tape, settings, policy, rows).play_known()

    own, alone = clock(ours, repeats), clock(account, repeats)
    sparse = np.full(close.shape, np.nan)
    sparse[rows + 1] = targets.to_numpy()  # traded on the session after
    np.savez(folder / "weekly.npz", dates=p["dates"], close=close, targets=sparse)
    answer = ask(python, "weekly", folder)
    if answer is not None:
        nav = ours().nav
        theirs = np.array(answer["account"])[-len(nav) :] / 1e8
        print(
            f"weekly: ends at {nav.iloc[-1]:.4f}, {answer['name']} at {theirs[-1]:.4f} (it sizes at "
            "the price of the fill, ours at the close of the decision)"
        )
    size = f"{len(here.dates)} x {len(here.stocks)}"
    return [
        row_of("weekly top-50", f"{size}, whole result", own, answer),
        row_of("weekly top-50", f"{size}, account", alone, answer),
    ]


def large(stocks: int, weeks: int, repeats: int) -> Row:
    """Weekly rebalances of a whole market to given targets, a tenth of the stocks held."""
    here = world(panel(None, stocks, 5 * weeks + 5))
    rng = np.random.default_rng(2)
    dates = market.rebalance_dates(here.dates[:-1], "weekly")[:weeks]
    raw = rng.random((len(dates), stocks)) * (rng.random((len(dates), stocks)) < 0.1)
    targets = pd.DataFrame(raw / raw.sum(axis=1, keepdims=True), dates, here.stocks)
    policy = backtest.FixedWeights(targets)
    own = clock(lambda: backtest.run(here, policy, schedule=dates, deal="close"), repeats)
    return Row("given targets", f"{len(dates)} weeks x {stocks}", "none", own, None, None)


def report(rows: list[Row]) -> None:
    """Print the table."""
    print(
        f"\n{'work':20}{'size':28}{'ours ms':>9}{'peer':>18}{'peer ms':>10}{'ratio':>8}{'goal':>6}"
    )
    for row in rows:
        peer = "" if row.peer_cpu_s is None else f"{1e3 * row.peer_cpu_s:.0f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.0f}"
        print(
            f"{row.work:20}{row.size:28}{1e3 * row.ours_cpu_s:>9.1f}{row.peer:>18}{peer:>10}"
            f"{ratio:>8}{GOALS.get(row.work, ''):>6}"
        )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pyqlib", type=Path, metavar="PYTHON", help="interpreter with pyqlib")
    parser.add_argument("--vectorbt", type=Path, metavar="PYTHON", help="interpreter with vectorbt")
    parser.add_argument("--data", type=Path, help="a market folder; random walks by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repeat")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    stocks, days, repeats = (60, 250, 1) if options.quick else (300, 2674, options.repeats)
    p = panel(options.data, stocks, days)
    with TemporaryDirectory() as place:
        folder = Path(place)
        write_bins(p, folder / "bins")
        rows = [daily(p, options.pyqlib, folder, repeats, both) for both in (True, False)]
        rows.extend(weekly(p, options.vectorbt, folder, repeats))
    rows.append(large(*((300, 20) if options.quick else (5000, 313)), repeats))
    report(rows)
    write_rows(rows, options.json)


if __name__ == "__main__":
    main()
