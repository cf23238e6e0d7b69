"""What a risk model writes down day by day, and the state from which the next day goes on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from risk.arrays import Bools, Codes, Floats
from risk.covariance import Horizon, Moments
from risk.specific import ResidualMoments

BY_STOCK = ("styles", "industry", "covered", "residuals", "specific")  # fields with a stock axis


@dataclass(frozen=True, eq=False)
class State:
    """All that the next day needs of the past besides the record's last row."""

    vol: Moments
    corr: Moments
    residual: ResidualMoments
    days: int  # regressions so far

    @classmethod
    def empty(cls, factors: int, stocks: int, horizon: Horizon) -> State:
        """Return the state before the first day."""
        return cls(
            vol=Moments.empty(factors, horizon.nw_vol, horizon.vol),
            corr=Moments.empty(factors, horizon.nw_corr, horizon.corr),
            residual=ResidualMoments.empty(stocks, horizon),
            days=0,
        )

    def learn(self, factor_returns: Floats, residual: Floats) -> State:
        """Move on by a day of factor returns ``[K]`` and residuals ``[N]``."""
        return State(
            vol=self.vol.update(factor_returns),
            corr=self.corr.update(factor_returns),
            residual=self.residual.update(residual),
            days=self.days + bool(np.isfinite(factor_returns[0])),
        )

    def inherit(self, mix: Floats, kept: Floats) -> State:
        """Give new factors the history of old ones; see ``Moments.inherit``."""
        return replace(self, vol=self.vol.inherit(mix, kept), corr=self.corr.inherit(mix, kept))

    def widen(self, position: Codes, stocks: int) -> State:
        """Move the stocks to ``position`` on a grid of ``stocks`` columns."""
        return replace(self, residual=self.residual.widen(position, stocks))


@dataclass(frozen=True, eq=False)
class Record:
    """Results by date: T sessions, N stocks, K factors (country, industries, styles), S styles.

    ``styles`` is float32 because it is the one large array; all arithmetic on it is float64. NaN marks
    what does not exist: a style absent that day, a factor without members, a stock not covered.
    """

    styles: Floats  # [T, N, S] float32
    industry: Codes  # [T, N] int8, -1 none
    covered: Bools  # [T, N]
    factor_returns: Floats  # [T, K]
    t_values: Floats  # [T, K]
    r2: Floats  # [T]
    vif: Floats  # [T, S]
    residuals: Floats  # [T, N] float32
    covariance: Floats  # [T, K, K] per day
    specific: Floats  # [T, N] volatility per day
    filled: Codes  # [T, S] exposures predicted from industry and size
    errors: Codes  # [T] descriptor values blanked as errors
    unplaced: Codes  # [T] covered stocks without an industry
    unsized: Codes  # [T] covered stocks without a market value
    thin: Codes  # [T] stocks whose specific risk leans on their decile
    clipped: Codes  # [T] specific risks moved to a bound
    collinear: Codes  # [T] styles left out of the regression
    repaired: Bools  # [T] covariance made positive definite

    @classmethod
    def empty(cls, sessions: int, stocks: int, industries: int, styles: int) -> Record:
        """Return a record with nothing written."""
        t, n, s = sessions, stocks, styles
        k = 1 + industries + styles

        def blank(*shape: int, dtype: type = np.float64) -> Floats:
            return np.full(shape, np.nan, dtype=dtype)

        def count(*shape: int) -> Codes:
            return np.zeros(shape, dtype=np.int32)

        return cls(
            styles=blank(t, n, s, dtype=np.float32),
            industry=np.full((t, n), -1, dtype=np.int8),
            covered=np.zeros((t, n), dtype=bool),
            factor_returns=blank(t, k),
            t_values=blank(t, k),
            r2=blank(t),
            vif=blank(t, s),
            residuals=blank(t, n, dtype=np.float32),
            covariance=blank(t, k, k),
            specific=blank(t, n),
            filled=count(t, s),
            errors=count(t),
            unplaced=count(t),
            unsized=count(t),
            thin=count(t),
            clipped=count(t),
            collinear=count(t),
            repaired=np.zeros(t, dtype=bool),
        )

    @property
    def described(self) -> Bools:
        """Sessions with exposures ``[T]``."""
        return np.asarray(self.covered.any(axis=1))

    @property
    def estimated(self) -> Bools:
        """Sessions with factor returns ``[T]``."""
        return np.isfinite(self.r2)

    @property
    def modelled(self) -> Bools:
        """Sessions with a covariance ``[T]``."""
        return np.isfinite(self.covariance[:, 0, 0])

    def sealed(self) -> Record:
        """Make every array read-only: what was written stays as it was."""
        for item in fields(self):
            getattr(self, item.name).flags.writeable = False
        return self

    def grown(self, sessions: int, stocks: int, position: Codes) -> Record:
        """Return a longer record that begins with these rows.

        ``position`` ``[N]`` tells where this record's stocks stand among the new ``stocks``.
        """
        rows, moved = len(self.r2), not np.array_equal(position, np.arange(stocks))
        industries = self.factor_returns.shape[1] - 1 - self.styles.shape[2]
        tail = Record.empty(sessions - rows, stocks, industries, self.styles.shape[2])
        head = Record.empty(rows, stocks, industries, self.styles.shape[2]) if moved else self
        if moved:
            for name in BY_STOCK:
                getattr(head, name)[:, position] = getattr(self, name)
        joined = {}
        for item in fields(self):
            first = getattr(head if item.name in BY_STOCK else self, item.name)
            joined[item.name] = np.concatenate([first, getattr(tail, item.name)])
        return Record(**joined)
