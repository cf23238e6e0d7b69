"""What must hold on any world, whatever the options: nothing is lost, made, or known too early."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import FixedWeights, TopkDropout, run
from market import Costs, DataError, Market, Venue
from market.costs import SquareRootImpact

NAN = np.nan
DAYS, STOCKS = 30, 7
SEEDS = st.integers(0, 100_000)
OPTIONS = st.fixed_dictionaries(
    {
        "lots": st.booleans(),
        "participation": st.sampled_from([None, 0.2, 0.001]),
        "retry": st.sampled_from(["next", "daily"]),
        "impact": st.sampled_from([None, SquareRootImpact(0.5)]),
        "capital": st.sampled_from([300.0, 1e4, 1e6, 1e9]),
        "deal": st.sampled_from(["vwap", "open", "close", "typical"]),
        "delisting_haircut": st.sampled_from([0.0, 0.5, 1.0]),
        "costs": st.sampled_from([Costs.free(), Costs.cn(), Costs.flat(0.01, 0.02, 50.0)]),
    }
)


def wild(seed, days=DAYS, stocks=STOCKS):
    """Suspensions, chains of limits, listings, delistings, empty volumes, missing prices, splits."""
    random = np.random.default_rng(seed)
    shape = (days, stocks)
    rate = np.where(np.arange(stocks) % 3 == 2, 0.2, 0.1)
    move = np.clip(0.05 * random.standard_normal(shape), -rate, rate)
    runs = (
        np.cumsum(random.random(shape) < 0.1, axis=0) % 3
    )  # 1: limit up, 2: limit down, in chains
    move = np.where(runs == 1, rate, np.where(runs == 2, -rate, move))
    factor = np.cumprod(np.where(random.random(shape) < 0.05, [1.0 + 2 * rate], 1.0), axis=0)
    close = np.maximum(np.round(20.0 * np.exp(np.cumsum(move, axis=0)) / factor, 2), 0.01)
    locked = (runs > 0) & (random.random(shape) < 0.7)
    low = np.where(locked, close, np.round(close * 0.98, 2))
    high = np.where(locked, close, np.round(close * 1.02, 2))
    off = random.random(shape) < 0.1
    off[random.integers(days // 2, days) :, 0] = True  # leaves
    off[: random.integers(1, days // 2), 1] = True  # comes
    bars = {"open": low, "high": high, "low": low, "close": close, "vwap": (low + high) / 2}
    fields = {name: np.where(off, NAN, x).astype(np.float32) for name, x in bars.items()}
    fields["vwap"][random.random(shape) < 0.1] = NAN
    volume = np.exp(random.normal(10.0, 3.0, shape)) * (random.random(shape) > 0.05)
    fields["volume"] = np.where(off, NAN, volume).astype(np.float32)
    fields["factor"] = factor.astype(np.float32)
    codes = pd.Index([f"SH60{i:04d}" for i in range(stocks)])
    board = np.where(np.arange(stocks) % 3 == 2, "star", "main")
    dates = pd.bdate_range("2023-08-07", periods=days)
    securities = pd.DataFrame({"board": board}, index=codes)
    return Market(dates, codes, fields, venue=Venue.cn(), securities=securities)


def targets_of(market, seed, every=3):
    random = np.random.default_rng(seed + 1)
    dates = market.dates[3:-1:every]
    priced = np.isfinite(market.field("adj_close").loc[dates].to_numpy())
    raw = np.where(priced & (random.random(priced.shape) < 0.6), random.random(priced.shape), 0.0)
    return pd.DataFrame(
        raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-9), dates, market.stocks
    )


def scores_of(market, seed):
    random = np.random.default_rng(seed + 2)
    return pd.DataFrame(random.random((len(market.dates), len(market.stocks))), market.dates, market.stocks)  # fmt: skip


def play(market, seed, options, dropout=False):
    if dropout:
        policy = TopkDropout(scores_of(market, seed), 3, 1, hold=1 + seed % 3)
        return run(market, policy, market.dates[3], schedule="daily", **options)
    targets = targets_of(market, seed)
    return run(market, FixedWeights(targets), schedule=targets.index, **options)


def units_of(market, result):
    """Units held at each close of the market ``[T, N]``, from the trades alone."""
    rows = market.dates.get_indexer(result.trades["date"])
    cells = market.stocks.get_indexer(result.trades["stock"])
    factor = market.values("factor").astype(float)
    last = np.where(result.trades["side"] == "delisted", rows - 1, rows)
    sign = np.where(result.trades["side"] == "buy", 1.0, -1.0)
    moved = np.zeros(factor.shape)
    np.add.at(moved, (rows, cells), sign * result.trades["shares"] / factor[last, cells])
    units = moved.cumsum(axis=0)
    units[np.abs(units) < 1e-12 * np.abs(units).max(initial=0.0)] = 0.0
    return units


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, options=OPTIONS, dropout=st.booleans())
def test_money_is_conserved_and_never_borrowed(seed, options, dropout):
    m = wild(seed)
    result = play(m, seed, options, dropout)
    capital, trades = options["capital"], result.trades
    assert (result.cash >= 0.0).all()
    assert np.isfinite(result.nav).all()
    assert (result.nav >= 0.0).all()
    paid = np.where(trades["side"] == "buy", 1.0, -1.0) * trades["value"]
    paid = paid.groupby(trades["date"]).sum().reindex(result.nav.index, fill_value=0.0).cumsum()
    cash = capital - paid - result.costs.sum(axis=1).cumsum()
    units = units_of(m, result)[m.row(result.nav.index[0]) :]
    marks = np.nan_to_num(m.values("close_filled").astype(float) * m.values("factor"))
    worth = (units * marks[m.row(result.nav.index[0]) :]).sum(axis=1)
    assert np.allclose(cash, result.cash * result.nav * capital, rtol=1e-8, atol=1e-8 * capital)
    assert np.allclose(cash + worth, result.nav * capital, rtol=1e-8, atol=1e-8 * capital)
    assert units.min(initial=0.0) >= -1e-9 * np.abs(units).max(initial=0.0)


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, options=OPTIONS, dropout=st.booleans())
def test_every_fill_keeps_the_rules_of_the_exchange(seed, options, dropout):
    m = wild(seed)
    result = play(m, seed, options, dropout)
    fills = result.trades[result.trades["side"] != "delisted"]
    assert not fills.duplicated(["date", "stock"]).any()  # hence T+1, with the next lines
    rows, cells = m.dates.get_indexer(fills["date"]), m.stocks.get_indexer(fills["stock"])
    shares, buys = fills["shares"].to_numpy(), (fills["side"] == "buy").to_numpy()
    assert m.values("can_buy")[rows[buys], cells[buys]].all()
    assert m.values("can_sell")[rows[~buys], cells[~buys]].all()
    price = fills["price"].to_numpy()
    limits = np.where(buys, m.values("limit_up")[rows, cells], m.values("limit_down")[rows, cells])
    assert (np.abs(price - limits) > 0.49 * m.venue.tick).all()
    factor = m.values("factor").astype(float)[rows, cells]
    held = units_of(m, result)[rows - 1, cells] * factor
    rounding = 1e-11 * shares.max(initial=0.0)
    assert (shares[~buys] <= held[~buys] * (1.0 + 1e-9) + rounding).all()
    if options["participation"] is not None:
        volume = np.nan_to_num(m.values("volume").astype(float)[rows, cells])
        assert (shares <= options["participation"] * volume * (1.0 + 1e-9)).all()
    if options["lots"]:
        star = m.securities["board"].to_numpy()[cells] == "star"
        step, least = np.where(star, 1, 100), np.where(star, 200, 100)
        legal = (np.abs(shares - np.round(shares / step) * step) < 1e-5) & (shares > least - 1e-5)
        whole = ~buys & (np.abs(shares - held) < 1e-5 * np.maximum(held, 1.0))
        assert (legal | whole).all()


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, options=OPTIONS, dropout=st.booleans())
def test_refusals_and_fills_are_the_orders(seed, options, dropout):
    m = wild(seed)
    result = play(m, seed, options, dropout)
    keys = ["date", "stock", "side"]
    assert not result.refusals.duplicated(keys[:2]).any()
    filled = result.trades.set_index(keys)["shares"]
    deal, tick = m.deal_price(options["deal"]).to_numpy(), m.venue.tick
    at = {side: np.abs(deal - m.values(side)) < tick / 2 for side in ("limit_up", "limit_down")}
    for order in result.refusals.itertuples():
        got = filled.get((order.date, order.stock, order.side), 0.0)
        assert got == pytest.approx(order.done, rel=1e-9, abs=1e-9)
        assert 0.0 <= order.done < order.wanted
        row, cell = m.row(order.date), m.stocks.get_loc(order.stock)
        if order.reason in ("suspended", "not listed", "limit up", "limit down", "no price"):
            assert order.done == 0.0
        shut = {
            "suspended": m.values("suspended"),
            "not listed": ~m.values("listed"),
            "limit up": ~m.values("can_buy") | at["limit_up"],
            "limit down": ~m.values("can_sell") | at["limit_down"],
        }
        if order.reason in shut:
            assert shut[order.reason][row, cell]


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, options=OPTIONS, low=st.floats(0.0, 0.005), more=st.floats(0.0001, 0.01))
def test_more_cost_never_helps(seed, options, low, more):
    m = wild(seed)
    whole = {**options, "lots": False, "participation": None, "retry": "next", "impact": None}
    cheap = play(m, seed, {**whole, "costs": Costs.flat(low, 2 * low)})
    dear = play(m, seed, {**whole, "costs": Costs.flat(low + more, 2 * (low + more))})
    assert dear.nav.iloc[-1] <= cheap.nav.iloc[-1] * (1.0 + 1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, options=OPTIONS, dropout=st.booleans())
def test_permuting_the_stocks_permutes_the_result(seed, options, dropout):
    m = wild(seed)
    order = np.random.default_rng(seed).permutation(len(m.stocks))
    moved = m.select(m.stocks[order])
    one = play(m, seed, options, dropout)
    if dropout:
        policy = TopkDropout(scores_of(m, seed), 3, 1, hold=1 + seed % 3)
        two = run(moved, policy, m.dates[3], schedule="daily", **options)
    else:
        targets = targets_of(m, seed)
        two = run(moved, FixedWeights(targets), schedule=targets.index, **options)
    assert np.allclose(one.nav, two.nav, rtol=1e-10)
    left, right = (r.trades.sort_values(["date", "stock"]) for r in (one, two))
    assert left["stock"].tolist() == right["stock"].tolist()
    assert left["value"].to_numpy() == pytest.approx(
        right["value"].to_numpy(), rel=1e-8, abs=1e-10 * options["capital"]
    )


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, options=OPTIONS, dropout=st.booleans(), row=st.integers(5, DAYS - 2))
def test_what_comes_after_a_session_changes_nothing_up_to_it(seed, options, dropout, row):
    m = wild(seed)
    other = {}
    for name in ("open", "high", "low", "close", "vwap", "volume", "factor"):
        values = m.values(name).copy()
        values[row + 1 :] *= np.float32(1.7)
        other[name] = values
    changed, date = m.with_fields(other), m.dates[row]
    one, two = (
        run(w, FixedWeights(targets_of(m, seed)), schedule=targets_of(m, seed).index, **options)
        if not dropout
        else play(w, seed, options, True)
        for w in (m, changed)
    )
    assert one.nav[:date].equals(two.nav[:date])
    for name in ("trades", "refusals"):
        left, right = (getattr(r, name) for r in (one, two))
        pd.testing.assert_frame_equal(left[left["date"] <= date], right[right["date"] <= date])


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, options=OPTIONS, kind=st.sampled_from(["nan", "negative", "large", "unlisted"]))
def test_a_wrong_target_stops_the_run_with_its_date_and_stock(seed, options, kind):
    m = wild(seed)
    targets = targets_of(m, seed)
    stock = m.stocks[1] if kind == "unlisted" else m.stocks[4]
    value = {"nan": NAN, "negative": -0.1, "large": 1.5, "unlisted": 1e-3}[kind]
    targets.iloc[0] *= 0.5
    targets.iloc[0, m.stocks.get_loc(stock)] = value
    date = targets.index[0]
    if kind == "unlisted" and np.isfinite(m.field("adj_close").at[date, stock]):
        return
    with pytest.raises(DataError, match=f"{date:%Y-%m-%d}.*{stock}"):
        run(m, FixedWeights(targets), schedule=targets.index, **options)
