"""How well the factors of a fitted history work: frames by factor and by date.

Definitions are those of the public CNE5 and USE4 notes; v are the regression weights of the day, about
the square root of market value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market import TRADING_DAYS, DataError
from risk.arrays import Codes, Floats
from risk.history import RiskHistory
from risk.model import SPECIFIC
from risk.regression import regression_weights
from risk.report import VIF_ALARM

Date = pd.Timestamp | str | None
MONTH = 21
STABILITY_ALARM = 0.8  # month-to-month correlation below which a style costs too much to hold


@dataclass(frozen=True, eq=False)
class _Voters:
    """The regression of one session, taken apart: stocks that voted, exposures of the close before."""

    row: int
    stocks: Codes  # [n]
    styles: Floats  # [n, S], 0 where absent
    industry: Codes  # [n]
    cap: Floats  # [n]
    residual: Floats  # [n]
    returns: Floats  # [n]


def factor_table(history: RiskHistory, start: Date = None, end: Date = None) -> pd.DataFrame:
    """Summarise each factor over a period.

    Returns
    -------
    DataFrame
        By factor: ``kind``; ``days`` estimated and, for styles, ``dropped`` as collinear; annual ``mean`` and ``volatility`` of its return and their
        ratio ``ir``; ``mean_t`` the mean of abs(t) and ``share_t2`` the share of days above two (0.80 and
        0.05 by chance); for styles the mean and largest ``vif``, the correlation of exposures over 21
        sessions (``stability``) and of their ranks over one (``rank_1``); ``alarm`` names what is out of
        order.

    Raises
    ------
    DataError
        No session with factor returns in the period.
    """
    returns = history.factor_returns.loc[start:end]
    if not len(returns):
        raise DataError(f"no factor returns between {start} and {end}; see history.factor_returns")
    size = history.t_values.loc[start:end].abs()
    inflation, dropped = history.vif.loc[start:end], _dropped(history).loc[start:end].sum()
    names = [f for f in history.factors if f in returns or dropped.get(f, 0)]
    table = pd.DataFrame(
        {
            "kind": pd.Series(history.kinds),
            "days": returns.count(),
            "dropped": dropped,
            "mean": TRADING_DAYS * returns.mean(),
            "volatility": np.sqrt(TRADING_DAYS) * returns.std(),
            "mean_t": size.mean(),
            "share_t2": (size > 2.0).sum() / size.count(),
            "vif": inflation.mean(),
            "vif_max": inflation.max(),
            "stability": stability(history, start, end).mean(),
            "rank_1": stability(history, start, end, lag=1, ranks=True).mean(),
        }
    ).reindex(names)
    table.insert(5, "ir", table["mean"] / table["volatility"])
    loose = np.where(table["stability"] < STABILITY_ALARM, "unstable", "")
    inflated = (table["vif_max"] > VIF_ALARM) | (table["dropped"] > 0)
    table["alarm"] = np.where(inflated, "collinear", loose)
    return table.rename_axis(index="factor")


def fit_table(history: RiskHistory) -> pd.DataFrame:
    """Return how much the regressions explain, by year.

    ``r2`` uncentred, ``r2_centred`` about the mean return, ``r2_adjusted`` for the number of factors;
    ``country`` the correlation of the country factor with the cap-weighted return of the voters, and
    ``country_beta`` its slope; ``voters`` a day; ``dropped`` styles left out as collinear, style-days.
    """
    done, record = history.record.estimated, history.record
    frame = pd.DataFrame(
        {
            "r2": record.r2[done],
            "r2_centred": record.r2_centred[done],
            "r2_adjusted": record.r2_adjusted[done],
            "voters": record.voted[done].sum(axis=1),
            "dropped": record.collinear[done],
        },
        index=history.sessions[done],
    )
    both = country_and_market(history)
    year = history.sessions[done].year
    table = frame.groupby(year).agg(dict.fromkeys(frame.columns[:-1], "mean") | {"dropped": "sum"})
    agreement = {y: _agreement(part) for y, part in both.groupby(year)}
    columns = ["country", "country_beta"]
    table[columns] = pd.DataFrame.from_dict(agreement, orient="index", columns=columns)
    return table.rename_axis(index="year")


def _dropped(history: RiskHistory) -> pd.DataFrame:
    """Tell when a style had exposures, but no return: date x style."""
    record, names = history.record, [spec.name for spec in history.config.styles]
    there = np.asarray(np.isfinite(record.styles).any(axis=1))[:-1]
    returned = np.isfinite(record.factor_returns[1:, 1 + len(history.industries) :])
    lost = there & ~returned & record.estimated[1:, None]
    return pd.DataFrame(lost, index=history.sessions[1:], columns=names)


def _agreement(both: pd.DataFrame) -> tuple[float, float]:
    """Correlation of the first column with the second, and its slope on it."""
    (var_x, cov), (_, var_y) = both.cov().to_numpy()
    return cov / np.sqrt(var_x * var_y), cov / var_y


def country_and_market(history: RiskHistory) -> pd.DataFrame:
    """Return the country factor beside the cap-weighted return of the voters, by date."""
    rows = {
        history.sessions[day.row]: (
            history.record.factor_returns[day.row, 0],
            day.cap @ day.returns / day.cap.sum(),
        )
        for day in _days(history, None, None)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["country", "market"])


def stability(
    history: RiskHistory,
    start: Date = None,
    end: Date = None,
    *,
    lag: int = MONTH,
    ranks: bool = False,
    every: int = MONTH,
) -> pd.DataFrame:
    """Correlate each style's exposures with those ``lag`` sessions before, across stocks.

    Weighted by v over the stocks covered at both dates; of ranks, unweighted, if ``ranks``.

    Parameters
    ----------
    history, start, end
        The period; the later date of each pair lies in it.
    lag
        Sessions between the two.
    ranks
        Correlate ranks instead of values.
    every
        Sessions between the pairs computed.

    Returns
    -------
    DataFrame
        Later date x style; NaN where a style is absent at either date.
    """
    record, names = history.record, [spec.name for spec in history.config.styles]
    first, last = history.sessions.slice_indexer(start, end).indices(len(history.sessions))[:2]
    described = np.flatnonzero(record.described)
    begin = max(first, int(described[0]) + lag) if len(described) else last
    result = {}
    for t in range(begin, last, every):
        held = np.flatnonzero(
            record.covered[t] & record.covered[t - lag] & (record.cap[t - lag] > 0.0)
        )
        now, then = (record.styles[i, held].astype(np.float64) for i in (t, t - lag))
        weight = regression_weights(record.cap[t - lag, held].astype(np.float64))
        if ranks:
            now, then, weight = _ranked(now), _ranked(then), np.ones(len(held))
        result[history.sessions[t]] = _correlation(now, then, weight)
    return pd.DataFrame.from_dict(result, orient="index", columns=names)


def return_decomposition(
    history: RiskHistory, start: Date = None, end: Date = None
) -> pd.DataFrame:
    """Split the cross-sectional size of each day's returns over the factors.

        sqrt(sum v r^2) = sum_k f_k sigma(X_k) rho(X_k, r) + sigma(u) rho(u, r)

    with v summing to one over the voters, sigma and rho uncentred.

    Returns
    -------
    DataFrame
        Date x factor and ``"specific"``; rows sum to the root mean square return of the day.
    """
    columns = [*history.factors, SPECIFIC]
    rows = {
        history.sessions[day.row]: _decomposed(day, history.record.factor_returns[day.row])
        for day in _days(history, start, end)
    }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return frame.loc[:, (frame != 0.0).any()]


def _decomposed(day: _Voters, f: Floats) -> Floats:
    """Contributions to one day's root mean square return ``[K + 1]``."""
    weight = regression_weights(day.cap)
    seen = weight / weight.sum() * day.returns
    industries = len(f) - 1 - day.styles.shape[1]
    codes = np.bincount(day.industry, seen, industries)[:industries]
    exposed = np.concatenate([[seen.sum()], codes, seen @ day.styles])
    parts = np.append(np.nan_to_num(f) * exposed, seen @ day.residual)
    total = np.sqrt(seen @ day.returns)
    return parts / total if total > 0.0 else np.zeros(len(parts))


def _days(history: RiskHistory, start: Date, end: Date) -> Iterator[_Voters]:
    """Yield the regressions of a period."""
    record, first_style = history.record, 1 + len(history.industries)
    wanted = history.sessions.slice_indexer(start, end)
    for t in np.arange(len(history.sessions))[wanted]:
        if not record.estimated[t]:
            continue
        stocks = np.flatnonzero(record.voted[t])
        styles = np.nan_to_num(record.styles[t - 1, stocks].astype(np.float64))
        industry = record.industry[t - 1, stocks]
        f = np.nan_to_num(record.factor_returns[t])
        own = f[1 + industry] if history.industries else 0.0
        residual = record.residuals[t, stocks].astype(np.float64)
        returns = f[0] + own + styles @ f[first_style:] + residual
        cap = record.cap[t - 1, stocks].astype(np.float64)
        yield _Voters(int(t), stocks, styles, industry, cap, residual, returns)


def _ranked(x: Floats) -> Floats:
    """Rank each column; ties in order, for exposures have few."""
    rank = np.argsort(np.argsort(x, axis=0, kind="stable"), axis=0, kind="stable")
    return np.where(np.isnan(x), np.nan, rank.astype(np.float64))


def _correlation(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Weighted correlation of the columns of ``x`` with those of ``y`` ``[S]``."""
    share = weight / weight.sum()
    x, y = x - share @ x, y - share @ y
    with np.errstate(invalid="ignore", divide="ignore"):
        return (share @ (x * y)) / np.sqrt((share @ x**2) * (share @ y**2))
