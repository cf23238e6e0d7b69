"""The audit passes honest policies and catches those that look ahead."""

import numpy as np
import pandas as pd
import pytest

from backtest import BenchmarkPolicy, TopN, audit
from backtest.audit import PERTURBATIONS, perturbed
from market import DataError
from tests.backtest.worlds import random_world


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
    assert (report.findings["largest"] > 0.0).all()


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
