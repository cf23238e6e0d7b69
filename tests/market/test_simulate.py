"""The simulated market as its users see it: fields, rules of the exchange, indexes, stylised facts."""

import numpy as np
import pandas as pd
import pytest

import market

PRICES = ("open", "high", "low", "close", "vwap")


@pytest.fixture(scope="module")
def sim():
    return market.simulate(stocks=300, days=800, seed=3)


@pytest.fixture(scope="module")
def daily(sim):
    """Returns of the stocks that traded on nine days in ten."""
    returns = sim.returns().iloc[1:].astype(np.float64)
    return returns.loc[:, returns.notna().mean() > 0.9]


def test_the_same_seed_gives_bit_equal_fields_and_truth():
    one, two = (market.simulate(stocks=40, days=90, seed=5) for _ in range(2))
    for name in one.fields:
        assert one.values(name).tobytes() == two.values(name).tobytes(), name
    assert one.levels.equals(two.levels)
    assert one.truth.styles.tobytes() == two.truth.styles.tobytes()
    assert one.fingerprint() == two.fingerprint()


def test_another_seed_gives_another_market():
    one, two = (market.simulate(stocks=40, days=90, seed=s) for s in (5, 6))
    assert one.fingerprint() != two.fingerprint()
    assert not np.array_equal(one.truth.factor_returns[1:], two.truth.factor_returns[1:])


def test_every_field_of_the_contract_is_there_with_its_type(sim):
    floats = {*PRICES, "volume", "amount", "factor", "shares", "float_shares", "book_equity",
              "net_income", "dividends_12m", "debt_to_assets", "cash_dividend"}  # fmt: skip
    for name in floats:
        assert sim.values(name).dtype == np.float32, name
    assert sim.values("st").dtype == bool
    assert sim.values("industry").dtype == np.int8
    assert sim.values("industry").max() < len(sim.categories("industry")) == 30
    assert sim.indexes == ("csi300", "csi500", "csi1000")


@pytest.mark.parametrize(
    ("stocks", "days", "start"), [(30, 30, "2016-01-04"), (90, 260, "2020-06-01")]
)
def test_the_panel_passes_every_check(stocks, days, start):
    assert market.validate(market.simulate(stocks, days, seed=1, start=start)).empty


def test_the_large_panel_passes_every_check(sim):
    assert market.validate(sim).empty


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"stocks": 10}, "10 stocks"),
        ({"days": 5}, "5 days"),
        ({"rank_ic": 0.9}, "rank_ic is 0.9"),
        ({"parts": ("luck",)}, "luck"),
    ],
)
def test_arguments_that_make_no_market_are_refused(wrong, word):
    with pytest.raises(ValueError, match=word):
        market.simulate(**{"stocks": 40, "days": 60, **wrong})


# --- the exchange ---------------------------------------------------------------------------------


def test_no_price_of_any_session_breaks_the_limits_of_the_venue(sim):
    traded = ~np.isnan(sim.values("close"))
    slack = sim.venue.tick / 2
    assert (sim.values("high") <= sim.values("limit_up") + slack)[traded].all()
    assert (sim.values("low") >= sim.values("limit_down") - slack)[traded].all()


def test_limits_bind_and_what_they_cut_off_comes_the_next_day(sim):
    up, down = sim.values("closed_at_limit_up"), sim.values("closed_at_limit_down")
    assert 0.001 < up.mean() < 0.02
    assert 0.001 < down.mean() < 0.02
    pending, returns = sim.truth.pending, sim.values("returns")
    large = np.abs(pending[:-1]) > 0.05
    ahead = np.nan_to_num(returns[1:])
    assert (ahead[large & up[:-1]]).mean() > 0.02
    assert (ahead[large & down[:-1]]).mean() < -0.02


def test_closes_and_the_move_still_to_come_multiply_to_the_planted_total_return(sim):
    truth, listed = sim.truth, sim.values("listed")
    fair = np.log(sim.values("adj_close").astype(np.float64)) + truth.pending
    planted = np.cumsum(np.log1p(truth.fair_returns.astype(np.float64)), axis=0)
    both = listed[1:] & listed[:-1]
    gap = np.diff(fair, axis=0) - np.diff(planted, axis=0)
    assert np.abs(gap[both]).max() < 1e-4  # float32 logs; no day loses or gains anything


def test_adjusted_returns_equal_the_planted_ones_to_a_tick_away_from_limits_and_suspensions(sim):
    truth, close = sim.truth, sim.values("close")
    tick = sim.venue.tick / close
    calm = np.abs(truth.pending) < 0.51 * tick  # nothing but rounding is pending
    both = calm[1:] & calm[:-1]
    error = np.abs(sim.values("returns")[1:] - truth.fair_returns[1:])
    # an ex-date rounds the reference price as well: two roundings at each end
    assert both.mean() > 0.8
    assert (error <= 2.1 * np.maximum(tick[1:], tick[:-1]))[both].all()


def test_suspended_sessions_have_no_bar_and_last_for_spells(sim):
    gone = sim.values("suspended")
    for name in (*PRICES, "volume", "amount"):
        assert np.isnan(sim.values(name)[gone]).all(), name
    share = gone.sum() / sim.values("listed").sum()
    assert 0.005 < share < 0.04
    starts = (gone[1:] & ~gone[:-1]).sum()
    assert 3 < gone.sum() / starts < 20


def test_bars_are_ordered_on_ticks_and_money_is_price_times_volume(sim):
    traded = ~np.isnan(sim.values("close"))
    bar = {name: sim.values(name)[traded].astype(np.float64) for name in PRICES}
    for name in ("open", "close", "vwap"):
        assert (bar["low"] <= bar[name]).all(), name
        assert (bar[name] <= bar["high"]).all(), name
    for name in ("open", "high", "low", "close"):
        cents = bar[name] * 100
        assert np.abs(cents - np.round(cents)).max() < 1e-3, name
    volume = sim.values("volume")[traded]
    assert (volume[volume < 2**24] % 100 == 0).all()  # beyond it float32 has no odd numbers
    np.testing.assert_allclose(sim.values("amount")[traded], bar["vwap"] * volume, rtol=1e-6)


def test_risk_warning_stocks_of_the_main_board_move_five_percent_at_most(sim):
    main = sim.securities["board"].to_numpy() == "main"
    warned = sim.values("st") & main & (sim.values("age") > 0)
    rose = np.abs(sim.values("close") / sim.values("limit_up"))
    assert warned.sum() > 500
    assert np.nanmax(rose[warned]) <= 1.0 + 1e-5
    moved = np.abs(sim.values("returns"))[warned]
    rounding = (sim.venue.tick / sim.values("close"))[warned]
    regular = ~np.isnan(moved)
    assert (moved <= 0.05 + rounding + 1e-4)[regular].mean() == 1.0


def test_codes_lie_in_the_ranges_of_their_boards():
    late = market.simulate(stocks=200, days=200, seed=2, start="2020-01-02")
    boards = late.securities["board"]
    prefixes = {"main": ("SH60", "SZ00"), "chinext": ("SZ30",), "star": ("SH688",)}
    assert all(code.startswith(prefixes[board]) for code, board in boards.items())
    assert set(boards) == {"main", "chinext", "star"}
    assert (late.securities["listed_on"][boards == "star"] >= late.dates[0]).all()


def test_newcomers_and_leavers_have_bars_only_while_listed(sim):
    close, facts = sim.field("close"), sim.securities
    new = facts.index[facts["listed_on"] >= sim.dates[0]]
    gone = facts.index[facts["delisted_on"].notna()]
    assert len(new) == 30
    assert len(gone) == 8
    for stock in new:
        assert close[stock].first_valid_index() == facts.loc[stock, "listed_on"]
    for stock in gone:
        assert close[stock].last_valid_index() == facts.loc[stock, "delisted_on"]
    assert not sim.values("member:csi300")[~sim.values("listed")].any()


def test_a_new_main_board_stock_climbs_to_its_fair_price_through_limit_days(sim):
    facts = sim.securities
    new = (facts["listed_on"] >= sim.dates[0]).to_numpy() & (facts["board"] == "main").to_numpy()
    rows = np.argmax(sim.values("listed"), axis=0)
    locked = [
        sim.values("closed_at_limit_up")[rows[k] + 1 : rows[k] + 4, k].sum()
        for k in np.flatnonzero(new)
    ]
    assert np.mean(locked) > 0.5
    early = [sim.truth.pending[rows[k], k] for k in np.flatnonzero(new)]
    assert np.median(early) >= 0.0


def test_an_ex_date_moves_the_factor_and_not_the_return(sim):
    factor = sim.values("factor").astype(np.float64)
    step = factor[1:] / factor[:-1]
    both = sim.values("listed")[1:] & sim.values("listed")[:-1]
    ex = both & (np.abs(step - 1.0) > 1e-4)
    assert ex.sum() > 300
    assert np.isin(sim.dates[1:][ex.any(axis=1)].month, (6, 7, 8)).all()
    raw = sim.values("close")[1:] / sim.values("close_filled")[:-1] - 1.0
    adjusted = sim.values("returns")[1:]
    np.testing.assert_allclose(adjusted[ex], (1 + raw[ex]) * step[ex] - 1.0, atol=1e-5)
    split = ex & (step > 1.5)
    assert split.any()
    assert raw[split].max() < -0.3
    assert np.abs(adjusted[split]).max() < 0.25
    shares = sim.values("shares")[1:] / sim.values("shares")[:-1]
    assert np.allclose(shares[split], 2.0)


def test_dividends_are_what_the_factor_took_out_of_the_price(sim):
    factor = sim.values("factor").astype(np.float64)
    step = factor[1:] / factor[:-1]
    paid = sim.values("dividends_12m").astype(np.float64)[1:]
    cap = sim.cap().to_numpy(np.float64)[:-1]
    plain = sim.values("listed")[1:] & sim.values("listed")[:-1] & (step > 1.005) & (step < 1.2)
    plain &= sim.values("age")[1:] > 30  # the listing premium is gone: market value is fair
    assert plain.sum() > 50
    taken = 1.0 - 1.0 / step[plain]
    assert np.median(taken / (paid[plain] / cap[plain])) == pytest.approx(1.0, abs=0.05)
    before = sim.values("close_filled")[:-1].astype(np.float64)
    cash = sim.values("cash_dividend")[1:].astype(np.float64)
    np.testing.assert_allclose(cash[plain], before[plain] * taken, atol=0.006)  # half a tick, a bit
    assert (
        cash[(step > 0.999) & (step < 1.001)]
        < 0.001 * before[(step > 0.999) & (step < 1.001)] + 0.006
    ).all()


# --- stylised facts -------------------------------------------------------------------------------


def test_returns_have_fat_tails(daily):
    assert daily.stack().kurt() + 3 > 6
    assert (daily.kurt() + 3).median() > 5
    assert daily.mean(axis=1).kurt() + 3 > 4.5


def test_volatility_clusters_in_the_market_and_in_the_typical_stock(daily):
    absolute = daily.abs()
    assert np.median([absolute[stock].autocorr(5) for stock in absolute]) > 0.1
    assert daily.mean(axis=1).abs().autocorr(5) > 0.1


def test_stocks_correlate_as_real_ones_do(daily):
    correlation = daily.corr().to_numpy()
    assert 0.2 < correlation[np.triu_indices(len(correlation), 1)].mean() < 0.4


def test_annual_volatility_of_the_typical_stock_and_of_the_market(daily):
    annual = np.sqrt(market.TRADING_DAYS)
    assert 0.30 < daily.std().median() * annual < 0.50
    assert 0.14 < daily.mean(axis=1).std() * annual < 0.30


def test_market_values_follow_a_pareto_law(sim):
    cap = np.sort(sim.cap().iloc[0].dropna())[::-1]
    top = len(cap) // 5
    hill = 1.0 / np.mean(np.log(cap[:top] / cap[top]))
    assert 1.0 < hill < 2.2
    assert cap[0] / cap.sum() < 0.15


def test_weekly_returns_disperse(sim):
    weekly = sim.adjusted("close").ffill().iloc[::5].pct_change(fill_method=None).iloc[1:]
    assert 0.02 < weekly.std(axis=1).median() < 0.08


def test_volume_rises_with_absolute_returns(sim):
    turnover = np.log(sim.field("volume") / sim.field("float_shares"))
    together = sim.returns().abs().corrwith(turnover)
    assert together.median() > 0.15
    assert 0.004 < np.exp(turnover.stack().median()) < 0.03


# --- indexes --------------------------------------------------------------------------------------


def test_member_counts_follow_the_number_of_stocks(sim):
    for name, count in {"csi300": 60, "csi500": 75, "csi1000": 75}.items():
        assert (sim.index(name).member.sum(axis=1) == count).all()
    overlap = sum(sim.index(name).member.astype(int) for name in sim.indexes)
    assert overlap.max() == 1


def test_a_market_of_four_thousand_has_indexes_of_the_real_size():
    large = market.simulate(stocks=4000, days=30, seed=1)
    counts = {name: int(large.index(name).member[-1].sum()) for name in large.indexes}
    assert counts == {"csi300": 300, "csi500": 500, "csi1000": 1000}


def test_bands_hold_stocks_of_falling_size(sim):
    cap = sim.cap().to_numpy()
    median = [np.median(cap[-1][sim.index(name).member[-1]]) for name in sim.indexes]
    assert median[0] > 2 * median[1] > 2 * median[2]


def test_members_change_on_review_days_and_when_one_is_delisted(sim):
    reviews = {"2016-06-13", "2016-12-12", "2017-06-12", "2017-12-11", "2018-06-11", "2018-12-17"}
    leaving = set(sim.securities["delisted_on"].dropna())
    for name in sim.indexes:
        member = sim.index(name).member
        for row in np.flatnonzero((member[1:] != member[:-1]).any(axis=1)) + 1:
            effective, eve = sim.dates[row], sim.dates[row - 1]
            assert f"{effective:%Y-%m-%d}" in reviews or eve in leaving


def test_reviews_replace_some_members_and_not_most(sim):
    member = sim.index("csi500").member
    row = sim.row("2017-06-12")
    joined = (member[row] & ~member[row - 1]).sum()
    assert 1 <= joined <= 0.4 * member[row].sum()


def test_the_level_is_the_float_cap_of_the_members_over_a_chained_divisor(sim):
    """The divisor method, from the stored fields alone: only prices move the level."""
    for name in sim.indexes:
        index = sim.index(name)
        value = np.nan_to_num(sim.float_cap().to_numpy(np.float64))
        shares = np.nan_to_num(sim.values("shares").astype(np.float64))
        floats = np.nan_to_num(sim.values("float_shares") / sim.values("shares").astype(np.float64))
        price = np.nan_to_num(sim.values("close_filled").astype(np.float64))
        level = [1000.0]
        for t in range(1, len(sim.dates)):
            inside = index.member[t]
            # today's prices and share counts at yesterday's free-float ratio: a lock-up that ends
            # changes the divisor, a split does not
            now = (price[t] * shares[t] * floats[t - 1])[inside].sum()
            level.append(level[-1] * now / value[t - 1][inside].sum())
        np.testing.assert_allclose(index.level, level, rtol=1e-4)


def test_holding_the_weights_tracks_the_level(sim):
    for name in sim.indexes:
        index = sim.index(name)
        held = index.weights().shift(1).to_numpy(np.float64) * np.nan_to_num(sim.returns())
        active = pd.Series(held.sum(axis=1), index=sim.dates).iloc[1:] - index.returns().iloc[1:]
        assert active.std() * np.sqrt(market.TRADING_DAYS) < 0.012
        assert (
            0.0 < active.mean() * market.TRADING_DAYS < 0.04
        )  # a price index leaves dividends out


def test_month_end_snapshots_are_float_cap_weights(sim):
    index, row = sim.index("csi300"), sim.row("2017-03-31")
    value = sim.float_cap().iloc[row][index.member[row]].astype(np.float64)
    np.testing.assert_allclose(index.weights_on(sim.dates[row]), value / value.sum(), rtol=1e-5)
