"""One rebalance by the structured solver and by its peers: CPU seconds, medians, in turn in one run.

    python benchmarks/optimizer.py [--quick] [--sizes 300 1000] [--stress 400] [--sweep] [--memory]

Every solver gets the same chain of weeks: scores that persist, prices that drift, an index that is
reviewed, stocks that are blocked, and holdings that come from the week before. What is timed is the road
from a week's arrays to its weights, on one thread. ``gap`` is the distance from the optimum relative to
the objective (against Clarabel at 1e-8; for the structured solver by duality), ``violation`` the worst
breach of a limit, ``peak`` the most memory that a solve takes beyond what was held before it. pyqlib and
ecos take part where they are installed (extra ``[bench]``).
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from time import process_time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

import numpy as np  # noqa: E402

from benchmarks.optimizer_peers import direct, line_up, structured  # noqa: E402
from benchmarks.optimizer_weeks import (  # noqa: E402
    MEMBERS,
    Limits,
    Week,
    form,
    measured,
    walk,
    week_of,
    worlds,
)
from benchmarks.rows import Row, write_rows  # noqa: E402
from enhance.structured import answer  # noqa: E402
from enhance.structured.lean import solve_lean  # noqa: E402

# Least ratios asked for, by peer and number of stocks
GOALS = {
    "cvxpy dense + Clarabel": {300: 300, 1000: 2000, 2000: 8000},
    "cvxpy factor + Clarabel": {300: 40, 1000: 80, 2000: 150, 5000: 300},
    "Clarabel direct": {300: 18, 1000: 45, 2000: 55, 5000: 150},
    "ECOS direct": {300: 15, 1000: 35, 2000: 50, 5000: 120},
    "pyqlib": {300: 50, 1000: 150, 2000: 300, 5000: 800},
    "Clarabel direct, ours cold": {300: 12, 1000: 22, 2000: 16, 5000: 18},
}
MEGABYTES = 60.0  # the most that a solve of 5000 stocks may take


@dataclass
class Record:
    """What one solver did over a chain."""

    cpu: list[float]
    gaps: list[float]
    violations: list[float]
    failures: int = 0

    @property
    def median(self) -> float:
        return float(np.median(self.cpu)) if self.cpu else float("nan")


def race(stocks: int, weeks: int, seed: int, budget: float) -> dict[str, Record]:
    """Let every solver have each week in turn, within ``budget`` times its CPU allowance."""
    path = list(worlds(stocks, MEMBERS.get(stocks, stocks // 4), weeks + 1, seed))
    chain = walk(path, Limits(), structured(warm=False))
    solvers = line_up(stocks)
    for name, (solve, _) in solvers.items():
        if "dense" not in name or stocks < 1000:
            solve(chain[0])  # imports and compilation
    records = {name: Record([], [], []) for name in solvers}
    rng = np.random.default_rng(seed)
    for week in chain[1:]:
        best = measured(week, direct(week)[0])[0]
        for name in rng.permutation(list(solvers)):  # caches are warm or cold, as luck has it
            solve, allowed = solvers[name]
            record = records[name]
            if sum(record.cpu) > allowed * budget:
                continue
            began = process_time()
            w, solved, own = solve(week)
            record.cpu.append(process_time() - began)
            record.failures += not solved
            if solved:
                value, violation = measured(week, w)
                gap = (best - value if np.isnan(own) else max(own, best - value)) / abs(best)
                record.gaps.append(gap)
                record.violations.append(violation)
    return records


def report(stocks: int, records: dict[str, Record]) -> list[Row]:
    """Print one table, and return its comparisons."""
    ours, cold = records["structured, sifted"].median, records["structured, cold"].median
    print(f"\nN = {stocks}, {MEMBERS.get(stocks, stocks // 4)} members")
    print(
        f"{'solver':26}{'weeks':>6}{'CPU ms':>10}{'p95':>10}{'ratio':>9}{'goal':>7}"
        f"{'failures':>10}{'gap':>10}{'violation':>11}"
    )
    rows = []
    for name, record in records.items():
        goal = GOALS.get(name, {}).get(stocks)
        ratio = record.median / ours
        late = 1e3 * float(np.quantile(record.cpu, 0.95))
        worst = [max(values, default=np.nan) for values in (record.gaps, record.violations)]
        print(
            f"{name:26}{len(record.cpu):6}{1e3 * record.median:10.3f}{late:10.3f}{ratio:9.1f}"
            f"{goal or '':>7}{record.failures:10}{worst[0]:10.1e}{worst[1]:11.1e}"
        )
        if not name.startswith("structured"):
            rows.append(Row("one rebalance", f"N={stocks}", name, ours, record.median, ratio))
    lean = records["Clarabel direct"].median
    goal = GOALS["Clarabel direct, ours cold"].get(stocks)
    print(f"cold against Clarabel direct: {lean / cold:.1f}, goal {goal}")
    name = "Clarabel direct, ours cold"
    return [*rows, Row("one rebalance", f"N={stocks}", name, cold, lean, lean / cold)]


def stress(count: int, seed: int) -> None:
    """Solve weeks with random limits, about half of which no portfolio meets; count verdicts."""
    rng = np.random.default_rng([seed, 1])
    chains = {
        n: walk(list(worlds(n, MEMBERS[n], 52, seed)), Limits(), structured(warm=False))
        for n in (300, 1000)
    }
    verdicts: Counter[str] = Counter()
    gap = violation = 0.0
    for trial in range(count):
        chain = chains[(300, 1000)[trial % 2]]
        drawn = Limits(
            style=rng.choice([0.1, 0.3, 0.5]), industry=rng.choice([0.005, 0.02, 0.05]),
            tracking_error=rng.choice([0.01, 0.02, 0.04, 0.08]), share=rng.choice([0.5, 0.8, 0.95]),
            turnover=rng.choice([0.02, 0.05, 0.1, 0.2, 0.5]),
        )  # fmt: skip
        week = replace(chain[rng.integers(len(chain))], limits=drawn)
        world = replace(week.world, alpha=week.world.alpha * rng.choice([0.2, 1.0, 3.0]))
        week = replace(week, world=world)
        ours, clarabel = answer(form(week)), solve_lean(form(week).form)
        verdicts[f"{ours.status} by {ours.road}, Clarabel {clarabel.status}"] += 1
        if ours.status == "optimal":
            value, worst = measured(week, ours.weights)
            gap, violation = max(gap, ours.gap / max(abs(value), 1e-4)), max(violation, worst)
            if clarabel.infeasible:
                print(
                    f"trial {trial}: an answer where Clarabel has a certificate that there is none"
                )
    print(f"\n{count} weeks with random limits: gap {gap:.1e}, violation {violation:.1e}")
    for verdict, times in verdicts.most_common():
        print(f"{times:6} {verdict}")


def sweep(weeks: int, seed: int) -> Row:
    """Run turnover {0.1, 0.2, 0.3} x share {0.8, none} over three indexes, week by week."""
    spent, solves = 0.0, 0
    for stocks in (300, 1000, 2000):
        path = list(worlds(stocks, MEMBERS[stocks], weeks, seed))
        for turnover in (0.1, 0.2, 0.3):
            for share in (0.8, None):
                solve, began = structured(warm=True), process_time()
                walk(path, Limits(turnover=turnover, share=share), solve)
                spent, solves = spent + process_time() - began, solves + weeks
    print(f"\nsweep: {solves} solves with their drift in {spent:.2f} s of CPU")
    return Row("sweep", f"{solves} solves", "", spent, None, None)


def memory(stocks: int, seed: int) -> None:
    """Print the most memory that solves take beyond their inputs, each solver in a fresh process."""
    if not Path("/proc/self/clear_refs").exists():
        print("\npeak memory is measured on Linux only")
        return
    taken = []
    for name in ("structured, cold", "structured, sifted", "Clarabel direct"):
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            taken.append(f"{name} {fresh.submit(peak, name, stocks, seed).result():.1f} MB")
    print(f"\npeak memory of a solve, N = {stocks}: {', '.join(taken)}; goal {MEGABYTES:g} MB")


def peak(name: str, stocks: int, seed: int) -> float:
    """Return the megabytes that three weeks in a row take at most, compilation apart."""
    line_up(300)[name][0](start(300, seed)[0])
    solve, weeks = line_up(stocks)[name][0], start(stocks, seed)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    for week in weeks:
        solve(week)
    return resident("VmHWM") - before


def start(stocks: int, seed: int) -> list[Week]:
    """Return three weeks that start near the benchmark, made without any solver."""
    path = worlds(stocks, MEMBERS.get(stocks, stocks // 4), 3, seed)
    return [week_of(world, 0.9 * world.benchmark + 0.1 / stocks, Limits()) for world in path]


def resident(what: str) -> float:
    """Return a line of the process's status, in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one minute: two sizes, few weeks")
    parser.add_argument("--sizes", type=int, nargs="*", default=[300, 1000, 2000, 5000])
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stress", type=int, default=0, metavar="WEEKS")
    parser.add_argument(
        "--sweep", action="store_true", help="a sweep of the reference report's size"
    )
    parser.add_argument("--memory", action="store_true", help="peak memory at the largest size")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for stocks in [300, 1000] if options.quick else options.sizes:
        weeks, budget = (8, 0.1) if options.quick else (options.weeks, 1.0)
        rows += report(stocks, race(stocks, weeks, options.seed, budget))
    if options.stress:
        stress(options.stress, options.seed)
    if options.sweep:
        rows.append(sweep(12 if options.quick else 313, options.seed))
    if options.memory:
        memory(max(options.sizes), options.seed)
    write_rows(rows, options.json)


if __name__ == "__main__":
    main()
