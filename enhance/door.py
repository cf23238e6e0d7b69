"""The door of a rebalance: every input is put on one index here, or refused by name and number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from market import TRADING_DAYS, DataError

if TYPE_CHECKING:
    from enhance.problem import Problem
    from risk import RiskModel

Array = np.ndarray

SUM_TOLERANCE = 1e-6  # how far published weights may be from one
INDEFINITE = 1e-8  # of the largest eigenvalue: a smaller negative one is rounding


def refuse(what: str, where: pd.Index, date: pd.Timestamp, remedy: str) -> None:
    """Raise a ``DataError`` that names the first stocks it is about."""
    first = ", ".join(str(stock) for stock in where[:3])
    raise DataError(f"{what} for {len(where)} stocks on {date:%Y-%m-%d}, first {first}; {remedy}")


def session(date: object) -> pd.Timestamp:
    """Return the date of a risk model."""
    stamp = pd.Timestamp(date)  # type: ignore[arg-type]
    if pd.isna(stamp):
        raise DataError("the risk model has no date; give the session after which it is known")
    return stamp


def universe(alpha: object, date: pd.Timestamp) -> tuple[pd.Index, Array]:
    """Return the candidates and their alpha ``[N]``, NaN where there is no score."""
    series = _series("alpha", alpha, date)
    stocks = series.index
    if len(stocks) == 0:
        raise DataError(f"alpha is empty on {date:%Y-%m-%d}; give one entry per candidate stock")
    if stocks.has_duplicates:
        repeated = stocks[stocks.duplicated()]
        refuse("alpha has repeated entries", repeated, date, "give each stock once")
    values = numbers("alpha", series, date)
    if np.isinf(values).any():
        refuse("alpha is infinite", stocks[np.isinf(values)], date, "use NaN for no score")
    return stocks, values


def weights(name: str, given: object, stocks: pd.Index, date: pd.Timestamp) -> Array:
    """Spread a sparse weight series over ``stocks``; stocks it does not list weigh nothing."""
    series = _series(name, given, date)
    if series.index.has_duplicates:
        repeated = series.index[series.index.duplicated()]
        refuse(f"{name} has repeated entries", repeated, date, "give each stock once")
    strangers = series.index.difference(stocks, sort=False)
    if len(strangers):
        remedy = "add them to alpha (NaN: no score)"
        refuse(f"{name} has weight that alpha lacks", strangers, date, remedy)
    values = numbers(name, series, date)
    bad = ~((values >= 0.0) & np.isfinite(values))
    if bad.any():
        refuse(f"{name} is negative or missing", series.index[bad], date, "give weights >= 0")
    spread = np.zeros(len(stocks))
    spread[stocks.get_indexer(series.index)] = values
    return spread


def benchmark(given: object, stocks: pd.Index, date: pd.Timestamp) -> Array:
    """Return benchmark weights ``[N]`` that sum to one."""
    wb = weights("benchmark", given, stocks, date)
    if abs(wb.sum() - 1.0) > SUM_TOLERANCE:
        raise DataError(
            f"the benchmark sums to {wb.sum():.6f} on {date:%Y-%m-%d}; it must sum to one, "
            "so rescale it and say so, or complete its members"
        )
    return wb


def holdings(given: object, stocks: pd.Index, date: pd.Timestamp) -> Array:
    """Return held weights ``[N]`` that sum to at most one."""
    h = weights("holdings", given, stocks, date)
    if h.sum() > 1.0 + SUM_TOLERANCE:
        raise DataError(
            f"the holdings sum to {h.sum():.6f} on {date:%Y-%m-%d}; "
            "give fractions of net asset value, at most one in all"
        )
    return h


def mask(name: str, given: object, stocks: pd.Index, date: pd.Timestamp) -> Array:
    """Return a bool per stock ``[N]``; True everywhere where nothing is given."""
    if given is None:
        return np.ones(len(stocks), dtype=bool)
    series = _series(name, given, date)
    if series.index.has_duplicates:
        repeated = series.index[series.index.duplicated()]
        refuse(f"{name} has repeated entries", repeated, date, "give each stock once")
    missing = stocks.difference(series.index, sort=False)
    if len(missing):
        refuse(f"{name} is missing", missing, date, "give one bool per stock of alpha")
    if series.dtype != bool:
        raise DataError(f"{name} is {series.dtype} on {date:%Y-%m-%d}; give bools without gaps")
    return series.loc[stocks].to_numpy(bool)


def rates(costs: tuple[float, float]) -> tuple[float, float]:
    """Return the rates of buying and of selling."""
    try:
        buy, sell = (float(rate) for rate in costs)
    except (TypeError, ValueError) as error:
        raise DataError(f"costs are {costs!r}; give two rates, of buying and of selling") from error
    if not (0.0 <= buy < np.inf and 0.0 <= sell < np.inf):
        raise DataError(f"costs are {costs}; give two rates >= 0, of buying and of selling")
    return buy, sell


def capital(given: float | None) -> float:
    """Return net asset value in CNY, NaN where it is not known."""
    if given is None:
        return float("nan")
    if not 0.0 < given < np.inf:
        raise DataError(f"capital is {given}; give the net asset value in CNY, above zero")
    return float(given)


def attached(given: object, stocks: pd.Index, date: pd.Timestamp) -> pd.DataFrame:
    """Return the columns that limits may read ``[N, C]``, in the order of ``stocks``."""
    if given is None:
        return pd.DataFrame(index=stocks)
    if not isinstance(given, pd.DataFrame):
        raise DataError(f"data is {type(given).__name__} on {date:%Y-%m-%d}; give a frame by stock")
    if given.index.has_duplicates or given.columns.has_duplicates:
        raise DataError(f"data of {date:%Y-%m-%d} repeats a stock or a column; give each once")
    missing = stocks.difference(given.index, sort=False)
    if len(missing):
        refuse("data is missing", missing, date, "give one row per stock of alpha")
    return given.loc[stocks]


def risk_arrays(
    risk: RiskModel, stocks: pd.Index, date: pd.Timestamp
) -> tuple[pd.Index, tuple[str, ...], sp.csr_array, Array, Array]:
    """Read factors, kinds, X, F (annual) and d (annual) of ``stocks``, refusing gaps."""
    covered, factors = risk.exposures.index, risk.exposures.columns
    if covered.has_duplicates or factors.has_duplicates:
        raise DataError(
            f"the exposures of {date:%Y-%m-%d} repeat a stock or a factor; give each once"
        )
    for what, known in (
        ("exposures", covered),
        ("specific variance", risk.specific_variance.index),
    ):
        missing = stocks.difference(known, sort=False)
        if len(missing):
            refuse(f"the risk model has no {what}", missing, date, "leave them out of alpha")
    for what, known in (
        ("covariance", risk.factor_covariance.index),
        ("covariance", risk.factor_covariance.columns),
        ("kind", pd.Index(list(risk.kinds))),
    ):
        absent = factors.difference(known, sort=False)
        if len(absent):
            raise DataError(
                f"the risk model of {date:%Y-%m-%d} has no {what} for {len(absent)} of "
                f"{len(factors)} factors, first {absent[0]}; give every factor one"
            )
    dense = risk.exposures.to_numpy(np.float64)[covered.get_indexer(stocks)]
    gaps = ~np.isfinite(dense)
    if gaps.any():
        factor = factors[gaps.any(axis=0)][0]
        refuse(f"exposure {factor} is missing", stocks[gaps.any(axis=1)], date, "fill or drop")
    specific = TRADING_DAYS * risk.specific_variance.loc[stocks].to_numpy(np.float64)
    flat = ~(specific > 0.0) | ~np.isfinite(specific)
    if flat.any():
        refuse("specific variance is not positive", stocks[flat], date, "drop these stocks")
    F = TRADING_DAYS * risk.factor_covariance.loc[factors, factors].to_numpy(np.float64)
    kinds = dict(risk.kinds)
    return factors, tuple(kinds[f] for f in factors), sp.csr_array(dense), F, specific


def refuse_misshapen(problem: Problem) -> None:
    """Raise unless every array of a problem has a row per stock, or per factor, and is finite."""
    stocks, factors = len(problem.stocks), len(problem.factors)
    by_stock = ("alpha", "benchmark", "holdings", "specific_variance")
    names = (*by_stock, "scored", "can_buy", "can_sell")
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(names, (stocks,))
    shapes |= {"exposures": (stocks, factors), "factor_covariance": (factors, factors)}
    for name, shape in shapes.items():
        given = np.shape(getattr(problem, name))
        if given != shape:
            raise DataError(
                f"{name} of {problem.date:%Y-%m-%d} has shape {given}, {stocks} stocks and {factors} "
                f"factors need {shape}; align the inputs with Problem.align"
            )
    for name in by_stock:
        bad = ~np.isfinite(getattr(problem, name))
        if bad.any():
            refuse(f"{name} is not finite", problem.stocks[bad], problem.date, "fill or drop")


def refuse_indefinite(F: Array, date: pd.Timestamp) -> None:
    """Raise unless a factor covariance is finite, symmetric and positive semidefinite."""
    size = float(np.abs(F).max(initial=0.0))
    if not np.isfinite(size) or float(np.abs(F - F.T).max(initial=0.0)) > 1e-8 * size + 1e-12:
        raise DataError(
            f"the factor covariance of {date:%Y-%m-%d} has gaps or is not symmetric; "
            "give a finite symmetric matrix"
        )
    try:  # an order faster than eigenvalues, and nearly always enough
        np.linalg.cholesky(F)
    except np.linalg.LinAlgError:
        values = np.linalg.eigvalsh(F)
        if values[0] < -INDEFINITE * abs(values[-1]):
            raise DataError(
                f"the factor covariance of {date:%Y-%m-%d} has eigenvalue {values[0]:.3g} "
                f"(largest {values[-1]:.3g}); give a positive semidefinite matrix"
            ) from None


def numbers(name: str, series: pd.Series, date: pd.Timestamp) -> Array:
    """Return float64 values, NaN where missing."""
    try:
        values = series.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} is {series.dtype} on {date:%Y-%m-%d} and not all numbers; give floats"
        ) from error
    return np.asarray(values)


def _series(name: str, given: object, date: pd.Timestamp) -> pd.Series:
    if not isinstance(given, pd.Series):
        raise DataError(
            f"{name} is {type(given).__name__} on {date:%Y-%m-%d}; give a Series by stock"
        )
    return given
