"""The example scripts, run as a user runs them, on a market small enough for a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import backtest
import market
from examples import enhancement

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--stocks", "90", "--days", "790", "--epochs", "1", "--model", "lightgbm"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return out, enhancement.main("csi300", [*SMALL, "--out", str(out)])


def test_the_csi300_example_writes_tables_plots_and_a_record(finished, capsys):
    out, result = finished
    folder = out / "lightgbm-result"
    for name in ("nav.png", "excess.png", "turnover_costs.png", "report.html"):
        assert (folder / name).stat().st_size > 5_000
    record = json.loads((folder / "run.json").read_text())
    assert record["options"]["model"] == "lightgbm"
    assert len(record["data"]) == 16
    assert record["versions"]["torch"].startswith("2.")
    assert list(record["seconds"]) == [
        "open the market",
        "train lightgbm",
        "fit the risk model",
        "trade week by week",
    ]
    pd.testing.assert_series_equal(backtest.load(folder).nav, result.nav, check_freq=False)
    assert result.summary()["relaxed_rebalances"] >= 0


def test_a_second_run_reads_the_trained_folds_and_gives_the_same_result(finished):
    out, result = finished
    stamp = out / "lightgbm"
    before = {p: p.stat().st_mtime_ns for p in stamp.rglob("weights.pt")}
    assert before
    again = enhancement.main("csi300", [*SMALL, "--out", str(out)])
    assert {p: p.stat().st_mtime_ns for p in stamp.rglob("weights.pt")} == before
    pd.testing.assert_series_equal(again.nav, result.nav)


def test_the_score_can_be_a_factor_of_the_risk_model():
    options = enhancement.parse("csi300", [*SMALL, "--score-factor"])
    world = enhancement.open_market(options)
    scores = world.returns().rolling(20).mean().iloc[300:]
    history = enhancement.fit_risk(world, scores, options)
    model = history.at(world.dates[-1])
    assert model.kinds["score"] == "latent"
    assert history.factor_returns["score"].iloc[400:].notna().all()
    styles = model.exposures[model.of_kind("style")]
    left = styles.corrwith(model.exposures["score"]).abs().max()
    raw = styles.corrwith(scores.loc[world.dates[-1]].reindex(styles.index)).abs().max()
    assert left < 0.5 * raw  # orthogonal to the styles, by market value over those that vote


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--data", "nowhere"], "data folder nowhere does not exist"),
        (["--start", "2031-01-01"], "2031-01-01"),
        (["--start", "2016-06-01"], "earliest start"),
        (["--turnover", "-0.1"], "turnover"),
    ],
)
def test_wrong_options_end_in_one_clear_sentence(tmp_path, finished, wrong, message):
    # the finished folds are shared, so that only what the wrong option reaches is run again
    out, _ = finished
    with pytest.raises(ValueError, match=message):
        enhancement.main(
            "csi300", [*SMALL, "--out", str(out if "--turnover" in wrong else tmp_path), *wrong]
        )


def test_scores_of_ones_own_take_the_place_of_training(finished, tmp_path):
    _, result = finished
    options = enhancement.parse("csi500", [*SMALL])
    world = enhancement.open_market(options)
    scores = world.returns().rolling(20).mean().loc[result.nav.index[0] :]
    scores.to_parquet(tmp_path / "momentum.parquet")
    own = [*SMALL, "--scores", str(tmp_path / "momentum.parquet"), "--out", str(tmp_path)]
    other = enhancement.main("csi500", own)
    assert other.config["benchmark"] == "csi500"
    assert other.config["policy"]["config"]["benchmark"] == "csi500"
    record = json.loads((tmp_path / "momentum-result" / "run.json").read_text())
    assert record["model"] == {}  # none was trained
    assert not {"model", "seeds", "epochs"} & record["options"].keys()
    scores.rename(columns={scores.columns[0]: "SH999999"}).to_parquet(tmp_path / "momentum.parquet")
    with pytest.raises(ValueError, match=r"1 unknown stocks \['SH999999'\]"):
        enhancement.main("csi500", own)


def test_a_score_of_two_data_sets_is_the_mean_of_its_parts():
    options = enhancement.parse("csi300", SMALL)
    world = enhancement.open_market(options)
    parts = enhancement.MODELS["astgnn"]
    assert [model.steps for model, _ in parts.values()] == [20, 30]
    bars = parts["astgnn-week"][1](world)
    member = [world.index(name).member.any(axis=0) for name in world.indexes]
    assert bars.stocks.equals(world.stocks[np.any(member, axis=0)])


@pytest.mark.parametrize("index", ["csi300", "csi500", "csi1000"])
def test_the_scripts_explain_themselves(index):
    shown = subprocess.run(
        [sys.executable, f"examples/enhance_{index}.py", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    assert index in shown
    for option in ("--data", "--start", "--end", "--model", "gats", "lightgbm"):
        assert option in shown
    assert issubclass(market.DataError, ValueError)
