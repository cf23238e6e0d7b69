"""The numbers of one rebalance, aligned once: from here on everything is a plain array."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from enhance import door
from market import TRADING_DAYS, DataError

if TYPE_CHECKING:
    from risk import RiskModel

Array = np.ndarray


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
        Names ``[K]`` and kinds (``country``, ``industry``, ``style``, ``latent``) of the factors.
    exposures
        X, sparse ``[N, K]``.
    factor_covariance, specific_variance
        F ``[K, K]`` and d ``[N]``, annual variances.
    data
        What some limits read besides, a column each ``[N, C]``: ``amount`` (average daily traded
        value, CNY), ``cap_band``, ``board`` (labels), ``st`` (bool), or a column of one's own.
    capital
        Net asset value, CNY; NaN where no limit needs it.
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
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    capital: float = float("nan")

    def __post_init__(self) -> None:
        door.refuse_misshapen(self)
        door.refuse_indefinite(self.factor_covariance, self.date)

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
        data: pd.DataFrame | None = None,
        capital: float | None = None,
    ) -> Problem:
        """Put every input on ``alpha.index``, or say which stocks do not fit.

        The risk model, the masks and the data may know more stocks than ``alpha`` has, never fewer. The
        two weight series list the stocks that have weight, all of them in ``alpha``. A stock without a
        score (NaN) counts as alpha zero if the benchmark holds it, and cannot be bought otherwise.

        Raises
        ------
        DataError
            An index that does not fit, a missing value, weights that are no weights, or a covariance
            that is none.
        """
        date = door.session(risk.date)
        stocks, a = door.universe(alpha, date)
        wb = door.benchmark(benchmark, stocks, date)
        scored = ~np.isnan(a)
        factors, kinds, exposures, covariance, specific = door.risk_arrays(risk, stocks, date)
        return cls(
            date=date,
            stocks=stocks,
            alpha=np.where(scored, a, 0.0),
            scored=scored,
            benchmark=wb,
            holdings=door.holdings(holdings, stocks, date),
            can_buy=door.mask("can_buy", can_buy, stocks, date) & (scored | (wb > 0.0)),
            can_sell=door.mask("can_sell", can_sell, stocks, date),
            costs=door.rates(costs),
            factors=factors,
            kinds=kinds,
            exposures=exposures,
            factor_covariance=covariance,
            specific_variance=specific,
            data=door.attached(data, stocks, date),
            capital=door.capital(capital),
        )

    def factor_columns(self, kind: str, names: tuple[str, ...] | None = None) -> Array:
        """Return the positions of the factors of one kind, all of them or those named.

        Raises
        ------
        ValueError
            A name that is no factor of that kind, or a model without such factors.
        """
        known = self._places.get(kind, {})
        unknown = [name for name in names or () if name not in known]
        if unknown or not known:
            what = f"no {kind} factor is called {unknown[0]!r}" if unknown else f"no {kind} factors"
            raise ValueError(
                f"{what} in the risk model of {self.date:%Y-%m-%d}; it has {', '.join(known) or 'none'}"
            )
        return np.array([known[name] for name in (known if names is None else names)], np.intp)

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        """Position of each factor by kind and name: asked for by every limit on exposures."""
        places: dict[str, dict[str, int]] = {}
        for k, (factor, kind) in enumerate(zip(self.factors.tolist(), self.kinds, strict=True)):
            places.setdefault(kind, {})[factor] = k
        return places

    def column(self, name: str, gaps: bool = False) -> Array:
        """Return a column of ``data`` as floats ``[N]``; NaN only where ``gaps`` says that it may be.

        Raises
        ------
        DataError
            There is no such column, or a value is missing or no number.
        """
        values = door.numbers(f"data column {name}", self._attached(name), self.date)
        bad = np.isinf(values) if gaps else ~np.isfinite(values)
        if bad.any():
            door.refuse(f"{name} is not a number", self.stocks[bad], self.date, "fill it in data=")
        return values

    def labels(self, by: str) -> tuple[tuple[str, ...], Array]:
        """Return the groups of ``"industry"`` or of a data column, and each stock's group ``[N]``.

        A stock of no group has -1.

        Raises
        ------
        DataError
            There is no such column.
        """
        if by == "industry":
            columns = self.factor_columns("industry")
            one_hot = self.exposures[:, columns].toarray()
            codes = np.where(one_hot.any(axis=1), one_hot.argmax(axis=1), -1)
            return tuple(self.factors[columns]), codes
        codes, names = pd.factorize(self._attached(by), sort=True)
        return tuple(str(name) for name in names), codes

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

    def betas(self) -> Array:
        """Return each stock's beta to the benchmark, V b / b'V b ``[N]``."""
        b, X, F = self.benchmark, self.exposures, self.factor_covariance
        covariance = np.asarray(X @ (F @ (X.T @ b))) + self.specific_variance * b
        return covariance / float(b @ covariance)

    def volatility(self) -> Array:
        """Return each stock's volatility over one day ``[N]``, fraction."""
        X = self.exposures.toarray()
        variance = np.einsum("nk,nk->n", X @ self.factor_covariance, X) + self.specific_variance
        return np.sqrt(variance / TRADING_DAYS)

    def turnover(self, weights: Array) -> float:
        """Return one-way turnover, half the sum of absolute weight changes; cash does not count."""
        return 0.5 * float(np.abs(weights - self.holdings).sum())

    def cost(self, weights: Array) -> float:
        """Return the expected cost of trading from the holdings to ``weights``, fraction of value."""
        trades = weights - self.holdings
        buy, sell = self.costs
        return buy * float(trades[trades > 0].sum()) - sell * float(trades[trades < 0].sum())

    def _attached(self, name: str) -> pd.Series:
        if name not in self.data.columns:
            known = ", ".join(str(column) for column in self.data.columns) or "none"
            raise DataError(
                f"a limit reads the column {name!r} of {self.date:%Y-%m-%d}, data has {known}; "
                "pass data= with it, a row per stock"
            )
        return self.data[name]
