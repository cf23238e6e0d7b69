"""The state of a risk model after a session: all that the next one needs of the past beside the record."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from risk.arrays import Codes, Floats
from risk.covariance import Horizon, Moments
from risk.eigen import EigenBias
from risk.regime import Regime
from risk.specific import ResidualMoments
from risk.standing import Standing
from risk.structural import Structure


@dataclass(frozen=True, eq=False)
class State:
    """All that the next day needs of the past besides the record's last row."""

    vol: Moments
    corr: Moments
    residual: ResidualMoments
    eigen: EigenBias
    factor_regime: Regime
    specific_regime: Regime
    structure: Structure
    standing: Standing
    days: int  # regressions so far

    @classmethod
    def empty(cls, industries: int, styles: int, stocks: int, horizon: Horizon) -> State:
        """Return the state before the first day."""
        factors = 1 + industries + styles
        return cls(
            vol=Moments.empty(factors, horizon.nw_vol, horizon.vol),
            corr=Moments.empty(factors, horizon.nw_corr, horizon.corr),
            residual=ResidualMoments.empty(stocks, horizon),
            eigen=EigenBias(),
            factor_regime=Regime(horizon.vra, np.full(factors, np.nan)),
            specific_regime=Regime(horizon.specific_vra, np.full(stocks, np.nan)),
            structure=Structure.empty(stocks, max(industries, 1), styles),
            standing=Standing.before(stocks),
            days=0,
        )

    def learn(self, factor_returns: Floats, residual: Floats, weight: Floats) -> tuple[State, int]:
        """Move on by a day of factor returns ``[K]`` and residuals ``[N]``.

        ``weight`` ``[N]`` is that of each stock in the regime of specific risk. Also count the surprises that were
        clipped.
        """
        factor_regime, wild = self.factor_regime.learn(factor_returns)
        specific_regime, odd = self.specific_regime.learn(residual, weight)
        state = replace(
            self,
            vol=self.vol.update(factor_returns),
            corr=self.corr.update(factor_returns),
            residual=self.residual.update(residual),
            factor_regime=factor_regime,
            specific_regime=specific_regime,
            days=self.days + bool(np.isfinite(factor_returns[0])),
        )
        return state, wild + odd

    def inherit(self, mix: Floats, kept: Floats) -> State:
        """Give new factors the history of old ones; see ``Moments.inherit``."""
        return replace(self, vol=self.vol.inherit(mix, kept), corr=self.corr.inherit(mix, kept))

    def widen(self, position: Codes, stocks: int) -> State:
        """Move the stocks to ``position`` on a grid of ``stocks`` columns."""
        forecast, behaved = np.full(stocks, np.nan), np.ones(stocks)
        forecast[position] = self.specific_regime.forecast
        behaved[position] = self.structure.behaved
        return replace(
            self,
            residual=self.residual.widen(position, stocks),
            specific_regime=replace(self.specific_regime, forecast=forecast),
            structure=replace(self.structure, behaved=behaved),
            standing=self.standing.widen(position, stocks),
        )
