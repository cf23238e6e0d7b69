"""Limits on the weight of each stock."""

from __future__ import annotations

from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np

from enhance.constraint import StockLimit
from enhance.constraints.phase import fraction_left
from enhance.constraints.table import Times, refuse_times, stock_shares
from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class LongOnly(StockLimit):
    """No stock below ``-limit``: with the default, no short position."""

    limit: float = 0.0
    name: str = "long_only"
    hard = True
    rank = 0

    def expression(self, x: Decision) -> cp.Expression:
        return -x.weights[x.open]

    def measure(self, weights: Array, problem: Problem) -> Array:
        del problem
        return -weights

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        return np.full(len(problem.stocks), -self.limit), np.full(len(problem.stocks), np.inf)

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        return float(np.maximum(-gains[problem.holdings == 0.0], 0.0).sum())


@dataclass(frozen=True)
class Bounds(StockLimit):
    """No stock above ``limit``; see ``ActiveWeight`` for limits that differ by stock."""

    limit: float = 0.10
    name: str = "bounds"
    times: Times | None = field(default=None, kw_only=True, hash=False)
    by: str = field(default="stock", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_times(self.name, self.times)

    @property
    def needs(self) -> tuple[str, ...]:
        return columns_of(self.by)

    def expression(self, x: Decision) -> cp.Expression:
        return x.weights[x.open]

    def entries(self, x: Decision) -> Array:
        return x.open

    def share(self, problem: Problem) -> Array | float:
        return stock_shares(self.name, self.times, self.by, problem)

    def measure(self, weights: Array, problem: Problem) -> Array:
        del problem
        return weights

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        greatest = np.full(len(problem.stocks), self.limit * self.share(problem))
        return np.full_like(greatest, -np.inf), greatest


@dataclass(frozen=True)
class ActiveWeight(StockLimit):
    """No stock further than ``limit`` from its benchmark weight: abs(w - b) <= limit times its share.

    Attributes
    ----------
    times, by
        Multiples of the limit by ``"stock"``, by ``"industry"`` or by the labels of a data column such
        as ``"cap_band"`` or ``"board"``; ``"*"`` is the multiple of those not listed. ``by="benchmark"``
        allows ``limit`` times the benchmark weight, so that only members are held.
    weeks
        A stock that left the benchmark comes inside in so many equal steps (data column
        ``weeks_out``); one: at once.
    """

    limit: float = 0.01
    name: str = "active_weight"
    times: Times | None = field(default=None, kw_only=True, hash=False)
    by: str = field(default="stock", kw_only=True)
    weeks: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_times(self.name, self.times)
        if self.by == "benchmark" and self.times is not None:
            raise ValueError(f"{self.name} by benchmark takes no times; the weight is the multiple")
        if self.weeks < 1:
            raise ValueError(f"{self.name} has weeks {self.weeks}; give 1 for at once, or more")

    @property
    def needs(self) -> tuple[str, ...]:
        return (*columns_of(self.by), *(("weeks_out",) if self.weeks > 1 else ()))

    def expression(self, x: Decision) -> cp.Expression:
        _, kept = self._eased(x.problem)
        active = x.active[x.open]  # both signs stacked: abs() would add N variables and N rows
        both = cp.hstack([active, -active])
        return both - np.tile(kept[x.open], 2) if kept.any() else both

    def entries(self, x: Decision) -> Array:
        return np.tile(x.open, 2)

    def share(self, problem: Problem) -> Array | float:
        share, _ = self._eased(problem)
        return share

    def measure(self, weights: Array, problem: Problem) -> Array:
        _, kept = self._eased(problem)
        return np.abs(weights - problem.benchmark) - kept

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        share, kept = self._eased(problem)
        room = np.multiply(self.limit, share) + kept
        return problem.benchmark - room, problem.benchmark + room

    def _eased(self, problem: Problem) -> tuple[Array | float, Array]:
        """Return the share of each stock, and the part of its held distance that it may keep ``[N]``."""
        share = stock_shares(self.name, self.times, self.by, problem)
        if self.weeks == 1:
            return share, np.zeros(len(problem.stocks))
        distance = np.abs(problem.holdings - problem.benchmark)
        left = fraction_left(problem.column("weeks_out", gaps=True), self.weeks)
        left = np.where(distance > np.multiply(self.limit, share), left, 0.0)
        return (1.0 - left) * share, left * distance


def columns_of(by: str) -> tuple[str, ...]:
    """Return the data columns that a grouping reads."""
    return () if by in ("stock", "industry", "benchmark") else (by,)
