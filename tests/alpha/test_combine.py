"""Weighing weak factors of several datasets by trees, and what they may not know."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alpha
from alpha.combine import SHORT_CYCLE, combine
from alpha.labels import vwap_1
from tests.alpha.worlds import random_market

TREES = replace(SHORT_CYCLE, rounds=15, leaf_rows=10)
VALID, TEST = slice(60, 158), slice(160, 260)


@pytest.fixture(scope="module")
def world():
    return random_market(280, 40, seed=3)


def weak_fit(world, strength, seed, folds=(("a", VALID, TEST),), width=3, seeds=(0,), stocks=None):
    """A fit whose weak factors are the label times ``strength`` plus noise, each with a sign of its own."""
    names = world.stocks if stocks is None else stocks
    y = vwap_1.values(world)[names]
    z = np.nan_to_num(y.to_numpy() / np.nanstd(y.to_numpy()))
    results = []
    for fold, valid, test in folds:
        for number in seeds:
            rng = np.random.default_rng([seed, number, test.start])
            sign = rng.choice([-1.0, 1.0], width)
            rows = np.r_[valid, test]
            noise = rng.normal(size=(len(rows), len(names), width))
            values = (strength * sign * z[rows, :, None] + noise).astype(np.float32)
            columns = tuple(f"weak{k:02d}" for k in range(width))
            cube = alpha.FeatureCube(values, world.dates[rows], names, columns)
            dates = world.dates[test]
            plain = pd.DataFrame(values[-len(dates) :, :, 0], index=dates, columns=names)
            history = pd.DataFrame({"valid": [0.1]})
            results.append(alpha.FoldResult(fold, number, plain, history, 1.0, {"weak": cube}))
    return alpha.Fitted(tuple(results), y.loc[world.dates[folds[0][2]]], world.stocks)


def combined(world, fits, **changes):
    settings = {"label": vwap_1, "refit": 8, "window": "1y", "every": 2, "trees": TREES}
    return combine(fits, world, **{**settings, **changes})


@pytest.fixture(scope="module")
def fits(world):
    return {"week": weak_fit(world, 0.4, 1), "day": weak_fit(world, 0.4, 2)}


def test_trees_find_the_signs_and_two_datasets_know_more_than_one(world, fits):
    both, week = combined(world, fits), combined(world, {"week": fits["week"]})
    assert abs(fits["week"].rank_ic().mean()) < 0.6
    assert week.rank_ic().mean() > 0.35
    assert both.rank_ic().mean() > week.rank_ic().mean() + 0.03
    assert both.scores().index.equals(world.dates[TEST])
    assert both.scores().columns.equals(world.stocks)


def test_a_dataset_of_noise_does_little_harm(world, fits):
    noise = {"week": fits["week"], "noise": weak_fit(world, 0.0, 5)}
    alone = combined(world, {"week": fits["week"]}).rank_ic().mean()
    assert combined(world, noise).rank_ic().mean() > 0.8 * alone


def test_what_happens_later_changes_no_score(world, fits):
    """Prices and factors after session 205: scores to the last growing that knew less stay as they are."""
    now = 205
    fields = {
        k: np.where(np.arange(280)[:, None] > now, world.values(k)[::-1], world.values(k))
        for k in ("open", "high", "low", "close")
    }
    late = {}
    for name, fit in fits.items():
        (part,) = fit.folds
        cube = part.extras["weak"]
        values = np.where((cube.dates > world.dates[now])[:, None, None], 9.0, cube.values)
        moved = replace(cube, values=values.astype(np.float32))
        late[name] = replace(fit, folds=(replace(part, extras={"weak": moved}),))
    before = combined(world, fits).scores()
    after = combined(world.with_fields(fields), late).scores()
    known = slice(None, world.dates[now])
    pd.testing.assert_frame_equal(after.loc[known], before.loc[known], check_exact=True)
    assert not after.equals(before)


def test_a_stock_that_joins_later_has_no_say_in_the_labels_before(world, fits):
    """The first stock has no weak factors until the test: its returns before cannot move the ranks."""
    late = {}
    for name, fit in fits.items():
        (part,) = fit.folds
        cube = part.extras["weak"]
        values = cube.values.copy()
        values[: VALID.stop - VALID.start, 0] = np.nan
        late[name] = replace(
            fit, folds=(replace(part, extras={"weak": replace(cube, values=values)}),)
        )
    rng = np.random.default_rng(0)
    other = {}
    for k in ("open", "high", "low", "close"):
        other[k] = world.values(k).copy()
        other[k][:, 0] *= rng.uniform(0.5, 2.0, len(world.dates)).astype("f4")
    first = world.dates[TEST][:40]  # the trees of these learnt from validation sessions alone
    before = combined(world, late).folds[0].scores.loc[first]
    after = combined(world.with_fields(other), late).folds[0].scores.loc[first]
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_sessions_learnt_from_by_hand(world, fits):
    """Growings before rows 160, 200 and 240; the labels of the last two sessions before are unknown.

    Factors begin at row 60 and 158 and 159 are purged, so 60..157, then also 160..197, then also 198..237;
    every second one counted from the last: 49, 68, 88.
    """
    history = combined(world, fits).history()
    assert history["sessions"].tolist() == [49, 68, 88]
    assert history["valid"].isna().all()
    assert combined(world, fits, refit=100).history()["sessions"].tolist() == [49]
    short = combined(world, fits, window="3m").history()["sessions"]
    assert (short < [49, 68, 88]).all()
    thin = combined(world, fits, every=10).history()["rows"]
    assert (thin < history["rows"].to_numpy() / 4).all()


def test_each_fold_learns_from_its_own_networks(world):
    folds = (("a", slice(60, 118), slice(120, 180)), ("b", slice(120, 178), slice(180, 240)))
    whole = {"day": weak_fit(world, 0.5, 1, folds)}
    apart = combined(world, {"day": weak_fit(world, 0.5, 1, folds[1:])}).scores()
    both = combined(world, whole)
    pd.testing.assert_frame_equal(both.scores().loc[apart.index], apart)
    assert both.rank_ic().mean() > 0.3


def test_every_seed_has_trees_of_its_own(world):
    fit = weak_fit(world, 0.5, 1, seeds=(0, 7))
    found = combined(world, {"day": fit})
    assert [f.seed for f in found.folds] == [0, 7]
    alone = combined(world, {"day": replace(fit, folds=fit.folds[1:])})
    pd.testing.assert_frame_equal(found.folds[1].scores, alone.folds[0].scores)
    assert not found.folds[0].scores.equals(found.folds[1].scores)
    again = combined(world, {"day": fit})
    pd.testing.assert_frame_equal(again.scores(), found.scores(), check_exact=True)


def test_a_stock_that_one_dataset_lacks_is_scored_by_the_other(world, fits):
    half = {"week": weak_fit(world, 0.5, 1, stocks=world.stocks[:20]), "day": fits["day"]}
    scores = combined(world, half).scores()
    traded = world.values("volume")[TEST] > 0
    assert np.array_equal(scores.notna().to_numpy(), traded)
    inside = combined(world, half, index="half").scores().notna()
    assert not inside[world.stocks[20:]].any(axis=None)
    assert inside[world.stocks[:20]].any(axis=None)


def test_fits_that_do_not_belong_together_are_refused(world, fits):
    with pytest.raises(ValueError, match="fits is empty"):
        combined(world, {})
    with pytest.raises(ValueError, match=r"and 'seeds' has \[\('a', 3\)\]"):
        combined(world, {"day": fits["day"], "seeds": weak_fit(world, 0.5, 1, seeds=(3,))})
    other = weak_fit(world, 0.5, 1, folds=(("a", VALID, slice(160, 250)),))
    with pytest.raises(ValueError, match="tests 90 sessions and that of 'day' 100"):
        combined(world, {"day": fits["day"], "other": other})
    (part,) = fits["day"].folds
    bare = replace(fits["day"], folds=(replace(part, extras={}),))
    with pytest.raises(ValueError, match=r"no weak factors.*alpha\.ASTGNN"):
        combined(world, {"day": bare})
    with pytest.raises(ValueError, match="pass label="):
        combined(world, fits, label=None)
    with pytest.raises(ValueError, match="refit 0 weeks"):
        combined(world, fits, refit=0)


def test_a_window_without_sessions_is_an_error(world):
    late = weak_fit(world, 0.5, 1, folds=(("a", slice(159, 160), TEST),))
    with pytest.raises(ValueError, match=r"no labelled session to learn from before 2015-08-13"):
        combined(world, {"day": late})


def test_fits_on_two_kinds_of_bars_go_into_the_trees_as_they_are(world):
    """The label, the folds and the seeds are those of the fits; who was scored is scored again."""
    small = alpha.ASTGNN(hidden=4, weak=2, embedding=2, steps=4)
    spans = {"train": "3m", "valid": "3m", "test": "3m", "min_train": "3m"}
    settings = {
        "label": vwap_1,
        "splits": alpha.WalkForward(**spans, start="2015-10-01", end="2015-12-31"),
        "config": alpha.TrainConfig(epochs=1, every=5),
        "seeds": (0, 1),
    }
    daily = alpha.BarTensor.daily(world, steps=4)
    weekly = alpha.BarTensor.weekly(world, steps=4)
    fits = {
        "day": alpha.fit(small, world, "half", features=daily, **settings),
        "week": alpha.fit(replace(small, bars=5), world, "half", features=weekly, **settings),
    }
    found = combine(fits, world, every=2, trees=TREES)
    assert [(f.fold, f.seed) for f in found.folds] == [("2015-10-01", 0), ("2015-10-01", 1)]
    assert found.scores().index.equals(fits["day"].scores().index)
    assert found.scores().notna().equals(fits["day"].scores().notna())
    assert found.label.equals(fits["day"].label)
