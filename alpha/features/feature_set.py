"""A feature set: names, formulas, and their values on a market."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.features.bars import Bars
from alpha.features.cube import FeatureCube
from market import Market
from market.progress import track

Formula = Callable[[Bars], NDArray[np.float32]]

# Stocks per block: the windows of one block stay in cache, and the F columns of a day can be laid side
# by side before they reach the cube. Writing one column at a time touches every cache line F times.
BLOCK = 256


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Named formulas; each turns :class:`Bars` into one ``[T, N]`` panel known at the close of t.

    Examples
    --------
    >>> gap = FeatureSet("gap", {"GAP": lambda bars: bars.open / bars.close})
    >>> gap.names
    ('GAP',)
    """

    name: str
    formulas: Mapping[str, Formula]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in the order of the cube's last axis."""
        return tuple(self.formulas)

    def __len__(self) -> int:
        return len(self.formulas)

    def compute(self, market: Market, progress: bool = False) -> NDArray[np.float32]:
        """Values ``[T, N, F]`` float32, date-major, NaN where a formula has no answer.

        Date-major means that the window ``x[t - L + 1 : t + 1]`` of all stocks is one block of memory.
        """
        bars = Bars.of(market)
        days, stocks = bars.close.shape
        cube = np.empty((days, stocks, len(self)), np.float32)
        for start in track(range(0, stocks, BLOCK), progress, f"features {self.name}"):
            part = slice(start, min(start + BLOCK, stocks))
            self._fill(cube[:, part], bars.columns(part))
        return cube

    def cube(
        self, market: Market, stocks: pd.Index | None = None, progress: bool = False
    ) -> FeatureCube:
        """Return :meth:`compute` with its labels, for all stocks or for the ones named."""
        part = market if stocks is None else market.select(stocks)
        values = self.compute(part, progress)
        return FeatureCube(values, part.dates, part.stocks, self.names)

    def _fill(self, out: NDArray[np.float32], bars: Bars) -> None:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            columns = np.stack([formula(bars) for formula in self.formulas.values()])  # [F, T, n]
        for t in range(out.shape[0]):
            out[t] = columns[:, t].T
        out[np.isinf(out)] = np.nan
