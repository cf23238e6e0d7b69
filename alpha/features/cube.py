"""A labelled feature cube, computed once and shared by folds, seeds and models."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
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
