"""Three indexes by size: members by semi-annual review, float-cap weights, price-index levels.

csi300 takes the largest 20% of the stocks (at most 300), csi500 the next 25% (at most 500), csi1000
another 25% (at most 1,000), so that the counts are the real ones from 4,000 stocks on. Changes take
effect on the session after the second Friday of June and December; members keep their place down to
1.2 times the count, newcomers must rank within 0.8 times the count, and the rest is filled by rank.
A member that is delisted is replaced at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.simulation.exchange import Quotes
from market.simulation.universe import Universe

Array = np.ndarray

BANDS = {"csi300": (0.20, 300), "csi500": (0.25, 500), "csi1000": (0.25, 1000)}
_ENTER, _LEAVE = (0.8, 1.2)  # ranks, in units of the count, inside which one enters and stays
_YEAR = 242  # sessions of the mean market value that ranks the stocks
_SEASONED = 60  # sessions since listing before a stock can join
_LIQUID = 0.9  # share of the eligible stocks, by turnover value, that may join
_BASE = 1000.0  # level on the first session


@dataclass(frozen=True, eq=False)
class IndexBand:
    """One index: ``member`` [T, N] bool, ``snapshot`` [T, N] float32 (weights at month ends and on the
    first session, NaN on other rows), ``level`` [T] float64.
    """

    member: Array
    snapshot: Array
    level: Array


@dataclass(frozen=True, eq=False)
class Eligible:
    """What a review looks at, ``[T, N]``: market value, traded value (NaN without trade), listed, st;
    and the row of listing ``[N]``.
    """

    cap: Array
    amount: Array
    listed: Array
    st: Array
    first: Array


def counts(stocks: int) -> dict[str, int]:
    """Return the number of members of each index for a market of ``stocks`` codes.

    Examples
    --------
    >>> counts(400)
    {'csi300': 80, 'csi500': 100, 'csi1000': 100}
    """
    return {name: min(most, max(1, round(share * stocks))) for name, (share, most) in BANDS.items()}


def review_rows(dates: pd.DatetimeIndex) -> list[int]:
    """Rows from which reviews are effective: the session after the second Friday of June, December."""
    rows = []
    for year in range(dates[0].year, dates[-1].year + 1):
        for month in (6, 12):
            fridays = pd.date_range(f"{year}-{month:02d}-01", periods=14, freq="D")
            second = fridays[fridays.day_of_week == 4][1]
            row = int(dates.searchsorted(second, side="right"))
            if 0 < row < len(dates):
                rows.append(row)
    return rows


def index_bands(
    dates: pd.DatetimeIndex, universe: Universe, quotes: Quotes, fields: Mapping[str, Array]
) -> dict[str, IndexBand]:
    """Return the three indexes of a market from its closes, shares and traded values."""
    close = quotes.close
    cap, float_cap = (
        np.where(universe.listed, close * fields[name], 0.0) for name in ("shares", "float_shares")
    )
    price_return = np.zeros_like(close)
    price_return[1:] = close[1:] * quotes.split[1:] / close[:-1] - 1.0
    eligible = Eligible(cap, fields["amount"], universe.listed, universe.st, universe.first)
    members = draw_members(dates, eligible)
    return {name: weigh(dates, inside, float_cap, price_return) for name, inside in members.items()}


def draw_members(dates: pd.DatetimeIndex, eligible: Eligible) -> dict[str, Array]:
    """Return the membership ``[T, N]`` of each index."""
    days, stocks = eligible.cap.shape
    wanted = counts(stocks)
    reviews = set(review_rows(dates))
    left = eligible.listed[:-1] & ~eligible.listed[1:]
    leavings = set((np.flatnonzero(left.any(axis=1)) + 1).tolist())
    bands = {name: np.zeros(stocks, dtype=bool) for name in wanted}
    member = {name: np.zeros((days, stocks), dtype=bool) for name in wanted}
    events = sorted({0} | reviews | leavings)
    for row, until in zip(events, [*events[1:], days], strict=True):
        ranking = ranking_at(eligible, row)
        rule = reviewed if row == 0 or row in reviews else replaced
        bands = rule(bands, ranking, wanted, eligible.listed[row])
        for name, chosen in bands.items():
            member[name][row:until] = chosen
    return member


def weigh(
    dates: pd.DatetimeIndex, member: Array, float_cap: Array, price_return: Array
) -> IndexBand:
    """Weigh the members by float cap.

    The level moves by the members' price returns ``[T, N]`` (dividends left out), weighted by the float
    cap ``[T, N]`` of the close before; members of session t are those effective on t.
    """
    base = np.where(member[1:], float_cap[:-1], 0.0)
    grown = (base * price_return[1:]).sum(axis=1) / base.sum(axis=1)
    level = _BASE * np.cumprod(np.concatenate([[1.0], 1.0 + grown]))
    month = dates.month.to_numpy()
    published = np.flatnonzero(np.append(month[1:] != month[:-1], True))
    snapshot = np.full(member.shape, np.nan, dtype=np.float32)
    for row in {0, *published.tolist()}:
        value = np.where(member[row], float_cap[row], 0.0)
        snapshot[row] = value / value.sum()
    return IndexBand(member, snapshot, level)


def ranking_at(eligible: Eligible, row: int) -> Array:
    """Listed stocks, largest first by mean market value over the year before ``row``.

    Those that may not join (new, under risk warning, hardly traded) come last: they fill an index only
    when nobody else is left. On the first session there is no year before: the session itself ranks.
    """
    window = slice(max(row - _YEAR, 0), max(row, 1))
    listed = eligible.listed[window]
    days = np.maximum(listed.sum(axis=0), 1)
    cap = np.where(listed, eligible.cap[window], 0.0).sum(axis=0) / days
    value = np.nansum(eligible.amount[window], axis=0) / days
    seasoned = (eligible.first == 0) | (row - eligible.first >= _SEASONED)
    may = eligible.listed[row] & seasoned & ~eligible.st[max(row - 1, 0)]
    may &= value >= np.quantile(value[may], 1.0 - _LIQUID)
    order = np.lexsort((-cap, ~may))
    return order[eligible.listed[row][order]]


def reviewed(
    bands: dict[str, Array], ranking: Array, wanted: dict[str, int], listed: Array
) -> dict[str, Array]:
    """Review all bands, from the largest stocks down, each from what the one above leaves."""
    chosen, rest = {}, ranking
    for name, count in wanted.items():
        rank = np.arange(len(rest))
        stays = bands[name][rest] & (rank < _LEAVE * count)
        enters = rank < _ENTER * count
        order = np.lexsort((rank, ~(stays | enters)))[:count]
        inside = np.zeros(len(listed), dtype=bool)
        inside[rest[order]] = True
        chosen[name] = inside
        rest = rest[~inside[rest]]
    return chosen


def replaced(
    bands: dict[str, Array], ranking: Array, wanted: dict[str, int], listed: Array
) -> dict[str, Array]:
    """Drop delisted members and fill their places with the largest stocks outside all indexes."""
    chosen = {name: inside & listed for name, inside in bands.items()}
    free = ranking[~np.logical_or.reduce(list(chosen.values()))[ranking]]
    for name, count in wanted.items():
        missing = count - int(chosen[name].sum())
        chosen[name] = chosen[name].copy()
        chosen[name][free[:missing]] = True
        free = free[missing:]
    return chosen
