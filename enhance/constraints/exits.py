"""Stocks that may not be held: they leave, at once or in equal weekly steps."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np
import pandas as pd

from enhance.constraint import StockLimit
from enhance.constraints.phase import fraction_left
from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class Exit(StockLimit):
    """A barred stock is not bought, and of its weight h at most h (left - 1) / left + ``limit`` stays.

    ``left`` is how many of the ``weeks`` remain, so that a stock barred four weeks ago is gone. A barred
    member is exempt from the other limits by stock. What cannot be traded stays, and is listed in
    ``Solution.forced``.
    """

    weeks: int = 1
    rank = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weeks < 1:
            raise ValueError(f"{self.name} has weeks {self.weeks}; give 1 for at once, or more")

    @abstractmethod
    def elapsed(self, problem: Problem) -> Array:
        """Return the whole weeks since each stock was barred ``[N]``, NaN where it is not."""

    def expression(self, x: Decision) -> cp.Expression | None:
        barred, stays = self._stays(x.problem)
        at = x.open[barred[x.open]]
        return x.weights[at] - stays[at] if len(at) else None

    def measure(self, weights: Array, problem: Problem) -> Array:
        barred, stays = self._stays(problem)
        return np.where(barred, weights - stays, -np.inf)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        barred, stays = self._stays(problem)
        greatest = np.where(barred, stays + self.limit, np.inf)
        return np.full_like(greatest, -np.inf), greatest

    def pinned_price(self, gains: Array, problem: Problem) -> float:
        barred, _ = self._stays(problem)
        return float(np.maximum(gains[barred & problem.can_buy], 0.0).sum())

    def _stays(self, problem: Problem) -> tuple[Array, Array]:
        elapsed = self.elapsed(problem)
        return ~np.isnan(elapsed), problem.holdings * fraction_left(elapsed, self.weeks)


@dataclass(frozen=True)
class _Listed(Exit):
    """A list of stocks, in force from a date on."""

    stocks: tuple[str, ...] = ()
    since: str | pd.Timestamp | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.stocks, tuple):
            raise ValueError(f"{self.name} has stocks {self.stocks!r}; give a tuple of codes")
        if self.weeks > 1 and self.since is None:
            raise ValueError(f"{self.name} over {self.weeks} weeks needs since=, the first of them")

    def _since(self, barred: Array, problem: Problem) -> Array:
        days = 0 if self.since is None else (problem.date - pd.Timestamp(self.since)).days
        return np.where(barred & (days >= 0), float(days // 7), np.nan)


@dataclass(frozen=True)
class Blacklist(_Listed):
    """The listed stocks may not be held, over ``weeks`` from the date ``since``."""

    stocks: tuple[str, ...] = ()
    weeks: int = field(default=1, kw_only=True)
    limit: float = field(default=0.0, kw_only=True)
    name: str = field(default="blacklist", kw_only=True)

    def elapsed(self, problem: Problem) -> Array:
        return self._since(problem.stocks.isin(self.stocks), problem)


@dataclass(frozen=True)
class Whitelist(_Listed):
    """Only the listed stocks may be held, over ``weeks`` from the date ``since``."""

    stocks: tuple[str, ...] = ()
    weeks: int = field(default=1, kw_only=True)
    limit: float = field(default=0.0, kw_only=True)
    name: str = field(default="whitelist", kw_only=True)

    def elapsed(self, problem: Problem) -> Array:
        return self._since(~problem.stocks.isin(self.stocks), problem)


@dataclass(frozen=True)
class ExcludeST(Exit):
    """Stocks under special treatment may not be held (data columns ``st``, over weeks ``weeks_st``)."""

    limit: float = 0.0
    name: str = "exclude_st"
    weeks: int = field(default=1, kw_only=True)

    @property
    def needs(self) -> tuple[str, ...]:
        return ("st",) if self.weeks == 1 else ("weeks_st",)

    def elapsed(self, problem: Problem) -> Array:
        if self.weeks > 1:
            return problem.column("weeks_st", gaps=True)
        return np.where(problem.column("st") > 0.0, 0.0, np.nan)
