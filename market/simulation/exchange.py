"""What the exchange makes of fair values: ticks, price limits, suspensions, ex-dates, listings.

A close is the fair price of the session, rounded to the tick and held inside the limits; what the
limits cut off is not lost, because the next session aims at the fair price again. So a large move
takes several limit days, and a suspended stock catches up when it trades again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.simulation.shares import Issue
from market.venue import Venue

Array = np.ndarray

_SPLIT_ABOVE = 60.0  # CNY: a stock this dear gives one new share per share on its ex-date
_MERGE_BELOW = 2.0  # CNY: a stock this cheap merges five shares into one, so that ticks stay small
_FIRST_DAY = (0.64, 1.44)  # of the issue price, where the venue itself sets no other first-day rule


@dataclass(frozen=True, eq=False)
class Quotes:
    """Closing state of the exchange ``[T, N]`` float64, CNY; valid where the stock is listed.

    ``reference`` is the previous close after what goes ex; ``close`` is carried through suspensions;
    ``gap`` is the log of the fair price over the close: what is still to come.
    """

    close: Array
    reference: Array
    upper: Array
    lower: Array
    factor: Array
    split: Array  # shares per share of the session before
    dividend: Array  # cash of a share of the session before
    gap: Array


@dataclass(frozen=True, eq=False)
class Orders:
    """What the exchange has to work with: fair ``returns``, dividends ``paid`` as a fraction of
    yesterday's value, ``ex_dates``, limit ``rates``, ``traded`` (all [T, N]) and ``first`` rows [N].
    """

    returns: Array
    paid: Array
    ex_dates: Array
    rates: Array
    traded: Array
    first: Array


def quote(orders: Orders, issue: Issue, venue: Venue) -> Quotes:
    """Quote the closes of all sessions, each from the one before."""
    shape = orders.returns.shape
    book = {
        name: np.ones(shape)
        for name in ("close", "reference", "upper", "lower", "factor", "split", "dividend", "gap")
    }
    offered = venue.round_to_tick(issue.price / (1.0 + issue.premium))
    fair = issue.price.copy()  # adjusted by factor: the total-return path
    close, factor = venue.round_to_tick(issue.price), np.ones(shape[1])
    book["close"][0] = book["reference"][0] = close
    book["dividend"][0] = 0.0
    book["upper"][0], book["lower"][0], book["gap"][0] = np.inf, 0.0, np.log(fair / close)
    for t in range(1, shape[0]):
        opening = orders.first == t
        close = np.where(opening, offered, close)
        factor = np.where(opening, 1.0, factor)
        fair = np.where(orders.first > t, issue.price, fair * (1.0 + orders.returns[t]))
        ex = orders.ex_dates[t]
        split = np.where(ex, _split(close), 1.0)
        dividend = np.where(ex, close * orders.paid[t], 0.0)
        reference = np.where(ex, _gone_ex(close, orders.paid[t], split, venue), close)
        factor = factor * close / reference
        lower, upper = _limits(reference, orders.rates[t], opening, venue)
        aim = venue.round_to_tick(fair / factor)
        close = np.where(orders.traded[t], np.clip(aim, lower, upper), reference)
        for name, value in (
            ("close", close), ("reference", reference), ("upper", upper), ("lower", lower),
            ("factor", factor), ("split", split), ("dividend", dividend),
            ("gap", np.log(fair / factor / close)),
        ):  # fmt: skip
            book[name][t] = value
    return Quotes(**book)


def _split(close: Array) -> Array:
    """Shares that one share becomes on its ex-date."""
    return np.where(close > _SPLIT_ABOVE, 2.0, np.where(close < _MERGE_BELOW, 0.2, 1.0))


def _gone_ex(close: Array, paid: Array, split: Array, venue: Venue) -> Array:
    """Reference price after the cash and the new shares have left, at least one tick."""
    return np.maximum(venue.round_to_tick(close * (1.0 - paid) / split), venue.tick)


def _limits(reference: Array, rates: Array, opening: Array, venue: Venue) -> tuple[Array, Array]:
    """Lowest and highest legal close; a tick at least, and one tick of room for very cheap stocks."""
    free = np.isinf(rates)
    rate = np.where(free, 0.0, rates)
    lower = np.where(free, venue.tick, venue.round_to_tick(reference * (1.0 - rate)))
    upper = np.where(free, np.inf, venue.round_to_tick(reference * (1.0 + rate)))
    bound = opening & ~free
    lower = np.where(bound, venue.round_to_tick(reference * _FIRST_DAY[0]), lower)
    upper = np.where(bound, venue.round_to_tick(reference * _FIRST_DAY[1]), upper)
    return np.maximum(lower, venue.tick), np.maximum(upper, venue.tick)
