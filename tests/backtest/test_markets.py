"""Runs on the simulated market and on the small sample of real data."""

import subprocess
import sys

import numpy as np
import pytest

import market
from backtest import BenchmarkPolicy, TopN, audit, run


class Reversal:
    """Buys what fell most in twenty sessions."""

    def __init__(self, n):
        self.n = n

    def scores(self, world):
        return -world.returns().rolling(20, min_periods=10).sum()

    def __call__(self, world):
        return TopN(self.scores(world), self.n)

    def layers(self, world, t):
        return {"scores": self.scores(world).loc[t]}


def assert_sound(world, result):
    """Trades rebuild the cash, and none breaks a rule of its session."""
    fills = result.trades
    flow = np.where(fills["side"] == "buy", -1.0, 1.0) * fills["value"]
    paid = flow.groupby(fills["date"]).sum().reindex(result.nav.index, fill_value=0.0).cumsum()
    capital = result.config["capital"]
    cash = capital + paid - result.costs.sum(axis=1).cumsum()
    assert np.allclose(cash, result.cash * result.nav * capital, rtol=0.0, atol=1e-8 * capital)
    assert (result.cash >= 0.0).all()
    for side, allowed in (("buy", "can_buy"), ("sell", "can_sell")):
        own = fills[fills["side"] == side]
        rows, cells = world.dates.get_indexer(own["date"]), world.stocks.get_indexer(own["stock"])
        assert world.values(allowed)[rows, cells].all()


def test_a_year_of_simulated_market_is_sound_and_looks_at_nothing_ahead(world):
    make = Reversal(20)
    result = run(world, make(world), start=world.dates[60], benchmark=world.indexes[0])
    assert_sound(world, result)
    assert audit(make, world, world.dates[[100, 300]]).passed


def test_the_index_as_policy_passes_the_audit_on_the_simulated_market(world):
    name = world.indexes[0]
    assert audit(lambda w: BenchmarkPolicy(name), world, world.dates[[100, 300]]).passed


@pytest.mark.data
def test_the_real_sample_is_sound_with_its_suspensions_limits_and_a_delisting(data_root):
    real = market.open(data_root("ashare_mini"))
    result = run(real, Reversal(10)(real), start="2018-03-01", benchmark="csi300")
    assert_sound(real, result)
    gone = result.trades[result.trades["side"] == "delisted"]
    assert gone["stock"].tolist() == ["SZ300104"]  # sold out at its last price, 0.18 CNY
    assert gone["price"].iloc[0] == pytest.approx(0.18, rel=1e-6)
    assert {"suspended", "limit up", "limit down"} <= set(result.refusals["reason"])
    assert result.notes[: len(real.notes)] == real.notes


@pytest.mark.data
def test_no_derived_field_of_the_real_sample_reaches_a_decision_from_the_future(data_root):
    real = market.open(data_root("ashare_mini"))
    assert audit(Reversal(10), real, real.dates[[100, 300, 600]], benchmark="csi300").passed


def test_importing_the_package_brings_in_neither_figures_nor_solvers_nor_networks():
    code = "import sys, backtest; print([m for m in ('matplotlib', 'cvxpy', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
