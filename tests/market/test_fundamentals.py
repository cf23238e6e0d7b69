"""Fundamentals from quarterly tables: known when they were known, refused when stamped too early."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import market
from market import DataError
from market.readers.fundamentals import fundamentals
from market.readers.tables import Tables

DATES = pd.bdate_range("2019-01-01", "2021-12-31", name="date")
STOCKS = pd.Index(["SH600000", "SZ000001"], name="stock")
# sales of fiscal years 2017 to 2020, in units of 1e9 CNY
SALES = {2017: 1.0, 2018: 2.0, 2019: 4.0, 2020: 8.0}


def valuation(stocks=("SH600000",), first="2018-06-30"):
    """Snapshots at quarter ends; the annual figure changes with the June snapshot, in March for some."""
    rows = []
    for end in pd.date_range(first, "2021-12-31", freq="QE"):
        year = end.year - (2 if end.month < 6 else 1)
        taken = pd.NaT if end < DATES[0] else DATES[DATES.searchsorted(end, side="right") - 1]
        for stock in stocks:
            rows.append((end, taken, stock, 1e6, 1e8, 2.0, 10.0, 10.0 / SALES[year], 1.5))
    names = [
        "quarter_end",
        "trade_date",
        "instrument",
        "total_mv",
        "total_shares",
        "pb",
        "pe",
        "ps",
        "dv_ratio",
    ]
    return pd.DataFrame(rows, columns=names)


def reports(**columns):
    frame = pd.DataFrame(
        {
            "report_period": pd.to_datetime(["2018-12-31", "2019-03-31", "2019-12-31"]),
            "instrument": "SH600000",
            "roe": [-10.0, 1.0, -20.0],
            "debt_to_assets": [50.0, 60.0, 75.0],
        }
    )
    return frame.assign(**columns)


def tables(folder, **frames):
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet")
    return Tables(folder, frozenset(frames), DATES, STOCKS)


def field(made, name):
    values = fundamentals(made)[0][name]()
    return pd.DataFrame(values, DATES, STOCKS)["SH600000"]


def test_last_annual_sales_follow_from_the_multiple_on_the_day_it_was_taken(tmp_path):
    made = tables(tmp_path, valuation_quarterly=valuation())
    sales = field(made, "sales")  # 1e6 times 1e4 CNY over ps
    assert sales["2019-03-28":"2019-03-29"].tolist() == pytest.approx([np.nan, 1e9], nan_ok=True)
    assert sales["2019-06-27":"2019-06-28"].tolist() == pytest.approx([1e9, 2e9])


def test_fiscal_years_move_at_the_end_of_june_and_never_before(tmp_path):
    made = tables(tmp_path, valuation_quarterly=valuation())
    newest, before, oldest = (field(made, f"sales_fy{k}") for k in (1, 2, 3))
    assert newest["2019-01-01"] == pytest.approx(1e9)  # fiscal 2017, known before the panel
    assert newest["2019-06-27":"2019-06-28"].tolist() == pytest.approx([1e9, 2e9])
    assert before["2019-06-27":"2019-06-28"].tolist() == pytest.approx([np.nan, 1e9], nan_ok=True)
    assert newest["2020-06-29":"2020-06-30"].tolist() == pytest.approx([2e9, 4e9])
    assert oldest["2020-06-30"] == pytest.approx(1e9)
    assert np.isnan(field(made, "sales_fy5")).all()


def test_a_march_snapshot_that_knows_the_new_year_moves_no_fiscal_year(tmp_path):
    early = valuation()
    march = early["quarter_end"] == pd.Timestamp("2020-03-31")
    early.loc[march, "ps"] = 10.0 / SALES[2019]
    made = tables(tmp_path, valuation_quarterly=early)
    assert field(made, "sales")["2020-04-01"] == pytest.approx(4e9)
    assert field(made, "sales_fy1")["2020-04-01"] == pytest.approx(2e9)
    assert field(made, "sales_fy2")["2020-06-30"] == pytest.approx(2e9)


def test_a_stock_first_seen_in_september_has_its_fiscal_year_from_then_on(tmp_path):
    late = valuation()
    late = late[late["quarter_end"] >= "2020-09-30"]
    made = tables(tmp_path, valuation_quarterly=late)
    newest = field(made, "sales_fy1")
    assert newest["2020-09-29":"2020-09-30"].tolist() == pytest.approx([np.nan, 4e9], nan_ok=True)


def test_losses_come_from_annual_returns_that_were_out(tmp_path):
    losing = valuation().assign(pe=np.nan)
    made = tables(tmp_path, valuation_quarterly=losing, fundamentals_quarterly=reports())
    income = field(made, "net_income_fy1")  # book equity 1e10 / 2
    assert income["2019-06-28"] == pytest.approx(-0.1 * 5e9)
    assert income["2020-06-30"] == pytest.approx(-0.2 * 5e9)
    assert np.isnan(income["2019-06-27"])


def test_total_assets_follow_from_equity_and_debt(tmp_path):
    made = tables(tmp_path, valuation_quarterly=valuation(), fundamentals_quarterly=reports())
    assets = field(made, "total_assets")
    assert assets["2019-04-30"] == pytest.approx(5e9 / (1.0 - 0.6))  # annual and quarter together
    assert np.isnan(assets["2019-04-29"])


def test_publication_dates_are_taken_where_the_table_has_them(tmp_path):
    out = pd.to_datetime(["2019-03-05", "2019-04-20", "2020-04-02"])
    made = tables(tmp_path, fundamentals_quarterly=reports(available_on=out))
    debt = field(made, "debt_to_assets")
    assert debt["2019-03-05"] == pytest.approx(0.5)
    assert debt["2019-04-22"] == pytest.approx(0.6)
    assert np.isnan(debt["2019-03-04"])


def test_figures_stamped_before_their_period_ended_are_refused(tmp_path):
    out = pd.to_datetime(["2019-03-05", "2019-03-20", "2020-04-02"])
    made = tables(tmp_path, fundamentals_quarterly=reports(available_on=out))
    with pytest.raises(
        DataError, match=r"fundamentals_quarterly: 1 rows .* SH600000: available_on 2019-03-20"
    ):
        field(made, "debt_to_assets")
    soon = valuation()
    soon.loc[8, "trade_date"] -= pd.Timedelta(days=60)
    made = tables(tmp_path, valuation_quarterly=soon)
    for name in ("sales", "sales_fy1", "book_equity"):
        with pytest.raises(DataError, match=r"valuation_quarterly: 1 rows .* trade_date"):
            field(made, name)


def test_a_row_with_figures_from_its_future_is_refused():
    bars = pd.DataFrame(
        {
            "date": ["2024-01-02", "2024-01-03"],
            "stock": "600519.SH",
            "close": 10.0,
            "volume": 100.0,
            "book_equity": [1e9, 2e9],
            "available_on": ["2023-10-20", "2024-03-20"],
        }
    )
    bars = bars.assign(open=10.0, high=10.0, low=10.0)
    with pytest.raises(
        DataError, match=r"1 rows hold figures from their future, first SH600519 on 2024-01-03"
    ):
        market.from_frames(bars)
    fine = market.from_frames(bars.assign(available_on="2023-10-20"))
    assert fine.values("book_equity")[:, 0].tolist() == [1e9, 2e9]
    assert not fine.has("available_on")
