"""Tax on cash dividends, withheld at sale, by hand."""

import numpy as np
import pandas as pd
import pytest

from backtest import FixedWeights, run
from market import DIVIDEND_TAX_CN, Costs, DataError
from tests.backtest.twin import Twin
from tests.backtest.worlds import one_price, random_targets, random_world

TAXED = Costs(dividend_tax=DIVIDEND_TAX_CN)


def payer(days=300, ex=3, price=10.0, paid=0.5):
    """One stock that never moves but for its dividends on the sessions ``ex``, from 2021-03-01."""
    close, factor, dividend = np.full(days, price), np.ones(days), np.zeros(days)
    for row in np.atleast_1d(ex):
        close[row:] -= paid
        factor[row:] *= close[row - 1] / close[row]
        dividend[row] = paid
    return one_price({"A": close.tolist()}, factor=factor[:, None], cash_dividend=dividend[:, None])


def played(m, orders, costs=TAXED, capital=1e6):
    """Weights of A by session of decision; filled on the next one."""
    targets = pd.DataFrame({"A": list(orders.values())}, index=m.dates[list(orders)])
    return run(m, FixedWeights(targets), costs=costs, schedule=targets.index, capital=capital)


@pytest.mark.parametrize(
    ("sold", "rate"),
    [
        ("2021-04-01", 0.20),  # bought on 2 March: a month less a day
        ("2021-04-02", 0.20),  # a month
        ("2021-04-05", 0.10),
        ("2022-03-02", 0.10),  # a year
        ("2022-03-03", 0.0),
    ],
)
def test_the_rate_is_that_of_how_long_the_shares_were_held(sold, rate):
    m = payer()
    row = m.dates.get_loc(pd.Timestamp(sold))
    r = played(m, {0: 1.0, row - 1: 0.0})
    # 100,000 shares for 10 CNY each were paid 0.5 CNY each
    assert r.costs["dividend_tax"].sum() == pytest.approx(rate * 50_000.0, rel=1e-6)
    assert r.costs.loc[sold, "dividend_tax"] == r.costs["dividend_tax"].sum()
    assert r.nav.iloc[-1] == pytest.approx(1.0 - rate * 0.05, rel=1e-6)


@pytest.mark.parametrize(
    ("bought", "sold", "rate"),
    [
        ("2021-04-30", "2021-05-28", 0.20),
        ("2021-04-30", "2021-05-31", 0.10),  # a month was over on 30 May
        ("2021-04-29", "2021-05-31", 0.10),
        ("2022-02-28", "2022-03-28", 0.20),
        ("2022-02-28", "2022-03-29", 0.10),
        ("2023-02-28", "2024-02-28", 0.10),
        ("2023-02-28", "2024-02-29", 0.0),
    ],
)
def test_a_month_and_a_year_are_counted_on_from_the_purchase(bought, sold, rate):
    dates = pd.bdate_range("2021-03-01", periods=800)
    first, last = dates.get_loc(pd.Timestamp(bought)), dates.get_loc(pd.Timestamp(sold))
    m = payer(days=800, ex=first + 1)
    r = played(m, {first - 1: 1.0, last - 1: 0.0})
    assert r.costs["dividend_tax"].sum() == pytest.approx(rate * 50_000.0, rel=1e-6)


def test_a_sale_that_owes_more_than_it_brings_stops_no_other():
    close = {"A": [10.0, 10.0, 10.0, 0.5, 0.5, 0.5], "B": [10.0] * 6}
    paid = np.zeros((6, 2))
    paid[2, 0] = 8.0  # and its price falls to a twentieth
    m = one_price(close, cash_dividend=paid)
    targets = pd.DataFrame({"A": [0.995, 0.0], "B": [0.005, 0.0]}, index=m.dates[[0, 3]])
    r = run(m, FixedWeights(targets), costs=TAXED, schedule=targets.index, capital=1e6)
    # A owes 0.2 x 8 x 99,500 = 159,200 and brings 49,750; B brings 5,000
    assert r.refusals[["stock", "reason"]].to_numpy().tolist() == [["A", "cash"]]
    sold = r.trades[r.trades["side"] == "sell"]
    assert sold["stock"].tolist() == ["B"]
    assert r.costs["dividend_tax"].sum() == 0.0


def test_who_buys_on_the_ex_date_is_paid_nothing_and_who_sells_on_it_is():
    m = payer(days=20, ex=5)
    assert played(m, {4: 1.0, 9: 0.0}).costs["dividend_tax"].sum() == 0.0
    assert played(m, {3: 1.0, 4: 0.0}).costs["dividend_tax"].sum() == pytest.approx(
        10_000.0, rel=1e-6
    )


def test_the_oldest_shares_are_sold_first_and_owe_for_what_they_were_paid():
    # 50,000 shares from row 1 get 0.5 on row 3; with the same money again, at 9.5, those of row 5 nothing
    m = payer(days=40, ex=3)
    r = played(m, {0: 0.5, 4: 1.0, 9: 0.75, 14: 0.25, 19: 0.0})
    tax = r.costs["dividend_tax"]
    by_row = tax[tax > 0.0]
    assert by_row.index.tolist() == m.dates[[10, 15]].tolist()
    # the first sale: a quarter of NAV, about half of the first lot; the second the other half and more
    assert by_row.iloc[0] == pytest.approx(0.2 * 25_000.0 * 0.5, rel=1e-3)
    assert by_row.sum() == pytest.approx(0.2 * 50_000.0 * 0.5, rel=1e-9)


def test_two_dividends_of_one_stay_are_both_taxed():
    r = played(payer(days=20, ex=[3, 6]), {0: 1.0, 9: 0.0})
    # a unit of 1 share becomes 10 / 9.5 shares by the first one
    assert r.costs["dividend_tax"].sum() == pytest.approx(
        0.2 * 100_000.0 * 0.5 * (1.0 + 10.0 / 9.5), rel=1e-6
    )


def test_without_the_tax_there_is_no_such_charge_and_with_it_a_note():
    m = payer(days=20)
    assert "dividend_tax" not in played(m, {0: 1.0}, Costs.cn()).costs
    taxed = played(m, {0: 1.0}, Costs.cn(dividend_tax=DIVIDEND_TAX_CN))
    assert taxed.costs["dividend_tax"].eq(0.0).all()  # nothing was sold
    assert any("2021-03-04 to 2021-03-04" in note for note in taxed.notes)
    assert taxed.config["costs"]["dividend_tax"] == (0.20, 0.10)


def test_early_runs_say_whose_rates_they_used():
    close = [10.0] * 8
    m = one_price({"A": close}, start="2014-03-03", cash_dividend=np.zeros((8, 1)))
    notes = played(m, {0: 1.0}).notes
    assert any("since 2015-09-08, on earlier sales too" in note for note in notes)


def test_a_market_without_dividends_cannot_tax_them():
    with pytest.raises(DataError, match="no field cash_dividend"):
        played(one_price({"A": [10.0] * 8}), {0: 1.0})


def test_rates_may_be_a_list_and_are_kept_as_a_pair():
    for rates in ([0.2, 0.1], np.array([0.2, 0.1])):
        assert Costs(dividend_tax=rates).dividend_tax == DIVIDEND_TAX_CN


@pytest.mark.parametrize("rates", [(0.2,), (0.2, -0.1), (20.0, 10.0), 0.2, None, "ab", (0.2, None)])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(DataError, match="dividend_tax is"):
        Costs(dividend_tax=rates)


@pytest.mark.parametrize("seed", [0, 1, 6])
def test_over_a_year_the_tax_is_that_of_the_slow_version(seed):
    m = random_world(seed, days=400, stocks=4)
    targets = random_targets(m, seed, every=9)
    costs = Costs.cn(dividend_tax=DIVIDEND_TAX_CN)
    fast = run(m, FixedWeights(targets), costs=costs, schedule=targets.index, capital=1e6)
    slow = Twin(m, targets, 1e6, "vwap", 0.0, taxed=True).play()
    assert fast.costs["dividend_tax"].sum() > 0.0
    assert np.allclose(fast.nav * 1e6, slow.navs, rtol=1e-12, atol=0.0)
