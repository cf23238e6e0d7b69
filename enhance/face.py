"""The face of the feasible set on which an optimum lies, and how the optimum moves along it.

At the optimum each stock is *free*, inside its interval and on one side of its held weight, or *fixed*:
at a bound, at its held weight (trading it does not pay), or blocked. With V the covariance, A the binding
linear limits (turnover is linear once the side of each trade is known), c the marginal cost on that side
and P the inverse of V on the directions that A leaves open, the free weights are in closed form::

    w = w_least + t P (a - c),     t = min(1 / lambda, t at which the tracking error meets its limit)
    dw = t P da                    where t = 1 / lambda
    dw = t (P - n n' / n'a) da     where the cone binds, n = P (a - c)

which is the KKT system of the face (Nocedal and Wright 2006, "Numerical Optimization", section 16.1)
solved for its one unknown scale t. V is never formed: with R R' = F, P needs the singular values of a
matrix with K + rows columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from enhance.objective import MaxAlpha
from enhance.problem import Problem
from enhance.region import Region

Array = np.ndarray

RANK = 1e-9  # of the largest singular value: a limit that others already imply
VERTEX = 1e-16  # of alpha's squared length: what is left of it where no free direction is


@dataclass(frozen=True, eq=False)
class Face:
    """Which stocks are free and which limits bind.

    Attributes
    ----------
    problem, region, objective
        What is optimised.
    side
        Of each trade ``[N]``: 1 a purchase of free size, -1 a sale, 0 fixed.
    value
        Weights of the fixed stocks ``[N]``.
    bound
        Of each row ``[M]``: 1 at its ceiling, -1 at its floor, 0 with room.
    full
        Whether the turnover limit binds.
    """

    problem: Problem
    region: Region
    objective: MaxAlpha
    side: Array
    value: Array
    bound: Array
    full: bool

    @classmethod
    def near(
        cls, problem: Problem, region: Region, objective: MaxAlpha, weights: Array, touch: float
    ) -> Face:
        """Read the face off weights that are optimal to within ``touch``."""
        h = problem.holdings
        ends = np.stack([region.low, h, region.high])
        distance = np.abs(ends - weights)
        nearest = distance.argmin(axis=0)[None, :]
        fixed = np.take_along_axis(distance, nearest, axis=0)[0] <= touch
        at = region.rows @ (weights - problem.benchmark)
        bound = np.where(
            at >= region.ceiling - touch, 1, np.where(at <= region.floor + touch, -1, 0)
        )
        return cls(
            problem,
            region,
            objective,
            side=np.where(fixed, 0, np.where(weights > h, 1, -1)),
            value=np.take_along_axis(ends, nearest, axis=0)[0],
            bound=bound,
            full=problem.turnover(weights) >= region.turnover - touch,
        )

    def optimum(self) -> Point:
        """Return the optimum of the face, as if nothing else limited it."""
        p, free = self.problem, self.side != 0
        rows, levels = self._binding()
        inverse = _Inverse.of(self.region.loadings[free], p.specific_variance[free], rows[:, free])
        d = np.where(free, 0.0, self.value - p.benchmark)
        d[free], least_prices = inverse.least(self.region.loadings.T @ d, levels - rows @ d)
        wanted = p.alpha - self.slopes(self.side)
        n = np.zeros_like(d)
        n[free], gain_prices = inverse.apply(wanted[free])
        gain = float(n @ wanted)
        if gain <= VERTEX * float(wanted @ (wanted / p.specific_variance)):
            n, gain = np.zeros_like(n), 0.0
        step, capped = self._step(self._variance(d), gain)
        aversion = self.objective.risk_aversion if step == 0.0 else 1.0 / step
        return Point(
            face=self,
            active=d + step * n,
            direction=n,
            gain=gain,
            step=step,
            capped=capped,
            aversion=aversion,
            prices=gain_prices + aversion * least_prices,
            inverse=inverse,
        )

    def measures(self, weights: Array) -> Array:
        """Return what is limited, of any weights: each of them, each row, and the turnover ``[N + M + 1]``.

        Turnover is that of the sides of this face, which is linear.
        """
        p = self.problem
        idle = np.abs(self.value - p.holdings)[self.side == 0].sum()
        traded = 0.5 * (idle + self.side @ (weights - p.holdings))
        return np.concatenate([weights, self.region.rows @ (weights - p.benchmark), [traded]])

    def room(self) -> tuple[Array, Array]:
        """Return the least and greatest measures, infinite for what the face itself holds."""
        region, h, free, loose = self.region, self.problem.holdings, self.side != 0, self.bound == 0
        least = np.where(self.side > 0, np.maximum(region.low, h), region.low)
        most = np.where(self.side < 0, np.minimum(region.high, h), region.high)
        traded = np.inf if self.full else region.turnover
        floor = (np.where(free, least, -np.inf), np.where(loose, region.floor, -np.inf))
        ceiling = (np.where(free, most, np.inf), np.where(loose, region.ceiling, np.inf))
        return np.concatenate((*floor, (-np.inf,))), np.concatenate((*ceiling, (traded,)))

    def fixing(self, stock: int, weight: float) -> Face:
        """Return the face with one more stock fixed."""
        return replace(self, side=_put(self.side, stock, 0), value=_put(self.value, stock, weight))

    def freeing(self, stock: int, side: int) -> Face:
        """Return the face with one stock free to be bought (1) or sold (-1)."""
        return replace(self, side=_put(self.side, stock, side))

    def binding(self, row: int, end: int) -> Face:
        """Return the face with one row at its ceiling (1) or floor (-1), or given room (0)."""
        return replace(self, bound=_put(self.bound, row, end))

    def _binding(self) -> tuple[Array, Array]:
        """Return the binding rows and their levels, in active weights; turnover last."""
        p, chosen = self.problem, self.bound != 0
        levels = np.where(self.bound > 0, self.region.ceiling, self.region.floor)[chosen]
        rows = self.region.rows[chosen]
        if not self.full:
            return rows, levels
        moved = 0.5 * self.side
        level = self.region.turnover - self.measures(p.benchmark)[-1]
        return np.vstack([rows, moved]), np.append(levels, level)

    def slopes(self, side: Array) -> Array:
        """Return the cost of one more unit of weight on each side ``[N]``."""
        buy, sell = (self.objective.cost_aversion * rate for rate in self.problem.costs)
        return np.where(side > 0, buy, np.where(side < 0, -sell, 0.0))

    def _variance(self, active: Array) -> float:
        common = self.region.loadings.T @ active
        return float(common @ common + self.problem.specific_variance @ active**2)

    def _step(self, least: float, gain: float) -> tuple[float, bool]:
        """Return how far to go along the direction, and whether the cone stops it there."""
        if gain == 0.0:
            return 0.0, False
        free = 1.0 / self.objective.risk_aversion if self.objective.risk_aversion > 0.0 else np.inf
        room = max(self.region.tracking_error**2 - least, 0.0)
        reach = float(np.sqrt(room / gain))
        return (reach, True) if reach < free else (free, False)


@dataclass(frozen=True, eq=False)
class _Inverse:
    """P, the inverse of V = G G' + D within the directions that leave the rows unchanged.

    The multipliers v of (factors, rows) solve (S'S) v = S'u with S the ``stack`` below, so that nothing
    is squared and rows that others imply drop out by their singular values.
    """

    root: Array  # [n]
    top: Array  # [n, K + M]
    left: Array
    values: Array
    right: Array
    factors: int

    @classmethod
    def of(cls, loadings: Array, variance: Array, rows: Array) -> _Inverse:
        root, factors = np.sqrt(variance), loadings.shape[1]
        top = np.column_stack([loadings, rows.T]) / root[:, None]
        stack = np.vstack([top, np.eye(factors, top.shape[1])])
        left, values, right = np.linalg.svd(stack, full_matrices=False)
        kept = values > RANK * values.max(initial=0.0)
        return cls(root, top, left[:, kept], values[kept], right[kept], factors)

    def apply(self, gains: Array) -> tuple[Array, Array]:
        """Return P gains ``[n]`` and the prices of the rows."""
        scaled = gains / self.root
        v = self.right.T @ ((self.left[: len(scaled)].T @ scaled) / self.values)
        return (scaled - self.top @ v) / self.root, v[self.factors :]

    def least(self, common: Array, levels: Array) -> tuple[Array, Array]:
        """Return the active weights of least variance that put the rows at ``levels``, and the prices.

        ``common`` ``[K]`` is what the fixed stocks load on the factors.
        """
        target = np.concatenate([common, -levels])
        v = self.right.T @ ((self.right @ target) / self.values**2)
        return -(self.top @ v) / self.root, v[self.factors :]


@dataclass(frozen=True, eq=False)
class Point:
    """The optimum of a face, and how it moves.

    Attributes
    ----------
    face
        Where it was looked for.
    active
        w - b ``[N]``.
    direction, gain, step
        n = P (a - c), n'(a - c) and t.
    capped
        Whether the tracking-error limit determined t.
    aversion
        1 / t: the price of variance.
    prices
        Of the binding rows, turnover last.
    inverse
        P.
    """

    face: Face
    active: Array
    direction: Array
    gain: float
    step: float
    capped: bool
    aversion: float
    prices: Array
    inverse: _Inverse

    @property
    def weights(self) -> Array:
        """``[N]``."""
        return self.active + self.face.problem.benchmark

    def pull(self, grad: Array) -> Array:
        """Return the gradient by alpha ``[N]`` of a function whose gradient by the weights is ``grad``."""
        pulled, free = np.zeros_like(grad), self.face.side != 0
        if self.step > 0.0:
            pulled[free] = self.step * self.inverse.apply(grad[free])[0]
        if self.capped:
            n = self.direction
            pulled -= n * (self.step * float(n @ grad) / self.gain)
        return pulled


def _put(values: Array, at: int, value: float) -> Array:
    changed = values.copy()
    changed[at] = value
    return changed
