"""Checks of a market's data: what would make results wrong, where, and how much of it there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from market.errors import DataError
from market.panel import Market

Array = np.ndarray

_SETTLED = 10  # sessions after listing from which a jump counts: before, there may be no limit


def _non_positive(m: Market) -> Array:
    return np.logical_or.reduce([m.values(name) <= 0 for name in ("open", "high", "low", "close")])


def _high_below_low(m: Market) -> Array:
    return m.values("high") < m.values("low")


def _close_outside_range(m: Market) -> Array:
    close, slack = m.values("close"), np.float32(m.venue.tick / 2)
    return (close > m.values("high") + slack) | (close < m.values("low") - slack)


def _traded_without_volume(m: Market) -> Array:
    return ~np.isnan(m.values("close")) & ~(m.values("volume") > 0)


def _jump(m: Market) -> Array:
    """An adjusted move beyond twice the legal limit between two sessions that both traded."""
    change = np.abs(m.values("returns"))
    rates = m.venue.limit_rates(
        m.dates,
        m.securities["board"].to_numpy(),
        m.values("st"),
        m.securities["listed_on"].to_numpy(),
        m.values("age"),
    )
    unbroken = np.zeros(change.shape, dtype=bool)
    unbroken[1:] = ~np.isnan(m.values("close")[:-1])
    return (change > 2.0 * rates) & unbroken & (m.values("age") >= _SETTLED)


def _factor_missing(m: Market) -> Array:
    return ~np.isnan(m.values("close")) & ~(m.values("factor") > 0)


def _member_without_price(m: Market) -> Array:
    """Members that have had no close yet, in any index."""
    priced = np.logical_or.accumulate(~np.isnan(m.values("close")), axis=0)
    wrong = np.zeros(priced.shape, dtype=bool)
    for name in m.indexes:
        wrong |= m.values(f"member:{name}") & ~priced
    return wrong


# defect -> (fields that show it, test, whether results built on it would be wrong)
_CHECKS: dict[str, tuple[str, Callable[[Market], Array], bool]] = {
    "non-positive price": ("open, high, low, close", _non_positive, True),
    "high below low": ("high, low", _high_below_low, True),
    "close outside the day's range": ("close", _close_outside_range, True),
    "trade without volume": ("volume", _traded_without_volume, False),
    "price without adjustment factor": ("factor", _factor_missing, True),
    "jump beyond twice the limit": ("close, factor", _jump, False),
    "index member without a price": ("member", _member_without_price, False),
}


def validate(market: Market, tolerate: Iterable[str] = ()) -> pd.DataFrame:
    """Count the defects of a market.

    Parameters
    ----------
    market
        The market to look at.
    tolerate
        Names of defects to accept: they are counted and do not raise. The names are those of the
        returned table.

    Returns
    -------
    DataFrame
        One row per defect found: ``defect, fields, count, share`` (of the cells), ``first_stock``,
        ``first_date``.

    Raises
    ------
    DataError
        A defect that makes results wrong and is not tolerated; the message names its first stock and
        date. Jumps and members without a price are counted, not raised: real data have some.
    """
    accepted = set(tolerate)
    unknown = accepted - set(_CHECKS)
    if unknown:
        raise DataError(f"defects {sorted(unknown)} are unknown; known: {sorted(_CHECKS)}")
    rows = []
    with np.errstate(invalid="ignore"):
        for defect, (fields, test, _) in _CHECKS.items():
            wrong = test(market)
            if wrong.any():
                rows.append(_row(market, defect, fields, wrong))
    table = pd.DataFrame(
        rows, columns=["defect", "fields", "count", "share", "first_stock", "first_date"]
    )
    fatal = table[[_CHECKS[d][2] and d not in accepted for d in table["defect"]]]
    if len(fatal):
        worst = fatal.iloc[0]
        raise DataError(
            f"{worst['fields']}: {worst['defect']} in {worst['count']} cells, first "
            f"{worst['first_stock']} on {worst['first_date']:%Y-%m-%d}; correct the source, set the "
            f"cells to NaN, or pass tolerate=[{worst['defect']!r}]"
        )
    return table


def _row(market: Market, defect: str, fields: str, wrong: Array) -> dict[str, object]:
    date, stock = np.argwhere(wrong)[0]
    return {
        "defect": defect,
        "fields": fields,
        "count": int(wrong.sum()),
        "share": float(wrong.mean()),
        "first_stock": market.stocks[stock],
        "first_date": market.dates[date],
    }
