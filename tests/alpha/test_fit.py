"""The whole verb: walk-forward scores, honesty, the run folder, and what it refuses."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch

import alpha
from alpha.models.gru import GRU
from market import DataError
from tests.alpha.worlds import fused, random_market

SPLITS = alpha.WalkForward(
    train="1y", valid="6m", test="6m", min_train="6m", start="2016-07-01", end="2017-06-30"
)
CONFIG = alpha.TrainConfig(epochs=3, every=3, learning_rate=5e-3)
COMMON = {"label": alpha.labels.vwap_1, "splits": SPLITS, "config": CONFIG}
SMALL = alpha.GRU(hidden=8, steps=4)


@pytest.fixture(scope="module")
def fitted(toy):
    return alpha.fit(SMALL, toy, "half", seeds=(0, 1), **COMMON)


@pytest.fixture(scope="module")
def toy():
    return random_market(700)


def test_scores_cover_the_test_sessions_and_the_members_that_traded(toy, fitted):
    scores = fitted.scores()
    first, last = toy.dates.searchsorted(pd.DatetimeIndex(["2016-07-01", "2017-07-01"]))
    assert scores.index.equals(toy.dates[first:last])
    pd.testing.assert_index_equal(scores.columns, toy.stocks)
    member = toy.index("half").member & ~np.isnan(toy.values("close"))
    np.testing.assert_array_equal(scores.notna().to_numpy(), member[first:last])


def test_scores_are_z_scores_of_each_date(fitted):
    scores = fitted.scores()
    np.testing.assert_allclose(scores.mean(axis=1), 0.0, atol=1e-6)
    np.testing.assert_allclose(scores.std(axis=1, ddof=0), 1.0, atol=1e-5)


def test_seeds_are_averaged_after_their_own_z_scores(fitted):
    day = fitted.folds[0].scores.index[5]
    rows = [f.scores.loc[day].dropna() for f in fitted.folds if day in f.scores.index]
    assert len(rows) == 2
    mean = sum((r - r.mean()) / r.std(ddof=0) for r in rows) / 2
    expected = (mean - mean.mean()) / mean.std(ddof=0)
    np.testing.assert_allclose(fitted.scores().loc[day].dropna(), expected, atol=1e-5)


def test_the_summary_is_the_evaluation_of_the_scores_on_raw_returns(toy, fitted):
    label = alpha.labels.vwap_1.values(toy)
    expected = alpha.evaluate.rank_ic(fitted.scores(), label)
    np.testing.assert_allclose(fitted.rank_ic(), expected, atol=1e-12)
    assert fitted.summary().loc["all", "mean"] == pytest.approx(expected.mean())
    assert "folds 2016-07-01..2017" in repr(fitted)
    assert list(fitted.history().index.names) == ["fold", "seed", "epoch"]


def test_a_reversal_planted_in_prices_is_found():
    market = random_market(700, stocks=60, seed=2, reversal=0.5)
    # vwap_1 lags the reversal by a day, so the label here starts with tomorrow's return
    found = alpha.fit(alpha.LightGBM(l1=0, l2=1), market, **COMMON)
    assert found.rank_ic().mean() > 0.05


@pytest.mark.parametrize(
    "model", [SMALL, alpha.GATs(hidden=8, steps=4), alpha.LightGBM(l1=0, l2=1)]
)
def test_scores_until_t_do_not_change_when_the_future_does(toy, model):
    """Everything after t is replaced; scores up to t keep every bit, in a fold that tests over t."""
    t = int(toy.dates.searchsorted(pd.Timestamp("2016-10-03")))
    rng = np.random.default_rng(5)
    changes = {}
    for name in ("open", "high", "low", "close", "volume"):
        values = toy.values(name).copy()
        values[t + 1 :] *= rng.uniform(0.5, 2.0, values[t + 1 :].shape).astype(np.float32)
        changes[name] = values
    splits = replace(SPLITS, end="2016-12-30")
    common = {**COMMON, "splits": splits}
    before = alpha.fit(model, toy, "half", **common).scores()
    after = alpha.fit(model, toy.with_fields(changes), "half", **common).scores()
    cut = toy.dates[t]
    pd.testing.assert_frame_equal(before.loc[:cut], after.loc[:cut], check_exact=True)
    assert not before.loc[cut:].iloc[1:].equals(after.loc[cut:].iloc[1:])


@pytest.mark.parametrize("formula", ["rank(close / lag(close, 5))", "close / lag(close, 5)"])
def test_who_joins_the_universe_later_does_not_show_today(toy, formula):
    t = int(toy.dates.searchsorted(pd.Timestamp("2016-10-03")))
    member = toy.values("member:half").copy()
    member[t + 1 :] = True
    features = alpha.FeatureSet("one", {"F": formula})
    common = {**COMMON, "splits": replace(SPLITS, end="2016-12-30"), "features": features}
    trees = alpha.LightGBM(rounds=10, l1=0, l2=1)
    before = alpha.fit(trees, toy, "half", **common).scores()
    after = alpha.fit(trees, toy.with_fields({"member:half": member}), "half", **common).scores()
    cut = toy.dates[t]
    pd.testing.assert_frame_equal(before.loc[:cut], after.loc[:cut], check_exact=True)
    assert (
        after.loc[cut:].iloc[1:].notna().sum().sum() > before.loc[cut:].iloc[1:].notna().sum().sum()
    )


def test_one_stock_on_a_day_is_scored_and_days_of_few_are_not_trained_on(toy):
    """The index shrinks to one stock for a while, in training and in testing."""
    member = toy.values("member:half").copy()
    for start in ("2015-09-01", "2016-09-01"):
        t = int(toy.dates.searchsorted(pd.Timestamp(start)))
        member[t : t + 10] = False
        member[t : t + 10, 3] = True
    market = toy.with_fields({"member:half": member})
    for model in (alpha.LightGBM(rounds=5), alpha.GATs(hidden=8, steps=4)):
        found = alpha.fit(model, market, "half", **COMMON)
        scores = found.scores().iloc[:, 3]
        traded = toy.field("close").iloc[t : t + 10, 3].notna()
        assert (scores.loc[traded.index][traded] == 0.0).all()  # the only one is like all others
        assert np.isfinite(found.history().to_numpy()).all()


def test_features_are_normalised_by_training_dates_only(toy):
    """A test period of wild values leaves the scaler, and so the scores before it, alone."""
    cube = alpha.ALPHA158_20.cube(toy)
    t = int(toy.dates.searchsorted(pd.Timestamp("2016-10-03")))
    wild = cube.values.copy()
    wild[t + 1 :] *= 1e6
    common = {**COMMON, "splits": replace(SPLITS, end="2016-12-30")}
    calm = alpha.fit(SMALL, toy, "half", features=cube, **common)
    moved = alpha.fit(SMALL, toy, "half", features=replace(cube, values=wild), **common)
    day = toy.dates[t]
    pd.testing.assert_frame_equal(calm.scores().loc[:day], moved.scores().loc[:day])


def test_a_computed_cube_gives_the_same_scores_as_the_set(toy, fitted):
    cube = alpha.ALPHA158_20.cube(toy)
    again = alpha.fit(SMALL, toy, "half", features=cube, seeds=(0, 1), **COMMON)
    pd.testing.assert_frame_equal(again.scores(), fitted.scores())


def test_the_union_of_indexes_is_scored(toy):
    both = alpha.fit(alpha.LightGBM(rounds=5), toy, ("half", "all"), **COMMON)
    everyone = alpha.fit(alpha.LightGBM(rounds=5), toy, None, **COMMON)
    pd.testing.assert_frame_equal(both.scores(), everyone.scores())


def test_the_callers_random_stream_and_threads_stay_as_they_were(toy):
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    torch.set_num_threads(2)
    config = replace(CONFIG, threads=1)
    alpha.fit(SMALL, toy, "half", **{**COMMON, "config": config})
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == 2


# --- the run folder --------------------------------------------------------------------------------


def test_a_finished_run_is_read_and_not_trained_again(toy, fitted, tmp_path):
    first = alpha.fit(SMALL, toy, "half", seeds=(0, 1), run=tmp_path / "run", **COMMON)
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*") if p.is_file()}
    second = alpha.fit(SMALL, toy, "half", seeds=(0, 1), run=tmp_path / "run", **COMMON)
    pd.testing.assert_frame_equal(first.scores(), second.scores())
    pd.testing.assert_frame_equal(first.scores(), fitted.scores())
    pd.testing.assert_frame_equal(first.history(), second.history())
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps
    assert second.folds[0].best_epoch == first.folds[0].best_epoch


def test_the_folder_says_what_was_done(toy, tmp_path):
    alpha.fit(SMALL, toy, "half", run=tmp_path, **COMMON)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model"]["class"] == "alpha.models.gru:GRU"
    assert config["market"] == toy.fingerprint()
    assert config["config"]["loss"] == {"function": "alpha.losses:ic"}
    assert config["features"]["formulas"]["RESI5"] == "residual(close, 5) / close"
    assert set(config["versions"]) == {"torch", "lightgbm", "numpy", "pandas"}
    files = sorted(p.name for p in (tmp_path / "2016-07-01-seed0").iterdir())
    assert files == ["done.json", "history.parquet", "scores.parquet", "weights.pt"]
    done = json.loads((tmp_path / "2016-07-01-seed0" / "done.json").read_text())
    assert done["epochs"] == 3


def test_the_metrics_of_the_folder_are_the_evaluation_of_each_model(toy, tmp_path):
    trees = alpha.LightGBM(rounds=3, l1=0, l2=1)
    found = alpha.fit(trees, toy, "half", seeds=(0, 1), run=tmp_path, **COMMON)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    label = alpha.labels.vwap_1.values(toy)
    for fold in found.folds:
        told = metrics[f"{fold.fold} seed {fold.seed}"]
        daily = alpha.evaluate.rank_ic(fold.scores, label)
        assert told["mean"] == pytest.approx(daily.mean(), abs=1e-9)
        assert told["days"] == daily.notna().sum()
        assert told["epochs"] == 3
    assert metrics["all"]["mean"] == pytest.approx(found.rank_ic().mean())
    pd.testing.assert_frame_equal(alpha.load(tmp_path).metrics(), found.metrics())


def test_another_fit_may_not_use_the_folder(toy, tmp_path):
    alpha.fit(alpha.LightGBM(rounds=3), toy, "half", run=tmp_path, **COMMON)
    with pytest.raises(ValueError, match=r"other settings: model\.rounds is 3 there and 4 now"):
        alpha.fit(alpha.LightGBM(rounds=4), toy, "half", run=tmp_path, **COMMON)
    with pytest.raises(ValueError, match="index is 'half' there and 'all' now"):
        alpha.fit(alpha.LightGBM(rounds=3), toy, "all", run=tmp_path, **COMMON)
    other = {**COMMON, "config": replace(CONFIG, threads=2, device="cpu")}
    alpha.fit(alpha.LightGBM(rounds=3), toy, "half", run=tmp_path, **other)


FUSE = [10**9]


@dataclass(frozen=True)
class FragileGRU(GRU):
    """A recipe whose network dies when the fuse has burnt."""

    def build(self, features):
        return fused(super().build(features), FUSE[0])


def test_a_killed_fit_goes_on_where_it_was(toy, tmp_path):
    model = FragileGRU(hidden=8, steps=4)
    FUSE[0] = 10**9
    whole = alpha.fit(model, toy, "half", run=tmp_path / "whole", **COMMON)
    FUSE[0] = 120  # dies in the second epoch of the first fold
    with pytest.raises(KeyboardInterrupt):
        alpha.fit(model, toy, "half", run=tmp_path / "killed", **COMMON)
    assert list((tmp_path / "killed").rglob("checkpoint.pt"))
    FUSE[0] = 10**9
    resumed = alpha.fit(model, toy, "half", run=tmp_path / "killed", **COMMON)
    pd.testing.assert_frame_equal(resumed.scores(), whole.scores(), check_exact=True)
    assert not list((tmp_path / "killed").rglob("checkpoint.pt"))
    assert not list((tmp_path / "killed").rglob("*.draft"))


# --- refusals ----------------------------------------------------------------------------------------


def test_an_unknown_index_is_named(toy):
    with pytest.raises(DataError, match="csi9"):
        alpha.fit(SMALL, toy, "csi9", **COMMON)
    with pytest.raises(ValueError, match="empty tuple"):
        alpha.fit(SMALL, toy, (), **COMMON)


def test_dates_outside_the_data_are_refused(toy):
    splits = alpha.WalkForward(start="2030-01-01")
    with pytest.raises(ValueError, match="first test day 2030-01-01 lies after the last day"):
        alpha.fit(SMALL, toy, "half", splits=splits)


def test_an_index_of_too_few_stocks_is_refused():
    market = random_market(700, stocks=8)
    with pytest.raises(
        ValueError, match=r"10 labelled stocks; the most on one day is [1-8]; widen"
    ):
        alpha.fit(SMALL, market, "all", **COMMON)


def test_a_cube_of_other_dates_or_stocks_is_refused(toy):
    short = alpha.ALPHA158_20.cube(toy.until(toy.dates[300]))
    with pytest.raises(ValueError, match="feature cube covers 2015-01-01 to"):
        alpha.fit(SMALL, toy, "half", features=short, **COMMON)
    few = alpha.ALPHA158_20.cube(toy, toy.stocks[:3])
    with pytest.raises(
        ValueError, match="12 of 15 stocks of the universe are not in the feature cube"
    ):
        alpha.fit(SMALL, toy, "half", features=few, **COMMON)


class Hungry(alpha.Network):
    needs = frozenset({"x", "weather"})


@dataclass(frozen=True)
class HungryRecipe:
    steps: int = 1

    def build(self, features):
        return Hungry()


def test_a_model_that_needs_what_no_batch_carries_is_refused(toy):
    with pytest.raises(
        ValueError, match=r"Hungry needs \['weather'\].*it carries \[.*'edges',.* 'x', 'y'"
    ):
        alpha.fit(HungryRecipe(), toy, "half", **COMMON)


def test_no_seed_is_no_fit(toy):
    with pytest.raises(ValueError, match="seeds is empty"):
        alpha.fit(SMALL, toy, "half", seeds=(), **COMMON)
    with pytest.raises(ValueError, match=r"seeds \(0, 0\) name one twice"):
        alpha.fit(SMALL, toy, "half", seeds=(0, 0), **COMMON)


def test_a_model_that_reads_no_step_is_refused(toy):
    with pytest.raises(ValueError, match="GRU has steps 0; it must be >= 1"):
        alpha.fit(alpha.GRU(steps=0), toy, "half", **COMMON)


def test_a_period_without_members_is_refused(toy):
    nobody = toy.with_fields({"member:half": np.zeros((700, 30), bool)})
    with pytest.raises(ValueError, match="no stock of index 'half' traded between"):
        alpha.fit(SMALL, nobody, "half", **COMMON)


def test_days_without_any_label_are_left_out_of_training(toy):
    """The market is shut for a while: no bars, so no labels, no scores, and no harm."""
    shut = {}
    for name in ("open", "high", "low", "close", "volume"):
        shut[name] = toy.values(name).copy()
        shut[name][200:240] = np.nan
    found = alpha.fit(SMALL, toy.with_fields(shut), "half", **COMMON)
    assert np.isfinite(found.history().to_numpy()).all()


@pytest.mark.data
def test_the_small_real_set_can_be_fitted(data_root):
    import market

    world = market.open(data_root("ashare_mini"))
    splits = alpha.WalkForward(train="1y", valid="6m", test="6m", min_train="1y")
    config = replace(CONFIG, epochs=2)
    found = alpha.fit(SMALL, world, None, label=alpha.labels.week, splits=splits, config=config)
    scores = found.scores()
    assert scores.notna().sum(axis=1).min() > 30
    assert np.isfinite(found.summary().loc["all", "mean"])


def test_a_loss_of_the_user_is_told_apart_by_what_it_says(toy, tmp_path):
    def loss(scores, y, mask):
        return alpha.losses.mse(scores, y, mask)

    first = loss

    def loss(scores, y, mask):  # the same name, another body
        return 2.0 * alpha.losses.mse(scores, y, mask)

    def config(criterion):
        return replace(COMMON["config"], loss=criterion)

    alpha.fit(SMALL, toy, "half", run=tmp_path, **{**COMMON, "config": config(first)})
    with pytest.raises(ValueError, match=r"config\.loss\.source"):
        alpha.fit(SMALL, toy, "half", run=tmp_path, **{**COMMON, "config": config(loss)})
