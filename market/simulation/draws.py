"""Everything chance deals before the first price is known, composed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.simulation import network, reports, shocks
from market.simulation.planted import Clues, Planted, plant, specific_moves
from market.simulation.turnover import Turnover, draw_turnover
from market.simulation.universe import Universe, draw_universe

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Draws:
    """The draws; rows ``[T, ...]`` are sessions, and volatilities have one row more, for the next one.

    Attributes
    ----------
    universe, turnover, planted, states
        See the modules that draw them.
    factor_returns, factor_volatility
        ``[T, K]`` and ``[T + 1, K]``, in the order of ``shocks.FACTORS``.
    hidden_returns, hidden_volatility
        ``[T]`` and ``[T + 1]``, in units of a base volatility that is fixed later.
    specific
        Specific returns, concept news among them ``[T, N]``.
    volatility
        Daily specific volatility ``[T + 1, N]``.
    neighbours, concepts
        ``[N, D]`` and ``[N, Q]``.
    announced, ex_dates
        ``[T, N]`` bool.
    """

    universe: Universe
    states: shocks.States
    factor_returns: Array
    factor_volatility: Array
    hidden_returns: Array
    hidden_volatility: Array
    specific: Array
    volatility: Array
    turnover: Turnover
    neighbours: Array
    concepts: Array
    planted: Planted
    announced: Array
    ex_dates: Array


def draw(
    seeds: list[np.random.SeedSequence],
    dates: pd.DatetimeIndex,
    stocks: int,
    rank_ic: float,
    parts: tuple[str, ...],
) -> Draws:
    """Draw a world; every idea has a stream of its own, so that a change in one moves no other."""
    life, links, weather, factors, noise, volume, alpha, calendar = map(
        np.random.default_rng, seeds
    )
    days = len(dates)
    universe = draw_universe(life, dates, stocks)
    neighbours = network.draw_supply_chain(links, universe.industry)
    concepts = network.draw_concepts(links, stocks)
    states = shocks.draw_states(weather, days + 1)
    factor_returns, factor_volatility = shocks.draw_factors(factors, states)
    hidden_returns, hidden_volatility = shocks.draw_hidden(factors, states)
    shock, volatility = shocks.draw_specific(noise, states, universe.cap)
    turnover = draw_turnover(volume, states, shock, universe.cap)
    base = np.sqrt((volatility**2).mean(axis=0))
    shown = np.where(universe.traded, (shock * volatility)[:days] / base, 0.0)
    clues = Clues(shown, turnover.surprise[:days], base, neighbours, concepts)
    planted = plant(alpha, clues, rank_ic, parts)
    return Draws(
        universe=universe,
        states=states,
        factor_returns=factor_returns[:days],
        factor_volatility=factor_volatility,
        hidden_returns=hidden_returns[:days],
        hidden_volatility=hidden_volatility,
        specific=specific_moves(shock[:days], planted.heard) * volatility[:days],
        volatility=volatility,
        turnover=turnover,
        neighbours=neighbours,
        concepts=concepts,
        planted=planted,
        announced=reports.announcements(calendar, dates, stocks),
        ex_dates=reports.ex_dates(calendar, dates, stocks) & universe.traded,
    )
