"""Sweeps: every cell is a run of its own, whatever happened to the others or to the process."""

from __future__ import annotations

import contextlib
import mmap
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import backtest
from backtest.plots import plot_heat_map
from backtest.sweep import deflated, marginal, sweep
from market import Costs, Snapshot, Target, simulate
from market.costs import SquareRootImpact
from tests.backtest.worlds import random_world

mpl.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

ROOT = Path(__file__).resolve().parents[2]
GRID = {"n": [1, 3, None], "pause": [0.0, 0.001]}


@dataclass(frozen=True, eq=False)
class Best:
    """The n best by score, in equal parts; with a pause at each decision, to be caught in the act."""

    scores: pd.DataFrame
    benchmark: str = "half"

    def __call__(self, n: int | None = None, pause: float = 0.0, refuse: float = 0.0):
        if n == 13:
            raise RuntimeError("thirteen stocks bring bad luck")

        def policy(snapshot: Snapshot) -> Target:
            time.sleep(pause)
            if refuse and snapshot.date.month >= refuse:
                raise KeyError("no answer")
            score = self.scores.loc[snapshot.date].dropna()
            chosen = score.nlargest(n or 4).index
            return Target(pd.Series(1.0 / len(chosen), chosen), {"mapped": in_a_file(self.scores)})

        return policy


def in_a_file(frame: pd.DataFrame) -> bool:
    """Whether the numbers lie in a memory-mapped file rather than in memory of the process."""
    owner = frame.to_numpy()
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    return isinstance(owner, mmap.mmap)


def small():
    world = random_world(7, days=60)
    noise = np.random.default_rng(1).standard_normal((len(world.dates), len(world.stocks)))
    return world, Best(pd.DataFrame(noise, world.dates, world.stocks).where(world.field("listed")))


@pytest.fixture(scope="module")
def world():
    return small()[0]


@pytest.fixture(scope="module")
def best():
    return small()[1]


@pytest.fixture(scope="module")
def cells(world, best):
    return sweep(world, best, benchmark="half", workers=1, **GRID)


def test_each_row_is_the_summary_of_its_own_run(world, best, cells):
    assert cells["limit.n"].tolist()[:4] == [1.0, 1.0, 3.0, 3.0]
    assert cells["limit.n"].isna().tolist() == [False] * 4 + [True] * 2
    assert cells["limit.pause"].tolist() == [0.0, 0.001] * 3
    assert (cells["status"] == "done").all()
    for row in cells.to_dict(orient="records")[::2]:
        n = None if np.isnan(row["limit.n"]) else int(row["limit.n"])
        alone = backtest.run(world, best(n=n), benchmark="half").summary()
        for name in ("annual_excess", "information_ratio", "turnover", "refused_orders"):
            assert row[name] == alone[name]


def test_workers_return_what_one_process_does_and_share_large_arrays(tmp_path):
    world = simulate(stocks=200, days=700, seed=3)
    scores = world.returns().astype(np.float64)
    assert scores.to_numpy().nbytes > 1e6  # what joblib maps to a file
    best, options = Best(scores), {"start": "2018-06-01", "benchmark": "csi500", "n": [2, 5, None]}
    side = sweep(world, best, workers=2, folder=tmp_path / "side", progress=True, **options)
    alone = sweep(world, best, workers=1, folder=tmp_path / "alone", **options)
    pd.testing.assert_frame_equal(side.drop(columns="result"), alone.drop(columns="result"))
    assert backtest.load(side["result"][0]).solver["mapped"].all()
    assert not backtest.load(alone["result"][0]).solver["mapped"].any()


def test_the_rules_of_the_engine_reach_every_cell(world, best, tmp_path):
    strict = {
        "lots": True,
        "participation": 0.01,
        "impact": SquareRootImpact(1.0),
        "retry": "daily",
    }
    table = sweep(world, best, workers=1, folder=tmp_path / "strict", n=[3], capital=1e7, **strict)
    own = backtest.run(world, best(n=3), capital=1e7, **strict)
    assert table["annual_return"].iloc[0] == pytest.approx(own.summary()["annual_return"], abs=0)
    changed = {**strict, "impact": SquareRootImpact(2.0)}
    with pytest.raises(ValueError, match=r"impact is 1\.0 there and 2\.0 now"):
        sweep(world, best, workers=1, folder=tmp_path / "strict", n=[3], capital=1e7, **changed)


def test_without_a_benchmark_the_measures_of_excess_are_missing(world, best):
    row = sweep(world, best, workers=1, n=[2]).iloc[0]
    assert np.isnan(row["annual_excess"])
    assert np.isfinite(row["annual_return"])


def test_a_cell_that_fails_is_a_row_with_its_error_and_stops_no_other(world, best, tmp_path):
    rows = sweep(world, best, workers=1, folder=tmp_path, n=[2, 13], refuse=[0, 8])
    assert rows["status"].tolist() == ["done", "failed", "failed", "failed"]
    assert rows["error"].tolist() == [
        "",
        "KeyError: 'no answer'",
        *2 * ["RuntimeError: thirteen stocks bring bad luck"],
    ]
    assert rows["result"].tolist()[1:] == ["", "", ""]
    assert rows["annual_return"].isna().tolist() == [False, True, True, True]


def test_finished_cells_are_read_not_run_and_the_grid_may_grow(world, best, cells, tmp_path):
    sweep(world, best, benchmark="half", workers=1, folder=tmp_path, n=[1], pause=[0.0, 0.001])
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("result.json")}
    assert len(stamps) == 2
    again = sweep(world, best, benchmark="half", workers=1, folder=tmp_path, **GRID)
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps
    pd.testing.assert_frame_equal(again.drop(columns="result"), cells)
    assert backtest.load(again["result"][5]).summary()["turnover"] == again["turnover"][5]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"start": "2023-08-01"}, "start"),
        ({"costs": Costs.flat()}, "costs"),
        ({"capital": 1e7}, "capital"),
        ({"schedule": "monthly"}, "schedule"),
        ({"factory": Best(pd.DataFrame({"a": [1.0]}))}, "factory"),
        ({"market": random_world(8, days=60)}, "data"),
    ],
)
def test_the_folder_of_another_sweep_is_refused_and_the_setting_is_named(
    world, best, tmp_path_factory, change, named
):
    folder = tmp_path_factory.getbasetemp() / "claimed"
    asked = {"market": world, "factory": best, "workers": 1, "folder": folder, "n": [2]}
    sweep(**asked)
    with pytest.raises(ValueError, match=f"other settings: {named} is "):
        sweep(**{**asked, **change})


def test_a_cell_carried_over_from_another_sweep_is_refused(world, best, tmp_path):
    other = Best(-best.scores)
    sweep(world, other, workers=1, folder=tmp_path / "other", n=[2])
    sweep(world, best, workers=1, folder=tmp_path / "own", n=[3])
    shutil.copytree(tmp_path / "other" / "n=2.0", tmp_path / "own" / "n=2.0")
    with pytest.raises(ValueError, match=r"cell .*n=2\.0 was made with other settings: factory"):
        sweep(world, best, workers=1, folder=tmp_path / "own", n=[2])


KILLED = """
from tests.backtest.test_sweep import small, sweep
if __name__ == "__main__":
    world, best = small()
    sweep(world, best, benchmark="half", workers={workers}, folder={folder!r}, n=[1, 2, 3, 4, 5, 6], pause=[0.01])
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_killed_at_any_moment_goes_on_to_the_same_table(world, best, tmp_path, workers):
    folder = tmp_path / "killed"
    script = KILLED.format(workers=workers, folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, start_new_session=True)
    while not list(folder.glob("*/result.json")) and process.poll() is None:
        time.sleep(0.005)
    time.sleep(random.uniform(0.0, 0.4))  # anywhere: within a run, within a write, between two
    process.kill()
    process.wait()
    assert 1 <= len(list(folder.glob("*/result.json"))) <= 6
    grid = {"benchmark": "half", "workers": 1, "n": [1, 2, 3, 4, 5, 6], "pause": [0.01]}
    resumed = sweep(world, best, folder=folder, **grid)
    whole = sweep(world, best, folder=tmp_path / "whole", **grid)
    pd.testing.assert_frame_equal(resumed.drop(columns="result"), whole.drop(columns="result"))
    for one, other in zip(resumed["result"], whole["result"], strict=True):
        a, b = backtest.load(one), backtest.load(other)
        pd.testing.assert_series_equal(a.nav, b.nav)
        pd.testing.assert_frame_equal(a.trades, b.trades)
    assert not left_of(process.pid)


def left_of(group: int) -> list[str]:
    """The processes of a group that are still alive after a while."""
    alive = ["?"]
    began = time.monotonic()
    while alive and time.monotonic() - began < 10.0:
        time.sleep(0.1)
        alive = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it may end while it is read
                state, _, its_group = path.read_text().rpartition(") ")[2].split()[:3]
                if its_group == str(group) and state != "Z":
                    alive.append(path.parent.name)
    return alive


def test_wrong_grids_are_told_before_any_work(world, best):
    with pytest.raises(ValueError, match="nothing to sweep"):
        sweep(world, best)
    with pytest.raises(ValueError, match="n has values"):
        sweep(world, best, n=[])
    with pytest.raises(ValueError, match="each once"):
        sweep(world, best, n=[1, 2, 1])
    with pytest.raises(ValueError, match=r"n is 1; give a list .* n=\[0\.1, 0\.2\]"):
        sweep(world, best, n=1)
    with pytest.raises(ValueError, match="n has the value 'few'; values are numbers"):
        sweep(world, best, n=[1, "few"])
    with pytest.raises(ValueError, match="workers is 0"):
        sweep(world, best, n=[1], workers=0)


def table():
    """Excess by two limits: a is worth 1 then 2, b is worth 10; one cell failed."""
    rows = [(a, b) for a in (0.1, 0.2, np.nan) for b in (5.0, np.nan)]
    cells = pd.DataFrame(rows, columns=["limit.a", "limit.b"])
    cells["annual_excess"] = [0.0, 10.0, 1.0, 11.0, 3.0, np.nan]
    return cells


def test_marginal_values_are_the_differences_of_neighbours():
    steps = marginal(table())
    of_a = steps[steps["limit"] == "a"]
    assert of_a[["from", "to"]].to_numpy().tolist()[0] == [0.1, 0.2]
    assert of_a["to"].isna().tolist() == [False, True, False, True]
    assert of_a["change"].tolist()[:3] == [1.0, 2.0, 1.0]
    assert np.isnan(of_a["change"].iloc[3])
    of_b = steps[steps["limit"] == "b"]
    assert of_b["change"].tolist()[:2] == [10.0, 10.0]
    assert of_b["limit.a"].tolist()[:2] == [0.1, 0.2]
    mean = steps.groupby(["limit", "from"], dropna=False)["change"].mean()
    assert mean[("a", 0.1)] == 1.0


def test_marginal_values_of_one_limit_need_no_other():
    steps = marginal(table().iloc[::2].drop(columns="limit.b"))
    assert steps["change"].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="'sharpe'"):
        marginal(table(), "sharpe")
    with pytest.raises(ValueError, match=r"limit\.<name>"):
        marginal(pd.DataFrame({"annual_excess": [1.0]}))


def test_the_best_of_many_is_deflated_for_how_many_there_were():
    t = pd.Series([2.5, 1.5, np.nan, 1.5, 2.5])
    # four cells, s = 0.577; luck gives the best 0.577 * (0.4228 z(0.75) + 0.5772 z(0.9080)) = 0.607
    found = deflated(pd.DataFrame({"excess_t": t}))
    assert found.to_numpy() == pytest.approx(
        [0.9709, 0.8141, np.nan, 0.8141, 0.9709], abs=1e-3, nan_ok=True
    )
    alone = deflated(pd.DataFrame({"excess_t": [1.645]}))
    assert alone.tolist() == pytest.approx([0.95], abs=1e-3)  # one try, no luck


def test_the_table_has_the_deflated_probability(cells):
    found = cells.set_index("excess_t")["deflated"]
    assert found.between(0.0, 1.0).all()
    assert found.sort_index().is_monotonic_increasing


def test_the_heat_map_writes_each_cell_where_it_belongs():
    _, ax = plt.subplots()
    assert plot_heat_map(table(), rows="limit.b", columns="limit.a", ax=ax, percent=False) is ax
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0.1", "0.2", "none"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["5", "none"]
    texts = {t.get_position(): t.get_text() for t in ax.texts}
    assert texts[(1, 0)] == "1.00"
    assert texts[(1, 1)] == "11.00"
    assert texts[(2, 1)] == "failed"
    plt.close("all")


def test_the_heat_map_refuses_what_it_cannot_place():
    with pytest.raises(ValueError, match=r"limit\.turnover"):
        plot_heat_map(table(), rows="limit.b")
    with pytest.raises(ValueError, match="share a value"):
        plot_heat_map(pd.concat([table(), table()]), rows="limit.b", columns="limit.a")
