"""The independent check of an answer: plain numpy on the final weights, no solver in sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from enhance.constraint import Constraint
from enhance.constraints import Soft
from enhance.problem import Problem
from enhance.reach import Reach

Array = np.ndarray

COLUMNS = ["limit", "value", "excess", "tolerance", "met"]


@dataclass(frozen=True, eq=False)
class Check:
    """Verdict by limit: a frame with ``limit``, ``value``, ``excess``, ``tolerance``, ``met``.

    Attributes
    ----------
    violations
        By name of a soft limit, by how much it is broken, in its own unit; zero where it is met.
    """

    table: pd.DataFrame
    violations: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return bool(self.table["met"].all())

    @property
    def broken(self) -> list[str]:
        """Return one phrase per broken limit."""
        rows = self.table[~self.table["met"].astype(bool)]
        return [
            f"{name} {row['value']:.6g} against {row['limit']:g} (off by {row['excess']:.3g})"
            for name, row in rows.iterrows()
        ]


def check(problem: Problem, weights: Array, constraints: Sequence[Constraint]) -> Check:
    """Measure every limit on float64 weights.

    A stock pinned outside a limit by stock (see ``Reach``) is exempt from that limit as long as it has
    its pinned weight. Weights that are not finite break everything.
    """
    reach = Reach.of(problem, constraints)
    kept = np.abs(weights - reach.at) <= 1e-6
    finite = bool(np.isfinite(weights).all())
    rows, violations = {}, {}
    for c in constraints:
        outside = reach.exempt(c, problem)
        exempt = outside & kept if outside.any() else None
        excess = c.excess(weights, problem)
        worst = float(np.max(excess if exempt is None else np.where(exempt, -np.inf, excess)))
        rows[c.name] = {
            "limit": c.number,
            "value": c.reached(weights, problem, exempt),
            "excess": worst,
            "tolerance": c.tolerance,
            "met": finite and worst <= c.tolerance,  # NaN compares False: a broken answer fails
        }
        if isinstance(c, Soft):
            violations[c.name] = max(c.breach(weights, problem, exempt), 0.0)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    return Check(table, violations)
