"""Alpha360 without its 360 columns: the last sixty bars in units of today's, made when a day is read."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.features.fields import Fields
from market import Market


@dataclass(frozen=True)
class PriceWindows:
    """Fields of the last ``steps`` sessions, prices over today's close, volume over today's volume.

    The handler of qlib of the name Alpha360 stores the same numbers as ``steps x fields`` columns; here a
    day is one division of a slice of the panel. A step on which the stock did not trade is NaN; a
    stock that does not trade today is NaN throughout. CLOSE0 and VOLUME0 are 1 by construction.

    Examples
    --------
    >>> ALPHA360.names[:2], len(ALPHA360.names)
    (('CLOSE59', 'CLOSE58'), 360)
    """

    steps: int = 60
    fields: tuple[str, ...] = ("close", "open", "high", "low", "vwap", "volume")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of the published layout: by field, oldest first."""
        ages = range(self.steps - 1, -1, -1)
        return tuple(f"{name.upper()}{age}" for name in self.fields for age in ages)

    def of(self, market: Market) -> "PriceWindowView":
        """Read the panels of ``market`` once (DataError when a field is missing)."""
        panels = Fields(market)
        stacked = np.stack([panels[name] for name in self.fields], axis=-1)
        today = np.stack([panels["close"], panels["volume"]], axis=-1)
        return PriceWindowView(self, market.dates, market.stocks, stacked, today)


ALPHA360 = PriceWindows()


@dataclass(frozen=True, eq=False)
class PriceWindowView:
    """The windows of a market, by date."""

    shape: PriceWindows
    dates: pd.DatetimeIndex  # [T]
    stocks: pd.Index  # [N]
    panel: NDArray[np.float32]  # [T, N, fields]
    today: NDArray[np.float32]  # [T, N, 2] close and volume, which the fields are divided by

    @property
    def steps(self) -> int:
        """Steps of a window."""
        return self.shape.steps

    @property
    def sessions(self) -> int:
        """Sessions that a window looks at."""
        return self.shape.steps

    def known(self) -> NDArray[np.bool_]:
        """Where a stock traded, ``[T, N]``."""
        return np.isfinite(self.today[..., 0])

    def raw(self, row: int, columns: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Windows ``[steps, n, fields]`` that end on session ``row``; NaN before the first session."""
        steps = self.shape.steps
        window = self.panel[max(row + 1 - steps, 0) : row + 1]
        here = window if columns is None else np.take(window, columns, axis=1)
        today = self.today[row] if columns is None else self.today[row, columns]
        # take, not an index: it lays the units out like the window, which divides four times as fast
        units = np.take(today, [int(name == "volume") for name in self.shape.fields], axis=1)
        values = np.empty((steps, *units.shape), np.float32)
        values[: steps - len(here)] = np.nan
        with np.errstate(all="ignore"):
            np.divide(here, units, out=values[steps - len(here) :])
        return values

    def window(self, date: pd.Timestamp | str) -> NDArray[np.float32]:
        """Windows ``[N, steps, fields]`` known at the close of ``date``; the last step is the day itself.

        Steps before the first session are NaN.

        Raises
        ------
        ValueError
            ``date`` is not a session.
        """
        return self.raw(self._row(date)).transpose(1, 0, 2)

    def columns(self, date: pd.Timestamp | str) -> NDArray[np.float32]:
        """The same numbers in the published layout ``[N, fields x steps]``, as ``shape.names`` says."""
        window = self.window(date)
        return window.transpose(0, 2, 1).reshape(len(window), -1)

    def _row(self, date: pd.Timestamp | str) -> int:
        row = int(self.dates.searchsorted(pd.Timestamp(date)))
        if row == len(self.dates) or self.dates[row] != pd.Timestamp(date):
            raise ValueError(
                f"price windows: {pd.Timestamp(date):%Y-%m-%d} is not a session; they run "
                f"{self.dates[0]:%Y-%m-%d} to {self.dates[-1]:%Y-%m-%d}"
            )
        return row
