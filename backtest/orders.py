"""From target weights to orders, with every weight checked at the door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from market import DataError

Array = np.ndarray

SUM_TOLERANCE = 1e-6  # above 1 by more is borrowing
NEGATIVE_TOLERANCE = 1e-9  # a solver's rounding of zero; anything below is a short position
DUST = 1e-9  # fraction of NAV: a difference this small is arithmetic, not an order


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


def orders_for(
    weights: Array, units: Array, marks: Array, nav: float, stocks: pd.Index, date: pd.Timestamp
) -> Array:
    """Return the orders ``[N]``, in units and signed, that lead from ``units`` to ``weights``.

    Sizes are fixed at the close of ``date``: ``weight * nav / mark - units``. The price of the fill
    moves the weight that is reached, as it would on the exchange.

    Raises
    ------
    DataError
        A weight on a stock that has no price at that close, because it is not listed.
    """
    concerned = np.flatnonzero((weights > 0.0) | (units > 0.0))
    mark = marks[concerned]
    blank = concerned[~np.isfinite(mark)]
    if len(blank):
        raise DataError(
            f"{len(blank)} stocks with a target weight have no price at the close of "
            f"{date:%Y-%m-%d}, first {stocks[blank[0]]} with {weights[blank[0]]:.6f}; weight only "
            "stocks that are listed on that date"
        )
    wanted = weights[concerned] * nav / mark - units[concerned]
    orders = np.zeros_like(weights)
    orders[concerned] = np.where(np.abs(wanted) * mark > DUST * nav, wanted, 0.0)
    return orders
