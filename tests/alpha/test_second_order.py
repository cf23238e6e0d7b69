"""Ridge regressions day by day, what of them is known when, and the forecast of their coefficients."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

import alpha
from alpha.dataset import Dataset
from alpha.models.second_order import SecondOrder
from alpha.regressions import Coefficients, Ledger, ridge_solution
from alpha.splits import Fold
from tests.alpha.worlds import make_days, random_market

HORIZON = 2  # of make_days
SCALES = (1, 5)


def solved(days, ridge=0.1, history=3, scales=SCALES):
    return Coefficients.of(days, scales, ridge, history)


def linear_days(**settings):
    """Labels 1 + 2 x0 - x1 exactly."""
    days = make_days(steps=1, **settings)
    x = days.windows.x
    return replace(days, y=(1 + 2 * x[..., 0] - x[..., 1]).astype(np.float32))


def test_three_points_by_hand():
    x = np.array([[1.0, -1], [1, 0], [1, 1]])
    sums = x.T @ x, x.T @ np.array([-1.0, 1, 3]), 3
    np.testing.assert_allclose(ridge_solution(sums, 0.0), [1, 2])
    np.testing.assert_allclose(ridge_solution(sums, 2 / 3), [1, 1])
    assert np.isnan(ridge_solution((0 * sums[0], 0 * sums[1], 0), 1.0)).all()


def test_coefficients_are_ridge_on_the_latest_sessions_whose_labels_are_known():
    days = make_days(steps=1, target=lambda x: x[..., 0] - 0.5 * x[..., 2] ** 2)
    days.y[12, :7] = np.nan
    found = solved(days).values
    for k, scale in enumerate(SCALES):
        rows = slice(15 - HORIZON - scale + 1, 15 - HORIZON + 1)
        x, y = days.windows.x[rows].reshape(-1, 5), days.y[rows].ravel()
        known = np.isfinite(y)
        peer = Ridge(alpha=0.1 * known.sum()).fit(x[known], y[known])
        np.testing.assert_allclose(found[15, k, 0], peer.intercept_, atol=1e-5)
        np.testing.assert_allclose(found[15, k, 1:], peer.coef_, atol=1e-5)


def test_no_label_that_ends_after_the_close_is_read():
    days = make_days(steps=1)
    before = solved(days).values
    y = days.y.copy()
    y[20 - HORIZON + 1 :] = 9.0
    after = solved(replace(days, y=y)).values
    np.testing.assert_array_equal(after[:21], before[:21])
    assert (after[21] != before[21]).all()


def test_reading_inside_the_label_horizon_raises():
    ledger = Ledger(horizon=5, size=3)
    ledger.add(10, (np.eye(2), np.ones(2), 4))
    assert ledger.latest(1, now=15)[2] == 4
    with pytest.raises(ValueError, match="labels of session 10 are known at session 15"):
        ledger.latest(1, now=14)
    with pytest.raises(ValueError, match="session 12 does not follow session 10"):
        ledger.add(12, (np.eye(2), np.ones(2), 4))


def test_a_static_linear_truth_gives_the_same_coefficients_on_every_scale_and_day():
    values = solved(linear_days(), ridge=1e-9).values[HORIZON:]
    wanted = np.broadcast_to([1, 2, -1, 0, 0, 0], values.shape)
    np.testing.assert_allclose(values, wanted, atol=1e-5)


def test_the_order_of_the_stocks_leaves_the_coefficients_alone():
    days = make_days(steps=1)
    order = np.random.default_rng(0).permutation(24)
    windows = replace(days.windows, x=days.windows.x[:, order])
    other = replace(days, windows=windows, y=days.y[:, order])
    np.testing.assert_allclose(solved(other).values, solved(days).values, atol=1e-6)


def test_a_day_of_fewer_stocks_than_features_has_coefficients():
    days = make_days(steps=1, stocks=4, features=9)
    assert np.isfinite(solved(days, ridge=0.01).values[HORIZON:]).all()


def test_the_sequence_ends_with_today_and_begins_with_what_there_was():
    coefficients = solved(make_days(steps=1), history=4)
    sequence = coefficients.read(HORIZON + 1)
    assert sequence.shape == (2, 4, 6)
    assert np.isnan(sequence[:, :2]).all()
    np.testing.assert_array_equal(sequence[:, 3], coefficients.values[HORIZON + 1])
    np.testing.assert_array_equal(sequence[:, 2], coefficients.values[HORIZON])


class Last(nn.Module):
    def forward(self, x):
        return x[:, -1]


def network(scales, hidden=6, days=None, ridge=0.05):
    days = linear_days() if days is None else days
    settings = SecondOrder(scales=scales, history=3, hidden=hidden, ridge=ridge)
    torch.manual_seed(0)
    model = settings.build(days.features)
    days = model.furnish(days)
    rows = np.arange(10, 40)
    model.prepare(alpha.Task(days, rows[:20], rows[20:], alpha.TrainConfig(), 0))
    return model.eval(), days


def test_one_scale_and_an_identity_is_the_first_order_model():
    model, days = network((5,), days=make_days(steps=1))
    model.memories[0] = Last()
    nn.init.eye_(model.write.weight)
    nn.init.zeros_(model.write.bias)
    theta = days.theta.read(30)[0, -1]
    wanted = theta[0] + days.windows.x[30] @ theta[1:]
    with torch.no_grad():
        found = model.scores(days.batch(30, labelled=False))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_on_a_static_truth_any_attention_gives_the_same_forecast():
    model, days = network(SCALES, ridge=1e-9)
    batch = days.batch(30, labelled=False)
    with torch.no_grad():
        first = model.scores(batch)
        nn.init.normal_(model.attend.weigh.weight, std=30.0)
        torch.testing.assert_close(model.scores(batch), first, atol=2e-4, rtol=1e-4)
    x = days.windows.x[30]
    np.testing.assert_allclose(first, 1 + 2 * x[:, 0] - x[:, 1], atol=1e-4)


def test_the_attention_over_scales_sums_to_one():
    model, days = network(SCALES, days=make_days(steps=1))
    weights = model.weights(model.states(days.batch(30, labelled=False).theta))
    assert weights.shape == (2,)
    assert weights.sum().item() == pytest.approx(1.0)


def test_the_scale_of_the_coefficients_comes_from_the_training_sessions():
    days = make_days(steps=1)
    model, with_theta = network(SCALES, days=days)
    known = with_theta.theta.values[10:30]
    np.testing.assert_allclose(model.mean, known.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(model.std, known.std(axis=0), atol=1e-6)


def test_sessions_that_came_after_the_fit_are_scored_by_the_same_coefficients():
    market, settings = random_market(260), SecondOrder(scales=(1, 5), history=4)
    rows, nothing = np.arange(260), np.arange(0)
    whole = Fold("whole", rows[100:160], rows[170:200], rows[210:240])
    later = Fold("later", nothing, nothing, rows[230:240])
    one = alpha.FeatureSet("one", {"R": "close / lag(close, 1)", "S": "std(close, 5) / close"})
    data = Dataset.of(market, None, alpha.labels.week, one, (whole,), False)
    days = data.days(whole, 1, 1, None, settings.lookback)
    short = data.days(later, 1, 1, days.scaler, settings.lookback)
    found, wanted = (settings.build(2).furnish(d).theta.read(230) for d in (short, days))
    assert np.isfinite(wanted).all()
    np.testing.assert_array_equal(found, wanted)
    blind = data.days(later, 1, 1, days.scaler)
    assert np.isnan(settings.build(2).furnish(blind).theta.read(230)).any()


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"scales \(0, 5\) and history 20"):
        SecondOrder(scales=(0, 5))
    with pytest.raises(ValueError, match=r"ridge is 0\.0"):
        SecondOrder(ridge=0.0)
