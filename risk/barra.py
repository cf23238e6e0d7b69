"""The fundamental risk model: settings, and how they become a history of models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from market import DataError, Market
from risk.continuation import check_continuation
from risk.covariance import CNE5S, Horizon
from risk.eigen import Eigen
from risk.estimate import MIN_DAYS, MIN_UNIVERSE, Estimation, first_read
from risk.given import Given, laid_out
from risk.history import RiskHistory
from risk.inputs import Inputs, Past
from risk.marks import Marks
from risk.model import SPECIFIC
from risk.record import Room
from risk.state import State
from risk.styles import CNE5, StyleSpec, check_order, fields_read


@dataclass(frozen=True)
class Barra:
    """A Barra-style model: country, industries and styles, estimated day by day.

        r_t = X_{t-1} f_t + u_t,    Sigma_t = X_t F_t X_t' + diag(s_t^2)

    X_{t-1} is known at the close before the return it explains; Sigma_t at the close of t forecasts t + 1.

    Parameters
    ----------
    styles
        Style factors; ``CNE5`` by default, ``()`` for country and industries alone. Those that the data do
        not allow are left out and reported.
    horizon
        Half-lives, lags and shrinkage: ``CNE5S`` for weeks to months, ``CNE5L`` beyond a quarter.
    warmup
        Days of factor returns before the first model.
    eigen
        Eigenfactor adjustment of the factor covariance; None leaves it out.
    regime
        Scale all risk by whether it has lately been above or below what was forecast.
    specific
        How specific risk is completed from that of similar stocks: ``"blend"`` lets the own history count by
        its length and behaviour, ``"fill"`` uses it alone from 60 residuals on.

    Examples
    --------
    >>> history = Barra().fit(world)  # doctest: +SKIP
    >>> history.at("2020-06-30").tracking_error(w, b)  # doctest: +SKIP
    """

    styles: tuple[StyleSpec, ...] = CNE5
    horizon: Horizon = CNE5S
    warmup: int = 252  # a year: the covariance of 40 factors is noise before
    eigen: Eigen | None = Eigen()  # noqa: RUF009 - frozen
    regime: bool = True
    specific: Literal["blend", "fill"] = "blend"

    def __post_init__(self) -> None:
        kinds = {type(item) for item in (*self.styles, self.horizon)}  # of a name: letters
        if not kinds <= {StyleSpec, Horizon}:
            raise TypeError(
                f"styles {self.styles!r:.40} and horizon {self.horizon!r:.40} are given as objects, not by "
                "name: risk.CNE5, risk.CNE5S and the like"
            )
        check_order(self.styles)
        if self.specific not in ("blend", "fill"):
            raise ValueError(f"specific is {self.specific!r}; use 'blend' or 'fill'")
        if self.warmup <= MIN_DAYS:
            raise ValueError(
                f"warmup {self.warmup} is too short; use more than {MIN_DAYS} days, "
                "below which neither a style nor a stock has a history of its own"
            )

    def fit(
        self, market: Market, progress: bool = False, given: Given | None = None
    ) -> RiskHistory:
        """Estimate a model for every session with enough history.

        Parameters
        ----------
        market
            The data.
        progress
            Show a bar.
        given
            Descriptors computed elsewhere, name to frame date x stock, each known at the close of its
            date; the styles name them like any other. See ``risk.given``.

        Raises
        ------
        DataError
            The market is too short, or names an industry like another factor; a given frame lacks
            sessions or stocks.
        """
        stocks, sessions = len(market.stocks), len(market.dates)
        laid = laid_out(given, self.styles, market.dates, market.stocks)
        industries = market.categories("industry") if market.has("industry") else ()
        self._check_names(industries)
        room = Room.empty(sessions, stocks, len(industries), len(self.styles))
        state = State.empty(len(industries), len(self.styles), stocks, self.horizon)
        record = room.record
        past = Past(record.cap, record.estu, record.market_return, state.standing)
        inputs = Inputs.read(market, laid, fields_read(self.styles), past)
        _check_universe(inputs)
        state = Estimation(self, inputs, record).run(state, 0, progress)
        if state.days < self.warmup:
            raise DataError(
                f"market has {sessions} sessions, of which {state.days} gave factor returns, "
                f"the last {inputs.dates[-1]:%Y-%m-%d}; the first model needs {self.warmup}: give a "
                "longer market or a shorter warmup"
            )
        return self._history(market, inputs, room, state)

    def update(
        self, history: RiskHistory, market: Market, given: Given | None = None
    ) -> RiskHistory:
        """Carry a history on; see ``RiskHistory.update``."""
        start, sessions, stocks = len(history.sessions), len(market.dates), len(market.stocks)
        laid = laid_out(given, self.styles, market.dates, market.stocks, start)
        origin = first_read(start, self.styles)
        position = check_continuation(history, market)
        moved = not np.array_equal(position, np.arange(stocks))
        state = history.state.widen(position, stocks) if moved else history.state
        room = history.room.after(history.record, sessions) if history.room and not moved else None
        room = room or Room.copied(history.record, sessions, stocks, position)
        record = room.record
        past = Past(record.cap, record.estu, record.market_return, state.standing, start, origin)
        inputs = Inputs.read(market, laid, fields_read(self.styles), past)
        state = Estimation(self, inputs, record).run(state, start, progress=False)
        return self._history(market, inputs, room, state, None if moved else history.marks)

    def _history(
        self,
        market: Market,
        inputs: Inputs,
        room: Room,
        state: State,
        known: Marks | None = None,
    ) -> RiskHistory:
        return RiskHistory(
            config=self,
            sessions=inputs.dates,
            stocks=inputs.stocks,
            industries=inputs.industries,
            substitutes=inputs.substitutes,
            fields=tuple(inputs.fields),
            marks=Marks.of(market, fields_read(self.styles), known),
            record=room.record.sealed(),
            state=replace(state, standing=inputs.standing),
            room=room,
        )

    def _check_names(self, industries: tuple[str, ...]) -> None:
        taken = {"country", SPECIFIC, *(spec.name for spec in self.styles)}
        clash = sorted(taken & set(industries))
        if clash:
            raise DataError(
                f"field industry has categories {clash} named like other factors; rename them"
            )


def _check_universe(inputs: Inputs) -> None:
    """Refuse a market whose universe is too small for a cross-section on every session."""
    voters = (inputs.estu & (inputs.industry >= 0)).sum(axis=1)
    if voters.max() < MIN_UNIVERSE:
        raise DataError(
            f"market has at most {voters.max()} usable stocks on a session, first on "
            f"{inputs.dates[voters.argmax()]:%Y-%m-%d}; a cross-section needs {MIN_UNIVERSE} that traded, "
            "are listed for a year, not ST, and have a market value and an industry"
        )
