"""Predicted risk against what happened, and where the prediction saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.attribution.book import Book, book
from backtest.attribution.factors import SPECIFIC, Exposed
from backtest.result import Result
from market import DataError, Market
from market.progress import track

Array = np.ndarray


class Covariance(Exposed, Protocol):
    """Covariance of daily returns of one date, X F X' + D with X its exposures; ``RiskModel`` is one."""

    @property
    def factor_covariance(self) -> pd.DataFrame:
        """F, factor x factor, daily."""

    @property
    def specific_variance(self) -> pd.Series:
        """Diagonal of D by stock, daily."""


class Covariances(Protocol):
    """Risk models through time; ``RiskHistory`` is one."""

    def at(self, date: pd.Timestamp) -> Covariance:
        """Return the model known after the close of a session."""


@dataclass(frozen=True, eq=False)
class TrackingRisk:
    """Predicted and realised tracking error; see ``risk``. Volatilities are annual fractions.

    Attributes
    ----------
    by_date
        A row a session with fills, at its close: ``predicted``, its parts ``factors`` and ``specific``,
        which sum to it, and ``uncovered``, the absolute active weight that the model lacks.
    by_factor
        Contributions to ``predicted``, the same dates x factor; zero where a date lacks the factor.
    by_stock
        Mean contribution of each stock, largest first; they sum to the mean of ``predicted``.
    standardised
        Active return of each session over the daily deviation predicted at the last fills before it.
    active
        Active returns of the same sessions.
    """

    by_date: pd.DataFrame
    by_factor: pd.DataFrame
    by_stock: pd.Series
    standardised: pd.Series
    active: pd.Series

    def summary(self) -> pd.Series:
        """Return predicted against realised over the run.

        ``predicted`` is the root mean square over the sessions; ``bias`` the standard deviation of the
        standardised active returns, 1 for a right forecast, above 1 where risk was underestimated;
        ``low`` and ``high`` bound it, 1 -+ sqrt(2 / T), for 95 in 100 right forecasts of normal returns.
        """
        count = len(self.active)
        daily = self.active / self.standardised
        band = np.sqrt(2.0 / count)
        parts = self.by_date[["factors", SPECIFIC]].mean() / self.by_date["predicted"].mean()
        rows = {
            "predicted": metrics.annual_deviation(float(np.sqrt((daily**2).mean()))),
            "realised": metrics.volatility(self.active),
            "bias": float(self.standardised.std(ddof=1)),
            "low": 1.0 - band,
            "high": 1.0 + band,
            "factor_share": parts["factors"],
            "specific_share": parts[SPECIFIC],
            "sessions": count,
        }
        return pd.Series(rows, name="value", dtype=object)

    def through_time(self, window: int = 63) -> pd.DataFrame:
        """Return ``predicted``, ``realised`` and ``bias`` over the last ``window`` sessions, by session."""
        daily = self.active / self.standardised
        rolled = (daily**2).rolling(window).mean()
        realised = self.active.rolling(window).std(ddof=1)
        return pd.DataFrame(
            {
                "predicted": np.sqrt(rolled).map(metrics.annual_deviation),
                "realised": realised.map(metrics.annual_deviation),
                "bias": self.standardised.rolling(window).std(ddof=1),
            }
        )

    def largest(self, count: int = 10) -> pd.Series:
        """Return the mean contributions of the factors that bring most, ``specific`` among them."""
        means = self.by_factor.mean()
        means[SPECIFIC] = float(self.by_date[SPECIFIC].mean())
        return means.reindex(means.abs().sort_values(ascending=False).index[:count])

    def __repr__(self) -> str:
        """Three lines for a notebook."""
        s = self.summary()
        top = ", ".join(f"{name} {value:.2%}" for name, value in self.largest(4).items())
        return (
            f"TrackingRisk of {s['sessions']} sessions: predicted {s['predicted']:.2%}, realised "
            f"{s['realised']:.2%} a year\n"
            f"  bias {s['bias']:.2f} (right within {s['low']:.2f} to {s['high']:.2f}), "
            f"{s['factor_share']:.0%} of the risk by factors\n"
            f"  largest contributions: {top}"
        )


def risk(
    result: Result, market: Market, models: Covariances, progress: bool = False
) -> TrackingRisk:
    """Hold the predicted tracking error of what was held against the realised one.

    At the close of every session with fills, with a the active weights as reached, the model of that
    close predicts sigma = sqrt(a'X F X'a + a'D a) until the next fills.

    Parameters
    ----------
    result
        A run with a benchmark.
    market
        The market it was run on.
    models
        A ``risk.RiskHistory``, or anything with ``at(date)``.
    progress
        Show a bar.

    Raises
    ------
    DataError
        A portfolio without active risk, a date without a model, or as ``book``.
    """
    days = book(result, market)
    rows = days.filled[days.filled < len(days.dates)]
    if not len(rows):
        raise DataError(
            f"the run of {len(days.dates)} sessions has no fills that a session follows, so no risk to "
            "predict; run it for longer"
        )
    sums = np.zeros(len(days.stocks))
    dated, parts, sigmas = {}, {}, np.zeros(len(rows))
    for k in track(range(len(rows)), progress, "risk", len(rows)):
        date, active = days.before[rows[k]], days.active[rows[k]]
        found = _taken_apart(models.at(date), active, days.stocks)
        sigmas[k] = found.sigma
        if not found.sigma > 0.0:
            raise DataError(
                f"the portfolio has no active risk on {date:%Y-%m-%d}; a benchmark has no bias statistic"
            )
        scale = metrics.annual_deviation(1.0) / found.sigma
        sums[found.places] += scale * found.stocks
        parts[date] = scale * found.factors
        specific = scale * found.specific
        common = float(parts[date].sum())
        dated[date] = [common + specific, common, specific, found.uncovered]
    columns = ["predicted", "factors", SPECIFIC, "uncovered"]
    by_stock = pd.Series(sums / len(rows), index=days.stocks, name="contribution")
    deviation = _until_next(days, rows, sigmas)
    active_returns = (days.portfolio - days.benchmark).iloc[rows[0] :]
    return TrackingRisk(
        by_date=pd.DataFrame.from_dict(dated, orient="index", columns=columns),
        by_factor=pd.DataFrame(parts).T.fillna(0.0),
        by_stock=by_stock.sort_values(ascending=False, kind="stable"),
        standardised=(active_returns / deviation).rename("standardised"),
        active=active_returns.rename("active"),
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """Daily: sigma; contributions to its square by factor, of specific risk, and by stock at places."""

    sigma: float
    factors: pd.Series
    specific: float
    places: Array
    stocks: Array
    uncovered: float


def _taken_apart(model: Covariance, active: Array, stocks: pd.Index) -> _Parts:
    """Split the variance of active weights by Euler's theorem, as far as the model covers them."""
    place = model.exposures.index.get_indexer(stocks)
    held = np.flatnonzero((place >= 0) & (active != 0.0))
    a, at = active[held], place[held]
    X, F = model.exposures.to_numpy()[at], model.factor_covariance.to_numpy()
    own = model.specific_variance.to_numpy()[at] * a
    x = X.T @ a
    common = F @ x
    by_factor = pd.Series(x * common, index=model.exposures.columns)
    specific = float(own @ a)
    return _Parts(
        sigma=float(np.sqrt(max(float(by_factor.sum()) + specific, 0.0))),
        factors=by_factor,
        specific=specific,
        places=held,
        stocks=a * (X @ common + own),
        uncovered=float(np.abs(active[place < 0]).sum()),
    )


def _until_next(days: Book, rows: Array, sigmas: Array) -> Array:
    """Return the daily deviation predicted at the last fills, for each session after the first ones."""
    last = np.searchsorted(rows, np.arange(rows[0], len(days.dates)), side="right") - 1
    return sigmas[last]
