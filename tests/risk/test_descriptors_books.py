"""Accounting, analyst and holder descriptors, by hand and against plain versions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk.descriptors import DESCRIPTORS, Block, analysts, statements, value


def years(*newest_first):
    return np.array(newest_first, dtype=float)[:, None]


def block(size=1, rows=None, **fields):
    """A block of one stock whose fields are constant, or given by row."""
    rows = rows or size
    wide = {k: np.broadcast_to(np.reshape(v, (-1, 1)), (rows, 1)) for k, v in fields.items()}
    return Block(
        size=size,
        dates=pd.bdate_range("2020-03-02", periods=rows),
        returns=np.zeros((rows, 1)),
        market=np.zeros(rows),
        estu=np.ones((rows, 1), dtype=bool),
        fields={"cap": np.full((rows, 1), 100.0), **wide},
    )


def compute(name, **fields):
    return DESCRIPTORS[name].compute(block(**fields))[0, 0]


# --- ratios -------------------------------------------------------------------------------------


def test_yields_over_a_market_value_of_a_hundred():
    assert compute("BTOP", book_equity=40.0) == pytest.approx(0.4)
    assert compute("ETOP", net_income=5.0) == pytest.approx(0.05)
    assert compute("DTOP", dividends_12m=2.0) == pytest.approx(0.02)
    assert compute("DPIBS", forecast_dividends=3.0) == pytest.approx(0.03)
    assert compute("ETOPF_SD", forecast_income_deviation=1.0) == pytest.approx(0.01)
    assert compute("EM", ebit=12.0, total_debt=50.0, cash=30.0) == pytest.approx(0.1)


def test_cash_earnings_fall_back_on_income_and_depreciation_by_stock():
    assert compute("CETOP", operating_cash_flow=8.0) == pytest.approx(0.08)
    assert compute("CETOP", net_income=4.0, depreciation=2.0) == pytest.approx(0.06)
    both = {"net_income": 4.0, "depreciation": 2.0}
    assert compute("CETOP", operating_cash_flow=8.0, **both) == pytest.approx(0.08)
    assert compute("CETOP", operating_cash_flow=np.nan, **both) == pytest.approx(0.06)


def test_leverage_by_hand():
    assert compute("MLEV", long_term_debt=30.0) == pytest.approx(1.3)
    assert compute("MLEV", long_term_debt=30.0, preferred_equity=20.0) == pytest.approx(1.5)
    assert compute("MLEV", long_term_debt=30.0, preferred_equity=np.nan) == pytest.approx(1.3)
    assert compute("BLEV", book_equity=60.0, long_term_debt=30.0) == pytest.approx(1.5)
    assert np.isnan(compute("BLEV", book_equity=-1.0, long_term_debt=30.0))
    parts = {"long_term_debt": 30.0, "current_liabilities": 40.0, "total_assets": 140.0}
    assert compute("DTOA", **parts) == pytest.approx(0.5)
    assert compute("DTOA", debt_to_assets=0.6) == pytest.approx(0.6)
    assert compute("DTOA", **{**parts, "total_assets": np.nan}, debt_to_assets=0.6) == 0.6


def test_profitability_by_hand():
    made = {"sales": 50.0, "cost_of_sales": 30.0, "total_assets": 200.0, "net_income": 10.0}
    assert compute("ATO", **made) == pytest.approx(0.25)
    assert compute("GP", **made) == pytest.approx(0.1)
    assert compute("GPM", **made) == pytest.approx(0.4)
    assert compute("ROA", **made) == pytest.approx(0.05)


def test_nothing_is_divided_by_nothing_or_by_a_loss():
    made = value.ratio(np.array([1.0, 1.0, np.nan]), np.array([0.0, -1.0, 1.0]))
    assert np.isnan(made).all()
    assert np.isnan(compute("EM", ebit=12.0, total_debt=0.0, cash=130.0))


# --- fiscal years -------------------------------------------------------------------------------


def test_growth_is_the_slope_over_the_mean_size():
    assert statements.growth(years(5, 4, 3, 2, 1))[0] == pytest.approx(1 / 3)
    assert statements.growth(years(1, 2, 3, 4, 5))[0] == pytest.approx(-1 / 3)
    # a firm that turned a loss into a profit grows; a signed mean of zero would say nothing
    assert statements.growth(years(2, 1, 0, -1, -2))[0] == pytest.approx(1 / 1.2)
    assert statements.growth(years(7, 7, 7, 7, 7))[0] == pytest.approx(0.0)


def test_growth_needs_three_years_and_uses_their_places():
    assert np.isnan(statements.growth(years(2, 1, np.nan, np.nan, np.nan))[0])
    assert statements.growth(years(3, 2, 1, np.nan, np.nan))[0] == pytest.approx(0.5)
    draw = np.random.default_rng(0).normal(3.0, 1.0, (5, 50))
    draw[np.random.default_rng(1).random(draw.shape) < 0.3] = np.nan
    made = statements.growth(draw)
    for n in range(50):
        y = draw[::-1, n]
        seen = np.isfinite(y)
        if seen.sum() >= 3:
            slope = np.polyfit(np.arange(5)[seen], y[seen], 1)[0]
            assert made[n] == pytest.approx(slope / np.abs(y[seen]).mean())
        else:
            assert np.isnan(made[n])


def test_growth_is_per_share_where_shares_are_known():
    fields = {f"sales_fy{k}": 10.0 * (6 - k) for k in range(1, 6)}
    shares = {f"shares_fy{k}": 1.0 * (6 - k) for k in range(1, 6)}
    assert compute("SGRO", **fields) == pytest.approx(1 / 3)
    assert compute("SGRO", **fields, **shares) == pytest.approx(0.0)
    assert compute("IGRO", **shares) == pytest.approx(-1 / 3)


def test_variability_by_hand():
    assert statements.variability(years(1, 3, 1, 3, 2))[0] == pytest.approx(np.sqrt(0.8) / 2.0)
    assert statements.variability(years(-1, -3, -1, -3, -2))[0] == pytest.approx(np.sqrt(0.8) / 2)
    assert np.isnan(statements.variability(years(1, -1, 1, -1, np.nan))[0])


def test_compound_growth_and_the_change_of_returns():
    assert statements.compound(years(8, 5, 3, 1))[0] == pytest.approx(1.0)
    assert np.isnan(statements.compound(years(8, 5, 3, -1))[0])
    income, book = years(20, 10, 10, 5), years(100, 90, 90, 100)
    assert statements.return_change(income, book)[0] == pytest.approx((0.20 - 0.05) / 3)


def test_accruals_by_hand():
    # net operating assets (200 - 20) - (80 - 30) = 130 against (150 - 10) - (60 - 20) = 100
    made = statements.balance_accruals(
        years(200, 150), years(20, 10), years(80, 60), years(30, 20), np.array([10.0])
    )
    assert made[0] == pytest.approx(-(30.0 - 10.0) / 200.0)
    flows = {"net_income": 20.0, "operating_cash_flow": 15.0, "investing_cash_flow": -5.0}
    rest = {"depreciation": 4.0, "total_assets": 100.0}
    assert compute("ACF", **flows, **rest) == pytest.approx(-(20.0 - 10.0 + 4.0) / 100.0)


def test_describing_new_figures_alone_equals_describing_every_cell():
    draw = np.random.default_rng(2)
    steps = np.repeat(draw.normal(2.0, 1.0, (5, 6, 8)), 20, axis=1).astype(np.float32)
    steps[:, 30:50, 3] = np.nan
    fast = statements.when_new(statements.growth, list(steps))
    np.testing.assert_array_equal(fast, statements.growth(steps.astype(np.float64)))


# --- analysts -----------------------------------------------------------------------------------


def test_forward_income_mixes_the_years_by_the_months_left():
    dates = pd.DatetimeIndex(["2020-03-31", "2020-12-01"])
    made = analysts.forward_income(np.full((2, 1), 12.0), np.full((2, 1), 24.0), dates)
    np.testing.assert_allclose(made[:, 0], [9.0 + 6.0, 24.0])


def test_revisions_are_the_balance_of_changes():
    up, down = np.zeros((63, 1)), np.full((63, 1), np.nan)
    up[-1], down[-1] = 3.0, 1.0
    assert analysts.revisions(up, down, 1)[0, 0] == pytest.approx(0.5)
    up[-22] = 4.0  # a month old: half the weight
    assert analysts.revisions(up, down, 1)[0, 0] == pytest.approx((5.0 - 1.0) / 6.0)
    assert np.isnan(analysts.revisions(0 * up, 0 * up, 1)[0, 0])


def test_changes_reach_back_a_quarter():
    x = np.arange(100.0)[:, None] - 50.0
    assert analysts.change(x, 1)[0, 0] == pytest.approx(63.0)
    assert analysts.relative_change(x, 1)[0, 0] == pytest.approx(63.0 / 14.0)
    assert np.isnan(analysts.change(x, 100)[:63]).all()


def test_coverage_by_analysts_is_a_logarithm_and_net_of_size():
    assert compute("COV", analysts=np.e - 1.0) == pytest.approx(1.0)
    assert DESCRIPTORS["COV"].net_of_size
    assert sum(each.net_of_size for each in DESCRIPTORS.values()) == 1
