"""The panels that formulas read, taken from a market when they are first asked for."""

import numpy as np
from numpy.typing import NDArray

from market import Market

PRICES = ("open", "high", "low", "close", "vwap")

Panel = NDArray[np.float32]


class Fields:
    """Fields of a market by name, ``[T, N]`` float32, NaN wherever the stock did not trade.

    Prices are multiplied by the cumulative factor and volume divided by it, so a split moves neither;
    ``vwap`` is the typical price where the data have none; any other field is as the market holds it.
    A day without volume is missing in every field: dividing by ``volume + eps`` on a suspended day would
    give ratios of 1e12.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._panels: dict[str, Panel] = {}
        self.traded: NDArray[np.bool_] = (market.values("volume") > 0) & np.isfinite(
            market.values("close")
        )

    def __getitem__(self, name: str) -> Panel:
        """Return a field (DataError when the market has none of that name)."""
        if name not in self._panels:
            values = self._read(name).astype(np.float32, copy=False)
            self._panels[name] = np.where(self.traded, values, np.float32(np.nan))
        return self._panels[name]

    def _read(self, name: str) -> NDArray[np.generic]:
        if name in PRICES:
            stored = "deal_vwap" if name == "vwap" else name
            return self._market.values(stored) * self._market.values("factor")
        if name == "volume":
            return self._market.values(name) / self._market.values("factor")
        return self._market.values(name)
