"""The daily recursion of the fundamental model: describe, regress, learn, write down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from market.progress import track
from risk.arrays import Bools, Codes, Floats
from risk.descriptors import Descriptor
from risk.exposures import Cross, style_exposures
from risk.forecast import Forecast
from risk.inputs import Inputs
from risk.record import Record
from risk.regression import cross_section
from risk.state import State
from risk.styles import StyleSpec, known_descriptors, lookback

if TYPE_CHECKING:
    from risk.barra import Barra

BLOCK = 128  # rows described at once; blocks start at multiples of it, whatever was computed before
MIN_UNIVERSE = 50  # usable stocks below which a session has no cross-section
MIN_DAYS = 63  # factor returns without which a factor has no history of its own


def first_read(start: int, styles: Iterable[StyleSpec]) -> int:
    """Return the first session that describing those from ``start`` on looks back to."""
    return max(0, start // BLOCK * BLOCK - lookback(styles))


@dataclass(frozen=True, eq=False)
class Estimation:
    """The recursion over a market: fixed settings, inputs, and the record it fills."""

    config: Barra
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
        forecast = Forecast(self.config, self.inputs, self.record)
        # One thread: matrices of forty factors gain nothing from more (four times slower was measured
        # on a busy machine), and sums split over threads would round by the machine's core count.
        with threadpool_limits(1, user_api="blas"):
            for t in days:
                if t > 0:
                    state = self._regress(t, state)
                state = self._settle(t, state)
                if state.days >= self.config.warmup:
                    state = forecast.run(t, state, self._modelled(t, state))
        return state

    def _described(self, start: int) -> Iterator[int]:
        """Write exposures block by block; yield each session whose exposures are written."""
        end = len(self.inputs.dates)
        for first in range(start // BLOCK * BLOCK, end, BLOCK):
            last, new = min(first + BLOCK, end), max(first, start)
            block = self.inputs.block(first, last, lookback(self.config.styles))
            # without a window to carry from the start of the block, the new rows alone are described
            fresh = self.inputs.block(new, last, 0) if new > first else block
            raw = {
                name: d.compute(block)[new - first :] if d.lookback else d.compute(fresh)
                for name, d in self._computable().items()
            }
            raw |= {name: values[new:last] for name, values in self.inputs.given.items()}
            for t in range(new, last):
                self._expose(t, {name: values[t - new] for name, values in raw.items()})
                yield t

    def _computable(self) -> dict[str, Descriptor]:
        """Return the descriptors whose fields the market has."""
        known = known_descriptors(self.config.styles)
        return {name: d for name, d in known.items() if d.possible(self.inputs.fields)}

    def _expose(self, t: int, raw: dict[str, Floats]) -> None:
        """Write the exposures of session t."""
        held = np.flatnonzero(self.inputs.covered[t])
        industry = self.inputs.industry[t, held]
        estu = self.inputs.estu[t, held] & (industry >= 0)
        if estu.sum() < MIN_UNIVERSE:
            return
        cross = Cross(self.inputs.cap[t, held].astype(np.float64), industry, estu)
        made = style_exposures({d: x[held] for d, x in raw.items()}, cross, self.config.styles)
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
        if not len(held):
            return state
        there = ~np.isnan(exposure).all(axis=0)
        day = cross_section(
            self.inputs.returns[t, held].astype(np.float64),
            exposure[:, there],
            self.record.industry[t - 1, held],
            self.inputs.cap[t - 1, held].astype(np.float64),
            self.inputs.vote[t, held],
            max(len(self.inputs.industries), 1),
        )
        self.record.r2[t], self.record.r2_centred[t] = day.r2, day.r2_centred
        self.record.r2_adjusted[t] = day.r2_adjusted
        self.record.voted[t, held] = day.voted
        self.record.residuals[t, held] = day.residual
        self.record.vif[t, there] = day.vif
        self.record.collinear[t] = np.sum(np.isnan(day.style)) if np.isfinite(day.r2) else 0
        self._write(self.record.factor_returns[t], day.country, day.industry, day.style, there)
        self._write(self.record.t_values[t], day.country_t, day.industry_t, day.style_t, there)
        residual = np.where(self.inputs.seasoned[t], self.record.residuals[t], np.nan)
        self.record.ordinary[t] = np.isfinite(residual)
        weight = np.where(self.inputs.estu[t - 1], self.inputs.cap[t - 1], 0.0)
        state, self.record.surprises[t] = state.learn(
            self.record.factor_returns[t], residual.astype(np.float64), weight.astype(np.float64)
        )
        return state

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

    def _modelled(self, t: int, state: State) -> Codes:
        """Factors of the model at t: those with exposures that day and a history."""
        held = np.flatnonzero(self.record.covered[t])
        there = np.zeros(len(state.vol.observed), dtype=bool)
        there[0] = True
        there[1 + self._members(t)] = True
        there[self.first_style :] = ~np.isnan(self.record.styles[t, held]).all(axis=0)
        return np.flatnonzero(there & (state.vol.observed >= MIN_DAYS))
