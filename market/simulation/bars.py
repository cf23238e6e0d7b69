"""The daily bar around a close: open, high, low, average price and volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.simulation.exchange import Quotes
from market.venue import Venue

Array = np.ndarray

_OVERNIGHT = 0.35  # share of the day's move that the opening already shows
_OPEN_NOISE, _RANGE = 0.35, 0.45  # in daily specific volatilities
_TELLING = 0.25  # log range per unit of hidden trait: a trace that a learned risk model can find
_LOCK_GAP = 0.03  # log distance still to go at which a limit day is one price from open to close
_LOCKED_VOLUME = 0.15  # of the usual, when hardly anybody takes the other side
_LOT = 100  # shares


@dataclass(frozen=True, eq=False)
class Bars:
    """Unadjusted bars ``[T, N]``, float32, CNY and shares; NaN where there was no trade."""

    open: Array
    high: Array
    low: Array
    close: Array
    vwap: Array
    volume: Array
    amount: Array


def draw_bars(
    rng: np.random.Generator,
    quotes: Quotes,
    traded: Array,
    volatility: Array,
    hidden_trait: Array,
    wanted: Array,
    venue: Venue,
) -> Bars:
    """Draw the bars of the traded sessions.

    Parameters
    ----------
    rng
        Source of chance.
    quotes
        Closes, references and limits.
    traded
        ``[T, N]`` bool.
    volatility
        Daily specific volatility ``[T, N]``.
    hidden_trait
        Trait behind the loading on the hidden factor ``[N]``: it widens the daily range.
    wanted
        Shares that would change hands on a day without a lock ``[T, N]``.
    venue
        Tick and rounding.
    """
    reference, close = quotes.reference, quotes.close
    lower, upper = np.maximum(quotes.lower, venue.tick), quotes.upper
    drift = _OVERNIGHT * np.log(close / reference)
    opening = reference * np.exp(
        drift + _OPEN_NOISE * volatility * rng.standard_normal(close.shape)
    )
    width = _RANGE * volatility * np.exp(_TELLING * hidden_trait)
    opening = np.clip(venue.round_to_tick(opening), lower, upper)
    high = np.maximum(opening, close) * np.exp(width * np.abs(rng.standard_normal(close.shape)))
    low = np.minimum(opening, close) * np.exp(-width * np.abs(rng.standard_normal(close.shape)))
    high = np.clip(venue.round_to_tick(high), lower, upper)
    low = np.clip(venue.round_to_tick(low), lower, upper)
    locked = _locked(quotes, venue)
    for price in (opening, high, low):
        np.copyto(price, close, where=locked)
    lots = np.where(locked, _LOCKED_VOLUME, 1.0) * wanted / _LOT
    volume = np.maximum(np.floor(lots), 1.0) * _LOT
    vwap = _average(rng, opening, high, low, close)
    columns = {
        "open": opening, "high": high, "low": low, "close": close, "vwap": vwap,
        "volume": volume, "amount": vwap * volume,
    }  # fmt: skip
    return Bars(**{name: _stored(values, traded) for name, values in columns.items()})


def _locked(quotes: Quotes, venue: Venue) -> Array:
    """Closed at a limit with so much still to come that no other price was dealt."""
    up = (quotes.close >= quotes.upper - venue.tick / 2) & (quotes.gap > _LOCK_GAP)
    down = (quotes.close <= quotes.lower + venue.tick / 2) & (quotes.gap < -_LOCK_GAP)
    return up | down


def _average(
    rng: np.random.Generator, opening: Array, high: Array, low: Array, close: Array
) -> Array:
    """Average price inside the range, near the mean of the four prices."""
    typical = (opening + high + low + close) / 4
    noise = 0.1 * (high - low) * rng.standard_normal(close.shape)
    return np.clip(typical + noise, low, high)


def _stored(values: Array, traded: Array) -> Array:
    return np.where(traded, values, np.nan).astype(np.float32)
