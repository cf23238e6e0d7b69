"""Every catalogued descriptor on a market that has all fields: known, causal, within its lookback."""

from __future__ import annotations

import numpy as np
import pytest

import market
from risk import Barra
from risk.descriptors import DESCRIPTORS, fiscal
from risk.inputs import Inputs
from risk.styles import CNE5, CNE6, DFQ2020, USE4, StyleSpec, check_order, fields_read, lookback

ALL = tuple(StyleSpec(name, {name: 1.0}) for name in DESCRIPTORS)
SIZE = 2  # rows described
PRESETS = {"CNE5": CNE5, "CNE6": CNE6, "USE4": USE4, "DFQ2020": DFQ2020}


@pytest.fixture(scope="module")
def long_world():
    return market.simulate(stocks=70, days=1420, seed=6, statements=True)


@pytest.fixture(scope="module")
def inputs(long_world):
    return Inputs.read(long_world, wanted=fields_read(ALL))


@pytest.fixture(scope="module")
def short_world():
    return market.simulate(stocks=110, days=300, seed=8, statements=True)


@pytest.fixture(scope="module")
def listed(long_world):
    return long_world.values("listed")[-SIZE:] & (long_world.values("age")[-SIZE:] > 1400)


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_every_descriptor_is_known_varies_and_needs_no_more_than_its_lookback(name, inputs, listed):
    end = len(inputs.dates)
    known = DESCRIPTORS[name]
    assert known.possible(inputs.fields)
    values = known.compute(inputs.block(end - SIZE, end, known.lookback))
    assert values.shape == (SIZE, len(inputs.stocks))
    assert np.isfinite(values[listed]).mean() > 0.55
    assert np.nanstd(values[-1]) > 0.0
    longer = known.compute(inputs.block(end - SIZE, end, known.lookback + 90))
    np.testing.assert_allclose(values, longer, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_a_descriptor_of_a_row_is_that_of_a_longer_block(name, inputs):
    """What comes after a row changes no bit of it, as blocks begin at fixed rows."""
    begin = len(inputs.dates) - 6
    rows = max(DESCRIPTORS[name].lookback, 1)
    short = DESCRIPTORS[name].compute(inputs.block(begin, begin + 2, rows))
    long = DESCRIPTORS[name].compute(inputs.block(begin, begin + 6, rows))
    np.testing.assert_array_equal(short, long[:2])


@pytest.mark.parametrize(
    ("name", "styles"), [("CNE5", 10), ("CNE6", 20), ("USE4", 12), ("DFQ2020", 10)]
)
def test_presets_have_the_published_number_of_styles(name, styles):
    preset = PRESETS[name]
    check_order(preset)
    assert len(preset) == styles
    for spec in preset:
        assert set(spec.descriptors) <= set(DESCRIPTORS)
        if spec.descriptors:
            assert sum(spec.descriptors.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", PRESETS)
def test_every_style_of_a_preset_exists_where_all_fields_do(name, short_world):
    late = {"long_term_reversal", "seasonality"}  # their windows are years
    specs = PRESETS[name]
    history = Barra(styles=specs, warmup=70, eigen=None, regime=False).fit(short_world)
    model = history.at(short_world.dates[-1])
    expected = {spec.name for spec in specs} - late
    assert set(model.of_kind("style")) == expected
    styles = model.exposures[sorted(expected)]
    assert styles.notna().all().all()
    assert (styles.std() > 0.1).all()
    told = history.report
    lacking = told[told["what"].isin(["absent", "renormalised"])]
    assert lacking.empty


def test_the_longest_window_of_the_styles_decides_the_lookback():
    assert lookback((StyleSpec("size", {"LNCAP": 1.0}),)) == 0
    assert lookback(CNE5) == 525
    assert lookback(CNE6) == 1330
    assert "sales_fy5" in fields_read(CNE5)
    assert "industry" in fields_read(CNE6)


def test_fiscal_years_are_numbered_from_the_newest():
    assert fiscal("sales", 3) == ("sales_fy1", "sales_fy2", "sales_fy3")


def test_weights_are_positive():
    with pytest.raises(ValueError, match=r"weights \{'BTOP': -1.0\}"):
        StyleSpec("value", {"BTOP": -1.0})
