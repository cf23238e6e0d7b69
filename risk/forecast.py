"""What holds after a close: factor covariance and specific risk with their adjustments, written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from risk.arrays import Bools, Codes, Floats
from risk.covariance import factor_covariance
from risk.eigen import BOUNDS, EigenBias, eigen_adjust, eigen_bias, simulated_length, whitened_draws
from risk.inputs import Inputs
from risk.record import Record
from risk.specific import specific_risk
from risk.state import State
from risk.structural import LONG, Kinds, Structure, behaviour, history_share

if TYPE_CHECKING:
    from risk.barra import Barra

REFRESH = 21  # sessions for which the structure of specific risk is kept


@dataclass(frozen=True, eq=False)
class Own:
    """What the own histories of the covered stocks say ``[n]``.

    ``volatility`` is NaN without residuals; ``trust`` its weight against that of the stock's kind, ``believed`` marks
    those from which the kinds are learned. ``behaved`` ``[N]`` is the judgement of all histories, new if ``due``.
    """

    volatility: Floats
    trust: Floats
    believed: Bools
    behaved: Floats
    due: bool


@dataclass(frozen=True, eq=False)
class Forecast:
    """The forecast part of the daily recursion; each step returns the state with what it remembers."""

    config: Barra
    inputs: Inputs
    record: Record

    def run(self, t: int, state: State, factors: Codes) -> State:
        """Write the covariance of ``factors`` and the specific risk that hold after session t."""
        held = np.flatnonzero(self.record.covered[t])
        own = self._own(t, state, held)
        if not own.believed.any():
            return state  # no stock has a history of its own: no model today
        return self._specific(t, self._factors(t, state, factors), held, own)

    def _factors(self, t: int, state: State, factors: Codes) -> State:
        plain, repaired = factor_covariance(state.vol, state.corr, factors)
        state = self._simulated(t, state, factors, plain)
        count = len(factors)
        covariance = eigen_adjust(plain, state.eigen.at(count)) if self.config.eigen else plain
        forecast = np.full(len(state.factor_regime.forecast), np.nan)
        forecast[factors] = np.sqrt(np.diag(covariance))
        level = state.factor_regime.level if self.config.regime else 1.0
        self.record.covariance[t][np.ix_(factors, factors)] = level**2 * covariance
        self.record.repaired[t] = repaired
        self.record.regime[t, 0] = level
        return replace(state, factor_regime=replace(state.factor_regime, forecast=forecast))

    def _simulated(self, t: int, state: State, factors: Codes, covariance: Floats) -> State:
        """Simulate the eigenfactor bias anew when it is due."""
        eigen, known = self.config.eigen, state.eigen
        if eigen is None:
            return state
        if len(known.v) and known.age + 1 < eigen.refresh:
            return replace(state, eigen=replace(known, age=known.age + 1))
        horizon = self.config.horizon
        draws = whitened_draws(
            factors=len(state.vol.observed),
            horizon=horizon,
            length=simulated_length(state.days, horizon),
            simulations=eigen.simulations,
            seed=eigen.seed,
        )
        v = eigen_bias(covariance, draws.of(factors), eigen.scale)
        self.record.eigen_clipped[t] = np.sum((v == BOUNDS[0]) | (v == BOUNDS[1]))
        return replace(state, eigen=EigenBias(v))

    def _own(self, t: int, state: State, held: Codes) -> Own:
        """Gather what the histories of the covered stocks say, and how far each is to be believed."""
        volatility = state.residual.volatility()[held]
        due = state.structure.age + 1 >= REFRESH
        behaved = self._behaviour(t, state, held) if due else state.structure.behaved
        share = history_share(self._count(t)[held])
        trust = np.where(np.isfinite(volatility), share * behaved[held], 0.0)
        # stocks with a full history, or while all are short those with the longest
        believed = (trust > 0.0) & (trust >= min(1.0, trust.max(initial=0.0)))
        if self.config.specific == "fill":
            trust = np.where(trust > 0.0, 1.0, 0.0)
        return Own(volatility, trust, believed, behaved, due)

    def _specific(self, t: int, state: State, held: Codes, own: Own) -> State:
        """Write specific risk. A stock that did not trade keeps its last."""
        kinds = self._kinds(t, held)
        if own.due:
            size = max(len(self.inputs.industries), 1)
            structure = Structure.fit(own.volatility, own.believed, kinds, size, own.behaved)
        else:
            structure = replace(state.structure, age=state.structure.age + 1)
        structural = structure.volatility(own.volatility, own.believed, kinds)
        shrinkage = self.config.horizon.shrinkage
        risk = specific_risk(own.volatility, own.trust, structural, kinds.cap, shrinkage)
        last = state.specific_regime.forecast[held]
        idle = np.isnan(self.inputs.returns[t, held]) & np.isfinite(last)
        forecast = np.full(len(state.specific_regime.forecast), np.nan)
        forecast[held] = np.where(idle, last, risk.volatility)
        level = state.specific_regime.level if self.config.regime else 1.0
        self.record.specific[t, held] = level * forecast[held]
        self.record.regime[t, 1] = level
        self.record.thin[t], self.record.clipped[t] = risk.thin, risk.clipped
        regime = replace(state.specific_regime, forecast=forecast)
        return replace(state, specific_regime=regime, structure=structure)

    def _kinds(self, t: int, held: Codes) -> Kinds:
        cap = self.inputs.cap[t, held].astype(np.float64)
        cap[np.isnan(cap)] = np.nanmedian(cap)  # a middle decile for stocks of unknown size
        styles = self.record.styles[t, held].astype(np.float64)
        return Kinds(styles, self.record.industry[t, held], cap)

    def _window(self, t: int) -> slice:
        return slice(max(0, t + 1 - LONG), t + 1)

    def _count(self, t: int) -> Codes:
        """Count the residuals of each stock over the window ``[N]``: 180 at most, so bytes do."""
        seen = self.record.ordinary[self._window(t)].view(np.uint8)
        return np.asarray(seen.sum(axis=0, dtype=np.uint8))

    def _behaviour(self, t: int, state: State, held: Codes) -> Floats:
        """Judge the histories of the covered stocks anew ``[N]``."""
        block = np.ix_(np.arange(*self._window(t).indices(t + 1)), held)
        residual = np.where(self.record.ordinary[block], self.record.residuals[block], np.nan)
        behaved = np.ones(len(state.structure.behaved))
        behaved[held] = behaviour(residual.astype(np.float64))
        return behaved
