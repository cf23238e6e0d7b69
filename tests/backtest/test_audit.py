"""The audit passes honest policies and catches those that look ahead."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

import market
from backtest import BenchmarkPolicy, BuyAndHold, FixedWeights, TopkDropout, TopN, audit
from backtest.perturbation import PERTURBATIONS, perturbed, with_all_replaced
from market import DataError, Market
from tests.backtest.worlds import NAN, random_world


@pytest.fixture(scope="module")
def m():
    return random_world(3, days=60, stocks=12, quiet=True)


def features(market):
    return market.returns().rolling(5, min_periods=1).mean()


class Momentum:
    """An honest policy; subclasses change one layer."""

    def features(self, market):
        return features(market)

    def scores(self, market):
        return self.features(market).rank(axis=1)

    def __call__(self, market):
        return TopN(self.scores(market), n=4)

    def layers(self, market, t):
        return {"features": self.features(market).loc[t], "scores": self.scores(market).loc[t]}


class Tomorrow(Momentum):
    """Uses the return of the next session."""

    def features(self, market):
        return market.returns().shift(-1)


class FullSample(Momentum):
    """Standardises with the mean and deviation of all dates."""

    def scores(self, market):
        x = self.features(market)
        return (x - x.mean()) / x.std()


class Sighted(Momentum):
    """Uses a statement before it was out: the quarter's figure, filled back to its beginning."""

    def features(self, market):
        return market.field("book_equity").bfill()


class Survivors(Momentum):
    """Chooses among the stocks that still trade when the data end."""

    def features(self, market):
        alive = market.field("close").iloc[-1].notna()
        return super().features(market).where(alive, axis=1)


class KnowsTheEnd(Momentum):
    """Leaves out what the list of delistings says will go, whenever that will be."""

    def features(self, market):
        return super().features(market).where(market.securities["delisted_on"].isna(), axis=1)


class ReadsNames(Momentum):
    """Leaves out what is called ST today."""

    def features(self, market):
        return super().features(market).where(~market.securities["name"].str.contains("ST"), axis=1)


class Labelled(Momentum):
    """Trains on the return from one session after t, or from t itself, to five sessions after."""

    def __init__(self, entry):
        self.entry = entry

    def label(self, market):
        price = market.adjusted("close")
        return price.shift(-5) / price.shift(-self.entry) - 1.0


def dates(market):
    return market.dates[[10, 25, 40]]


def test_an_honest_policy_passes_bit_for_bit(m):
    report = audit(Momentum(), m, dates(m))
    assert report.passed
    assert len(report.checks) == 3 * len(PERTURBATIONS)
    assert report.checks["largest"].max() == 0.0
    assert "passed 9 checks on 3 dates" in repr(report)


def test_the_index_as_policy_passes_with_its_own_holdings(m):
    assert audit(lambda market: BenchmarkPolicy("half"), m, dates(m)).passed


def test_tomorrows_return_is_caught_in_the_features(m):
    report = audit(Tomorrow(), m, dates(m))
    assert not report.passed
    assert set(report.findings["date"]) == set(dates(m))
    assert set(report.findings["layer"]) == {"features"}
    assert report.findings["largest"].max() == pytest.approx(0.25)
    assert "LOOK-AHEAD" in repr(report)


def test_a_full_sample_score_is_caught_in_the_scores(m):
    report = audit(FullSample(), m, dates(m))
    assert set(report.findings["date"]) == set(dates(m))
    assert set(report.findings["layer"]) == {"scores"}


def test_a_cheat_without_layers_is_caught_by_its_weights(m):
    report = audit(lambda market: Tomorrow()(market), m, dates(m))
    assert not report.passed
    assert set(report.findings["layer"]) == {""}
    failed = report.findings["error"] != ""  # TopN refuses a date without any score
    assert set(report.findings.loc[failed, "perturbation"]) == {"missing"}
    assert (report.findings.loc[~failed, "largest"] > 0.0).all()
    assert "no decision, DataError" in repr(report)


def test_index_membership_and_levels_after_the_date_are_changed_too():
    world = random_world(3, days=20, quiet=True)
    levels = pd.DataFrame({"half": np.arange(20.0)}, index=world.dates)

    def peek(market):
        def policy(snapshot):
            later = market.levels["half"].iloc[market.row(snapshot.date) + 1]
            return pd.Series({"SH600000": 1.0 if later == 11.0 else 0.5})

        return policy

    assert not audit(peek, world.with_levels(levels), world.dates[[10]]).passed


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_a_perturbation_changes_all_fields_after_the_row_and_none_before(kind):
    world = random_world(5, days=30)
    other = perturbed(world, 12, kind, np.random.default_rng(0))
    for name in world.fields:
        old, new = world.values(name), other.values(name)
        assert np.array_equal(old[:13], new[:13], equal_nan=old.dtype.kind == "f")
        assert old.dtype == new.dtype
        constant = (kind != "noise" and name == "st") or name == "snapshot:half"
        if not constant:  # else all values are alike, and stay so under any of the changes
            assert not np.array_equal(old[13:], new[13:], equal_nan=old.dtype.kind == "f"), name


def test_the_same_seed_repeats_the_audit(m):
    one, two = (audit(Tomorrow(), m, dates(m)[:1], seed=4).checks for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_dates_without_a_future_and_unknown_perturbations_are_refused(m):
    with pytest.raises(DataError, match="last session; audit a date with a future"):
        audit(Momentum(), m, m.dates[-1:])
    with pytest.raises(DataError, match="not a session"):
        audit(Momentum(), m, ["1999-01-01"])
    with pytest.raises(DataError, match="'zero' is unknown"):
        audit(Momentum(), m, dates(m), perturbations=["zero"])
    with pytest.raises(DataError, match="no date to audit"):
        audit(Momentum(), m, [])
    with pytest.raises(DataError, match="no perturbation to audit with"):
        audit(Momentum(), m, dates(m), perturbations=[])


def quarterly(market):
    """The market with a figure that becomes known every twenty sessions."""
    size = np.random.default_rng(2).random(market.values("close").shape).astype(np.float32)
    known = (np.arange(len(market.dates)) % 20 == 0)[:, None]
    return Market(
        market.dates,
        market.stocks,
        {**{n: market.values(n) for n in market.fields}, "book_equity": np.where(known, size, NAN)},
        venue=market.venue,
    )


def ending(market, **facts):
    """The market with one stock that ends after 50 of its sessions, and facts about the stocks."""
    close = market.values("close").copy()
    close[50:, 2] = NAN
    fields = {name: market.values(name) for name in market.fields if ":" not in name}
    for name in ("open", "high", "low", "close", "vwap", "volume"):
        fields[name] = np.where(np.isnan(close), NAN, fields[name])
    securities = pd.DataFrame(facts, index=market.stocks)
    return Market(market.dates, market.stocks, fields, securities=securities, venue=market.venue)


def test_a_figure_used_before_it_was_published_is_caught(m):
    world = quarterly(m)
    report = audit(Sighted(), world, dates(world))
    assert set(report.findings["layer"]) == {"features"}
    assert set(report.findings["perturbation"]) == set(PERTURBATIONS)
    honest = Momentum()
    honest.features = lambda market: market.field("book_equity").ffill()
    assert audit(honest, world, dates(world)).passed


def test_a_universe_of_survivors_is_caught(m):
    report = audit(Survivors(), ending(m), dates(m))
    assert {"shuffle", "missing"} <= set(report.findings["perturbation"])
    assert set(report.findings["layer"]) == {"features"}


def test_a_list_of_later_delistings_is_caught_and_one_of_earlier_ones_passes(m):
    end = pd.Series(pd.NaT, index=m.stocks)
    end.iloc[2] = m.dates[50]
    report = audit(KnowsTheEnd(), ending(m, delisted_on=end), dates(m))
    assert "missing" in set(report.findings["perturbation"])
    end.iloc[2] = m.dates[5]
    assert audit(KnowsTheEnd(), ending(m, delisted_on=end), dates(m)).passed


def test_names_of_today_are_caught(m):
    names = ["*ST One"] + ["Two"] * (len(m.stocks) - 1)
    report = audit(ReadsNames(), ending(m, name=names), dates(m))
    assert set(report.findings["date"]) == set(dates(m))


def test_a_label_bought_at_the_deciding_price_is_caught(m):
    report = audit(Labelled(entry=0), m, dates(m), perturbations=["noise"])
    assert report.findings["perturbation"].tolist() == ["own session"] * 3
    assert set(report.findings["layer"]) == {"label"}
    # prices of the session move by up to 2, so what is bought there halves
    assert report.findings["largest"].between(0.3, 0.7).all()
    assert "let it begin with a deal of the next one" in repr(report)
    assert audit(Labelled(entry=1), m, dates(m)).passed


def test_members_without_any_price_are_a_finding(m):
    close = m.values("close").copy()
    close[:, 1] = NAN
    report = audit(lambda _: BuyAndHold(pd.Series(dtype=float)), m.with_fields({"close": close}),
                   dates(m), benchmark="half", perturbations=["noise"], fixed=True)  # fmt: skip
    assert report.findings["perturbation"].tolist() == ["members"] * 3
    assert set(report.findings["stock"]) == {m.stocks[1]}
    assert report.findings["largest"].iloc[0] == pytest.approx(1 / 6)
    assert "take data that include what was delisted since" in repr(report)


@pytest.mark.parametrize("benchmark", [None, "half"])
@pytest.mark.parametrize(
    ("make", "fixed"),
    [
        (lambda w: BenchmarkPolicy("half"), False),
        (lambda w: BuyAndHold(pd.Series(0.25, w.stocks[:4])), True),
        (lambda w: FixedWeights(pd.DataFrame(1 / 12, w.dates, w.stocks)), True),
        (lambda w: TopN(features(w), n=4), False),
        (lambda w: TopkDropout(features(w), topk=4, n_drop=2), False),
    ],
    ids=["benchmark", "buy and hold", "fixed", "top n", "topk dropout"],
)
def test_shipped_policies_pass(m, make, fixed, benchmark):
    report = audit(make, m, dates(m), benchmark=benchmark, fixed=fixed)
    assert report.passed, repr(report)


@pytest.mark.parametrize("policy", [TopN, partial(TopkDropout, n_drop=2)])
def test_scores_that_were_computed_outside_prove_nothing(m, policy):
    known = m.returns().shift(-1)  # the worst cheat, and no perturbation reaches it
    report = audit(lambda _: policy(known, 4), m, dates(m), benchmark="half")
    assert report.findings["perturbation"].tolist() == ["control"] * 3
    assert "NOTHING TESTED" in repr(report)
    assert "does not read the market it is given" in repr(report)
    assert audit(lambda _: policy(known, 4), m, dates(m), benchmark="half", fixed=True).passed


def test_a_policy_that_reads_the_market_of_its_snapshot_or_breaks_on_noise_has_read_it(m):
    def reads(snapshot):
        close = snapshot.market.field("close").iloc[-1]
        return close / close.sum()

    def breaks(market):
        if not np.array_equal(market.values("close")[0], m.values("close")[0]):
            raise ArithmeticError("prices are out of bounds")
        return BuyAndHold(pd.Series(dtype=float))

    assert audit(lambda _: reads, m, dates(m)).passed
    assert audit(breaks, m, dates(m)).passed


def test_orders_that_know_tomorrow_are_caught(m):
    report = audit(
        lambda w: TopkDropout(w.returns().shift(-1), topk=4, n_drop=2),
        m,
        dates(m),
        benchmark="half",
    )
    assert set(report.findings["date"]) == set(dates(m))
    assert report.findings["largest"].max() >= 0.25


def test_dates_of_the_future_are_drawn_anew_and_those_of_the_past_stay(m):
    listed = pd.Series(m.dates[0], index=m.stocks)
    listed.iloc[:3] = m.dates[40]
    world = ending(m, listed_on=listed, name="A", delisted_on=listed.shift(1))
    for kind in PERTURBATIONS:
        facts = perturbed(world, 20, kind, np.random.default_rng(0)).securities
        later = world.securities["listed_on"] > m.dates[20]
        assert (facts.loc[~later, "listed_on"] == m.dates[0]).all()
        assert not (facts["listed_on"] <= m.dates[20])[later].any()
        assert (facts["name"] == "").all()
        assert facts["board"].equals(world.securities["board"])


def test_the_control_replaces_every_session_of_every_field_but_the_list():
    world = random_world(5, days=30)
    other = with_all_replaced(world, np.random.default_rng(0))
    for name in world.fields:
        old, new = world.values(name), other.values(name)
        assert old.dtype == new.dtype
        known = ~np.isnan(old) if old.dtype.kind == "f" else np.ones(old.shape, dtype=bool)
        changed = (old != new)[known].mean()
        assert changed == 0.0 if name == "listed" else changed > 0.2, name
        if old.dtype.kind == "f":
            assert np.array_equal(np.isnan(old), np.isnan(new))


def test_a_changed_market_does_not_keep_the_truth_of_the_simulation():
    world = market.simulate(stocks=40, days=80, seed=1)
    for kind in PERTURBATIONS:
        assert perturbed(world, 40, kind, np.random.default_rng(0)).truth is None


def test_a_part_of_a_market_is_refused(m):
    with pytest.raises(DataError, match="needs the whole market"):
        audit(Momentum(), m.until(m.dates[50]), dates(m))
