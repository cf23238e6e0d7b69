"""Active return by industry."""

import numpy as np
import pandas as pd
import pytest

from backtest import TopN, run
from backtest.attribution import book, brinson
from market import Costs, Market, Venue


def textbook():
    """Two industries at 50:50 in the index, 70:30 in the portfolio; all numbers by hand."""
    stocks = pd.Index(["A1", "A2", "B1", "B2"])
    close = np.array([[10, 10, 10, 10], [10, 10, 10, 10], [11, 12, 10.2, 9.6]], dtype=np.float32)
    member = np.ones((3, 4), dtype=bool)
    snapshot = np.full((3, 4), np.nan, dtype=np.float32)
    snapshot[0] = [0.25, 0.25, 0.25, 0.25]
    fields = dict.fromkeys(("open", "high", "low", "close"), close)
    fields |= {"volume": np.full((3, 4), 1e6, np.float32), "member:all": member}
    fields |= {
        "snapshot:all": snapshot,
        "industry": np.tile(np.array([0, 0, 1, 1], np.int8), (3, 1)),
    }
    dates = pd.bdate_range("2021-03-01", periods=3)
    return Market(dates, stocks, fields, categories={"industry": ("a", "b")}, venue=Venue.open())


def held(weights, m=None):
    m = m if m is not None else textbook()
    policy = lambda s: pd.Series(weights)  # noqa: E731
    options = {"benchmark": "all", "schedule": [m.dates[0]], "costs": Costs.free()}
    return brinson(run(m, policy, **options), m)


def test_two_industries_by_hand():
    found = held({"A1": 0.7, "B1": 0.3})
    day = found.daily.index[-1]
    # a: index 15%, portfolio 10%; b: index -1%, portfolio 2%; the index 7%
    assert found.allocation.loc[day, ["a", "b"]].tolist() == pytest.approx(
        [0.2 * 0.08, -0.2 * -0.08], abs=1e-7
    )
    assert found.selection.loc[day, ["a", "b"]].tolist() == pytest.approx(
        [0.5 * -0.05, 0.5 * 0.03], abs=1e-7
    )
    assert found.interaction.loc[day, ["a", "b"]].tolist() == pytest.approx(
        [0.2 * -0.05, -0.2 * 0.03], abs=1e-7
    )
    assert found.active.loc[day] == pytest.approx(0.7 * 0.10 + 0.3 * 0.02 - 0.07, abs=1e-7)


def test_cash_is_a_segment_of_its_own():
    found = held({"A1": 0.25, "A2": 0.25})
    day = found.daily.index[-1]
    assert found.weights.loc[day, "cash"] == pytest.approx(0.5)
    assert found.allocation.loc[day, "cash"] == pytest.approx(0.5 * (0.0 - 0.07), abs=1e-7)
    assert found.selection.loc[day].abs().max() < 1e-7
    # the industry that is not held is allocation alone
    assert found.allocation.loc[day, "b"] == pytest.approx(-0.5 * (-0.01 - 0.07), abs=1e-7)
    assert found.interaction.loc[day, "b"] == 0.0


def test_a_segment_that_the_index_lacks_is_all_allocation():
    m = textbook()
    member = m.values("member:all").copy()
    member[:, 2:] = False
    m = m.with_fields({"member:all": member})
    found = held({"A1": 0.5, "A2": 0.4, "B1": 0.1}, m)
    day = found.daily.index[-1]
    assert found.allocation.loc[day, "b"] == pytest.approx(0.1 * (0.02 - 0.15), abs=1e-7)
    assert found.selection.loc[day, "b"] == 0.0


def test_stocks_without_an_industry_are_together():
    m = textbook()
    code = m.values("industry").copy()
    code[:, 3] = -1
    found = held({"A1": 0.5, "B2": 0.5}, m.with_fields({"industry": code}))
    assert found.weights.iloc[-1]["no industry"] == pytest.approx(0.5)


def plain(result, m, every):
    """The three effects of some sessions with loops over sessions and segments."""
    days, code = book(result, m), m.field("industry")
    sums = {"allocation": [], "selection": [], "interaction": []}
    chosen = range(0, len(days.dates), every)
    for k in chosen:
        before = days.before[k]
        w, b = (pd.Series(x[k], days.stocks) for x in (days.weights, days.benchmark_weights))
        r, own = pd.Series(days.returns[k], days.stocks), code.loc[before].reindex(days.stocks)
        whole, found = float(b @ r), dict.fromkeys(sums, 0.0)
        for segment in own.unique():
            inside = own == segment
            W, B = w[inside].sum(), b[inside].sum()
            R = (w * r)[inside].sum() / W if W > 0.0 else np.nan
            q = (b * r)[inside].sum() / B if B > 0.0 else R
            R = q if np.isnan(R) else R
            if W > 0.0 or B > 0.0:
                found["allocation"] += (W - B) * (q - whole)
                found["selection"] += B * (R - q)
                found["interaction"] += (W - B) * (R - q)
        found["allocation"] += ((1.0 - w.sum()) - (1.0 - b.sum())) * (0.0 - whole)
        for name, value in found.items():
            sums[name].append(value)
    return pd.DataFrame(sums, index=days.dates[chosen])


@pytest.fixture(scope="module")
def momentum(world):
    score = world.field("adj_close").astype(float).pct_change(20, fill_method=None).iloc[21:]
    return run(world, TopN(score, 15), start=score.index[0], benchmark="csi300")


def test_the_effects_equal_those_of_plain_loops(world, momentum):
    found = brinson(momentum, world)
    expected = plain(momentum, world, every=9)
    same = found.daily.loc[expected.index, expected.columns]
    pd.testing.assert_frame_equal(same, expected, rtol=1e-9, atol=1e-12, check_freq=False)


def test_the_effects_add_up_by_day_by_segment_and_by_year(world, momentum):
    found = brinson(momentum, world)
    assert found.residual.abs().max() < 1e-12
    table = found.by_segment()
    assert table.at["sum", "total"] == pytest.approx(momentum.excess["geometric"].iloc[-1] - 1.0)
    assert abs(table.at["residual", "total"]) < 1e-12
    effects = ["allocation", "selection", "interaction"]
    assert table.loc["sum", effects].to_numpy() == pytest.approx(
        found.total().loc[effects, "total"]
    )
    assert table.loc["sum", ["weight", "benchmark_weight"]].tolist() == pytest.approx([1.0, 1.0])
    assert found.yearly()["excess"].tolist() == pytest.approx(momentum.yearly()["excess"].tolist())
