"""Walk-forward fits: resumed, reloaded, causal, and better than chance at a planted factor."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import market
from market import DataError
from risk.deep import Deep, DeepTraining, FittedDeep
from risk.deep.days import Days
from risk.deep.panel import read_panel

NAMES = ["deep01", "deep02", "deep03"]


def values(exposures):
    return np.stack([frame.to_numpy() for frame in exposures.values()], axis=2)


# --- what a fit gives ---------------------------------------------------------------------------


def test_exposures_cover_the_test_dates_and_the_covered_stocks(fitted, small):
    exposures = fitted.exposures()
    assert list(exposures) == NAMES
    frame = exposures["deep02"]
    pd.testing.assert_index_equal(frame.index, small.dates[300:330])
    pd.testing.assert_index_equal(frame.columns, small.stocks)
    days = Days.read(small, read_panel(("price_volume",), small, None), 5)
    for row in (300, 317, 329):
        held = days.described(row)
        assert np.isfinite(frame.loc[small.dates[row]].iloc[held]).all()
        assert frame.loc[small.dates[row]].notna().sum() == len(held) > 40


def test_exposures_are_standardised_on_every_date(fitted):
    first = values(fitted.exposures())[0]
    known = first[np.isfinite(first).all(axis=1)]
    np.testing.assert_allclose(known.std(axis=0), 1.0, atol=2e-3)


def test_the_course_of_every_fold_is_kept(fitted):
    summary = fitted.summary()
    assert list(summary.index) == [("f300", 0), ("f315", 0)]
    assert (summary["epochs"] == 3).all()
    assert summary["valid_r2"].between(0.0, 1.0).all()
    assert list(fitted.folds[0].course.columns) == ["loss", "r2"]


def test_a_seed_that_was_not_trained_is_refused(fitted):
    with pytest.raises(ValueError, match=r"seed 4 was not trained; there are \(0,\)"):
        fitted.exposures(seed=4)


# --- causality ----------------------------------------------------------------------------------


def test_what_happens_after_a_date_changes_no_exposure_up_to_it(fitted, small, cut, tiny, quick):
    turn = 318  # after training and validation of both folds, and before the last test dates
    shaken = np.ones((len(small.dates), 1), np.float32)
    shaken[turn:] = np.random.default_rng(0).uniform(0.5, 2.0, (len(small.dates) - turn, 1))
    bars = {
        name: small.values(name) * shaken for name in ("open", "high", "low", "close", "volume")
    }
    other = tiny.fit(small.with_fields(bars), cut, config=quick, device="cpu").exposures()
    one, two = values(fitted.exposures()), values(other)
    np.testing.assert_array_equal(one[: turn - 300], two[: turn - 300])
    assert not np.array_equal(one[turn - 300 :], two[turn - 300 :], equal_nan=True)


def test_labels_end_before_the_period_that_follows(small, cut, tiny):
    days = Days.read(small, read_panel(("price_volume",), small, None), tiny.horizon)
    fold = cut.folds(small.dates, tiny.horizon)[0]
    last = days.labelled(fold.train, 10)[-1]
    ahead = days.batch(
        last, lambda raw: np.nan_to_num(raw), days.voters(last), torch.device("cpu")
    ).y
    np.testing.assert_array_equal(
        ahead.numpy(), small.values("returns")[280:285, days.voters(last)].T
    )  # validation begins at 285


# --- run folders --------------------------------------------------------------------------------


class Killed(Exception):
    pass


def test_a_resumed_training_equals_an_uninterrupted_one(
    fitted, small, cut, tiny, quick, tmp_path, monkeypatch
):
    save, drafts = torch.save, []

    def dying(content, draft):  # as when the power goes while the third checkpoint is written
        drafts.append(draft)
        if len(drafts) == 3:
            draft.write_bytes(b"half")
            raise Killed
        save(content, draft)

    monkeypatch.setattr(torch, "save", dying)
    with pytest.raises(Killed):
        tiny.fit(small, cut, config=quick, run=tmp_path, device="cpu")
    assert (tmp_path / "f300-seed0" / "checkpoint.pt").exists()
    resumed = tiny.fit(small, cut, config=quick, run=tmp_path, device="cpu")
    # one epoch of the first fold was left, and three of the second; then the weights of each
    assert len([d for d in drafts if "checkpoint" in d.name]) == 3 + 4
    np.testing.assert_array_equal(values(resumed.exposures()), values(fitted.exposures()))
    pd.testing.assert_frame_equal(resumed.folds[0].course, fitted.folds[0].course)
    monkeypatch.setattr(torch.optim, "Adam", None)  # from here on nothing may train
    again = tiny.fit(small, cut, config=quick, run=tmp_path)
    loaded = FittedDeep.load(tmp_path)
    assert loaded.model == tiny
    for other in (again, loaded):
        np.testing.assert_array_equal(values(other.exposures()), values(fitted.exposures()))
    with pytest.raises(ValueError, match=r"training is .*'epochs': 3.*use another run folder"):
        tiny.fit(small, cut, config=replace(quick, epochs=4), run=tmp_path)
    shutil.rmtree(tmp_path / "f315-seed0")
    with pytest.raises(ValueError, match="fold f315 of seed 0 is not finished"):
        FittedDeep.load(tmp_path)
    with pytest.raises(ValueError, match=r"not the folder of a deep fit"):
        FittedDeep.load(tmp_path / "elsewhere")


def test_the_newest_network_goes_on_after_its_test_dates(fitted, small, cut, tiny, quick, tmp_path):
    early = type(cut)((0, 285, 300, 315), (0, 300, 315, 322))
    tiny.fit(small, early, config=quick, run=tmp_path, device="cpu")
    loaded = FittedDeep.load(tmp_path)
    np.testing.assert_array_equal(values(loaded.exposures()), values(fitted.exposures())[:22])
    later = loaded.continued(small)
    assert list(later) == NAMES
    pd.testing.assert_index_equal(later["deep01"].index, small.dates[322:])
    np.testing.assert_array_equal(values(later), values(fitted.exposures())[22:])
    with pytest.raises(DataError, match="needs later sessions, and 240 before"):
        loaded.continued(small.until(small.dates[321]))
    with pytest.raises(DataError, match="needs later sessions, and 240 before"):
        loaded.continued(small.between(small.dates[100], small.dates[-1]))


# --- refusals -----------------------------------------------------------------------------------


def test_a_market_shorter_than_the_lags_is_refused(small, tiny, cut, quick):
    with pytest.raises(
        DataError, match=r"none of the 75 sessions .* has 240 sessions before it and 5"
    ):
        tiny.fit(small, type(cut)((0, 80, 100, 120)), config=quick)


def test_fewer_stocks_than_the_factors_need_are_refused(small, cut, quick):
    with pytest.raises(DataError, match=r"at most \d+ stocks .* these factors need 93"):
        Deep(factors=30, hidden=4, layers=1, horizon=5).fit(small, cut, config=quick)


def test_an_empty_field_is_refused(small, cut, tiny, quick):
    blank = np.full(small.values("high").shape, np.nan, np.float32)
    with pytest.raises(DataError, match="field high is NaN for all 70 stocks"):
        tiny.fit(small.with_fields({"high": blank}), cut, config=quick)


def test_settings_that_cannot_train_are_refused():
    with pytest.raises(ValueError, match="accumulate is 0; it must be >= 1"):
        DeepTraining(accumulate=0)
    with pytest.raises(ValueError, match="sample 10 None or >= 30"):
        DeepTraining(sample=10)


def test_a_training_that_diverges_says_so(small, cut, tiny, quick):
    with pytest.raises((FloatingPointError, torch.linalg.LinAlgError)):
        tiny.fit(small, cut, config=replace(quick, learning_rate=1e30))


# --- a known world ------------------------------------------------------------------------------


def test_a_planted_hidden_factor_is_found_better_than_by_chance(cut):
    """The simulator's hidden factor drives returns and shows only in a stock's daily range."""
    world = market.simulate(stocks=250, days=500, seed=5)
    splits = type(cut)((240, 420, 460, 500))
    model = Deep(factors=4, hidden=8, layers=1, horizon=5)
    config = DeepTraining(epochs=4, accumulate=2, every=4, learning_rate=5e-3)
    fitted = model.fit(world, splits, config=config, device="cpu")
    course = fitted.folds[0].course
    assert course["loss"].iloc[-1] < course["loss"].iloc[0]
    assert course["r2"].max() > course["r2"].iloc[0]
    exposures = values(fitted.exposures())
    noise = np.random.default_rng(0).standard_normal(exposures.shape)
    assert spanned(world, exposures) > 2.0 * spanned(world, noise)


def spanned(world, exposures, first=460):
    """Mean share of the hidden loading's variance that lies in the span of the exposures."""
    shares = []
    for row, z in enumerate(exposures, first):
        loading = world.truth.hidden_loading[row]
        known = np.isfinite(z).all(axis=1) & np.isfinite(loading)
        h = loading[known] - loading[known].mean()
        x = np.column_stack([np.ones(len(h)), z[known]])
        left = h - x @ np.linalg.lstsq(x, h, rcond=None)[0]
        shares.append(1.0 - left @ left / (h @ h))
    return float(np.mean(shares))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"inputs": ("styles", "styles")}, "inputs .* is unknown"),
        ({"factors": 1}, "factors 1 must be >= 2"),
        ({"dropout": 1.0}, r"dropout 1.0 within \[0, 1\)"),
        ({"hidden": 0}, "hidden 0 and layers 2 must be >= 1"),
    ],
)
def test_settings_that_make_no_network_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Deep(**wrong)


def test_a_fit_says_what_it_is_and_needs_a_seed(fitted, tiny, small, cut, quick):
    dates = small.dates[[300, 329]].strftime("%Y-%m-%d")
    assert f"3 factors from price_volume, {dates[0]} to {dates[1]}" in repr(fitted)
    assert "2 folds, seeds [0]" in repr(fitted)
    with pytest.raises(ValueError, match="seeds is empty"):
        tiny.fit(small, cut, config=quick, seeds=())
