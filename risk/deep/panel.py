"""What the network sees of a stock: windows of past features, scaled by the training span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from market import DataError, Market
from market.derived import carried_forward
from risk.arrays import Bools, Codes, Floats
from risk.windows import trailing_mean

# Sessions back. Long gaps far away, short ones near: a year in twenty numbers, today's close included.
LAGS = (240, 200, 160, 140, 120, 100, 80, 70, 60, 50, 40, 35, 30, 25, 20, 15, 10, 5, 2, 0)
BARS = ("open", "high", "low", "close", "volume")
NORMAL = 60  # sessions over which a stock's own level is taken
CLIP = 3.0  # scaled inputs beyond this are taken for errors or for the same thing
WEEKS = tuple(range(95, -1, -5))  # twenty weekly lags of the styles


@dataclass(frozen=True, eq=False)
class Source:
    """Features of every stock and session, from which windows are cut.

    Attributes
    ----------
    names
        One per feature, for messages.
    values
        ``[F, T, N]`` float32, NaN unknown.
    level
        ``[F, T, N]`` subtracted from every lag of the window that ends at t, or None.
    lags
        Sessions back, oldest first; all sources have as many.
    """

    names: tuple[str, ...]
    values: Floats
    level: Floats | None
    lags: tuple[int, ...]

    @property
    def begins(self) -> int:
        """First session on which every feature is known of some stock."""
        return int(np.isfinite(self.values).any(axis=2).argmax(axis=1).max())

    def window(self, row: int, columns: Codes) -> Floats:
        """Raw inputs of a date ``[L, n, F]``, NaN unknown."""
        past = self.values[:, row - np.array(self.lags)[:, None], columns[None, :]]  # [F, L, n]
        if self.level is not None:
            past = past - self.level[:, row, columns][:, None, :]
        return np.moveaxis(past, 0, 2)


@dataclass(frozen=True, eq=False)
class Panel:
    """All that a network sees: one or more sources, side by side."""

    sources: tuple[Source, ...]

    @cached_property
    def first(self) -> int:
        """First session whose window begins when every feature is known of some stock."""
        return max(source.lags[0] + source.begins for source in self.sources)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the window."""
        return tuple(name for source in self.sources for name in source.names)

    def window(self, row: int, columns: Codes) -> Floats:
        """Raw inputs of a date ``[L, n, F]``, NaN unknown."""
        return np.concatenate([source.window(row, columns) for source in self.sources], axis=2)


@dataclass(frozen=True, eq=False)
class Scaling:
    """Median and robust deviation of each lag and feature ``[L, F]`` over a span."""

    middle: Floats
    deviation: Floats

    @classmethod
    def learn(cls, panel: Panel, rows: Codes, universe: Bools, every: int = 10) -> Scaling:
        """Take the statistics of every tenth date of ``rows``.

        Raises
        ------
        DataError
            A feature that is never known, or never varies, in the span.
        """
        windows = [panel.window(t, np.flatnonzero(universe[t])) for t in rows[::every]]
        pooled = np.concatenate(windows, axis=1)  # [L, many, F]
        known = np.isfinite(pooled).any(axis=1)
        if not known.all():
            lag, feature = np.argwhere(~known)[0]
            raise DataError(
                f"input {panel.names[feature]} of the deep model is NaN for every stock at lag {lag} of "
                f"{len(known)}, on all {len(windows)} dates sampled from its training span; supply the "
                "field, or take other inputs"
            )
        middle = np.nanmedian(pooled, axis=1)
        deviation = 1.4826 * np.nanmedian(np.abs(pooled - middle[:, None]), axis=1)
        if not (deviation > 0.0).all():
            lag, feature = np.argwhere(~(deviation > 0.0))[0]
            raise DataError(
                f"input {panel.names[feature]} of the deep model is {middle[lag, feature]:.3g} for most "
                f"stocks at lag {lag} of {len(known)}; supply a field that varies"
            )
        return cls(middle.astype(np.float32), deviation.astype(np.float32))

    def __call__(self, raw: Floats) -> Floats:
        """Scale and clip ``[L, n, F]``; what is unknown becomes 0, the median."""
        z = (raw - self.middle[:, None]) / self.deviation[:, None]
        return np.nan_to_num(np.clip(z, -CLIP, CLIP), nan=0.0).astype(np.float32)


def price_volume(market: Market) -> Source:
    """Logarithms of adjusted open, high, low, close and volume over the stock's own 60-day level.

    Prices are carried through suspensions; the volume of a suspended session is unknown.

    Raises
    ------
    DataError
        A field of the market is missing or holds nothing.
    """
    close = np.log(market.values("adj_close").astype(np.float64))
    logs = [_logarithm(market, name, close) for name in BARS]
    price, volume = (trailing_mean(logs[k], NORMAL, len(close)) for k in (3, 4))  # close, volume
    level = [price, price, price, price, volume]
    return Source(BARS, np.array(logs, np.float32), np.array(level, np.float32), LAGS)


def _logarithm(market: Market, name: str, close: Floats) -> Floats:
    raw = market.adjusted(name).to_numpy(dtype=np.float64)
    if np.isnan(raw).all():
        raise DataError(
            f"field {name} is NaN for all {raw.shape[1]} stocks on all {len(raw)} sessions; inputs "
            '"price_volume" of the deep model need it, or take inputs "styles"'
        )
    logs = np.log(np.where(raw > 0.0, raw, np.nan))
    return logs if name == "volume" else np.where(np.isnan(logs), close, logs)


def styles_of(exposures: Mapping[str, pd.DataFrame], market: Market) -> Source:
    """Weekly lags of style exposures, date x stock each, on the grid of the market.

    Raises
    ------
    DataError
        There are none, or a style is no frame or NaN throughout.
    """
    if not exposures:
        raise DataError('inputs "styles" need the exposures of a fitted history; there are none')
    values = np.full((len(exposures), len(market.dates), len(market.stocks)), np.nan, np.float32)
    for k, (name, frame) in enumerate(exposures.items()):
        if not isinstance(frame, pd.DataFrame):
            raise DataError(f"style {name} is a {type(frame).__name__}; give a frame date x stock")
        values[k] = frame.reindex(index=market.dates, columns=market.stocks).to_numpy()
        if np.isnan(values[k]).all():
            raise DataError(
                f"style {name} is NaN for all stocks and sessions of the market; leave it out"
            )
    return Source(tuple(exposures), np.stack([carried_forward(x) for x in values]), None, WEEKS)


KINDS = ("price_volume", "styles")


def read_panel(
    kinds: tuple[str, ...], market: Market, styles: Mapping[str, pd.DataFrame] | None
) -> Panel:
    """Return the inputs of the named kinds: ``"price_volume"``, ``"styles"`` or both."""
    made = {
        "price_volume": lambda: price_volume(market),
        "styles": lambda: styles_of(styles or {}, market),
    }
    return Panel(tuple(made[kind]() for kind in kinds))
