"""Figures of score quality; each takes data and an optional axis, and returns the axis."""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_rank_ic(series: pd.Series, ax: "Axes | None" = None, window: int = 60) -> "Axes":
    """Cumulative daily RankIC (line) and its rolling mean over ``window`` dates (right axis)."""
    axis = _axis(ax)
    known = series.dropna()
    axis.plot(known.index, known.cumsum(), color="tab:blue", label="cumulative")
    axis.set_ylabel("cumulative RankIC")
    axis.set_title(f"RankIC {known.mean():.4f}, ICIR {known.mean() / known.std(ddof=1):.2f}")
    rolling = axis.twinx()
    rolling.plot(known.index, known.rolling(window).mean(), color="tab:orange", linewidth=0.8)
    rolling.axhline(0.0, color="grey", linewidth=0.5)
    rolling.set_ylabel(f"mean of {window} dates")
    return axis


def plot_quantiles(returns: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Mean return of each score group over the mean of all groups; group 1 holds the best scores."""
    axis = _axis(ax)
    excess = returns.sub(returns.mean(axis=1), axis=0).mean()
    axis.bar([str(group) for group in excess.index], 1e4 * excess.to_numpy())
    axis.axhline(0.0, color="grey", linewidth=0.5)
    axis.set_xlabel("score group, 1 = highest")
    axis.set_ylabel("mean excess return, basis points")
    return axis


def _axis(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # drawing is optional: numbers do not pay for it

    return plt.figure(layout="constrained").add_subplot()
