"""Limits that differ by stock, industry or style: one limit, times a table with a row for the rest.

``ActiveWeight(0.01, times={"SH600519": 3.0})`` allows 3% there and 1% elsewhere.
``StyleExposure(1.0, times={"size": 0.2, "*": 0.5})`` states the limits themselves, as parts of one.
Either way the limit stays one number: loosened, swept and priced in proportion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from enhance.problem import Problem

Array = np.ndarray
Times = Mapping[str, float]

REST = "*"  # every name that the table does not list; one where it has no such row


def refuse_times(name: str, times: Times | None) -> None:
    """Raise unless every entry of a table is a number >= 0; infinite means no limit."""
    bad = {key: value for key, value in (times or {}).items() if not value >= 0.0}
    if bad:
        key, value = next(iter(bad.items()))
        raise ValueError(f"{name} has times {value} for {key!r}; give multiples of the limit >= 0")


def shares(name: str, times: Times | None, known: Sequence[str]) -> Array | float:
    """Return the multiple of each of the ``known`` names.

    Raises
    ------
    ValueError
        The table lists a name that is not known.
    """
    if times is None:
        return 1.0
    unknown = set(times) - set(known) - {REST}
    if unknown:
        raise ValueError(
            f"{name} has times for {min(unknown)!r}, which is none of {', '.join(known) or 'nothing'}"
        )
    return np.array([times.get(key, times.get(REST, 1.0)) for key in known])


def stock_shares(name: str, times: Times | None, by: str, problem: Problem) -> Array | float:
    """Return each stock's multiple ``[N]``.

    ``by`` says what the table lists: ``"stock"``, ``"industry"``, or the labels of a data column. Stocks
    of the table that are not among the candidates of the week are passed over. ``"benchmark"`` takes no
    table: the multiple is the stock's benchmark weight.
    """
    if by == "benchmark":
        return problem.benchmark
    if times is None:
        return 1.0
    rest = float(times.get(REST, 1.0))
    if by == "stock":
        listed = {key: value for key, value in times.items() if key != REST}
        share = np.full(len(problem.stocks), rest)
        at = problem.stocks.get_indexer(pd.Index(list(listed), dtype=object))
        share[at[at >= 0]] = np.array(list(listed.values()))[at >= 0]
        return share
    names, codes = problem.labels(by)
    table = np.append(shares(name, times, names), rest)
    return table[codes]  # code -1, no group, reads the last entry
