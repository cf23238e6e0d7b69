"""Estimators against peer libraries, slow plain versions and worlds whose truth is known."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pandas as pd
import pytest
import scipy.integrate
import skfolio.moments
import sklearn.covariance

from market import DataError
from risk.statistical import METHODS, sample_model
from risk.statistical.apca import apca, count_factors
from risk.statistical.form import sparse
from risk.statistical.nonlinear import hilbert_transform, shrunk_eigenvalues, spectral_density
from risk.statistical.poet import THRESHOLDS, poet


def frame(x):
    sessions = pd.bdate_range("2020-01-01", periods=len(x), name="date")
    return pd.DataFrame(x, sessions, [f"SH{600000 + i}" for i in range(x.shape[1])])


def draw(t, n, factors=3, seed=0, strength=0.01):
    """Returns with planted factors, and the factors and loadings."""
    rng = np.random.default_rng(seed)
    f, b = rng.normal(size=(t, factors)), rng.normal(size=(n, factors)) * strength
    noise = rng.normal(size=(t, n)) * rng.uniform(0.01, 0.03, n)
    return f @ b.T + noise, f, b


def cov_of(returns, method, factors=None):
    return sample_model(returns, method, factors).cov().to_numpy()


def relative(mine, other):
    return np.abs(mine - other).max() / np.abs(other).max()


# --- each model is its estimator ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(300, 40), (60, 90), (41, 40), (40, 40)])
@pytest.mark.parametrize("method", ["lw", "oas"])
def test_linear_shrinkage_equals_scikit_learn(shape, method):
    returns = frame(draw(*shape)[0])
    peer = {"lw": sklearn.covariance.LedoitWolf, "oas": sklearn.covariance.OAS}[method]
    assert relative(cov_of(returns, method), peer().fit(returns).covariance_) < 1e-12


@pytest.mark.parametrize(
    ("method", "peer"),
    [
        ("denoise", skfolio.moments.DenoiseCovariance()),
        ("gerber", skfolio.moments.GerberCovariance()),
        ("ewma", skfolio.moments.EWCovariance(half_life=84)),
        ("sample", skfolio.moments.EmpiricalCovariance()),
        ("detone", skfolio.moments.DetoneCovariance(nearest=False)),
    ],
)
def test_methods_of_skfolio_are_reproduced_by_the_factor_form(method, peer):
    returns = frame(draw(300, 40)[0])
    covariance = peer.fit(returns.to_numpy()).covariance_
    assert relative(cov_of(returns, method), covariance) < 1e-10


@pytest.mark.parametrize("shape", [(200, 50), (80, 120)])
def test_apca_model_is_loadings_factor_covariance_and_residual_variance(shape):
    x = draw(*shape)[0]
    fit = apca(x, 3)
    dense = fit.loadings @ np.cov(fit.returns.T, bias=True) @ fit.loadings.T
    dense += np.diag((fit.residuals**2).sum(axis=0) / (shape[0] - 4))
    assert relative(cov_of(frame(x), "apca", 3), dense) < 1e-10
    np.testing.assert_allclose(fit.returns @ fit.loadings.T + fit.residuals, x - x.mean(axis=0))


@pytest.mark.parametrize("threshold", sorted(THRESHOLDS))
def test_poet_equals_the_n_by_n_definition(threshold):
    x, k = draw(150, 60)[0], 3
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    common = (vectors[:, -k:] * values[-k:]) @ vectors[:, -k:].T
    residual = centred.T @ centred / len(x) - common
    s = np.sqrt(np.diag(residual))
    unit = 1 / np.sqrt(60) + np.sqrt(np.log(60) / 150)
    for c in 0.5 + 0.05 * np.arange(40):
        r = THRESHOLDS[threshold](residual / np.outer(s, s), c * unit)
        np.fill_diagonal(r, 1.0)
        if np.linalg.eigvalsh(r)[0] >= 0.01:
            break
    form = poet(x, k, threshold)
    mine = form.exposures @ form.covariance @ form.exposures.T + np.diag(form.specific)
    assert relative(mine, common + np.outer(s, s) * r) < 1e-10


def test_thresholds_by_hand():
    r = np.array([-0.9, -0.3, 0.1, 0.25])
    np.testing.assert_allclose(THRESHOLDS["soft"](r, 0.2), [-0.7, -0.1, 0.0, 0.05])
    np.testing.assert_allclose(THRESHOLDS["hard"](r, 0.2), [-0.9, -0.3, 0.0, 0.25])
    # 0.9 lies beyond a tau = 0.74 and is kept; 0.5, between 2 tau and a tau, by (2.7 r - 3.7 tau) / 1.7
    np.testing.assert_allclose(
        THRESHOLDS["scad"](np.array([-0.9, 0.5, 0.3]), 0.2), [-0.9, 0.61 / 1.7, 0.1]
    )


@pytest.mark.parametrize("shape", [(300, 40), (60, 90)])
@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("sample", "ewma", "detone")])
def test_every_model_is_positive_definite_and_latent(shape, method):
    model = sample_model(frame(draw(*shape)[0]), method)
    assert np.linalg.eigvalsh(model.cov())[0] > 0
    assert np.linalg.eigvalsh(model.factor_covariance)[0] >= 0
    assert model.of_kind("latent") == list(model.factors)
    assert model.date == pd.bdate_range("2020-01-01", periods=shape[0])[-1]


# --- nonlinear shrinkage -----------------------------------------------------------------------------


def plain_nonlinear(values, n, p):
    """Ledoit-Wolf (2020) with loops, in forty digits; eigenvalues shrunk, that of the null space first."""
    with mpmath.workdps(40):
        kept, root5, pi = [mpmath.mpf(v) for v in values], mpmath.sqrt(5), mpmath.pi
        h, c, shrunk = mpmath.mpf(n) ** (-mpmath.mpf(1) / 3), mpmath.mpf(p) / n, []
        for here in kept:
            f = hf = mpmath.mpf(0)
            for other in kept:
                width = h * other
                x = (here - other) / width
                f += 3 / (4 * root5 * width) * max(1 - x**2 / 5, 0) / len(kept)
                log = mpmath.log(abs((root5 - x) / (root5 + x)))
                bump = 3 / (4 * root5 * pi) * (1 - x**2 / 5) * log
                hf += (-3 * x / (10 * pi) + bump) / width / len(kept)
            if p <= n:
                bottom = (pi * c * here * f) ** 2 + (1 - c - pi * c * here * hf) ** 2
            else:
                bottom = pi**2 * here**2 * (f**2 + hf**2)
            shrunk.append(here / bottom)
        if p > n:
            log = mpmath.log((1 + root5 * h) / (1 - root5 * h))
            zero = 3 / (10 * h**2) + 3 / (4 * root5 * h) * (1 - 1 / (5 * h**2)) * log
            zero *= sum(1 / v for v in kept) / len(kept) / pi
            shrunk = [1 / (pi * (mpmath.mpf(p - n) / n) * zero)] * (p - n) + shrunk
        return np.array([float(v) for v in shrunk])


@pytest.mark.parametrize("shape", [(60, 15), (41, 40), (31, 45), (31, 30)])
def test_nonlinear_shrinkage_equals_the_plain_formula(shape):
    x = draw(*shape)[0]
    n, p = shape[0] - 1, shape[1]
    vectors, size, _ = np.linalg.svd((x - x.mean(axis=0)).T / np.sqrt(n))
    rank = min(n, p)
    plain = plain_nonlinear(size[:rank] ** 2, n, p)
    order = [*range(rank, p), *range(rank)]  # the null space comes first
    dense = vectors[:, order] * plain @ vectors[:, order].T
    assert relative(cov_of(frame(x), "nonlinear"), dense) < 1e-9


def test_hilbert_term_is_the_hilbert_transform_of_the_density():
    values, width = np.array([1.0, 1.5, 4.0]), np.array([0.2, 0.3, 0.8])

    def density(t):
        return float(spectral_density((np.array([[t]]) - values) / width, width)[0])

    for here in values:
        kinks = np.sort(np.concatenate([values - 5**0.5 * width, values + 5**0.5 * width]))
        gap = np.abs(kinks - here).min() * 0.5
        inner, _ = scipy.integrate.quad(density, here - gap, here + gap, weight="cauchy", wvar=here)
        edges = np.concatenate([kinks, [here - gap, here + gap]])
        outer = 0.0
        for a, b in itertools.pairwise(np.sort(edges)):
            if not here - gap <= (a + b) / 2 <= here + gap:
                outer += scipy.integrate.quad(lambda t, x=here: density(t) / (t - x), a, b)[0]
        mine = hilbert_transform((np.array([[here]]) - values) / width, width)[0]
        assert mine == pytest.approx((inner + outer) / np.pi, rel=1e-7)


def test_equal_population_eigenvalues_are_pulled_together():
    values = np.linalg.eigvalsh(np.cov(np.random.default_rng(0).normal(size=(400, 100)).T))
    shrunk, null = shrunk_eigenvalues(values, 399, 100)
    assert np.ptp(values) > 1.8
    assert shrunk.std() < 0.06
    assert shrunk.mean() == pytest.approx(1.0, abs=0.03)
    assert null is None


@pytest.mark.parametrize(("p", "nonlinear", "linear"), [(100, 0.29, 0.06), (300, 0.63, 0.24)])
def test_prial_on_a_spiked_spectrum(p, nonlinear, linear):
    """Share of the sample's squared error removed; spikes 40, 15, 8 above a bulk of 0.5 to 1.5."""
    rng = np.random.default_rng(0)
    spectrum = np.concatenate([[40.0, 15.0, 8.0], np.linspace(0.5, 1.5, p - 3)])
    error = dict.fromkeys(("sample", "nonlinear", "lw", "oas"), 0.0)
    for _ in range(10):
        x = rng.normal(size=(251, p)) * np.sqrt(spectrum)
        estimates = {m: cov_of(frame(x), m) for m in ("nonlinear", "lw", "oas")}
        estimates["sample"] = np.cov(x.T)
        for name, covariance in estimates.items():
            error[name] += np.sum((covariance - np.diag(spectrum)) ** 2)
    prial = {name: 1 - e / error["sample"] for name, e in error.items()}
    assert prial["nonlinear"] == pytest.approx(nonlinear, abs=0.06)
    assert prial["lw"] == pytest.approx(linear, abs=0.06)
    assert prial["oas"] == pytest.approx(linear, abs=0.06)


# --- known worlds ------------------------------------------------------------------------------------


def canonical(a, b):
    """Canonical correlations of two sets of columns."""
    qa, qb = (np.linalg.qr(z - z.mean(axis=0))[0] for z in (a, b))
    return np.linalg.svd(qa.T @ qb)[1]


def test_apca_recovers_the_planted_factor_space():
    x, f, b = draw(252, 500, factors=4)
    fit = apca(x, 4)
    assert canonical(fit.returns, f).min() > 0.99
    assert canonical(fit.loadings, b).min() > 0.97
    np.testing.assert_allclose(fit.returns.T @ fit.returns / 252, np.eye(4), atol=1e-10)


def test_reweighting_keeps_a_noisy_corner_from_deciding():
    x, f, _ = draw(252, 300, factors=2, strength=0.004)
    x[:, :40] += np.random.default_rng(1).normal(size=(252, 40)) * 0.10
    centred = x - x.mean(axis=0)
    once = np.linalg.eigh(centred @ centred.T)[1][:, -2:]
    assert canonical(apca(x, 2).returns, f).min() > max(canonical(once, f).min(), 0.9)


@pytest.mark.parametrize("planted", [1, 3, 6])
def test_ic2_picks_the_planted_number(planted):
    for shape in ((252, 400), (504, 100)):
        assert count_factors(draw(*shape, factors=planted, seed=planted)[0]) == planted


def test_poet_beats_the_sample_in_a_sparse_world():
    rng = np.random.default_rng(3)
    t, n = 200, 100
    b = rng.normal(size=(n, 2)) * 0.01
    residual = np.kron(np.eye(20), 0.5 * np.ones((5, 5)) + 0.5 * np.eye(5)) * 0.02**2
    truth = b @ b.T + residual
    x = rng.multivariate_normal(np.zeros(n), truth, size=t)
    model = sample_model(frame(x), "poet", 2)
    errors, risks = {}, {}
    diagonal = sample_model(frame(x), "apca", 2).cov().to_numpy()
    for name, cov in {
        "poet": model.cov().to_numpy(), "sample": np.cov(x.T), "diagonal": diagonal
    }.items():  # fmt: skip
        errors[name] = np.linalg.norm(np.linalg.solve(truth, cov) - np.eye(n))
        w = np.linalg.solve(cov, np.ones(n))
        w /= w.sum()
        risks[name] = w @ truth @ w
    assert errors["poet"] < 0.7 * errors["sample"]
    assert errors["poet"] < errors["diagonal"]
    assert risks["poet"] < risks["sample"]
    common = model.exposures.filter(like="pc").to_numpy()
    common = common @ model.factor_covariance.to_numpy()[:2, :2] @ common.T
    rest = np.abs(model.cov().to_numpy() - common) > 1e-12
    assert (
        400 < rest.sum() - n < 0.2 * n * n
    )  # 400 planted, and chance ones above tau = 1.8 deviations


def test_a_sparse_residual_becomes_factors_of_its_blocks_only():
    correlation = np.eye(5)
    correlation[0, 3] = correlation[3, 0] = 0.4
    correlation[1, 3] = correlation[3, 1] = -0.2
    deviation = np.array([0.01, 0.02, 0.03, 0.02, 0.05])
    form = sparse(deviation, correlation)
    dense = form.exposures @ form.covariance @ form.exposures.T + np.diag(form.specific)
    np.testing.assert_allclose(dense, correlation * np.outer(deviation, deviation), atol=1e-18)
    assert form.names == ("residual01", "residual02")  # 0, 1 and 3 are joined; 2 and 4 stand alone
    assert (form.exposures[[2, 4]] == 0.0).all()
    np.testing.assert_allclose(form.specific[[2, 4]], deviation[[2, 4]] ** 2)


# --- bad input ---------------------------------------------------------------------------------------


def test_a_gap_is_named_with_stock_and_session():
    returns = frame(draw(50, 10)[0])
    returns.iloc[7, 3] = np.nan
    with pytest.raises(
        DataError, match=r"1 missing values in 1 stocks, first SH600003 on 2020-01-10"
    ):
        sample_model(returns)


@pytest.mark.parametrize("shape", [(1, 10), (2, 10), (50, 1)])
def test_too_few_sessions_or_stocks_are_refused(shape):
    with pytest.raises(DataError, match="needs 3 sessions and 2 stocks"):
        sample_model(frame(np.random.default_rng(0).normal(size=shape)))


def test_an_unknown_method_lists_those_there_are():
    with pytest.raises(ValueError, match=r"'ledoit' is unknown; use one of \['apca'"):
        sample_model(frame(draw(50, 10)[0]), "ledoit")


@pytest.mark.parametrize("factors", [0, 9, 10, 50])
@pytest.mark.parametrize("method", ["apca", "poet"])
def test_more_factors_than_the_panel_carries_are_refused(method, factors):
    with pytest.raises(ValueError, match="carry 1 to 8 factors"):
        sample_model(frame(draw(50, 10)[0]), method, factors)


def test_factors_of_a_method_without_are_refused():
    with pytest.raises(ValueError, match="has no factors, 3 were asked for"):
        sample_model(frame(draw(50, 10)[0]), "oas", 3)


@pytest.mark.parametrize("method", ["sample", "ewma"])
def test_a_singular_covariance_is_refused_not_repaired(method):
    with pytest.raises(DataError, match=r"not positive definite|undefined; it needs more sessions"):
        sample_model(frame(draw(50, 80)[0]), method)


def test_constant_repeated_and_undated_returns_are_refused():
    returns = frame(draw(50, 10)[0])
    with pytest.raises(DataError, match=r"1 stocks never change, first .'SH600002'"):
        sample_model(returns.assign(SH600002=0.0))
    with pytest.raises(DataError, match=r"repeat 1 stocks .'SH600009'"):
        sample_model(pd.concat([returns, returns[["SH600009"]]], axis=1))
    with pytest.raises(DataError, match="use a DatetimeIndex"):
        sample_model(returns.reset_index(drop=True))
    with pytest.raises(DataError, match="rank 10, not 11"):
        sample_model(returns.assign(SH700000=returns["SH600000"]), "nonlinear")
    with pytest.raises(DataError, match="needs 13 sessions"):
        sample_model(returns.iloc[:9], "nonlinear")
