"""What a portfolio would lose to a supposed shock to factors.

The stocks' own returns stay at zero; what they may add is stated beside as a volatility.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market import DataError
from risk.arrays import Bools, Floats
from risk.attribution import specific_of
from risk.model import RiskModel

CONDITION = 1e10  # of the shocked factors' correlations: beyond, they determine one another


@dataclass(frozen=True, eq=False)
class Scenario:
    """A shock, and what it does to a portfolio (less its benchmark).

    Attributes
    ----------
    date, days
        Session of the model, and sessions over which the shock comes.
    by_factor
        Factor: ``shocked``, ``exposure``, ``return`` of the factor, ``sigmas`` (that return over the
        factor's volatility for ``days``) and ``loss_or_gain``, exposure times return.
    total
        Sum of ``loss_or_gain``: the expected return of the portfolio.
    volatility
        Standard deviation about it over ``days``: of the factors given the shock (zero for those held
        still), and of the stocks' own returns.
    distance
        Mahalanobis distance of the shocks per root of their number: 1 is an ordinary day, 3 is not.
    """

    date: pd.Timestamp
    days: float
    by_factor: pd.DataFrame
    total: float
    volatility: float
    distance: float

    def __repr__(self) -> str:
        """Three lines for a notebook."""
        shocks = self.by_factor.loc[self.by_factor["shocked"], "return"]
        parts = self.by_factor["loss_or_gain"]
        worst = parts.loc[parts.abs().sort_values(ascending=False).index[:3]]
        return (
            f"Scenario on {self.date:%Y-%m-%d}: {', '.join(f'{k} {v:+.2%}' for k, v in shocks.items())}"
            f" over {self.days:g} days\n"
            f"  portfolio {self.total:+.2%}, give or take {self.volatility:.2%}\n"
            f"  largest parts: {', '.join(f'{k} {v:+.2%}' for k, v in worst.items())}"
        )


def scenario(
    model: RiskModel,
    weights: pd.Series,
    shocks: Mapping[str, float],
    benchmark: pd.Series | None = None,
    *,
    sigmas: bool = False,
    follow: bool = True,
    days: float = 1.0,
) -> Scenario:
    """Shock some factors and see what the portfolio returns.

    The others follow by their conditional expectation, ``f_o = F_os F_ss^-1 f_s``, or stay at zero.

    Parameters
    ----------
    model, weights, benchmark
        The portfolio; its active weights, given a benchmark.
    shocks
        Return of each shocked factor, a fraction; in multiples of its volatility if ``sigmas``.
    sigmas
        See ``shocks``.
    follow
        Whether the other factors follow.
    days
        Sessions over which the shock comes: volatilities are those of so many days.

    Raises
    ------
    DataError
        No shock, a factor that the model lacks, a shock that is not finite, shocked factors that
        determine one another, or weights as in ``RiskModel.exposure``.

    Examples
    --------
    >>> scenario(model, weights, {"size": -3.0}, sigmas=True, days=21)  # doctest: +SKIP
    """
    _check_shocks(model, shocks)
    x = model.exposure(weights, benchmark)
    F = days * model.factor_covariance.to_numpy()
    sigma = np.sqrt(np.diag(F))
    hit = np.asarray(model.factors.isin(list(shocks)))
    move = np.zeros(len(sigma))
    move[hit] = [shocks[name] for name in model.factors[hit]]
    if sigmas:
        move *= sigma
    slope = _regress_on(F, hit, model)  # [K - s, s]
    joint = np.linalg.solve(F[np.ix_(hit, hit)], move[hit])
    left = F[np.ix_(~hit, ~hit)] - slope @ F[np.ix_(hit, ~hit)]
    loose = x.to_numpy()[~hit] * follow
    move[~hit] = slope @ move[hit] * follow
    table = pd.DataFrame(
        {"shocked": hit, "exposure": x, "return": move, "sigmas": move / sigma}, index=model.factors
    )
    table["loss_or_gain"] = table["exposure"] * table["return"]
    own = days * specific_of(model, weights, benchmark)
    return Scenario(
        date=model.date,
        days=days,
        by_factor=table,
        total=float(table["loss_or_gain"].sum()),
        volatility=float(np.sqrt(max(loose @ left @ loose, 0.0) + own)),
        distance=float(np.sqrt(move[hit] @ joint / hit.sum())),
    )


def _check_shocks(model: RiskModel, shocks: Mapping[str, float]) -> None:
    unknown = sorted(set(shocks) - set(model.factors))
    if not shocks:
        raise DataError(
            f"shocks to the model of {model.date:%Y-%m-%d} are empty; name one or more of "
            f"{list(model.factors)}"
        )
    if unknown:
        raise DataError(
            f"shocks name factors {unknown} that the model of {model.date:%Y-%m-%d} lacks; "
            f"name one or more of {list(model.factors)}"
        )
    bad = [name for name, size in shocks.items() if not np.isfinite(size)]
    if bad:
        raise DataError(f"shocks to {bad} are not finite; give each a return")


def _regress_on(F: Floats, hit: Bools, model: RiskModel) -> Floats:
    """Slopes of the other factors on the shocked ``[K - s, s]``."""
    inner = F[np.ix_(hit, hit)]
    scale = np.sqrt(np.diag(inner))
    condition = np.linalg.cond(inner / np.outer(scale, scale))
    if condition > CONDITION:
        raise DataError(
            f"shocked factors {list(model.factors[hit])} determine one another at "
            f"{model.date:%Y-%m-%d} (condition number {condition:.1e}); shock fewer of them"
        )
    return np.linalg.solve(inner, F[np.ix_(hit, ~hit)]).T
