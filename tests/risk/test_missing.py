"""Bad and missing input of the exposures: recorded, left out or refused, never made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import market
from market import DataError, Market
from risk import Barra, StyleSpec
from risk.inputs import Inputs
from risk.styles import CNE5, CNE6

WARMUP = 70
PRICES = ("open", "high", "low", "close", "volume", "vwap", "factor", "industry", "listed")
SIZE = StyleSpec("size", {"LNCAP": 1.0})


def plain(specs=CNE5, warmup=WARMUP):
    """A model without the adjustments that do not concern exposures."""
    return Barra(styles=specs, warmup=warmup, eigen=None, regime=False)


@pytest.fixture(scope="module")
def small():
    return market.simulate(stocks=120, days=150, seed=12)


@pytest.fixture(scope="module")
def years():
    return market.simulate(stocks=90, days=830, seed=13)


def only(world, names, **changes):
    """The same market with some fields alone."""
    kept = {name: world.values(name) for name in names} | changes
    codes = {"industry": world.categories("industry")}
    return Market(world.dates, world.stocks, kept, securities=world.securities, categories=codes)


def counted(history, what, where=None):
    rows = history.report.query("what == @what")
    return rows if where is None else rows[rows["where"] == where].iloc[0]


def test_a_panel_without_fundamentals_builds_ten_styles_and_names_the_rest(years):
    history = plain(CNE6).fit(only(years, PRICES))
    model = history.at(years.dates[-1])
    assert set(model.of_kind("style")) == {
        "size", "beta", "momentum", "residual_volatility", "liquidity", "nonlinear_size",
        "short_term_reversal", "long_term_reversal", "seasonality", "industry_momentum",
    }  # fmt: skip
    styles = model.exposures[model.of_kind("style")]
    assert styles.notna().all().all()
    assert (styles.std() > 0.1).all()
    assert history.r2.mean() > 0.1
    absent = counted(history, "absent")["where"].str.split(":").str[0]
    assert set(absent) == {spec.name for spec in CNE6} - set(styles.columns)
    inflated = set(counted(history, "inflated by other factors")["where"])
    assert "industry_momentum" in inflated  # nearly a sum of the industries
    proxies = counted(history, "substituted")["where"].str.split(":").str[0]
    assert {"size_proxy", "turn_proxy"} <= set(proxies)


def test_a_descriptor_without_any_value_leaves_its_style_out_and_says_so(small):
    empty = np.full_like(small.values("book_equity"), np.nan)
    history = plain().fit(small.with_fields({"book_equity": empty}))
    assert "value" not in history.at(small.dates[-1]).factors
    row = counted(history, "style absent", "value")
    assert row["count"] == row["of"] > 100
    assert "value" not in history.factor_returns


def test_a_style_that_repeats_another_is_left_out_of_the_regression_and_counted(small):
    twin = StyleSpec("twin", {"LNCAP": 1.0})
    history = plain((SIZE, twin)).fit(small)
    alone = plain((SIZE,)).fit(small)
    row = counted(history, "collinear style left out", "sessions")
    assert row["count"] > 100
    np.testing.assert_allclose(history.r2, alone.r2, atol=1e-10)


def test_shares_of_zero_are_no_market_value(small):
    shares = small.values("shares").copy()
    shares[:, 5] = 0.0
    history = plain().fit(small.with_fields({"shares": shares}))
    inputs = Inputs.read(small.with_fields({"shares": shares}))
    assert np.isnan(inputs.cap[:, 5]).all()
    assert not inputs.estu[:, 5].any()
    assert counted(history, "no market value", "covered stocks")["count"] >= 100
    model = history.at(small.dates[-1])
    assert np.isfinite(model.exposures.loc[small.stocks[5]]).all()
    assert model.specific_variance[small.stocks[5]] > 0.0


def test_a_date_with_too_few_stocks_is_left_out_and_recorded(small):
    thin = small.values("close").copy()
    thin[60:63, 30:] = np.nan  # three sessions on which hardly anybody trades
    history = plain().fit(small.with_fields({"close": thin}))
    lost = small.dates[60:63]
    assert not history.r2.index.isin(lost).any()
    assert history.r2.index.isin(small.dates[65:]).sum() == len(small.dates) - 65
    usual = plain().fit(small)
    more = counted(history, "no cross-section")["count"].item()
    assert more >= counted(usual, "no cross-section")["count"].item() + 3


def test_a_market_of_too_few_stocks_is_refused_with_their_number():
    few = market.simulate(stocks=40, days=120, seed=2)
    with pytest.raises(DataError, match=r"at most 33 usable stocks .* needs 50"):
        plain().fit(few)


def test_stocks_that_appear_and_vanish_are_covered_while_they_are_there(small):
    close = small.values("close").copy()
    close[:100, 7] = np.nan  # lists on session 100
    close[90:, 8] = np.nan  # never trades again
    listed = small.values("listed").copy()
    listed[:100, 7], listed[90:, 8] = False, False
    world = small.with_fields({"close": close, "listed": listed})
    history = plain().fit(world)
    born, gone = small.stocks[7], small.stocks[8]
    assert born not in history.at(small.dates[99]).stocks
    model = history.at(small.dates[101])
    assert np.isfinite(model.exposures.loc[born]).all()
    assert model.specific_variance[born] > 0.0
    assert gone in history.at(small.dates[89]).stocks
    residual = history.residuals
    assert residual[gone].iloc[90:].isna().all()
    assert residual[born].iloc[:101].isna().all()


def test_an_unplaced_stock_gets_no_industry_and_no_vote(small):
    industry = small.values("industry").copy()
    industry[:, 4] = -1
    history = plain().fit(small.with_fields({"industry": industry}))
    assert counted(history, "no industry", "covered stocks")["count"] >= 100
    model = history.at(small.dates[-1])
    assert (model.exposures.loc[small.stocks[4], model.of_kind("industry")] == 0.0).all()


def test_a_second_definition_is_told_as_a_substitute(small):
    leverage = StyleSpec("leverage", {"DTOA": 0.5, "MLEV": 0.5})
    history = plain((SIZE, leverage)).fit(small)
    assert (
        counted(history, "substituted")["where"]
        .item()
        .startswith("leverage: DTOA from debt_to_assets for want of long_term_debt")
    )
    assert counted(history, "renormalised")["where"].item() == "leverage: MLEV needs long_term_debt"


def test_listed_days_count_from_the_listing_or_the_first_bar(small):
    days = Inputs.read(small, wanted=["listed_days"]).fields["listed_days"]
    listed_on = small.securities["listed_on"]
    old = int(np.argmax((listed_on < small.dates[0]).to_numpy()))
    assert days[3, old] == (small.dates[3] - listed_on.iloc[old]).days
    unknown = pd.DataFrame({"listed_on": pd.NaT}, index=small.stocks)
    bare = {name: small.values(name) for name in PRICES if name != "industry"}
    world = Market(small.dates, small.stocks, bare, securities=unknown)
    days = Inputs.read(world, wanted=["listed_days"]).fields["listed_days"]
    assert np.isnan(
        days[:, old]
    ).all()  # it traded on the first session: how long before, nobody knows
    traded = ~np.isnan(small.values("close"))
    late = int(np.flatnonzero(~traded[0] & traded.any(axis=0))[0])
    first = int(np.argmax(traded[:, late]))
    assert np.isnan(days[first - 1, late])
    assert days[first + 2, late] == (small.dates[first + 2] - small.dates[first]).days
