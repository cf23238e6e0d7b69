"""The risk report, run as a user runs it, on a market small enough for a test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import backtest
import market
from backtest import BenchmarkPolicy
from examples import risk_report

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--stocks", "100", "--days", "400", "--pca", "2"]
PICTURES = ("r2", "style_returns", "eigen_bias", "rolling_bias", "specific_deciles")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    world = market.simulate(stocks=100, days=400, seed=7)
    policy = BenchmarkPolicy("csi300")
    result = backtest.run(world, policy, start=world.dates[330], benchmark="csi300")
    result.save(out / "traded")
    return out, risk_report.main([*SMALL, "--out", str(out), "--results", str(out / "traded")])


def test_the_report_is_one_page_with_its_pictures_inside(finished):
    out, _ = finished
    page = (out / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r'src="data:image/png;base64,', page)) == len(PICTURES)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    for name in PICTURES:
        assert (out / f"{name}.png").stat().st_size > 5_000
    assert "note: simulated market (seed 7)" in page


def test_more_factors_explain_more_and_random_ones_least(finished):
    _, tables = finished
    r2 = tables["r2"]["r2"]
    assert r2.index.tolist() == ["country + industries", "CNE5", "CNE5 + 10 random", "CNE5 + PCA 2"]
    assert (r2.iloc[1:] > r2.iloc[0]).all()
    assert np.isnan(tables["r2_against_styles"].loc["CNE5", "t"])


def test_tables_cover_all_sets_and_are_kept_as_csv(finished):
    out, tables = finished
    sets = tables["calibration_1"].index.get_level_values("set").unique()
    assert set(sets) >= {"factors", "eigen", "random", "index", "optimised", "specific"}
    assert {"factors", "least_risk", "calibration_21", "specific_deciles"} <= set(tables)
    for name, table in tables.items():
        assert len(pd.read_csv(out / f"{name.replace(' ', '_')}.csv")) == len(table)
    least = tables["least_risk"].loc["CNE5"]
    assert (
        least.loc["GMV", "forecast"]
        < least.loc["GMV+", "forecast"]
        < least.loc["csi300", "forecast"]
    )
    assert (tables["least_risk"]["n"].nunique()) == 1  # every model on the same days


def test_a_traded_portfolio_is_judged_against_its_own_index(finished):
    _, tables = finished
    traded = tables["traded"]
    assert traded.index.get_level_values("horizon").tolist() == [1, 5]
    assert (traded["realised"] < 0.05).all()  # it holds the index, but for lots and drift


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--data", "nowhere"], "data folder nowhere does not exist"),
        (["--start", "2031-01-01"], "2031-01-01"),
        (["--results", "nowhere"], "nowhere holds no"),
    ],
)
def test_wrong_options_end_in_one_clear_sentence(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        risk_report.main([*SMALL, "--pca", "0", "--out", str(tmp_path), *wrong])


def test_the_script_explains_itself():
    shown = subprocess.run(
        [sys.executable, "examples/risk_report.py", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    for option in ("--data", "--preset", "--horizon", "--deep", "--results", "CNE6", "CNE5D"):
        assert option in shown
