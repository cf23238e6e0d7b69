"""What a graph looks like day by day, and whether it keeps its promises."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.graph import BoundGraph, Edges, Graph, Rows


def describe(
    graph: Graph,
    dates: pd.DatetimeIndex,
    stocks: pd.Index,
    present: NDArray[np.bool_] | None = None,
    every: int = 21,
) -> pd.DataFrame:
    """Look at a graph on every ``every``-th session.

    Parameters
    ----------
    graph
        Relations of any kind.
    dates, stocks
        What it is bound to.
    present : [T, N], optional
        Who is in the universe; everyone when None.

    Returns
    -------
    DataFrame
        By date: ``stocks``, ``edges``, ``isolated`` (stocks that receive nothing), ``mean_degree`` and
        ``max_degree`` received, ``mutual`` (share of edges whose reverse is there), ``density`` (share of
        all ordered pairs), ``kept`` (share of the edges that were there at the date before, among stocks
        that are).

    Raises
    ------
    ValueError
        The graph breaks a promise: a position outside the day, a stock with itself, a pair twice.
    """
    bound = graph.bind(dates, stocks)
    everyone = np.ones(len(stocks), bool)
    rows, before = [], np.zeros(0, np.int64)
    for row in range(0, len(dates), every):
        columns = np.flatnonzero(everyone if present is None else present[row])
        edges = checked(bound, row, columns, dates)
        named = np.sort(columns[edges[0]] * len(stocks) + columns[edges[1]])
        rows.append(
            _row(edges, len(columns)) | {"kept": _kept(named, before, columns, len(stocks))}
        )
        before = named
    return pd.DataFrame(rows, index=pd.DatetimeIndex(dates[::every], name="date"))


def checked(bound: BoundGraph, row: int, columns: Rows, dates: pd.DatetimeIndex) -> Edges:
    """Edges of a day ``[2, E]`` that are what they should be (ValueError)."""
    edges = np.asarray(bound.edges(row, columns))
    n = len(columns)
    where = f"graph on {dates[row]:%Y-%m-%d}"
    if edges.ndim != 2 or len(edges) != 2 or edges.dtype.kind != "i":
        raise ValueError(f"{where}: edges are {edges.dtype} {edges.shape}; they must be int [2, E]")
    outside = ((edges < 0) | (edges >= n)).any(axis=0)
    loops = edges[0] == edges[1]
    key = np.sort(edges[0] * n + edges[1])
    again = int((key[1:] == key[:-1]).sum())
    if outside.any() or loops.any() or again:
        raise ValueError(
            f"{where}: of {edges.shape[1]} edges among {n} stocks {int(outside.sum())} point outside "
            f"them, {int(loops.sum())} relate a stock to itself and {again} are there twice"
        )
    types = bound.types(row, columns)
    if len(types) != edges.shape[1] or not np.isfinite(types).all():
        raise ValueError(
            f"{where}: types are {types.shape} beside {edges.shape[1]} edges, "
            f"{int((~np.isfinite(types)).sum())} of them not finite"
        )
    return edges


def _row(edges: Edges, n: int) -> dict[str, float]:
    degree = np.bincount(edges[1], minlength=n)
    forward, back = edges[0] * n + edges[1], edges[1] * n + edges[0]
    count = edges.shape[1]
    return {
        "stocks": n,
        "edges": count,
        "isolated": int((degree == 0).sum()),
        "mean_degree": float(degree.mean()) if n else np.nan,
        "max_degree": int(degree.max(initial=0)),
        "mutual": float(np.isin(forward, back).mean()) if count else np.nan,
        "density": count / (n * (n - 1)) if n > 1 else np.nan,
    }


def _kept(now: NDArray[np.int64], before: NDArray[np.int64], columns: Rows, stocks: int) -> float:
    there = np.isin(before // stocks, columns) & np.isin(before % stocks, columns)
    return float(np.isin(before[there], now).mean()) if there.any() else np.nan
