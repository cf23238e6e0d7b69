"""What every model in ``alpha.models`` must hold; a model is tested the moment it is imported there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import alpha
from alpha import models
from alpha.batch import PARTS, Batch
from tests.alpha.worlds import make_days

ALL = [getattr(models, name) for name in models.__all__]
FEATURES = 5
# Small enough to train in a second; trees need no regularisation on a thousand rows.
SMALL = {
    models.GRU: models.GRU(hidden=8, steps=4),
    models.GATs: models.GATs(hidden=8, steps=4, layers=2),
    models.LightGBM: models.LightGBM(rounds=60, l1=0, l2=0.1, leaves=8, learning_rate=0.2),
}
NETWORKS = [kind for kind in ALL if kind is not models.LightGBM]
RELATIONAL = [models.GATs]


def recipe(kind):
    return SMALL.get(kind, kind())


def trained(kind, days=None, epochs=1, seed=0):
    """Train briefly on half of the days."""
    found = days if days is not None else make_days(steps=recipe(kind).steps)
    rows = found.servable(np.arange(len(found.dates)))
    middle = len(rows) // 2
    config = alpha.TrainConfig(epochs=epochs, every=1, learning_rate=1e-2, patience=epochs)
    torch.manual_seed(seed)
    model = recipe(kind).build(found.features)
    history = model.fit(alpha.Task(found, rows[:middle], rows[middle:], config, seed))
    return model, found, history


def score(model, batch):
    with torch.no_grad():
        return model.scores(batch)


def cut(batch: Batch, keep: np.ndarray) -> Batch:
    """The same day with only the stocks ``keep``, in that order."""
    return replace(
        batch,
        codes=batch.codes[keep],
        x=batch.x[keep],
        present=batch.present[keep],
        label_mask=None if batch.label_mask is None else batch.label_mask[keep],
        y=None if batch.y is None else batch.y[keep],
    )


@pytest.fixture(scope="module", params=ALL, ids=lambda kind: kind.__name__)
def fitted(request):
    return (request.param, *trained(request.param))


def test_every_recipe_builds_from_its_defaults():
    for kind in ALL:
        assert kind().steps >= 1
        assert kind().build(30).needs <= PARTS


def test_scores_are_finite_and_one_a_stock(fitted):
    _, model, days, _ = fitted
    scores = score(model, days.batch(20, labelled=False))
    assert scores.shape == (24,)
    assert scores.dtype == torch.float32
    assert torch.isfinite(scores).all()


def test_scores_permute_with_the_stocks(fitted):
    _, model, days, _ = fitted
    batch = days.batch(20, labelled=False)
    order = np.random.default_rng(0).permutation(24)
    torch.testing.assert_close(
        score(model, cut(batch, order)), score(model, batch)[order], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("garbage", [1e9, float("nan"), float("inf")])
def test_padding_is_removal(fitted, garbage):
    _, model, days, _ = fitted
    batch = days.batch(20, labelled=False)
    keep = np.flatnonzero(np.arange(24) % 3 > 0)
    present = torch.zeros(24, dtype=torch.bool)
    present[keep] = True
    x = torch.where(present[:, None, None], batch.x, garbage)
    padded = score(model, replace(batch, x=x, present=present))
    torch.testing.assert_close(padded[keep], score(model, cut(batch, keep)), rtol=1e-5, atol=1e-6)
    assert torch.isnan(padded[~present]).all()


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_no_gradient_reaches_the_garbage_of_absent_stocks(kind):
    model, days, _ = trained(kind)
    batch = days.batch(20, labelled=True)
    present = torch.arange(24) % 3 > 0
    x = torch.where(present[:, None, None], batch.x, float("nan")).requires_grad_()
    padded = replace(batch, x=x, present=present, label_mask=batch.label_mask & present)
    model.loss(padded, alpha.losses.mse).backward()
    assert (x.grad[~present] == 0).all()
    assert (x.grad[present] != 0).any()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("count", [1, 2, 73])
def test_a_model_scores_days_of_other_sizes_and_new_names(fitted, count):
    kind, model, _, _ = fitted
    other = make_days(days=12, stocks=count, seed=9, steps=recipe(kind).steps)
    scores = score(model, other.batch(11, labelled=False))
    assert scores.shape == (count,)
    assert torch.isfinite(scores).all()


def test_an_empty_day_has_no_scores(fitted):
    _, model, days, _ = fitted
    batch = days.batch(20, labelled=False)
    nobody = replace(batch, present=torch.zeros(24, dtype=torch.bool))
    assert torch.isnan(score(model, nobody)).all()


def test_scores_of_a_day_do_not_see_later_days(fitted):
    _, model, days, _ = fitted
    x = days.x.copy()
    x[21:] = 1e6
    y = days.y.copy()
    y[20:] = 3.0
    later = replace(days, x=x, y=y)
    assert torch.equal(
        score(model, days.batch(20, labelled=False)), score(model, later.batch(20, labelled=False))
    )


def test_scores_do_not_depend_on_labels(fitted):
    _, model, days, _ = fitted
    assert torch.equal(
        score(model, days.batch(20, labelled=False)), score(model, days.batch(20, labelled=True))
    )


def test_the_same_seed_gives_the_same_scores_and_another_seed_others(fitted):
    kind, model, days, _ = fitted
    batch = days.batch(20, labelled=False)
    again, _, _ = trained(kind)
    assert torch.equal(score(model, batch), score(again, batch))
    other, _, _ = trained(kind, seed=1)
    assert not torch.equal(score(model, batch), score(other, batch))


def test_state_survives_the_disk(fitted, tmp_path):
    kind, model, days, _ = fitted
    torch.save(model.state(), tmp_path / "weights.pt")
    fresh = recipe(kind).build(FEATURES)
    fresh.load(torch.load(tmp_path / "weights.pt", weights_only=True))
    batch = days.batch(20, labelled=False)
    assert torch.equal(score(model, batch), score(fresh, batch))


def test_a_constant_feature_and_a_day_without_labels_do_no_harm(fitted):
    kind = fitted[0]
    days = make_days(steps=recipe(kind).steps)
    days.x[:, :, 2] = 0.0
    days.y[10] = np.nan
    model, _, history = trained(kind, days)
    assert torch.isfinite(score(model, days.batch(20, labelled=False))).all()
    assert np.isfinite(history.to_numpy()).all()


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_a_gradient_reaches_every_parameter(kind):
    days = make_days(steps=recipe(kind).steps)
    torch.manual_seed(0)
    model = recipe(kind).build(FEATURES)
    model.loss(days.batch(20, labelled=True), alpha.losses.mse).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert silent == []


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_a_loss_without_labels_is_refused(kind):
    days = make_days(steps=recipe(kind).steps)
    model = recipe(kind).build(FEATURES)
    with pytest.raises(ValueError, match="2020-01-29 has no labels"):
        model.loss(days.batch(20, labelled=False), alpha.losses.mse)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_model_learns_a_label_that_its_own_features_decide(kind):
    days = make_days(days=60, stocks=40, steps=recipe(kind).steps)
    model, _, history = trained(kind, days, epochs=15)
    assert history["valid"].max() > history["valid"].iloc[0]
    table = alpha.predict(model, days, np.arange(40, 60))
    label = pd.DataFrame(days.y, index=days.dates, columns=days.stocks)
    assert alpha.evaluate.rank_ic(table, label).mean() > 0.9


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_one_day_can_be_learnt_by_heart(kind):  # trees do not: a leaf of theirs holds 20 stocks
    days = make_days(days=6, steps=recipe(kind).steps, stocks=24)
    rows = np.array([5])
    config = alpha.TrainConfig(epochs=150, every=1, patience=150, learning_rate=2e-2)
    torch.manual_seed(0)
    model = recipe(kind).build(FEATURES)
    model.fit(alpha.Task(days, rows, rows, config, 0))
    batch = days.batch(5, labelled=True)
    assert 1 - alpha.losses.ic(score(model, batch), batch.y, batch.label_mask) > 0.9


@pytest.mark.parametrize("kind", RELATIONAL, ids=lambda kind: kind.__name__)
def test_a_relational_model_sees_what_a_lone_encoder_cannot(kind):
    """The label is a stock's feature times the sign of the market's mean of another feature."""
    rng = np.random.default_rng(1)
    mood = rng.choice([-1.0, 1.0], size=130)

    def target(x):
        x[..., 1] = 0.2 * x[..., 1] + mood[:, None]
        x[..., 1] += 2.0 * rng.normal(size=x[..., 1].shape)  # one stock alone hardly tells the mood
        return x[..., 0] * mood[:, None]

    days = make_days(days=130, stocks=40, features=3, steps=1, target=target)
    found = {}
    for name, settings in {
        "related": replace(recipe(kind), steps=1, layers=1, hidden=16),
        "alone": models.GRU(hidden=16, steps=1),
    }.items():
        torch.manual_seed(0)
        model = settings.build(3)
        config = alpha.TrainConfig(epochs=12, every=1, learning_rate=2e-2, patience=12)
        model.fit(alpha.Task(days, np.arange(90), np.arange(90, 110), config, 0))
        table = alpha.predict(model, days, np.arange(110, 130))
        label = pd.DataFrame(days.y, index=days.dates, columns=days.stocks)
        found[name] = alpha.evaluate.rank_ic(table, label).mean()
    assert found["related"] > found["alone"] + 0.2


def test_dropout_acts_in_training_only():
    model = models.GRU(hidden=8, layers=2, dropout=0.5, steps=4).build(FEATURES)
    batch = make_days().batch(20, labelled=False)
    model.train()
    assert not torch.equal(model.scores(batch), model.scores(batch))
    model.eval()
    assert torch.equal(model.scores(batch), model.scores(batch))


def test_settings_that_would_do_nothing_are_refused():
    with pytest.raises(ValueError, match=r"dropout 0\.5 acts between recurrent layers"):
        models.GRU(dropout=0.5).build(FEATURES)
    with pytest.raises(ValueError, match="layers is 0"):
        models.GATs(layers=0)
    with pytest.raises(ValueError, match="no trees yet"):
        models.LightGBM().build(FEATURES).scores(make_days().batch(20, labelled=False))


def test_the_trees_of_two_runs_are_the_same_text():
    days = make_days(days=60, steps=1)
    texts = []
    for _ in range(2):
        model = SMALL[models.LightGBM].build(FEATURES)
        task = alpha.Task(days, np.arange(40), np.arange(40, 60), alpha.TrainConfig(every=1), 3)
        model.fit(task)
        texts.append(model.state()["trees"])
    assert texts[0] == texts[1]
