"""The cross-sectional regression against three other roads to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.closed_form import MIN_MEMBERS
from risk.regression import cross_section, regression_weights

P, S = 4, 3


def day(seed=0, n=300):
    """One day with known factor returns: industries sum to zero by cap."""
    draw = np.random.default_rng(seed)
    industry, cap = draw.integers(0, P, n), draw.lognormal(22.0, 1.0, n)
    styles = draw.normal(size=(n, S))
    share = np.bincount(industry, cap) / cap.sum()
    f_i = draw.normal(0.0, 0.01, P)
    f_i -= share @ f_i
    truth = (0.004, f_i, draw.normal(0.0, 0.003, S))
    noise = draw.uniform(-0.01, 0.01, n)  # short tails: nothing reaches the clip
    returns = truth[0] + f_i[industry] + styles @ truth[2] + noise
    return returns, styles, industry, cap, truth


def estimate(returns, styles, industry, cap, vote=None):
    vote = np.ones(len(returns), dtype=bool) if vote is None else vote
    return cross_section(returns, styles, industry, cap, vote, P)


def dense(styles, industry):
    return np.column_stack([np.ones(len(styles)), industry[:, None] == np.arange(P), styles])


def restriction(industry, cap):
    """R of f = R g: the last industry is minus the cap-weighted others."""
    share = np.bincount(industry, cap) / cap.sum()
    full = np.delete(np.eye(1 + P + S), P, axis=1)
    full[P, 1:P] = -share[:-1] / share[-1]
    return full


def test_equals_statsmodels_with_the_restriction_matrix():
    returns, styles, industry, cap, _ = day()
    mine = estimate(returns, styles, industry, cap)
    r = restriction(industry, cap)
    peer = sm.WLS(returns, dense(styles, industry) @ r, regression_weights(cap)).fit()
    f = r @ peer.params
    t = f / np.sqrt(np.diag(r @ peer.cov_params() @ r.T))
    np.testing.assert_allclose([mine.country, *mine.industry, *mine.style], f, atol=1e-12)
    np.testing.assert_allclose([mine.country_t, *mine.industry_t, *mine.style_t], t, rtol=1e-10)
    np.testing.assert_allclose(mine.residual, peer.resid, atol=1e-12)
    w = regression_weights(cap)
    assert mine.r2 == pytest.approx(1 - (w @ peer.resid**2) / (w @ returns**2), abs=1e-12)


def test_equals_the_bordered_system():
    returns, styles, industry, cap, _ = day(3)
    x, v = dense(styles, industry), regression_weights(cap)
    constraint = np.zeros(1 + P + S)
    constraint[1 : 1 + P] = np.bincount(industry, cap) / cap.sum()
    kkt = np.block([[x.T @ (v[:, None] * x), constraint[:, None]], [constraint, 0.0]])
    f = np.linalg.solve(kkt, np.append(x.T @ (v * returns), 0.0))[:-1]
    mine = estimate(returns, styles, industry, cap)
    np.testing.assert_allclose([mine.country, *mine.industry, *mine.style], f, atol=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_three_roads_and_the_closed_form_agree(seed):
    returns, styles, industry, cap, _ = day(seed, n=150)
    x, v, r = dense(styles, industry), regression_weights(cap), restriction(industry, cap)
    mine = estimate(returns, styles, industry, cap)
    f = [mine.country, *mine.industry, *mine.style]
    reduced = (x @ r) * v[:, None]
    by_restriction = r @ np.linalg.solve(reduced.T @ (x @ r), reduced.T @ returns)
    np.testing.assert_allclose(f, by_restriction, atol=1e-12)
    border = np.zeros(1 + P + S)
    border[1 : 1 + P] = np.bincount(industry, cap) / cap.sum()
    heavy = x.T @ (v[:, None] * x) + v.sum() * np.outer(border, border)
    by_penalty = np.linalg.solve(heavy, x.T @ (v * returns))
    np.testing.assert_allclose(f, by_penalty, atol=1e-12)
    peer = sm.WLS(returns, x @ r, v).fit()
    np.testing.assert_allclose(f, r @ peer.params, atol=1e-12)
    assert mine.r2_centred == pytest.approx(peer.rsquared, abs=1e-12)
    freedom = len(returns) - P - S
    assert peer.df_resid == freedom
    adjusted = 1.0 - (1.0 - mine.r2) * (len(returns) - 1) / freedom
    assert mine.r2_adjusted == pytest.approx(adjusted, abs=1e-12)


def test_recovers_planted_factor_returns():
    returns, styles, industry, cap, (country, f_i, f_s) = day(1, n=4000)
    mine = estimate(returns, styles, industry, cap)
    assert mine.country == pytest.approx(country, abs=5e-4)
    np.testing.assert_allclose(mine.industry, f_i, atol=1e-3)
    np.testing.assert_allclose(mine.style, f_s, atol=5e-4)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_industries_sum_to_zero_by_cap_and_residuals_are_orthogonal(seed):
    returns, styles, industry, cap, _ = day(seed, n=120)
    mine = estimate(returns, styles, industry, cap)
    share = np.bincount(industry, cap, P) / cap.sum()
    assert share @ mine.industry == pytest.approx(0.0, abs=1e-14)
    v = regression_weights(cap)
    np.testing.assert_allclose((v * mine.residual) @ dense(styles, industry), 0.0, atol=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_order_of_stocks_does_not_matter(seed):
    returns, styles, industry, cap, _ = day(seed, n=90)
    order = np.random.default_rng(seed).permutation(90)
    one = estimate(returns, styles, industry, cap)
    other = estimate(returns[order], styles[order], industry[order], cap[order])
    np.testing.assert_allclose(other.style, one.style, atol=1e-13)
    np.testing.assert_allclose(other.residual, one.residual[order], atol=1e-13)


def test_vif_is_one_over_what_the_other_factors_leave_unexplained():
    returns, styles, industry, cap, _ = day(7)
    styles[:, 2] = 0.8 * styles[:, 0] + 0.6 * styles[:, 2]
    mine = estimate(returns, styles, industry, cap)
    for k in range(S):
        others = sm.add_constant(
            np.column_stack([industry[:, None] == np.arange(1, P), np.delete(styles, k, 1)]) * 1.0
        )
        peer = sm.WLS(styles[:, k], others, regression_weights(cap)).fit()
        assert mine.vif[k] == pytest.approx(1.0 / (1.0 - peer.rsquared), rel=1e-10)


def test_stocks_without_vote_get_residuals_but_no_say():
    returns, styles, industry, cap, _ = day()
    vote = np.arange(len(returns)) >= 50
    wild = returns.copy()
    wild[:50] += 0.5
    calm, mine = (estimate(r, styles, industry, cap, vote) for r in (returns, wild))
    assert mine.country == calm.country
    np.testing.assert_allclose(mine.residual[:50], calm.residual[:50] + 0.5)


def test_a_jump_is_clipped_for_the_fit_and_whole_in_the_residual():
    returns, styles, industry, cap, (country, _, _) = day(n=2000)
    jumped = returns.copy()
    jumped[np.argmax(cap)] = 40.0
    mine = estimate(jumped, styles, industry, cap)
    assert mine.country == pytest.approx(country, abs=0.01)
    assert mine.residual[np.argmax(cap)] == pytest.approx(40.0, abs=0.1)


def test_the_clip_spares_the_free_half_when_the_other_sits_at_a_limit():
    draw = np.random.default_rng(8)
    n = 1000
    returns = np.where(np.arange(n) < 600, -0.1, draw.uniform(-0.05, 0.05, n))
    industry, cap = np.arange(n) % P, np.where(np.arange(n) < 600, 1.0, 10.0)
    mine = estimate(returns, draw.normal(size=(n, S)), industry, cap)
    weighted = np.average(returns, weights=regression_weights(cap))
    assert mine.country == pytest.approx(weighted, abs=2e-3)


def test_a_thin_industry_has_no_return_and_its_members_no_residual():
    returns, styles, industry, cap, _ = day()
    industry = np.where(np.arange(300) < MIN_MEMBERS - 1, P - 1, industry % (P - 1))
    mine = estimate(returns, styles, industry, cap)
    assert np.isnan(mine.industry[-1])
    np.testing.assert_array_equal(np.isnan(mine.residual), industry == P - 1)
    np.testing.assert_array_equal(mine.voted, industry < P - 1)
    rest = industry < P - 1
    alone = estimate(returns[rest], styles[rest], industry[rest], cap[rest])
    np.testing.assert_array_equal(mine.style, alone.style)


def test_stocks_without_industry_or_return_are_left_out():
    returns, styles, industry, cap, _ = day()
    industry[:20], returns[20:40] = -1, np.nan
    mine = estimate(returns, styles, industry, cap)
    assert np.isnan(mine.residual[:40]).all()
    rest = slice(40, None)
    alone = estimate(returns[rest], styles[rest], industry[rest], cap[rest])
    np.testing.assert_array_equal(mine.style, alone.style)


def test_a_style_that_repeats_others_is_left_out_and_the_rest_estimated():
    returns, styles, industry, cap, _ = day()
    double = np.column_stack([styles[:, :2], styles[:, 0]])
    mine = estimate(returns, double, industry, cap)
    assert np.isnan(mine.style).sum() == 1
    assert np.isfinite(mine.style[1])
    pair = estimate(returns, styles[:, :2], industry, cap)
    np.testing.assert_allclose(mine.residual, pair.residual, atol=1e-12)


def test_of_styles_that_repeat_one_another_the_most_inflated_goes():
    returns, styles, industry, cap, _ = day()
    mixed = np.column_stack([styles, styles @ [1.0, 1.0, 0.2]])
    mine = estimate(returns, mixed, industry, cap)
    np.testing.assert_array_equal(np.isnan(mine.style), [False, False, False, True])
    np.testing.assert_array_equal(np.isnan(mine.vif), np.isnan(mine.style))
    alone = estimate(returns, styles, industry, cap)
    np.testing.assert_array_equal(mine.style[:3], alone.style)
    nearly = styles[:, :1] + 1e-3 * styles[:, 1:2]  # condition number 4e6: kept
    kept = estimate(returns, np.column_stack([styles[:, :1], nearly]), industry, cap)
    assert np.isfinite(kept.style).all()
    assert kept.vif.min() > 1e5


def test_a_style_constant_within_industries_is_left_out():
    returns, styles, industry, cap, _ = day()
    styles[:, 1] = industry
    mine = estimate(returns, styles, industry, cap)
    np.testing.assert_array_equal(np.isnan(mine.style), [False, True, False])


def test_too_few_voters_give_nothing():
    returns, styles, industry, cap, _ = day()
    mine = estimate(returns, styles, industry, cap, np.arange(300) < 5)
    assert np.isnan(mine.country)
    assert np.isnan(mine.r2)
    assert np.isnan(mine.residual).all()


def test_missing_exposures_are_refused():
    returns, styles, industry, cap, _ = day()
    styles[4, 1] = np.nan
    with pytest.raises(ValueError, match="1 NaN"):
        estimate(returns, styles, industry, cap)


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_a_voter_without_market_value_is_refused(bad):
    returns, styles, industry, cap, _ = day()
    cap[7] = bad
    with pytest.raises(ValueError, match="1 of 300 voters"):
        estimate(returns, styles, industry, cap)
    assert np.isfinite(estimate(returns, styles, industry, cap, np.arange(300) != 7).country)


def test_weights_are_square_roots_clipped_at_their_95th_percentile():
    w = regression_weights(np.arange(1.0, 101.0) ** 2)  # roots 1 to 100
    assert w.mean() == pytest.approx(1.0)
    assert w.max() / w.min() == pytest.approx(np.percentile(np.arange(1, 101), 95.0))
