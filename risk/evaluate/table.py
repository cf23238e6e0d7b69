"""The calibration table: how well a history forecast the risk of families of portfolios."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from market import TRADING_DAYS, DataError, Market
from risk.evaluate import measures
from risk.evaluate.outcomes import Outcomes, outcomes
from risk.evaluate.sets import STANDARD
from risk.evaluate.source import Date, History
from risk.evaluate.today import PortfolioSet

WHOLE = "all"  # name of the row over the whole span
FEWEST = 12  # outcomes without which a portfolio has no bias statistic in the table


def calibration(
    history: History,
    market: Market,
    sets: Iterable[PortfolioSet] = STANDARD,
    horizon: int = 1,
    start: Date | None = None,
    end: Date | None = None,
    periods: str | None = "2y",
    window: int = measures.WINDOW,
    progress: bool = False,
) -> pd.DataFrame:
    """Return the calibration table of a history: a row a set and sub-period.

    Parameters
    ----------
    history, market, sets, horizon, start, end, progress
        See ``outcomes``: the forecast is known at the close of its date, outcomes begin the day after.
    periods
        Length of a sub-period in years, such as ``"2y"``; None for the whole span only.
    window
        Outcomes of a rolling bias statistic.

    Returns
    -------
    DataFrame
        Columns as ``summarise`` describes them, index (set, period).

    Examples
    --------
    >>> calibration(history, world, horizon=21, start="2019-01-01")  # doctest: +SKIP
    """
    judged = outcomes(history, market, sets, horizon, start, end, progress)
    return summarise(judged, periods, window)


def summarise(
    judged: Mapping[str, Outcomes], periods: str | None = "2y", window: int = measures.WINDOW
) -> pd.DataFrame:
    """Return the measures of each set by sub-period.

    Columns
    -------
    bias, p5, p95
        Mean, 5th and 95th percentile over portfolios of the bias statistic; perfect is 1.
    rolling_p5, rolling_p95
        The same percentiles of the rolling bias statistic, over portfolios and windows; 0.66 and 1.34 for
        perfect normal.
    variance_ratio
        Realised over forecast variance, the mean over all outcomes; perfect is 1.
    mrad
        Mean absolute deviation of the rolling bias statistic from 1; 0.17 for perfect normal.
    q, qlike
        Q-statistic (2.27) and QLIKE of realised variance; the lower the better.
    in_band
        Share of portfolios within ``1 +- sqrt(2 / T)``; 0.95 for perfect normal.
    portfolios, n
        Portfolios with at least 12 outcomes, and the median number of their outcomes.
    """
    rows = {
        (name, label): _measures(part, window)
        for name, each in judged.items()
        for label, part in _periods(each, periods)
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=["set", "period"])
    return table


def by_decile(judged: Outcomes, by: pd.DataFrame | None = None) -> pd.DataFrame:
    """Pool outcomes by decile of a quantity known at the forecast: by default the forecast itself.

    Parameters
    ----------
    judged
        Outcomes of single stocks.
    by
        Date x stock, such as market value; decile 1 has the smallest of each date.

    Returns
    -------
    DataFrame
        A row a decile: pooled ``bias`` (root mean square of b), ``n``, and the mean annual ``forecast``.
    """
    key = judged.volatility if by is None else by.reindex_like(judged.volatility)
    b = judged.b.to_numpy()
    ranked = key.where(np.isfinite(b)).rank(axis=1, pct=True).to_numpy()
    decile = np.ceil(10.0 * ranked)
    rows = {}
    for k in range(1, 11):
        chosen = decile == k
        square = float(np.mean(b[chosen] ** 2)) if chosen.any() else np.nan
        daily = judged.volatility.to_numpy()[chosen] ** 2 / judged.horizon
        rows[k] = {
            "bias": np.sqrt(square),
            "n": int(chosen.sum()),
            "forecast": float(np.sqrt(TRADING_DAYS * daily.mean())) if chosen.any() else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("decile")


def _measures(judged: Outcomes, window: int) -> dict[str, float]:
    b = judged.b.to_numpy()
    b = b[:, np.isfinite(b).sum(axis=0) >= FEWEST]
    if not b.size:
        return {"portfolios": 0, "n": 0}
    each = measures.bias(b)
    low, high = measures.rolling_range(b, window)
    loss = measures.qlike(judged.variance.to_numpy(), judged.volatility.to_numpy() ** 2)
    return {
        "bias": float(each.mean()),
        "p5": float(np.percentile(each, 5.0)),
        "p95": float(np.percentile(each, 95.0)),
        "rolling_p5": low,
        "rolling_p95": high,
        "variance_ratio": float(np.nanmean(b**2)),
        "mrad": measures.mrad(b, window),
        "q": measures.q_statistic(b),
        "qlike": float(np.nanmean(loss)),
        "in_band": float(measures.in_band(b).mean()),
        "portfolios": b.shape[1],
        "n": int(np.median(np.isfinite(b).sum(axis=0))),
    }


def _periods(judged: Outcomes, periods: str | None) -> Iterator[tuple[str, Outcomes]]:
    yield WHOLE, judged
    if periods is None:
        return
    years = _years(periods)
    dates = judged.volatility.index
    for first in range(dates[0].year, dates[-1].year + 1, years):
        last = first + years - 1
        part = judged.between(f"{first}-01-01", f"{last}-12-31")
        if len(part.volatility):
            last = min(last, dates[-1].year)
            yield (f"{first}" if last == first else f"{first}-{last}"), part


def _years(periods: str) -> int:
    number = periods[:-1]
    if not periods.endswith("y") or not number.isdigit() or int(number) < 1:
        raise DataError(f"periods {periods!r} is not a number of years; write it like '2y'")
    return int(number)
