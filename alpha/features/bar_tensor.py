"""Bars as small matrices for bar encoders: five days of a week, one day, or the half-hours of a day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.features.fields import PRICES, Fields
from market import Market

DAILY = ("open", "high", "low", "close", "vwap", "volume")


@dataclass(frozen=True, eq=False)
class BarTensor:
    """The last ``steps`` matrices of ``bars x fields`` of every stock, made when a day is read.

    Blocks are counted backwards from the day asked for: the last week is its five last sessions, whatever
    the calendar says, so no block holds a day of the future or half a week. Numbers are
    free of the stock's level and known at the close: prices over the last close, other fields over
    their mean size in the window.

    Examples
    --------
    ``BarTensor.weekly(market).at(date)`` has shape ``[N, 30, 5, 6]``,
    ``BarTensor.daily(market).at(date)`` ``[N, 60, 1, 6]``.
    """

    values: NDArray[np.float32]  # [T, bars a day, N, fields], NaN missing
    dates: pd.DatetimeIndex  # [T]
    stocks: pd.Index  # [N]
    fields: tuple[str, ...]
    steps: int
    days: int = 1  # sessions of one matrix

    def __post_init__(self) -> None:
        wanted = (len(self.dates), len(self.stocks), len(self.fields))
        have = (self.values.shape[0], *self.values.shape[2:])
        if have != wanted or self.values.ndim != 4:
            raise ValueError(
                f"bar tensor: values have shape {self.values.shape}; needed are [dates, bars, stocks, "
                f"fields] with {wanted[0]} dates, {wanted[1]} stocks and {wanted[2]} fields"
            )
        if "close" not in self.fields:
            raise ValueError(f"bar tensor: fields {self.fields} need close, the unit of the prices")

    @classmethod
    def daily(
        cls, market: Market, steps: int = 60, fields: Sequence[str] = DAILY, days: int = 1
    ) -> "BarTensor":
        """Daily bars, adjusted; one matrix holds ``days`` of them."""
        panels = Fields(market)
        values = np.stack([panels[name] for name in fields], axis=-1)[:, None]
        return cls(values, market.dates, market.stocks, tuple(fields), steps, days)

    @classmethod
    def weekly(cls, market: Market, steps: int = 30, fields: Sequence[str] = DAILY) -> "BarTensor":
        """Five daily bars a matrix."""
        return cls.daily(market, steps, fields, days=5)

    @classmethod
    def from_frame(
        cls, bars: pd.DataFrame, steps: int = 30, fields: Sequence[str] | None = None
    ) -> "BarTensor":
        """Bars within the day, one day a matrix.

        Parameters
        ----------
        bars
            Long: columns ``time`` (end of the bar), ``stock`` and the fields; prices adjusted. Every
            time of day that occurs is a bar; one that a stock does not have is missing.
        steps
            Days of a window.
        fields
            Columns to take; all others than ``time`` and ``stock`` by default.

        Raises
        ------
        ValueError
            A column is missing, or two rows hold the same stock and time.
        """
        names = tuple(fields or [c for c in bars.columns if c not in ("time", "stock")])
        lacking = [c for c in ("time", "stock", *names) if c not in bars.columns]
        if lacking:
            raise ValueError(
                f"bar tensor: no columns {lacking}; the frame has {list(bars.columns)}"
            )
        twice = bars.duplicated(["time", "stock"])
        if twice.any():
            first = bars.loc[twice, ["time", "stock"]].iloc[0].tolist()
            raise ValueError(f"bar tensor: {twice.sum()} rows come twice, first {first}")
        stamps = pd.DatetimeIndex(bars["time"])
        days, dates = pd.factorize(stamps.normalize(), sort=True)
        clock, times = pd.factorize(stamps - stamps.normalize(), sort=True)
        codes, stocks = pd.factorize(bars["stock"], sort=True)
        shape = (len(dates), len(times), len(stocks), len(names))
        values = np.full(shape, np.nan, np.float32)
        values[days, clock, codes] = bars[list(names)].to_numpy(np.float32)
        index = pd.DatetimeIndex(dates, name="date")
        return cls(values, index, pd.Index(stocks, name="stock"), names, steps)

    @property
    def sessions(self) -> int:
        """Sessions that a window looks at."""
        return self.steps * self.days

    @property
    def names(self) -> tuple[str, ...]:
        """What one step holds, bar by bar: ``open1 .. volume1, open2 ..``."""
        bars = range(1, self.days * self.values.shape[1] + 1)
        return tuple(f"{name}{bar}" for bar in bars for name in self.fields)

    def known(self) -> NDArray[np.bool_]:
        """Where a stock has a bar on the day itself, ``[T, N]``."""
        return np.stack([np.isfinite(day).any(axis=(0, 2)) for day in self.values])

    def at(self, date: pd.Timestamp | str) -> NDArray[np.float32]:
        """Matrices ``[N, steps, bars, fields]`` float32 that end at the close of ``date``.

        A field that is missing all window long stays NaN. Blocks before the first session are NaN.

        Raises
        ------
        ValueError
            ``date`` is not a session.
        """
        row = int(self.dates.searchsorted(pd.Timestamp(date)))
        if row == len(self.dates) or self.dates[row] != pd.Timestamp(date):
            raise ValueError(
                f"bar tensor: {pd.Timestamp(date):%Y-%m-%d} is not a session; bars run "
                f"{self.dates[0]:%Y-%m-%d} to {self.dates[-1]:%Y-%m-%d}"
            )
        flat = self.raw(row)
        return flat.reshape(*flat.shape[:2], -1, len(self.fields)).transpose(1, 0, 2, 3)

    def raw(self, row: int, columns: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """The same matrices flat, ``[steps, n, bars * fields]``: number ``b * fields + f`` of a step is
        field f of bar b.
        """  # fmt: skip
        window = self.values[max(row + 1 - self.sessions, 0) : row + 1]
        if columns is not None:
            window = np.take(window, columns, axis=2)
        short = self.sessions - len(window)
        if short:
            window = np.pad(window, ((short, 0), *[(0, 0)] * 3), constant_values=np.nan)
        _, bars, stocks, fields = window.shape
        scaled = window / self._units(window)
        blocks = scaled.reshape(self.steps, self.days * bars, stocks, fields)
        return blocks.transpose(0, 2, 1, 3).reshape(self.steps, stocks, -1)

    def _units(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """What each field of each stock is divided by, ``[N, fields]``."""
        valid = np.isfinite(window)
        count = valid.sum(axis=(0, 1))
        total = np.where(valid, np.abs(window), 0.0).sum(axis=(0, 1), dtype=np.float64)
        with np.errstate(all="ignore"):
            units = np.where(total > 0, total / count, np.nan)
        close = window[..., self.fields.index("close")].reshape(-1, window.shape[2])
        last = len(close) - 1 - np.argmax(np.isfinite(close)[::-1], axis=0)
        for k, name in enumerate(self.fields):
            if name in PRICES:
                units[:, k] = close[last, np.arange(close.shape[1])]
        return units.astype(np.float32)
