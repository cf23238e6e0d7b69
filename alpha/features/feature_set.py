"""A feature set: named formulas, and their values on a market."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpha.features.bars import Bars
from alpha.features.cube import FeatureCube
from alpha.features.expression import Node, parse
from alpha.features.fields import Fields
from alpha.features.operators import ACROSS
from alpha.features.sweep import blocks_of, fill
from market import Market
from market.progress import track

COMPARES = re.compile(rf"\b({'|'.join(ACROSS)})\s*\(")  # a function may do so too
Formula = str | Callable[[Bars], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Named formulas; each gives one ``[T, N]`` panel known at the close of t.

    A formula is a text (:func:`alpha.features.expression.parse`, operators in
    :mod:`alpha.features.operators`), or a function of all :class:`Bars`.

    Raises
    ------
    ValueError
        A text cannot be read; the message names the feature.

    Examples
    --------
    >>> mine = FeatureSet("mine", {"GAP": "open / lag(close, 1) - 1"})
    >>> mine.names
    ('GAP',)
    """

    name: str
    formulas: Mapping[str, Formula]

    def __post_init__(self) -> None:
        for feature, formula in self.formulas.items():
            if isinstance(formula, str):
                self._read(feature, formula)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in the order of the cube's last axis."""
        return tuple(self.formulas)

    def __len__(self) -> int:
        return len(self.formulas)

    @property
    def across(self) -> bool:
        """Whether a formula may compare the stocks of a day, so that its numbers depend on who is there."""
        return any(not isinstance(f, str) or COMPARES.search(f) for f in self.formulas.values())

    def pick(self, name: str, columns: Iterable[str]) -> "FeatureSet":
        """Return a set of some of these columns, in the order given (ValueError names unknown ones)."""
        columns = list(columns)
        unknown = [c for c in columns if c not in self.formulas]
        if unknown:
            raise ValueError(
                f"feature set {name}: no formula for {unknown}; have {list(self.names)}"
            )
        return FeatureSet(name, {c: self.formulas[c] for c in columns})

    def compute(
        self, market: Market, progress: bool = False, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Values ``[T, N, F]`` float32, date-major, NaN where a formula has no answer.

        Date-major means that the window ``x[t - L + 1 : t + 1]`` of all stocks is one block of memory.

        Parameters
        ----------
        market
            Every session is computed; a window that reaches before the first one is shorter.
        progress
            Show a bar.
        out
            Array to fill and return, for example a memory map; a new one by default.
        """
        shape = (len(market.dates), len(market.stocks), len(self))
        values = np.empty(shape, np.float32) if out is None else out
        if values.shape != shape:
            raise ValueError(f"features {self.name}: out has shape {values.shape}, needs {shape}")
        self._fill(values, market, progress)
        return values

    def cube(
        self,
        market: Market,
        stocks: pd.Index | None = None,
        progress: bool = False,
        folder: Path | str | None = None,
    ) -> FeatureCube:
        """Return :meth:`compute` with its labels, for all stocks or for the ones named.

        Operators across stocks (``rank``, ``scale``) then see the named ones only. With ``folder`` the
        values are written there block by block and stay on disk (:meth:`FeatureCube.load`).
        """
        part = market if stocks is None else market.select(stocks)
        if folder is None:
            values = self.compute(part, progress)
        else:
            Path(folder).mkdir(parents=True, exist_ok=True)
            shape = (len(part.dates), len(part.stocks), len(self))
            file = Path(folder) / "values.npy"
            values = np.lib.format.open_memmap(file, "w+", np.dtype(np.float32), shape)
            self.compute(part, progress, values)
        cube = FeatureCube(values, part.dates, part.stocks, self.names)
        if folder is not None:
            cube.save_labels(folder)
        return cube

    def _fill(self, out: NDArray[np.float32], market: Market, progress: bool) -> None:
        texts = {k: f for k, f in enumerate(self.formulas.values()) if isinstance(f, str)}
        if texts:
            nodes = [self._read(self.names[k], text) for k, text in texts.items()]
            steps = fill(out, list(texts), nodes, Fields(market).__getitem__)
            total = blocks_of(*out.shape[:2])
            for _ in track(steps, progress, f"features {self.name}", total):
                pass
        if len(texts) < len(self):
            bars = Bars.of(market)
            for k, function in enumerate(self.formulas.values()):
                if not isinstance(function, str):
                    with np.errstate(all="ignore"):
                        values = function(bars)
                    out[..., k] = np.where(np.isfinite(values), values, np.float32(np.nan))

    def _read(self, feature: str, text: str) -> Node:
        try:
            return parse(text)
        except ValueError as error:
            raise ValueError(f"feature {feature} of {self.name}: {error}") from None
