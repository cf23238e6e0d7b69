"""The fundamental model on simulated markets: causal, extendable, honest about what it lacks."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

import market
from market import DataError, Market
from risk import CNE5, Barra, StyleSpec

WARMUP = 100
PRICES = ("open", "high", "low", "close", "vwap", "volume", "factor")


@pytest.fixture(scope="module")
def small():
    return market.simulate(stocks=300, days=280, seed=3)


@pytest.fixture(scope="module")
def barra():
    return Barra(warmup=WARMUP)


@pytest.fixture(scope="module")
def history(small, barra):
    return barra.fit(small)


def rebuilt(world, drop=(), **changes):
    """The same market with fields dropped or replaced, and categories where given."""
    categories = changes.pop("categories", {"industry": world.categories("industry")})
    kept = {name: world.values(name) for name in world.fields if name not in drop}
    return Market(
        world.dates,
        world.stocks,
        {**kept, **changes},
        securities=world.securities,
        categories=categories,
        venue=world.venue,
    )


def assert_same_bits(one, other, rows=None):
    for item in fields(one.record):
        a, b = (getattr(h.record, item.name)[:rows] for h in (one, other))
        np.testing.assert_array_equal(a, b, err_msg=item.name)


# --- what a fit gives ---------------------------------------------------------------------------


def test_every_date_has_a_complete_model(history):
    assert len(history.dates) > 100
    for date in history.dates[::20]:
        model = history.at(date)
        assert model.date == date
        assert np.linalg.eigvalsh(model.factor_covariance.to_numpy()).min() > 0.0
        assert (model.exposures["country"] == 1.0).all()
        assert set(model.of_kind("style")) <= {spec.name for spec in CNE5}
    assert set(model.of_kind("style")) == {spec.name for spec in CNE5}  # windows are full by now


def test_styles_are_standardised_over_the_universe(history, small):
    from risk.inputs import Inputs

    inputs = Inputs.read(small)
    row = 250
    held = inputs.estu[row] & (inputs.industry[row] >= 0)
    z = history.record.styles[row, held].astype(np.float64)
    cap = inputs.cap[row, held].astype(np.float64)
    np.testing.assert_allclose(cap @ z / cap.sum(), 0.0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=1e-6)


def test_every_priced_stock_and_every_member_is_covered(history, small):
    traded = ~np.isnan(small.values("close"))
    for row in range(WARMUP + 5, len(small.dates), 25):
        covered = history.record.covered[row]
        assert covered[traded[row]].all()
        begun = traded[: row + 1].any(axis=0)
        for name in small.indexes:
            assert covered[small.index(name).member[row] & begun].all()


def test_planted_factor_returns_are_recovered(history, small):
    truth = pd.DataFrame(small.truth.factor_returns, small.dates, small.truth.factors)
    found = history.factor_returns.iloc[160:]  # momentum needs history
    for style in ("size", "beta", "residual_volatility", "liquidity", "value"):
        assert found[style].corr(truth[style]) > 0.6, style
    assert found["country"].corr(truth["country"]) > 0.9


def test_country_return_is_the_cap_weighted_market(history, small):
    from risk.inputs import Inputs

    whole = pd.Series(Inputs.read(small).market_return, small.dates)
    assert history.factor_returns["country"].corr(whole) > 0.95


def test_random_active_portfolios_have_a_bias_near_one(history, small):
    draw = np.random.default_rng(0)
    returns = small.returns()
    outcome = []
    for now, following in zip(history.dates[:-1], history.dates[1:], strict=True):
        model = history.at(now)
        held = draw.choice(model.stocks, 60, replace=False)
        w = pd.Series(-1.0 / len(model.stocks), model.stocks)
        w[held] += 1.0 / 60.0
        realised = float(w @ returns.loc[following, model.stocks].fillna(0.0))
        outcome.append(realised / np.sqrt(model.variance(w)))
    assert 0.75 < np.std(outcome) < 1.25


# --- causal and extendable ----------------------------------------------------------------------


def test_extending_equals_rebuilding_bit_for_bit(history, small, barra):
    grown = barra.fit(small.until(small.dates[-6])).update(small)
    assert_same_bits(grown, history)
    np.testing.assert_array_equal(grown.state.corr.product, history.state.corr.product)
    np.testing.assert_array_equal(grown.state.residual.cross, history.state.residual.cross)


def test_extending_day_by_day_equals_rebuilding(history, small, barra):
    grown = barra.fit(small.until(small.dates[245]))
    for date in small.dates[246:266]:  # across the start of a block of rows
        grown = grown.update(small.until(date))
    assert_same_bits(grown, history, rows=266)


def test_extending_to_new_stocks_equals_rebuilding(small, barra, history):
    cut = small.dates[230]
    begun = (~np.isnan(small.values("close")))[:231].any(axis=0)
    assert not begun.all()
    before = barra.fit(small.until(cut).select(small.stocks[begun]))
    grown = before.update(small)
    assert_same_bits(grown, history)
    assert grown.stocks.equals(small.stocks)


def test_the_future_changes_nothing_before_it(history, small, barra):
    row = 230
    draw = np.random.default_rng(1)
    changes = {}
    for name in small.fields:
        values = small.values(name).copy()
        later = values[row + 1 :]
        if values.dtype == bool:
            values[row + 1 :] = draw.random(later.shape) < 0.5
        elif values.dtype == np.int8:
            values[row + 1 :] = draw.permutation(later.ravel()).reshape(later.shape)
        else:
            noise = draw.uniform(0.3, 3.0, later.shape)
            values[row + 1 :] = np.where(draw.random(later.shape) < 0.3, np.nan, later * noise)
        changes[name] = values
    other = barra.fit(small.with_fields(changes))
    assert_same_bits(other, history, rows=row + 1)
    assert not np.array_equal(other.record.specific[-1], history.record.specific[-1])


def test_a_history_refuses_a_market_that_does_not_go_on_from_it(small, barra):
    short = barra.fit(small.until(small.dates[200]))
    close = small.values("close").copy()
    close[50] *= 1.01
    with pytest.raises(DataError, match="field close is not the one"):
        short.update(small.with_fields({"close": close}))
    with pytest.raises(DataError, match="does not begin with"):
        short.update(small.between(small.dates[10], small.dates[-1]))
    with pytest.raises(DataError, match=r"lacks 1 stocks"):
        short.update(small.select(small.stocks[1:]))
    labels = {"industry": tuple(f"{x}_new" for x in small.categories("industry"))}
    with pytest.raises(DataError, match="categories"):
        short.update(rebuilt(small, categories=labels))


# --- industries that come and go ----------------------------------------------------------------


def test_a_renamed_industry_goes_on_with_its_history(small):
    barra = Barra(warmup=WARMUP, eigen=None)  # one factor more draws other noise
    history = barra.fit(small)
    row, codes = 220, history.record.industry[200]
    code = int(np.bincount(codes[codes >= 0]).argmax())
    labels = (*small.categories("industry"), "renamed")
    industry = small.values("industry").copy()
    industry[row:] = np.where(industry[row:] == code, len(labels) - 1, industry[row:])
    other = barra.fit(rebuilt(small, industry=industry, categories={"industry": labels}))
    old, new = labels[code], "renamed"
    before, after = other.at(small.dates[row - 1]), other.at(small.dates[row])
    assert new not in before.factors
    assert old not in after.factors
    plain = history.at(small.dates[row])
    assert after.factor_covariance.loc[new, new] == pytest.approx(
        plain.factor_covariance.loc[old, old]
    )
    last = small.dates[-1]
    same = other.at(last).factor_covariance.rename(index={new: old}, columns={new: old})
    ordered = same.loc[list(plain.factors), list(plain.factors)]
    np.testing.assert_allclose(ordered, history.at(last).factor_covariance, rtol=1e-6, atol=1e-12)


def test_an_industry_that_lost_its_members_poisons_nothing(small, barra):
    industry = small.values("industry").copy()
    counts = np.bincount(industry[150][industry[150] >= 0])
    gone, taker = np.argsort(counts)[-2:]
    industry[200:] = np.where(industry[200:] == gone, taker, industry[200:])
    other = barra.fit(small.with_fields({"industry": industry}))
    name = small.categories("industry")[gone]
    model = other.at(small.dates[-1])
    assert name in other.at(small.dates[190]).factors
    assert name not in model.factors
    assert np.isfinite(model.cov().to_numpy()).all()


# --- what is missing ----------------------------------------------------------------------------


def test_a_panel_of_prices_alone_gives_the_price_volume_styles(small, barra):
    bare = rebuilt(small, drop=[name for name in small.fields if name not in PRICES])
    history = barra.fit(bare)
    model = history.at(small.dates[-1])
    assert set(model.of_kind("style")) == {
        "size", "beta", "momentum", "residual_volatility", "liquidity", "nonlinear_size",
    }  # fmt: skip
    assert model.of_kind("industry") == []
    assert (model.exposures[model.of_kind("style")].std() > 0.1).all()
    assert history.r2.mean() > 0.1
    report = history.report
    assert {"size_proxy", "turn_proxy", "ind_proxy"} == {
        note.split(":")[0] for note in report.loc[report["what"] == "substituted", "where"]
    }
    absent = report.loc[report["what"] == "absent", "where"]
    books = {spec.name for spec in CNE5} - set(model.of_kind("style"))
    assert {"value", "earnings_yield", "leverage"} <= books
    assert {x.split(":")[0] for x in absent} == books


def test_a_field_that_ends_ends_its_style_and_nothing_else(small, barra):
    debt = small.values("debt_to_assets").copy()
    debt[200:] = np.nan
    history = barra.fit(small.with_fields({"debt_to_assets": debt}))
    assert "leverage" in history.at(small.dates[199]).factors
    assert "leverage" not in history.at(small.dates[200]).factors
    assert history.factor_returns["leverage"].iloc[-60:].isna().all()
    row = history.report.query("what == 'style absent' and where == 'leverage'").iloc[0]
    assert row["count"] == len(small.dates) - 200
    assert row["first"] == small.dates[200]


def test_a_style_of_several_descriptors_is_renormalised_and_reported(small):
    mixed = StyleSpec("value", {"BTOP": 0.5, "ETOP": 0.5})
    bare = rebuilt(small, drop=["net_income"])
    history = Barra(styles=(CNE5[0], mixed), warmup=WARMUP).fit(bare)
    assert "value" in history.at(small.dates[-1]).factors
    row = history.report.query("what == 'renormalised'").iloc[0]
    assert row["where"] == "value: ETOP needs net_income"


def test_stocks_without_industry_are_covered_by_country_and_styles(small, barra):
    industry = small.values("industry").copy()
    industry[:, 4] = -1
    history = barra.fit(small.with_fields({"industry": industry}))
    model = history.at(small.dates[-1])
    row = model.exposures.loc[small.stocks[4], model.of_kind("industry")]
    assert (row == 0.0).all()
    assert history.report.query("what == 'no industry'")["count"].item() >= len(small.dates)


# --- refusals -----------------------------------------------------------------------------------


def test_dates_without_a_model_are_refused(history, small):
    with pytest.raises(DataError, match=r"no risk model for 2015-01-01.*models exist"):
        history.at("2015-01-01")
    with pytest.raises(DataError, match="no risk model"):
        history.at(small.dates[5])
    with pytest.raises(DataError, match="style 'carry' is not in this model"):
        history.style("carry")


def test_a_market_too_short_is_refused(small, barra):
    with pytest.raises(DataError, match=r"needs at least 21"):
        barra.fit(small.until(small.dates[10]))
    with pytest.raises(DataError, match=r"90 sessions, of which 89 .* needs 100"):
        barra.fit(small.until(small.dates[89]))


def test_a_market_without_any_market_value_is_refused(small, barra):
    shares = np.full_like(small.values("shares"), np.nan)
    with pytest.raises(
        DataError, match=r"field shares gives no stock a market value.*280 sessions"
    ):
        barra.fit(small.with_fields({"shares": shares}))


def test_what_was_written_cannot_be_changed(history):
    with pytest.raises(ValueError, match="read-only"):
        history.record.styles[0, 0, 0] = 1.0


def test_an_industry_named_like_a_style_is_refused(small, barra):
    labels = ("size", *small.categories("industry")[1:])
    with pytest.raises(DataError, match=r"\['size'\]"):
        barra.fit(rebuilt(small, categories={"industry": labels}))


@pytest.mark.parametrize("named", [{"horizon": "CNE5S"}, {"styles": "CNE5"}])
def test_presets_are_given_as_objects(named):
    with pytest.raises(TypeError, match="not by name"):
        Barra(**named)


def test_a_warmup_below_a_quarter_is_refused():
    with pytest.raises(ValueError, match="warmup 60"):
        Barra(warmup=60)


def test_frames_of_a_history_speak_the_same_dates(history, small):
    assert history.factor_returns.index.equals(history.r2.index)
    assert history.t_values.index.equals(history.vif.index)
    assert history.residuals.shape == (len(small.dates), len(small.stocks))
    assert history.style("size").notna().to_numpy().any()
    assert "mean R2" in repr(history)
    assert history.kinds["country"] == "country"
