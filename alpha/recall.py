"""What a network got wrong in past sessions, worked out when it is first read."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alpha.batch import Days
from alpha.nn.memory import LabelMemory

Rows = NDArray[np.intp]
Errors = Callable[[Days, int], Tensor]


class Recall:
    """Errors by session and stock of days that are given when it is read (``alpha.batch.DayMemory``).

    ``errors(days, row)`` returns them for a labelled session, ``[N, K]`` by the stocks of ``days``. They
    hang on weights and windows alone, so a session that nobody visited is worked out like any other, and
    nothing has to be kept but time.
    """

    def __init__(self, errors: Errors, width: int, length: int) -> None:
        self.errors, self.width, self.length = errors, width, length
        self.days: Days | None = None
        self.bare: Days | None = None  # the same without this memory
        self.kept: LabelMemory | None = None

    def forget(self) -> None:
        """Forget everything: other weights make other errors."""
        self.days = self.bare = self.kept = None

    def write_up(self, days: Days, rows: Iterable[int]) -> None:
        """Work out all that will be read on ``rows``."""
        for row in rows:
            self._written(days, row)

    def read(self, days: Days, row: int, columns: Rows) -> NDArray[np.float32]:
        """Return ``[n, length, K]`` of the latest sessions whose labels are known at the close of ``row``."""
        kept = self._written(days, row)
        return kept.read(kept.open(row, self.length), columns, row)

    def _written(self, days: Days, row: int) -> LabelMemory:
        """Write what is missing for ``row``; other days are another memory."""
        if self.kept is None or self.bare is None or self.days is not days:
            self.days, self.bare = days, replace(days, memory=None)
            self.kept = LabelMemory(self.width, days.horizon)
        for past in self.kept.open(row, self.length):
            if past in self.kept.rows or past < days.windows.first or not days.present[past].any():
                continue
            self.kept.write(past, self.errors(self.bare, past).cpu().numpy())
        return self.kept
