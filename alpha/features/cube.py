"""A labelled feature cube, computed once and shared by folds, seeds and models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class FeatureCube:
    """Features with their labels: ``values[t, i, f]`` is feature f of stock i at the close of t."""

    values: NDArray[np.float32]  # [T, N, F], NaN missing
    dates: pd.DatetimeIndex  # [T]
    stocks: pd.Index  # [N]
    names: tuple[str, ...]  # [F]

    def __post_init__(self) -> None:
        shape = (len(self.dates), len(self.stocks), len(self.names))
        if self.values.shape != shape:
            raise ValueError(
                f"feature cube: values have shape {self.values.shape}, but the labels name "
                f"{shape[0]} dates, {shape[1]} stocks and {shape[2]} features"
            )

    def __repr__(self) -> str:
        """Return sizes, not numbers."""
        days, stocks, features = self.values.shape
        return f"FeatureCube({days} dates, {stocks} stocks, {features} features)"

    def column(self, name: str) -> pd.DataFrame:
        """Return one feature as a frame, date x stock (ValueError names those that exist)."""
        if name not in self.names:
            raise ValueError(f"feature cube: no column {name!r}; it has {list(self.names)}")
        values = np.ascontiguousarray(self.values[..., self.names.index(name)])
        return pd.DataFrame(values, index=self.dates, columns=self.stocks, copy=False)

    def known(self) -> NDArray[np.bool_]:
        """Where a stock has at least one finite feature, ``[T, N]``."""
        found = np.empty(self.values.shape[:2], np.bool_)
        for day, out in zip(self.values, found, strict=True):  # a day at a time: it may be on disk
            _any_finite(day, out)
        return found

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame]) -> "FeatureCube":
        """Stack frames (date x stock) as the columns of a cube, in their order.

        Raises
        ------
        ValueError
            There is none, or one has other dates or stocks than the first.
        """
        if not frames:
            raise ValueError("feature cube: no frames; give {name: frame}, one a feature")
        first = next(iter(frames.values()))
        for name, frame in frames.items():
            for axis, mine, wanted in (
                ("dates", frame.index, first.index),
                ("stocks", frame.columns, first.columns),
            ):
                if not mine.equals(wanted):
                    raise ValueError(
                        f"feature cube: frame {name!r} has {len(mine)} {axis} and frame "
                        f"{next(iter(frames))!r} {len(wanted)}, {len(wanted.difference(mine))} of them "
                        f"missing in {name!r}; reindex them to the same dates and stocks"
                    )
        values = np.stack([frame.to_numpy(np.float32) for frame in frames.values()], axis=-1)
        index = pd.DatetimeIndex(first.index, name="date")
        return cls(values, index, pd.Index(first.columns, name="stock"), tuple(frames))

    def join(self, other: "FeatureCube") -> "FeatureCube":
        """Return a cube with the columns of ``other`` after these, on the stocks of this one.

        Raises
        ------
        ValueError
            The dates differ, ``other`` lacks a stock, or both have a column of one name.
        """
        if not self.dates.equals(other.dates):
            raise ValueError(
                f"feature cube: joining {len(other.dates)} dates ({other.dates[0]:%Y-%m-%d} to "
                f"{other.dates[-1]:%Y-%m-%d}) to {len(self.dates)} ({self.dates[0]:%Y-%m-%d} to "
                f"{self.dates[-1]:%Y-%m-%d}); compute both on the same sessions"
            )
        lacking = self.stocks.difference(other.stocks)
        if len(lacking):
            raise ValueError(
                f"feature cube: the cube to join lacks {len(lacking)} of {len(self.stocks)} stocks, "
                f"first {list(lacking[:3])}; compute it for them, or NaN where there is none"
            )
        twice = [name for name in other.names if name in self.names]
        if twice:
            raise ValueError(f"feature cube: both have columns {twice}; rename them in one")
        columns = other.stocks.get_indexer(self.stocks)
        values = np.concatenate([self.values, other.values[:, columns]], axis=-1)
        return FeatureCube(values, self.dates, self.stocks, (*self.names, *other.names))

    def until(self, row: int) -> "FeatureCube":
        """Return the rows up to and including position ``row``; shares the memory."""
        part = slice(0, row + 1)
        return FeatureCube(self.values[part], self.dates[part], self.stocks, self.names)

    def save(self, folder: Path | str) -> None:
        """Write ``values.npy`` and ``labels.npz`` into a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.save_labels(folder)
        np.save(Path(folder) / "values.npy", self.values)

    def save_labels(self, folder: Path | str) -> None:
        """Write ``labels.npz``, for values that are in the folder already."""
        np.savez(
            Path(folder) / "labels.npz",
            dates=self.dates.to_numpy(),
            stocks=np.asarray(self.stocks, dtype=str),
            names=np.asarray(self.names, dtype=str),
        )

    @classmethod
    def load(cls, folder: Path | str) -> "FeatureCube":
        """Open a saved cube; the values stay on disk until they are read (memory map)."""
        path = Path(folder)
        with np.load(path / "labels.npz") as labels:
            dates, stocks, names = labels["dates"], labels["stocks"], labels["names"]
        return cls(
            np.load(path / "values.npy", mmap_mode="r"),
            pd.DatetimeIndex(dates, name="date"),
            pd.Index([str(s) for s in stocks], name="stock"),
            tuple(str(n) for n in names),
        )


@njit(cache=True, nogil=True)
def _any_finite(day: NDArray[np.float32], out: NDArray[np.bool_]) -> None:
    for i in range(day.shape[0]):
        out[i] = False
        for value in day[i]:
            if value == value:
                out[i] = True
                break
