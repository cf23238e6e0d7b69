"""Carrying a history on: the same bits as a fit of everything, at the price of a day, and nothing overwritten."""

from __future__ import annotations

import pickle
import time
from dataclasses import fields

import numpy as np
import pytest

import market
from market import DataError
from risk import CNE5, Barra
from risk.eigen import Eigen
from risk.record import SPARE
from risk.styles import CNE6

WARMUP = 100


@pytest.fixture(scope="module")
def small():
    return market.simulate(stocks=120, days=390, seed=5)


@pytest.fixture(scope="module")
def short():
    return market.simulate(stocks=120, days=125, seed=6)


@pytest.fixture(scope="module")
def barra():
    return Barra(warmup=WARMUP, eigen=Eigen(simulations=20))


def assert_same_bits(one, other):
    for item in fields(one.record):
        a, b = (getattr(h.record, item.name) for h in (one, other))
        np.testing.assert_array_equal(a, b, err_msg=item.name)
    assert_same_state(one.state, other.state)


def assert_same_state(one, other):
    """Every array of a state and of what it holds."""
    for item in fields(one):
        a, b = getattr(one, item.name), getattr(other, item.name)
        if hasattr(a, "__dataclass_fields__"):
            assert_same_state(a, b)
        else:
            np.testing.assert_array_equal(a, b, err_msg=item.name)


def test_two_hundred_and_fifty_updates_equal_one_fit(small, barra):
    grown = barra.fit(small.until(small.dates[-251]))
    for date in small.dates[-250:]:
        grown = grown.update(small.until(date))
    whole = barra.fit(small)
    assert_same_bits(grown, whole)
    assert grown.marks.sums == whole.marks.sums


def test_updates_without_share_counts_and_with_long_windows_equal_one_fit(short):
    kept = {n: short.values(n) for n in ("open", "high", "low", "close", "volume", "factor")}
    bare = market.Market(short.dates, short.stocks, kept, securities=short.securities)
    barra = Barra(CNE6, warmup=WARMUP, eigen=None)
    grown = barra.fit(bare.until(bare.dates[-3]))
    assert_same_bits(grown.update(bare), barra.fit(bare))


def test_histories_that_part_do_not_write_into_each_other(short, barra):
    cut = len(short.dates) - 6
    begun = barra.fit(short.until(short.dates[cut]))
    close = short.values("close").copy()
    close[cut + 1] *= np.float32(1.02)
    other = short.with_fields({"close": close})
    first = begun.update(short.until(short.dates[cut + 1]))
    kept = first.record.covariance.copy()
    second = begun.update(other.until(short.dates[cut + 1]))
    assert not np.array_equal(
        second.record.residuals[-1], first.record.residuals[-1], equal_nan=True
    )
    np.testing.assert_array_equal(first.record.covariance, kept)
    assert np.shares_memory(first.record.styles, begun.record.styles)
    assert not np.shares_memory(second.record.styles, begun.record.styles)
    assert_same_bits(first.update(short), barra.fit(short))
    assert_same_bits(second.update(other), barra.fit(other))


def test_a_history_that_travelled_goes_on_alike(short, barra):
    begun = barra.fit(short.until(short.dates[-4]))
    travelled = pickle.loads(pickle.dumps(begun))
    assert travelled.room is None
    assert_same_bits(travelled.update(short), begun.update(short))
    assert len(pickle.dumps(begun)) < 1.2 * sum(
        getattr(begun.record, item.name).nbytes for item in fields(begun.record)
    )


def test_more_sessions_than_there_is_room_for_are_copied(small):
    barra = Barra(CNE5[:2], warmup=WARMUP, eigen=None)
    begun = barra.fit(small.until(small.dates[WARMUP + 5]))
    assert len(small.dates) > WARMUP + 6 + SPARE
    grown = begun.update(small)
    assert not np.shares_memory(grown.record.styles, begun.record.styles)
    assert_same_bits(grown, barra.fit(small))


def test_what_was_restated_is_named(short, barra):
    begun = barra.fit(short.until(short.dates[-4]))
    for name, row, where in (("close", 3, "2016-01-04"), ("shares", -6, "2016-01-04")):
        values = short.values(name).copy()
        values[row, 7] = 99.0
        with pytest.raises(DataError, match=rf"field {name} .* restated between {where}"):
            begun.update(short.with_fields({name: values}))


def test_a_new_stock_with_a_past_is_refused(short, barra):
    begun = barra.fit(short.select(short.stocks[1:]).until(short.dates[-4]))
    with pytest.raises(DataError, match=f"1 stocks .*{short.stocks[0]}"):
        begun.update(short)


def test_stocks_may_stand_in_another_order(short, barra):
    begun = barra.fit(short.until(short.dates[-4]))
    turned = begun.update(short.select(short.stocks[::-1]))
    straight = begun.update(short)
    np.testing.assert_allclose(
        turned.record.specific[:, ::-1], straight.record.specific, rtol=1e-6, equal_nan=True
    )
    assert turned.stocks.equals(short.stocks[::-1])
    assert_same_bits(begun.update(short), straight)  # neither wrote where it began


def test_a_full_market_stays_within_twice_its_budget(short):
    """Per session, of 3,000 stocks: a fit 10 ms of processor time, an update 150 ms."""
    wide = market.simulate(stocks=3000, days=150, seed=1)
    barra = Barra(warmup=WARMUP)
    barra.fit(short)  # compiles
    for name in ("returns", "closed_at_limit_up", "closed_at_limit_down"):
        wide.values(name)  # derived by the market, not by the model
    begun = time.process_time()
    history = barra.fit(wide.until(wide.dates[-6]))
    fitted = time.process_time()
    for date in wide.dates[-5:]:
        history = history.update(wide.until(date))
    updated = time.process_time()
    assert (fitted - begun) / 145 < 2 * 0.010
    assert (updated - fitted) / 5 < 2 * 0.150
