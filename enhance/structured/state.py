"""What one week teaches the next: the prices of the limits, kept by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enhance.structured.form import Multipliers
from enhance.structured.standard import Standard

Array = np.ndarray


class State:
    """Prices of the last answer by constraint, and by factor where a limit has many.

    Stocks, factors and limits may come and go between weeks: what is still known under its name is
    used, the rest starts at zero. A state only says where to begin; answers do not depend on it beyond
    the tolerance of the solver, since every stock is priced again.

    Examples
    --------
    >>> state = State()
    >>> for problem in weeks:  # doctest: +SKIP
    ...     solution = enhance.solve(problem, constraints, objective, state=state)
    """

    def __init__(self) -> None:
        self._last: _Lesson | None = None

    def forget(self) -> None:
        """Start anew: the next week is solved cold."""
        self._last = None

    def remember(self, standard: Standard, prices: Multipliers, scale: float) -> None:
        """Keep the multipliers of an answer; ``scale`` is the size of its slopes."""
        cone = standard.form.tracking_error
        self._last = _Lesson(
            (standard.rows, standard.low_by, standard.high_by),
            prices.exposure / scale,
            prices.factor,
            prices.budget / scale,
            prices.turnover / scale,
            prices.risk / (scale * cone * cone) if cone < np.inf else 0.0,
        )

    def recall(self, standard: Standard) -> Multipliers | None:
        """Return multipliers for a form, in units of its scale; None where nothing is known."""
        if self._last is None:
            return None
        form, last = standard.form, self._last
        exposure, factor = last.for_rows(standard)
        return Multipliers(
            exposure,
            factor,
            last.budget if form.total < np.inf else 0.0,
            last.turnover if form.turnover < np.inf else 0.0,
            last.risk * form.tracking_error**2 if form.tracking_error < np.inf else 0.0,
        )


@dataclass(frozen=True, eq=False)
class _Lesson:
    """Prices in units of the scale, and the names of the rows they belong to."""

    names: tuple[tuple[str, ...], tuple[str | None, ...], tuple[str | None, ...]]
    exposure: Array
    factor: Array
    budget: float
    turnover: float
    risk: float

    def for_rows(self, standard: Standard) -> tuple[Array, Array]:
        """Return the prices and exposures of other rows ``[M]``, ``[M]``, by name."""
        if self.names == (standard.rows, standard.low_by, standard.high_by):
            return self.exposure, self.factor
        rows, *sides = self.names
        by_limit = {
            (limit, row): k
            for side in sides
            for k, (limit, row) in enumerate(zip(side, rows, strict=True))
        }
        by_row = {row: k for k, row in enumerate(rows)}
        exposure, factor = np.zeros(len(standard.rows)), np.zeros(len(standard.rows))
        for k, row in enumerate(standard.rows):
            if row in by_row:
                factor[k] = self.factor[by_row[row]]
            for limit in (standard.low_by[k], standard.high_by[k]):
                if limit is not None and (limit, row) in by_limit:
                    exposure[k] = self.exposure[by_limit[limit, row]]
        return exposure, factor
