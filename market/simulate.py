"""A simulated A-share market whose truth is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd

from market.panel import Market
from market.progress import track
from market.simulation.bars import Bars, draw_bars
from market.simulation.draws import draw
from market.simulation.economy import Economy, evolve
from market.simulation.exchange import Orders, Quotes, quote
from market.simulation.indexes import index_bands
from market.simulation.planted import PARTS
from market.simulation.sessions import sessions
from market.simulation.shares import draw_issue, shares_outstanding
from market.simulation.statements import Filings
from market.simulation.truth import truth_of
from market.simulation.universe import INDUSTRIES, Universe
from market.venue import Venue

Array = np.ndarray


def simulate(
    stocks: int = 400,
    days: int = 1000,
    seed: int = 7,
    start: str | pd.Timestamp = "2016-01-04",
    rank_ic: float = 0.08,
    parts: Iterable[str] = PARTS,
    statements: bool = False,
    progress: bool = False,
) -> Market:
    """Simulate an A-share market; ``market.truth`` tells what was planted.

    Parameters
    ----------
    stocks
        Codes over the whole sample, 30 at least; one in ten lists inside it, one in forty leaves.
    days
        Sessions, 30 at least.
    seed
        The same seed gives the same market, bit for bit.
    start
        The first session is the first one on or after this date. Rules follow the dates.
    rank_ic
        Mean rank correlation of the planted alpha with the return of the next five sessions; 0 plants
        nothing.
    parts
        Parts of the alpha to plant: ``own_history`` (twice the others' share), ``spillover``,
        ``concept``, ``regime``; see ``market.simulation.planted``.
    statements
        Also give every statement item, fiscal years, analysts and holders that risk descriptors read;
        the other fields stay as they are.
    progress
        Show a bar.

    Returns
    -------
    Market
        All fields, three indexes (``csi300``, ``csi500``, ``csi1000``) and the truth.

    Raises
    ------
    ValueError
        Too few stocks or sessions, a rank correlation outside [0, 0.3], an unknown part.

    Notes
    -----
    Fair returns follow a country, 30 industries, ten styles, a hidden factor, specific risk and the
    planted alpha; the exchange shows them in ticks, inside price limits, the rest later. Left out, as
    the truth stays simpler without: style premia, share issues, changes of industry or concept, the
    delisting of stocks below one CNY (they merge shares instead), and any reaction of a price to being
    traded.

    Examples
    --------
    >>> world = simulate(stocks=60, days=40, seed=1)
    >>> world.values("close").shape
    (40, 60)
    >>> sorted(world.truth.alpha)
    ['concept', 'own_history', 'regime', 'spillover']
    """
    chosen = tuple(parts)
    _check(stocks, days, rank_ic, chosen)
    dates, venue = sessions(start, days), Venue.cn()
    *seeds, books, bars, filings = np.random.SeedSequence(seed).spawn(11)
    draws = draw(seeds, dates, stocks, rank_ic, chosen)
    universe = draws.universe
    loop = track(range(1, days), progress, "simulate")
    economy = evolve(np.random.default_rng(books), draws, loop)
    chance = np.random.default_rng(bars)
    eve = economy.cap[np.maximum(universe.first - 1, 0), np.arange(stocks)]
    issue = draw_issue(chance, eve, universe.first)
    orders = Orders(
        economy.returns, economy.paid, draws.ex_dates, universe.limit_rates(venue, dates),
        universe.traded, universe.first,
    )  # fmt: skip
    quotes = quote(orders, issue, venue)
    shares, float_shares = shares_outstanding(issue, quotes.split, universe.first)
    prices = draw_bars(
        chance, quotes, universe.traded, draws.volatility[:-1], economy.hidden_trait,
        draws.turnover.daily[:days] * float_shares, venue,
    )  # fmt: skip
    fields = _stock_fields(universe, economy, quotes, prices, shares, float_shares)
    filed = Filings(
        np.random.default_rng(filings),
        dates,
        draws.announced,
        {name: getattr(economy, name) for name in ("book_equity", "net_income", "debt_to_assets")},
    )
    loaders = (
        filed.all_fields(universe.listed, fields) if statements else filed.fields(universe.listed)
    )
    bands = index_bands(dates, universe, quotes, fields)
    for name, band in bands.items():
        fields[f"member:{name}"], fields[f"snapshot:{name}"] = band.member, band.snapshot
    return Market(
        dates,
        pd.Index(universe.codes, name="stock"),
        {**fields, **loaders},
        securities=universe.securities(),
        levels=pd.DataFrame({name: band.level for name, band in bands.items()}, index=dates),
        categories={"industry": INDUSTRIES},
        venue=venue,
        notes=(f"simulated market (seed {seed}): no such companies exist",),
        truth=truth_of(draws, economy, quotes),
    )


def _stock_fields(
    universe: Universe,
    economy: Economy,
    quotes: Quotes,
    bars: Bars,
    shares: Array,
    float_shares: Array,
) -> dict[str, Array]:
    """Return the stored fields of the market, missing outside the listing."""
    listed = universe.listed
    money = {
        "factor": quotes.factor, "shares": shares, "float_shares": float_shares,
        "book_equity": economy.book_equity, "net_income": economy.net_income,
        "dividends_12m": economy.dividends, "debt_to_assets": economy.debt_to_assets,
    }  # fmt: skip
    fields = {
        name: np.where(listed, values, np.nan).astype(np.float32) for name, values in money.items()
    }
    fields |= {f.name: getattr(bars, f.name) for f in dataclasses.fields(bars)}
    fields |= {
        "cash_dividend": np.where(listed, quotes.dividend, 0.0).astype(np.float32),
        "industry": np.where(listed, universe.industry, np.int8(-1)),
        "st": universe.st,
        "listed": listed,
    }
    return fields


def _check(stocks: int, days: int, rank_ic: float, parts: tuple[str, ...]) -> None:
    if stocks < 30 or days < 30:
        raise ValueError(f"simulate got {stocks} stocks and {days} days; use 30 or more of each")
    if not 0.0 <= rank_ic <= 0.3:
        raise ValueError(f"rank_ic is {rank_ic}; use a value between 0 and 0.3, for instance 0.08")
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ValueError(f"alpha parts {unknown} are unknown; use some of {PARTS}")
