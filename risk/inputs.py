"""What the risk model takes from a market: raw arrays, who is covered, and who votes.

Everything at row t is known at the close of t. Nothing here asks when a stock will be delisted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from market import DataError, Market
from market.derived import carried_forward
from risk.arrays import Bools, Codes, Floats
from risk.styles import Block
from risk.windows import trailing_mean

SEASONED = 250  # sessions listed before a stock votes: a year of trading
UNLIMITED = 5  # sessions after listing that may be without a price limit
SILENT = (
    250  # sessions without a trade after which a stock that is in no index is no longer covered
)
FUNDAMENTALS = ("book_equity", "net_income", "dividends_12m", "debt_to_assets")


@dataclass(frozen=True, eq=False)
class Inputs:
    """Raw arrays ``[T, N]`` of a market.

    Attributes
    ----------
    returns
        Simple adjusted returns, NaN when not traded.
    cap
        Market value, CNY, at the last traded price; NaN without a share count.
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
        ``turnover`` and the fundamentals that exist.
    substitutes
        Proxies taken, as sentences.
    """

    dates: pd.DatetimeIndex
    stocks: pd.Index
    returns: Floats
    cap: Floats
    industry: Codes
    industries: tuple[str, ...]
    covered: Bools
    estu: Bools
    vote: Bools
    seasoned: Bools
    fields: dict[str, Floats]
    substitutes: tuple[str, ...]

    @classmethod
    def read(cls, market: Market) -> Inputs:
        """Take the arrays from a market.

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
        traded = ~np.isnan(market.values("close"))
        cap, size_note = _market_value(market)
        turned, turn_note = _turnover(market)
        industry, industries, industry_note = _industries(market)
        age = _age(market, traded)
        covered = (_recently(traded) | _in_an_index(market)) & (age >= 0)
        fields = {name: market.values(name) for name in FUNDAMENTALS if market.has(name)}
        estu = traded & np.isfinite(cap) & (age >= SEASONED) & ~market.values("st")
        if "book_equity" in fields:
            estu &= ~(fields["book_equity"] <= 0.0)
        consecutive = traded & _previous(traded)
        return cls(
            dates=market.dates,
            stocks=market.stocks,
            returns=market.values("returns"),
            cap=cap,
            industry=industry,
            industries=industries,
            covered=covered,
            estu=estu,
            vote=consecutive & _previous(estu) & ~_locked(market),
            seasoned=consecutive & _opened(market, traded, age),
            fields={"turnover": turned, **fields},
            substitutes=tuple(note for note in (size_note, turn_note, industry_note) if note),
        )

    @cached_property
    def market_return(self) -> Floats:
        """Return of the universe ``[T]``, weighted by the market values of the day before."""
        result = np.full(len(self.dates), np.nan)
        for t in range(1, len(self.dates)):
            held = self.estu[t - 1] & np.isfinite(self.returns[t])
            if held.any():
                weight = self.cap[t - 1, held].astype(np.float64)
                result[t] = np.sum(weight * self.returns[t, held]) / np.sum(weight)
        return result

    def block(self, first: int, last: int, lookback: int) -> Block:
        """Return rows ``[first, last)`` with the trailing rows that descriptors need."""
        rows = slice(max(0, first - lookback), last)
        return Block(
            size=last - first,
            returns=self.returns[rows].astype(np.float64),
            market=self.market_return[rows],
            fields={
                name: values[rows] for name, values in {**self.fields, "cap": self.cap}.items()
            },
        )


def _previous(x: Bools) -> Bools:
    """Yesterday's value; false on the first day."""
    shifted = np.zeros_like(x)
    shifted[1:] = x[:-1]
    return shifted


def _market_value(market: Market) -> tuple[Floats, str]:
    """Market value at the last traded price; a proxy from traded value where no share counts exist."""
    price = carried_forward(market.values("close"))
    for name, note in (("shares", ""), ("float_shares", "size_proxy: float market value")):
        if market.has(name):
            cap = price * carried_forward(market.values(name))
            return _known(cap, name), note
    value = market.values("amount").astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        typical = np.exp(trailing_mean(np.log(value), 63, len(value)))
    return _known(
        carried_forward(typical), "volume"
    ), "size_proxy: geometric mean of 63 days' traded value"


def _known(cap: Floats, source: str) -> Floats:
    """Blank what is not positive; refuse a market without any market value."""
    cap = np.where(cap > 0.0, cap, np.nan)
    if np.isnan(cap).all():
        raise DataError(
            f"field {source} gives no stock a market value on any of {len(cap)} sessions; "
            "the risk model weighs stocks by it, so supply shares"
        )
    return cap


def _turnover(market: Market) -> tuple[Floats, str]:
    """Share of the float traded; of all shares, or relative to the stock's own normal, failing that."""
    volume = market.values("volume")
    for name, note in (("float_shares", ""), ("shares", "turn_proxy: volume over total shares")):
        if market.has(name):
            return volume / market.values(name), note
    with np.errstate(divide="ignore", invalid="ignore"):
        normal = np.exp(trailing_mean(np.log(volume.astype(np.float64)), 252, len(volume)))
    return volume / normal, "turn_proxy: volume over its own 252-day geometric mean"


def _industries(market: Market) -> tuple[Codes, tuple[str, ...], str]:
    """Industry codes and their names; none at all gives a model of country and styles."""
    if market.has("industry"):
        return market.values("industry"), market.categories("industry"), ""
    shape = (len(market.dates), len(market.stocks))
    return np.zeros(shape, np.int8), (), "ind_proxy: no industry field, so no industry factors"


def _age(market: Market, traded: Bools) -> Codes:
    """Sessions since the first trade, 0 on that day, -1 before; stocks older than the panel are old."""
    age = np.cumsum(np.logical_or.accumulate(traded, axis=0), axis=0, dtype=np.int32) - 1
    listed_on = market.securities["listed_on"]
    unknown = listed_on.isna().to_numpy() & traded[0]
    older = (listed_on < market.dates[0]).to_numpy() | unknown
    return np.where((age >= 0) & older[None, :], age + 10_000, age)


def _recently(traded: Bools) -> Bools:
    """Traded on one of the last 250 sessions."""
    row = np.arange(len(traded), dtype=np.int32)[:, None]
    last = np.maximum.accumulate(np.where(traded, row, -SILENT - 1), axis=0)
    return row - last < SILENT


def _in_an_index(market: Market) -> Bools:
    """Member of any index of the market: the optimiser needs it however long it has not traded."""
    member = np.zeros((len(market.dates), len(market.stocks)), dtype=bool)
    for name in market.indexes:
        member |= market.index(name).member
    return member


def _locked(market: Market) -> Bools:
    """One price all day at the upper or lower limit: the return is censored."""
    one_price = market.values("high") == market.values("low")
    at_limit = market.values("closed_at_limit_up") | market.values("closed_at_limit_down")
    return one_price & at_limit


def _opened(market: Market, traded: Bools, age: Codes) -> Bools:
    """Past the first sessions of a listing and past its opening run of limit-up closes."""
    free = traded & (age >= UNLIMITED) & ~market.values("closed_at_limit_up")
    return np.logical_or.accumulate(free, axis=0)
