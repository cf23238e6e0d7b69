"""What a portfolio would have lost in the past: factor returns of a window on today's exposures.

Returns are arithmetic and the exposures those of the model's date throughout. The stocks' own returns stay
at zero; what they may add is stated beside as a volatility.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market import DataError
from risk.arrays import Floats
from risk.attribution import specific_of
from risk.model import RiskModel


@dataclass(frozen=True, eq=False)
class Replay:
    """A past window of factor returns on the exposures of another date.

    Attributes
    ----------
    date
        Session of the exposures.
    by_factor
        Factor: ``exposure``, ``return`` summed over the window, ``loss_or_gain`` their product.
    path
        Cumulative return of the portfolio (less its benchmark) by session of the window.
    total, drawdown
        Last value of the path, and its largest fall from a high (or from zero), at most 0.
    specific
        Volatility of the stocks' own returns over the window, by the model; not in the path.
    absent
        Factors with exposure that lacked a return on some session: exposure by factor. They are
        counted as zero there.
    """

    date: pd.Timestamp
    by_factor: pd.DataFrame
    path: pd.Series
    total: float
    drawdown: float
    specific: float
    absent: pd.Series

    def __repr__(self) -> str:
        """Three lines for a notebook."""
        days, parts = self.path.index, self.by_factor["loss_or_gain"]
        worst = parts.sort_values().index[:3]
        lacking = f"; {', '.join(self.absent.index)} lacked returns" if len(self.absent) else ""
        return (
            f"Replay of {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d} on {self.date:%Y-%m-%d}: "
            f"{self.total:+.2%}, give or take {self.specific:.2%}\n"
            f"  largest fall {self.drawdown:.2%} within {len(days)} sessions{lacking}\n"
            f"  worst parts: {', '.join(f'{k} {parts[k]:+.2%}' for k in worst)}"
        )


def replay(
    model: RiskModel,
    factor_returns: pd.DataFrame,
    weights: pd.Series,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    benchmark: pd.Series | None = None,
) -> Replay:
    """Play the factor returns of a past window on the exposures of the model's date.

    Parameters
    ----------
    model, weights, benchmark
        The portfolio; its active weights, given a benchmark.
    factor_returns
        Daily, date x factor: ``RiskHistory.factor_returns``.
    start, end
        First and last session of the window, both included.

    Raises
    ------
    DataError
        No session in the window, or weights as in ``RiskModel.exposure``.

    Examples
    --------
    >>> replay(  # the deleveraging of 2015  # doctest: +SKIP
    ...     history.at(t), history.factor_returns, weights, "2015-06-15", "2015-07-08", benchmark
    ... )
    """
    x = model.exposure(weights, benchmark)
    window = factor_returns.loc[start:end].reindex(columns=model.factors)
    if not len(window):
        raise DataError(
            f"factor returns hold no session from {start} to {end}; they reach from "
            f"{factor_returns.index[0]:%Y-%m-%d} to {factor_returns.index[-1]:%Y-%m-%d}"
        )
    lacking = window.isna().any().to_numpy() & (x != 0.0).to_numpy()
    moves = window.fillna(0.0)
    table = pd.DataFrame({"exposure": x, "return": moves.sum()}, index=model.factors)
    table["loss_or_gain"] = table["exposure"] * table["return"]
    path = (moves @ x).cumsum().rename("return")
    own = specific_of(model, weights, benchmark)
    return Replay(
        date=model.date,
        by_factor=table,
        path=path,
        total=float(path.iloc[-1]),
        drawdown=_drawdown(path.to_numpy()),
        specific=float(np.sqrt(len(window) * own)),
        absent=x[lacking],
    )


def worst_windows(
    model: RiskModel,
    factor_returns: pd.DataFrame,
    weights: pd.Series,
    benchmark: pd.Series | None = None,
    *,
    days: int = 21,
    count: int = 5,
) -> pd.DataFrame:
    """Find the windows of the past that would cost the portfolio most, none overlapping another.

    Parameters
    ----------
    model, factor_returns, weights, benchmark
        As ``replay`` takes them.
    days
        Sessions of a window.
    count
        Windows wanted; there may be fewer.

    Returns
    -------
    DataFrame
        Worst first: ``start``, ``end``, ``total`` return, ``drawdown`` within, the factor that cost most
        (``worst``) and what it cost (``worst_return``), and how many factors with exposure lacked returns
        (``absent``; they count as zero).

    Raises
    ------
    DataError
        Fewer sessions than ``days``, or weights as in ``RiskModel.exposure``.
    """
    if not 0 < days <= len(factor_returns):
        raise DataError(
            f"windows of {days} sessions do not fit into {len(factor_returns)} of factor returns; "
            f"use 1 to {len(factor_returns)} days"
        )
    x = model.exposure(weights, benchmark)
    daily = factor_returns.reindex(columns=model.factors).fillna(0.0).to_numpy() @ x.to_numpy()
    total = np.convolve(daily, np.ones(days), mode="valid")  # [T - days + 1], by first session
    rows: list[tuple[object, ...]] = []
    while len(rows) < count and np.isfinite(total).any():
        first = int(np.nanargmin(total))
        total[max(0, first - days + 1) : first + days] = np.nan
        start, end = factor_returns.index[first], factor_returns.index[first + days - 1]
        run = replay(model, factor_returns, weights, start, end, benchmark)
        parts = run.by_factor["loss_or_gain"]
        rows.append(
            (start, end, run.total, run.drawdown, parts.idxmin(), parts.min(), len(run.absent))
        )
    names = ["start", "end", "total", "drawdown", "worst", "worst_return", "absent"]
    return pd.DataFrame(rows, columns=names)


def _drawdown(path: Floats) -> float:
    """Largest fall of a cumulative return from its high, the start counting as zero."""
    high = np.maximum.accumulate(np.maximum(path, 0.0))
    return float(np.min(path - high))
