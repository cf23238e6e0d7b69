"""The relational ranking example: its measures against known anchors, its days, and a small run."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from examples import rsr_nasdaq

SMALL = ["--steps", "4", "--hidden", "4", "--epochs", "1", "--every", "5", "--seeds", "0,1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty stocks of three industries for 120 sessions, in the files of the data set."""
    out = tmp_path_factory.mktemp("rsr")
    rng = np.random.default_rng(0)
    returns = rng.normal(0, 0.02, (30, 120)).astype(np.float32)
    close = np.cumprod(1 + returns, axis=1)
    mean = pd.DataFrame(close.T).rolling(5, min_periods=1).mean().to_numpy().T
    mask = (rng.random((30, 120)) > 0.01).astype(np.uint8)
    np.savez(
        out / "NASDAQ_prices.npz",
        features=np.stack([mean] * 4 + [close], axis=2).astype(np.float32),
        mask=mask, ret=returns,
        tickers=np.array([f"T{i}" for i in range(30)]),
        dates=pd.bdate_range("2017-01-02", periods=120).strftime("%Y-%m-%d").to_numpy(str),
    )  # fmt: skip
    pairs = [(i, j) for i in range(30) for j in range(30) if i != j and i % 3 == j % 3]
    np.savez(
        out / "NASDAQ_relations.npz",
        industry_src=np.array([i for i, _ in pairs]),
        industry_dst=np.array([j for _, j in pairs]),
        industry_type=np.array([i % 3 for i, _ in pairs]),
        industry_names=np.array(["bank", "n/a", "steel"]),
    )
    days = {"train": [0, 60], "valid": [60, 90], "test": [90, 120]}
    split = {f"{part}_target_days": list(ends) for part, ends in days.items()}
    (out / "NASDAQ_split.json").write_text(json.dumps(split), encoding="utf-8")
    return out


@pytest.fixture(scope="module")
def data(folder):
    return rsr_nasdaq.Data.read(folder)


@pytest.mark.data
def test_the_measures_agree_with_the_anchors_of_the_data_set(data_root):
    data = rsr_nasdaq.Data.read(data_root("rsr"))
    found = rsr_nasdaq.anchors(data, 16)
    for name, expected in {
        "reversal": [7.404e-4, 0.0427, -0.080, 0.183, 0.374],
        "momentum": [7.719e-4, 0.0500, 0.632, -0.270, -0.187],
        "oracle": [0, 1, 40.89, 24.53, 19.05],
    }.items():
        measured = found.loc[name, ["MSE", "MRR", "top1", "top5", "top10"]].tolist()
        assert measured == pytest.approx(expected, abs=6e-4, rel=3e-4)
    for steps, mse in {16: 3.7839e-4, 8: 3.7787e-4, 4: 3.7769e-4}.items():
        zero = np.zeros((237, len(data.stocks)), np.float32)
        assert rsr_nasdaq.measures(zero, data, steps)["MSE"] == pytest.approx(mse, abs=5e-9)


def test_a_row_knows_its_day_and_is_labelled_with_the_next(data):
    days = data.days(4)
    assert days.y[50, 3] == data.returns[51, 3] or not data.there[51, 3]
    assert np.isnan(days.y[-1]).all()
    for row in (3, 40, 118):
        assert (days.present[row] == data.there[row - 3 : row + 1].all(axis=0)).all()
    rows = {part: data.rows(part, 4) for part in ("train", "valid", "test")}
    assert (rows["train"][0], rows["train"][-1] + 1) == (3, 59)  # targets end before 60
    assert (rows["valid"][0] + 1, rows["valid"][-1] + 1) == (60, 89)
    assert (rows["test"][0] + 1, rows["test"][-1] + 1) == (90, 119)


def test_windows_of_prices_do_not_know_the_future_nor_the_unit(data):
    windows = rsr_nasdaq.RelativePrices(data.features, 4)
    later = data.features.copy()
    later[51:] *= 9.0
    other = rsr_nasdaq.RelativePrices(later, 4)
    assert np.array_equal(windows.window(50), other.window(50))
    scaled = rsr_nasdaq.RelativePrices(7.0 * data.features, 4)
    np.testing.assert_allclose(scaled.window(50), windows.window(50), atol=1e-4)
    assert (windows.window(50)[-1, :, -1] == 0).all()


def test_the_measures_by_hand(data):
    """Of the last session's stocks the best is scored third, so its pick ranks by the truth."""
    rows = data.rows("test", 4)
    days = data.days(4)
    truth = np.where(days.present[rows], days.y[rows], np.nan)
    found = rsr_nasdaq.measures(-truth, data, 4)
    count = (~np.isnan(truth)).sum(axis=1)
    assert found["MRR"] == pytest.approx(np.mean(1 / count))
    assert found["top1"] == pytest.approx(np.nanmin(truth, axis=1).sum(), rel=1e-5)
    worst = np.sort(truth, axis=1)[:, :5].mean(axis=1).sum()
    assert found["top5"] == pytest.approx(worst, rel=1e-5)
    assert found["MSE"] == pytest.approx(4 * np.nanmean(truth**2), rel=1e-5)
    assert found["RankIC"] == pytest.approx(-1)


@pytest.mark.filterwarnings("ignore:relation table 'industry' has no history")
def test_all_models_are_trained_and_a_second_run_reads_them(folder, tmp_path, capsys):
    call = ["--data", str(folder), "--run", str(tmp_path), *SMALL]
    table = rsr_nasdaq.main(call)
    assert set(table.index.get_level_values("model")) == set(rsr_nasdaq.MODELS)
    assert np.isfinite(table.loc[:, list(rsr_nasdaq.MEASURES)].to_numpy()).all()
    files = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.json")}
    assert len(files) == 8
    again = rsr_nasdaq.main([*call, "--models", "GCN"])
    pd.testing.assert_frame_equal(again, table.loc[["GCN"]])
    assert files == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.json")}
    assert "0.0345 (0.0084)" in capsys.readouterr().out  # what was published stands beside
    spread = rsr_nasdaq.summary(table).loc["GCN", "RankIC"]
    both = table.loc["GCN", "RankIC"]
    assert spread == f"{both.mean():.4f} ({both.std():.4f})"


def test_the_clique_of_stocks_without_an_industry_can_be_left_out(data):
    kept = data.industry[data.industry["kind"] != rsr_nasdaq.UNKNOWN]
    assert len(data.industry) == 3 * 10 * 9
    assert len(kept) == 2 * 10 * 9


@pytest.mark.filterwarnings("ignore:relation table 'industry' has no history")
def test_results_and_states_of_other_settings_are_not_taken_for_these(folder, tmp_path):
    call = ["--data", str(folder), "--run", str(tmp_path), *SMALL]
    rsr_nasdaq.main([*call, "--seeds", "0", "--models", "GCN"])
    with pytest.raises(ValueError, match=r"GCN-0.json was measured with .* use another --run"):
        rsr_nasdaq.main([*call, "--seeds", "0", "--models", "GCN", "--hidden", "5"])
    with pytest.raises(ValueError, match=r"states-0.pt was trained with .* use another --run"):
        rsr_nasdaq.main([*call, "--seeds", "0", "--models", "RSR explicit", "--weight", "0.5"])


def test_a_folder_without_the_data_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"--data: .*NASDAQ_prices.npz does not exist"):
        rsr_nasdaq.main(["--data", str(tmp_path), "--run", str(tmp_path / "run")])
