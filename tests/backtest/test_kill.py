"""A sweep that dies twenty times at random, and a disk that fills up, as the system itself does it."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

import backtest
from backtest import BenchmarkPolicy, run
from backtest.sweep import sweep
from market import DataError
from tests.backtest.test_sweep import small
from tests.backtest.worlds import random_world

GRID = {"benchmark": "half", "workers": 1, "n": [1, 2, 3, 4, 5, 6, 7, 8], "pause": [0.0, 0.004]}
FORK = multiprocessing.get_context(
    "fork"
)  # a new interpreter would spend most of its life importing


def test_a_sweep_killed_twenty_times_ends_in_the_table_of_one_that_was_not(tmp_path):
    world, best = small()
    folder, died = tmp_path / "killed", 0
    chance = random.Random(5)
    began = time.monotonic()
    whole = sweep(world, best, folder=tmp_path / "whole", **GRID)
    span = time.monotonic() - began
    for _ in range(20):
        child = FORK.Process(target=sweep, args=(world, best), kwargs={"folder": folder, **GRID})
        child.start()
        child.join(chance.uniform(0.0, span / 6.0))
        child.kill()
        child.join()
        died += child.exitcode == -signal.SIGKILL
        for finished in folder.glob("*/result.json"):
            backtest.load(finished.parent)  # what is there is whole
    assert died == 20 or len(list(folder.glob("*/result.json"))) == 16
    assert died >= 5
    resumed = sweep(world, best, folder=folder, **GRID)
    pd.testing.assert_frame_equal(resumed.drop(columns="result"), whole.drop(columns="result"))
    for one, other in zip(resumed["result"], whole["result"], strict=True):
        assert_same_files(Path(one), Path(other))


def assert_same_files(one: Path, other: Path) -> None:
    names = sorted(file.name for file in one.iterdir())
    assert names == sorted(file.name for file in other.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def save_on_a_full_disk(result, path, told) -> None:
    """Save with room for files of at most 2,000 bytes, which the system enforces."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails like one on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        result.save(path)
    except OSError as error:
        told.send(f"{type(error).__name__} {error}")
    else:
        told.send("saved")
    os._exit(0)


def test_a_full_disk_is_told_and_the_previous_result_stays(tmp_path):
    m = random_world(1)
    old, new = run(m, BenchmarkPolicy("half")), run(m, BenchmarkPolicy("half"), capital=1e6)
    old.save(tmp_path / "run")
    hears, told = FORK.Pipe(duplex=False)
    child = FORK.Process(target=save_on_a_full_disk, args=(new, tmp_path / "run", told))
    child.start()
    answer = hears.recv()
    child.join()
    assert answer.startswith("OSError"), answer
    assert "File too large" in answer
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert backtest.load(tmp_path / "run").config["capital"] == 1e8


@pytest.mark.parametrize("name", ["daily.parquet", "trades.parquet", "solver.json", "result.json"])
def test_a_file_that_is_damaged_is_named(tmp_path, name):
    folder = run(random_world(1), BenchmarkPolicy("half")).save(tmp_path / "run")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"{name} cannot be read"):
        backtest.load(folder)
