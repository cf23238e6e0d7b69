"""Whether a market goes on from where a history ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from market import DataError, Market
from risk.arrays import Codes

if TYPE_CHECKING:
    from risk.history import RiskHistory


def check_continuation(history: RiskHistory, market: Market) -> Codes:
    """Return where the history's stocks stand in a market ``[N]`` that goes on from its end.

    Raises
    ------
    DataError
        Other sessions at the beginning, a stock or an industry missing, a new stock that traded before, or a
        restated past.
    """
    known = len(history.sessions)
    if not market.dates[:known].equals(history.sessions):
        raise DataError(
            f"market does not begin with the history's {known} sessions, "
            f"{history.sessions[0]:%Y-%m-%d} to {history.sessions[-1]:%Y-%m-%d}; fit it anew"
        )
    industries = market.categories("industry") if market.has("industry") else ()
    if industries != history.industries:
        raise DataError(
            f"industry has {len(industries)} categories, the history {len(history.industries)} "
            "or others; fit it anew"
        )
    if market.stocks.equals(history.stocks):
        history.marks.check(market)
        return np.arange(len(history.stocks))
    return _check_stocks(history, market)


def _check_stocks(history: RiskHistory, market: Market) -> Codes:
    """Check a market with other stocks than the history."""
    position = market.stocks.get_indexer(history.stocks)
    if (position < 0).any():
        raise DataError(
            f"market lacks {int((position < 0).sum())} stocks of the history, first "
            f"{list(history.stocks[position < 0][:5])}; fit it anew"
        )
    new = np.setdiff1d(np.arange(len(market.stocks)), position)
    traded = np.isfinite(market.values("close")[: len(history.sessions), new]).any(axis=0)
    if traded.any():
        raise DataError(
            f"{int(traded.sum())} stocks that the history does not have traded before its end, first "
            f"{list(market.stocks[new[traded]][:5])}; fit it anew"
        )
    history.marks.check(market.select(history.stocks))
    return position
