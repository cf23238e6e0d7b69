"""The daily recursion of the fundamental model: describe, regress, learn, write down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from market.progress import track
from risk.arrays import Bools, Codes, Floats
from risk.covariance import factor_covariance
from risk.descriptors import LOOKBACK
from risk.exposures import Cross, style_exposures
from risk.inputs import Inputs
from risk.record import Record, State
from risk.regression import cross_section
from risk.specific import specific_risk
from risk.styles import DESCRIPTORS, StyleSpec

BLOCK = 256  # rows described at once; blocks start at multiples of it, whatever was computed before
MIN_UNIVERSE = 30  # stocks without which a cross-section has no statistics
MIN_DAYS = 63  # factor returns without which a factor has no history of its own


@dataclass(frozen=True, eq=False)
class Estimation:
    """The recursion over a market: fixed settings, inputs, and the record it fills."""

    specs: tuple[StyleSpec, ...]
    shrinkage: float
    warmup: int
    inputs: Inputs
    record: Record

    @property
    def first_style(self) -> int:
        """Position of the first style among the factors: after country and industries."""
        return 1 + len(self.inputs.industries)

    def run(self, state: State, start: int, progress: bool) -> State:
        """Compute the sessions from ``start`` to the end; return the state after the last."""
        days = track(
            self._described(start), progress, "risk model", total=len(self.inputs.dates) - start
        )
        # One thread: matrices of forty factors gain nothing from more (four times slower was measured
        # on a busy machine), and sums split over threads would round by the machine's core count.
        with threadpool_limits(1, user_api="blas"):
            for t in days:
                if t > 0:
                    state = self._regress(t, state)
                state = self._settle(t, state)
                if state.days >= self.warmup:
                    self._forecast(t, state)
        return state

    def _described(self, start: int) -> Iterator[int]:
        """Write exposures block by block; yield each session whose exposures are written."""
        end = len(self.inputs.dates)
        for first in range(start // BLOCK * BLOCK, end, BLOCK):
            last = min(first + BLOCK, end)
            block = self.inputs.block(first, last, LOOKBACK)
            raw = {name: DESCRIPTORS[name].compute(block) for name in self._computable()}
            for t in range(max(first, start), last):
                self._expose(t, {name: values[t - first] for name, values in raw.items()})
                yield t

    def _computable(self) -> list[str]:
        wanted = dict.fromkeys(d for spec in self.specs for d in spec.descriptors)
        return [d for d in wanted if set(DESCRIPTORS[d].needs) <= set(self.inputs.fields)]

    def _expose(self, t: int, raw: dict[str, Floats]) -> None:
        """Write the exposures of session t."""
        held = np.flatnonzero(self.inputs.covered[t])
        industry = self.inputs.industry[t, held]
        estu = self.inputs.estu[t, held] & (industry >= 0)
        if estu.sum() < MIN_UNIVERSE:
            return
        cross = Cross(self.inputs.cap[t, held].astype(np.float64), industry, estu)
        made = style_exposures({d: x[held] for d, x in raw.items()}, cross, self.specs)
        self.record.covered[t, held] = True
        self.record.styles[t, held] = made.values
        self.record.industry[t, held] = industry
        self.record.filled[t] = made.filled
        self.record.errors[t] = made.errors
        self.record.unplaced[t] = np.sum(industry < 0)
        self.record.unsized[t] = np.sum(np.isnan(cross.cap))

    def _regress(self, t: int, state: State) -> State:
        """Explain the returns of session t by the exposures of the session before."""
        held = np.flatnonzero(self.record.covered[t - 1])
        exposure = self.record.styles[t - 1, held].astype(np.float64)
        there = ~np.isnan(exposure).all(axis=0)
        if not there.any():
            return state
        day = cross_section(
            self.inputs.returns[t, held].astype(np.float64),
            exposure[:, there],
            self.record.industry[t - 1, held],
            self.inputs.cap[t - 1, held].astype(np.float64),
            self.inputs.vote[t, held],
            max(len(self.inputs.industries), 1),
        )
        self.record.r2[t] = day.r2
        self.record.residuals[t, held] = day.residual
        self.record.vif[t, there] = day.vif
        self.record.collinear[t] = np.sum(np.isnan(day.style)) if np.isfinite(day.r2) else 0
        self._write(self.record.factor_returns[t], day.country, day.industry, day.style, there)
        self._write(self.record.t_values[t], day.country_t, day.industry_t, day.style_t, there)
        ordinary = np.where(self.inputs.seasoned[t], self.record.residuals[t], np.nan)
        return state.learn(self.record.factor_returns[t], ordinary.astype(np.float64))

    def _write(
        self, row: Floats, country: float, industry: Floats, style: Floats, there: Bools
    ) -> None:
        """Lay country, industries and the styles present out in one row ``[K]``."""
        row[0] = country
        row[1 : self.first_style] = industry[: len(self.inputs.industries)]
        row[self.first_style :][there] = style

    def _settle(self, t: int, state: State) -> State:
        """Give industries that have members but no history that of the industries they came from."""
        known = state.vol.observed[1 : self.first_style] >= MIN_DAYS
        born = np.setdiff1d(self._members(t), np.flatnonzero(known))
        if not len(born) or not known.any():
            return state
        mix, kept = self._succession(t, born, known)
        return state.inherit(mix, kept)

    def _members(self, t: int) -> Codes:
        """Industries with a covered member at t."""
        code = self.record.industry[t]
        return np.unique(code[code >= 0]) if self.inputs.industries else code[:0]

    def _succession(self, t: int, born: Codes, known: Bools) -> tuple[Floats, Floats]:
        """Mix of old factors that each new industry continues, and how much it has in common with it.

        An industry is the mix of those its members came from, by square root of market value. What it
        has in common with them is the share of them that it took over: all for a change of name, little
        for a small split-off. Without any origin it is the average industry.
        """
        factors, count = self.record.factor_returns.shape[1], len(known)
        mix, kept = np.eye(factors), np.ones(factors)
        old, new = self.record.industry[t - 1], self.record.industry[t]
        weight = np.sqrt(np.nan_to_num(self.inputs.cap[t].astype(np.float64)))
        from_known = (old >= 0) & known[old]
        whole = np.bincount(old[from_known], weight[from_known], count)
        for code in born:
            moved = from_known & (new == code)
            part = np.bincount(old[moved], weight[moved], count)
            if part.sum() > 0.0:
                share = part / part.sum()
                taken = np.divide(part, whole, out=np.zeros(count), where=whole > 0.0)
                kept[1 + code] = share @ taken
            else:
                share = known / known.sum()
                kept[1 + code] = 1.0 / known.sum()
            mix[1 + code] = 0.0
            mix[1 + code, 1 : self.first_style] = share
        return mix, kept

    def _forecast(self, t: int, state: State) -> None:
        """Write the covariance and the specific risk that hold after the close of session t."""
        held = np.flatnonzero(self.record.covered[t])
        if not len(held):
            return
        factors = self._modelled(t, held, state)
        covariance, repaired = factor_covariance(state.vol, state.corr, factors)
        self.record.covariance[t][np.ix_(factors, factors)] = covariance
        self.record.repaired[t] = repaired
        cap = self.inputs.cap[t, held].astype(np.float64)
        cap[np.isnan(cap)] = np.nanmedian(cap)  # a middle decile for stocks of unknown size
        own, trust = state.residual.volatility()[held], state.residual.trust()[held]
        risk = specific_risk(own, trust, cap, self.shrinkage)
        self.record.specific[t, held] = risk.volatility
        self.record.thin[t] = risk.thin
        self.record.clipped[t] = risk.clipped

    def _modelled(self, t: int, held: Codes, state: State) -> Codes:
        """Factors of the model at t: those with exposures that day and a history."""
        there = np.zeros(len(state.vol.observed), dtype=bool)
        there[0] = True
        there[1 + self._members(t)] = True
        there[self.first_style :] = ~np.isnan(self.record.styles[t, held]).all(axis=0)
        return np.flatnonzero(there & (state.vol.observed >= MIN_DAYS))
