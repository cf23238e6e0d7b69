"""Days that add up to years: parts of daily active returns, linked over time.

Daily parts add up to the daily active return R - B, but compounding mixes days: the parts of a day
weigh more when much is gained around it. Carino's coefficient spreads that evenly,

    k_t = (ln(1 + R_t) - ln(1 + B_t)) / (R_t - B_t),    sum_t k_t (R_t - B_t) = ln(NAV / benchmark)

so that parts times k_t sum to the logarithm of the excess, and a common factor turns it into the
excess itself (Carino 1999, "Combining Attribution Effects Over Time", Journal of Performance
Measurement 3(4)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest import metrics

Array = np.ndarray

SUM, EXCESS, RESIDUAL = "sum", "excess", "residual"


@dataclass(frozen=True, eq=False)
class Attribution:
    """Daily active returns taken apart.

    Attributes
    ----------
    daily
        Session x part; a row adds up to the active return of the session.
    portfolio, benchmark
        Daily returns.
    """

    daily: pd.DataFrame
    portfolio: pd.Series
    benchmark: pd.Series

    @property
    def active(self) -> pd.Series:
        """Daily return less the benchmark's."""
        return (self.portfolio - self.benchmark).rename("active")

    @property
    def residual(self) -> pd.Series:
        """Active return less the sum of its parts by session: rounding, or something is wrong."""
        return (self.active - self.daily.sum(axis=1)).rename(RESIDUAL)

    def total(self) -> pd.DataFrame:
        """Return each part over the whole run, with ``sum``, ``excess`` and ``residual`` below.

        Returns
        -------
        DataFrame
            Part x (``total``, ``a_year``). ``total`` adds up to the geometric excess NAV / benchmark - 1,
            ``a_year`` to its constant yearly growth, the ``annual_excess`` of a summary.
        """
        logs = linked(self.daily, self.portfolio, self.benchmark).sum()
        level = self._level()
        ends = {"total": float(level.iloc[-1] - 1.0), "a_year": metrics.annual_return(level)}
        return pd.DataFrame({k: _closed(logs, level, end) for k, end in ends.items()})

    def yearly(self) -> pd.DataFrame:
        """Return the parts by calendar year, ``year`` x part, with ``sum``, ``excess``, ``residual``.

        A row adds up to the geometric excess of the year, that of ``metrics.yearly``.
        """
        logs = linked(self.daily, self.portfolio, self.benchmark)
        level, years = self._level(), pd.DatetimeIndex(self.daily.index).year
        rows = {}
        for year in np.unique(years):
            chosen = np.flatnonzero(years == year)
            part = level.iloc[chosen[0] : chosen[-1] + 2]  # from the close before its first session
            end = float(part.iloc[-1] / part.iloc[0] - 1.0)
            rows[int(year)] = _closed(logs.iloc[chosen].sum(), part, end)
        return pd.DataFrame(rows).T.rename_axis(index="year")

    def grouped(self, groups: Mapping[str, str]) -> Attribution:
        """Return the same with parts summed by group; a part without one stays as it is.

        >>> attribution.grouped(history.kinds).yearly()  # doctest: +SKIP
        """
        names = [groups.get(str(name), str(name)) for name in self.daily.columns]
        summed = self.daily.T.groupby(names, sort=False).sum().T
        return Attribution(summed, self.portfolio, self.benchmark)

    def _level(self) -> pd.Series:
        """Return NAV / benchmark from 1 at the first decision ``[S + 1]``."""
        growth = ((1.0 + self.portfolio) / (1.0 + self.benchmark)).to_numpy()
        return pd.Series(np.concatenate([[1.0], np.cumprod(growth)]))

    def __repr__(self) -> str:
        """Four lines for a notebook."""
        table, dates = self.total()["a_year"], self.daily.index
        parts = table.drop([SUM, EXCESS, RESIDUAL])
        shown = parts.reindex(parts.abs().sort_values(ascending=False).index[:5])
        return "\n".join(
            [
                f"{type(self).__name__} of {len(dates)} sessions, {dates[0]:%Y-%m-%d} to "
                f"{dates[-1]:%Y-%m-%d}",
                f"  excess {table[EXCESS]:+.2%} a year, residual {table[RESIDUAL]:.0e}",
                f"  of which {', '.join(f'{name} {value:+.2%}' for name, value in shown.items())}",
            ]
        )


def linked(parts: pd.DataFrame, portfolio: pd.Series, benchmark: pd.Series) -> pd.DataFrame:
    """Return daily parts times Carino's coefficient: what they add to ln(NAV / benchmark).

    Parameters
    ----------
    parts
        Session x part, adding up to portfolio less benchmark.
    portfolio, benchmark
        Daily returns, above -1.

    Examples
    --------
    A portfolio that gains 10% and then 0% against 0% and 10% ends where the benchmark does: both days
    count the same, and cancel.

    >>> own, index = pd.Series([0.10, 0.0]), pd.Series([0.0, 0.10])
    >>> linked(pd.DataFrame({"choice": [0.10, -0.10]}), own, index)["choice"].round(6).tolist()
    [0.09531, -0.09531]
    """
    r, b = portfolio.to_numpy(), benchmark.to_numpy()
    return parts.mul(_coefficient(r, b), axis=0)


def _coefficient(r: Array, b: Array) -> Array:
    """Return (ln(1 + r) - ln(1 + b)) / (r - b), and its limit 1 / (1 + b) where they are equal."""
    # of the ratio g - 1: log1p stays exact where r and b nearly agree
    gained = (r - b) / (1.0 + b)
    slope = np.divide(np.log1p(gained), gained, out=np.ones_like(gained), where=gained != 0.0)
    return slope / (1.0 + b)


def _closed(logs: pd.Series, level: pd.Series, end: float) -> pd.Series:
    """Scale log parts so that they add up to ``end`` and write sum, excess and residual below them."""
    whole = float(np.log(level.iloc[-1] / level.iloc[0]))
    parts = logs * (end / whole if whole != 0.0 else 1.0)
    total = float(parts.sum())
    return pd.concat([parts, pd.Series({SUM: total, EXCESS: end, RESIDUAL: end - total})])
