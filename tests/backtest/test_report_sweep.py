"""The page of a sweep: heat maps, frontier, steps, failures and luck are those of its cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from backtest import TopN, marginal, overfitting, sweep, sweep_report
from market import Target
from tests.backtest.worlds import random_world
from tests.page_reader import Reader

pytest.importorskip("plotly")


@dataclass(frozen=True, eq=False)
class Best:
    """The n best of random scores, some kept out; thirteen fail."""

    scores: pd.DataFrame
    benchmark: str = "half"

    def __call__(self, n: int = 3, turnover: float | None = None):
        if n == 13:
            raise RuntimeError("thirteen stocks bring <bad luck>")
        best = TopN(self.scores, n)

        def policy(snapshot):
            weights = best(snapshot) * (1.0 if turnover is None else 1.0 - turnover)
            log = {"relaxations": "turnover 0.1 -> 0.2" if n == 2 else "", "tracking_error": 0.1}
            return Target(weights, log)

        policy.benchmark = self.benchmark
        return policy


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    world = random_world(5, days=90, quiet=True)
    noise = np.random.default_rng(1).standard_normal((len(world.dates), len(world.stocks)))
    best = Best(pd.DataFrame(noise, world.dates, world.stocks))
    folder = tmp_path_factory.mktemp("sweep")
    grid = {"n": [2, 3, 13], "turnover": [0.2, None]}
    return sweep(world, best, benchmark="half", workers=1, folder=folder, **grid)


def written(cells, path, **options):
    tables = sweep_report(cells, path, **options)
    return tables, Reader(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(cells, tmp_path_factory):
    return written(cells, tmp_path_factory.mktemp("page") / "sweep.html")


def test_heat_maps_hold_the_cells_at_their_limits(made, cells):
    _, page = made
    for caption, measure in (
        ("annual excess, geometric", "annual_excess"),
        ("tracking error, realised", "tracking_error"),
        ("information ratio", "information_ratio"),
        ("max excess drawdown", "excess_drawdown"),
    ):
        drawn = page.figures[caption]["data"][0]
        assert (drawn["x"], drawn["y"]) == (["2", "3", "13"], ["0.2", "none"])
        exact = cells[measure].to_numpy(float).reshape(3, 2).T
        np.testing.assert_allclose(np.array(drawn["z"], dtype=float), exact, rtol=1e-5)
        assert [row[2] for row in drawn["text"]] == ["failed", "failed"]


def test_the_table_of_cells_is_written_by_measure(made, cells):
    tables, page = made
    assert len(tables["cells"]) == len(cells)
    head, *rows = page.table("All cells")
    assert rows[1][:2] == ["2", "none"]
    assert rows[1][head.index("information ratio")] == f"{cells['information_ratio'].iloc[1]:.2f}"
    assert rows[0][head.index("one-way turnover")] == f"{cells['turnover'].iloc[0]:.2%}"
    assert rows[4][2:] == [""] * (len(head) - 2)


def test_the_frontier_has_a_point_for_each_cell_that_was_run(made, cells):
    _, page = made
    groups = page.figures["Annual excess over tracking error, a point a cell"]["data"]
    x = np.array([v for group in groups for v in group["x"]], dtype=float)
    np.testing.assert_allclose(x, cells["tracking_error"].astype(float), rtol=1e-5)
    assert [group["name"] for group in groups][:1] == ["number of stocks 2"]
    assert groups[0]["text"] == ["0.2", "none"]


def test_a_step_of_a_limit_is_the_mean_of_its_changes(made, cells):
    tables, page = made
    changes = marginal(cells)
    own = changes[(changes["limit"] == "turnover")]["change"].mean()
    assert tables["steps"].loc["turnover", "annual_excess"] == pytest.approx(own)
    rows = page.table("Mean change over the grid, by step")
    assert rows[-1][:3] == ["turnover limit", "0.2", "none"]
    assert rows[-1][3] == f"{own:z.2%}"


def test_failures_and_relaxed_cells_are_listed_and_counted(made, cells):
    tables, page = made
    assert "2 of 6 cells failed" in page.items
    assert len(tables["failed_cells"]) == 2
    assert any("thirteen stocks bring <bad luck>" in row[-1] for row in page.table("Failed cells"))
    relaxed = tables["relaxed_cells"]["relaxed_rebalances"]
    assert relaxed.tolist() == cells["relaxed_rebalances"].iloc[:2].tolist()
    assert (relaxed > 0).all()


def test_luck_is_told_from_the_saved_results(made, cells):
    tables, page = made
    found = overfitting(cells)
    assert tables["overfitting"].loc["probability", "value"] == found.probability
    shown = page.column("Probability of back-test overfitting", "value")
    assert shown["probability of overfitting"] == f"{found.probability:.2%}"
    bars = next(f for name, f in page.figures.items() if "rank in the other half" in name)["data"]
    assert sum(bars[0]["y"]) == pytest.approx(1.0, abs=1e-5)
    best = cells.loc[cells["annual_excess"].idxmax(), "deflated"]
    assert any(f"deflated probability, {best:.1%}" in line for line in page.items)


def test_cells_without_results_on_disk_say_nothing_of_overfitting(cells, tmp_path):
    tables, page = written(cells.drop(columns="result"), tmp_path / "page.html", language="zh")
    assert "overfitting" not in tables
    assert page.headings[-1] == "失败与放松"
    assert page.figures["年化超额（几何）"]["data"][0]["y"] == ["0.2", "无限制"]


def test_a_third_limit_has_a_row_of_maps_for_each_value(cells, tmp_path):
    two = [cells.assign(**{"limit.tracking_error": te}) for te in (0.04, np.nan)]
    _, page = written(pd.concat(two, ignore_index=True), tmp_path / "page.html")
    assert "information ratio, tracking error limit 0.04" in page.figures
    assert "information ratio, tracking error limit none" in page.figures


def test_one_limit_is_a_row(cells, tmp_path):
    alone = cells[cells["limit.turnover"].isna()].drop(columns="limit.turnover")
    _, page = written(alone, tmp_path / "page.html")
    drawn = page.figures["tracking error, realised"]["data"][0]
    assert (drawn["x"], drawn["y"]) == (["2", "3", "13"], [""])


def test_cells_that_share_their_limits_or_have_none_are_refused(cells, tmp_path):
    with pytest.raises(ValueError, match=r"several cells share their values of limit\.n"):
        sweep_report(pd.concat([cells, cells]), tmp_path / "page.html")
    with pytest.raises(ValueError, match=r"needs cells with columns limit\.<name>; got 6 rows"):
        sweep_report(cells[["status", "error"]], tmp_path / "page.html")
    with pytest.raises(ValueError, match="got 0 rows"):
        sweep_report(cells.iloc[:0], tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []
