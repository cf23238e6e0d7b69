"""What a graph looks like day by day, and whether it keeps its promises."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.graph import BoundGraph, Edges, Graph, Rows

Single = NDArray[np.float32]


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
    where, n = f"graph on {dates[row]:%Y-%m-%d}", len(columns)
    edges = sound_edges(np.asarray(bound.edges(row, columns)), n, where)
    key = np.sort(edges[0] * n + edges[1])
    again = int((key[1:] == key[:-1]).sum())
    if again:
        raise ValueError(
            f"{where}: of {edges.shape[1]} edges among {n} stocks {again} are there twice"
        )
    sound_types(np.asarray(bound.types(row, columns)), edges, where)
    return edges


def sound_edges(edges: Edges, count: int, where: str) -> Edges:
    """Edges as they were, if they are ``[2, E]`` positions among ``count`` stocks (ValueError).

    The loops over edges check no bounds: with a position outside they would read and write memory that
    belongs to others. Repeats are left to :func:`checked`, as it takes a sort to find them.
    """
    if edges.ndim != 2 or len(edges) != 2 or edges.dtype.kind != "i":
        raise ValueError(
            f"{where}: edges are {edges.dtype} {edges.shape}; they must be int64 [2, E], neighbour and "
            "stock"
        )
    loops = edges[0] == edges[1]
    if edges.min(initial=0) < 0 or edges.max(initial=-1) >= count or loops.any():
        outside = ((edges < 0) | (edges >= count)).any(axis=0)
        first = int(np.flatnonzero(outside | loops)[0])
        raise ValueError(
            f"{where}: of {edges.shape[1]} edges among {count} stocks {int(outside.sum())} point outside "
            f"them and {int(loops.sum())} relate a stock to itself, first edge {first} from "
            f"{edges[0, first]} to {edges[1, first]}; an edge is two different positions within columns, "
            f"0 to {count - 1}"
        )
    return edges.astype(np.int64, copy=False)


def sound_types(types: Single, edges: Edges, where: str) -> Single:
    """Types as they were, if they are finite and ``[E, Q]`` beside ``edges`` (ValueError)."""
    if types.ndim != 2 or len(types) != edges.shape[1]:
        raise ValueError(
            f"{where}: types are {types.shape} beside {edges.shape[1]} edges; they must be [E, Q], a row "
            "for each edge"
        )
    if not np.isfinite([types.min(initial=0), types.max(initial=0)]).all():  # NaN is both
        unknown = ~np.isfinite(types).all(axis=1)
        first = int(np.flatnonzero(unknown)[0])
        raise ValueError(
            f"{where}: types of {int(unknown.sum())} of {len(types)} edges are not finite, first edge "
            f"{first} from {edges[0, first]} to {edges[1, first]} with {types[first].tolist()}; a kind "
            "that does not hold has weight 0"
        )
    return types


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
