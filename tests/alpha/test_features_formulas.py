"""Formulas: how they are read, and every operator on numbers worked by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpha.features import ALPHA101, FeatureSet
from alpha.features.expression import parse
from alpha.features.fields import Fields
from alpha.features.program import Program
from alpha.features.windows import Chain
from tests.alpha.worlds import bars_market, random_market

PRICES = np.array([1.0, 2.0, 4.0, np.nan, 3.0, 5.0])


def value(text, close=PRICES, **fields):
    """The formula on one stock."""
    close = np.asarray(close, float)[:, None]
    changes = {k: np.asarray(v, np.float32)[:, None] for k, v in fields.items()}
    return FeatureSet("one", {"X": text}).compute(bars_market(close, **changes))[:, 0, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lag(close, 2)", [np.nan, np.nan, 1, 2, 4, np.nan]),
        ("delta(close, 1)", [np.nan, 1, 2, np.nan, np.nan, 2]),
        ("sum(close, 3)", [1, 3, 7, 6, 7, 8]),
        ("mean(close, 3)", [1, 1.5, 7 / 3, 3, 3.5, 4]),
        ("std(close, 2)", [np.nan, 0.5**0.5, 2**0.5, np.nan, np.nan, 2**0.5]),
        # line through (1, 1), (2, 2), (3, 4): slope 3/2, today 1/6 above it; (1, 2), (2, 4): slope 2
        ("slope(close, 3)", [np.nan, 1, 1.5, 2, -0.5, 2]),
        ("residual(close, 3)", [np.nan, 0, 1 / 6, np.nan, 0, 0]),
        ("rsquare(close, 3)", [np.nan, 1, 4.5 / (14 / 3), 1, 1, 1]),
        ("ts_max(close, 2)", [1, 2, 4, 4, 3, 5]),
        ("ts_min(close, 3)", [1, 1, 1, 2, 3, 3]),
        ("ts_argmax(close, 3)", [3, 3, 3, 2, 1, 3]),
        ("ts_argmin(close, 3)", [3, 2, 1, 1, 3, 2]),
        ("ts_rank(close, 3)", [1, 1, 1, np.nan, 0.5, 1]),
        ("quantile(close, 3, 0.5)", [1, 1.5, 2, 3, 3.5, 4]),
        # weights 3, 2, 1 from today back, over those that are there
        ("decay_linear(close, 3)", [1, 8 / 5, 17 / 6, 10 / 3, 13 / 4, 21 / 5]),
        ("close if close > 2 else -close", [-1, -2, 4, np.nan, 3, 5]),
        ("signedpower(3 - close, 2)", [4, 1, -1, np.nan, 0, -4]),
        ("max(close, 3) + min(close, 3)", [4, 5, 7, np.nan, 6, 8]),
        ("2 ** close", [2, 4, 16, np.nan, 8, 32]),
    ],
)
def test_an_operator_by_hand(text, expected):
    np.testing.assert_allclose(value(text), expected, rtol=1e-6, atol=1e-6)


def test_two_series_by_hand():
    found = value("cov(close, volume, 3)", volume=[2, 2, 8, 1, 5, 1])
    # (1, 2), (2, 2), (4, 8): means 7/3 and 4, products 8/3 - 2/3... summing to 10, over 2
    np.testing.assert_allclose(found[2], 5.0, rtol=1e-6)
    assert np.isnan(value("corr(close, volume, 3)", volume=[2, 2, 2, 1, 5, 1])[2])  # constant
    np.testing.assert_allclose(value("corr(close, -close, 3)")[2], -1.0, rtol=1e-6)


def test_ranks_and_scales_run_across_the_stocks_of_a_day():
    market = bars_market(np.array([[3.0, 1.0, 3.0, np.nan], [1.0, 2.0, 5.0, 2.0]]))
    both = FeatureSet("x", {"R": "rank(close)", "S": "scale(close - 2)"}).compute(market)
    np.testing.assert_allclose(both[0, :, 0], [2.5 / 3, 1 / 3, 2.5 / 3, np.nan])
    np.testing.assert_allclose(both[1, :, 0], [0.25, 0.625, 1.0, 0.625])
    np.testing.assert_allclose(both[1, :, 1], [-0.25, 0.0, 0.75, 0.0])


def test_operators_across_stocks_can_stand_inside_one_another():
    market = random_market(60, 20)
    nested = FeatureSet("n", {"N": "rank(mean(rank(close), 3))"}).compute(market)[..., 0]
    inner = FeatureSet("i", {"I": "mean(rank(close), 3)"}).compute(market)[..., 0]
    expected = pd.DataFrame(inner).rank(axis=1, pct=True).to_numpy()
    np.testing.assert_allclose(nested, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("close +", "cannot be read at column"),
        ("mean(close)", r"mean takes 1 series and 1 number\(s\).*like mean\(close, 20\)"),
        ("mean(close, 2.5)", r"window of mean is 2.5; use a whole number"),
        ("mean(close, 0)", "window of mean is 0"),
        ("quantile(close, 5)", r"like quantile\(close, 20, 0.8\)"),
        ("average(close, 5)", "no operator 'average'; have"),
        ("rank(close, 5)", "rank takes 1 series, not 2"),
        ("close[1]", "is no field, number, operator"),
        ("1 < close < 2", "comparison of two"),
        ("'close'", "is no field"),
    ],
)
def test_a_text_that_is_no_formula_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        FeatureSet("mine", {"X": text})


def test_the_message_names_the_feature():
    with pytest.raises(ValueError, match="feature GAP of mine: "):
        FeatureSet("mine", {"GAP": "mean(close)"})


@pytest.mark.parametrize("window", [1, 3, 60, 700])
def test_ranks_and_quantiles_of_any_window_equal_pandas(window):
    market = random_market(800, 18)  # two blocks of rows, and of stocks
    coarse = market.with_fields({"close": np.round(market.values("close"))})  # equal on many days
    texts = {"R": f"ts_rank(close, {window})", "Q": f"quantile(close, {window}, 0.35)"}
    rank, quantile = np.moveaxis(FeatureSet("x", texts).compute(coarse), -1, 0)
    close = pd.DataFrame(Fields(coarse)["close"].astype(np.float64))
    rolling = close.rolling(window, min_periods=1)
    expected = rolling.rank(pct=True).where(close.notna())
    np.testing.assert_allclose(rank, expected, rtol=1e-6)
    np.testing.assert_allclose(quantile, rolling.quantile(0.35), rtol=1e-6)


def test_a_formula_says_how_far_back_it_looks():
    texts = ("close", "lag(close, 3)", "mean(lag(close, 1), 20)", "mean(close, 5) / mean(open, 9)")
    assert [Program([parse(text)]).lookback for text in texts] == [0, 3, 20, 8]
    assert str(parse("mean(close, 5) / 2")) == "divide(mean(close, 5), 2)"


def test_equal_parts_are_computed_once():
    texts = ["mean(close, 5) / close", "mean(close, 20) / close", "std(close, 5)"]
    # mean for both windows, and std; what ends in a quotient is divided where it is stored
    assert len(Program([parse(text) for text in texts])._steps) == 2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_a_chain_reaches_every_window_from_shorter_ones(windows):
    chain = Chain.of(windows)
    reached = [1]
    for left, right in zip(chain.left, chain.right, strict=True):
        reached.append(reached[left] + reached[right])
    assert tuple(reached) == chain.lengths
    assert [reached[k] for k in chain.picks] == windows


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 70), st.integers(0, 1000))
def test_statistics_of_any_window_equal_pandas(window, seed):
    rng = np.random.default_rng(seed)
    close = np.exp(rng.normal(0, 0.1, 90)).astype(np.float32).astype(float)
    close[rng.random(90) < 0.2] = np.nan
    x = pd.Series(close).rolling(window, min_periods=1)
    for text, expected in (
        (f"mean(close, {window})", x.mean()), (f"std(close, {window})", x.std()),
        (f"ts_max(close, {window})", x.max()), (f"quantile(close, {window}, 0.3)", x.quantile(0.3)),
        (f"sum(close, {window})", x.sum().mask(x.count() == 0)),
    ):  # fmt: skip
        np.testing.assert_allclose(value(text, close), expected, rtol=1e-5, err_msg=text)


def test_long_windows_of_ranks_equal_pandas():
    rng = np.random.default_rng(0)
    close = np.round(np.exp(rng.normal(0, 0.3, 320)), 1)  # ties
    for window in (64, 65, 300):
        x = pd.Series(close).rolling(window, min_periods=1)
        np.testing.assert_allclose(
            value(f"ts_rank(close, {window})", close), x.rank(pct=True), rtol=1e-6
        )
        np.testing.assert_allclose(
            value(f"quantile(close, {window}, 0.8)", close), x.quantile(0.8), rtol=1e-6
        )


def test_the_short_list_of_alpha101_is_there_and_finite():
    market = random_market(320, 25)
    cube = ALPHA101.cube(market)
    assert len(cube.names) == 48
    known = np.isfinite(cube.values[-1]).mean(axis=0)
    assert dict(zip(cube.names, known, strict=True)) == {
        name: share for name, share in zip(cube.names, known, strict=True) if share > 0.5
    }


def test_three_formulas_of_alpha101_equal_pandas():
    market = random_market(60, 25)
    adjusted = {n: market.adjusted(n).astype(np.float64) for n in ("open", "high", "low", "close")}
    o, h, low, c = (adjusted[n] for n in ("open", "high", "low", "close"))
    volume = market.adjusted("volume").astype(np.float64)
    rank = lambda x: x.rank(axis=1, pct=True)  # noqa: E731
    expected = {
        "ALPHA33": rank(o / c - 1),
        "ALPHA12": np.sign(volume.diff()) * -c.diff(),
        "ALPHA101": (c - o) / (h - low + 0.001 * market.field("factor")),
    }
    for name, frame in expected.items():
        found = ALPHA101.pick("one", [name]).cube(market).column(name)
        np.testing.assert_allclose(found, frame, rtol=2e-4, atol=1e-6, err_msg=name)
