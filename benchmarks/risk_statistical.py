"""Minimum variance portfolios of every covariance estimator on a real index, forecast against realised.

    python -m benchmarks.risk_statistical --data ../shared/data/ashare [--index csi300] [--quick]

On the last session of every month each model covers the same stocks: members of the index that every
window knows. ``gmv`` is the unconstrained minimum variance portfolio, ``long`` the one without short
positions; both are held at constant weights until the next month. Columns: realised and forecast annual
volatility in percent, their ratio, the bias statistic (deviation of daily return over forecast
deviation; 1 is perfect, above 1 the forecast was too low), gross leverage (sum of absolute weights), and
the mean seconds of an estimate.
"""

from __future__ import annotations

import argparse
import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from time import process_time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # before any of these libraries is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import scipy.optimize  # noqa: E402

import market  # noqa: E402
from market.calendar import TRADING_DAYS, rebalance_dates  # noqa: E402
from risk import Barra, RiskHistory, RiskModel  # noqa: E402
from risk.statistical import Statistical, StatisticalHistory  # noqa: E402

# singular where stocks outnumber sessions (sample, ewma) or always (detone): no GMV to speak of
METHODS = ("apca", "poet", "nonlinear", "lw", "oas", "denoise", "gerber")
LONG_WINDOW_ONLY = ("sample",)
History = RiskHistory | StatisticalHistory


@dataclass(frozen=True, eq=False)
class Held:
    """Daily returns of a portfolio, and the daily deviation forecast for each."""

    returns: list[np.ndarray]
    forecasts: list[np.ndarray]
    gross: list[float]

    def row(self) -> dict[str, float]:
        """Summarise over the whole path."""
        r, s = np.concatenate(self.returns), np.concatenate(self.forecasts)
        year = 100.0 * np.sqrt(TRADING_DAYS)
        realised, forecast = r.std(ddof=1) * year, np.sqrt(np.mean(s**2)) * year
        return {
            "realised": realised,
            "forecast": forecast,
            "ratio": realised / forecast,
            "bias": (r / s).std(ddof=1),
            "gross": float(np.mean(self.gross)),
        }


def minimum_variance(covariance: np.ndarray) -> np.ndarray:
    """Weights ``[N]`` of least variance that sum to one."""
    w = np.linalg.solve(covariance, np.ones(len(covariance)))
    return w / w.sum()


def long_only(covariance: np.ndarray) -> np.ndarray:
    """Return the same without short positions: proportional to argmin x'Cx / 2 - sum x over x >= 0."""
    root = np.linalg.cholesky(covariance)
    x, _ = scipy.optimize.nnls(root.T, np.linalg.solve(root, np.ones(len(root))), maxiter=10_000)
    return x / x.sum()


PORTFOLIOS = {"gmv": minimum_variance, "long": long_only}


def histories(world: market.Market, index: str) -> dict[str, History]:
    """Return every model, by name."""
    found: dict[str, History] = {"Barra": Barra().fit(world)}
    for window in (252, 504):
        for method in METHODS + (LONG_WINDOW_ONLY if window > 300 else ()):
            config = Statistical(method, window, refresh=1)
            found[f"{method} {window}"] = config.fit(world, index=index)
    return found


def common(models: dict[str, History], months: list[pd.Timestamp]) -> dict[pd.Timestamp, pd.Index]:
    """Stocks that all models cover, by month."""
    widest = [models[name] for name in ("Barra", "lw 252", "lw 504")]
    stocks = {}
    for month in months:
        covered = [history.at(month).stocks for history in widest]
        stocks[month] = covered[1].intersection(covered[2]).intersection(covered[0])
    return stocks


def measure(
    history: History, returns: pd.DataFrame, months: list[pd.Timestamp], stocks: dict
) -> pd.DataFrame:
    """Hold the portfolios of one model month by month."""
    paths = {name: Held([], [], []) for name in PORTFOLIOS}
    spent = 0.0
    for month, end in itertools.pairwise(months):
        began = process_time()
        model: RiskModel = history.at(month)
        spent += process_time() - began
        covariance = model.select(stocks[month]).cov().to_numpy()
        held = returns.loc[month:end, stocks[month]].iloc[1:].fillna(0.0).to_numpy()
        for name, choose in PORTFOLIOS.items():
            w = choose(covariance)
            paths[name].returns.append(held @ w)
            paths[name].forecasts.append(np.full(len(held), np.sqrt(w @ covariance @ w)))
            paths[name].gross.append(float(np.abs(w).sum()))
    table = pd.DataFrame({name: path.row() for name, path in paths.items()}).T
    return table.assign(seconds=spent / (len(months) - 1))


def main() -> None:
    """Read the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--index", default="csi300")
    parser.add_argument("--start", default="2019-01-01")
    parser.add_argument("--end", default="2024-12-31")
    parser.add_argument("--quick", action="store_true", help="one year only")
    arguments = parser.parse_args()
    start = pd.Timestamp(arguments.start)
    end = start + pd.DateOffset(years=1) if arguments.quick else pd.Timestamp(arguments.end)
    world = market.open(arguments.data).between(start - pd.DateOffset(years=3), end)
    models = histories(world, arguments.index)
    months = [t for t in rebalance_dates(world.dates, "monthly") if t >= start]
    stocks = common(models, months)
    returns = world.returns().astype(np.float64)
    tables = {name: measure(m, returns, months, stocks) for name, m in models.items()}
    table = (
        pd.concat(tables, names=["model", "portfolio"]).swaplevel().sort_index(sort_remaining=False)
    )
    counts = [len(s) for s in stocks.values()]
    print(f"{len(months) - 1} months, {min(counts)} to {max(counts)} stocks")
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
