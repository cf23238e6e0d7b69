"""What trading costs, by date: one object for the optimiser's term and the simulator's charge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.errors import DataError

Array = np.ndarray


@dataclass(frozen=True)
class DatedRate:
    """A proportional charge from a date on, as a fraction of traded value on each side."""

    since: str
    buy: float
    sell: float
    source: str


STAMP_DUTY_CN = (
    DatedRate("1990-12-19", 0.002, 0.002, "before the cut of 2005: Xinhua 2005-01-24"),
    DatedRate("2005-01-24", 0.001, 0.001, "Xinhua 2005-01-24"),
    DatedRate("2007-05-30", 0.003, 0.003, "Xinhua 2008-04-23"),
    DatedRate("2008-04-24", 0.001, 0.001, "english.gov.cn 2008-04-23"),
    DatedRate("2008-09-19", 0.0, 0.001, "china-briefing.com: buy side abolished"),
    DatedRate("2023-08-28", 0.0, 0.0005, "asianprivatebanker.com 2023-08-28"),
)
TRANSFER_FEE_CN = (
    # Shanghai charged on face value before 2015-08; the Shenzhen rate on value stands in for both
    DatedRate("1990-12-19", 0.0000255, 0.0000255, "secondary; Shenzhen rate"),
    DatedRate("2015-08-01", 0.00002, 0.00002, "secondary reprint of the exchanges' notice"),
    DatedRate("2022-04-29", 0.00001, 0.00001, "CSDC notice, Xinhua 2022-04-28"),
)


@dataclass(frozen=True)
class Costs:
    """Charges on traded value; rates are fractions of it, the minimum is in CNY per order.

    ``spread`` is half the quoted spread, paid on both sides. Taxes and fees are tables by date.
    """

    commission_buy: float = 0.0
    commission_sell: float = 0.0
    minimum: float = 0.0
    stamp_duty: tuple[DatedRate, ...] = ()
    transfer_fee: tuple[DatedRate, ...] = ()
    spread: float = 0.0

    def __post_init__(self) -> None:
        for name in ("commission_buy", "commission_sell", "minimum", "spread"):
            if not getattr(self, name) >= 0.0:
                raise DataError(f"cost {name} is {getattr(self, name)}; a cost is zero or positive")

    @classmethod
    def cn(cls, commission: float = 0.0002, minimum: float = 5.0, spread: float = 0.0) -> Costs:
        """Return A-share charges: a negotiated commission plus dated stamp duty and transfer fee."""
        return cls(commission, commission, minimum, STAMP_DUTY_CN, TRANSFER_FEE_CN, spread)

    @classmethod
    def flat(cls, buy: float = 0.001, sell: float = 0.002, minimum: float = 0.0) -> Costs:
        """Return one rate a side on all dates: the convention of the reference reports."""
        return cls(buy, sell, minimum)

    @classmethod
    def free(cls) -> Costs:
        """Return a market without costs."""
        return cls()

    def rates(self, date: pd.Timestamp) -> tuple[float, float]:
        """Return what one unit of value bought and one sold cost on ``date``, minimum aside."""
        stamp, fee = _rate(self.stamp_duty, date), _rate(self.transfer_fee, date)
        buy = self.commission_buy + stamp[0] + fee[0] + self.spread
        sell = self.commission_sell + stamp[1] + fee[1] + self.spread
        return buy, sell

    def charge(self, date: pd.Timestamp, bought: Array, sold: Array) -> dict[str, float]:
        """Return the charges of one session by kind, in CNY.

        Parameters
        ----------
        date
            The session, which decides taxes and fees.
        bought, sold
            Value traded per order ``[N]``, CNY, zero or positive.
        """
        commission = _with_minimum(self.commission_buy * bought, bought, self.minimum)
        commission += _with_minimum(self.commission_sell * sold, sold, self.minimum)
        stamp, fee = _rate(self.stamp_duty, date), _rate(self.transfer_fee, date)
        total_bought, total_sold = float(bought.sum()), float(sold.sum())
        return {
            "commission": commission,
            "stamp_duty": stamp[0] * total_bought + stamp[1] * total_sold,
            "transfer_fee": fee[0] * total_bought + fee[1] * total_sold,
            "spread": self.spread * (total_bought + total_sold),
        }


def _rate(table: tuple[DatedRate, ...], date: pd.Timestamp) -> tuple[float, float]:
    """Return the rates of the last row in force on ``date``; none in force is free."""
    rate = (0.0, 0.0)
    for row in table:
        if date >= pd.Timestamp(row.since):
            rate = (row.buy, row.sell)
    return rate


def _with_minimum(charge: Array, traded: Array, minimum: float) -> float:
    """Sum the charges of the orders, each at least ``minimum``."""
    return float(np.where(traded > 0.0, np.maximum(charge, minimum), 0.0).sum())
