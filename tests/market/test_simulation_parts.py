"""The parts of the simulator, one by one: hand-worked numbers, invariants, slow plain versions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import Venue
from market.simulation import (
    bars,
    exchange,
    indexes,
    network,
    reports,
    shares,
    shocks,
    styles,
    universe,
)
from market.simulation.planted import HORIZON, PARTS, Clues, plant, specific_moves
from market.simulation.sessions import holidays, lunar_new_year, sessions
from market.simulation.turnover import draw_turnover

# --- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "known", ["2016-02-08", "2017-01-28", "2018-02-16", "2019-02-05", "2020-01-25", "2021-02-12",
              "2022-02-01", "2023-01-22", "2024-02-10"],
)  # fmt: skip
def test_the_lunar_new_year_is_right_to_a_day(known):
    true = pd.Timestamp(known)
    assert abs((lunar_new_year(true.year) - true).days) <= 1


def test_sessions_leave_out_weekends_and_the_long_holidays():
    days = sessions("2016-01-01", 500)
    assert len(days) == 500
    assert days[0] == pd.Timestamp("2016-01-04")
    assert days.day_of_week.max() == 4
    assert not ((days.month == 10) & (days.day <= 7)).any()
    assert not days.isin(pd.date_range("2016-02-08", "2016-02-12")).any()
    year = days[days.year == 2016]
    assert 240 <= len(year) <= 250


@given(st.dates(min_value=pd.Timestamp("1995-01-01").date(), max_value=pd.Timestamp("2035-01-01").date()),
       st.integers(1, 600))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_sessions_increase_and_are_never_holidays(start, count):
    days = sessions(pd.Timestamp(start), count)
    assert len(days) == count
    assert days.is_monotonic_increasing
    assert days.is_unique
    assert not holidays(days).any()


# --- universe and network -------------------------------------------------------------------------


@given(st.integers(30, 300), st.integers(30, 400), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_universe_is_consistent(stocks, days, seed):
    drawn = universe.draw_universe(
        np.random.default_rng(seed), sessions("2018-06-01", days), stocks
    )
    assert len(set(drawn.codes)) == stocks
    assert set(drawn.industry) == set(range(30))
    assert (drawn.cap > 0).all()
    assert not (drawn.traded & ~drawn.listed).any()
    assert not (drawn.st & ~drawn.listed).any()
    columns = np.arange(stocks)
    assert drawn.traded[drawn.first, columns].all()
    assert drawn.traded[drawn.last, columns][drawn.last < days - 1].all()
    young = (drawn.first > 0) & (drawn.first < days)
    assert drawn.listed.sum() == (drawn.last - drawn.first + 1).sum()
    assert young.sum() == round(0.10 * stocks)


def test_neighbours_are_five_other_stocks():
    industry = np.random.default_rng(0).integers(0, 30, 200)
    neighbours = network.draw_supply_chain(np.random.default_rng(1), industry)
    assert neighbours.shape == (200, network.DEGREE)
    assert (neighbours != np.arange(200)[:, None]).all()
    assert all(len(set(row)) == network.DEGREE for row in neighbours)
    same = (industry[neighbours] == industry[:, None]).mean()
    assert 0.15 < same < 0.55  # most links cross industries: an industry mean cannot stand in


def test_every_stock_is_in_one_to_three_concepts_and_some_concepts_are_popular():
    member = network.draw_concepts(np.random.default_rng(0), 600)
    assert set(member.sum(axis=1)) == {1, 2, 3}
    size = member.sum(axis=0)
    assert size.max() > 2 * np.median(size)


# --- shocks ---------------------------------------------------------------------------------------


@given(st.floats(0.0, 0.99), st.integers(2, 30))
@settings(max_examples=20, deadline=None)
def test_accumulate_is_the_exponential_sum(decay, length):
    values = np.random.default_rng(0).normal(size=(length, 3))
    plain = [sum(decay ** (t - k) * values[k] for k in range(t + 1)) for t in range(length)]
    np.testing.assert_allclose(shocks.accumulate(values.copy(), decay), plain, atol=1e-12)


def test_an_autoregression_has_unit_variance_and_its_half_life():
    path = shocks.autoregression(np.random.default_rng(0), (400, 2000), 10.0)
    assert path[0].std() == pytest.approx(1.0, abs=0.05)
    assert path[-1].std() == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(path[300], path[310])[0, 1] == pytest.approx(0.5, abs=0.05)


def test_shocks_have_unit_variance_and_fat_tails():
    drawn = shocks.fat_tailed(np.random.default_rng(0), (400_000,))
    assert drawn.var() == pytest.approx(1.0, abs=0.03)
    assert (drawn**4).mean() > 5.0  # nine in the limit, slow to be reached; the normal has three


def test_two_states_stay_as_long_as_they_should():
    state = shocks.two_states(np.random.default_rng(0), 200_000, 0.98, 0.95)
    assert state.mean() == pytest.approx(0.02 / 0.07, abs=0.03)
    changes = (state[1:] != state[:-1]).sum()
    assert changes / len(state) == pytest.approx(2 * 0.02 * 0.05 / 0.07, rel=0.1)


def test_volatility_states_leave_the_mean_variance_at_the_base():
    states = shocks.draw_states(np.random.default_rng(0), 900)
    for share in (0.3, 1.0):
        assert (states.multiplier(share) ** 2).mean() == pytest.approx(1.0)
    ratio = states.multiplier(1.0) / np.exp(states.common)
    assert ratio[states.turbulent].mean() == pytest.approx(1.7 * ratio[~states.turbulent].mean())


def test_the_long_run_factor_covariance_has_the_annual_volatilities():
    covariance = shocks.long_run_covariance()
    annual = np.sqrt(np.diag(covariance) * 252)
    assert annual[0] == pytest.approx(0.20)
    np.testing.assert_allclose(annual[1:31], 0.08)
    np.testing.assert_allclose(annual[31:], list(shocks.STYLES.values()))
    assert np.linalg.eigvalsh(covariance).min() > 0


# --- styles ---------------------------------------------------------------------------------------


def test_styles_are_cleaned_as_the_slow_plain_version_does():
    rng = np.random.default_rng(0)
    stocks, listed = 80, np.arange(80) > 5
    raw = rng.standard_t(3, (len(shocks.STYLES), stocks))
    cap = np.exp(raw[0] * 0.5 + 3)
    got = dict(zip(shocks.STYLES, styles.style_exposures(raw, cap, listed), strict=True))

    def clip(x):
        middle = np.median(x[listed])
        reach = 3 * 1.4826 * np.median(np.abs(x[listed] - middle))
        return np.clip(x, middle - reach, middle + reach)

    def scale(x):
        return (x - np.average(x[listed], weights=cap[listed])) / x[listed].std()

    def rest(y, *targets):
        basis = np.column_stack([np.ones(stocks), *targets])
        root = cap[listed] ** 0.25
        slopes = np.linalg.lstsq(basis[listed] * root[:, None], y[listed] * root, rcond=None)[0]
        return y - basis @ slopes

    plain = {name: scale(clip(raw[k])) for k, name in enumerate(shocks.STYLES)}
    size, beta = plain["size"], plain["beta"]
    plain["residual_volatility"] = scale(rest(plain["residual_volatility"], beta, size))
    plain["liquidity"] = scale(rest(plain["liquidity"], size))
    plain["nonlinear_size"] = scale(clip(rest(size**3, size)))
    for name, expected in plain.items():
        np.testing.assert_allclose(got[name], expected, atol=1e-9, err_msg=name)


# --- turnover -------------------------------------------------------------------------------------


def test_liquidity_is_the_weighted_log_of_trailing_means():
    rng = np.random.default_rng(0)
    states = shocks.draw_states(rng, 300)
    drawn = draw_turnover(
        rng, states, shocks.fat_tailed(rng, (300, 4)), np.array([1, 2, 3, 9.0]) * 1e9
    )
    daily = pd.DataFrame(drawn.daily)
    sums = {n: daily.rolling(n).sum().iloc[-1] for n in (21, 63, 252)}
    expected = 0.35 * np.log(sums[21]) + 0.35 * np.log(sums[63]) + 0.30 * np.log(sums[252])
    np.testing.assert_allclose(drawn.liquidity[-1], expected, rtol=1e-9)
    assert ((drawn.daily > 0) & (drawn.daily <= 0.4)).all()


def test_turnover_rises_with_the_size_of_the_move():
    rng = np.random.default_rng(0)
    moves = shocks.fat_tailed(rng, (300, 50))
    drawn = draw_turnover(
        rng, shocks.draw_states(rng, 300), moves, np.full(50, 1e9) * np.arange(1, 51)
    )
    assert np.corrcoef(np.abs(moves).ravel(), drawn.surprise.ravel())[0, 1] > 0.5
    assert drawn.surprise.std() == pytest.approx(1.0)


# --- planted alpha --------------------------------------------------------------------------------


def clues(moves, surprise=None):
    count = moves.shape[1]
    neighbours = np.stack([(np.arange(count) + k) % count for k in range(1, 6)], axis=1)
    concepts = np.arange(count)[:, None] % 4 == np.arange(4)
    quiet = np.zeros_like(moves) if surprise is None else surprise
    return Clues(moves, quiet, np.full(count, 0.02), neighbours, concepts)


def test_one_move_reverts_in_itself_and_reaches_the_stocks_it_supplies():
    moves = np.zeros((12, 10))
    moves[3, 5] = 1.0
    (own,) = plant(np.random.default_rng(0), clues(moves), 0.08, ("own_history",)).expected.values()
    assert own[3, 5] < 0
    assert (np.delete(own, 5, axis=1) == 0).all()
    assert (own[:3] == 0).all()
    np.testing.assert_allclose(own[4:, 5] / own[3:-1, 5], 0.5**0.5)
    (other,) = plant(np.random.default_rng(0), clues(moves), 0.08, ("spillover",)).expected.values()
    assert set(np.flatnonzero(other[3])) == {0, 1, 2, 3, 4}  # those with 5 among the next five
    assert (other[3, :5] > 0).all()


def test_a_burst_of_trading_lowers_the_expected_return():
    surprise = np.zeros((12, 10))
    surprise[3, 5] = 2.0
    expected = plant(
        np.random.default_rng(0), clues(np.zeros((12, 10)), surprise), 0.08, ("own_history",)
    )
    assert expected.expected["own_history"][3, 5] < 0


def test_concept_members_share_their_alpha_and_the_sign_of_a_trend_is_the_state():
    moves = shocks.fat_tailed(np.random.default_rng(0), (200, 20))
    drawn = plant(np.random.default_rng(1), clues(moves), 0.08, PARTS)
    concept = drawn.expected["concept"]
    np.testing.assert_allclose(concept[:, 0], concept[:, 4])  # both in concept 0
    assert np.abs(concept[:, 0] - concept[:, 1]).max() > 0
    trend = shocks.accumulate(moves.copy(), 0.93)
    signs = np.sign(drawn.expected["regime"] * trend)
    assert (signs == np.where(drawn.trending, 1, -1)[:, None]).all()


def test_strength_is_proportional_to_the_target_and_shared_by_the_parts():
    moves = shocks.fat_tailed(np.random.default_rng(0), (300, 40))
    both = [plant(np.random.default_rng(1), clues(moves), ic, PARTS) for ic in (0.04, 0.08)]
    np.testing.assert_allclose(both[1].drift, 2 * both[0].drift)
    spread = {part: values.std() for part, values in both[1].expected.items()}
    alone = (
        plant(np.random.default_rng(1), clues(moves), 0.08, ("spillover",))
        .expected["spillover"]
        .std()
    )
    assert (
        spread["spillover"] == pytest.approx(spread["concept"]) == pytest.approx(alone * 0.2**0.5)
    )
    assert spread["own_history"] == pytest.approx(spread["concept"] * 2**0.5)


def test_the_expected_return_is_the_drift_that_follows_when_nothing_else_happens():
    moves = np.zeros((30, 10))
    moves[10] = np.arange(10.0)
    for part in ("own_history", "spillover"):
        drawn = plant(np.random.default_rng(0), clues(moves), 0.08, (part,))
        ahead = drawn.drift[11 : 11 + HORIZON].sum(axis=0)
        np.testing.assert_allclose(ahead, drawn.expected[part][10], rtol=1e-12)


def test_specific_moves_keep_unit_variance():
    rng = np.random.default_rng(0)
    mixed = specific_moves(rng.normal(size=200_000), rng.normal(size=200_000))
    assert mixed.var() == pytest.approx(1.0, abs=0.02)


# --- books ----------------------------------------------------------------------------------------


def test_companies_report_three_times_a_year_and_go_ex_once():
    dates = sessions("2016-01-04", 730)
    rng = np.random.default_rng(0)
    told, ex = reports.announcements(rng, dates, 50), reports.ex_dates(rng, dates, 50)
    for year in (2016, 2017, 2018):
        rows = dates.year == year
        assert (told[rows].sum(axis=0) == 3).all()
        assert (ex[rows].sum(axis=0) == 1).all()
    assert set(dates.month[told.any(axis=1)]) <= {3, 4, 7, 8, 9, 10}
    assert told[dates <= "2016-04-30"].sum() == 50  # all in time


def test_books_pay_what_they_owe_and_only_the_distressed_report_losses_by_decree():
    rng = np.random.default_rng(0)
    cap = np.full(400, 1e10)
    books = reports.Books(rng, cap, np.zeros(400, dtype=np.int8))
    before = books.book_equity.copy()
    distressed = np.arange(400) < 100
    due = np.arange(400) % 2 == 0
    books.report(due, cap, distressed)
    assert (books.book_equity[~due] == before[~due]).all()
    assert (books.net_income[due & distressed] < 0).mean() > 0.9
    assert (books.net_income[~distressed] > 0).mean() > 0.8
    paid = books.pay(due, cap)
    assert (paid[~due] == 0).all()
    assert (paid <= 0.6 * np.maximum(books.net_income, 0) + 1e-6).all()
    np.testing.assert_array_equal(books.dividends[due], paid[due])
    assert (books.pay(due, cap / 1000) <= 0.12 * cap / 1000).all()


def test_book_to_price_stays_in_its_range_when_prices_run_away():
    books = reports.Books(np.random.default_rng(0), np.full(50, 1e10), np.zeros(50, dtype=np.int8))
    start = np.median(books.book_equity / 1e10)
    for _ in range(30):
        books.report(np.ones(50, dtype=bool), np.full(50, 8e10), np.zeros(50, dtype=bool))
    assert np.median(books.book_equity / 8e10) == pytest.approx(start, rel=0.35)


# --- the exchange ---------------------------------------------------------------------------------


def orders(returns, *, paid=None, ex=None, rate=0.10, traded=None, first=0):
    column = np.asarray(returns, dtype=float)[:, None]
    zero = np.zeros_like(column)
    return exchange.Orders(
        column,
        zero if paid is None else np.asarray(paid, dtype=float)[:, None],
        zero.astype(bool) if ex is None else np.asarray(ex, dtype=bool)[:, None],
        zero + rate,
        zero == 0 if traded is None else np.asarray(traded, dtype=bool)[:, None],
        np.array([first]),
    )


def issue(price, premium=0.0):
    return shares.Issue(np.array([price]), np.array([premium]), np.array([1e8]), np.array([0.6]))


def test_a_jump_takes_as_many_limit_days_as_it_needs():
    quotes = exchange.quote(orders([0, 0.30, 0, 0, 0]), issue(10.0), Venue.cn())
    np.testing.assert_allclose(quotes.close[:, 0], [10.0, 11.0, 12.1, 13.0, 13.0])
    np.testing.assert_allclose(quotes.gap[:, 0], np.log([1, 13 / 11, 13 / 12.1, 1, 1]), atol=1e-12)


def test_a_suspended_stock_catches_up_inside_its_limits():
    quotes = exchange.quote(
        orders([0, -0.08, -0.08, 0.0, 0.0], traded=[1, 0, 0, 1, 1]), issue(10.0), Venue.cn()
    )
    np.testing.assert_allclose(quotes.close[:, 0], [10.0, 10.0, 10.0, 9.0, 8.46])


def test_a_dividend_lowers_the_price_and_raises_the_factor():
    quotes = exchange.quote(orders([0, 0.02], paid=[0, 0.05], ex=[0, 1]), issue(20.0), Venue.cn())
    assert quotes.reference[1, 0] == pytest.approx(19.0)
    assert quotes.close[1, 0] == pytest.approx(19.38)
    assert quotes.factor[1, 0] == pytest.approx(20 / 19)
    assert quotes.close[1, 0] * quotes.factor[1, 0] / 20.0 == pytest.approx(1.02)


@pytest.mark.parametrize(
    ("price", "split", "close"), [(80.0, 2.0, 40.0), (1.5, 0.2, 7.5), (20.0, 1.0, 20.0)]
)
def test_dear_stocks_split_and_cheap_ones_merge_on_their_ex_date(price, split, close):
    quotes = exchange.quote(orders([0, 0], ex=[0, 1]), issue(price), Venue.cn())
    assert quotes.split[1, 0] == split
    assert quotes.close[1, 0] == pytest.approx(close)
    assert quotes.close[1, 0] * quotes.factor[1, 0] == pytest.approx(price)


def test_a_new_stock_opens_at_its_issue_price_and_climbs():
    quotes = exchange.quote(
        orders([0, 0.5, 0, 0, 0], first=2), issue(20.0, premium=1.0), Venue.cn()
    )
    # the issue price is 10; returns before the listing do not count
    np.testing.assert_allclose(quotes.close[2:, 0], [14.4, 15.84, 17.42])
    free = exchange.quote(
        orders([0, 0.5, 0, 0], rate=np.inf, first=2), issue(20.0, premium=1.0), Venue.cn()
    )
    np.testing.assert_allclose(free.close[2:, 0], [20.0, 20.0])


def test_a_share_cannot_fall_below_one_tick():
    quotes = exchange.quote(orders([0, -0.5, -0.5, -0.5], rate=np.inf), issue(0.02), Venue.cn())
    np.testing.assert_allclose(quotes.close[:, 0], [0.02, 0.01, 0.01, 0.01])


def test_lock_ups_keep_a_quarter_of_a_new_stock_tradable():
    split = np.ones((300, 1))
    split[200:] = 1.0
    split[100] = 2.0
    whole, free = shares.shares_outstanding(issue(10.0), split, np.array([20]))
    assert (whole[:100] == 1e8).all()
    assert (whole[100:] == 2e8).all()
    ratio = (free / whole)[:, 0]
    np.testing.assert_allclose(ratio[[30, 269, 270, 299]], [0.25, 0.25, 0.6, 0.6])


def test_a_day_with_far_to_go_is_one_price_on_thin_volume():
    quotes = exchange.quote(orders([0, 0.30, 0, 0.01]), issue(10.0), Venue.cn())
    drawn = bars.draw_bars(
        np.random.default_rng(0), quotes, np.ones((4, 1), dtype=bool), np.full((4, 1), 0.02),
        np.zeros(1), np.full((4, 1), 1e6), Venue.cn(),
    )  # fmt: skip
    assert (
        drawn.open[1, 0]
        == drawn.high[1, 0]
        == drawn.low[1, 0]
        == drawn.close[1, 0]
        == np.float32(11)
    )
    np.testing.assert_array_equal(drawn.volume[:, 0], [1e6, 1.5e5, 1.5e5, 1e6])


# --- indexes --------------------------------------------------------------------------------------


def test_reviews_follow_the_second_friday():
    dates = sessions("2016-01-04", 500)
    rows = indexes.review_rows(dates)
    assert [f"{d:%Y-%m-%d}" for d in dates[rows]] == [
        "2016-06-13", "2016-12-12", "2017-06-12", "2017-12-11",
    ]  # fmt: skip


def test_buffers_keep_old_members_and_ask_more_of_new_ones():
    wanted = {"csi300": 10}
    old = {"csi300": np.zeros(30, dtype=bool)}
    old["csi300"][[0, 1, 2, 3, 4, 5, 6, 11, 12, 13]] = True
    ranking = np.arange(30)  # stock k ranks k-th
    new = indexes.reviewed(old, ranking, wanted, np.ones(30, dtype=bool))["csi300"]
    # 11 stays (inside 12), 12 and 13 leave; 7 enters (inside 8); 8 fills the last place by rank
    assert set(np.flatnonzero(new)) == {0, 1, 2, 3, 4, 5, 6, 7, 11, 8}


def test_a_delisted_member_is_replaced_by_the_largest_stock_outside():
    bands = {"a": np.arange(12) < 3, "b": (np.arange(12) >= 3) & (np.arange(12) < 6)}
    listed = np.arange(12) != 1
    ranking = np.array([k for k in range(12) if k != 1])
    new = indexes.replaced(bands, ranking, {"a": 3, "b": 3}, listed)
    assert set(np.flatnonzero(new["a"])) == {0, 2, 6}
    assert set(np.flatnonzero(new["b"])) == {3, 4, 5}


def test_weights_and_level_by_hand():
    dates = pd.DatetimeIndex(["2020-01-30", "2020-01-31", "2020-02-03"])
    member = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]], dtype=bool)
    value = np.array([[60.0, 40, 10], [66, 36, 20], [66, 36, 22]])
    change = np.array([[0, 0, 0], [0.10, -0.10, 1.0], [0.0, 0.0, 0.10]])
    band = indexes.weigh(dates, member, value, change)
    # day 1: 0.6 * 10% - 0.4 * 10% = 2%; day 2: members are 0 and 2, (66 * 0 + 20 * 10%) / 86
    np.testing.assert_allclose(band.level, [1000, 1020, 1020 * (1 + 2 / 86)])
    np.testing.assert_allclose(band.snapshot[1], [66 / 102, 36 / 102, 0], rtol=1e-6)
    np.testing.assert_allclose(band.snapshot[2], [66 / 88, 0, 22 / 88], rtol=1e-6)


def test_counts_reach_the_real_sizes():
    assert indexes.counts(400) == {"csi300": 80, "csi500": 100, "csi1000": 100}
    assert indexes.counts(5000) == {"csi300": 300, "csi500": 500, "csi1000": 1000}
