"""The weekly step: new sessions are scored, old scores stay, and nothing looks ahead."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import alpha
from alpha.dataset import Dataset

SPLITS = alpha.WalkForward(train="1y", valid="6m", test="6m", min_train="6m", start="2016-07-01")
LABEL = alpha.labels.vwap_1
CONFIG = alpha.TrainConfig(epochs=2, every=8, learning_rate=5e-3)
COMMON = {"label": LABEL, "splits": SPLITS, "config": CONFIG, "features": None}
SMALL = alpha.FeatureSet("small", {"MOVE": "close / lag(close, 1) - 1", "GAP": "open / close - 1"})
COMMON["features"] = SMALL
GRU = alpha.GRU(hidden=4, steps=4)
FIRST, LATER = pd.Timestamp("2016-12-01"), pd.Timestamp("2016-12-20")


@pytest.fixture(scope="module")
def fitted(toy):
    return alpha.fit(GRU, toy.until(FIRST), "half", seeds=(0, 1), **COMMON)


def disturbed(market, date):
    """The same market to ``date``; prices and membership after it are others."""
    t, rng = market.row(date), np.random.default_rng(3)
    changes = {"member:half": market.values("member:half").copy()}
    changes["member:half"][t + 1 :] ^= True
    for name in ("open", "high", "low", "close", "volume"):
        changes[name] = market.values(name).copy()
        changes[name][t + 1 :] *= rng.uniform(0.5, 2.0, changes[name][t + 1 :].shape).astype("f4")
    return market.with_fields(changes)


@pytest.mark.parametrize("refit", [False, True])
def test_old_scores_stay_and_new_ones_do_not_see_the_future(toy, fitted, refit):
    longer = fitted.update(toy.until(LATER), refit)
    scores = longer.scores()
    new = toy.dates[(toy.dates > FIRST) & (toy.dates <= LATER)]
    pd.testing.assert_frame_equal(scores.loc[:FIRST], fitted.scores(), check_exact=True)
    assert scores.index[-len(new) :].equals(new)
    member = toy.index("half").member & ~np.isnan(toy.values("close"))
    there = pd.DataFrame(member, toy.dates, toy.stocks).loc[new]
    np.testing.assert_array_equal(scores.loc[new].notna(), there)
    t = new[5]
    other = fitted.update(disturbed(toy, t).until(LATER), refit).scores()
    pd.testing.assert_frame_equal(other.loc[:t], scores.loc[:t], check_exact=True)
    assert not other.loc[t:].iloc[1:].equals(scores.loc[t:].iloc[1:])


def test_without_a_refit_the_models_of_the_last_fold_score(toy, fitted):
    """The same models, given the whole of the test period at once, would have said the same."""
    longer = fitted.update(toy.until(LATER))
    (fold,) = SPLITS.folds(toy.dates[: toy.row(LATER) + 1], LABEL.horizon)
    data = Dataset.of(toy, "half", LABEL, SMALL, (fold,), progress=False)
    days = data.days(fold, GRU.steps, CONFIG.every)
    for seed in (0, 1):
        raw = alpha.predict(longer.model("2016-07-01", seed), days, fold.test)
        got = pd.concat([f.scores for f in longer.folds if f.seed == seed])
        pd.testing.assert_frame_equal(got, raw, check_exact=True, check_names=False)


def test_a_refit_trains_on_from_the_last_weights_to_the_last_known_label(toy, fitted):
    longer = fitted.update(toy.until(LATER), refit=True, epochs=1)
    before, after = fitted.folds[-1], longer.folds[-1]
    assert len(after.history) == 1
    moved = torch.cat([(after.state[k] - v).abs().flatten() for k, v in before.state.items()])
    assert (
        0 < moved.max() < 0.2
    )  # Adam moves a weight by the learning rate a step, from where it was


def test_a_refit_uses_the_labels_known_at_the_last_session_and_no_later_one(toy, fitted):
    last = toy.row(FIRST)
    plain = fitted.update(toy.until(LATER), refit=True, epochs=1)
    for row, counts in ((last, True), (last + 1, False)):  # where the label of a day ends
        values = toy.values("open").copy()
        values[row, :3] *= np.array([3, 1 / 3, 2], np.float32)
        other = fitted.update(toy.with_fields({"open": values}).until(LATER), refit=True, epochs=1)
        valid = [update.folds[-1].history["valid"].item() for update in (plain, other)]
        assert (valid[0] != valid[1]) == counts


def test_nothing_new_is_nothing_done(toy, fitted):
    assert fitted.update(toy.until(FIRST)) is fitted


def test_a_run_folder_takes_the_update_and_is_read_again(toy, fitted, tmp_path):
    alpha.fit(GRU, toy.until(FIRST), "half", seeds=(0, 1), run=tmp_path, **COMMON)
    loaded = alpha.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.scores(), fitted.scores(), check_exact=True)
    assert loaded.plan.model == GRU
    assert loaded.plan.splits == SPLITS
    assert loaded.plan.config == CONFIG
    assert loaded.plan.features.formulas == SMALL.formulas
    middle = toy.until(toy.dates[toy.row(FIRST) + 4])
    one = loaded.update(middle)
    two = one.update(toy.until(LATER), refit=True)
    again = alpha.load(tmp_path)
    pd.testing.assert_frame_equal(again.scores(), two.scores(), check_exact=True)
    pd.testing.assert_frame_equal(again.summary(), two.summary())
    straight = fitted.update(middle).update(toy.until(LATER), refit=True)
    pd.testing.assert_frame_equal(again.scores(), straight.scores(), check_exact=True)
    assert [f.fold for f in again.folds[::2]] == ["2016-07-01", "to-2016-12-07", "to-2016-12-20"]
    with pytest.raises(ValueError, match="has been updated to 2016-12-20 since this fit was read"):
        loaded.update(toy.until(LATER))
    # labels that were not yet known are there now
    assert loaded.label.iloc[-1].isna().all()
    assert again.label.loc[FIRST].notna().any()


def test_an_update_that_was_interrupted_goes_on_in_the_same_way_or_not_at_all(toy, tmp_path):
    run = tmp_path / "run"
    alpha.fit(GRU, toy.until(FIRST), "half", seeds=(0, 1), run=run, **COMMON)
    before_update = {name: (run / name).read_bytes() for name in ("label.npz", "metrics.json")}
    market = toy.until(LATER)
    whole = alpha.load(run).update(market)
    shutil.rmtree(run / f"to-{LATER:%Y-%m-%d}-seed1")  # as if killed after the first seed
    for file, kept in before_update.items():
        (run / file).write_bytes(kept)
    with pytest.raises(ValueError, match="refit"):
        alpha.load(run).update(market, refit=True)
    with pytest.raises(ValueError, match="market"):
        alpha.load(run).update(disturbed(toy, FIRST).until(LATER))
    pd.testing.assert_frame_equal(
        alpha.load(run).update(market).scores(), whole.scores(), check_exact=True
    )


def test_the_fit_found_in_an_updated_folder_is_the_fit(toy, tmp_path):
    run = tmp_path / "run"
    first = alpha.fit(GRU, toy.until(FIRST), "half", run=run, **COMMON)
    alpha.load(run).update(toy.until(LATER))
    again = alpha.fit(GRU, toy.until(FIRST), "half", run=run, **COMMON)
    assert again.sessions.equals(first.sessions)
    assert again.label.index.equals(first.label.index)
    with pytest.raises(ValueError, match=r"has been updated to 2016-12-20.*alpha\.load"):
        again.update(toy.until(LATER))


def test_a_market_that_does_not_continue_the_fit_is_refused(toy, fitted):
    with pytest.raises(ValueError, match="does not begin with the 501 sessions of the fit"):
        fitted.update(toy.between("2015-06-01", LATER))
    with pytest.raises(ValueError, match="1 of 30 stocks of the fit are not in the market"):
        fitted.update(toy.select(toy.stocks[1:]).until(LATER))


def test_a_cube_is_asked_for_again(toy, tmp_path):
    market = toy.until(FIRST)
    trees = alpha.LightGBM(rounds=2)
    common = {**COMMON, "features": SMALL.cube(market)}
    alpha.fit(trees, market, "half", run=tmp_path, **common)
    loaded, later = alpha.load(tmp_path), toy.until(LATER)
    assert loaded.plan.features is None
    with pytest.raises(ValueError, match="pass features= computed on the new sessions"):
        loaded.update(later)
    by_cube = loaded.update(later, refit=True, features=SMALL.cube(later))
    by_set = alpha.fit(trees, market, "half", **COMMON).update(later, refit=True)
    pd.testing.assert_frame_equal(by_cube.scores(), by_set.scores(), check_exact=True)


def test_an_unfinished_run_and_no_run_are_told(tmp_path):
    with pytest.raises(ValueError, match="not the folder of a fit: it has no config"):
        alpha.load(tmp_path)
