"""ASTGNN on risk factors: which columns feed which part, and what the graph layers do."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import alpha
from alpha import losses
from alpha.models.astgnn_factors import ASTGNNFactors
from tests.alpha.worlds import make_days

EVERYONE = torch.ones(24, dtype=torch.bool)
SMALL = ASTGNNFactors(sequence=2, factors=4, hidden=8, width=8, dropout=0.0, steps=4)


def built(settings=SMALL, features=5):
    torch.manual_seed(0)
    return settings.build(features)


def day(labelled=False):
    return make_days().batch(20, labelled=labelled)


def with_x(batch, x):
    return replace(batch, x=x)


def test_features_of_earlier_days_do_not_matter_and_exposures_do():
    model, batch = built(), day()
    earlier = batch.x.clone()
    earlier[:, :-1, 2:] += 7.0
    assert torch.equal(model.scores(with_x(batch, earlier)), model.scores(batch))
    exposures = batch.x.clone()
    exposures[:, 0, :2] += 7.0
    assert not torch.allclose(model.scores(with_x(batch, exposures)), model.scores(batch))


def test_risk_factors_come_from_exposures_alone_and_move_the_score_through_the_graph_alone():
    model, batch = built(), day()
    features = batch.x.clone()
    features[..., 2:] *= -1.0
    moved = with_x(batch, features)
    assert torch.equal(model.extra(moved)["risk"], model.extra(batch)["risk"])
    assert model.extra(batch)["risk"].shape == (24, 4)
    empty = batch.x.clone()
    empty[:, -1, 2:] = 0.0  # nothing to travel over the graph
    scores = model.scores(with_x(batch, empty))
    assert (scores - scores[0]).abs().max() == 0.0


def test_the_gradient_reaches_the_history_through_the_graph():
    model = built()
    model.loss(day(labelled=True), losses.ic).backward()
    for name, weight in model.named_parameters():
        if name.startswith(("encoder", "attend", "residual", "nodes", "graph")):
            assert weight.grad.abs().sum() > 0, name


def test_without_layers_of_difference_and_with_one_coordinate_for_all_it_shrinks_to_the_mean():
    """score = w . W' (x + mean x): a linear model of the features and their mean."""
    model, batch = built(replace(SMALL, modes=("add",))), day()
    torch.nn.init.zeros_(model.nodes.weight)
    now = batch.x[:, -1, 2:]
    linear = model.head.weight @ model.layers[0].project.weight
    expected = (now + now.mean(dim=0)) @ linear[0] + model.head.bias
    torch.testing.assert_close(model.scores(batch), expected, rtol=1e-4, atol=1e-5)


def test_the_order_of_the_modes_matters():
    batch = day()
    one, other = (
        built(replace(SMALL, modes=m)) for m in (("add", "subtract"), ("subtract", "add"))
    )
    assert not torch.allclose(one.scores(batch), other.scores(batch), atol=1e-3)


def test_all_columns_serve_both_parts_when_none_are_named():
    model = built(replace(SMALL, sequence=None))
    assert model.encoder.steps.weights.input_size == 5
    assert model.layers[0].project.in_features == 5


def test_absent_stocks_have_no_risk_factors():
    present = torch.arange(24) % 3 > 0
    batch = replace(day(), present=present)
    risk = built().extra(batch)["risk"]
    assert torch.isnan(risk[~present]).all()
    assert torch.isfinite(risk[present]).all()


def test_the_graph_tells_what_group_a_stock_is_in():
    """The label is a feature less its mean in the stock's group of 10; two more features are noise."""
    rng = np.random.default_rng(0)
    group = np.arange(40) % 4

    def target(x):
        x[..., :4] = np.eye(4)[group] + 0.1 * rng.normal(size=(*x.shape[:2], 4))
        x[..., 4] += 3.0 * rng.normal(size=(len(x), 4))[:, group]
        means = np.stack([x[:, group == g, 4].mean(axis=1) for g in range(4)], axis=1)
        return x[..., 4] - means[:, group]

    days = make_days(days=80, stocks=40, features=7, steps=1, target=target)
    found = {}
    config = alpha.TrainConfig(epochs=3, every=1, learning_rate=2e-2)
    settings = replace(SMALL, sequence=4, steps=1, modes=("subtract",), sparse=True)
    for name, recipe in {"graph": settings, "alone": alpha.GRU(hidden=16, steps=1)}.items():
        torch.manual_seed(0)
        model = recipe.build(7)
        history = model.fit(alpha.Task(days, np.arange(60), np.arange(60, 80), config, 0))
        found[name] = history["valid"].max()
    assert found["graph"] > 0.8
    assert found["alone"] < 0.6


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="modes is empty"):
        ASTGNNFactors(modes=())
    with pytest.raises(ValueError, match="sequence is 0"):
        ASTGNNFactors(sequence=0)
    with pytest.raises(ValueError, match="5 columns and sequence=5 leaves no feature"):
        ASTGNNFactors(sequence=5).build(5)
