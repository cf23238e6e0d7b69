"""The folder of a sweep: its settings, and one saved result a finished cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backtest.plain import plain
from backtest.result import Result
from backtest.storage import load
from market.run_files import check_same, write_json

Limits = Mapping[str, float | None]

_HEAD = "sweep.json"
_KEY = "sweep"  # where the configuration of a saved result says which sweep made it


@dataclass(frozen=True)
class CellFolder:
    """``sweep.json`` with the settings, and a folder like ``turnover=0.1,bounds=none`` a finished cell.

    A cell appears whole or not at all, so a sweep may be killed at any moment; the next one with the
    same settings reads what is finished. The grid is not among the settings: it may grow.

    Attributes
    ----------
    path
        The folder.
    settings
        All that decides what a cell's result is, beside its limits.
    """

    path: Path
    settings: Mapping[str, Any]

    def claim(self) -> None:
        """Write the settings, or make sure that the folder belongs to the same ones.

        Raises
        ------
        ValueError
            It holds another sweep; names the first setting that differs.
        """
        head = self.path / _HEAD
        if head.exists():
            self._compare(json.loads(head.read_text(encoding="utf-8")), f"the sweep in {self.path}")
            return
        write_json(head, plain(self.settings))

    def place(self, limits: Limits) -> Path:
        """Return the folder of a cell, finished or not."""
        return self.path / ",".join(
            f"{k}={'none' if v is None else float(v)}" for k, v in limits.items()
        )

    def read(self, limits: Limits) -> Result | None:
        """Return the result of a finished cell, or None.

        Raises
        ------
        ValueError
            The cell is there, but another sweep made it.
        """
        place = self.place(limits)
        if not (place / "result.json").is_file():
            return None
        result = load(place)
        self._compare(result.config.get(_KEY, {}), f"the cell {place}")
        return result

    def write(self, limits: Limits, result: Result) -> Path:
        """Save the result of a cell with the settings that made it."""
        stamped = replace(result, config={**result.config, _KEY: plain(self.settings)})
        return stamped.save(self.place(limits))

    def _compare(self, stored: Mapping[str, Any], what: str) -> None:
        asked = json.loads(json.dumps(plain(self.settings)))
        check_same(stored, asked, what)
