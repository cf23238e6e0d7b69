"""The fundamental risk model: settings, and how they become a history of models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market import DataError, Market
from risk.covariance import CNE5S, Horizon
from risk.estimate import MIN_DAYS, Estimation
from risk.history import RiskHistory
from risk.inputs import Inputs
from risk.record import Record, State
from risk.styles import CNE5, StyleSpec, check_order


@dataclass(frozen=True)
class Barra:
    """A Barra-style model: country, industries and styles, estimated day by day.

        r_t = X_{t-1} f_t + u_t,    Sigma_t = X_t F_t X_t' + diag(s_t^2)

    X_{t-1} is known at the close before the return it explains; Sigma_t at the close of t forecasts t + 1.

    Parameters
    ----------
    styles
        Style factors; ``CNE5`` by default. Those that the data do not allow are left out and reported.
    horizon
        Half-lives, lags and shrinkage: ``CNE5S`` for weeks to months, ``CNE5L`` beyond a quarter.
    warmup
        Days of factor returns before the first model.

    Examples
    --------
    >>> history = Barra().fit(world)  # doctest: +SKIP
    >>> history.at("2020-06-30").tracking_error(w, b)  # doctest: +SKIP
    """

    styles: tuple[StyleSpec, ...] = CNE5
    horizon: Horizon = CNE5S
    warmup: int = 252  # a year: the covariance of 40 factors is noise before

    def __post_init__(self) -> None:
        check_order(self.styles)
        if self.warmup <= MIN_DAYS:
            raise ValueError(
                f"warmup {self.warmup} is too short; use more than {MIN_DAYS} days, "
                "below which neither a style nor a stock has a history of its own"
            )

    def fit(self, market: Market, progress: bool = False) -> RiskHistory:
        """Estimate a model for every session with enough history.

        Raises
        ------
        DataError
            The market is too short, or names an industry like another factor.
        """
        inputs = Inputs.read(market)
        stocks, count = len(inputs.stocks), len(inputs.industries)
        self._check_names(inputs)
        record = Record.empty(len(inputs.dates), stocks, count, len(self.styles))
        state = State.empty(1 + count + len(self.styles), stocks, self.horizon)
        state = self._estimation(inputs, record).run(state, 0, progress)
        if state.days < self.warmup:
            raise DataError(
                f"market has {len(inputs.dates)} sessions, of which {state.days} gave factor returns, "
                f"the last {inputs.dates[-1]:%Y-%m-%d}; the first model needs {self.warmup}: give a "
                "longer market or a shorter warmup"
            )
        return self._history(market, inputs, record, state)

    def extend(self, history: RiskHistory, market: Market) -> RiskHistory:
        """Carry a history on; see ``RiskHistory.extend``."""
        inputs = Inputs.read(market)
        position = _check_continuation(history, market, inputs)
        stocks = len(inputs.stocks)
        record = history.record.grown(len(inputs.dates), stocks, position)
        state = history.state.widen(position, stocks)
        state = self._estimation(inputs, record).run(state, len(history.sessions), progress=False)
        return self._history(market, inputs, record, state)

    def _estimation(self, inputs: Inputs, record: Record) -> Estimation:
        return Estimation(self.styles, self.horizon.shrinkage, self.warmup, inputs, record)

    def _history(self, market: Market, inputs: Inputs, record: Record, state: State) -> RiskHistory:
        return RiskHistory(
            config=self,
            sessions=inputs.dates,
            stocks=inputs.stocks,
            industries=inputs.industries,
            substitutes=inputs.substitutes,
            fields=tuple(inputs.fields),
            fingerprint=market.fingerprint(),
            record=record.sealed(),
            state=state,
        )

    def _check_names(self, inputs: Inputs) -> None:
        taken = {"country", *(spec.name for spec in self.styles)}
        clash = sorted(taken & set(inputs.industries))
        if clash:
            raise DataError(
                f"field industry has categories {clash} named like other factors; rename them"
            )


def _check_continuation(history: RiskHistory, market: Market, inputs: Inputs) -> np.ndarray:
    """Return where the history's stocks stand in the market; refuse one that does not go on from it."""
    known = len(history.sessions)
    if not inputs.dates[:known].equals(history.sessions):
        raise DataError(
            f"market does not begin with the history's {known} sessions, "
            f"{history.sessions[0]:%Y-%m-%d} to {history.sessions[-1]:%Y-%m-%d}; fit it anew"
        )
    if inputs.industries != history.industries:
        raise DataError(
            f"industry has {len(inputs.industries)} categories, the history {len(history.industries)} "
            "or others; fit it anew"
        )
    position = inputs.stocks.get_indexer(history.stocks)
    if (position < 0).any():
        raise DataError(
            f"market lacks {int((position < 0).sum())} stocks of the history, first "
            f"{list(history.stocks[position < 0][:5])}; fit it anew"
        )
    past = market.until(history.sessions[-1])
    if len(inputs.stocks) > len(history.stocks):
        past = past.select(history.stocks)
    if past.fingerprint() != history.fingerprint:
        raise DataError(
            f"prices, volumes or factors up to {history.sessions[-1]:%Y-%m-%d} are not those the "
            "history was fitted on; fit it anew"
        )
    return position
