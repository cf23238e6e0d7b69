"""The example scripts, run as a user runs them, on a market small enough for a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import backtest
import market
from examples import enhance_csi300

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--stocks", "90", "--days", "790", "--epochs", "1", "--model", "lightgbm"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return out, enhance_csi300.main([*SMALL, "--out", str(out)])


def test_the_csi300_example_writes_tables_plots_and_a_record(finished, capsys):
    out, result = finished
    folder = out / "lightgbm-result"
    for name in ("nav.png", "excess.png", "turnover_costs.png"):
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
    again = enhance_csi300.main([*SMALL, "--out", str(out)])
    assert {p: p.stat().st_mtime_ns for p in stamp.rglob("weights.pt")} == before
    pd.testing.assert_series_equal(again.nav, result.nav)


def test_the_score_can_be_a_factor_of_the_risk_model():
    options = enhance_csi300.parse([*SMALL, "--score-factor"])
    world = enhance_csi300.open_market(options)
    scores = world.returns().rolling(20).mean().iloc[300:]
    history = enhance_csi300.fit_risk(world, scores, options)
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
        enhance_csi300.main(
            [*SMALL, "--out", str(out if "--turnover" in wrong else tmp_path), *wrong]
        )


def test_the_script_explains_itself():
    shown = subprocess.run(
        [sys.executable, "examples/enhance_csi300.py", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    for option in ("--data", "--start", "--end", "--model", "gats", "lightgbm"):
        assert option in shown
    assert issubclass(market.DataError, ValueError)
