"""Where the risk model of a date comes from: a finished history, or a model fitted as time passes."""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from market import DataError, Market
from risk import RiskHistory, RiskModel


class RiskSpec(Protocol):
    """A configured risk model that can be fitted, such as ``risk.Barra()``."""

    def fit(self, market: Market) -> RiskHistory:
        """Estimate a model for every session with enough history."""


class RiskFeed:
    """Risk models by date. A specification is fitted on the market seen so far and then extended.

    The market of a snapshot ends at its date, so the fit cannot see further. A date asked again (a
    second backtest with the same policy) is answered from the history if the market up to it is the
    one that was fitted; extending equals refitting, so the answer is the same.
    """

    def __init__(self, source: RiskHistory | RiskSpec) -> None:
        self.source = source
        self.fits = 0  # how often a history was estimated from nothing
        self._history: RiskHistory | None = source if isinstance(source, RiskHistory) else None
        self._seen: dict[pd.Timestamp, str] = {}  # last session -> fingerprint of a fitted market

    def at(self, date: pd.Timestamp, market: Market) -> RiskModel:
        """Return the model known after the close of ``date``, the last session of ``market``.

        Raises
        ------
        DataError
            The history has no model for the date, or the market is too short to fit one.
        """
        if isinstance(self.source, RiskHistory):
            return self.source.at(date)
        fingerprint = market.fingerprint()
        if self._history is None or self._seen.get(date) != fingerprint:
            self._history = self._carried_on(self.source, market)
            self._seen[date] = fingerprint
        return self._history.at(date)

    def _carried_on(self, spec: RiskSpec, market: Market) -> RiskHistory:
        """Extend the history to ``market``; fit it anew where the market is another one."""
        history = self._history
        if history is not None and len(market.dates) > len(history.sessions):
            try:
                return history.update(market)
            except DataError:  # not a continuation: other stocks, another start, a restated past
                self._seen.clear()
        self._seen.clear()
        self.fits += 1
        return spec.fit(market)
