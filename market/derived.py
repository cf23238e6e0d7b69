"""What follows from the stored fields, each row from rows up to itself: nothing here looks ahead.

A derived field is a function of the market on its full grid, so it is computed once and sliced after.
``tests/market/test_causality.py`` changes every stored value after a date and holds them to this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from market.panel import Market

Array = np.ndarray

_AGED = 10_000  # sessions since listing given to stocks listed before the panel begins


def carried_forward(values: Array) -> Array:
    """Return ``values`` ``[T, N]`` with NaN replaced by the last finite value above it."""
    rows = np.where(np.isnan(values), 0, np.arange(len(values), dtype=np.int32)[:, None])
    np.maximum.accumulate(rows, axis=0, out=rows)
    return np.take_along_axis(values, rows, axis=0)


def suspended(m: Market) -> Array:
    """Listed, but without a trade that session: no close, or a volume of zero."""
    return m.values("listed") & ~_traded(m)


def _traded(m: Market) -> Array:
    """A close and a volume; a volume that is missing beside a close is unknown, not zero."""
    return ~np.isnan(m.values("close")) & (m.values("volume") != 0.0)


def close_filled(m: Market) -> Array:
    """Last traded close, CNY, carried through suspensions; NaN before listing and after delisting.

    What goes ex while a stock is suspended changes its shares and its price together: the carried price
    is then the theoretical one, so that a holding keeps its value.
    """
    close, factor = m.values("close"), m.values("factor")
    last = carried_forward(close)
    before = carried_forward(np.where(np.isnan(close), np.float32(np.nan), factor))
    with np.errstate(invalid="ignore", divide="ignore"):
        price = np.where(before == factor, last, last * (before / factor))
    return np.where(m.values("listed"), price, np.float32(np.nan))


def adj_close(m: Market) -> Array:
    """Carried close times the cumulative adjustment factor: a total-return price."""
    return m.values("close_filled") * m.values("factor")


def returns(m: Market) -> Array:
    """Simple adjusted return of the session; the whole gap on the first day after a suspension."""
    price = m.values("close") * m.values("factor")
    last = carried_forward(price)
    change = np.full(price.shape, np.nan, dtype=np.float32)
    change[1:] = price[1:] / last[:-1] - np.float32(1.0)
    return change


def age(m: Market) -> Array:
    """Sessions since listing, 0 on the first; stocks listed before the panel count as old."""
    counted = np.cumsum(m.values("listed"), axis=0, dtype=np.int32) - 1
    before = m.securities["listed_on"].to_numpy() < m.dates[0].to_numpy()
    return np.where(before[None, :], _AGED, counted).astype(np.int32)


def _limit(m: Market, side: float) -> Array:
    """Limit price of each session from the close before it, adjusted for what goes ex that day."""
    known = m.values("close_filled").astype(np.float64)
    factor = m.values("factor").astype(np.float64)
    rates = m.venue.limit_rates(
        m.dates,
        m.securities["board"].to_numpy(),
        m.values("st"),
        m.securities["listed_on"].to_numpy(),
        m.values("age"),
    )
    limit = np.full(known.shape, np.nan)
    reference = m.venue.round_to_tick(known[:-1] * factor[:-1] / factor[1:])
    with np.errstate(
        invalid="ignore"
    ):  # no limit: inf stays inf upward and is set to zero downward
        limit[1:] = m.venue.round_to_tick(reference * (1.0 + side * rates[1:]))
    free = np.isinf(rates) | np.isnan(limit)
    return np.where(free, np.inf if side > 0 else 0.0, limit).astype(np.float32)


def limit_up(m: Market) -> Array:
    """Highest legal price of the session, CNY; ``inf`` when there is no limit."""
    return _limit(m, 1.0)


def limit_down(m: Market) -> Array:
    """Lowest legal price of the session, CNY; 0 when there is no limit."""
    return _limit(m, -1.0)


def at_limit(price: Array, limit: Array, tick: float) -> Array:
    """Tell where a price is at its limit, within half a tick; false where the price is missing."""
    with np.errstate(invalid="ignore"):
        return np.abs(price - limit) < 0.5 * tick


def closed_at_limit_up(m: Market) -> Array:
    """Close at the upper limit: known at the close, a forecast that tomorrow cannot be bought."""
    return at_limit(m.values("close"), m.values("limit_up"), m.venue.tick)


def closed_at_limit_down(m: Market) -> Array:
    """Close at the lower limit: known at the close, a forecast that tomorrow cannot be sold."""
    return at_limit(m.values("close"), m.values("limit_down"), m.venue.tick)


def can_buy(m: Market) -> Array:
    """What the exchange allows ON the session: traded, and not locked at the upper limit all day."""
    return _traded(m) & ~_locked(m, m.values("limit_up"))


def can_sell(m: Market) -> Array:
    """What the exchange allows ON the session: traded, and not locked at the lower limit all day."""
    return _traded(m) & ~_locked(m, m.values("limit_down"))


def _locked(m: Market, limit: Array) -> Array:
    """One price all day at the limit, or an average price at it."""
    tick = m.venue.tick
    one_price = at_limit(m.values("low"), limit, tick) & at_limit(m.values("high"), limit, tick)
    return one_price | at_limit(m.values("deal_vwap"), limit, tick)


def typical(m: Market) -> Array:
    """(open + high + low + close) / 4, CNY: the substitute where no average price is known."""
    return (m.values("open") + m.values("high") + m.values("low") + m.values("close")) / 4


def deal_vwap(m: Market) -> Array:
    """Volume-weighted average price, CNY; the typical price in cells that have none."""
    if not m.has("vwap"):
        return m.values("typical")
    vwap = m.values("vwap")
    return np.where(np.isnan(vwap), m.values("typical"), vwap)


def amount(m: Market) -> Array:
    """Traded value, CNY: volume times the average price, real or substituted."""
    return m.values("volume") * m.values("deal_vwap")


def cap(m: Market) -> Array:
    """Total market value at the close, CNY, at the carried price."""
    return m.values("close_filled") * m.values("shares")


def float_cap(m: Market) -> Array:
    """Tradable market value at the close, CNY, at the carried price."""
    return m.values("close_filled") * m.values("float_shares")


DERIVED: dict[str, Callable[[Market], Array]] = {
    function.__name__: function
    for function in (
        suspended, close_filled, adj_close, returns, age, limit_up, limit_down, closed_at_limit_up,
        closed_at_limit_down, can_buy, can_sell, typical, deal_vwap, amount, cap, float_cap,
    )
}  # fmt: skip
