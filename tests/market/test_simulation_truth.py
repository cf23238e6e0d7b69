"""The planted truth: it adds up, shows in the fields, and has the strength that was asked for."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

import market
from market.simulation.planted import PARTS, Clues, plant

YEAR = market.TRADING_DAYS


@pytest.fixture(scope="module")
def sim():
    return market.simulate(stocks=300, days=800, seed=3)


def rank_ic(panel, score, horizon=5, rows=None):
    """Mean rank correlation of a score ``[T, N]`` with the next returns, every other day."""
    price = panel.values("adj_close").astype(np.float64)
    days = (
        np.arange(0, len(price) - horizon, 2) if rows is None else rows[rows < len(price) - horizon]
    )
    daily = []
    for t in days:
        if np.ptp(score[t]) == 0.0:  # nothing has happened yet
            continue
        ahead = price[t + horizon] / price[t] - 1.0
        known = np.isfinite(ahead) & ~np.isnan(panel.values("close")[t]) & np.isfinite(score[t])
        ranks = rankdata(np.stack([score[t][known], ahead[known]]), axis=1)
        daily.append(np.corrcoef(ranks)[0, 1])
    return np.mean(daily)


def excess(panel):
    """Daily return over the mean of the day ``[T, N]``, zero where there was no trade."""
    returns = panel.returns().astype(np.float64)
    return returns.sub(returns.mean(axis=1), axis=0).fillna(0.0).to_numpy()


def decayed(values, decay):
    return pd.DataFrame(values).ewm(alpha=1 - decay, adjust=False).mean().to_numpy()


def receivers(truth):
    """Row-normalised matrix: row i averages the stocks whose news reaches i."""
    graph = np.zeros((len(truth.industry),) * 2)
    graph[truth.edges[1], truth.edges[0]] = 1.0
    return graph / graph.sum(axis=1, keepdims=True)


# --- it adds up -----------------------------------------------------------------------------------


def test_fair_returns_are_exactly_the_sum_of_their_planted_parts(sim):
    truth = sim.truth
    for t in (1, 2, 150, 799):
        known = sim.values("listed")[t] & sim.values("listed")[t - 1]
        total = truth.exposures(t - 1) @ truth.factor_returns[t]
        total += truth.hidden_loading[t - 1] * truth.hidden_returns[t]
        total += truth.specific_returns[t] + truth.drift[t]
        np.testing.assert_allclose(total[known], truth.fair_returns[t][known], atol=2e-6)


def test_industry_returns_are_relative_to_their_cap_weighted_mean(sim):
    truth = sim.truth
    mean = (truth.industry_share[:-1] * truth.factor_returns[1:, 1:31]).sum(axis=1)
    np.testing.assert_allclose(mean, 0.0, atol=1e-12)
    np.testing.assert_allclose(truth.industry_share.sum(axis=1), 1.0)


def test_style_exposures_have_cap_weighted_mean_zero_and_unit_deviation(sim):
    truth = sim.truth
    for t in (0, 400, 799):
        listed = sim.values("listed")[t]
        styles = truth.styles[t][listed].astype(np.float64)
        assert np.isnan(truth.styles[t][~listed]).all()
        np.testing.assert_allclose(styles.std(axis=0), 1.0, atol=1e-5)
        cap = sim.cap().to_numpy(np.float64)[t][listed]
        assert np.abs(cap @ styles / cap.sum()).max() < 0.05  # of the shown, not the fair, caps


def test_the_country_factor_is_the_cap_weighted_market(sim):
    returns = sim.returns().to_numpy(np.float64)[1:]
    cap = np.where(np.isnan(returns), 0.0, np.nan_to_num(sim.cap().to_numpy(np.float64)[:-1]))
    whole = (cap * np.nan_to_num(returns)).sum(axis=1) / cap.sum(axis=1)
    # what is left is the specific risk of the largest of 300 stocks
    assert np.corrcoef(whole, sim.truth.factor_returns[1:, 0])[0, 1] > 0.96


# --- it shows in the fields -----------------------------------------------------------------------


def observed(sim, t):
    """Descriptors of session t computed from the public fields alone."""
    cap = sim.cap().iloc[t].astype(np.float64)
    returns = sim.returns().astype(np.float64).iloc[: t + 1]
    weight = sim.cap().shift(1).iloc[: t + 1].where(returns.notna())
    whole = (weight * returns).sum(axis=1) / weight.sum(axis=1)
    past, common = returns.iloc[-252:], whole.iloc[-252:]
    fade = 0.5 ** (np.arange(len(past))[::-1] / 63.0)
    centred = common - np.average(common, weights=fade)
    beta = past.fillna(0.0).mul(fade * centred, axis=0).sum() / (fade * centred**2).sum()
    young = 0.5 ** (np.arange(len(past))[::-1] / 42.0)
    volatility = np.sqrt((past**2).mul(young, axis=0).sum())
    logs = np.log1p(returns.fillna(0.0)).iloc[:-21]
    momentum = logs.mul(0.5 ** (np.arange(len(logs))[::-1] / 126.0), axis=0).sum()
    turnover = (sim.field("volume") / sim.field("float_shares")).iloc[: t + 1].astype(np.float64)
    liquidity = sum(
        w * np.log(turnover.iloc[-n:].mean()) for n, w in ((21, 0.35), (63, 0.35), (252, 0.3))
    )
    field = {
        name: sim.field(name).iloc[t].astype(np.float64) for name in sim.fields if ":" not in name
    }
    return {
        "size": np.log(cap),
        "beta": beta,
        "momentum": momentum,
        "residual_volatility": volatility,
        "liquidity": liquidity,
        "value": field["book_equity"] / cap,
        "earnings_yield": field["net_income"] / cap,
        "dividend_yield": field["dividends_12m"] / cap,
        "leverage": field["debt_to_assets"],
    }


@pytest.mark.parametrize("t", [500, 780])
def test_style_exposures_can_be_read_off_the_fields(sim, t):
    shown = observed(sim, t)
    settled = sim.values("age")[t] > 260
    settled &= sim.values("listed")[t]
    # limits delay returns, and volatility is made orthogonal to beta and size: no match is perfect
    exact = ("size", "value", "earnings_yield", "dividend_yield", "leverage")
    least = {**dict.fromkeys(exact, 0.98), "momentum": 0.93, "residual_volatility": 0.65}
    for k, name in enumerate(sim.truth.style_names):
        if name != "nonlinear_size":
            truth = sim.truth.styles[t, :, k]
            both = settled & np.isfinite(shown[name])
            ranks = rankdata(np.stack([shown[name][both], truth[both]]), axis=1)
            match = np.corrcoef(ranks)[0, 1]  # of ranks: clipping moves values and not their order
            assert match > least.get(name, 0.8), name


def test_regressing_shown_returns_on_the_true_exposures_recovers_the_factor_returns(sim):
    truth, returns = sim.truth, sim.returns().to_numpy(np.float64)
    found = np.full((len(sim.dates), len(truth.factors)), np.nan)
    days = np.arange(1, len(sim.dates), 2)
    root = np.sqrt(sim.cap().to_numpy(np.float64))
    for t in days:
        known = np.isfinite(returns[t]) & sim.values("listed")[t - 1] & (sim.values("age")[t] > 20)
        loading = truth.exposures(t - 1)[known][:, 1:]  # the industries span the country
        weighted = loading * root[t - 1][known][:, None]
        found[t, 1:] = np.linalg.solve(weighted.T @ loading, weighted.T @ returns[t][known])
    for k, name in enumerate(truth.factors):
        if name in truth.style_names:
            match = np.corrcoef(found[days, k], truth.factor_returns[days, k])[0, 1]
            # 300 stocks leave noise of 0.02 a year beside styles of 0.035 to 0.06
            assert match > 0.7, name


def test_factor_volatilities_standardise_the_factor_returns(sim):
    truth = sim.truth
    square = []
    for t in range(len(sim.dates) - 1):
        variance = np.diag(truth.factor_covariance(t))
        square.append(truth.factor_returns[t + 1] ** 2 / variance)
    mean = np.mean(square, axis=0)
    assert 0.9 < mean.mean() < 1.1
    assert ((mean > 0.6) & (mean < 1.5)).all()
    covariance = truth.factor_covariance(100)
    np.testing.assert_allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


def test_specific_volatility_is_that_of_the_specific_returns(sim):
    truth = sim.truth
    ratio = truth.specific_returns[1:] / truth.specific_volatility[:-1]
    assert (ratio**2).mean() == pytest.approx(1.0, abs=0.06)
    annual = np.sqrt((truth.specific_volatility**2).mean(axis=0) * YEAR)
    assert np.quantile(annual, 0.05) > 0.15
    assert np.quantile(annual, 0.95) < 0.65
    size = np.log(sim.cap().iloc[0].fillna(sim.cap().iloc[0].median()))
    assert np.corrcoef(size, annual)[0, 1] < -0.2


# --- the hidden factor ----------------------------------------------------------------------------


def test_the_hidden_factor_drives_a_tenth_of_common_variance(sim):
    truth, common, hidden = sim.truth, 0.0, 0.0
    for t in range(20, 799, 30):
        listed = sim.values("listed")[t]
        exposures = truth.exposures(t)[listed]
        covariance = truth.factor_covariance(t)
        common += np.einsum("nk,kj,nj->n", exposures, covariance, exposures).mean()
        hidden += (truth.hidden_loading[t][listed] ** 2).mean() * truth.hidden_volatility[t] ** 2
    assert 0.06 < hidden / (hidden + common) < 0.15


def test_the_hidden_loading_is_uncorrelated_with_every_style(sim):
    truth = sim.truth
    for t in (0, 250, 799):
        listed = sim.values("listed")[t]
        both = np.column_stack([truth.hidden_loading[t], truth.styles[t]])[listed]
        assert np.abs(np.corrcoef(both.T)[0, 1:]).max() < 1e-4
    assert (
        np.abs(
            np.corrcoef(truth.factor_returns[1:, 31:].T, truth.hidden_returns[1:])[-1, :-1]
        ).max()
        < 0.2
    )


def test_the_first_component_of_what_the_styles_leave_is_the_hidden_factor(sim):
    truth = sim.truth
    always = sim.values("listed").all(axis=0)
    known = np.stack([truth.exposures(t - 1) @ truth.factor_returns[t] for t in range(1, 800)])
    left = (truth.fair_returns[1:] - known)[:, always]
    left /= left.std(axis=0)
    portfolio = np.linalg.eigh(np.cov(left.T))[1][:, -1]
    assert abs(np.corrcoef(left @ portfolio, truth.hidden_returns[1:])[0, 1]) > 0.9


# --- the planted alpha ----------------------------------------------------------------------------


def test_expected_returns_reach_the_target_rank_correlation():
    worlds = [market.simulate(stocks=300, days=500, seed=s) for s in range(4)]
    reached = [rank_ic(m, m.truth.expected_return()) for m in worlds]
    # one world of this size has a standard error of 0.007
    assert np.mean(reached) == pytest.approx(0.08, abs=0.012)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_alone_reaches_the_target(part):
    worlds = [market.simulate(stocks=250, days=400, seed=s, parts=(part,)) for s in (1, 2)]
    assert all(tuple(m.truth.alpha) == (part,) for m in worlds)
    reached = np.mean([rank_ic(m, m.truth.expected_return()) for m in worlds])
    assert reached == pytest.approx(0.08, abs=0.025)


def test_a_world_without_alpha_has_none():
    for plain in (market.simulate(60, 80, rank_ic=0.0), market.simulate(60, 80, parts=())):
        assert not plain.truth.drift.any()
        assert not plain.truth.expected_return().any()


def test_the_drift_of_five_days_is_what_was_expected(sim):
    truth = sim.truth
    summed = sum(truth.drift[k : len(truth.drift) - 5 + k] for k in range(1, 6))
    expected = truth.expected_return()[:-5]
    slope = (summed * expected).sum() / (expected**2).sum()
    assert slope == pytest.approx(1.0, abs=0.08)


def test_later_moves_leave_the_direction_of_earlier_alpha_alone():
    rng = np.random.default_rng(0)
    moves, surprise = rng.normal(size=(2, 60, 40))
    neighbours = np.stack([(np.arange(40) + k) % 40 for k in range(1, 6)], axis=1)
    concepts = rng.random((40, 6)) < 0.3

    def alpha(e):
        clues = Clues(e, surprise, np.full(40, 0.02), neighbours, concepts)
        return plant(np.random.default_rng(1), clues, 0.08, PARTS).expected

    later = np.where(np.arange(60)[:, None] > 30, rng.normal(size=(60, 40)), moves)
    one, two = alpha(moves), alpha(later)
    for part in PARTS:  # the overall scale is one number; the direction of a day is the alpha
        for t in (5, 30):
            assert np.corrcoef(one[part][t], two[part][t])[0, 1] > 1 - 1e-12


@pytest.fixture(scope="module")
def chain():
    return market.simulate(stocks=250, days=600, seed=4, rank_ic=0.15, parts=("spillover",))


def test_neighbours_returns_predict_and_those_of_a_permuted_graph_do_not(chain):
    graph = receivers(chain.truth)
    news = excess(chain)
    shuffle = np.random.default_rng(0).permutation(len(graph))
    permuted = graph[shuffle][:, shuffle]
    told = rank_ic(chain, decayed(news @ graph.T, 0.8))
    assert told > 0.05
    assert abs(rank_ic(chain, decayed(news @ permuted.T, 0.8))) < 0.02


def test_the_spillover_alpha_shows_in_the_graph_and_hardly_in_own_history(chain):
    alpha, news, graph = chain.truth.alpha["spillover"], excess(chain), receivers(chain.truth)
    listed = chain.values("listed")[50:]

    def match(score):
        return np.corrcoef(score[50:][listed], alpha[50:][listed])[0, 1]

    assert match(decayed(news @ graph.T, 0.8)) > 0.5
    assert match(decayed(news, 0.8)) < 0.2


def test_concept_members_follow_their_concept():
    world = market.simulate(stocks=250, days=600, seed=4, rank_ic=0.15, parts=("concept",))
    member = world.truth.concepts.astype(np.float64)
    mean = excess(world) @ (member / np.maximum(member.sum(axis=0), 1))
    shared = mean @ (member / member.sum(axis=1, keepdims=True)).T
    assert rank_ic(world, decayed(shared, 0.85)) > 0.05


def test_trends_continue_in_one_hidden_state_and_revert_in_the_other():
    world = market.simulate(stocks=250, days=600, seed=6, rank_ic=0.15, parts=("regime",))
    trend = decayed(excess(world), 0.93)
    trending = np.flatnonzero(world.truth.trending)
    reverting = np.flatnonzero(~world.truth.trending)
    assert min(len(trending), len(reverting)) > 60
    assert rank_ic(world, trend, rows=trending) > 0.05
    assert rank_ic(world, trend, rows=reverting) < -0.05


def test_a_burst_of_trading_and_a_rise_are_paid_for_later():
    world = market.simulate(stocks=250, days=600, seed=4, parts=("own_history",))
    log_turnover = np.log(world.field("volume") / world.field("float_shares"))
    burst = (log_turnover - log_turnover.rolling(20, min_periods=5).mean()).fillna(0.0).to_numpy()
    rise = decayed(excess(world), 0.7)
    alpha = world.truth.alpha["own_history"][50:]
    traded = ~np.isnan(world.values("close"))[50:]
    assert np.corrcoef(burst[50:][traded], alpha[traded])[0, 1] < -0.4
    assert np.corrcoef(rise[50:][traded], alpha[traded])[0, 1] < -0.3
    assert rank_ic(world, -burst) > 0.03
