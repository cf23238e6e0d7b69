"""Figures of score quality; each takes data and an optional axis, and returns the axis."""

from io import BytesIO
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from alpha.evaluate import Mode, cumulative

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plot_rank_ic(series: pd.Series | pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Cumulative RankIC, a line a model (a frame has a column a model); missing dates add nothing."""
    axis = _axis(ax)
    frame = series.to_frame(series.name or "rank_ic") if isinstance(series, pd.Series) else series
    for name in frame.columns:
        known = frame[name].dropna()
        axis.plot(known.index, known.cumsum(), label=f"{name}, mean {known.mean():.4f}")
    axis.axhline(0.0, color="grey", linewidth=0.5)
    axis.set_title("Cumulative RankIC")
    axis.set_ylabel("sum of RankIC (correlations)")
    return _legend(axis)


def plot_groups(excess: pd.Series | pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Annual excess return of each score group, fractions by group; a frame has a column a model."""
    axis = _axis(ax)
    frame = excess.to_frame("excess") if isinstance(excess, pd.Series) else excess
    _bars(100.0 * frame, axis)
    axis.set_title("Score groups: annual excess over the equal-weight universe, no costs")
    axis.set_xlabel("score group, 1 = highest")
    axis.set_ylabel("excess return (% a year)")
    return axis


def plot_group_paths(
    returns: pd.DataFrame, ax: "Axes | None" = None, mode: Mode = "compound"
) -> "Axes":
    """Cumulative return, or excess, of each group through time: date x group."""
    axis = _axis(ax)
    gain = 100.0 * cumulative(returns, mode)
    colours = _colours("plasma", len(gain.columns))
    for colour, group in zip(colours, gain.columns, strict=True):
        axis.plot(gain.index, gain[group], color=colour, linewidth=1.0, label=f"group {group}")
    axis.axhline(0.0, color="grey", linewidth=0.5)
    axis.set_title(f"Score groups through time, returns {_said(mode)}")
    axis.set_ylabel("cumulative return (%)")
    return _legend(axis, "xx-small" if len(gain.columns) > 10 else "small")


def plot_long_short(
    returns: pd.Series | pd.DataFrame, ax: "Axes | None" = None, mode: Mode = "sum"
) -> "Axes":
    """Cumulative return of the first group less the last, a line a model."""
    axis = _axis(ax)
    gain = 100.0 * cumulative(returns, mode)
    for name in gain.columns:
        axis.plot(gain.index, gain[name], label=str(name))
    axis.axhline(0.0, color="grey", linewidth=0.5)
    axis.set_title(f"Top group less bottom group, {_said(mode)}, no costs")
    axis.set_ylabel("cumulative difference (%)")
    return _legend(axis)


def plot_bars(
    table: pd.DataFrame,
    by: str,
    ax: "Axes | None" = None,
    what: str = "RankIC",
    percent: bool = False,
) -> "Axes":
    """Bars of a measure, side by side for each model: ``by`` (such as year or universe) x model."""
    axis = _axis(ax)
    _bars(100.0 * table if percent else table, axis)
    axis.set_title(f"{what} by {by}")
    axis.set_ylabel(f"{what} (% a year)" if percent else what)
    return axis


def plot_months(table: pd.DataFrame, ax: "Axes | None" = None, name: str = "") -> "Axes":
    """Heat map of mean RankIC: years x months 1..12, as :func:`alpha.evaluate.by_month` gives it."""
    axis = _axis(ax)
    full = table.reindex(columns=range(1, 13))
    _heat(full, axis, "RdBu_r", symmetric=True, digits=2)
    axis.set_xticks(range(12), MONTHS)
    axis.set_title(f"Mean RankIC by month{', ' if name else ''}{name}")
    return axis


def plot_decay(table: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """RankIC by the sessions that a score is held: horizon x model."""
    axis = _axis(ax)
    for name in table.columns:
        axis.plot(table.index, table[name], marker="o", markersize=3, label=str(name))
    axis.set_ylim(bottom=min(0.0, table.min().min()) if table.notna().any(axis=None) else 0.0)
    axis.set_title("Decay: RankIC with the return of the next h sessions")
    axis.set_xticks(table.index)
    axis.set_xlabel("sessions held, h")
    axis.set_ylabel("mean RankIC")
    return _legend(axis)


def plot_correlation(matrix: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Heat map of the mean cross-sectional correlation between the scores of models."""
    axis = _axis(ax)
    _heat(matrix, axis, "viridis", symmetric=False, digits=2)
    axis.set_xticks(
        range(len(matrix)), [str(name) for name in matrix.columns], rotation=30, ha="right"
    )
    axis.set_title("Mean correlation of scores across stocks")
    return axis


def png(axis: "Axes", dpi: int = 100) -> bytes:
    """Render the figure of an axis."""
    stream = BytesIO()
    cast("Figure", axis.figure).savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def canvas(width: float = 9.0, height: float = 3.8) -> "Axes":
    """Return an axis of a figure of its own, in inches, that no window system knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def _axis(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # drawing is optional: numbers do not pay for it

    return plt.figure(layout="constrained").add_subplot()


def _legend(axis: "Axes", size: str = "small") -> "Axes":
    # beside the axes: lines that run everywhere leave no corner free
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=size, frameon=False)
    return axis


def _bars(frame: pd.DataFrame, axis: "Axes") -> None:
    """Bars side by side: rows along the axis, a colour a column."""
    place, width = np.arange(len(frame)), 0.8 / max(len(frame.columns), 1)
    for k, name in enumerate(frame.columns):
        shift = (k - (len(frame.columns) - 1) / 2) * width
        axis.bar(place + shift, frame[name].to_numpy(), width, label=str(name))
    axis.axhline(0.0, color="grey", linewidth=0.5)
    axis.set_xticks(place, [str(row) for row in frame.index])
    if len(frame.columns) > 1:
        _legend(axis)


def _heat(frame: pd.DataFrame, axis: "Axes", colours: str, symmetric: bool, digits: int) -> None:
    """Coloured cells with their numbers inside."""
    values = frame.to_numpy(np.float64)
    known = values[np.isfinite(values)]
    high = float(np.abs(known).max(initial=1e-9)) if symmetric else 1.0
    low = -high if symmetric else float(known.min(initial=0.0))
    image = axis.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    axis.set_yticks(range(len(frame)), [str(row) for row in frame.index])
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
            ink = "white" if dark else "black"
            said = f"{round(value, digits) + 0.0:.{digits}f}"  # never -0.00
            axis.text(j, i, said, ha="center", va="center", color=ink, fontsize=8)


def _colours(name: str, count: int) -> list[tuple[float, float, float, float]]:
    from matplotlib import colormaps

    chosen = [colormaps[name](x) for x in np.linspace(0.0, 0.88, count)]  # no yellow on white
    return [cast("tuple[float, float, float, float]", colour) for colour in chosen]


def _said(mode: Mode) -> str:
    return "compounded" if mode == "compound" else "added up"
