"""The model against a simulated market whose truth is known: how far off is each part of it?

Errors of one world of 1000 stocks and 700 sessions; the bounds leave room for other seeds. A regression
of 1000 stocks cannot find a factor return exactly: an industry has some 25 stocks of 2 % specific
volatility, so its return of 0.4 % is known to 0.3 %. The tests therefore ask that errors be as large as
their stated standard errors, and that volatilities be right once that noise is taken off.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import market
from risk import CNE5, Barra, StyleSpec
from risk.statistical import Statistical, pca_exposures

PCA = 5


@pytest.fixture(scope="module")
def world():
    return market.simulate(stocks=1000, days=700, seed=3)


@pytest.fixture(scope="module")
def history(world):
    return Barra().fit(world)


@pytest.fixture(scope="module")
def loadings(world):
    return pca_exposures(world, factors=PCA)


@pytest.fixture(scope="module")
def planted(world, history):
    """True factor returns of the factors that both have, on the sessions estimated."""
    true = pd.DataFrame(world.truth.factor_returns, world.dates, list(world.truth.factors))
    shared = [name for name in history.factor_returns.columns if name in true.columns]
    return true.loc[history.factor_returns.index, shared]


def of_kind(history, planted, kind):
    return [name for name in planted.columns if history.kinds[name] == kind]


def standard_errors(history, planted):
    shared = planted.columns
    return (history.factor_returns[shared] / history.t_values[shared]).abs()


def mean_true_covariance(world, history, names):
    at = [world.truth.factors.index(name) for name in names]
    rows = world.dates.get_indexer(history.dates)
    return np.mean([world.truth.factor_covariance(row)[np.ix_(at, at)] for row in rows], axis=0)


def mean_covariance(history, names):
    dates = history.dates[::5]
    forecasts = [history.at(t).factor_covariance.loc[names, names].to_numpy() for t in dates]
    return np.mean(forecasts, axis=0)


# --- factor returns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "least", "middle"),
    [("country", 0.98, 0.98), ("industry", 0.45, 0.75), ("style", 0.75, 0.92)],
)
def test_factor_returns_correlate_with_the_planted_ones(history, planted, kind, least, middle):
    """The least is earnings yield: the preset blends forecasts and cash flow into the planted ratio."""
    names = of_kind(history, planted, kind)
    rho = history.factor_returns[names].corrwith(planted[names])
    assert rho.min() > least
    assert rho.median() > middle


@pytest.mark.parametrize(("kind", "low", "high"), [("industry", 0.9, 1.15), ("style", 0.9, 1.35)])
def test_errors_of_factor_returns_are_as_large_as_stated(history, planted, kind, low, high):
    """Styles are a little worse: beta and volatility are themselves estimated."""
    names = of_kind(history, planted, kind)
    stated = standard_errors(history, planted)[names]
    z = ((history.factor_returns[names] - planted[names]) / stated).to_numpy()
    assert low < np.sqrt(np.nanmean(z**2)) < high


# --- covariance --------------------------------------------------------------------------------------


def test_factor_volatilities_less_sampling_noise_are_the_planted_ones(world, history, planted):
    names = list(planted.columns)
    noise = (standard_errors(history, planted).loc[history.dates] ** 2).mean()
    found = np.diag(mean_covariance(history, names)) - noise.to_numpy()
    ratio = pd.Series(np.sqrt(found / np.diag(mean_true_covariance(world, history, names))), names)
    for kind in ("country", "industry", "style"):
        assert ratio[of_kind(history, planted, kind)].median() == pytest.approx(1.0, abs=0.2), kind
    assert ratio.between(0.5, 1.6).all()


def test_factor_correlations_are_the_planted_ones(world, history, planted):
    names = list(planted.columns)
    found, true = mean_covariance(history, names), mean_true_covariance(world, history, names)
    pairs = np.triu_indices(len(names), 1)
    error = [(c / np.sqrt(np.outer(np.diag(c), np.diag(c))))[pairs] for c in (found, true)]
    assert np.sqrt(np.mean((error[0] - error[1]) ** 2)) < 0.11  # sampling alone gives 1 / sqrt(450)


def test_covariance_of_factors_as_a_whole(world, history, planted):
    """Relative Frobenius error; the planted returns' own covariance over these sessions is off by 0.3."""
    names = list(planted.columns)
    found, true = mean_covariance(history, names), mean_true_covariance(world, history, names)
    assert np.linalg.norm(found - true) / np.linalg.norm(true) < 0.75


# --- specific risk -----------------------------------------------------------------------------------


def test_specific_risk_is_of_the_right_size_and_order(world, history):
    """The hidden factor is specific to a model without it."""
    rows = world.dates.get_indexer(history.dates)
    truth = world.truth
    hidden = truth.hidden_loading[rows] * truth.hidden_volatility[rows][:, None]
    true = truth.specific_volatility[rows].astype(np.float64) ** 2 + hidden**2
    found = history.record.specific[rows].astype(np.float64) ** 2
    both = np.isfinite(true) & np.isfinite(found)
    assert np.sqrt(np.mean(true[both] / found[both])) == pytest.approx(1.0, abs=0.2)
    long = both.sum(axis=0) > 100
    means = [np.nanmean(np.where(both, v, np.nan)[:, long], axis=0) for v in (true, found)]
    assert np.median(means[0] / means[1]) == pytest.approx(1.0, abs=0.2)
    assert pd.Series(means[0]).corr(pd.Series(means[1]), method="spearman") > 0.75


# --- the hidden factor -------------------------------------------------------------------------------


def explained(y, x):
    """Share of the variance of ``y`` that columns of ``x`` and a constant explain."""
    x = np.column_stack([np.ones(len(x)), x])
    return 1.0 - np.var(y - x @ np.linalg.lstsq(x, y)[0]) / np.var(y)


def test_principal_components_see_the_hidden_loading_and_styles_do_not(world, history, loadings):
    shares = {"styles": [], "pca": []}
    for row in range(350, 700, 50):
        hidden = world.truth.hidden_loading[row]
        pca = np.column_stack([frame.to_numpy()[row] for frame in loadings.values()])
        styles = np.column_stack([history.style(s.name).to_numpy()[row] for s in CNE5])
        styles = styles[:, np.isfinite(styles).any(axis=0)]
        held = np.isfinite(np.column_stack([hidden, pca, styles])).all(axis=1)
        shares["pca"].append(explained(hidden[held], pca[held]))
        shares["styles"].append(explained(hidden[held], styles[held]))
    assert max(shares["styles"]) < 0.05
    assert min(shares["pca"]) > 0.5
    assert np.median(shares["pca"]) > 0.75


def test_given_components_recover_the_hidden_return_and_explain_more(world, history, loadings):
    latent = tuple(StyleSpec(name, {name: 1.0}, kind="latent") for name in loadings)
    joined = Barra(styles=(*CNE5, *latent), eigen=None).fit(world, given=loadings)
    found = joined.factor_returns[list(loadings)].dropna()
    hidden = pd.Series(world.truth.hidden_returns, world.dates)[found.index]
    assert explained(hidden.to_numpy(), found.to_numpy()) > 0.9
    plain = history.factor_returns.drop(columns="country").loc[found.index].fillna(0.0)
    assert explained(hidden.to_numpy(), plain.to_numpy()) < 0.5  # forty noisy factors against five
    assert (joined.r2 - history.r2)[found.index].mean() > 0.02


def test_a_statistical_model_forecasts_a_bet_on_the_hidden_factor(world, history):
    """Without the factor a model takes the bet for specific risk, and understates it."""
    latent = Statistical("apca", window=252, factors=15).fit(world)
    outcome = {"apca": [], "barra": []}
    returns = world.returns()
    for row in range(520, 699, 2):
        models = {"apca": latent.at(world.dates[row]), "barra": history.at(world.dates[row])}
        shared = models["apca"].stocks.intersection(models["barra"].stocks)
        loading = pd.Series(world.truth.hidden_loading[row], world.stocks)[shared].dropna()
        bet = loading - loading.mean()
        realised = float(returns.iloc[row + 1][bet.index].fillna(0.0) @ bet)
        for name, model in models.items():
            outcome[name].append(realised / np.sqrt(model.variance(bet)))
    bias = {name: np.std(b) for name, b in outcome.items()}
    assert 0.75 < bias["apca"] < 1.35
    assert bias["barra"] > 3.0
