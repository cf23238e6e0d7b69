"""What the exchange shows, session by session, and the terms of trade: what a run only reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from market import Costs, DataError, Market
from market.costs import SquareRootImpact, average_liquidity
from market.derived import at_limit

Array = np.ndarray

_THINNEST = 1e-6  # of the capital: a stock that does not trade counts as trading this much a day
REASONS = (
    "filled", "not listed", "suspended", "limit up", "limit down", "no price", "cash",
    "participation",
)  # fmt: skip
FILLED, NOT_LISTED, SUSPENDED, LIMIT_UP, LIMIT_DOWN, NO_DEAL, CASH, PARTICIPATION = range(8)
DELISTED = 8  # no order: shares turned into cash because the stock has left


class Tape(NamedTuple):
    """One market at one deal price, read-only.

    Attributes
    ----------
    deal, close, factor
        ``[T, N]``: price of the fills and carried close, CNY a share; shares a unit stands for.
    volume
        ``[T, N]``, shares traded; ``[0, 0]`` where nobody asks.
    listed, suspended, can_buy, can_sell
        ``[T, N]``, bool.
    fees
        ``[T, 2, 3]``, fractions of value: session, purchase or sale, then stamp duty, transfer fee and
        spread.
    depth
        ``[T, N]``, impact coefficients as known at each close; ``[0, 0]`` without impact.
    paid
        ``[T, N]``, cash dividends of a unit so far, CNY before tax; ``[0, 0]`` where they are not taxed.
    held_since
        ``[T, 2]``, first session whose purchases are held for a month, a year at most; ``[0, 2]``.
    smallest, step
        ``[N]``, lot rules in shares.
    """

    deal: Array
    close: Array
    factor: Array
    volume: Array
    listed: Array
    suspended: Array
    can_buy: Array
    can_sell: Array
    fees: Array
    depth: Array
    paid: Array
    held_since: Array
    smallest: Array
    step: Array


class Terms(NamedTuple):
    """The numbers of a run that the compiled session reads; see ``backtest.run``."""

    commission_buy: float
    commission_sell: float
    minimum: float
    haircut: float
    participation: float  # inf: no cap
    lots: bool
    again: bool  # what stays unfilled is tried again on the next session
    impact: bool
    two_sided: bool  # a limit on one side closes both
    tax_month: float  # of the dividends of shares sold within a month of their purchase
    tax_year: float  # and within a year


def tape_of(market: Market, deal: str, costs: Costs, volume: bool, depth: Array | None) -> Tape:
    """Return the arrays of a market; ``volume`` and ``depth`` only where they are asked for."""
    rules = [market.venue.lot(board) for board in market.securities["board"]]
    taxed = costs.taxes_dividends
    return Tape(
        deal=sealed(market.deal_price(deal).to_numpy()),
        close=sealed(market.values("close_filled")),
        factor=sealed(market.values("factor")),
        volume=sealed(market.values("volume") if volume else np.zeros((0, 0), np.float32)),
        listed=_flags(market, "listed"),
        suspended=_flags(market, "suspended"),
        can_buy=_open_to(market, "can_buy", deal, "limit_up"),
        can_sell=_open_to(market, "can_sell", deal, "limit_down"),
        fees=sealed(costs.proportional(market.dates)),
        depth=sealed(depth if depth is not None else np.zeros((0, 0))),
        paid=sealed(_paid_out(market) if taxed else np.zeros((0, 0))),
        held_since=sealed(_held_since(market.dates) if taxed else np.zeros((0, 2), np.intp)),
        smallest=sealed(np.array([rule.minimum for rule in rules], np.float64)),
        step=sealed(np.array([rule.step for rule in rules], np.float64)),
    )


def depth_of(market: Market, eta: float, capital: float, first: int) -> Array:
    """Return the impact coefficients ``[T, N]`` known at each close, for fills after row ``first``.

    A stock too young for a volatility of its own takes the median of its session, and none counts as
    trading less than ``_THINNEST`` of the capital a day.

    Raises
    ------
    DataError
        No stock has two returns at ``first``.
    """
    volatility, amount = average_liquidity(market)
    known = np.isfinite(volatility)
    if not known[first].any():
        raise DataError(
            f"impact needs a volatility at the first decision, {market.dates[first]:%Y-%m-%d}, where "
            "no stock has two returns yet; start at least three sessions into the data"
        )
    middle = np.full(len(volatility), np.nan)
    middle[first:] = [
        np.median(v[k]) for v, k in zip(volatility[first:], known[first:], strict=True)
    ]
    sigma = np.where(known, volatility, middle[:, None])
    return SquareRootImpact(eta).coefficients(sigma, np.fmax(amount, _THINNEST * capital))


def _paid_out(market: Market) -> Array:
    """Return the cash dividends that a unit has paid up to each close ``[T, N]``, CNY before tax.

    Raises
    ------
    DataError
        The market has no field ``cash_dividend``.
    """
    if not market.has("cash_dividend"):
        raise DataError(
            "costs tax dividends and the market has no field cash_dividend, the CNY a share on ex-dates; "
            "give it, or leave dividend_tax out of the costs"
        )
    shares = market.values("factor")[:-1].astype(np.float64)  # of a unit, at the close before
    paid = np.zeros((len(market.dates), len(market.stocks)))
    paid[1:] = np.nan_to_num(market.values("cash_dividend")[1:].astype(np.float64) * shares)
    return np.cumsum(paid, axis=0)


def _held_since(dates: pd.DatetimeIndex) -> Array:
    """Return the first sessions whose purchases are held a month and a year at most, ``[T, 2]``."""
    lengths = (pd.DateOffset(months=1), pd.DateOffset(years=1))
    # counted on from the purchase: bought on 30 April, a month is over on 30 May, and on 31 May it is more
    return np.stack([(dates + length).searchsorted(dates) for length in lengths], axis=1)


def _flags(market: Market, name: str) -> Array:
    return sealed(np.asarray(market.values(name), dtype=np.bool_))


def _open_to(market: Market, name: str, deal: str, limit: str) -> Array:
    """Return the flags of one side, closed where the deal itself is at the limit: a queue fills none."""
    allowed = _flags(market, name)
    if deal == "vwap":  # the flags of the market are of the average price
        return allowed
    price = market.deal_price(deal).to_numpy()
    return sealed(allowed & ~at_limit(price, market.values(limit), market.venue.tick))


def sealed(values: Array) -> Array:
    """Return a read-only, date-major view: one compiled loop then serves every run."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view
