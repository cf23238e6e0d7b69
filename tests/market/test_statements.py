"""Simulated statements: on the timetable of the reports, consistent, and without effect on the rest."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import market


@pytest.fixture(scope="module")
def world():
    return market.simulate(stocks=60, days=500, seed=5, statements=True)


def test_statements_change_no_other_field(world):
    plain = market.simulate(stocks=60, days=500, seed=5)
    for name in plain.fields:
        np.testing.assert_array_equal(world.values(name), plain.values(name), err_msg=name)
    assert plain.has("sales_fy5")
    assert not plain.has("total_assets")


def test_a_new_fiscal_year_pushes_the_old_ones_back(world):
    years = [world.values(f"sales_fy{k}") for k in range(1, 6)]
    moved = (
        (years[0][1:] != years[0][:-1]) & world.values("listed")[1:] & world.values("listed")[:-1]
    )
    rows, stocks = np.nonzero(moved)
    assert len(rows) >= 60
    for newer, older in pairwise(years):
        np.testing.assert_array_equal(older[rows + 1, stocks], newer[rows, stocks])
    months = pd.DatetimeIndex(world.dates[rows + 1]).month
    assert set(months) <= {3, 4}


def test_balance_sheets_add_up(world):
    listed = world.values("listed")
    assets, owed = world.values("total_assets")[listed], world.values("total_liabilities")[listed]
    np.testing.assert_allclose(assets - owed, world.values("book_equity")[listed], rtol=2e-3)
    np.testing.assert_allclose(owed / assets, world.values("debt_to_assets")[listed], rtol=1e-5)
    assert (world.values("cash")[listed] > 0.0).all()


def test_unfollowed_companies_have_no_forecasts(world):
    listed = world.values("listed")
    followed = world.values("analysts") > 0
    known = np.isfinite(world.values("forecast_income_this_year"))
    np.testing.assert_array_equal(known[listed], followed[listed])
    assert 0.5 < followed[listed].mean() < 1.0


def test_a_world_with_statements_travels_to_another_process(world):
    there = pickle.loads(pickle.dumps(market.simulate(stocks=40, days=40, statements=True)))
    again = market.simulate(stocks=40, days=40, statements=True)
    for name in ("sales_fy3", "cash", "forecast_dividends"):
        np.testing.assert_array_equal(there.values(name), again.values(name))
