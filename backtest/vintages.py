"""Is the past still what it was? Two vintages of the same data, compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from market import DataError, Market

Array = np.ndarray

_ABSENT = "stock"  # the name under which stocks that a vintage lost are listed
_TOLERANCE = 1e-6  # relative: data are kept in single precision


def restated(earlier: Market, later: Market) -> pd.DataFrame:
    """Return what the later vintage says otherwise about the sessions of the earlier one.

    A backtest on data taken today reads yesterday's figures as they stand today. Where companies correct
    their statements, or a source drops those that failed, it decides on what nobody knew. Keep the data
    of some date, and compare when new ones come.

    Parameters
    ----------
    earlier, later
        The same source on two dates; the sessions of the earlier one are compared.

    Returns
    -------
    DataFrame
        One row a field that differs: ``cells`` that do, ``share`` of the cells known earlier, and of the
        first one ``date``, ``stock``, ``before`` and ``after`` (NaN: not known). Labels and industries
        compare by name. Stocks that the later vintage has lost are a row ``stock``. Empty when the past
        is the same.

    Raises
    ------
    DataError
        The vintages have no session in common.
    """
    dates = earlier.dates.intersection(later.dates)
    if dates.empty:
        raise DataError(
            f"the vintages run {earlier.dates[0]:%Y-%m-%d} to {earlier.dates[-1]:%Y-%m-%d} and "
            f"{later.dates[0]:%Y-%m-%d} to {later.dates[-1]:%Y-%m-%d}; give two of the same sessions"
        )
    stocks = earlier.stocks[earlier.stocks.isin(later.stocks)]
    rows = [_lost(earlier, dates, len(earlier.stocks) - len(stocks), later)]
    for name in earlier.fields:
        if later.has(name):
            old, new = (_values(m, name).loc[dates, stocks] for m in (earlier, later))
            rows.append(_difference(name, old, new))
    columns = ["cells", "share", "date", "stock", "before", "after"]
    table = pd.DataFrame([row for row in rows if row], columns=["field", *columns])
    return table.set_index("field")


def _lost(earlier: Market, dates: pd.DatetimeIndex, count: int, later: Market) -> dict[str, object]:
    if count == 0:
        return {}
    first = earlier.stocks[~earlier.stocks.isin(later.stocks)][0]
    share = count / len(earlier.stocks)
    return {"field": _ABSENT, "cells": count, "share": share, "date": dates[0], "stock": first}


def _values(market: Market, name: str) -> pd.DataFrame:
    """Return a field as a frame; codes as the labels they stand for, which may be numbered anew."""
    frame = market.field(name)
    try:
        labels = np.array([*market.categories(name), None], dtype=object)  # -1 is unknown
    except DataError:  # plain numbers
        return frame
    return pd.DataFrame(labels[frame.to_numpy()], index=frame.index, columns=frame.columns)


def _difference(name: str, old: pd.DataFrame, new: pd.DataFrame) -> dict[str, object]:
    """Return the row of a field, empty where both agree."""
    a, b = old.to_numpy(), new.to_numpy()
    known = ~pd.isna(a)
    same = (a == b) | (pd.isna(a) & pd.isna(b))
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        same |= np.isclose(a, b, rtol=_TOLERANCE, atol=0.0)
    wrong = np.argwhere(~same)
    if not len(wrong):
        return {}
    i, j = wrong[0]
    return {
        "field": name,
        "cells": len(wrong),
        "share": len(wrong) / max(int(known.sum()), 1),
        "date": old.index[i],
        "stock": old.columns[j],
        "before": a[i, j],
        "after": b[i, j],
    }
