"""What trading costs, by date: one object for the optimiser's term and the simulator's charge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market.derived import carried_forward
from market.errors import DataError

if TYPE_CHECKING:
    from market.panel import Market

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

# caishui [2015] 101: of the dividends of shares sold within a month, within a year of their purchase;
# beyond a year nothing, which was 5% before
DIVIDEND_TAX_CN = (0.20, 0.10)
DIVIDEND_TAX_CN_SINCE = "2015-09-08"


@dataclass(frozen=True)
class Costs:
    """Charges on traded value; rates are fractions of it, the minimum is in CNY per order.

    ``spread`` is half the quoted spread, paid on both sides. Taxes and fees are tables by date.
    ``dividend_tax`` are two fractions of the cash dividends that shares paid while they were held, withheld
    when they are sold: within a month of their purchase, and within a year.
    """

    commission_buy: float = 0.0
    commission_sell: float = 0.0
    minimum: float = 0.0
    stamp_duty: tuple[DatedRate, ...] = ()
    transfer_fee: tuple[DatedRate, ...] = ()
    spread: float = 0.0
    dividend_tax: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("commission_buy", "commission_sell", "minimum", "spread"):
            if not getattr(self, name) >= 0.0:
                raise DataError(f"cost {name} is {getattr(self, name)}; a cost is zero or positive")
        for name in ("stamp_duty", "transfer_fee"):
            _check_table(name, getattr(self, name))
        object.__setattr__(self, "dividend_tax", _two_rates(self.dividend_tax))

    @property
    def taxes_dividends(self) -> bool:
        """Whether any rate of ``dividend_tax`` is above zero."""
        return any(self.dividend_tax)

    @classmethod
    def cn(
        cls,
        commission: float = 0.0002,
        minimum: float = 5.0,
        spread: float = 0.0,
        dividend_tax: tuple[float, float] = (0.0, 0.0),
    ) -> Costs:
        """Return A-share charges: a negotiated commission plus dated stamp duty and transfer fee.

        ``dividend_tax=DIVIDEND_TAX_CN`` adds the tax on cash dividends that individuals and funds pay.
        """
        return cls(
            commission, commission, minimum, STAMP_DUTY_CN, TRANSFER_FEE_CN, spread, dividend_tax
        )

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

    def proportional(self, dates: pd.DatetimeIndex) -> Array:
        """Return the charges that follow the value alone, as fractions of it ``[T, 2, 3]``.

        By session, side (bought, sold) and kind (stamp duty, transfer fee, spread); the commission,
        which has a minimum, is not among them.
        """
        rates = np.zeros((len(dates), 2, 3))
        for kind, table in enumerate((self.stamp_duty, self.transfer_fee)):
            for row in table:  # later rows stand over earlier ones
                rates[dates >= pd.Timestamp(row.since), :, kind] = (row.buy, row.sell)
        rates[:, :, 2] = self.spread
        return rates

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


@dataclass(frozen=True)
class SquareRootImpact:
    """Market impact by the square-root law: a trade moves its price by eta sigma sqrt(value / amount).

    sigma is the volatility of the stock over a day and amount its average daily value (Toth et al.
    2011, "Anomalous Price Impact and the Critical Nature of Liquidity"). The trade pays the move on
    all of its value: eta sigma value^(3/2) / sqrt(amount).

    One million in a stock that trades 100 million a day at 2% volatility, eta one: it moves by
    0.02 * sqrt(0.01) = 20 basis points and costs 2,000.
    """

    eta: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.eta) and self.eta >= 0.0):
            raise DataError(f"eta is {self.eta}; give a finite number >= 0, about one")

    def coefficients(self, volatility: Array, amount: Array) -> Array:
        """Return what value^(3/2) costs, CNY, of a daily volatility and a daily value in CNY."""
        return self.eta * volatility / np.sqrt(amount)


def average_liquidity(m: Market, days: int = 20, memory: int = 60) -> tuple[Array, Array]:
    """Return daily volatility and average daily value (CNY) as known at each close, ``[T, N]`` each.

    Volatility runs over the returns of the last ``memory`` sessions; it is NaN below two. Value runs over
    those of the last ``days`` sessions in which the stock traded, and after a longer suspension it is what
    it was before; it is NaN before the first trade.
    """
    returns = m.values("returns").astype(np.float64)
    known = np.isfinite(returns)
    count = _rolling_sum(known.astype(np.float64), memory)
    first = _rolling_sum(np.where(known, returns, 0.0), memory)
    second = _rolling_sum(np.where(known, returns, 0.0) ** 2, memory)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (second - first * first / count) / (count - 1.0)
    volatility = np.sqrt(np.where(count > 1.0, np.maximum(variance, 0.0), np.nan))
    amount = np.nan_to_num(m.values("amount").astype(np.float64))
    traded = _rolling_sum((amount > 0.0).astype(np.float64), days)
    value = _rolling_sum(amount, days) / np.where(traded > 0.0, traded, np.nan)
    return volatility, carried_forward(value)


def _rolling_sum(values: Array, window: int) -> Array:
    total = np.cumsum(values, axis=0)
    total[window:] -= total[:-window].copy()
    return total


def _two_rates(given: object) -> tuple[float, float]:
    """Return the rates of a dividend tax as two floats."""
    try:
        month, year = map(float, given)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        month = year = np.nan
    if not (0.0 <= month <= 1.0 and 0.0 <= year <= 1.0):
        raise DataError(
            f"dividend_tax is {given!r}; give two fractions from 0 to 1: of the dividends of shares sold "
            "within a month, and within a year, of their purchase"
        )
    return month, year


def _check_table(name: str, table: tuple[DatedRate, ...]) -> None:
    for row, after in pairwise(table):
        if pd.Timestamp(after.since) <= pd.Timestamp(row.since):
            raise DataError(
                f"{name} has {after.since} after {row.since}; give the rates in the order of their dates"
            )
    for row in table:
        for side in (row.buy, row.sell):
            if not 0.0 <= side < 1.0:
                raise DataError(
                    f"{name} since {row.since} has the rate {side}; a rate is a fraction from 0 to 1"
                )


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
