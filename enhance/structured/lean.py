"""The same problem given to Clarabel directly: the last resort, and the judge of infeasibility.

Variables are the open weights, what is bought of the stocks that trade both ways, and the active
exposures y = X'(w - b), so that a stock has about sixteen entries instead of one per factor::

    minimise   gain'w + (buy + sell) 1'p + aversion/2 (y'Fy + (w - b)'D(w - b))
    subject to 1'w = total,  X'w - y = X'b,  bounds,  p >= 0,  p >= w - h,  low <= y <= high,
               side'(w - h) + 1'p <= turnover,  norm(R'y, sqrt(D)(w - b)) <= tracking_error

Weights are in percent and the objective in units of its spread, as in the interior point.
"""

from __future__ import annotations

from dataclasses import dataclass

import clarabel
import numpy as np
import scipy.sparse as sp

from enhance.structured.form import Form, Multipliers
from enhance.structured.scale import FROZEN_WIDTH, WEIGHT, value_scale

Array = np.ndarray

TOLERANCE = 1e-8
SOLVED = ("Solved", "AlmostSolved")
INFEASIBLE = ("PrimalInfeasible", "AlmostPrimalInfeasible")


@dataclass(frozen=True, eq=False)
class LeanRun:
    """How Clarabel ended: its status, weights ``[N]`` and prices where it has some, iterations."""

    status: str
    weights: Array
    prices: Multipliers
    iterations: int

    @property
    def solved(self) -> bool:
        return self.status in SOLVED

    @property
    def infeasible(self) -> bool:
        """Whether there is a certificate that no portfolio exists."""
        return self.status in INFEASIBLE


def solve_lean(form: Form) -> LeanRun:
    """Solve a form with Clarabel at tolerance 1e-8."""
    program = Program(form)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    answer = clarabel.DefaultSolver(*program.data(), settings).solve()
    x, z = np.array(answer.x), np.array(answer.z)
    weights = np.full(len(form.alpha), np.nan)
    if len(x) == program.size and np.isfinite(x).all():
        weights = form.lower.copy()
        weights[program.open] = x[: len(program.open)] / WEIGHT
    return LeanRun(str(answer.status), weights, program.prices(x, z), int(answer.iterations))


class Program:
    """Rows A x + s = b by cone, over x = (w, p, y)."""

    def __init__(self, form: Form) -> None:
        self.form, self.scale = form, value_scale(form)
        self.open = np.flatnonzero(form.upper - form.lower > FROZEN_WIDTH)
        h, lower, upper = (v[self.open] for v in (form.held, form.lower, form.upper))
        kinked = form.turnover < np.inf or form.buy + form.sell > 0.0
        inside = (lower + FROZEN_WIDTH < h) & (h < upper - FROZEN_WIDTH)
        self.both = np.flatnonzero(inside & kinked)
        self.buys = h <= lower + FROZEN_WIDTH
        self.sizes = (len(self.open), len(self.both), len(form.low))
        self.size = sum(self.sizes)
        self.start: dict[str, int] = {}
        self.length = 0
        self.rows: list[sp.csr_array] = []
        self.right: list[Array] = []
        self.cones: list[object] = []
        self._bounds(lower, upper, h)
        self._portfolio(h)

    def data(self) -> tuple[sp.csc_matrix, Array, sp.csc_matrix, Array, list[object]]:
        """Return P, q, A, b and the cones, as Clarabel takes them."""
        form = self.form
        gain = np.where(self.buys, form.buy, -form.sell) - form.alpha[self.open]
        q = np.concatenate(
            [gain, np.full(self.sizes[1], form.buy + form.sell), np.zeros(self.sizes[2])]
        )
        weight = form.aversion / (WEIGHT * self.scale)
        D = form.specific[self.open]
        P = sp.block_diag(
            [
                sp.diags_array(weight * D),
                sp.csr_array((self.sizes[1],) * 2),
                weight * form.covariance,
            ]
        )
        q[: len(D)] -= form.aversion * D * form.benchmark[self.open]
        A = sp.csc_matrix(sp.vstack(self.rows))
        A.sort_indices()
        P = sp.csc_matrix(sp.triu(P))
        P.sort_indices()
        return P, q / self.scale, A, np.concatenate(self.right), self.cones

    def prices(self, x: Array, z: Array) -> Multipliers:
        """Read the multipliers of the rows."""
        m, s = self.sizes[2], self.scale
        if len(z) != self.length:
            return Multipliers(np.zeros(m), np.zeros(m), 0.0, 0.0, 0.0)
        exposure = np.zeros(m)
        for name, side, sign in (("high", self.form.high, 1.0), ("low", self.form.low, -1.0)):
            limited = np.isfinite(side)
            exposure[limited] += sign * s * self._dual(name, z, int(limited.sum()))
        risk = self._dual("risk", z, 1)[0] * s * min(self.form.tracking_error, 1e300)
        return Multipliers(
            exposure,
            x[self.size - m :] / WEIGHT,
            float(s * self._dual("budget", z, 1)[0]),
            float(s * self._dual("turnover", z, 1)[0]),
            float(risk),
        )

    def _dual(self, name: str, z: Array, count: int) -> Array:
        at = self.start.get(name)
        return np.zeros(count) if at is None else z[at : at + count]

    def _add(self, name: str, cone: type, right: Array, *parts: sp.sparray | None) -> None:
        """Append rows ``parts @ x + s = right`` with s in ``cone``; ``right`` in fractions."""
        rows = len(right)
        if rows == 0:
            return
        filled = [
            sp.csr_array((rows, size)) if part is None else sp.csr_array(part)
            for part, size in zip(parts, self.sizes, strict=True)
        ]
        self.rows.append(sp.hstack(filled, format="csr"))
        self.right.append(WEIGHT * right)
        self.cones.append(cone(rows))
        self.start[name] = self.length
        self.length += rows

    def _bounds(self, lower: Array, upper: Array, h: Array) -> None:
        """Add what each stock obeys by itself, and the ties of the exposures."""
        form, one = self.form, sp.eye_array(self.sizes[0], format="csr")
        fixed = np.ones(len(form.alpha), dtype=bool)
        fixed[self.open] = False
        if np.isfinite(form.total):
            rest = form.total - form.lower[fixed].sum()
            self._add(
                "budget", clarabel.ZeroConeT, np.array([rest]), np.ones((1, len(h))), None, None
            )
        X = self._exposures()
        active = np.where(fixed, form.lower, 0.0) - form.benchmark
        tie = sp.eye_array(self.sizes[2], format="csr")
        self._add("ties", clarabel.ZeroConeT, -(X @ active), X[:, self.open], None, -tie)
        at_most = clarabel.NonnegativeConeT
        self._add("lower", at_most, -lower, -one, None, None)
        self._add("upper", at_most, upper, one, None, None)
        p = sp.eye_array(self.sizes[1], format="csr")
        self._add("bought", at_most, np.zeros(self.sizes[1]), None, -p, None)
        self._add("sold", at_most, h[self.both], one[self.both], -p, None)
        for name, side, sign in (("high", form.high, 1.0), ("low", form.low, -1.0)):
            limited = np.isfinite(side)
            self._add(name, at_most, sign * side[limited], None, None, sign * tie[limited])

    def _portfolio(self, h: Array) -> None:
        """Add turnover and risk."""
        form = self.form
        frozen = np.delete(np.arange(len(form.alpha)), self.open)
        if form.turnover < np.inf:
            side = np.where(self.buys, 0.5, -0.5)
            side[self.both] = -0.5
            done = 0.5 * np.abs(form.lower - form.held)[frozen].sum()
            room = np.array([form.turnover - done + side @ h])
            self._add(
                "turnover", clarabel.NonnegativeConeT, room,
                side[None], np.ones((1, self.sizes[1])), None,
            )  # fmt: skip
        if form.tracking_error < np.inf:
            values, vectors = np.linalg.eigh(form.covariance)
            kept = values > 1e-12 * max(values[-1], 0.0)
            root = vectors[:, kept] * np.sqrt(values[kept])
            volatility = np.sqrt(form.specific)
            active = (volatility * (form.lower - form.benchmark))[frozen]
            own, n, k = volatility[self.open], self.sizes[0], root.shape[1]
            right = np.r_[
                form.tracking_error, np.zeros(k), -own * form.benchmark[self.open],
                np.linalg.norm(active),
            ]  # fmt: skip
            w = sp.vstack([sp.csr_array((1 + k, n)), -sp.diags_array(own), sp.csr_array((1, n))])
            y = sp.vstack(
                [sp.csr_array((1, self.sizes[2])), -root.T, sp.csr_array((n + 1, self.sizes[2]))]
            )
            self._add("risk", clarabel.SecondOrderConeT, right, w, None, y)

    def _exposures(self) -> sp.csr_array:
        """Return X' ``[M, N]``."""
        form = self.form
        n = len(form.alpha)
        if form.industries == 0:
            return sp.csr_array(form.dense)
        hot = sp.csr_array((np.ones(n), (form.industry, np.arange(n))), shape=(form.industries, n))
        return sp.vstack([hot, sp.csr_array(form.dense)], format="csr")
