"""The adjusted daily bars that a feature written as a function reads."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from alpha.features.fields import Fields
from market import Market


@dataclass(frozen=True, eq=False)  # arrays inside: identity, not element-wise truth
class Bars:
    """Adjusted prices and volume, ``[T, N]`` float32; NaN wherever the stock did not trade.

    See :class:`alpha.features.fields.Fields`.
    """

    open: NDArray[np.float32]
    high: NDArray[np.float32]
    low: NDArray[np.float32]
    close: NDArray[np.float32]
    volume: NDArray[np.float32]
    vwap: NDArray[np.float32]

    @classmethod
    def of(cls, market: Market) -> "Bars":
        """Read the fields of ``market`` (DataError when one is missing)."""
        panels = Fields(market)
        return cls(**{f.name: panels[f.name] for f in fields(cls)})
