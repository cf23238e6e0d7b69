"""The numbers of one rebalance, aligned once: from here on everything is a plain array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from market import TRADING_DAYS, DataError

if TYPE_CHECKING:
    from risk import RiskModel

Array = np.ndarray

SUM_TOLERANCE = 1e-6  # how far published weights may be from one


@dataclass(frozen=True, eq=False)
class Problem:
    """One rebalance of N stocks under a K-factor risk model, all arrays in the order of ``stocks``.

    Attributes
    ----------
    date
        Date of the risk model.
    stocks
        ``[N]``.
    alpha
        Expected return over the holding period ``[N]``, fraction; zero where there is no score.
    scored
        Which stocks have a score ``[N]``, bool.
    benchmark, holdings
        Weights ``[N]``, fractions; the benchmark sums to one, the holdings to at most one.
    can_buy, can_sell
        Tradability at the coming session ``[N]``, bool.
    costs
        Proportional cost of one unit bought and of one unit sold.
    factors, kinds
        Names ``[K]`` and kinds (``country``, ``industry``, ``style``) of the factors.
    exposures
        X, sparse ``[N, K]``.
    factor_covariance, specific_variance
        F ``[K, K]`` and d ``[N]``, annual variances.
    """

    date: pd.Timestamp
    stocks: pd.Index
    alpha: Array
    scored: Array
    benchmark: Array
    holdings: Array
    can_buy: Array
    can_sell: Array
    costs: tuple[float, float]
    factors: pd.Index
    kinds: tuple[str, ...]
    exposures: sp.csr_array
    factor_covariance: Array
    specific_variance: Array

    @classmethod
    def align(
        cls,
        alpha: pd.Series,
        risk: RiskModel,
        benchmark: pd.Series,
        holdings: pd.Series,
        costs: tuple[float, float] = (0.0, 0.0),
        can_buy: pd.Series | None = None,
        can_sell: pd.Series | None = None,
    ) -> Problem:
        """Put every input on ``alpha.index``, or say which stocks do not fit.

        The risk model and the masks may know more stocks than ``alpha`` has, never fewer. The two
        weight series list the stocks that have weight, all of them in ``alpha``. A stock without a
        score (NaN) counts as alpha zero if the benchmark holds it, and cannot be bought otherwise.

        Raises
        ------
        DataError
            An index that does not fit, a missing value, or weights that are no weights.
        """
        date = pd.Timestamp(risk.date)
        stocks = _stock_index(alpha.index, date)
        wb = _weights("benchmark", benchmark, stocks, date)
        if abs(wb.sum() - 1.0) > SUM_TOLERANCE:
            raise DataError(
                f"the benchmark sums to {wb.sum():.6f} on {date:%Y-%m-%d}; it must sum to one, "
                "so rescale it and say so, or complete its members"
            )
        h = _weights("holdings", holdings, stocks, date)
        if h.sum() > 1.0 + SUM_TOLERANCE:
            raise DataError(
                f"the holdings sum to {h.sum():.6f} on {date:%Y-%m-%d}; "
                "give fractions of net asset value, at most one in all"
            )
        a = alpha.to_numpy(np.float64)
        if np.isinf(a).any():
            _refuse("alpha is infinite", stocks[np.isinf(a)], date, "use NaN for no score")
        scored = ~np.isnan(a)
        buyable = _mask("can_buy", can_buy, stocks, date) & (scored | (wb > 0.0))
        factors, kinds, exposures, covariance, specific = _risk_arrays(risk, stocks, date)
        return cls(
            date=date,
            stocks=stocks,
            alpha=np.where(scored, a, 0.0),
            scored=scored,
            benchmark=wb,
            holdings=h,
            can_buy=buyable,
            can_sell=_mask("can_sell", can_sell, stocks, date),
            costs=_rates(costs),
            factors=factors,
            kinds=kinds,
            exposures=exposures,
            factor_covariance=covariance,
            specific_variance=specific,
        )

    def factor_columns(self, kind: str, names: tuple[str, ...] | None = None) -> Array:
        """Return the positions of the factors of one kind, all of them or those named.

        Raises
        ------
        ValueError
            A name that is no factor of that kind, or a model without such factors.
        """
        known = [factor for factor, k in zip(self.factors, self.kinds, strict=True) if k == kind]
        unknown = [name for name in names or () if name not in known]
        if unknown or not known:
            what = f"no {kind} factor is called {unknown[0]!r}" if unknown else f"no {kind} factors"
            raise ValueError(
                f"{what} in the risk model of {self.date:%Y-%m-%d}; it has {', '.join(known) or 'none'}"
            )
        chosen = known if names is None else list(names)
        return self.factors.get_indexer(pd.Index(chosen))

    def active_exposures(self, weights: Array) -> Array:
        """Return X'(w - b) ``[K]``."""
        return np.asarray(self.exposures.T @ (weights - self.benchmark))

    def active_variance(self, weights: Array) -> tuple[float, float]:
        """Return the annual variance of w - b that factors explain, and the specific rest."""
        active, y = weights - self.benchmark, self.active_exposures(weights)
        return float(y @ self.factor_covariance @ y), float(self.specific_variance @ active**2)

    def tracking_error(self, weights: Array) -> float:
        """Return the predicted tracking error, annual fraction."""
        return float(np.sqrt(sum(self.active_variance(weights))))

    def turnover(self, weights: Array) -> float:
        """Return one-way turnover, half the sum of absolute weight changes; cash does not count."""
        return 0.5 * float(np.abs(weights - self.holdings).sum())

    def cost(self, weights: Array) -> float:
        """Return the expected cost of trading from the holdings to ``weights``, fraction of value."""
        trades = weights - self.holdings
        buy, sell = self.costs
        return buy * float(trades[trades > 0].sum()) - sell * float(trades[trades < 0].sum())


def _refuse(what: str, where: pd.Index, date: pd.Timestamp, remedy: str) -> None:
    first = ", ".join(str(stock) for stock in where[:3])
    raise DataError(f"{what} for {len(where)} stocks on {date:%Y-%m-%d}, first {first}; {remedy}")


def _stock_index(stocks: pd.Index, date: pd.Timestamp) -> pd.Index:
    if len(stocks) == 0:
        raise DataError(f"alpha is empty on {date:%Y-%m-%d}; give one entry per candidate stock")
    if stocks.has_duplicates:
        repeated = stocks[stocks.duplicated()]
        _refuse("alpha has repeated entries", repeated, date, "give each stock once")
    return stocks


def _weights(name: str, weights: pd.Series, stocks: pd.Index, date: pd.Timestamp) -> Array:
    """Spread a sparse weight series over ``stocks``; stocks it does not list weigh nothing."""
    if weights.index.has_duplicates:
        repeated = weights.index[weights.index.duplicated()]
        _refuse(f"{name} has repeated entries", repeated, date, "give each stock once")
    strangers = weights.index.difference(stocks, sort=False)
    if len(strangers):
        _refuse(
            f"{name} has weight that alpha lacks",
            strangers,
            date,
            "add them to alpha (NaN: no score)",
        )
    values = weights.to_numpy(np.float64)
    bad = ~(values >= 0.0)
    if bad.any():
        _refuse(f"{name} is negative or missing", weights.index[bad], date, "give weights >= 0")
    spread = np.zeros(len(stocks))
    spread[stocks.get_indexer(weights.index)] = values
    return spread


def _mask(name: str, mask: pd.Series | None, stocks: pd.Index, date: pd.Timestamp) -> Array:
    if mask is None:
        return np.ones(len(stocks), dtype=bool)
    missing = stocks.difference(mask.index, sort=False)
    if len(missing):
        _refuse(f"{name} is missing", missing, date, "give one bool per stock of alpha")
    if mask.dtype != bool:
        raise DataError(f"{name} is {mask.dtype} on {date:%Y-%m-%d}; give bools without gaps")
    return mask.loc[stocks].to_numpy(bool)


def _rates(costs: tuple[float, float]) -> tuple[float, float]:
    buy, sell = (float(rate) for rate in costs)
    if not (buy >= 0.0 and sell >= 0.0):
        raise DataError(f"costs are {costs}; give two rates >= 0, of buying and of selling")
    return buy, sell


def _risk_arrays(
    risk: RiskModel, stocks: pd.Index, date: pd.Timestamp
) -> tuple[pd.Index, tuple[str, ...], sp.csr_array, Array, Array]:
    """Read X, F (annual) and d (annual) of ``stocks`` from a risk model, refusing gaps."""
    covered = risk.exposures.index
    missing = stocks.difference(covered, sort=False)
    if len(missing):
        _refuse("the risk model has no exposures", missing, date, "leave them out of alpha")
    rows = covered.get_indexer(stocks)
    dense = risk.exposures.to_numpy(np.float64)[rows]
    gaps = ~np.isfinite(dense)
    if gaps.any():
        factor = risk.exposures.columns[gaps.any(axis=0)][0]
        _refuse(f"exposure {factor} is missing", stocks[gaps.any(axis=1)], date, "fill or drop")
    specific = TRADING_DAYS * risk.specific_variance.loc[stocks].to_numpy(np.float64)
    flat = ~(specific > 0.0) | ~np.isfinite(specific)
    if flat.any():
        _refuse("specific variance is not positive", stocks[flat], date, "drop these stocks")
    factors = risk.exposures.columns
    F = TRADING_DAYS * risk.factor_covariance.loc[factors, factors].to_numpy(np.float64)
    if not np.isfinite(F).all() or not np.allclose(F, F.T, rtol=1e-8, atol=1e-12):
        raise DataError(
            f"the factor covariance of {date:%Y-%m-%d} has gaps or is not symmetric; "
            "give a finite symmetric matrix"
        )
    kinds: Mapping[str, str] = dict(risk.kinds)
    return factors, tuple(kinds[f] for f in factors), sp.csr_array(dense), F, specific
