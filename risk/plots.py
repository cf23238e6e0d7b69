"""Figures of a risk history: data in, axes in and out, nothing shown."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes


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
    ax.legend(loc="upper left", fontsize="small", frameon=False)
    return ax


def plot_r2(r2: pd.Series, window: int = 63, ax: Axes | None = None) -> Axes:
    """Draw the share of squared returns that the factors explain: daily, and its trailing mean.

    Parameters
    ----------
    r2
        By date (``RiskHistory.r2``).
    window
        Sessions of the mean.
    ax
        Axes to draw on; new ones by default.
    """
    ax = plt.subplots()[1] if ax is None else ax
    ax.plot(r2.index, r2.to_numpy(), color="0.8", linewidth=0.5, label="daily")
    mean = r2.rolling(window).mean()
    ax.plot(mean.index, mean.to_numpy(), linewidth=1.2, label=f"{window}-day mean")
    ax.set_ylim(0.0, 1.0)
    ax.set_ylabel("R² (uncentred, sqrt-cap weighted)")
    ax.legend(loc="upper left", fontsize="small", frameon=False)
    return ax
