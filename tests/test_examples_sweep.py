"""The sweep example, run as a user runs it, on a market small enough for a test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import backtest
from examples import constraint_sweep

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--stocks", "90", "--days", "765", "--model", "lightgbm", "--workers", "1"]
CELL = r"-?\d+\.\d\d/\d+\.\d\d/\d+\.\d\d/-\d+\.\d\d"  # excess / tracking error / win / drawdown


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep")
    return out, constraint_sweep.main([*SMALL, "--indexes", "csi300", "--out", str(out)])


def test_the_sweep_runs_the_grid_and_writes_its_table_and_pictures(finished):
    out, cells = finished
    assert (cells["status"] == "done").all()
    assert cells["limit.turnover"].tolist() == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]
    assert cells["limit.constituent_share"].isna().tolist() == [False, True] * 3
    assert (cells["turnover"] <= cells["limit.turnover"] + 0.02).all()
    written = pd.read_csv(out / "cells.csv")
    pd.testing.assert_series_equal(written["annual_excess"], cells["annual_excess"])
    for picture in ("heat_maps.png", "frontiers.png", "csi300.html"):
        assert (out / picture).stat().st_size > 5_000


def test_the_tables_have_the_form_of_the_reports(finished, capsys):
    _, cells = finished
    constraint_sweep.print_tables(cells)
    shown = capsys.readouterr().out
    assert len(re.findall(CELL, shown)) == 6
    row = cells.iloc[2]
    assert f"{100 * row['annual_excess']:.2f}/{100 * row['tracking_error']:.2f}/" in shown
    years = constraint_sweep.yearly(cells)
    own = backtest.load(row["result"]).yearly()["excess"]
    assert years.loc["csi300", ("0.8", "0.2")].iloc[:-1].to_numpy() == pytest.approx(
        100 * own.to_numpy()
    )
    assert "what a step of a limit adds" in shown


def test_a_second_run_reads_the_backtests(finished):
    out, cells = finished
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("result.json")}
    assert len(stamps) == 6
    again = constraint_sweep.main([*SMALL, "--indexes", "csi300", "--out", str(out)])
    pd.testing.assert_frame_equal(again, cells)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("result.json")} == stamps


def test_a_failed_cell_is_shown_with_its_error(finished, capsys, tmp_path):
    _, cells = finished
    broken = cells.copy()
    broken.loc[2, ["status", "error", "annual_excess"]] = ["failed", "DataError: no model", np.nan]
    constraint_sweep.print_tables(broken)
    shown = capsys.readouterr().out
    assert "csi300 failed: DataError: no model" in shown
    assert len(re.findall(CELL, shown)) == 5
    constraint_sweep.write(broken, tmp_path)


def test_the_script_explains_itself():
    shown = subprocess.run(
        [sys.executable, "examples/constraint_sweep.py", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    for option in ("--data", "--start", "--end", "--model", "--trained", "--workers", "--indexes"):
        assert option in shown
