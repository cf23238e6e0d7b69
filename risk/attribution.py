"""Where the risk of a portfolio comes from: by factor, kind, industry and stock.

Active exposures x = X'w, variance sigma^2 = x'F x + w'D w, and by Euler's theorem

    sigma = sum_k x_k sigma_k rho_k + sigma_u rho_u = sum_n w_n dsigma/dw_n

with sigma_k the volatility of factor k and rho_k its correlation with the portfolio (Menchero and Davis,
"Risk contribution is exposure times volatility times correlation", 2011); u is what no factor explains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from market import TRADING_DAYS, DataError
from market.progress import track
from risk.arrays import Floats
from risk.model import SPECIFIC, RiskModel

UNPLACED = "no industry"


class Models(Protocol):
    """Risk models by date: ``RiskHistory`` and its kin."""

    def at(self, date: pd.Timestamp) -> RiskModel:
        """Return the model known after the close of a session."""


@dataclass(frozen=True, eq=False)
class RiskAttribution:
    """The risk of one portfolio at one date, taken apart. Volatilities are annual fractions.

    Attributes
    ----------
    date, total, active
        Session; volatility, or tracking error if ``active``.
    by_factor
        Factor and ``"specific"``: ``kind``, ``exposure``, ``volatility``, ``correlation`` with the
        portfolio, ``marginal`` (volatility times correlation: what one more unit of exposure adds),
        ``contribution`` (exposure times marginal) and ``percent`` of the total.
    by_kind
        ``country``, ``industry``, ``style``, ``latent``, ``specific``: ``volatility`` of that part alone,
        ``contribution``, ``percent``.
    by_industry
        Industry: ``weight`` of its stocks (less the benchmark's, throughout); ``factor``, the contribution of the industry factor;
        ``stocks``, that of its stocks with all their factors; ``specific``, that of their own returns;
        ``percent`` of ``stocks``.
    by_stock
        Stock with weight: ``weight``, ``marginal``, contribution of ``factors``, of its ``specific``
        return, their sum ``contribution``, and ``percent``; the largest first.
    """

    date: pd.Timestamp
    total: float
    active: bool
    by_factor: pd.DataFrame
    by_kind: pd.DataFrame
    by_industry: pd.DataFrame
    by_stock: pd.DataFrame

    def summary(self) -> pd.Series:
        """Return the total and its parts by kind, annual."""
        name = "tracking_error" if self.active else "volatility"
        parts = self.by_kind["contribution"]
        return pd.concat([pd.Series({name: self.total}), parts]).rename(f"{self.date:%Y-%m-%d}")

    def __repr__(self) -> str:
        """Three lines for a notebook."""
        name = "tracking error" if self.active else "volatility"
        parts = self.by_kind["percent"].round(1) + 0.0  # no minus zero
        kinds = ", ".join(f"{k} {v:.1f}%" for k, v in parts.items())
        factors = self.by_factor["percent"].drop(SPECIFIC)
        top = factors.loc[factors.abs().sort_values(ascending=False).index[:3]]
        return (
            f"RiskAttribution at {self.date:%Y-%m-%d}: {name} {self.total:.2%} a year\n"
            f"  of which {kinds}\n"
            f"  largest factors: {', '.join(f'{k} {v:+.1f}%' for k, v in top.items())}"
        )


@dataclass(frozen=True, eq=False)
class RiskPath:
    """Attributions of a portfolio through time, annual: ``total`` by date, the rest date x part.

    Rows of ``by_factor`` (with ``"specific"``) and of ``by_kind`` sum to ``total``; ``exposures`` are
    those of the portfolio less the benchmark's. A factor that a date lacks is NaN there.
    """

    total: pd.Series
    by_factor: pd.DataFrame
    by_kind: pd.DataFrame
    exposures: pd.DataFrame

    def __repr__(self) -> str:
        """Two lines for a notebook."""
        share = (self.by_kind.sum() / self.total.sum()).items()
        dates = self.total.index
        return (
            f"RiskPath of {len(dates)} dates, {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, "
            f"mean {self.total.mean():.2%} a year\n"
            f"  of which {', '.join(f'{kind} {part:.1%}' for kind, part in share)}"
        )


def attribute(
    model: RiskModel, weights: pd.Series, benchmark: pd.Series | None = None
) -> RiskAttribution:
    """Take the volatility of a portfolio apart; its tracking error, given a benchmark.

    Every table's contributions sum to the total. A portfolio without risk has zeros throughout.

    Raises
    ------
    DataError
        NaN weights, or a weight on a stock that the model does not cover.

    Examples
    --------
    >>> attribute(history.at(t), weights, benchmark).by_factor  # doctest: +SKIP
    """
    x = model.exposure(weights, benchmark)
    w = active_weights(model, weights, benchmark)
    own = (model.specific_variance * w**2).rename("specific")
    total = float(np.sqrt(TRADING_DAYS * model.variance(w)))
    by_factor = _by_factor(model, x, float(own.sum()), total)
    return RiskAttribution(
        date=model.date,
        total=total,
        active=benchmark is not None,
        by_factor=by_factor,
        by_kind=_by_kind(model, x, by_factor, total),
        by_industry=_by_industry(model, w, own, by_factor, total),
        by_stock=_by_stock(model, w, own, total),
    )


def attribute_path(
    history: Models,
    weights: pd.DataFrame,
    benchmark: pd.DataFrame | None = None,
    progress: bool = False,
) -> RiskPath:
    """Attribute the risk of a portfolio on each of its dates, by the model of that date.

    Parameters
    ----------
    history
        Gives the model of a date by ``at``.
    weights, benchmark
        Date x stock; a benchmark has a row for each date of the weights. NaN is no position.
    progress
        Show a bar.

    Raises
    ------
    DataError
        A date without a model or without a benchmark row, or as ``attribute``.
    """
    lacking = weights.index.difference(weights.index if benchmark is None else benchmark.index)
    if len(lacking):
        raise DataError(
            f"benchmark has no weights on {len(lacking)} of {len(weights)} dates, first "
            f"{lacking[0]:%Y-%m-%d}; give every date of the portfolio a row"
        )
    factors, exposures, kinds = {}, {}, {}
    for date in track(weights.index, progress, "attribution", total=len(weights)):
        against = None if benchmark is None else benchmark.loc[date].fillna(0.0)
        held, model = weights.loc[date].fillna(0.0), history.at(date)
        factors[date] = model.contributions(held, against)
        exposures[date] = model.exposure(held, against)
        kinds[date] = _sum_by_kind(factors[date], model)
    by_kind = pd.DataFrame(kinds).T.fillna(0.0)
    return RiskPath(
        total=by_kind.sum(axis=1).rename("total"),
        by_factor=pd.DataFrame(factors).T,
        by_kind=by_kind,
        exposures=pd.DataFrame(exposures).T,
    )


def active_weights(
    model: RiskModel, weights: pd.Series, benchmark: pd.Series | None = None
) -> pd.Series:
    """Weights less the benchmark's ``[N]`` in the order of the model, which checks them before."""
    w = weights.reindex(model.stocks, fill_value=0.0)
    less = 0.0 if benchmark is None else benchmark.reindex(model.stocks, fill_value=0.0)
    return (w - less).astype(np.float64).rename("weight")


def specific_of(model: RiskModel, weights: pd.Series, benchmark: pd.Series | None = None) -> float:
    """Daily variance of a portfolio that no factor explains."""
    w = active_weights(model, weights, benchmark).to_numpy()
    return float(model.specific_variance.to_numpy() @ w**2)


def _by_factor(model: RiskModel, x: pd.Series, own: float, total: float) -> pd.DataFrame:
    """Exposure, volatility and correlation of each factor, and of what none explains."""
    F = model.factor_covariance
    volatility = np.sqrt(TRADING_DAYS * np.append(np.diag(F), own))
    covariance = TRADING_DAYS * np.append(F.to_numpy() @ x.to_numpy(), own)
    correlation = _share(covariance, volatility * total)
    table = pd.DataFrame(
        {
            "kind": [*(model.kinds[name] for name in model.factors), SPECIFIC],
            "exposure": np.append(x.to_numpy(), 1.0),
            "volatility": volatility,
            "correlation": correlation,
            "marginal": volatility * correlation,
        },
        index=pd.Index([*model.factors, SPECIFIC], name="factor"),
    )
    table["contribution"] = table["exposure"] * table["marginal"]
    return _with_percent(table, total)


def _by_kind(model: RiskModel, x: pd.Series, by_factor: pd.DataFrame, total: float) -> pd.DataFrame:
    """Contribution of each kind of factor, and the volatility it would have alone."""
    F = model.factor_covariance
    rows = {}
    for kind in dict.fromkeys(by_factor["kind"]):
        names = model.of_kind(kind)
        part = x[names].to_numpy()
        alone = float(np.sqrt(TRADING_DAYS * (part @ F.loc[names, names].to_numpy() @ part)))
        rows[kind] = by_factor.at[SPECIFIC, "volatility"] if kind == SPECIFIC else alone
    table = pd.DataFrame({"volatility": pd.Series(rows)}).rename_axis(index="kind")
    table["contribution"] = by_factor.groupby("kind", sort=False)["contribution"].sum()
    return _with_percent(table, total)


def _by_industry(
    model: RiskModel, w: pd.Series, own: pd.Series, by_factor: pd.DataFrame, total: float
) -> pd.DataFrame:
    """Sum stocks by their exposure to industries; those without one stand apart."""
    names = model.of_kind("industry")
    place = model.exposures[names].to_numpy()
    place = np.column_stack([place, 1.0 - place.sum(axis=1)])
    whole = w * model.marginal(w)
    table = pd.DataFrame(
        {
            "weight": w.to_numpy() @ place,
            "factor": np.append(by_factor.loc[names, "contribution"].to_numpy(), 0.0),
            "stocks": whole.to_numpy() @ place,
            "specific": _share(TRADING_DAYS * own.to_numpy() @ place, total),
        },
        index=pd.Index([*names, UNPLACED], name="industry"),
    )
    table["percent"] = 100.0 * _share(table["stocks"].to_numpy(), total)
    return table if (place[w.to_numpy() != 0.0, -1] != 0.0).any() else table.drop(index=UNPLACED)


def _by_stock(model: RiskModel, w: pd.Series, own: pd.Series, total: float) -> pd.DataFrame:
    """Contribution of each stock held, or short against the benchmark."""
    marginal = model.marginal(w)
    table = pd.DataFrame({"weight": w, "marginal": marginal, "contribution": w * marginal})
    table.insert(2, "specific", _share(TRADING_DAYS * own.to_numpy(), total))
    table.insert(2, "factors", table["contribution"] - table["specific"])
    table = _with_percent(table[table["weight"] != 0.0], total)
    return table.loc[table["contribution"].abs().sort_values(ascending=False, kind="stable").index]


def _sum_by_kind(contributions: pd.Series, model: RiskModel) -> pd.Series:
    kind = [SPECIFIC if name == SPECIFIC else model.kinds[name] for name in contributions.index]
    return contributions.groupby(kind, sort=False).sum()


def _with_percent(table: pd.DataFrame, total: float) -> pd.DataFrame:
    return table.assign(percent=100.0 * _share(table["contribution"].to_numpy(), total))


def _share(part: Floats, whole: Floats | float) -> Floats:
    """``part / whole``, zero where the whole is."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0.0)
