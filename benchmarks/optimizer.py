"""One rebalance by the structured solver and by its peers: CPU seconds, medians, in turn in one run.

    python benchmarks/optimizer.py [--quick] [--sizes 300 1000] [--stress 400] [--sweep] [--json FILE]

Every solver gets the same chain of weeks: scores that persist, prices that drift, an index that is
reviewed, stocks that are blocked, and holdings that come from the week before. What is timed is the road
from a week's arrays to its weights, on one thread. ``gap`` is the distance from the optimum relative to
the objective (against Clarabel at 1e-8; for the structured solver by duality), ``violation`` the worst
breach of a limit. pyqlib and ecos take part where they are installed (extra ``[bench]``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import process_time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

import cvxpy as cp  # noqa: E402
import numpy as np  # noqa: E402

from enhance.structured import Answer, Form, Standard, State, answer  # noqa: E402
from enhance.structured.lean import Program, solve_lean  # noqa: E402

Array = np.ndarray
Solver = Callable[["Week"], tuple[Array, bool, float]]  # weights, whether it said solved, own gap

INDUSTRIES, STYLES = 31, 10
DUST = 1e-7  # weights below it are not carried on
ROWS = (
    *(f"industry {k}" for k in range(INDUSTRIES)),
    *(f"style {k}" for k in range(STYLES)),
    "share",
)
ONES = np.ones(len(ROWS))
MEMBERS = {300: 300, 1000: 500, 2000: 1000, 5000: 1000}
DENSE_MOST = 2000  # a dense covariance of 5000 stocks takes minutes a solve
# Least ratios asked for, by peer and number of stocks
GOALS = {
    "cvxpy dense + Clarabel": {300: 300, 1000: 2000, 2000: 8000},
    "cvxpy factor + Clarabel": {300: 40, 1000: 80, 2000: 150, 5000: 300},
    "Clarabel direct": {300: 18, 1000: 45, 2000: 55, 5000: 150},
    "ECOS direct": {300: 15, 1000: 35, 2000: 50, 5000: 120},
    "pyqlib": {300: 50, 1000: 150, 2000: 300, 5000: 800},
    "Clarabel direct, ours cold": {300: 12, 1000: 22, 2000: 16, 5000: 18},
}


@dataclass(frozen=True)
class Limits:
    """The limits of a chain."""

    active: float = 0.01
    bound: float = 0.10
    style: float = 0.5
    industry: float = 0.02
    tracking_error: float = 0.04
    share: float | None = 0.80
    turnover: float = 0.20
    buy: float = 0.001
    sell: float = 0.002


@dataclass(frozen=True, eq=False)
class World:
    """What a week brings whatever is held; covariance over country, industries and styles, annual."""

    alpha: Array
    benchmark: Array
    styles: Array
    industry: Array
    covariance: Array
    specific: Array
    no_buy: Array
    no_sell: Array
    growth: Array


@dataclass(frozen=True, eq=False)
class Week:
    """A rebalance: the world, what is held, and the bounds that follow."""

    world: World
    held: Array
    lower: Array
    upper: Array
    limits: Limits


def worlds(stocks: int, members: int, weeks: int, seed: int) -> Iterator[World]:
    """Walk through weeks of a market with known structure; two reviews of the index a year."""
    rng = np.random.default_rng([seed, stocks])
    cap = np.exp(1.2 * rng.standard_normal(stocks))
    inside = np.zeros(stocks, dtype=bool)
    inside[np.argsort(-cap * np.exp(0.6 * rng.standard_normal(stocks)))[:members]] = True
    industry = np.concatenate([np.arange(INDUSTRIES), rng.integers(0, INDUSTRIES, stocks)])[:stocks]
    styles = rng.standard_normal((stocks, STYLES))
    styles[:, 0] = np.log(cap) / 1.2
    score, volatility = (
        rng.standard_normal(stocks),
        np.exp(-1.1 + 0.3 * rng.standard_normal(stocks)),
    )
    size = np.concatenate(
        [[0.2], rng.uniform(0.05, 0.14, INDUSTRIES), rng.uniform(0.02, 0.06, STYLES)]
    )
    root = size[:, None] * rng.standard_normal((len(size), 3 * len(size))) / np.sqrt(3 * len(size))
    for week in range(weeks):
        benchmark = np.where(inside, cap, 0.0) / cap[inside].sum()
        benchmark = np.minimum(benchmark, 0.08) / np.minimum(benchmark, 0.08).sum()
        centred = styles - benchmark @ styles
        draw = rng.random(stocks)
        common = root @ rng.standard_normal(root.shape[1]) / np.sqrt(52)
        move = common[0] + common[1 + industry] + centred @ common[1 + INDUSTRIES :]
        own = volatility / np.sqrt(52) * (0.05 * score + rng.standard_normal(stocks))
        growth = 1.0 + np.clip(move + own, -0.4, 0.5)
        yield World(
            alpha=0.05 * volatility / np.sqrt(52) * score,
            benchmark=benchmark,
            styles=centred / centred.std(axis=0),
            industry=industry,
            covariance=root @ root.T,
            specific=volatility**2,
            no_buy=draw < 0.05,
            no_sell=(draw > 0.03) & (draw < 0.08),  # two fifths of the blocked are suspended
            growth=growth,
        )
        cap = cap * growth
        score = 0.75 * score + np.sqrt(1 - 0.75**2) * rng.standard_normal(stocks)
        styles = 0.985 * styles + np.sqrt(1 - 0.985**2) * rng.standard_normal(styles.shape)
        volatility = volatility * np.exp(0.02 * rng.standard_normal(stocks))
        if members < stocks and week % 26 == 25:
            swapped = max(1, members // 25)
            leaving = np.flatnonzero(inside)[np.argsort(cap[inside])[: 2 * swapped]]
            joining = np.flatnonzero(~inside)[np.argsort(-cap[~inside])[: 2 * swapped]]
            inside[rng.choice(leaving, swapped, replace=False)] = False
            inside[rng.choice(joining, swapped, replace=False)] = True


def week_of(world: World, held: Array, limits: Limits) -> Week:
    """Bound each weight by its band; a blocked stock outside its band keeps its weight."""
    lower = np.maximum(world.benchmark - limits.active, 0.0)
    upper = np.minimum(world.benchmark + limits.active, limits.bound)
    upper = np.where(world.no_buy, np.minimum(upper, held), upper)
    lower = np.where(world.no_sell, np.maximum(lower, held), lower)
    crossed = lower > upper
    return Week(world, held, np.where(crossed, held, lower), np.where(crossed, held, upper), limits)


def walk(path: list[World], limits: Limits, solve: Solver) -> list[Week]:
    """Follow a solver through the weeks, its weights drifting from one to the next."""
    held, weeks = path[0].benchmark, []
    for world in path:
        weeks.append(week_of(world, held, limits))
        weights, solved, _ = solve(weeks[-1])
        held = weights if solved else held
        held = np.where(held > DUST, held, 0.0) * world.growth
        held = held / held.sum()
    return weeks


def form(week: Week) -> Standard:
    """Arrange a week as the structured solver takes it."""
    world, limits = week.world, week.limits
    shared = limits.share is not None
    m = INDUSTRIES + STYLES + shared
    F, across = np.zeros((m, m)), world.covariance[0, 1:]
    F[: m - shared, : m - shared] = world.covariance[1:, 1:]
    F[:INDUSTRIES, : m - shared] += across  # the country is the sum of the industries
    F[: m - shared, :INDUSTRIES] += across[:, None]
    F[:INDUSTRIES, :INDUSTRIES] += world.covariance[0, 0]
    low, high = np.empty(m), np.empty(m)
    high[:INDUSTRIES], high[INDUSTRIES:] = limits.industry, limits.style
    low[:] = -high
    dense = np.empty((STYLES + shared, len(week.held)))
    dense[:STYLES] = world.styles.T
    if limits.share is not None:
        dense[-1] = world.benchmark > 0.0
        low[-1], high[-1] = limits.share - 1.0, np.inf
    arrays = Form(
        world.alpha, week.lower, week.upper, week.held, world.benchmark, world.specific,
        world.industry, INDUSTRIES, dense, low, high, F, 1.0,
        limits.turnover, limits.tracking_error, 0.0, limits.buy, limits.sell,
    )  # fmt: skip
    names = ROWS[:m]
    return Standard(arrays, names, names, names, ONES[:m], ONES[:m], "turnover", "tracking_error")


def measured(week: Week, w: Array) -> tuple[float, float]:
    """Return objective and worst violation of weights, apart from any solver."""
    world, limits = week.world, week.limits
    active, trades = w - world.benchmark, w - week.held
    by_industry = np.bincount(world.industry, active, INDUSTRIES)
    by_style = active @ world.styles
    y = np.concatenate([[active.sum()], by_industry, by_style])
    risk = float(np.sqrt(y @ world.covariance @ y + world.specific @ active**2))
    gain = float(world.alpha @ active) - limits.buy * trades[trades > 0].sum()
    breaches = [
        abs(w.sum() - 1.0), (week.lower - w).max(), (w - week.upper).max(),
        abs(by_industry).max() - limits.industry, abs(by_style).max() - limits.style,
        0.5 * abs(trades).sum() - limits.turnover, risk - limits.tracking_error,
    ]  # fmt: skip
    if limits.share is not None:
        breaches.append(limits.share - w[world.benchmark > 0.0].sum())
    return gain + limits.sell * trades[trades < 0].sum(), max(*breaches, 0.0)


def structured(warm: bool) -> Solver:
    """The solver of this project, from last week's prices or from nothing."""
    state = State() if warm else None

    def solve(week: Week) -> tuple[Array, bool, float]:
        found: Answer = answer(form(week), state)
        return found.weights, found.status == "optimal", found.gap

    return solve


def direct(week: Week) -> tuple[Array, bool, float]:
    """Clarabel on the lean sparse form, rebuilt each week."""
    run = solve_lean(form(week).form)
    return run.weights, run.solved, np.nan


def ecos(week: Week) -> tuple[Array, bool, float]:
    """ECOS on the same sparse form."""
    import ecos as library

    program = Program(form(week).form)
    _, q, A, b, _ = program.data()
    A, equal = A.tocsr(), program.start["lower"]
    run = library.solve(
        q, A[equal:].tocsc(), b[equal:],
        {"l": program.start["risk"] - equal, "q": [program.length - program.start["risk"]]},
        A[:equal].tocsc(), b[:equal], verbose=False,
    )  # fmt: skip
    w = week.lower.copy()
    w[program.open] = run["x"][: len(program.open)] / 100.0
    return w, run["info"]["exitFlag"] == 0, np.nan


def modelled(dense: bool) -> Solver:
    """The textbook program in cvxpy, with a dense covariance or with factors."""

    def solve(week: Week) -> tuple[Array, bool, float]:
        world, limits, w = week.world, week.limits, cp.Variable(len(week.held))
        X = np.hstack(
            [np.ones((len(week.held), 1)), np.eye(INDUSTRIES)[world.industry], world.styles]
        )
        active, trades = w - world.benchmark, w - week.held
        if dense:
            y = X.T @ active
            V = X @ world.covariance @ X.T + np.diag(world.specific)
            rows = [cp.quad_form(active, cp.psd_wrap(V)) <= limits.tracking_error**2]
        else:
            y = cp.Variable(X.shape[1])
            root = np.linalg.cholesky(world.covariance + 1e-14 * np.eye(X.shape[1]))
            own = cp.multiply(np.sqrt(world.specific), active)
            risk = cp.norm(cp.hstack([root.T @ y, own]))
            rows = [y == X.T @ active, risk <= limits.tracking_error]
        rows += [
            cp.sum(w) == 1.0, w >= week.lower, w <= week.upper,
            cp.abs(y[1 : 1 + INDUSTRIES]) <= limits.industry,
            cp.abs(y[1 + INDUSTRIES :]) <= limits.style,
            0.5 * cp.norm1(trades) <= limits.turnover,
        ]  # fmt: skip
        if limits.share is not None:
            rows.append(cp.sum(w[np.flatnonzero(world.benchmark > 0.0)]) >= limits.share)
        cost = limits.buy * cp.sum(cp.pos(trades)) + limits.sell * cp.sum(cp.neg(trades))
        program = cp.Problem(cp.Maximize(world.alpha @ active - cost), rows)
        program.solve(solver="CLARABEL")
        solved = program.status == "optimal"
        return np.asarray(w.value) if solved else week.held, solved, np.nan

    return solve


def qlib(week: Week) -> tuple[Array, bool, float]:
    """Optimise as pyqlib does: risk as a penalty, no costs, no share, a two-sided turnover."""
    from qlib.contrib.strategy.optimizer.enhanced_indexing import EnhancedIndexingOptimizer

    world, limits = week.world, week.limits
    bands = np.concatenate(
        [[1.0], np.full(INDUSTRIES, limits.industry), np.full(STYLES, limits.style)]
    )
    optimiser = EnhancedIndexingOptimizer(
        lamb=0.25, delta=2 * limits.turnover, b_dev=limits.active, f_dev=bands, scale_return=False
    )
    X = np.hstack([np.ones((len(week.held), 1)), np.eye(INDUSTRIES)[world.industry], world.styles])
    w = optimiser(
        world.alpha, X, world.covariance, world.specific, week.held, world.benchmark,
        mfh=week.upper - week.lower < 1e-9,
    )  # fmt: skip
    return w, not np.allclose(w, week.held), np.nan


@dataclass(frozen=True)
class Row:
    """One comparison; ``ratio`` is peer over ours, larger is faster."""

    work: str
    size: str
    peer: str
    ours_cpu_s: float
    peer_cpu_s: float | None
    ratio: float | None


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


def line_up(stocks: int) -> dict[str, tuple[Solver, float]]:
    """Return the solvers by name, with the CPU seconds that each may take."""
    solvers: dict[str, tuple[Solver, float]] = {
        "structured, sifted": (structured(warm=True), np.inf),
        "structured, cold": (structured(warm=False), np.inf),
        "Clarabel direct": (direct, np.inf),
        "cvxpy factor + Clarabel": (modelled(dense=False), 20.0),
    }
    if importlib.util.find_spec("ecos"):
        solvers["ECOS direct"] = (ecos, 20.0)
    if importlib.util.find_spec("qlib"):
        solvers["pyqlib"] = (qlib, 20.0)
    if stocks <= DENSE_MOST:
        solvers["cvxpy dense + Clarabel"] = (modelled(dense=True), 20.0)
    return solvers


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one minute: two sizes, few weeks")
    parser.add_argument("--sizes", type=int, nargs="*", default=[300, 1000, 2000, 5000])
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stress", type=int, default=0, metavar="WEEKS")
    parser.add_argument(
        "--sweep", action="store_true", help="a sweep of the reference report's size"
    )
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
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))


if __name__ == "__main__":
    main()
