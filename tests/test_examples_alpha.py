"""The training example, run as a user runs it, on a market small enough for a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import alpha
import market
from examples import train_alpha

ROOT = Path(__file__).resolve().parents[1]
SMALL = [
    "--stocks", "60", "--days", "780", "--model", "GRU", "LightGBM", "--index", "csi300,csi500",
    "--set", "hidden=4", "rounds=5", "l1=0", "l2=1", "--config", "epochs=1", "every=40", "--features", "ALPHA158_20",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    tables = train_alpha.main([*SMALL, "--run", str(run)])
    (run / "report.html").rename(run / "both.html")
    return run, tables


def test_models_are_trained_and_compared_on_one_page(finished):
    run, tables = finished
    page = (run / "both.html").read_text(encoding="utf-8")
    assert page.count("<img") == 12
    assert "features: ALPHA158_20" in page
    assert "GRU(hidden=4" in page
    assert "note on the data: simulated market (seed 7)" in page
    assert tables["League, csi500"].index.tolist() == ["GRU", "LightGBM"]
    assert set(tables["Paired test of RankIC"].index) == {("GRU", "LightGBM")}


def test_a_setting_reaches_the_models_that_know_it(finished):
    run, _ = finished
    assert alpha.load(run / "GRU").plan.model == alpha.GRU(hidden=4)
    assert alpha.load(run / "LightGBM").plan.model == alpha.LightGBM(rounds=5, l1=0, l2=1)
    assert alpha.load(run / "GRU").plan.config.every == 40
    assert alpha.load(run / "GRU").plan.index == ("csi300", "csi500")


def test_a_second_run_reads_what_is_finished_and_other_settings_are_refused(finished):
    run, tables = finished
    before = {p: p.stat().st_mtime_ns for p in (run / "LightGBM").rglob("weights*")}
    assert before
    alone = [*SMALL, "--model", "LightGBM", "--set", "rounds=5", "l1=0", "l2=1"]
    again = train_alpha.main([*alone, "--run", str(run)])
    assert {p: p.stat().st_mtime_ns for p in (run / "LightGBM").rglob("weights*")} == before
    assert again["League, all"].equals(tables["League, all"].loc[["LightGBM"]])
    assert "Correlation of scores" not in again
    with pytest.raises(ValueError, match="other settings"):
        train_alpha.main([*alone, "--label", "fwd10", "--run", str(run)])


def test_models_of_concepts_edges_and_regimes_are_trained_by_name_alone(tmp_path):
    tiny = [
        "--stocks",
        "40",
        "--days",
        "780",
        "--features",
        "ALPHA158_20",
        "--config",
        "epochs=1",
        "every=60",
    ]
    chosen = [
        "--model",
        "HIST",
        "RSR",
        "TRA",
        "--set",
        "hidden=4",
        "steps=4",
        "--graph",
        "industry",
    ]
    train_alpha.main([*tiny, *chosen, "--run", str(tmp_path)])
    world = market.simulate(stocks=40, days=780, seed=7, rank_ic=0.15)
    assert alpha.load(tmp_path / "RSR").plan.model.types == len(alpha.graphs.industry(world).kinds)
    assert alpha.load(tmp_path / "TRA").plan.config.loss is alpha.losses.mse
    assert alpha.load(tmp_path / "HIST").plan.config.loss is alpha.losses.ic


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--data", "nowhere"], "data folder nowhere does not exist"),
        (["--set", "hiden=32"], r"--set hiden: no model knows it\. GATs has .*dropout, hidden"),
        (["--set", "layers=0"], "without graph layers use alpha.GRU"),
        (["--set", "hidden=abc"], "--set hidden=abc: hidden is a number, 64 by default"),
        (["--config", "epoch=3"], "--config epoch: TrainConfig has epochs"),
        (["--config", "loss=rank"], "--config loss=rank: the losses are ic, mse"),
        (["--years", "2031"], "2031"),
        (["--index", "csi999"], "csi999"),
        (["--jobs", "0"], "jobs is 0"),
    ],
)
def test_wrong_options_end_in_one_clear_sentence(tmp_path, wrong, message):
    small = ["--stocks", "40", "--days", "780", "--run", str(tmp_path)]
    with pytest.raises(ValueError, match=message):
        train_alpha.main([*small, *wrong])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--model", "Gats"], "invalid choice: 'Gats'"),
        (["--set", "hidden"], "'hidden' is no NAME=VALUE"),
        (["--years", "2024-2019"], "'2024-2019' is no range of years"),
        (["--seeds", "zero"], "'zero' is no list of whole numbers"),
        (["--features", "ALPHA159"], "invalid choice: 'ALPHA159'"),
    ],
)
def test_options_that_cannot_be_read_are_refused_at_once(capsys, wrong, message):
    with pytest.raises(SystemExit):
        train_alpha.parse(wrong)
    assert message in capsys.readouterr().err


def test_options_are_read_as_they_are_meant():
    read = train_alpha.parse(["--years", "2019-2021", "--seeds", "0,3", "--set", "mode=subtract"])
    assert read.years == ("2019-01-01", "2021-12-31")
    assert read.seeds == (0, 3)
    assert read.set == [("mode", "subtract")]
    assert train_alpha.parse(["--years", "2020"]).years == ("2020-01-01", "2020-12-31")
    values = [train_alpha.pair(f"x={text}")[1] for text in ("32", "0.5", "None", "False", "add")]
    assert values == [32, 0.5, None, False, "add"]


def test_windows_of_their_own_length_set_steps_and_bars():
    world = market.simulate(stocks=30, days=60, seed=7)
    week = train_alpha.FEATURES["week"](world)
    assert train_alpha.suited(alpha.ASTGNN(), week, None, []) == alpha.ASTGNN(steps=30, bars=5)
    assert train_alpha.suited(alpha.GRU(), alpha.ALPHA360, None, []).steps == 60
    assert train_alpha.suited(alpha.GRU(steps=10), alpha.ALPHA158, None, []).steps == 10
    assert train_alpha.suited(alpha.GRU(steps=10), week, None, [("steps", 10)]).steps == 10
    assert train_alpha.suited(alpha.TRA(), alpha.ALPHA360, None, []).steps == 60


def test_the_script_explains_itself():
    shown = subprocess.run(
        [sys.executable, "examples/train_alpha.py", "--help"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    ).stdout  # fmt: skip
    for option in ("--data", "--years", "--seeds", "--jobs", "ASTGNN", "LightGBM", "ALPHA360"):
        assert option in shown
