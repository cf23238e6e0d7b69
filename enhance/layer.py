"""Weights as a function of scores, with exact gradients: an alpha model trained through the optimiser.

>>> layer = PortfolioLayer(constraints)  # doctest: +SKIP
>>> weights = layer(network(features), problem)  # doctest: +SKIP
>>> (-(weights @ realised_returns)).backward()  # doctest: +SKIP

The gradient is that of the KKT system at the optimum, differentiated implicitly (Amos and Kolter 2017,
"OptNet", section 3.1; Agrawal et al. 2019, "Differentiable Convex Optimization Layers"): ``enhance.face``
has its closed form, whose cost is a least-squares problem in factors plus binding limits, never N x N.

Where the map is not smooth, on a set of alphas of measure zero, the gradient is a one-sided one: a stock
exactly at a bound or at its held weight has derivative zero, and a limit met exactly at price zero is
one with room.

Only stocks that are free to move have a gradient: 0 to 40 of 1,800 in weeks of the CSI policies, where
the optimum is often close to a vertex. For training, a price of risk (``MaxAlpha(risk_aversion=...)``)
and wider limits by stock give more of them a say.

This is the only file of the package that imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from enhance.constraint import Constraint
from enhance.constraints import TrackingError
from enhance.errors import SolverError
from enhance.face import Face, Point
from enhance.objective import MaxAlpha
from enhance.optimize import solve
from enhance.pivot import TOUCH, settled
from enhance.problem import Problem
from enhance.region import KNOWN, Region
from market import DataError


class PortfolioLayer(nn.Module):
    """The optimiser as a layer: alpha in, optimal weights out, both in the order of a problem's stocks.

    Parameters
    ----------
    constraints
        Limits by stock (``StockLimit``), linear ones (``RowLimit``), ``Turnover``, ``TrackingError``.
    objective
        ``MaxAlpha()`` by default; ``MaxAlpha(risk_aversion=...)`` makes tracking error a penalty, alone
        or beside its limit. Impact and uncertainty have no derivative here.

    Raises
    ------
    ValueError
        A limit or a term without a derivative, or neither a limit nor a price of risk.

    Notes
    -----
    The arithmetic is float64 on the CPU and costs one call of ``solve`` and a few small factorisations
    a portfolio; the backward pass costs one more. The weights are those of ``solve`` carried on to
    rounding error: they differ by less than the dust that ``solve`` trims.
    """

    def __init__(
        self, constraints: Sequence[Constraint], objective: MaxAlpha | None = None
    ) -> None:
        super().__init__()
        self.constraints = tuple(constraints)
        self.objective = objective or MaxAlpha()
        for c in self.constraints:
            if not isinstance(c, KNOWN):
                raise ValueError(
                    f"the layer has no derivative for {c.name} ({type(c).__name__}); it knows limits "
                    "by stock, linear ones, Turnover and TrackingError"
                )
        if self.objective.impact is not None or self.objective.uncertainty is not None:
            raise ValueError(
                "the layer has no derivative for impact and uncertainty; leave them out"
            )
        capped = any(isinstance(c, TrackingError) for c in self.constraints)
        if not capped and self.objective.risk_aversion == 0.0:
            raise ValueError(
                "without a price or a limit of risk the program is linear and its gradient is zero "
                "almost everywhere; add TrackingError(...) or MaxAlpha(risk_aversion=...)"
            )

    def forward(self, alpha: Tensor, problem: Problem | Sequence[Problem]) -> Tensor:
        """Return the optimal weights, float64, of the shape of ``alpha``.

        Parameters
        ----------
        alpha
            Expected returns ``[N]`` or ``[B, N]``, which replace those of the problem.
        problem
            The rest of the rebalance; for a batch one problem for all or ``B`` of them.

        Raises
        ------
        DataError
            Alpha is not finite or does not fit the problem.
        InfeasibleError
            No portfolio meets all limits; whatever alpha is.
        SolverError
            The optimum could not be found, or its division into free and fixed stocks.
        """
        if alpha.dim() == 1:
            if not isinstance(problem, Problem):
                raise DataError(f"one alpha came with {len(problem)} problems; stack B alphas")
            return _weights(alpha, problem, self)
        problems = [problem] * len(alpha) if isinstance(problem, Problem) else list(problem)
        if len(problems) != len(alpha):
            raise DataError(f"{len(alpha)} alphas came with {len(problems)} problems; give as many")
        rows = zip(alpha, problems, strict=True)
        return torch.stack([_weights(a, p, self) for a, p in rows])


def _weights(alpha: Tensor, problem: Problem, layer: PortfolioLayer) -> Tensor:
    if alpha.shape != problem.stocks.shape:
        raise DataError(
            f"alpha has shape {tuple(alpha.shape)}, the problem of {problem.date:%Y-%m-%d} has "
            f"{len(problem.stocks)} stocks; give one alpha a stock"
        )
    weights: Tensor = _Optimum.apply(alpha.double(), problem, layer)  # type: ignore[no-untyped-call]
    return weights


class _Optimum(torch.autograd.Function):
    """One portfolio, forwards and backwards."""

    @staticmethod
    def forward(ctx: Any, alpha: Tensor, problem: Problem, layer: PortfolioLayer) -> Tensor:
        a = alpha.detach().cpu().numpy().copy()
        bad = ~np.isfinite(a)
        if bad.any():
            raise DataError(
                f"alpha is not finite for {bad.sum()} stocks on {problem.date:%Y-%m-%d}, first "
                f"{problem.stocks[bad][0]}; give zero where there is no view"
            )
        stated = replace(problem, alpha=a)
        ctx.point = _exact(stated, layer.constraints, layer.objective)
        return torch.from_numpy(ctx.point.weights).to(alpha.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        pulled = ctx.point.pull(grad.detach().cpu().numpy())
        return torch.from_numpy(pulled).to(grad.device), None, None


def _exact(problem: Problem, constraints: Sequence[Constraint], objective: MaxAlpha) -> Point:
    """Solve, then carry the answer on to rounding error, so that it is smooth where the optimum is."""
    weights = solve(problem, constraints, objective).weights.to_numpy()
    region = Region.of(problem, constraints)
    point = settled(Face.near(problem, region, objective, weights, TOUCH), weights, constraints)
    if point is None:
        raise SolverError(
            f"the optimum of {problem.date:%Y-%m-%d} over {len(problem.stocks)} stocks has no clear face: "
            "several limits meet in it; change one of the limits slightly"
        )
    return point
