"""From the numbers of a table to what is printed: words of a language, and digits by measure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from backtest.labels import Labels

RATIOS = (
    "information_ratio", "excess_t", "realised_over_predicted", "calmar", "beta", "up_capture",
    "down_capture", "bias", "low", "high",
)  # fmt: skip
COUNTS = (
    "refused_orders", "orders_cut_for_cash", "relaxed_rebalances", "held_rebalances", "rebalances",
    "sessions", "days", "buy", "sell", "trials", "blocks", "splits",
)  # fmt: skip
SIGNIFICANT = ("price", "limit_used")
BASIS_POINTS = ("cost_bp", "point_bp")
LIMITS = ("from", "to", "used")  # columns of values that limits take


def text(key: object, value: object) -> str:
    """Write a number by what it measures: two decimals, a count, or percent; a date as a day.

    >>> text("tracking_error", 0.0464), text("information_ratio", 0.8987), text("rebalances", 305)
    ('4.64%', '0.90', '305')
    """
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if not isinstance(value, int | float | np.number) or isinstance(value, bool):
        return "" if value is None or value is pd.NaT else str(value)
    number = float(value)
    if np.isnan(number):
        return ""
    name = str(key)
    if name in COUNTS:
        return f"{number:,.0f}"
    if name in SIGNIFICANT:
        return f"{number:.3g}"
    if name in BASIS_POINTS:
        return f"{number:z.1f}"
    return f"{number:z.2f}" if name in RATIOS else f"{number:z.2%}"


def share(value: float) -> str:
    """Write a fraction in percent, one decimal."""
    return f"{value:.1%}"


def limit(value: object, words: Labels) -> str:
    """Write the value of a limit; a missing one is no limit."""
    given = float(str(value))
    return words("none") if np.isnan(given) else f"{given:g}"


def shown(table: pd.DataFrame, words: Labels) -> pd.DataFrame:
    """Return the table with words for its names and text for its numbers, by column."""
    columns = {
        c: [limit(v, words) if c in LIMITS else text(c, v) for v in table[c]] for c in table.columns
    }
    return _named(pd.DataFrame(columns, index=table.index, columns=table.columns), words)


def shown_across(table: pd.DataFrame, words: Labels) -> pd.DataFrame:
    """Return the table with its numbers written by what their row measures."""
    rows = [
        [text(key, v) for v in row]
        for key, row in zip(table.index, table.to_numpy(object), strict=True)
    ]
    return _named(pd.DataFrame(rows, index=table.index, columns=table.columns), words)


def _named(table: pd.DataFrame, words: Labels) -> pd.DataFrame:
    named = table.set_axis([words(c) for c in table.columns], axis=1)
    if isinstance(named.index, pd.MultiIndex):
        return named.rename_axis(index=[words.limit(str(name)) for name in named.index.names])
    kinds = {"limit": words.limit, "limit_name": words.limit, "part": words.part}
    told = kinds.get(str(named.index.name), words)
    named.index = pd.Index([told(str(name)) for name in named.index], dtype=object)
    return named.rename_axis(index=words(table.index.name) if table.index.name else "")
