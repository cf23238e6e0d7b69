"""A policy's answer, weights or orders, with every number checked at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from market import DataError

Array = np.ndarray

SUM_TOLERANCE = 1e-6  # above 1 by more is borrowing
NEGATIVE_TOLERANCE = 1e-9  # a solver's rounding of zero; anything below is a short position


@dataclass(frozen=True, eq=False)
class Orders:
    """Orders instead of target weights: positions to close, and cash to spend.

    What is neither sold nor bought stays as it is.

    Attributes
    ----------
    sell
        Stocks whose whole position is sold on the next session; each must be held.
    spend
        By stock, the fraction of the cash that is there after the session's sales; at most 1 in sum.
        Sizes follow from the price of the fill; each stock must have a price at the close.
    log
        What the policy wants to be recorded.
    two_sided
        At either price limit these orders do not trade at all. Else the upper limit refuses purchases
        only and the lower one sales only.
    """

    sell: pd.Index
    spend: pd.Series
    log: Mapping[str, Any] = field(default_factory=dict)
    two_sided: bool = False


def opened(answer: object) -> tuple[object, Mapping[str, Any]]:
    """Return the weights and the log of a policy's answer, which may be weights alone."""
    if isinstance(answer, pd.Series):  # not by attribute: a Series offers its labels as attributes
        return answer, {}
    return getattr(answer, "weights", answer), getattr(answer, "log", {})


def aligned(
    weights: object, stocks: pd.Index, date: pd.Timestamp, what: str = "target weights"
) -> Array:
    """Return target weights over all stocks ``[N]``, float64, zero where none was given.

    ``what`` is what the messages call them.

    Raises
    ------
    TypeError
        The policy returned something else than a Series.
    DataError
        A stock that is not in the market or appears twice, a weight that is no number, NaN or
        negative, or a sum above 1; the message names date, stock and size.
    """
    if not isinstance(weights, pd.Series):
        raise TypeError(
            f"the policy returned {type(weights).__name__} on {date:%Y-%m-%d}; return a Series of "
            "weights by stock, or an object with .weights and .log"
        )
    given = numbers(weights, date, what)
    same = weights.index.equals(stocks)
    full = given.copy() if same else _placed(weights, given, stocks, date, what)
    for wrong, fault in (
        (~np.isfinite(full), "missing or infinite"),
        (full < -NEGATIVE_TOLERANCE, "negative"),
    ):
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{int(wrong.sum())} {what} on {date:%Y-%m-%d} are {fault}, first {stocks[first]} "
                f"with {full[first]}; each is a fraction from 0 to 1"
            )
    total = float(full.sum())
    if total > 1.0 + SUM_TOLERANCE:
        largest = int(full.argmax())
        raise DataError(
            f"{what} on {date:%Y-%m-%d} sum to {total:.8f}, above 1 by {total - 1.0:.2e}, "
            f"largest {stocks[largest]} with {full[largest]:.6f}; scale them to at most 1"
        )
    return np.maximum(full, 0.0)


def faulty(weights: Array) -> Array:
    """Tell which rows of ``[D, N]`` weights ``aligned`` would refuse."""
    total = weights.sum(axis=1)  # NaN where any weight is
    return ~(total <= 1.0 + SUM_TOLERANCE) | (
        weights.min(axis=1, initial=0.0) < -NEGATIVE_TOLERANCE
    )


def numbers(weights: pd.Series, date: pd.Timestamp, what: str) -> Array:
    """Return the weights as float64; text is refused, also text that looks like a number."""
    if not pd.api.types.is_numeric_dtype(weights.dtype):
        for stock, value in weights.items():
            if not (isinstance(value, Real) or pd.isna(value)):
                raise DataError(
                    f"{what} on {date:%Y-%m-%d} are not all numbers, first {stock} with {value!r}; "
                    "each is a fraction from 0 to 1"
                )
    return weights.to_numpy(dtype=np.float64, na_value=np.nan)


def places(names: pd.Index, stocks: pd.Index, what: str) -> Array:
    """Return the positions of ``names`` ``[k]`` in the market, each of which must be there."""
    if names.equals(stocks):
        return np.arange(len(stocks))
    found = stocks.get_indexer(names)
    unknown = names[found < 0]
    if len(unknown):
        raise DataError(
            f"{len(unknown)} {what} are not in the market, first {unknown[0]}; its codes look like "
            f"{stocks[0]}"
        )
    return found


def _placed(
    weights: pd.Series, given: Array, stocks: pd.Index, date: pd.Timestamp, what: str
) -> Array:
    """Put ``given`` at the positions of their stocks."""
    positions = places(weights.index, stocks, f"stocks of {what} on {date:%Y-%m-%d}")
    if weights.index.has_duplicates:
        twice = weights.index[weights.index.duplicated()]
        raise DataError(
            f"{len(twice)} stocks have two {what} on {date:%Y-%m-%d}, first {twice[0]}; give one a "
            "stock"
        )
    full = np.zeros(len(stocks))
    full[positions] = given
    return full


def placed_orders(
    orders: Orders, units: Array, marks: Array, stocks: pd.Index, date: pd.Timestamp
) -> tuple[Array, Array]:
    """Return the positions to sell ``[k]`` and the shares of the cash to spend ``[N]``.

    ``units`` ``[N]`` are held and ``marks`` ``[N]`` are prices at the close.

    Raises
    ------
    DataError
        Two orders of one stock, a stock that is not in the market, one to sell that is not held, one
        to buy that has no price, or shares that are NaN, negative or above 1 in sum.
    """
    both = pd.Index(orders.sell).append(orders.spend.index)
    if both.has_duplicates:
        twice = both[both.duplicated()]
        raise DataError(
            f"{len(twice)} stocks have two orders on {date:%Y-%m-%d}, first {twice[0]}; a stock is "
            "either sold or bought, once"
        )
    sell = places(pd.Index(orders.sell), stocks, f"stocks of orders to sell on {date:%Y-%m-%d}")
    absent = sell[units[sell] == 0.0]
    if len(absent):
        raise DataError(
            f"{len(absent)} orders to sell on {date:%Y-%m-%d} are of stocks that are not held, first "
            f"{stocks[absent[0]]}; snapshot.holdings has those that are"
        )
    spend = aligned(orders.spend, stocks, date, "shares of the cash in Orders.spend")
    check_priced(spend, np.zeros_like(spend), marks, stocks, date, "an order to buy")
    return sell, spend


def check_priced(
    weights: Array,
    units: Array,
    marks: Array,
    stocks: pd.Index,
    date: pd.Timestamp,
    what: str = "a target weight",
) -> None:
    """Raise a ``DataError`` that names the stocks in question without a price at the close."""
    concerned = np.flatnonzero((weights > 0.0) | (units > 0.0))
    blank = concerned[~np.isfinite(marks[concerned])]
    if len(blank):
        raise DataError(
            f"{len(blank)} stocks with {what} have no price at the close of {date:%Y-%m-%d}, first "
            f"{stocks[blank[0]]} with {weights[blank[0]]:.6f}; use only stocks that are listed on "
            "that date"
        )
