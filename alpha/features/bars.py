"""The adjusted daily bars that feature formulas read."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from market import Market


@dataclass(frozen=True, eq=False)  # arrays inside: identity, not element-wise truth
class Bars:
    """Adjusted prices and volume, ``[T, N]`` float32; NaN wherever the stock did not trade.

    Prices are multiplied by the cumulative factor and volume divided by it, so a split moves neither.
    A day without volume is missing in every field: dividing by ``volume + eps`` on a suspended day would
    give ratios of 1e12.
    """

    open: NDArray[np.float32]
    high: NDArray[np.float32]
    low: NDArray[np.float32]
    close: NDArray[np.float32]
    volume: NDArray[np.float32]

    @classmethod
    def of(cls, market: Market) -> "Bars":
        """Read the five fields of ``market`` (DataError when one is missing)."""
        panels = {f.name: market.adjusted(f.name).to_numpy(np.float32) for f in fields(cls)}
        traded = (panels["volume"] > 0) & np.isfinite(panels["close"])
        return cls(**{name: np.where(traded, x, np.float32(np.nan)) for name, x in panels.items()})

    def columns(self, part: slice) -> "Bars":
        """Return the same bars for a slice of the stocks, contiguous in memory."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return Bars(**{name: np.ascontiguousarray(x[:, part]) for name, x in own.items()})
