"""Figures of a risk history: data in, axes in and out, nothing shown."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from risk.evaluate.measures import band


def plot_factor_returns(
    factor_returns: pd.DataFrame, factors: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Draw cumulative returns of some factors, in percent.

    Parameters
    ----------
    factor_returns
        Daily factor returns, date x factor (``RiskHistory.factor_returns``); a missing day adds nothing.
    factors
        Columns to draw.
    ax
        Axes to draw on; new ones by default.
    """
    ax = plt.subplots()[1] if ax is None else ax
    for name in factors:
        total = 100.0 * factor_returns[name].fillna(0.0).cumsum()
        ax.plot(total.index, total.to_numpy(), label=name, linewidth=1.0)
    ax.axhline(0.0, color="0.6", linewidth=0.6)
    ax.set_ylabel("cumulative factor return (%)")
    # beside the axes: ten lines leave no corner free
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)
    return ax


def plot_r2(r2: pd.Series | pd.DataFrame, window: int = 63, ax: Axes | None = None) -> Axes:
    """Draw the share of squared returns that the factors explain: daily, and its trailing mean.

    Parameters
    ----------
    r2
        By date (``RiskHistory.r2``); a frame has a column a model, of which only the means are drawn.
    window
        Sessions of the mean.
    ax
        Axes to draw on; new ones by default.
    """
    ax = plt.subplots()[1] if ax is None else ax
    if isinstance(r2, pd.Series):
        ax.plot(r2.index, r2.to_numpy(), color="0.8", linewidth=0.5, label="daily")
        r2 = r2.to_frame(f"{window}-day mean")
    for name in r2.columns:
        mean = r2[name].rolling(window).mean()
        ax.plot(mean.index, mean.to_numpy(), linewidth=1.2, label=name)
    ax.set_ylim(bottom=0.0)
    ax.set_ylabel("R² (uncentred, sqrt-cap weighted)")
    # the axis begins at zero, so the lines leave the bottom free
    ax.legend(loc="lower left", fontsize="small", frameon=False)
    return ax


def plot_eigen_bias(
    bias: pd.DataFrame | pd.Series, outcomes: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the bias statistic of eigenfactors against their rank.

    Parameters
    ----------
    bias
        Rank x model (``Outcomes.annual()["bias"]`` of the set ``Eigenfactors``, one column a model); the
        first rank has the least risk. A flat line at 1 is perfect; a rise to the left is what optimisers
        find.
    outcomes
        Their number, for the 95% band of a perfect model, ``1 +- sqrt(2 / T)``; no band by default.
    ax
        Axes to draw on; new ones by default.
    """
    ax = plt.subplots()[1] if ax is None else ax
    frame = bias.to_frame() if isinstance(bias, pd.Series) else bias
    ranks = range(1, len(frame) + 1)
    if outcomes is not None:
        half = float(band(outcomes))
        ax.axhspan(1.0 - half, 1.0 + half, color="0.92", label="95% band")
    for name in frame.columns:
        ax.plot(ranks, frame[name].to_numpy(), marker="o", markersize=3, linewidth=1.0, label=name)
    ax.axhline(1.0, color="0.6", linewidth=0.6)
    ax.set_xlabel("rank of the eigenfactor, 1 the least risk")
    ax.set_ylabel("bias statistic")
    ax.legend(loc="upper right", fontsize="small", frameon=False)
    return ax


def plot_rolling_bias(rolling: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a rolling bias statistic: its mean over portfolios, and where nine in ten of them lie.

    Parameters
    ----------
    rolling
        Date x portfolio (``risk.evaluate.measures.rolling_bias``).
    ax
        Axes to draw on; new ones by default.
    """
    ax = plt.subplots()[1] if ax is None else ax
    rolling = rolling.dropna(how="all")
    low, high = rolling.quantile(0.05, axis=1), rolling.quantile(0.95, axis=1)
    ax.fill_between(rolling.index, low, high, color="0.88", label="5% to 95% of portfolios")
    mean = rolling.mean(axis=1)
    ax.plot(mean.index, mean.to_numpy(), linewidth=1.2, label="mean")
    ax.axhline(1.0, color="0.4", linewidth=0.6)
    ax.set_ylabel("bias statistic")
    ax.legend(loc="upper left", fontsize="small", frameon=False)
    return ax


def plot_decile_bias(bias: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the pooled bias of single stocks by decile.

    Parameters
    ----------
    bias
        Decile x what the deciles are of (``risk.evaluate.by_decile`` gives a column).
    ax
        Axes to draw on; new ones by default.
    """
    ax = plt.subplots()[1] if ax is None else ax
    width = 0.8 / len(bias.columns)
    for k, name in enumerate(bias.columns):
        left = [d - 0.4 + width * (k + 0.5) for d in range(1, len(bias) + 1)]
        ax.bar(left, bias[name].to_numpy() - 1.0, width=0.95 * width, bottom=1.0, label=name)
    ax.axhline(1.0, color="0.4", linewidth=0.6)
    ax.set_xticks(range(1, len(bias) + 1))
    ax.set_xlabel("decile, 1 the smallest")
    ax.set_ylabel("pooled bias of specific risk")
    ax.legend(loc="best", fontsize="small", frameon=False)
    return ax
