"""Does a decision change when the future does? If so, something looked ahead.

For a rebalance date t, everything that was not known at its close is replaced, the whole decision is
made again from raw data, and the answers at t are compared. A path from the future to the weights,
through a label, a full-sample mean, a restated figure or the list of those that survived, shows as a
change; none can hide, as no value after t is left as it was.

Two cheats leave weights alone, and have checks of their own: a label that is bought at a price of the
session whose close decides, and data from which those that failed are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.exchange import forecast
from backtest.orders import Orders, aligned, opened, placed_orders
from backtest.perturbation import PERTURBATIONS, perturbed, with_session_moved
from market import Costs, DataError, Market, Snapshot, Target

Array = np.ndarray
Policy = Callable[[Snapshot], pd.Series | Target | Orders]
MakePolicy = Callable[[Market], Policy]
Layers = Mapping[str, Array | pd.Series | pd.DataFrame]

SESSION, MEMBERS = "own session", "members"  # what the checks beside the perturbations are called
_TOLERANCE = 1e-12  # weights: below this a change is the order of a sum
_LABEL_TOLERANCE = 1e-6  # labels are in single precision


@dataclass(frozen=True, eq=False)
class AuditReport:
    """The outcome of an audit.

    Attributes
    ----------
    checks
        One row a date and perturbation: ``date``, ``perturbation``, ``changed``, ``largest`` (greatest
        absolute change of a weight), ``stock`` (where) and ``layer`` (the first layer that changed, in
        the order in which ``layers`` gives them; empty when none did or none are offered). A label, and
        members of the index that the data lack, have rows of their own, see ``audit``.
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
        lines += [_sentence(row) for row in found.head(4).to_dict(orient="records")]
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
        returns the callable that a run would use.

        When it has an attribute ``layers``, ``make_policy.layers(market, t)`` gives the intermediate
        results at t by name, in the order in which they are computed, and the report says which one
        changed first.

        When it has an attribute ``label``, ``make_policy.label(market)`` gives what its models are
        trained on, session x stock, and there is a check ``own session``: the label of t must not
        change with the prices of t, or it is bought at a price that decides whether to buy it.
    market
        The whole market, neither sliced nor selected.
    dates
        Decision dates to check; each needs a session after it.
    benchmark
        Index whose weights are held before the decision; ``policy.benchmark`` when left out, and
        cash when there is none. Members that have no price on any session are a finding,
        ``members``: data without them hold only those that did well enough to stay.
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
            layer = _first_change(layers, _layers(make_policy, other, day))
            rows.append(_check(market, row, kind, np.abs(after - before), layer))
        if hasattr(make_policy, "label"):
            rows.append(_own_session(make_policy, market, row))
        rows += _absent(market, row, _index(honest, benchmark))
    return AuditReport(pd.DataFrame(rows))


def _check(market: Market, row: int, kind: str, moved: Array, layer: str) -> dict[str, object]:
    """Return the row of a check of which ``moved`` ``[N]`` is the outcome."""
    return {
        "date": market.dates[row],
        "perturbation": kind,
        "changed": bool(moved.max() > _TOLERANCE) or bool(layer),
        "largest": float(moved.max()),
        "stock": market.stocks[int(moved.argmax())],
        "layer": layer,
    }


def _own_session(make_policy: MakePolicy, market: Market, row: int) -> dict[str, object]:
    """Move the prices of the session alone and look at its label."""
    date = market.dates[row]
    label = getattr(make_policy, "label")  # noqa: B009  (offered by some, in no protocol)
    before, after = (
        label(m).loc[date].reindex(market.stocks).to_numpy(dtype=np.float64)
        for m in (market, with_session_moved(market, row))
    )
    moved = np.where(np.isnan(before) & np.isnan(after), 0.0, np.abs(after - before))
    moved = np.nan_to_num(moved, nan=np.inf)  # a label that comes or goes has changed
    changed = bool(moved.max() > _LABEL_TOLERANCE)
    return _check(market, row, SESSION, moved, "label") | {"changed": changed}


def _absent(market: Market, row: int, index: str | None) -> list[dict[str, object]]:
    """Return a finding when members of the index have no price on any session of the data."""
    if index is None or f"member:{index}" not in market.fields:
        return []
    member = market.index(index).member[row]
    lost = member & ~(market.values("close") > 0.0).any(axis=0)
    if not lost.any():
        return []
    return [_check(market, row, MEMBERS, lost / max(member.sum(), 1), "membership")]


def _sentence(row: Mapping[Hashable, object]) -> str:
    """State a finding."""
    date, stock, size = f"{row['date']:%Y-%m-%d}", row["stock"], f"{row['largest']:.3g}"
    if row["perturbation"] == SESSION:
        return (
            f"  {date}: the label of {stock} moved by {size} with the prices of that very session; let "
            "it begin with a deal of the next one"
        )
    if row["perturbation"] == MEMBERS:
        return (
            f"  {date}: members of the index have no price on any session, first {stock}; take "
            "data that include what was delisted since"
        )
    where = f", first layer {row['layer']}" if row["layer"] else ""
    return f"  {date}, {row['perturbation']} after it: weight of {stock} moved by {size}{where}"


def _index(policy: Policy, benchmark: str | None) -> str | None:
    return benchmark if benchmark is not None else getattr(policy, "benchmark", None)


def _decision(policy: Policy, market: Market, row: int, benchmark: str | None) -> Array:
    """Return the policy's answer at the close of ``row`` ``[N]``: weights, or orders as ``_ordered``."""
    date = market.dates[row]
    name = _index(policy, benchmark)
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
    answer = policy(snapshot)
    if isinstance(answer, Orders):
        return _ordered(answer, market.stocks, date)
    return aligned(opened(answer)[0], market.stocks, date)


def _ordered(orders: Orders, stocks: pd.Index, date: pd.Timestamp) -> Array:
    """Return orders as numbers ``[N]``: the share of the cash that is spent, -1 for a sale."""
    sold, numbers = placed_orders(orders, stocks, date)
    numbers[sold] = -1.0
    return numbers


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
