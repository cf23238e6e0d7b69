"""Who is covered, who votes and whose return is ordinary, from one session to the next.

Everything at row t is known at the close of t. Nothing here asks when a stock will be delisted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from market import Market
from risk.arrays import Bools, Codes, Floats

SEASONED = 250  # sessions listed before a stock votes: a year of trading
UNLIMITED = 5  # sessions after listing that may be without a price limit
SILENT = 250  # sessions without a trade after which a stock in no index is no longer covered
OLD = 10_000  # age of a stock listed before the panel begins


@dataclass(frozen=True, eq=False)
class Standing:
    """What the past of each stock ``[N]`` comes to after a session; the next needs no more of it.

    ``price`` and ``shares`` are the last ones known, NaN before; ``first`` and ``last`` the rows of the first
    and the last trade, far in the past where there is none; ``opened`` tells whether the opening run of
    limit-up closes is over, ``traded`` and ``estu`` how the stock stood at the last session.
    """

    price: Floats
    shares: Floats
    first: Codes
    last: Codes
    opened: Bools
    traded: Bools
    estu: Bools

    @classmethod
    def before(cls, stocks: int) -> Standing:
        """Return the standing before the first session."""
        unknown, no = np.full(stocks, np.nan, np.float32), np.zeros(stocks, bool)
        never = np.full(stocks, -SILENT - 1, np.int32)
        return cls(unknown, unknown, never, never, no, no, no)

    def widen(self, position: Codes, stocks: int) -> Standing:
        """Move the stocks to ``position`` on a grid of ``stocks`` columns; the others have no past."""
        moved = {}
        for item in fields(self):
            target = getattr(Standing.before(stocks), item.name)
            target[position] = getattr(self, item.name)
            moved[item.name] = target
        return Standing(**moved)


@dataclass(frozen=True, eq=False)
class Judged:
    """Verdicts ``[R, N]`` on the sessions from ``start`` on; see ``risk.inputs.Inputs``."""

    covered: Bools
    estu: Bools
    vote: Bools
    seasoned: Bools
    standing: Standing


def carried(values: Floats, last: Floats) -> Floats:
    """Carry the last finite value forward ``[R, N]``, beginning with ``last`` ``[N]``."""
    rows = np.where(np.isnan(values), 0, np.arange(len(values), dtype=np.int32)[:, None])
    np.maximum.accumulate(rows, axis=0, out=rows)
    held = np.take_along_axis(values, rows, axis=0)
    return np.where(np.isnan(held), last, held)


def judge(market: Market, cap: Floats, start: int, past: Standing) -> Judged:
    """Judge the sessions of a market from row ``start`` on, given how stocks stood before.

    ``cap`` ``[R, N]`` is the market value of those rows. ``price`` and ``shares`` of the standing are passed on.
    """
    traded = ~np.isnan(market.values("close")[start:])
    row = np.arange(start, start + len(traded), dtype=np.int32)[:, None]
    begins = np.where(traded.any(axis=0), start + traded.argmax(axis=0), past.first)
    first = np.where(past.first >= 0, past.first, begins).astype(np.int32)
    last = np.maximum(np.maximum.accumulate(np.where(traded, row, past.last), axis=0), past.last)
    age = _age(market, row, first)
    limit_up = market.values("closed_at_limit_up")[start:]
    free = traded & (age >= UNLIMITED) & ~limit_up
    opened = np.logical_or.accumulate(free, axis=0) | past.opened
    estu = traded & np.isfinite(cap) & (age >= SEASONED) & ~market.values("st")[start:]
    if market.has("book_equity"):
        estu &= ~(market.values("book_equity")[start:] <= 0.0)
    consecutive = traded & _previous(traded, past.traded)
    return Judged(
        covered=((row - last < SILENT) | _in_an_index(market, start)) & (age >= 0),
        estu=estu,
        vote=consecutive & _previous(estu, past.estu) & ~_locked(market, limit_up, start),
        seasoned=consecutive & opened,
        standing=replace(
            past, first=first, last=last[-1], opened=opened[-1], traded=traded[-1], estu=estu[-1]
        ),
    )


def _previous(x: Bools, before: Bools) -> Bools:
    """Yesterday's value; ``before`` on the first row."""
    return np.concatenate([before[None], x[:-1]])


def _age(market: Market, row: Codes, first: Codes) -> Codes:
    """Sessions since the first trade ``[R, N]``, 0 on that day, -1 before; more for stocks older than the panel."""
    listed_on = market.securities["listed_on"]
    unknown = listed_on.isna().to_numpy() & (first == 0)
    older = (listed_on < market.dates[0]).to_numpy() | unknown
    begun = (first >= 0) & (row >= first)
    return np.where(begun, row - first + np.where(older, OLD, 0).astype(np.int32), -1)


def _in_an_index(market: Market, start: int) -> Bools:
    """Member of any index of the market: the optimiser needs it however long it has not traded."""
    member = np.zeros((len(market.dates) - start, len(market.stocks)), dtype=bool)
    for name in market.indexes:
        member |= market.index(name).member[start:]
    return member


def _locked(market: Market, limit_up: Bools, start: int) -> Bools:
    """One price all day at the upper or lower limit: the return is censored."""
    one_price = market.values("high")[start:] == market.values("low")[start:]
    return one_price & (limit_up | market.values("closed_at_limit_down")[start:])
