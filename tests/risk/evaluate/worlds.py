"""A Gaussian world whose risk is known exactly, and the history of models that knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from market import Market, Venue
from risk import RiskModel

KINDS = {
    "country": "country",
    **{f"industry{k}": "industry" for k in range(4)},
    **{f"style{k}": "style" for k in range(5)},
}


@dataclass(frozen=True, eq=False)
class History:
    """Models by date: exposures and specific variances that stay, a factor covariance that may move."""

    dates: pd.DatetimeIndex
    exposures: pd.DataFrame
    covariances: np.ndarray  # [T, K, K]
    specific: pd.Series
    factor_returns: pd.DataFrame
    residuals: pd.DataFrame

    def at(self, date) -> RiskModel:
        row = self.dates.get_loc(pd.Timestamp(date))
        names = self.exposures.columns
        covariance = pd.DataFrame(self.covariances[row], names, names)
        return RiskModel(pd.Timestamp(date), self.exposures, covariance, self.specific, KINDS)

    def scaled(self, factor: float) -> History:
        """The same history with all variances times a factor."""
        return replace(self, covariances=factor * self.covariances, specific=factor * self.specific)


def gaussian_world(days: int = 1000, stocks: int = 60, seed: int = 3) -> tuple[Market, History]:
    """A market of normal returns ``X f + u`` and its true models, one for each date."""
    random = np.random.default_rng(seed)
    dates = pd.bdate_range("2015-01-05", periods=days, name="date")
    codes = pd.Index([f"SH{600000 + i}" for i in range(stocks)], name="stock")
    x = np.column_stack(
        [np.ones(stocks), np.eye(4)[np.arange(stocks) % 4], random.standard_normal((stocks, 5))]
    )
    root = np.diag([0.012] + [0.008] * 4 + [0.004] * 5) @ random.standard_normal((10, 30)) / 5.0
    f = root @ root.T
    specific = random.uniform(0.01, 0.03, stocks)
    factors = random.multivariate_normal(np.zeros(10), f, size=days)
    residuals = specific * random.standard_normal((days, stocks))
    returns = (factors @ x.T + residuals).astype(np.float32)
    cap = np.tile(1e9 * random.lognormal(0.0, 1.0, stocks).astype(np.float32), (days, 1))
    price = np.full((days, stocks), 10.0, dtype=np.float32)
    fields = dict.fromkeys(("open", "high", "low", "close"), price)
    weight = cap[0] / cap[0].sum()
    snapshot = np.full((days, stocks), np.nan, dtype=np.float32)
    snapshot[0] = np.where(np.arange(stocks) < 30, weight, np.nan)
    fields |= {"volume": 1e6 * np.ones_like(price), "returns": returns, "cap": cap}
    fields |= {"float_cap": cap, "snapshot:big": snapshot, "member:big": np.isfinite(snapshot[[0] * days])}  # fmt: skip
    market = Market(dates, codes, fields, venue=Venue.open())
    names = pd.Index(list(KINDS), name="factor")
    history = History(
        dates=dates,
        exposures=pd.DataFrame(x, codes, names),
        covariances=np.repeat(f[None], days, axis=0),
        specific=pd.Series(specific**2, codes),
        factor_returns=pd.DataFrame(factors, dates, names),
        residuals=pd.DataFrame(residuals, dates, codes),
    )
    return market, history
