"""A policy's answer, weights or orders, with every number checked at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        Stocks whose whole position is sold on the next session.
    spend
        By stock, the fraction of the cash that is there after the session's sales; at most 1 in sum.
        Sizes follow from the price of the fill.
    log
        What the policy wants to be recorded.
    """

    sell: pd.Index
    spend: pd.Series
    log: Mapping[str, Any] = field(default_factory=dict)


def opened(answer: object) -> tuple[object, Mapping[str, Any]]:
    """Return the weights and the log of a policy's answer, which may be weights alone."""
    if isinstance(answer, pd.Series):  # not by attribute: a Series offers its labels as attributes
        return answer, {}
    return getattr(answer, "weights", answer), getattr(answer, "log", {})


def aligned(weights: object, stocks: pd.Index, date: pd.Timestamp) -> Array:
    """Return target weights over all stocks ``[N]``, float64, zero where none was given.

    Raises
    ------
    TypeError
        The policy returned something else than a Series.
    DataError
        A stock that is not in the market or appears twice, a NaN or negative weight, or a sum above
        1; the message names date, stock and size.
    """
    if not isinstance(weights, pd.Series):
        raise TypeError(
            f"the policy returned {type(weights).__name__} on {date:%Y-%m-%d}; return a Series of "
            "weights by stock, or an object with .weights and .log"
        )
    given = weights.to_numpy(dtype=np.float64, na_value=np.nan)
    full = given.copy() if weights.index.equals(stocks) else _placed(weights, given, stocks, date)
    for wrong, what in (
        (~np.isfinite(full), "missing or infinite"),
        (full < -NEGATIVE_TOLERANCE, "negative"),
    ):
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{int(wrong.sum())} target weights on {date:%Y-%m-%d} are {what}, first "
                f"{stocks[first]} with {full[first]}; a weight is a fraction from 0 to 1"
            )
    total = float(full.sum())
    if total > 1.0 + SUM_TOLERANCE:
        largest = int(full.argmax())
        raise DataError(
            f"target weights on {date:%Y-%m-%d} sum to {total:.8f}, above 1 by {total - 1.0:.2e}, "
            f"largest {stocks[largest]} with {full[largest]:.6f}; scale them to at most 1"
        )
    return np.maximum(full, 0.0)


def faulty(weights: Array) -> Array:
    """Tell which rows of ``[D, N]`` weights ``aligned`` would refuse."""
    total = weights.sum(axis=1)  # NaN where any weight is
    return ~(total <= 1.0 + SUM_TOLERANCE) | (
        weights.min(axis=1, initial=0.0) < -NEGATIVE_TOLERANCE
    )


def _placed(weights: pd.Series, given: Array, stocks: pd.Index, date: pd.Timestamp) -> Array:
    """Put ``given`` at the positions of their stocks."""
    positions = stocks.get_indexer(weights.index)
    unknown = weights.index[positions < 0]
    if len(unknown):
        raise DataError(
            f"{len(unknown)} target weights on {date:%Y-%m-%d} are of stocks that are not in the "
            f"market, first {list(unknown[:5])}; its codes look like {stocks[0]}"
        )
    if weights.index.has_duplicates:
        twice = weights.index[weights.index.duplicated()]
        raise DataError(
            f"{len(twice)} stocks have two target weights on {date:%Y-%m-%d}, first {twice[0]}; "
            "give one weight a stock"
        )
    full = np.zeros(len(stocks))
    full[positions] = given
    return full


def placed_orders(orders: Orders, stocks: pd.Index, date: pd.Timestamp) -> tuple[Array, Array]:
    """Return the positions to sell ``[k]`` and the shares of the cash to spend ``[N]``.

    Raises
    ------
    DataError
        Two orders of one stock, a stock that is not in the market, or shares that are NaN, negative or
        above 1 in sum.
    """
    both = pd.Index(orders.sell).append(orders.spend.index)
    if both.has_duplicates:
        twice = both[both.duplicated()]
        raise DataError(
            f"{len(twice)} stocks have two orders on {date:%Y-%m-%d}, first {twice[0]}; a stock is "
            "either sold or bought, once"
        )
    sell = stocks.get_indexer(pd.Index(orders.sell))
    if (sell < 0).any():
        unknown = pd.Index(orders.sell)[sell < 0]
        raise DataError(
            f"{len(unknown)} orders to sell on {date:%Y-%m-%d} are of stocks that are not in the "
            f"market, first {unknown[0]}; its codes look like {stocks[0]}"
        )
    return sell, aligned(orders.spend, stocks, date)


def check_priced(
    weights: Array, units: Array, marks: Array, stocks: pd.Index, date: pd.Timestamp
) -> None:
    """Raise a ``DataError`` that names the stocks in question without a price at the close."""
    concerned = np.flatnonzero((weights > 0.0) | (units > 0.0))
    blank = concerned[~np.isfinite(marks[concerned])]
    if len(blank):
        raise DataError(
            f"{len(blank)} stocks with a target weight have no price at the close of "
            f"{date:%Y-%m-%d}, first {stocks[blank[0]]} with {weights[blank[0]]:.6f}; weight only "
            "stocks that are listed on that date"
        )
