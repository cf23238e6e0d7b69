"""The typed relations of DANSMP: measures by hand, days that know no future, and a small run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, roc_auc_score

from examples import dansmp_relations

SMALL = ["--set", "CSI100E", "--hidden", "4", "--steps", "4", "--epochs", "1", "--every", "8"]
NO_HISTORY = "ignore:relation table 'CSI100E' has no history"
pytestmark = pytest.mark.filterwarnings(NO_HISTORY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty stocks for 160 days with every kind of relation, in the file of the data set."""
    out = tmp_path_factory.mktemp("dansmp")
    rng = np.random.default_rng(0)
    pairs = np.array([(i, j) for i in range(30) for j in range(30) if i != j and i % 5 == j % 5]).T
    np.savez(
        out / "CSI100E.npz",
        x_price=rng.normal(size=(160, 30, 5)).astype(np.float32),
        x_news=rng.normal(size=(160, 30, 3)).astype(np.float32),
        ret_next=np.hstack([rng.normal(0, 0.02, (160, 30)), np.full((160, 7), 2.0)]).astype(np.float32),
        codes=np.array([f"{600000 + i}" for i in range(30)]),
        **{f"edge_{key}": pairs[:, :: k + 1].astype(np.int16) for k, key in enumerate(dansmp_relations.KINDS)},
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def data(folder):
    with pytest.warns(UserWarning, match="no history"):
        return dansmp_relations.Data.read(folder / "CSI100E.npz", levels=False)


def test_the_measures_by_hand():
    """Day 1: the pick is the second best of three. Day 2: it is the best, and falls."""
    scores = np.array([[0.3, 0.2, -0.1], [-0.5, -0.1, -0.4]])
    returns = np.array([[0.01, 0.02, -0.01], [-0.03, -0.01, -0.02]])
    found = dansmp_relations.measures(scores, returns)
    assert found["accuracy"] == 1.0
    assert found["AUC"] == 1.0
    assert found["MRR"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["IRR"] == pytest.approx(0.01 - 0.01)


def test_accuracy_and_area_agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    scores, returns = rng.normal(size=(20, 15)).round(1), rng.normal(0, 0.02, (20, 15)).round(2)
    found = dansmp_relations.measures(scores, returns)
    rises = (returns > 0).ravel()
    assert found["AUC"] == pytest.approx(roc_auc_score(rises, scores.ravel()))
    assert found["accuracy"] == pytest.approx(accuracy_score(rises, scores.ravel() > 0))
    assert dansmp_relations.measures(3.0 * returns, returns)["RankIC"] == pytest.approx(1.0)


def test_the_last_fifty_days_are_the_test_and_no_label_of_one_part_lies_in_the_next(data):
    rows = {part: data.rows(part, 4) for part in ("train", "valid", "test")}
    assert (rows["train"][0], rows["train"][-1]) == (3, 58)  # its last label is over on day 59
    assert (rows["valid"][0], rows["valid"][-1]) == (60, 108)
    assert (rows["test"][0], rows["test"][-1]) == (110, 159)


def test_windows_know_neither_the_future_nor_the_level_of_a_price(data):
    x = data.features
    windows = dansmp_relations.PriceWindows(x, 4, levels=False)
    later, higher = x.copy(), x.copy()
    later[51:] = 9.0
    higher[..., : dansmp_relations.PRICES] += 3.0
    for other in (later, higher):
        again = dansmp_relations.PriceWindows(other, 4, levels=False)
        np.testing.assert_allclose(again.window(50), windows.window(50), atol=1e-5)
    chosen = np.array([2, 7])
    assert np.array_equal(windows.window(50, chosen), windows.window(50)[:, chosen])
    as_they_are = dansmp_relations.PriceWindows(x, 4, levels=True)
    assert np.array_equal(as_they_are.window(50), x[47:51])


def test_the_cross_entropy_is_that_of_the_odds():
    y, mask = torch.tensor([1.0, 0.0, 1.0]), torch.tensor([True, True, False])
    scores = torch.log(torch.tensor([3.0, 1.0, 1.0]))  # chances 3/4 and 1/2
    expected = -(np.log(0.75) + np.log(0.5)) / 2
    assert float(dansmp_relations.cross_entropy(scores, y, mask)) == pytest.approx(expected)


def test_all_models_are_trained_and_a_second_run_reads_them(folder, tmp_path, capsys):
    call = ["--data", str(folder), "--run", str(tmp_path), "--seeds", "0,1", *SMALL]
    table = dansmp_relations.main(call)
    assert set(table.index.get_level_values("model")) == set(dansmp_relations.TWINS)
    assert np.isfinite(table.to_numpy()).all()
    files = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.json")}
    assert len(files) == 2 * len(dansmp_relations.TWINS)
    again = dansmp_relations.main(call)
    pd.testing.assert_frame_equal(again, table)
    assert files == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.json")}
    more = dansmp_relations.margins(table)
    single = table.loc["CSI100E"].unstack("seed")
    both = single.loc["GAT"] - single.loc["GRU"]
    assert more.loc[("CSI100E", "GAT", "GRU"), "AUC"] == pytest.approx(both["AUC"].mean())
    assert "RSR-explicit" in capsys.readouterr().out
    with pytest.raises(ValueError, match="use another --run"):
        dansmp_relations.main([*call, "--epochs", "2"])


def test_wrong_options_end_in_one_clear_sentence(tmp_path, capsys):
    with pytest.raises(ValueError, match=r"CSI100E.npz does not exist"):
        dansmp_relations.main(["--data", str(tmp_path), "--run", str(tmp_path), *SMALL])
    for wrong in (["--models", "Oracle"], ["--set", "CSI500"], ["--seeds", "one"]):
        with pytest.raises(SystemExit):
            dansmp_relations.parse(["--data", str(tmp_path), *wrong])
        assert wrong[1] in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:relation table 'CSI300E' has no history")
def test_the_shares_of_rising_stocks_are_those_of_the_data_set(data_root):
    for name, rising, stocks in (("CSI100E", 0.467, 73), ("CSI300E", 0.478, 185)):
        data = dansmp_relations.Data.read(data_root("dansmp") / f"{name}.npz", levels=False)
        assert data.returns.shape == (516, stocks)
        assert (data.returns > 0).mean() == pytest.approx(rising, abs=5e-4)
        moved = np.diff(
            data.features[..., 3], axis=0
        ).ravel()  # a price moves by the return before it
        assert np.corrcoef(moved, data.returns[:-1].ravel())[0, 1] > 0.5
