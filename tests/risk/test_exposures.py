"""Style exposures of one date, from descriptors to factors."""

from __future__ import annotations

import numpy as np
import pytest

from risk.exposures import Cross, style_exposures
from risk.styles import CNE5, StyleSpec, check_order

SIZE = StyleSpec("size", {"LNCAP": 1.0})


def cross(n=200, seed=0):
    draw = np.random.default_rng(seed)
    cap = draw.lognormal(23.0, 1.2, n)
    estu = draw.random(n) < 0.9
    return Cross(cap, draw.integers(0, 5, n), estu)


def raw(stocks, seed=1):
    draw = np.random.default_rng(seed)
    n = len(stocks.cap)
    names = [d for spec in CNE5 for d in spec.descriptors if d != "LNCAP"]
    return {"LNCAP": np.log(stocks.cap), **{name: draw.normal(size=n) for name in names}}


def test_every_style_is_complete_centred_and_scaled():
    stocks = cross()
    values = style_exposures(raw(stocks), stocks, CNE5).values
    assert np.isfinite(values).all()
    held = stocks.cap * stocks.estu
    np.testing.assert_allclose(held @ values / held.sum(), 0.0, atol=1e-12)
    np.testing.assert_allclose(values[stocks.estu].std(axis=0), 1.0)


def test_residual_volatility_is_orthogonal_to_beta_and_size():
    stocks = cross(2000)
    data = raw(stocks)
    data["DASTD"] = data["DASTD"] + 2.0 * data["BETA"]
    values = style_exposures(data, stocks, CNE5).values[stocks.estu]
    names = [spec.name for spec in CNE5]
    w = np.sqrt(stocks.cap[stocks.estu])
    z = (values - np.average(values, axis=0, weights=w)) * np.sqrt(w / w.sum())[:, None]
    together = z.T @ z
    volatility, beta, size = (names.index(x) for x in ("residual_volatility", "beta", "size"))
    np.testing.assert_allclose(together[volatility, [beta, size]], 0.0, atol=1e-12)


def test_a_missing_descriptor_hands_its_weight_to_the_others():
    stocks, spec = cross(), StyleSpec("liquidity", {"STOM": 0.35, "STOQ": 0.35, "STOA": 0.30})
    data = raw(stocks)
    both = style_exposures(
        {k: data[k] for k in ("LNCAP", "STOM", "STOQ")}, stocks, (SIZE, spec)
    ).values
    equal = StyleSpec("liquidity", {"STOM": 0.5, "STOQ": 0.5})
    np.testing.assert_allclose(both, style_exposures(data, stocks, (SIZE, equal)).values)


def test_a_style_without_descriptors_is_absent_and_the_others_stay():
    stocks = cross()
    data = raw(stocks)
    full = style_exposures(data, stocks, CNE5).values
    del data["BTOP"]
    made = style_exposures(data, stocks, CNE5).values
    value = [spec.name for spec in CNE5].index("value")
    assert np.isnan(made[:, value]).all()
    np.testing.assert_allclose(
        np.delete(made, value, 1), np.delete(full, value, 1), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(("unknown", "present"), [(0.3, True), (0.6, False)])
def test_a_style_needs_sixty_percent_of_the_universe(unknown, present):
    stocks = cross(1000)
    data = raw(stocks)
    data["BTOP"][np.random.default_rng(2).random(1000) < unknown] = np.nan
    made = style_exposures(data, stocks, (SIZE, StyleSpec("value", {"BTOP": 1.0})))
    assert np.isfinite(made.values[:, 1]).all() == present
    assert made.filled[1] == (np.isnan(data["BTOP"]).sum() if present else 0)


def test_a_constant_descriptor_makes_no_style():
    stocks = cross()
    data = {**raw(stocks), "DTOA": np.full(200, 0.5)}
    made = style_exposures(data, stocks, (SIZE, StyleSpec("leverage", {"DTOA": 1.0})))
    assert np.isnan(made.values[:, 1]).all()
    assert np.isfinite(made.values[:, 0]).all()


def test_data_errors_are_blanked_filled_and_counted():
    stocks = cross()
    data = raw(stocks)
    data["BTOP"][7] = 1e9
    made = style_exposures(data, stocks, (SIZE, StyleSpec("value", {"BTOP": 1.0})))
    clean = {**data, "BTOP": np.where(np.arange(200) == 7, np.nan, data["BTOP"])}
    again = style_exposures(clean, stocks, (SIZE, StyleSpec("value", {"BTOP": 1.0})))
    assert made.errors == again.errors + 1
    assert made.filled[1] == 1
    np.testing.assert_array_equal(made.values, again.values)


def test_stocks_of_unknown_size_get_the_size_of_their_industry():
    stocks = cross()
    cap = stocks.cap.copy()
    estu = stocks.estu.copy()
    cap[3], estu[3] = np.nan, False
    holes = Cross(cap, stocks.industry, estu)
    with np.errstate(invalid="ignore"):
        values = style_exposures({**raw(stocks), "LNCAP": np.log(cap)}, holes, CNE5).values
    assert np.isfinite(values).all()
    peers = estu & (stocks.industry == stocks.industry[3])
    expected = np.average(values[peers, 0], weights=np.sqrt(cap[peers]))
    assert values[3, 0] == pytest.approx(expected)


def test_stocks_outside_the_universe_do_not_move_those_inside():
    stocks = cross()
    data = raw(stocks)
    before = style_exposures(data, stocks, CNE5).values
    outside = ~stocks.estu
    wild = {k: np.where(outside, 5.0 * x, x) for k, x in data.items() if k != "LNCAP"}
    after = style_exposures({**wild, "LNCAP": data["LNCAP"]}, stocks, CNE5).values
    np.testing.assert_array_equal(after[stocks.estu], before[stocks.estu])


def test_specifications_are_checked():
    with pytest.raises(ValueError, match="descriptors or cube_of"):
        StyleSpec("x")
    with pytest.raises(ValueError, match=r"residual_volatility .* \['size'\] not listed before"):
        check_order(CNE5[1:])
    with pytest.raises(ValueError, match="residual_volatility"):
        check_order((SIZE, CNE5[3]))
    check_order(CNE5)
