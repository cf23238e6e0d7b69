"""What it cost to turn decisions into holdings: implementation shortfall against a paper portfolio."""

from __future__ import annotations

import numpy as np
import pandas as pd

from backtest.attribution.book import DELISTING, INDEX, Book, book
from backtest.attribution.linking import Attribution
from backtest.result import Result
from market import Market

Array = np.ndarray

PAPER = "paper"
DELAY = "delay"
REFUSED = "refused: "


def costs(result: Result, market: Market) -> Attribution:
    """Take the active return of a run apart into what was decided and what carrying it out cost.

    The paper portfolio trades every order in full at the close of its decision, free of charge. From
    it to the account lead (Perold 1988, "The Implementation Shortfall: Paper Versus Reality", Journal
    of Portfolio Management 14(3)):

    - ``delay``: prices of the fills against the close of the decision;
    - ``refused: <reason>``: what the unfilled part of the orders went on to earn, until they are decided
      again; a gain where a refusal was lucky;
    - each kind of charge under its name: ``commission``, ``stamp_duty``, ``transfer_fee``, ...;
    - ``delisting``: the haircut on stocks that left the exchange.

    ``paper`` is the return of the paper portfolio less that of the benchmark's weights, and the last
    line what these weights earned above the index level.

    Parameters
    ----------
    result
        A run with a benchmark.
    market
        The market it was run on.

    Raises
    ------
    DataError
        As ``book``.
    """
    days = book(result, market)
    change = np.nan_to_num(np.diff(days.marks, axis=0))
    old = np.nan_to_num(days.marks[:-1])
    base = days.nav[:, None]
    delay = (np.diff(days.units, axis=0) * old - days.flow) / base - days.delisting
    held = (days.units[1:] * change / base).sum(axis=1)
    missed = _missed(result, market, days)
    wanted = held + sum(missed.values(), np.zeros(len(days.dates)))
    charged = result.costs.iloc[1:].div(days.nav, axis=0)
    lines = {
        PAPER: wanted - days.index_return,
        DELAY: delay.sum(axis=1),
        **{f"{REFUSED}{reason}": -gain for reason, gain in missed.items()},
        **{str(kind): -charge.to_numpy() for kind, charge in charged.items()},
        DELISTING: days.delisting.sum(axis=1),
        INDEX: days.beside[INDEX].to_numpy(),
    }
    return Attribution(pd.DataFrame(lines, index=days.dates), days.portfolio, days.benchmark)


def _missed(result: Result, market: Market, days: Book) -> dict[str, Array]:
    """Return by reason what unfilled orders would have gained from the close of their decision ``[S]``.

    The refusals of a session with orders stand until the next one, or the one after a new decision.
    """
    refusals = result.refusals
    decided = result.nav.index.get_indexer(pd.DatetimeIndex(result.turnover.index))
    # rows of closes, 0 the first decision; the last one is past the end
    sessions = np.append(np.union1d(days.filled, decided + 1), len(days.dates) + 1)
    rows = result.nav.index.get_indexer(pd.DatetimeIndex(refusals["date"]))
    ends = sessions[np.searchsorted(sessions, rows, side="right")]
    columns = market.stocks.get_indexer(pd.Index(refusals["stock"]))
    first = market.row(result.nav.index[0])
    span = slice(first, first + len(result.nav))
    close, factor = (market.values(name)[span] for name in ("close_filled", "factor"))
    short = (refusals["wanted"] - refusals["done"]).to_numpy()
    sign = np.where(refusals["side"] == "buy", 1.0, -1.0)
    reasons = refusals["reason"].to_numpy()
    gained = {str(reason): np.zeros(len(days.dates)) for reason in pd.unique(reasons)}
    for k, (row, end, column) in enumerate(zip(rows, ends, columns, strict=True)):
        rate = factor[row - 1 : end, column]
        marks = close[row - 1 : end, column].astype(np.float64) * rate
        # shares on the exchange become units at the factor of their session, as the ledger had it
        of_session = rate[1] if np.isfinite(rate[1]) else rate[0]
        units = sign[k] * short[k] / float(of_session)
        gained[str(reasons[k])][row - 1 : end - 1] += units * np.nan_to_num(np.diff(marks))
    return {reason: gain / days.nav for reason, gain in gained.items()}
