"""What every account sees at one close: the market until then and who will be tradable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market import Market

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class View:
    """The part of a snapshot that no account changes: made once for all accounts of a run."""

    row: int
    date: pd.Timestamp
    market: Market
    can_buy: pd.Series
    can_sell: pd.Series

    @classmethod
    def at(cls, market: Market, row: int) -> View:
        """Return what is known after the close of ``row``."""
        date = market.dates[row]
        return cls(row, date, market.until(date), *forecast(market, row))


def forecast(market: Market, row: int) -> tuple[pd.Series, pd.Series]:
    """Return who can be bought and sold next session, judged at the close of ``row`` ``[N]``."""
    traded = market.values("listed")[row] & ~market.values("suspended")[row]
    up, down = market.values("closed_at_limit_up")[row], market.values("closed_at_limit_down")[row]
    return (
        pd.Series(traded & ~up, index=market.stocks, name="can_buy"),
        pd.Series(traded & ~down, index=market.stocks, name="can_sell"),
    )
