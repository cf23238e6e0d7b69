"""Does a decision change when the future does? If so, something looked ahead.

For a rebalance date t, every stored value dated after t is replaced, the whole decision is made again
from raw data, and the weights at t are compared. A path from the future to the weights, through a
label, a full-sample mean or a restated figure, shows as a change; none can hide, as no value after t
is left as it was. What is not dated (``market.securities``) is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.exchange import forecast
from backtest.orders import aligned, opened
from market import Costs, DataError, Market, Snapshot, Target

Array = np.ndarray
Policy = Callable[[Snapshot], pd.Series | Target]
MakePolicy = Callable[[Market], Policy]
Layers = Mapping[str, Array | pd.Series | pd.DataFrame]

PERTURBATIONS = ("noise", "shuffle", "missing")
_TOLERANCE = 1e-12  # weights: below this a change is the order of a sum


@dataclass(frozen=True, eq=False)
class AuditReport:
    """The outcome of an audit.

    Attributes
    ----------
    checks
        One row a date and perturbation: ``date``, ``perturbation``, ``changed``, ``largest`` (greatest
        absolute change of a weight), ``stock`` (where) and ``layer`` (the first layer that changed, in
        the order in which ``layers`` gives them; empty when none did or none are offered).
    """

    checks: pd.DataFrame

    @property
    def findings(self) -> pd.DataFrame:
        """The checks in which the future changed the decision or a layer below it."""
        return self.checks[self.checks["changed"]]

    @property
    def passed(self) -> bool:
        """True when nothing changed."""
        return self.findings.empty

    def __repr__(self) -> str:
        """State the verdict, then the findings line by line."""
        found, dates = self.findings, self.checks["date"].nunique()
        if self.passed:
            return f"AuditReport: passed {len(self.checks)} checks on {dates} dates"
        lines = [f"AuditReport: LOOK-AHEAD in {len(found)} of {len(self.checks)} checks"]
        for row in found.head(4).to_dict(orient="records"):
            where = f", first layer {row['layer']}" if row["layer"] else ""
            lines.append(
                f"  {row['date']:%Y-%m-%d}, {row['perturbation']} after it: weight of {row['stock']} "
                f"moved by {row['largest']:.3g}{where}"
            )
        return "\n".join(lines)


def audit(
    make_policy: MakePolicy,
    market: Market,
    dates: Iterable[str | pd.Timestamp],
    *,
    benchmark: str | None = None,
    perturbations: Iterable[str] = PERTURBATIONS,
    seed: int = 0,
) -> AuditReport:
    """Make decisions again with the future changed, and report which of them moved.

    Parameters
    ----------
    make_policy
        Builds a policy from raw data: ``make_policy(market)`` computes features, fits models and
        returns the callable that a run would use. When it has an attribute ``layers``,
        ``make_policy.layers(market, t)`` gives the intermediate results at t by name, in the order in
        which they are computed, and the report says which one changed first.
    market
        The whole market, neither sliced nor selected.
    dates
        Decision dates to check; each needs a session after it.
    benchmark
        Index whose weights are held before the decision; ``policy.benchmark`` when left out, and
        cash when there is none.
    perturbations
        ``noise`` (numbers times a random factor, flags and categories drawn anew), ``shuffle`` (every
        field permuted across stocks) and ``missing`` (nothing known).
    seed
        Of the noise and the permutations.

    Raises
    ------
    DataError
        A date that is no session or has none after it, or an unknown perturbation.
    """
    honest = make_policy(market)
    rows = []
    for day in map(pd.Timestamp, dates):
        row = market.row(day)
        if row + 1 == len(market.dates):
            raise DataError(f"{day:%Y-%m-%d} is the last session; audit a date with a future")
        before = _decision(honest, market, row, benchmark)
        layers = _layers(make_policy, market, day)
        for kind in perturbations:
            other = perturbed(market, row, kind, np.random.default_rng([seed, row]))
            after = _decision(make_policy(other), other, row, benchmark)
            moved = np.abs(after - before)
            layer = _first_change(layers, _layers(make_policy, other, day))
            rows.append(
                {
                    "date": day,
                    "perturbation": kind,
                    "changed": bool(moved.max() > _TOLERANCE) or bool(layer),
                    "largest": float(moved.max()),
                    "stock": market.stocks[int(moved.argmax())],
                    "layer": layer,
                }
            )
    return AuditReport(pd.DataFrame(rows))


def perturbed(market: Market, row: int, kind: str, random: np.random.Generator) -> Market:
    """Return a market in which every stored value after ``row`` is replaced."""
    if kind not in PERTURBATIONS:
        raise DataError(f"perturbation {kind!r} is unknown; use some of {PERTURBATIONS}")
    changes = {}
    for name in market.fields:
        values = market.values(name).copy()
        values[row + 1 :] = _replaced(values[row + 1 :], kind, random)
        changes[name] = values
    levels = market.levels.copy()
    later = levels.iloc[row + 1 :].to_numpy(dtype=np.float64)
    levels.iloc[row + 1 :] = _replaced(later, "noise" if kind == "shuffle" else kind, random)
    return market.with_fields(changes).with_levels(levels)


def _replaced(later: Array, kind: str, random: np.random.Generator) -> Array:
    """Return other values of the same type for the block ``later`` ``[rows, N]``."""
    if kind == "shuffle":
        return later[:, random.permutation(later.shape[1])]
    if kind == "noise":
        if np.issubdtype(later.dtype, np.floating):
            return later * np.exp(0.3 * random.standard_normal(later.shape))
        if later.dtype == bool:
            return later ^ (random.random(later.shape) < 0.3)
        return random.integers(later.min(), later.max() + 1, later.shape)
    missing = {"b": False, "i": -1}.get(later.dtype.kind, np.nan)
    return np.full_like(later, missing)


def _decision(policy: Policy, market: Market, row: int, benchmark: str | None) -> Array:
    """Return the policy's weights ``[N]`` at the close of ``row``."""
    date = market.dates[row]
    name = benchmark if benchmark is not None else getattr(policy, "benchmark", None)
    held = pd.Series(dtype=np.float64, index=market.stocks[:0], name="weight")
    if name is not None:
        held = market.index(name).weights_on(date)
    can_buy, can_sell = forecast(market, row)
    snapshot = Snapshot(
        date=date,
        market=market.until(date),
        holdings=held,
        cash=1.0 - float(held.sum()),
        capital=1e8,
        can_buy=can_buy,
        can_sell=can_sell,
        costs=Costs.cn(),
        benchmark=name,
    )
    return aligned(opened(policy(snapshot))[0], market.stocks, date)


def _layers(make_policy: MakePolicy, market: Market, date: pd.Timestamp) -> Layers:
    offered = getattr(make_policy, "layers", None)
    return {} if offered is None else offered(market, date)


def _first_change(before: Layers, after: Layers) -> str:
    """Return the name of the first layer that differs anywhere; missing values equal each other."""
    for name, values in before.items():
        old, new = np.asarray(values), np.asarray(after[name])
        if old.shape != new.shape or not np.array_equal(old, new, equal_nan=old.dtype.kind == "f"):
            return name
    return ""
