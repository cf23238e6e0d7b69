"""What the risk model takes from a market: raw arrays, who is covered, and who votes.

Everything at row t is known at the close of t. Nothing here asks when a stock will be delisted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from market import DataError, Market
from risk.arrays import Bools, Codes, Floats
from risk.descriptors import Block
from risk.standing import Standing, carried, judge
from risk.windows import trailing_mean

MADE: Mapping[str, Callable[[Market, int], Floats]] = MappingProxyType(
    {
        "adj_close": lambda m, o: m.values("adj_close")[o:],
        "adj_high": lambda m, o: m.values("high")[o:] * m.values("factor")[o:],
        "adj_low": lambda m, o: m.values("low")[o:] * m.values("factor")[o:],
        "listed_days": lambda m, o: _listed_days(m, o),
    }
)  # fields of descriptors that every market gives, from a row on


@dataclass(frozen=True, eq=False)
class Past:
    """What is known of the sessions before row ``start``, so that they need not be read again.

    ``cap`` and ``estu`` ``[T, N]`` and ``market_return`` ``[T]`` hold the rows before ``start``; the rows from there on
    are to be written. ``origin`` is the first row to which descriptors of later sessions look back.
    """

    cap: Floats
    estu: Bools
    market_return: Floats
    standing: Standing
    start: int = 0
    origin: int = 0

    @classmethod
    def nothing(cls, sessions: int, stocks: int) -> Past:
        """Return the past of a market that is read from its beginning."""
        return cls(
            cap=np.full((sessions, stocks), np.nan, np.float32),
            estu=np.zeros((sessions, stocks), bool),
            market_return=np.full(sessions, np.nan),
            standing=Standing.before(stocks),
        )


@dataclass(frozen=True, eq=False)
class Inputs:
    """Raw arrays ``[T, N]`` of a market; of one carried on, what concerns the new sessions alone.

    Attributes
    ----------
    returns
        Simple adjusted returns, NaN when not traded.
    cap
        Market value, CNY, at the last traded price; NaN without a share count.
    market_return
        Return of the universe ``[T]``, weighted by the market values of the day before.
    industry
        Code by date, -1 unknown; ``industries`` names them.
    covered
        Has traded, and has done so within 250 sessions or is in an index.
    estu
        Estimation universe at the close: traded, market value known, listed for 250 sessions, not ST,
        book equity positive where known.
    vote
        Enters the regression of the day's returns: in the universe the day before, traded on both days,
        no bar locked at a price limit.
    seasoned
        The return is an ordinary one-day return of a stock past its first sessions: its residual counts
        for specific risk.
    fields
        ``turnover`` and those of the wanted fields that exist.
    given
        Descriptors computed elsewhere.
    substitutes
        Proxies taken, as sentences.
    standing
        Of the stocks after the last session.
    """

    dates: pd.DatetimeIndex
    stocks: pd.Index
    returns: Floats
    cap: Floats
    market_return: Floats
    industry: Codes
    industries: tuple[str, ...]
    covered: Bools
    estu: Bools
    vote: Bools
    seasoned: Bools
    fields: dict[str, Floats]
    given: Mapping[str, Floats]
    substitutes: tuple[str, ...]
    standing: Standing

    @classmethod
    def read(
        cls,
        market: Market,
        given: Mapping[str, Floats] | None = None,
        wanted: Iterable[str] = (),
        past: Past | None = None,
    ) -> Inputs:
        """Take the arrays from a market.

        Parameters
        ----------
        market
            The data.
        given
            Arrays ``[T, N]`` that are on its grid already.
        wanted
            Names of the fields that descriptors read.
        past
            What is known already; nothing by default.

        Raises
        ------
        DataError
            The market is shorter than a month, or no stock has a market value.
        """
        if len(market.dates) < 21:
            raise DataError(
                f"market has {len(market.dates)} sessions from {market.dates[0]:%Y-%m-%d}; a risk model "
                "needs at least 21 to describe a stock and a year more to learn a covariance"
            )
        shape = len(market.dates), len(market.stocks)
        past = past if past is not None else Past.nothing(*shape)
        start, origin = past.start, past.origin
        past.cap[start:], standing, size_note = _market_value(market, start, past.standing)
        turned, turn_note = _turnover(market, origin)
        industry, industries, industry_note = _industries(market)
        judged = judge(market, past.cap[start:], start, standing)
        past.estu[start:] = judged.estu
        returns = market.values("returns")
        _weigh_market(past, returns)
        made = {"turnover": turned, **_made(market, wanted, origin)}
        return cls(
            dates=market.dates,
            stocks=market.stocks,
            returns=returns,
            cap=past.cap,
            market_return=past.market_return,
            industry=industry,
            industries=industries,
            covered=_placed(judged.covered, start),
            estu=past.estu,
            vote=_placed(judged.vote, start),
            seasoned=_placed(judged.seasoned, start),
            fields={
                **{name: _placed(values, origin) for name, values in made.items()},
                **{name: market.values(name) for name in wanted if market.has(name)},
            },
            given=given or {},
            substitutes=tuple(note for note in (size_note, turn_note, industry_note) if note),
            standing=judged.standing,
        )

    def block(self, first: int, last: int, lookback: int) -> Block:
        """Return rows ``[first, last)`` with the trailing rows that descriptors need."""
        rows = slice(max(0, first - lookback), last)
        return Block(
            size=last - first,
            dates=self.dates[rows],
            returns=self.returns[rows].astype(np.float64),
            market=self.market_return[rows],
            estu=self.estu[rows],
            fields={
                name: values[rows] for name, values in {**self.fields, "cap": self.cap}.items()
            },
        )


def _placed(values: Floats, first: int) -> Floats:
    """Put rows where they belong, from ``first`` on; the rows before are zero, untouched memory."""
    if first == 0:
        return values
    whole = np.zeros((first + len(values), *values.shape[1:]), values.dtype)
    whole[first:] = values
    return whole


def _made(market: Market, wanted: Iterable[str], origin: int) -> dict[str, Floats]:
    """Make the wanted fields that the market does not have but every market gives."""
    names = [name for name in wanted if name in MADE and not market.has(name)]
    return {name: MADE[name](market, origin) for name in names}


def _listed_days(market: Market, origin: int) -> Floats:
    """Calendar days since listing; since the first bar where that is inside the panel; else unknown."""
    traded = ~np.isnan(market.values("close"))
    first = traded.argmax(axis=0)
    inside = market.dates.to_numpy()[first]
    inside = np.where(traded[0], np.datetime64("NaT"), inside)
    listed = market.securities["listed_on"].to_numpy()
    since = np.where(np.isnat(listed), inside, listed)
    days = (market.dates.to_numpy()[origin:, None] - since).astype("timedelta64[D]")
    begun = traded.any(axis=0) & (np.arange(origin, len(traded))[:, None] >= first)
    known = begun & ~np.isnat(days)
    return np.where(known, days.astype(np.float32), np.float32(np.nan))


def _weigh_market(past: Past, returns: Floats) -> None:
    """Write the return of the universe from ``past.start`` on."""
    for t in range(max(past.start, 1), len(returns)):
        held = past.estu[t - 1] & np.isfinite(returns[t])
        if held.any():
            weight = past.cap[t - 1, held].astype(np.float64)
            past.market_return[t] = np.sum(weight * returns[t, held]) / np.sum(weight)


def _market_value(market: Market, start: int, past: Standing) -> tuple[Floats, Standing, str]:
    """Market value at the last traded price; a proxy from traded value where no share counts exist."""
    for name, note in (("shares", ""), ("float_shares", "size_proxy: float market value")):
        if market.has(name):
            price = carried(market.values("close")[start:], past.price)
            shares = carried(market.values(name)[start:], past.shares)
            known = replace(past, price=price[-1], shares=shares[-1])
            return _known(price * shares, name), known, note
    value = market.values("amount").astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        typical = np.exp(trailing_mean(np.log(value), 63, len(value)))
    cap = _known(carried(typical, past.price)[start:], "volume")
    return cap, past, "size_proxy: geometric mean of 63 days' traded value"


def _known(cap: Floats, source: str) -> Floats:
    """Blank what is not positive; refuse a market without any market value."""
    cap = np.where(cap > 0.0, cap, np.nan)
    if np.isnan(cap).all():
        raise DataError(
            f"field {source} gives no stock a market value on any of {len(cap)} sessions; "
            "the risk model weighs stocks by it, so supply shares"
        )
    return cap


def _turnover(market: Market, origin: int) -> tuple[Floats, str]:
    """Share of the float traded; of all shares, or relative to the stock's own normal, failing that."""
    volume = market.values("volume")
    for name, note in (("float_shares", ""), ("shares", "turn_proxy: volume over total shares")):
        if market.has(name):
            return volume[origin:] / market.values(name)[origin:], note
    with np.errstate(divide="ignore", invalid="ignore"):
        normal = np.exp(trailing_mean(np.log(volume.astype(np.float64)), 252, len(volume)))
    return (volume / normal)[origin:], "turn_proxy: volume over its own 252-day geometric mean"


def _industries(market: Market) -> tuple[Codes, tuple[str, ...], str]:
    """Industry codes and their names; none at all gives a model of country and styles."""
    if market.has("industry"):
        return market.values("industry"), market.categories("industry"), ""
    shape = (len(market.dates), len(market.stocks))
    return np.zeros(shape, np.int8), (), "ind_proxy: no industry field, so no industry factors"
