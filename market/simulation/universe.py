"""Who exists: codes, boards, industries, sizes, and the sessions on which each stock trades."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.venue import Venue

Array = np.ndarray

INDUSTRIES = (
    "banks", "brokers", "insurance", "real_estate", "construction", "building_materials", "steel",
    "nonferrous_metals", "coal", "petroleum", "chemicals", "utilities", "transport", "machinery",
    "power_equipment", "defence", "autos", "appliances", "household_goods", "textiles", "food",
    "liquor", "agriculture", "pharmaceuticals", "retail", "leisure", "electronics", "computers",
    "media", "telecom",
)  # fmt: skip

_SMALLEST = 3e9  # CNY, lower end of the Pareto law of market values
_TAIL = 1.6  # Pareto index: the largest of 400 stocks then holds about 5% of all value
_NEW, _GONE = 0.10, 0.025  # share of the stocks that list, or leave, inside the sample
_STAR_OPENED = pd.Timestamp("2019-07-22")
_STAR_SHARE = 0.35  # of the listings since then
_SPELLS = 0.4 / 250  # suspensions per stock and session; with their lengths 1-2% of stock-days
_SETTLING = 10  # sessions after listing without a suspension
_FAREWELL = 150  # sessions under risk warning before a delisting


@dataclass(frozen=True, eq=False)
class Universe:
    """Facts that hold before any price is drawn.

    Attributes
    ----------
    codes, boards, names
        ``[N]`` of str.
    industry
        Code into ``INDUSTRIES`` ``[N]``, int8.
    cap
        Market value on the first session, CNY ``[N]``.
    first, last
        Rows of the first and the last session ``[N]``; ``last`` is T - 1 for survivors.
    listed_on, delisted_on
        ``datetime64[ns]`` ``[N]``; NaT while open.
    listed, traded, st
        ``[T, N]`` bool.
    """

    codes: Array
    boards: Array
    names: list[str]
    industry: Array
    cap: Array
    first: Array
    last: Array
    listed_on: Array
    delisted_on: Array
    listed: Array
    traded: Array
    st: Array

    def securities(self) -> pd.DataFrame:
        """Return the facts that do not change by date, indexed by stock."""
        facts = {
            "name": self.names,
            "board": self.boards,
            "listed_on": self.listed_on,
            "delisted_on": self.delisted_on,
        }
        return pd.DataFrame(facts, index=pd.Index(self.codes, name="stock"))

    def limit_rates(self, venue: Venue, dates: pd.DatetimeIndex) -> Array:
        """Return the daily limits ``[T, N]`` as fractions, ``inf`` where there is none."""
        counted = np.arange(len(dates))[:, None] - self.first
        age = np.where(self.first > 0, counted, 10_000)  # listed before the panel: old
        return venue.limit_rates(dates, self.boards, self.st, self.listed_on, age)


def draw_universe(rng: np.random.Generator, dates: pd.DatetimeIndex, stocks: int) -> Universe:
    """Draw a universe of ``stocks`` codes over the sessions ``[T]``."""
    days = len(dates)
    industry = _industries(rng, stocks)
    cap = _caps(rng, industry)
    first, last = _life(rng, cap, days)
    boards = _boards(rng, dates, first)
    codes = _codes(rng, boards)
    order = np.argsort(codes)
    boards, codes, first, last = boards[order], codes[order], first[order], last[order]
    industry, cap = industry[order], cap[order]
    row = np.arange(days)[:, None]
    listed = (row >= first) & (row <= last)
    gone = last < days - 1
    before = dates[0] - pd.to_timedelta(rng.integers(500, 5000, stocks), unit="D")
    return Universe(
        codes, boards, [f"{INDUSTRIES[k]} {code[2:]}" for k, code in zip(industry, codes, strict=True)],
        industry, cap, first, last,
        np.where(first > 0, dates.to_numpy()[first], before.to_numpy()).astype("datetime64[ns]"),
        np.where(gone, dates.to_numpy()[last], np.datetime64("NaT")).astype("datetime64[ns]"),
        listed, listed & ~_suspended(rng, days, first, last), listed & _st(rng, days, cap, last),
    )  # fmt: skip


def _industries(rng: np.random.Generator, stocks: int) -> Array:
    """Uneven industries, each with at least one stock when there are stocks enough."""
    count = len(INDUSTRIES)
    share = 0.5 + rng.gamma(1.0, 1.0, count)
    drawn = rng.choice(count, stocks, p=share / share.sum())
    drawn[: min(count, stocks)] = np.arange(min(count, stocks))
    return rng.permutation(drawn).astype(np.int8)


def _caps(rng: np.random.Generator, industry: Array) -> Array:
    """Pareto market values ``[N]``, CNY, one from each quantile, so that no draw is all one giant."""
    stocks = len(industry)
    above = (rng.permutation(stocks) + 0.5) / stocks
    effect = np.exp(rng.normal(0, 0.3, len(INDUSTRIES)))
    caps: Array = _SMALLEST * above ** (-1.0 / _TAIL) * effect[industry]
    return caps


def _life(rng: np.random.Generator, cap: Array, days: int) -> tuple[Array, Array]:
    """First and last session of each stock: small newcomers, small leavers, all others throughout."""
    stocks = len(cap)
    first, last = np.zeros(stocks, dtype=np.int64), np.full(stocks, days - 1)
    new, gone = round(_NEW * stocks), round(_GONE * stocks)
    chosen = rng.permutation(np.argsort(cap)[: stocks // 2])[: new + gone]
    first[chosen[:new]] = rng.integers(max(days // 20, 1), max(days * 9 // 10, 2), new)
    last[chosen[new:]] = rng.integers(days * 2 // 5, max(days - 20, days * 2 // 5 + 1), gone)
    return first, last


def _boards(rng: np.random.Generator, dates: pd.DatetimeIndex, first: Array) -> Array:
    boards = rng.choice(["main", "chinext"], len(first), p=[0.75, 0.25])
    may = (first > 0) & (dates[first] >= _STAR_OPENED)
    return np.where(may & (rng.random(len(first)) < _STAR_SHARE), "star", boards)


def _codes(rng: np.random.Generator, boards: Array) -> Array:
    """Distinct codes in the ranges of the boards; the main board is split between the exchanges."""
    ranges = {"chinext": ("SZ", 300001, 2500), "star": ("SH", 688001, 998)}
    codes = np.empty(len(boards), dtype=object)
    for board, (exchange, start, size) in ranges.items():
        at = np.flatnonzero(boards == board)
        codes[at] = [f"{exchange}{start + k:06d}" for k in rng.permutation(size)[: len(at)]]
    at = np.flatnonzero(boards == "main")
    main = [f"SH{600000 + k}" for k in range(4000)] + [f"SZ{k:06d}" for k in range(1, 3000)]
    codes[at] = rng.permutation(np.array(main, dtype=object))[: len(at)]
    return codes


def _suspended(rng: np.random.Generator, days: int, first: Array, last: Array) -> Array:
    """Spells without trade ``[T, N]``: most last days, some weeks; never on the outer sessions."""
    count = rng.poisson(_SPELLS * days * len(first))
    stock, start = rng.integers(0, len(first), count), rng.integers(0, days, count)
    mean = np.where(rng.random(count) < 0.6, 3.0, 20.0)
    length = np.minimum(rng.geometric(1.0 / mean), 120)
    steps = np.zeros((days + 1, len(first)), dtype=np.int16)
    np.add.at(steps, (start, stock), 1)
    np.add.at(steps, (np.minimum(start + length, days), stock), -1)
    row = np.arange(days)[:, None]
    settled = (row >= first + _SETTLING) & (row < last)
    return (np.cumsum(steps, axis=0)[:-1] > 0) & settled


def _st(rng: np.random.Generator, days: int, cap: Array, last: Array) -> Array:
    """Risk-warning spans ``[T, N]``: one small stock in four for a while, and whoever leaves."""
    row = np.arange(days)[:, None]
    small = (cap < np.median(cap)) & (rng.random(len(cap)) < 0.25)
    start = rng.integers(-150, days, len(cap))
    warned = small & (row >= start) & (row < start + rng.integers(120, 400, len(cap)))
    return warned | ((last < days - 1) & (row > last - _FAREWELL))
