"""The independent check of an answer: plain numpy on the final weights, no solver in sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from enhance.constraint import Constraint
from enhance.problem import Problem
from enhance.reach import Reach

Array = np.ndarray

COLUMNS = ["limit", "value", "excess", "tolerance", "met"]


@dataclass(frozen=True, eq=False)
class Check:
    """Verdict by limit: a frame with ``limit``, ``value``, ``excess``, ``tolerance``, ``met``."""

    table: pd.DataFrame

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

    A stock pinned outside a limit by stock (see ``Reach``) is exempt from that limit as long as it
    keeps its held weight. Weights that are not finite break everything.
    """
    reach = Reach.of(problem, constraints)
    kept = np.abs(weights - problem.holdings) <= 1e-6
    rows = {}
    for c in constraints:
        excess, value = c.excess(weights, problem), c.measure(weights, problem)
        exempt = reach.exempt(c, problem)
        if exempt.any():
            excess, value = (np.where(exempt & kept, -np.inf, array) for array in (excess, value))
        worst = float(np.max(excess))
        rows[c.name] = {
            "limit": c.limit,
            "value": float(np.min(value) if c.floor else np.max(value)),
            "excess": worst,
            "tolerance": c.tolerance,
            "met": worst <= c.tolerance,  # NaN compares False: a broken answer fails
        }
    return Check(pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS))
