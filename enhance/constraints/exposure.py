"""Limits on what the portfolio leans towards: factors, beta, groups of stocks."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from enhance.constraint import RowLimit
from enhance.constraints.table import Times, refuse_times, shares
from enhance.constraints.weights import columns_of
from enhance.decision import Decision
from enhance.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class FactorExposure(RowLimit):
    """No factor of one kind further than ``limit`` times its share from the benchmark: abs(X'(w - b)).

    Attributes
    ----------
    times
        Multiples of the limit by factor; ``"*"`` is that of every other factor, infinite for none.
    absolute
        Limits the exposure of the portfolio itself, abs(X'w), instead of the active one.
    """

    times: Times | None = field(default=None, kw_only=True, hash=False)
    absolute: bool = field(default=False, kw_only=True)

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_times(self.name, self.times)

    @property
    @abstractmethod
    def listed(self) -> tuple[str, ...] | None:
        """The factors that are limited; None: all of the kind."""

    def expression(self, x: Decision) -> cp.Expression:
        columns = self._columns(x.problem)
        active = x.factor[columns]
        if self.absolute:
            active = active + self._benchmark(x.problem)
        return cp.abs(active)

    def share(self, problem: Problem) -> Array | float:
        return shares(self.name, self.times, list(problem.factors[self._columns(problem)]))

    def measure(self, weights: Array, problem: Problem) -> Array:
        held = problem.exposures.T @ weights
        return np.abs(held[self._columns(problem)] - self._centre(problem))

    def combinations(self, problem: Problem) -> sp.csr_array:
        return sp.csr_array(problem.exposures[:, self._columns(problem)].T)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        centre, room = self._centre(problem), np.multiply(self.limit, self.share(problem))
        return centre - room, centre + room

    def _columns(self, problem: Problem) -> Array:
        return problem.factor_columns(self.kind, self.listed)

    def _benchmark(self, problem: Problem) -> Array:
        return np.asarray(problem.exposures.T @ problem.benchmark)[self._columns(problem)]

    def _centre(self, problem: Problem) -> Array:
        centre = self._benchmark(problem)
        return np.zeros_like(centre) if self.absolute else centre


@dataclass(frozen=True)
class StyleExposure(FactorExposure):
    """No listed style (None: all) further than ``limit`` from the benchmark, in standard deviations."""

    limit: float = 0.5
    name: str = "style_exposure"
    styles: tuple[str, ...] | None = None
    kind = "style"

    @property
    def listed(self) -> tuple[str, ...] | None:
        return self.styles

    @property
    def tolerance(self) -> float:
        return 1e-5  # a weight error of 1e-6 under exposures of a few standard deviations


@dataclass(frozen=True)
class IndustryExposure(FactorExposure):
    """No listed industry (None: all) further than ``limit`` from its benchmark weight."""

    limit: float = 0.02
    name: str = "industry_exposure"
    industries: tuple[str, ...] | None = None
    kind = "industry"
    percent = True

    @property
    def listed(self) -> tuple[str, ...] | None:
        return self.industries


@dataclass(frozen=True)
class LatentExposure(FactorExposure):
    """No listed latent factor (None: all) further than ``limit`` from the benchmark.

    Latent are the factors of kind ``"latent"``, such as those of a deep risk model.
    """

    limit: float = 0.5
    name: str = "latent_exposure"
    factors: tuple[str, ...] | None = None
    kind = "latent"

    @property
    def listed(self) -> tuple[str, ...] | None:
        return self.factors

    @property
    def tolerance(self) -> float:
        return 1e-5


@dataclass(frozen=True)
class Beta(RowLimit):
    """Predicted beta to the benchmark no further than ``limit`` from one: abs((V b)'w / b'V b - 1)."""

    limit: float = 0.05
    name: str = "beta"

    def expression(self, x: Decision) -> cp.Expression:
        return cp.abs(x.problem.betas() @ x.weights - 1.0)

    def measure(self, weights: Array, problem: Problem) -> Array:
        return np.array(abs(problem.betas() @ weights - 1.0))

    def combinations(self, problem: Problem) -> sp.csr_array:
        return sp.csr_array(problem.betas()[None, :])

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        del problem
        return np.array([1.0 - self.limit]), np.array([1.0 + self.limit])


@dataclass(frozen=True)
class Groups(RowLimit):
    """No group of stocks further than ``limit`` times its share from its benchmark weight.

    Attributes
    ----------
    by
        ``"industry"``, or a data column of labels such as ``"board"`` or ``"cap_band"``.
    times
        Multiples of the limit by label; ``"*"`` is that of every other group, infinite for none.
    absolute
        Limits the weight of each group itself instead of the active one.
    """

    limit: float = 0.05
    name: str = "groups"
    by: str = field(default="board", kw_only=True)
    times: Times | None = field(default=None, kw_only=True, hash=False)
    absolute: bool = field(default=False, kw_only=True)
    percent = True

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_times(self.name, self.times)

    @property
    def needs(self) -> tuple[str, ...]:
        return columns_of(self.by)

    def expression(self, x: Decision) -> cp.Expression:
        A = self.combinations(x.problem)
        return A @ x.weights if self.absolute else cp.abs(A @ x.active)

    def share(self, problem: Problem) -> Array | float:
        return shares(self.name, self.times, problem.labels(self.by)[0])

    def measure(self, weights: Array, problem: Problem) -> Array:
        A = self.combinations(problem)
        return A @ weights if self.absolute else np.abs(A @ (weights - problem.benchmark))

    def combinations(self, problem: Problem) -> sp.csr_array:
        names, codes = problem.labels(self.by)
        inside = np.flatnonzero(codes >= 0)
        shape = (len(names), len(codes))
        return sp.csr_array((np.ones(len(inside)), (codes[inside], inside)), shape=shape)

    def interval(self, problem: Problem) -> tuple[Array, Array]:
        A = self.combinations(problem)
        room = np.full(A.shape[0], 1.0) * np.multiply(self.limit, self.share(problem))
        if self.absolute:
            return np.full_like(room, -np.inf), room
        centre = A @ problem.benchmark
        return centre - room, centre + room
