"""Pictures of graphs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.graphs.graph import Edges, Graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink")


def plot_neighbourhood(
    graph: Graph,
    stock: str,
    date: pd.Timestamp | str,
    stocks: pd.Index,
    *,
    names: Mapping[str, str] | None = None,
    most: int = 24,
    ax: "Axes | None" = None,
) -> "Axes":
    """Who a stock receives from on a date, and how these are related among themselves.

    The stock is in the middle, its neighbours of largest weight around it. Lines to the stock are as
    thick as their weights, thin ones run between neighbours; the colour is the strongest kind.

    Parameters
    ----------
    graph
        Relations of any kind.
    stock, date
        Whose neighbourhood, and when.
    stocks
        The stocks that may appear, the stock among them.
    names
        Labels by code; the codes when None.
    most
        Neighbours to draw; the title says how many there are.

    Raises
    ------
    ValueError
        The stock is not among ``stocks``.
    """
    if stock not in stocks:
        raise ValueError(
            f"plot_neighbourhood: {stock} is not among the {len(stocks)} stocks, first "
            f"{list(stocks[:3])}; give stocks that hold it"
        )
    axis, centre = _axis(ax), int(stocks.get_indexer(pd.Index([stock]))[0])
    edges, types, kinds = _on(graph, pd.DatetimeIndex([date]), stocks)
    received = np.flatnonzero(edges[1] == centre)
    strongest = received[np.argsort(-types[received].sum(axis=1), kind="stable")][:most]
    angle = 2 * np.pi * np.arange(len(strongest)) / max(len(strongest), 1)
    place = np.full((len(stocks), 2), np.nan)
    place[edges[0, strongest]] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    place[centre] = 0.0
    _draw_lines(axis, place, edges, types, centre, kinds)
    labels = {str(code): str((names or {}).get(str(code), code)) for code in stocks}
    _draw_stocks(axis, place, [labels[str(code)] for code in stocks], centre)
    shown = f", the {len(strongest)} strongest" if len(strongest) < len(received) else ""
    axis.set_title(
        f"{labels[stock]}: {len(received)} neighbours on {pd.Timestamp(date):%Y-%m-%d}{shown}"
    )
    return axis


def _on(
    graph: Graph, dates: pd.DatetimeIndex, stocks: pd.Index
) -> tuple[Edges, NDArray[np.float32], tuple[str, ...]]:
    """Edges of one session, their types and the names of these."""
    bound, everyone = graph.bind(dates, stocks), np.arange(len(stocks))
    edges = bound.edges(0, everyone)
    types = bound.types(0, everyone)
    return edges, types, tuple(getattr(bound, "kinds", ("",) * types.shape[1]))


def _draw_lines(
    axis: "Axes",
    place: NDArray[np.float64],
    edges: Edges,
    types: NDArray[np.float32],
    centre: int,
    kinds: tuple[str, ...],
) -> None:
    """Draw lines between stocks that have a place, those to the centre last and by weight."""
    kind, weight, seen = types.argmax(axis=1), types.sum(axis=1), set()
    most = weight[edges[1] == centre].max(initial=0.0)
    drawn = np.flatnonzero(~np.isnan(place[edges, 0]).any(axis=0))
    for e in drawn[np.argsort(edges[1, drawn] == centre, kind="stable")].tolist():
        main = bool(edges[1, e] == centre)
        name = kinds[kind[e]] if main and kinds[kind[e]] not in seen else None
        seen |= {name} - {None}
        (x0, y0), (x1, y1) = place[edges[0, e]], place[edges[1, e]]
        axis.plot(
            [x0, x1], [y0, y1], color=COLOURS[kind[e] % len(COLOURS)], label=name or None,
            linewidth=0.4 + 2.0 * float(weight[e] / most) if main else 0.4, alpha=0.9 if main else 0.25, zorder=1,
        )  # fmt: skip
    if any(seen):
        axis.legend(loc="lower right", fontsize="small", frameon=False)


def _draw_stocks(axis: "Axes", place: NDArray[np.float64], labels: list[str], centre: int) -> None:
    """Draw the stocks that have a place, the centre black."""
    for j in np.flatnonzero(~np.isnan(place[:, 0])).tolist():
        x, y = place[j]
        main = j == centre
        fill = "black" if main else "white"
        axis.scatter([x], [y], s=200 if main else 80, color=fill, edgecolor="black", zorder=2)
        side = "center" if main or abs(x) < 0.3 else "left" if x > 0 else "right"
        at = (x, y - 0.12) if main else (1.07 * x, 1.1 * y)
        axis.annotate(labels[j], at, ha=side, va="center", fontsize=7)
    axis.set_xlim(-1.6, 1.6)
    axis.set_ylim(-1.3, 1.3)
    axis.set_aspect("equal")
    axis.axis("off")


def _axis(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(6.0, 5.6), layout="constrained").add_subplot()
