"""Labels: what a score is asked to predict, and how far ahead it looks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market import Market


@dataclass(frozen=True)
class Label:
    """Forward return from the deal of day ``t + entry`` to the deal of day ``t + horizon``.

    ``y[t] = P[t + horizon] / P[t + entry] - 1`` with P the deal price times the cumulative factor.

    Parameters
    ----------
    name
        Used in tables.
    horizon
        Last future session used. Splits purge this many sessions, so it is a property of the label and
        is never guessed from the name.
    entry
        Session of the purchase; 1 is the day after the signal, the first that can be traded.
    price
        Deal price of the market, ``"vwap"``, ``"open"``, ``"close"``.

    Notes
    -----
    - Entry on a day without a trade (suspended, unlisted): NaN. The position cannot be opened.
    - Exit on a day without a trade: the last traded price is carried, as the holder's account does; a
      stock that stops trading for good keeps its last price.
    - The last ``horizon`` sessions of the data have no label.
    - A stock locked at its limit on the entry day keeps its label: who can trade is the backtest's matter.

    Examples
    --------
    Deals at 10, 11, 12.1 on three days: ``vwap_1`` on the first day is 12.1 / 11 - 1 = 0.10.
    """

    name: str
    horizon: int
    entry: int = 1
    price: str = "vwap"

    def __post_init__(self) -> None:
        if not 0 < self.entry < self.horizon:
            raise ValueError(
                f"label {self.name}: entry {self.entry} and horizon {self.horizon} must satisfy "
                "0 < entry < horizon; entry 1, horizon 6 is one week from tomorrow's deal"
            )

    def values(self, market: Market) -> pd.DataFrame:
        """Raw forward returns ``[T, N]`` float32 by date and stock; NaN where there is none."""
        price = market.deal_price(self.price).to_numpy(np.float64) * market.values("factor")
        traded = (market.values("volume") > 0) & (price > 0)
        label = _forward_return(np.where(traded, price, np.nan), self.entry, self.horizon)
        return pd.DataFrame(label, index=market.dates, columns=market.stocks)


def _forward_return(price: NDArray[np.float64], entry: int, horizon: int) -> NDArray[np.float32]:
    """``carried[t + horizon] / price[t + entry] - 1`` for prices [T, N] that are NaN when not traded."""
    label = np.full(price.shape, np.nan, np.float32)
    days = len(price)
    if days > horizon:
        carried = pd.DataFrame(price).ffill().to_numpy()
        label[: days - horizon] = carried[horizon:] / price[entry : days - horizon + entry] - 1
    return label


vwap_1 = Label("vwap_1", horizon=2)  # in at tomorrow's average price, out a day later
week = Label("week", horizon=6)  # one week between two weekly rebalances
fwd10 = Label("fwd10", horizon=11)  # ten sessions from tomorrow
