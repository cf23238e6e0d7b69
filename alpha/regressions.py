"""First-order models: a ridge regression of the label on the features for each day and number of days."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alpha.batch import Days

Rows = NDArray[np.intp]
Sums = tuple[NDArray[np.float64], NDArray[np.float64], int]


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Ridge coefficients that were known at the close of each session, ``values`` ``[T, S, 1 + F]``.

    With h the horizon of the label, those of session t and scale s come from sessions
    t - h - s + 1 .. t - h, the latest whose labels are known at t::

        theta = (sum X'X + ridge n I)^-1 sum X'y,   n the stocks summed over, the intercept not shrunk

    The intercept comes first. NaN where none of the sessions has labels.
    """

    values: NDArray[np.float32]
    history: int

    @classmethod
    def of(cls, days: Days, scales: tuple[int, ...], ridge: float, history: int) -> "Coefficients":
        """Regress on the last step of the windows of ``days``.

        Each day is read once, as X'X and X'y.
        """
        values = np.full((len(days.dates), len(scales), 1 + days.features), np.nan, np.float32)
        ledger = Ledger(days.horizon, max(scales))
        for row in range(days.windows.first + days.horizon, len(days.dates)):
            ledger.add(row - days.horizon, day_sums(days, row - days.horizon))
            for k, scale in enumerate(scales):
                values[row, k] = ridge_solution(ledger.latest(scale, row), ridge)
        return cls(values, history)

    def read(self, row: int) -> NDArray[np.float32]:
        """Coefficients of the sessions ``row - history + 1 .. row``, ``[S, history, 1 + F]``."""
        found = np.full((self.history, *self.values.shape[1:]), np.nan, np.float32)
        known = self.values[max(row - self.history + 1, 0) : row + 1]
        found[self.history - len(known) :] = known
        return found.transpose(1, 0, 2)


class Ledger:
    """Sums of the latest sessions, to be read only when their labels are known."""

    def __init__(self, horizon: int, size: int) -> None:
        self.horizon = horizon
        self.entries: deque[tuple[int, Sums]] = deque(maxlen=size)

    def add(self, row: int, sums: Sums) -> None:
        """Enter session ``row``; sessions come in order and the oldest makes room."""
        if self.entries and row != self.entries[-1][0] + 1:
            raise ValueError(
                f"ledger: session {row} does not follow session {self.entries[-1][0]}; enter each "
                "session once, in order"
            )
        self.entries.append((row, sums))

    def latest(self, count: int, now: int) -> Sums:
        """Add up the ``count`` latest entries as they are known at the close of session ``now``.

        Raises
        ------
        ValueError
            The labels of an entry are not known at ``now``.
        """
        chosen = list(self.entries)[-count:]
        last = chosen[-1][0] if chosen else now - self.horizon
        if last + self.horizon > now:
            raise ValueError(
                f"ledger: the labels of session {last} are known at session {last + self.horizon}, "
                f"{self.horizon} later, and session {now} asks for them; read rows up to "
                f"{now - self.horizon}"
            )
        grams, moments, counts = zip(*(sums for _, sums in chosen), strict=True)
        return sum(grams), sum(moments), sum(counts)


def day_sums(days: Days, row: int) -> Sums:
    """Return ``X'X`` ``[1 + F, 1 + F]``, ``X'y`` ``[1 + F]`` and the number of labelled stocks of a day."""
    labelled = np.flatnonzero(days.present[row] & ~np.isnan(days.y[row]))
    features = days.windows.window(row, labelled)[-1].astype(np.float64)
    x = np.concatenate([np.ones((len(features), 1)), features], axis=1)
    return x.T @ x, x.T @ days.y[row, labelled].astype(np.float64), len(x)


def ridge_solution(sums: Sums, ridge: float) -> NDArray[np.float64]:
    """Return the coefficients ``[1 + F]``, NaN where nothing was summed.

    Examples
    --------
    Labels 1 + 2 x on x = -1, 0, 1: without ridge (1, 2), and (1, 1) when n ridge is x'x = 2.

    >>> x = np.array([[1.0, -1], [1, 0], [1, 1]])
    >>> sums = x.T @ x, x.T @ np.array([-1.0, 1, 3]), 3
    >>> ridge_solution(sums, 0.0), ridge_solution(sums, 2 / 3)
    (array([1., 2.]), array([1., 1.]))
    """
    gram, moment, count = sums
    if not count:
        return np.full(len(moment), np.nan)
    shrink = np.full(len(moment), ridge * count)
    shrink[0] = 0.0
    return np.asarray(np.linalg.solve(gram + np.diag(shrink), moment), np.float64)
