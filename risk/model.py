"""A risk model of one date, in factor form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market import TRADING_DAYS, DataError
from risk.arrays import Floats

SPECIFIC = "specific"  # what contributions() calls the part that no factor explains


@dataclass(frozen=True, eq=False)
class RiskModel:
    """Covariance of next day's returns, ``X F X' + diag(d)``, known after the close of ``date``.

    No N x N matrix is formed unless ``cov`` is called. Portfolios are Series of weights by stock; stocks
    left out weigh nothing, and every stock with weight must be covered.

    Parameters
    ----------
    date
        Session after whose close the model is known.
    exposures
        X ``[N, K]``, rows the covered stocks, columns the factors; no NaN.
    factor_covariance
        F ``[K, K]``, daily.
    specific_variance
        d ``[N]``, daily.
    kinds
        Factor to ``"country"``, ``"industry"``, ``"style"`` or ``"latent"``.

    Raises
    ------
    DataError
        Labels that disagree, a NaN exposure, a covariance that is not symmetric and finite, a specific
        variance that is not positive.
    """

    date: pd.Timestamp
    exposures: pd.DataFrame
    factor_covariance: pd.DataFrame
    specific_variance: pd.Series
    kinds: Mapping[str, str]

    def __post_init__(self) -> None:
        _check_labels(self)
        _check_exposures(self.exposures, self.date)
        _check_covariance(self.factor_covariance, self.date)
        _check_specific(self.specific_variance, self.date)

    @property
    def stocks(self) -> pd.Index:
        """Covered stocks ``[N]``."""
        return self.exposures.index

    @property
    def factors(self) -> pd.Index:
        """Factor names ``[K]``."""
        return self.exposures.columns

    def of_kind(self, kind: str) -> list[str]:
        """Return the factors of a kind: ``"country"``, ``"industry"``, ``"style"`` or ``"latent"``."""
        return [name for name in self.factors if self.kinds[name] == kind]

    def variance(self, active: pd.Series) -> float:
        """Daily variance of a portfolio or of active weights."""
        return self._variance(self._aligned(active))

    def volatility(self, weights: pd.Series) -> float:
        """Annual volatility of a portfolio, a fraction."""
        return float(np.sqrt(TRADING_DAYS * self.variance(weights)))

    def tracking_error(self, weights: pd.Series, benchmark: pd.Series) -> float:
        """Annual volatility of the return difference to a benchmark, a fraction."""
        return float(np.sqrt(TRADING_DAYS * self._variance(self._active(weights, benchmark))))

    def contributions(self, weights: pd.Series, benchmark: pd.Series | None = None) -> pd.Series:
        """Split annual volatility (tracking error, given a benchmark) into factors and ``"specific"``.

        Factor k contributes ``x_k (F x)_k / sigma``, x the exposure of the (active) portfolio; the parts
        sum to ``volatility`` or ``tracking_error``. Zero risk gives zeros.
        """
        w = self._active(weights, benchmark)
        x = self._x.T @ w
        parts = np.append(x * (self._f @ x), np.sum(self._d * w * w))
        return pd.Series(_annual(parts), index=[*self.factors, SPECIFIC], name="contribution")

    def marginal(self, weights: pd.Series, benchmark: pd.Series | None = None) -> pd.Series:
        """Derivative of annual volatility (tracking error) by each stock's weight ``[N]``.

        ``w' marginal`` is the volatility itself (Euler). Zero risk gives zeros.
        """
        w = self._active(weights, benchmark)
        gradient = self._x @ (self._f @ (self._x.T @ w)) + self._d * w
        sigma = np.sqrt(w @ gradient)
        slope = gradient / sigma if sigma > 0.0 else np.zeros(len(w))
        return pd.Series(slope * np.sqrt(TRADING_DAYS), index=self.stocks, name="marginal")

    def beta(self, weights: pd.Series, benchmark: pd.Series) -> float:
        """Covariance of a portfolio with a benchmark over the variance of the benchmark.

        Raises
        ------
        DataError
            The benchmark has no variance.
        """
        w, b = self._aligned(weights), self._aligned(benchmark)
        shared = self._f @ (self._x.T @ b)
        base = (self._x.T @ b) @ shared + np.sum(self._d * b * b)
        if base <= 0.0:
            raise DataError(
                f"benchmark has variance {base} at {self.date:%Y-%m-%d}; give it weights"
            )
        return float(((self._x.T @ w) @ shared + np.sum(self._d * w * b)) / base)

    def exposure(self, weights: pd.Series, benchmark: pd.Series | None = None) -> pd.Series:
        """Exposure of a portfolio (less the benchmark's) to each factor ``[K]``."""
        x = self._x.T @ self._active(weights, benchmark)
        return pd.Series(x, index=self.factors, name="exposure")

    def cov(self) -> pd.DataFrame:
        """Return the dense daily covariance ``[N, N]``: 8 N^2 bytes, for small N and for tests."""
        dense = self._x @ self._f @ self._x.T + np.diag(self._d)
        return pd.DataFrame(dense, index=self.stocks, columns=self.stocks)

    def select(self, stocks: Iterable[str]) -> RiskModel:
        """Return the model of the named stocks, in that order, with all factors.

        Raises
        ------
        DataError
            A stock that the model does not cover.
        """
        wanted = pd.Index(list(stocks), name=self.stocks.name)
        self._require(wanted)
        return RiskModel(
            date=self.date,
            exposures=self.exposures.loc[wanted],
            factor_covariance=self.factor_covariance,
            specific_variance=self.specific_variance.loc[wanted],
            kinds=self.kinds,
        )

    def __repr__(self) -> str:
        """One line for a notebook."""
        kinds = {k: len(self.of_kind(k)) for k in dict.fromkeys(self.kinds.values())}
        parts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        return f"RiskModel of {len(self.stocks)} stocks at {self.date:%Y-%m-%d}; factors: {parts}"

    @property
    def _x(self) -> Floats:
        return self.exposures.to_numpy()

    @property
    def _f(self) -> Floats:
        return self.factor_covariance.to_numpy()

    @property
    def _d(self) -> Floats:
        return self.specific_variance.to_numpy()

    def _require(self, stocks: pd.Index) -> None:
        unknown = stocks[self.stocks.get_indexer(stocks) < 0]
        if len(unknown):
            raise DataError(
                f"{len(unknown)} stocks are not covered by the risk model of "
                f"{self.date:%Y-%m-%d}: {list(unknown[:5])}; choose among its {len(self.stocks)} stocks"
            )

    def _variance(self, w: Floats) -> float:
        x = self._x.T @ w
        return float(x @ self._f @ x + np.sum(self._d * w * w))

    def _active(self, weights: pd.Series, benchmark: pd.Series | None) -> Floats:
        w = self._aligned(weights)
        return w if benchmark is None else w - self._aligned(benchmark)

    def _aligned(self, weights: pd.Series) -> Floats:
        """Weights in the order of the model ``[N]``; entries that weigh nothing need not be covered."""
        bad = weights.index[~np.isfinite(weights.to_numpy(np.float64))]
        if len(bad):
            raise DataError(
                f"weights hold {len(bad)} NaN or infinite values, first {list(bad[:5])}; use 0 for no "
                "position"
            )
        if weights.index.has_duplicates:
            twice = weights.index[weights.index.duplicated()]
            raise DataError(
                f"weights name {len(twice)} stocks more than once, first {list(twice[:5])}; sum them with "
                "weights.groupby(level=0).sum()"
            )
        held = weights[weights != 0.0]
        self._require(held.index)
        full = np.zeros(len(self.stocks))
        full[self.stocks.get_indexer(held.index)] = held.to_numpy()
        return full


def _annual(parts: Floats) -> Floats:
    """Turn parts of a daily variance into parts of an annual volatility."""
    total = parts.sum()
    return parts / np.sqrt(total) * np.sqrt(TRADING_DAYS) if total > 0.0 else np.zeros(len(parts))


def _check_labels(model: RiskModel) -> None:
    factors, stocks = model.exposures.columns, model.exposures.index
    same = (
        model.factor_covariance.index.equals(factors)
        and model.factor_covariance.columns.equals(factors)
        and model.specific_variance.index.equals(stocks)
        and set(factors) <= set(model.kinds)
    )
    if not same or stocks.has_duplicates or factors.has_duplicates:
        raise DataError(
            f"labels of the risk model of {model.date:%Y-%m-%d} disagree: exposures are "
            f"{model.exposures.shape}, factor covariance {model.factor_covariance.shape}, specific "
            f"variance {model.specific_variance.shape}; give all the same stocks and factors, once each"
        )


def _check_exposures(exposures: pd.DataFrame, date: pd.Timestamp) -> None:
    bad = ~np.isfinite(exposures.to_numpy())
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"exposures hold {int(bad.sum())} values that are not finite, first factor "
            f"{exposures.columns[column]}, stock {exposures.index[row]}, {date:%Y-%m-%d}; "
            "fill them or leave the stock out"
        )


def _check_covariance(covariance: pd.DataFrame, date: pd.Timestamp) -> None:
    f = covariance.to_numpy()
    if not np.isfinite(f).all():
        bad = covariance.index[~np.isfinite(f).all(axis=1)]
        raise DataError(
            f"factor covariance of {date:%Y-%m-%d} is not finite for {list(bad[:5])}; "
            "leave out factors without history"
        )
    if not np.allclose(f, f.T, rtol=1e-8, atol=1e-16):
        raise DataError(
            f"factor covariance of {date:%Y-%m-%d} is not symmetric, by up to "
            f"{np.abs(f - f.T).max():.2e}; use (F + F') / 2"
        )


def _check_specific(variance: pd.Series, date: pd.Timestamp) -> None:
    bad = ~(variance.to_numpy() > 0.0) | ~np.isfinite(variance.to_numpy())
    if bad.any():
        raise DataError(
            f"specific variance of {int(bad.sum())} stocks at {date:%Y-%m-%d} is not positive, first "
            f"{variance.index[bad][0]}; every stock needs a positive one"
        )
