"""Shared fixtures: real data where it is on disk, and one small simulated market."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import market


@pytest.fixture(scope="session")
def data_root() -> Callable[[str], Path]:
    """Folder of a real data set; the test is skipped, with the reason, where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("INDEX_DATA", beside))

    def folder(name: str) -> Path:
        path = root / name
        if not path.is_dir():
            pytest.skip(f"real data set {name} not found in {root}; set INDEX_DATA to its parent")
        return path

    return folder


@pytest.fixture(scope="session")
def world() -> market.Market:
    """A small simulated market, shared by the suite and never changed."""
    return market.simulate(stocks=120, days=500, seed=11)
