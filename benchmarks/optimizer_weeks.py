"""Weeks of a made market for ``benchmarks/optimizer.py``: scores that persist, prices that drift.

The index is reviewed twice a year, stocks are blocked, and holdings come from the week before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from enhance.structured import Form, Standard

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
