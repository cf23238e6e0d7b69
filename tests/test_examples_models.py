"""The league of all models, run as a user runs it, on a market small enough for a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alpha
import market
from examples import model_comparison

ROOT = Path(__file__).resolve().parents[1]
SMALL = [
    "--stocks", "60", "--days", "545", "--epochs", "1", "--every", "6", "--hidden", "4", "--steps", "4",
]  # fmt: skip
MODELS = ["--models", "HIST", "RSR", "LightGBM"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("comparison")
    return run, model_comparison.main([*SMALL, *MODELS, "--run", str(run)])


def test_the_league_holds_the_models_their_twin_and_the_ensemble(finished):
    run, tables = finished
    names = {
        "GRU", "HIST", "RSR", "LightGBM", model_comparison.ENSEMBLE, model_comparison.ALL,
    }  # fmt: skip
    assert set(tables["league"].index) == names
    assert set(tables["paired"].index) == names - {"GRU"}
    assert np.isfinite(tables["league"].drop(columns="valid").to_numpy()).all()
    written = pd.read_csv(run / "league.csv", index_col="model")
    pd.testing.assert_frame_equal(written, tables["league"])
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "HIST(hidden=4" in page
    assert model_comparison.ENSEMBLE in page


def test_relations_are_the_industries(finished):
    run, _ = finished
    world = market.simulate(stocks=60, days=545, seed=7, rank_ic=0.15)
    assert alpha.load(run / "RSR").plan.model.types == len(alpha.graphs.industry(world).kinds)
    concepts = model_comparison.industries(world, None).bind(world.dates, world.stocks)
    columns = np.arange(60)
    stock, _ = concepts.members(500, columns)
    assert (np.bincount(stock, minlength=60) == (world.values("industry")[500] >= 0)).all()


def test_a_stay_in_a_group_is_one_whatever_moves_within_it():
    day = pd.Timestamp
    spans = pd.DataFrame(
        [
            ("A", day("2012-01-02"), day("2014-02-20"), "old", "440101"),
            ("A", day("2014-02-21"), day("2016-05-31"), "new", "480101"),
            ("A", day("2016-06-01"), pd.NaT, "new", "480201"),  # another second level
            ("B", day("2015-01-05"), day("2015-12-31"), "new", "480100"),  # no third level
            ("B", day("2017-01-03"), pd.NaT, "new", "480100"),  # back after a year
            ("C", day("2015-01-05"), day("2015-12-31"), "new", "480101"),
            ("C", day("2016-01-01"), pd.NaT, "new", "480100"),  # leaves the third level alone
        ],
        columns=["instrument", "start", "end", "edition", "sw_code"],
    )
    found = model_comparison.levels(spans.sample(frac=1.0, random_state=0))
    found = found.sort_values(["stock", "concept", "since"]).to_numpy().tolist()
    new, move, back = day("2014-02-21"), day("2016-06-01"), day("2017-01-03")
    assert [row[:3] for row in found] == [
        ["A", "new-480000", new], ["A", "new-480100", new], ["A", "new-480101", new],
        ["A", "new-480200", move], ["A", "new-480201", move],
        ["A", "old-440000", day("2012-01-02")], ["A", "old-440100", day("2012-01-02")],
        ["A", "old-440101", day("2012-01-02")],
        ["B", "new-480000", day("2015-01-05")], ["B", "new-480000", back],
        ["B", "new-480100", day("2015-01-05")], ["B", "new-480100", back],
        ["C", "new-480000", day("2015-01-05")], ["C", "new-480100", day("2015-01-05")],
        ["C", "new-480101", day("2015-01-05")],
    ]  # fmt: skip
    until = {(row[0], row[1], row[2]): row[3] for row in found}
    assert until["A", "new-480000", new] is pd.NaT
    assert until["A", "new-480101", new] == day("2016-05-31")
    assert until["C", "new-480100", day("2015-01-05")] is pd.NaT
    assert until["C", "new-480101", day("2015-01-05")] == day("2015-12-31")
    assert until["B", "new-480000", day("2015-01-05")] == day("2015-12-31")


def test_a_second_run_reads_what_is_finished_and_other_settings_are_refused(finished):
    run, tables = finished
    before = {p: p.stat().st_mtime_ns for p in run.rglob("weights*")}
    assert before
    again = model_comparison.main([*SMALL, *MODELS, "--run", str(run)])
    assert {p: p.stat().st_mtime_ns for p in run.rglob("weights*")} == before
    pd.testing.assert_frame_equal(again["league"], tables["league"])
    with pytest.raises(ValueError, match="other settings"):
        model_comparison.main([*SMALL, *MODELS, "--label", "fwd10", "--run", str(run)])


def test_the_ensemble_is_the_mean_of_each_folds_best_and_the_test_has_no_say(finished):
    run, tables = finished
    fits = {name: alpha.load(run / name) for name in ("GRU", "HIST", "RSR", "LightGBM")}
    table = pd.DataFrame(
        {"GRU": [0.1, 0.4], "HIST": [0.3, 0.1], "RSR": [0.2, 0.3], "LightGBM": [-0.1, 0.2]},
        index=["first", "second"],
    )
    chosen = model_comparison.best(table, count=2)
    assert chosen.to_numpy().tolist() == [["HIST", "RSR"], ["GRU", "RSR"]]
    fold = tables["chosen"].index[0]
    two = pd.DataFrame([["HIST", "RSR"]], index=[fold])
    dates = fits["GRU"].folds[0].scores.index
    expected = alpha.average([fits[name].scores().loc[dates] for name in ("HIST", "RSR")])
    pd.testing.assert_frame_equal(model_comparison.ensemble(fits, two), expected)


def test_the_validation_score_of_trees_is_in_the_unit_of_the_networks(finished):
    run, tables = finished
    world = market.simulate(stocks=60, days=545, seed=7, rank_ic=0.15)
    for name in ("GRU", "LightGBM"):
        fit = alpha.load(run / name)
        found = model_comparison.validation(fit, world)
        fold = fit.plan.splits.folds(world.dates, fit.plan.label.horizon)[0]
        assert found.index.tolist() == [fold.name]
        assert tables["league"].loc[name, "valid"] == pytest.approx(found.iloc[0])
        assert abs(found.iloc[0]) < 0.3  # a correlation; minus a squared error would be near -1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--data", "nowhere"], "data folder nowhere does not exist"),
        (["--years", "2031"], "2031"),
        (["--index", "csi999"], "csi999"),
        (["--jobs", "0"], "jobs is 0"),
        (["--steps", "0"], "steps 0"),
    ],
)
def test_wrong_options_end_in_one_clear_sentence(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        model_comparison.main([*SMALL, "--models", "GRU", "--run", str(tmp_path), *wrong])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--models", "Gru"], "invalid choice: 'Gru'"),
        (["--years", "2024-2019"], "'2024-2019' is no range of years"),
        (["--seeds", "zero"], "'zero' is no list of whole numbers"),
    ],
)
def test_options_that_cannot_be_read_are_refused_at_once(capsys, wrong, message):
    with pytest.raises(SystemExit):
        model_comparison.parse(wrong)
    assert message in capsys.readouterr().err


def test_all_models_are_compared_by_default_with_one_width_and_window():
    options = model_comparison.parse([])
    assert list(options.models) == list(alpha.models.__all__)
    for name in options.models:
        model = model_comparison.recipe(name, 12, 7, 5)
        assert model.steps in (1, 7)
    assert model_comparison.recipe("TRA", 12, 7, 5).backbone == alpha.GRU(hidden=12, steps=7)
    assert model_comparison.recipe("RSR", 12, 7, 5) == alpha.RSR(
        cell="gru", types=5, hidden=12, steps=7
    )


def test_the_script_explains_itself():
    shown = subprocess.run(
        [sys.executable, "examples/model_comparison.py", "--help"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    ).stdout  # fmt: skip
    for option in ("--data", "--models", "--years", "--seeds", "--jobs", "--run", "SecondOrder"):
        assert option in shown
