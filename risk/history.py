"""Risk models through time: one per session, and what was learned on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market import DataError, Market
from risk.marks import Marks
from risk.model import RiskModel
from risk.record import Record, Room
from risk.report import build_report
from risk.state import State

if TYPE_CHECKING:
    from risk.barra import Barra


@dataclass(frozen=True, eq=False)
class RiskHistory:
    """The models of a fitted ``Barra``: causal, so the model at t uses nothing after the close of t.

    Attributes
    ----------
    config
        The settings that made it.
    sessions, stocks, industries
        The grid of the market it was fitted on.
    substitutes, fields
        Proxies that replaced missing data, as sentences; fields beyond prices that the market offered.
    marks
        Fingerprints of the data it was fitted on.
    record, state
        Results by date, and the state from which ``update`` goes on.
    room
        Spare memory behind the record; not pickled.
    """

    config: Barra
    sessions: pd.DatetimeIndex
    stocks: pd.Index
    industries: tuple[str, ...]
    substitutes: tuple[str, ...]
    fields: tuple[str, ...]
    marks: Marks
    record: Record
    state: State
    room: Room | None = None

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Sessions that have a model."""
        return self.sessions[self.record.modelled]

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of all factors: country, industries, styles; a date may lack some."""
        return ("country", *self.industries, *(spec.name for spec in self.config.styles))

    @property
    def kinds(self) -> dict[str, str]:
        """Factor to ``"country"``, ``"industry"``, ``"style"`` or ``"latent"``."""
        styles = {spec.name: spec.kind for spec in self.config.styles}
        return {"country": "country", **dict.fromkeys(self.industries, "industry"), **styles}

    @property
    def factor_returns(self) -> pd.DataFrame:
        """Daily factor returns, date x factor; NaN where a factor did not exist."""
        return self._by_factor(self.record.factor_returns)

    @property
    def t_values(self) -> pd.DataFrame:
        """Return t statistics of the factor returns, date x factor."""
        return self._by_factor(self.record.t_values)

    @property
    def r2(self) -> pd.Series:
        """Uncentred, sqrt-cap weighted share of squared returns explained, by date."""
        done = self.record.estimated
        return pd.Series(self.record.r2[done], index=self.sessions[done], name="r2")

    @property
    def vif(self) -> pd.DataFrame:
        """Variance inflation of the styles, date x style; alarm above 5."""
        names = [spec.name for spec in self.config.styles]
        done = self.record.estimated
        return pd.DataFrame(self.record.vif[done], index=self.sessions[done], columns=names)

    @property
    def residuals(self) -> pd.DataFrame:
        """Daily specific returns, date x stock, float32."""
        return pd.DataFrame(self.record.residuals, index=self.sessions, columns=self.stocks)

    @property
    def report(self) -> pd.DataFrame:
        """What was missing, substituted, dropped, filled or repaired, with counts; see ``risk.report``."""
        return build_report(self)

    @property
    def regime(self) -> pd.DataFrame:
        """Multiplier on volatility of the regime adjustment, date x (``"factor"``, ``"specific"``)."""
        done = self.record.modelled
        names = ["factor", "specific"]
        return pd.DataFrame(self.record.regime[done], index=self.sessions[done], columns=names)

    def style(self, name: str) -> pd.DataFrame:
        """Return the exposures to a style, date x stock, float32; NaN where not covered.

        Raises
        ------
        DataError
            No such style.
        """
        names = [spec.name for spec in self.config.styles]
        if name not in names:
            raise DataError(f"style {name!r} is not in this model; it has {names}")
        values = self.record.styles[:, :, names.index(name)]
        return pd.DataFrame(values, index=self.sessions, columns=self.stocks)

    def at(self, date: pd.Timestamp | str) -> RiskModel:
        """Return the model known after the close of a session.

        Raises
        ------
        DataError
            The date is no session of the fitted market, or lies before the first model.
        """
        row = self._row(date)
        held = np.flatnonzero(self.record.covered[row])
        chosen = np.flatnonzero(np.isfinite(np.diag(self.record.covariance[row])))
        names = pd.Index(np.array(self.factors, dtype=object)[chosen], name="factor")
        stocks = self.stocks[held]
        covariance = self.record.covariance[row][np.ix_(chosen, chosen)]
        return RiskModel(
            date=self.sessions[row],
            exposures=pd.DataFrame(self._exposures(row, held)[:, chosen], stocks, names),
            factor_covariance=pd.DataFrame(covariance, names, names),
            specific_variance=pd.Series(
                self.record.specific[row, held] ** 2, stocks, name="specific_variance"
            ),
            kinds={name: self.kinds[name] for name in names},
        )

    def update(
        self, market: Market, given: Mapping[str, pd.DataFrame] | None = None
    ) -> RiskHistory:
        """Return the history carried on to the end of a longer market.

        Only the new sessions are computed; the result equals a fit of the whole market bit for bit.
        ``given`` descriptors are read for the new sessions alone, and must have all of them.

        Raises
        ------
        DataError
            The market does not begin with the same sessions, lacks a stock, names other industries, has
            a new stock that traded before, or its past was restated: then fit again.
        """
        return self.config.update(self, market, given)

    def __getstate__(self) -> dict[str, object]:
        """Travel without the spare memory."""
        return {**self.__dict__, "room": None}

    def __repr__(self) -> str:
        """Two lines for a notebook."""
        dates = self.dates
        latent = sum(spec.kind == "latent" for spec in self.config.styles)
        styles = f"{len(self.config.styles) - latent} styles" + f", {latent} latent" * bool(latent)
        return (
            f"RiskHistory of {len(dates)} models, {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}\n"
            f"  factors: country, {len(self.industries)} industries, {styles}; "
            f"mean R2 {self.r2.mean():.3f}"
        )

    def _row(self, date: pd.Timestamp | str) -> int:
        stamp = pd.Timestamp(date)
        row = int(self.sessions.searchsorted(stamp))
        dates = self.dates
        if row == len(self.sessions) or self.sessions[row] != stamp or stamp not in dates:
            raise DataError(
                f"there is no risk model for {stamp:%Y-%m-%d}; models exist for the sessions from "
                f"{dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}; see history.dates"
            )
        return row

    def _exposures(self, row: int, held: np.ndarray) -> np.ndarray:
        """Dense exposures of one date ``[n, K]``: ones, industry dummies, styles."""
        code = self.record.industry[row, held]
        dummies = np.zeros((len(held), len(self.industries)))
        if self.industries:
            placed = np.flatnonzero(code >= 0)
            dummies[placed, code[placed]] = 1.0
        styles = self.record.styles[row, held].astype(np.float64)
        return np.column_stack([np.ones(len(held)), dummies, styles])

    def _by_factor(self, values: np.ndarray) -> pd.DataFrame:
        done = self.record.estimated
        frame = pd.DataFrame(values[done], index=self.sessions[done], columns=list(self.factors))
        return frame.dropna(axis=1, how="all")
