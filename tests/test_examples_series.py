"""Forecasts of a set of series: the anchors of the data, windows that know no future, and a small run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from examples import igmtf_series

SMALL = [
    "--horizons",
    "3,6",
    "--seeds",
    "0,1",
    "--steps",
    "4",
    "--hidden",
    "4",
    "--epochs",
    "1",
    "--every",
    "5",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four random walks of 400 rows, in the file of the data set."""
    out = tmp_path_factory.mktemp("series")
    walks = 1 + np.cumsum(np.random.default_rng(0).normal(0, 0.01, (400, 4)), axis=0)
    pd.DataFrame(walks).to_csv(out / "exchange_rate.txt.gz", header=False, index=False)
    return out


@pytest.mark.data
def test_the_last_value_has_the_anchors_of_the_data_set(data_root):
    values = igmtf_series.read(data_root("multivariate") / igmtf_series.FILES["exchange"])
    assert values.shape == (7588, 8)
    anchors = {3: (0.0171, 0.9761), 6: (0.0238, 0.9679), 12: (0.0329, 0.9526), 24: (0.0434, 0.9331)}
    for horizon, (rse, corr) in anchors.items():
        data = igmtf_series.Series(values, horizon, 24)
        rows = data.rows("test")
        assert (rows[0] + horizon, rows[-1] + horizon) == (6070, 7587)
        found = igmtf_series.measures(values[rows], data.after(rows))
        assert (found["RSE"], found["CORR"]) == pytest.approx((rse, corr), abs=6e-5)


def test_the_measures_by_hand():
    """Errors 1, 0, 0, 1 about a mean of 1: RSE sqrt(2 / 10); a still series has no correlation."""
    truth = np.array([[0.0, 2.0], [4.0, -2.0]])
    forecast = np.array([[1.0, 2.0], [4.0, -1.0]])
    found = igmtf_series.measures(forecast, truth)
    assert found["RSE"] == pytest.approx(np.sqrt(2 / (1 + 1 + 9 + 9)))
    assert found["CORR"] == pytest.approx(1.0)
    still = np.column_stack([truth[:, 0], [5.0, 5.0]])
    assert igmtf_series.measures(forecast, still)["CORR"] == pytest.approx(1.0)


def test_no_target_of_one_part_lies_in_the_next():
    data = igmtf_series.Series(np.zeros((100, 2)), horizon=3, steps=10)
    targets = {part: data.rows(part) + 3 for part in ("train", "valid", "test")}
    assert (targets["train"][0], targets["train"][-1]) == (12, 59)
    assert (targets["valid"][0], targets["valid"][-1]) == (60, 79)
    assert (targets["test"][0], targets["test"][-1]) == (80, 99)


def test_a_score_is_the_change_in_units_of_the_training_rows():
    values = np.cumsum(np.random.default_rng(2).normal(size=(200, 3)) * [1, 5, 0.1], axis=0)
    data = igmtf_series.Series(values, horizon=3, steps=8)
    days = data.days()
    rows = data.rows("test")
    forecast = values[rows] + days.y[rows] * data.changes(3)
    np.testing.assert_allclose(forecast, data.after(rows), rtol=1e-5)
    known = days.y[: 120 - 3]
    np.testing.assert_allclose(np.sqrt((known**2).mean(axis=0)), 1.0, rtol=1e-5)


def test_windows_and_scales_do_not_know_what_follows():
    values = np.cumsum(np.random.default_rng(3).normal(size=(200, 3)), axis=0)
    later = values.copy()
    later[120:] += 50.0
    first, second = (igmtf_series.Series(v, 3, 8).days() for v in (values, later))
    for row in (7, 60, 119):
        assert np.array_equal(first.windows.window(row), second.windows.window(row))
    assert np.array_equal(first.y[:117], second.y[:117])
    assert (first.windows.window(60)[-1] == 0).all()


def test_all_models_are_trained_and_a_second_run_reads_them(folder, tmp_path, capsys):
    call = ["--data", str(folder), "--run", str(tmp_path), *SMALL]
    table = igmtf_series.main(call)
    assert set(table.index.get_level_values("model")) == {*igmtf_series.MODELS, igmtf_series.NAIVE}
    files = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.json")}
    assert len(files) == 8
    pd.testing.assert_frame_equal(igmtf_series.main(call), table)
    assert files == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.json")}
    assert "0.0226" in capsys.readouterr().out  # what was published stands beside
    # on random walks nobody beats the last value by more than chance, and nobody is far from it
    rse = table["RSE"].groupby(level=["horizon", "model"]).mean().unstack()
    assert (rse["IGMTF"] / rse[igmtf_series.NAIVE] - 1).abs().max() < 0.3
    with pytest.raises(ValueError, match="use another --run"):
        igmtf_series.main([*call, "--epochs", "2"])


def test_wrong_options_end_in_one_clear_sentence(folder, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"exchange_rate.txt.gz does not exist"):
        igmtf_series.main(["--data", str(tmp_path), "--run", str(tmp_path), *SMALL])
    for wrong in (["--models", "Oracle"], ["--set", "traffic"], ["--horizons", "soon"]):
        with pytest.raises(SystemExit):
            igmtf_series.parse(["--data", str(folder), *wrong])
        assert wrong[1] in capsys.readouterr().err
