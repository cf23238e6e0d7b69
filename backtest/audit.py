"""Does a decision change when the future does? If so, something looked ahead.

For a rebalance date t, everything that was not known at its close is replaced, the whole decision is
made again from raw data, and the answers at t are compared. A path from the future to the weights,
through a label, a full-sample mean, a restated figure or the list of those that survived, shows as a
change; none can hide, as no value after t is left as it was.

Two cheats leave weights alone, and have checks of their own: a label that is bought at a price of the
session whose close decides, and data from which those that failed are missing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.decision import (
    TOLERANCE,
    Control,
    Layers,
    MakePolicy,
    answered,
    benchmark_of,
    first_change,
    layers_at,
    shown_at,
)
from backtest.perturbation import PERTURBATIONS, perturbed, with_session_moved
from market import DataError, Market

Array = np.ndarray

# what the checks beside the perturbations are called
SESSION, MEMBERS, CONTROL = "own session", "members", "control"
_LABEL_TOLERANCE = 1e-6  # labels are in single precision


@dataclass(frozen=True, eq=False)
class AuditReport:
    """The outcome of an audit.

    Attributes
    ----------
    checks
        One row a date and perturbation: ``date``, ``perturbation``, ``changed``, ``largest`` (greatest
        absolute change of a weight), ``stock`` (where), ``layer`` (the first layer that changed, in the
        order in which ``layers`` gives them; empty when none did or none are offered) and ``error``
        (why there was no decision without the future, and then ``largest`` is NaN). A label,
        members of the index that the data lack, and a policy that does not read the market it is given
        have rows of their own, see ``audit``.
    """

    checks: pd.DataFrame

    @property
    def findings(self) -> pd.DataFrame:
        """The checks in which the future changed something, or that say why they could not tell."""
        return self.checks[self.checks["changed"]]

    @property
    def passed(self) -> bool:
        """True when there are no findings."""
        return self.findings.empty

    def __repr__(self) -> str:
        """State the verdict, then the findings line by line."""
        found, dates = self.findings, self.checks["date"].nunique()
        if self.passed:
            return f"AuditReport: passed {len(self.checks)} checks on {dates} dates"
        blind = found["perturbation"].eq(CONTROL).all()
        verdict = "NOTHING TESTED" if blind else "LOOK-AHEAD"
        lines = [f"AuditReport: {verdict} in {len(found)} of {len(self.checks)} checks"]
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
    fixed: bool = False,
) -> AuditReport:
    """Make decisions again with the future changed, and report which of them moved.

    Parameters
    ----------
    make_policy
        Builds a policy from raw data: ``make_policy(market)`` computes features, fits models and
        returns the callable that a run would use. It must read the market it is given: scores that were
        computed outside are the same whatever the future is, and prove nothing. So once a date every
        session is replaced, that of t and those before it too; when neither weights nor layers move,
        that is a finding, ``control``. The truth of a simulated market is not among what can be read.

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
    fixed
        True for a policy whose weights are given by hand and read no market: no control then.

    Raises
    ------
    DataError
        No date or perturbation, a date that is no session or has none after it, or an unknown
        perturbation.
    """
    days, kinds = [pd.Timestamp(date) for date in dates], tuple(perturbations)
    if not days:
        raise DataError("no date to audit; pass dates such as market.dates[[100, 300]]")
    if not kinds:
        raise DataError(f"no perturbation to audit with; use some of {PERTURBATIONS}")
    honest = make_policy(market)
    control = None if fixed else Control(make_policy, market, seed)
    rows = []
    for day in days:
        row = market.row(day)
        if row + 1 == len(market.dates):
            raise DataError(f"{day:%Y-%m-%d} is the last session; audit a date with a future")
        shown = shown_at(market, row, benchmark_of(honest, benchmark))
        before, layers = answered(honest, shown), layers_at(make_policy, market, day)
        for kind in kinds:
            other = perturbed(market, row, kind, np.random.default_rng([seed, row]))
            rows.append(_compared(make_policy, other, row, kind, benchmark, before, layers))
        if hasattr(make_policy, "label"):
            rows.append(_own_session(make_policy, market, row))
        rows += _absent(market, row, shown.benchmark)
        if control is not None and not control.moves(shown, before, layers):
            rows.append(_check(market, row, CONTROL, np.zeros(len(before)), "") | {"changed": True})
    return AuditReport(pd.DataFrame(rows))


def _compared(
    make_policy: MakePolicy, other: Market, row: int, kind: str, benchmark: str | None,
    before: Array, layers: Layers,
) -> dict[str, object]:  # fmt: skip
    """Make the decision of ``row`` in another market and return the row of its check."""
    layer = ""
    try:
        layer = first_change(layers, layers_at(make_policy, other, other.dates[row]))
        policy = make_policy(other)
        after = answered(policy, shown_at(other, row, benchmark_of(policy, benchmark)))
    except Exception as failure:  # noqa: BLE001  what fails for want of the future looked at it
        nothing = np.zeros(len(before))
        failed = {"changed": True, "largest": np.nan, "stock": ""}
        error = f"{type(failure).__name__}: {failure}"
        return _check(other, row, kind, nothing, layer) | failed | {"error": error}
    return _check(other, row, kind, np.abs(after - before), layer)


def _check(market: Market, row: int, kind: str, moved: Array, layer: str) -> dict[str, object]:
    """Return the row of a check of which ``moved`` ``[N]`` is the outcome."""
    return {
        "date": market.dates[row],
        "perturbation": kind,
        "changed": bool(moved.max() > TOLERANCE) or bool(layer),
        "largest": float(moved.max()),
        "stock": market.stocks[int(moved.argmax())],
        "layer": layer,
        "error": "",
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
    if row["perturbation"] == CONTROL:
        return (
            f"  {date}: the policy does not read the market it is given, no weight moved when all of it "
            "was replaced; compute scores in make_policy, or pass fixed=True for weights given by hand"
        )
    if row["error"]:
        return f"  {date}, {row['perturbation']} after it: no decision, {row['error']}"
    where = f", first layer {row['layer']}" if row["layer"] else ""
    return f"  {date}, {row['perturbation']} after it: weight of {stock} moved by {size}{where}"
