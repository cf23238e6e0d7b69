"""Descriptors computed elsewhere: aligned by label or refused, cleaned like any other."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

import market
from market import DataError
from risk import Barra, StyleSpec

WARMUP = 70
OWN = StyleSpec("own", {"own": 1.0}, kind="latent")


@pytest.fixture(scope="module")
def small():
    return market.simulate(stocks=120, days=130, seed=4)


@pytest.fixture(scope="module")
def own(small):
    """The hidden factor's loading plus a constant: cleaning takes that out."""
    return pd.DataFrame(small.truth.hidden_loading, small.dates, small.stocks) + 3.0


def fit(world, frame, specs=(OWN,)):
    return Barra(styles=specs, warmup=WARMUP).fit(world, given={"own": frame})


def test_country_and_industries_alone_make_a_model(small):
    model = Barra(styles=(), warmup=WARMUP).fit(small).at(small.dates[-1])
    assert set(model.kinds.values()) == {"country", "industry"}
    assert np.linalg.eigvalsh(model.cov().to_numpy()).min() > 0.0


def test_a_given_descriptor_is_a_factor_of_its_own_kind(small, own):
    history = fit(small, own)
    model = history.at(small.dates[-1])
    assert history.kinds["own"] == "latent"
    assert model.of_kind("latent") == ["own"]
    assert "0 styles, 1 latent; mean R2" in repr(history)
    hidden = pd.Series(small.truth.hidden_returns, small.dates)
    assert history.factor_returns["own"].corr(hidden) > 0.8
    unknown = Barra(styles=(), warmup=WARMUP).fit(small).r2.mean()
    assert history.r2.mean() > unknown + 0.01


def test_a_given_descriptor_is_cleaned_and_orthogonalised_like_any_other(small, own):
    from risk.inputs import Inputs

    size = StyleSpec("size", {"LNCAP": 1.0})
    leaning = own + np.log(small.cap())
    spec = StyleSpec("own", {"own": 1.0}, orthogonal_to=("size",))
    history = fit(small, leaning, (size, spec))
    row, inputs = 100, Inputs.read(small)
    held = inputs.estu[row] & (inputs.industry[row] >= 0)
    z = history.record.styles[row, held].astype(np.float64)
    cap = inputs.cap[row, held].astype(np.float64)
    np.testing.assert_allclose(cap @ z / cap.sum(), 0.0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=1e-6)
    w = np.sqrt(cap)
    centred = z - np.average(z, axis=0, weights=w)
    assert np.sum(w * centred[:, 0] * centred[:, 1]) == pytest.approx(0.0, abs=1e-3 * w.sum())


def test_a_frame_may_know_more_than_the_market(small, own):
    part = small.until(small.dates[-10]).select(small.stocks[:100])
    wide = fit(part, own)
    exact = fit(part, own.loc[part.dates, part.stocks])
    np.testing.assert_array_equal(wide.record.styles, exact.record.styles)


def test_the_order_of_the_columns_does_not_matter(small, own):
    turned = fit(small, own[own.columns[::-1]])
    np.testing.assert_array_equal(turned.record.styles, fit(small, own).record.styles)


def test_a_style_is_absent_before_its_frame_begins_and_where_it_is_empty(small, own):
    late = own.iloc[20:].copy()
    late.iloc[80] = np.nan
    history = fit(small, late)
    there = np.isfinite(history.record.styles[:, :, 0]).any(axis=1)
    assert not there[:20].any()
    assert not there[100]
    assert there[[20, 99, 101]].all()
    assert "own" not in history.at(small.dates[100]).factors
    row = history.report.query("what == 'style absent' and where == 'own'").iloc[0]
    assert row["first"] == small.dates[0]


def test_extending_with_given_frames_equals_rebuilding(small, own):
    whole = fit(small, own)
    begun = fit(small.until(small.dates[-5]), own)
    grown = begun.update(small, given={"own": own.iloc[-4:]})
    for item in fields(whole.record):
        one, two = (getattr(h.record, item.name) for h in (whole, grown))
        np.testing.assert_array_equal(one, two, err_msg=item.name)


def test_later_rows_of_a_frame_change_nothing_before_them(small, own):
    changed = own.copy()
    changed.iloc[110:] = changed.iloc[110:] ** 2
    one, two = fit(small, own), fit(small, changed)
    np.testing.assert_array_equal(one.record.styles[:110], two.record.styles[:110])
    np.testing.assert_array_equal(one.record.covariance[:110], two.record.covariance[:110])


# --- refusals -----------------------------------------------------------------------------------


def test_frames_that_do_not_fit_the_market_are_refused(small, own):
    with pytest.raises(DataError, match=r"own lacks 3 of 120 stocks"):
        fit(small, own.iloc[:, 3:])
    with pytest.raises(DataError, match=r"own lacks 2 sessions .* must reach"):
        fit(small, own.iloc[:-2])
    with pytest.raises(DataError, match=r"own lacks 1 sessions"):
        fit(small, own.drop(index=small.dates[50]))
    with pytest.raises(DataError, match="may come twice"):
        fit(small, own[::-1])
    weekend = own.rename(index={small.dates[7]: small.dates[7] + pd.Timedelta(hours=8)})
    with pytest.raises(DataError, match="1 dates that are no sessions"):
        fit(small, weekend)
    with pytest.raises(DataError, match="no date between"):
        fit(small, own.set_axis(own.index - pd.Timedelta(days=4000)))


def test_an_infinite_given_value_is_refused_with_its_place(small, own):
    wild = own.copy()
    wild.iloc[60, 5] = np.inf
    with pytest.raises(DataError, match=f"infinite in 1 cells, first {small.stocks[5]}"):
        fit(small, wild)


def test_what_is_no_frame_of_numbers_is_refused(small, own):
    with pytest.raises(DataError, match="own is a ndarray; give a DataFrame"):
        fit(small, own.to_numpy())
    with pytest.raises(DataError, match=r"no numbers in 120 of 120 columns"):
        fit(small, own.astype(str))
    with pytest.raises(DataError, match="time zone UTC"):
        fit(small, own.tz_localize("UTC"))


@pytest.mark.parametrize("name", ["country", "specific"])
def test_a_style_may_not_take_the_name_of_another_part_of_risk(name):
    with pytest.raises(ValueError, match=f"style '{name}' is named like another part"):
        StyleSpec(name, {"LNCAP": 1.0})


def test_names_must_be_known_or_given_and_used(small, own):
    with pytest.raises(DataError, match=r"\['own'\] are neither given nor known"):
        Barra(styles=(OWN,), warmup=WARMUP).fit(small)
    with pytest.raises(DataError, match=r"\['other'\] belong to no style"):
        Barra(styles=(OWN,), warmup=WARMUP).fit(small, given={"own": own, "other": own})
    taken = StyleSpec("beta", {"BETA": 1.0})
    with pytest.raises(DataError, match=r"\['BETA'\] are named like known ones"):
        Barra(styles=(taken,), warmup=WARMUP).fit(small, given={"BETA": own})
    with pytest.raises(ValueError, match="of kind 'industry'"):
        StyleSpec("x", {"x": 1.0}, kind="industry")


def test_a_history_cannot_go_on_without_its_given_descriptors(small, own):
    begun = fit(small.until(small.dates[-5]), own)
    with pytest.raises(DataError, match="neither given nor known"):
        begun.update(small)
    with pytest.raises(DataError, match="after the first new session"):
        begun.update(small, given={"own": own.iloc[-2:]})
