"""What every model in ``alpha.models`` must hold; a model is tested the moment it is imported there."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch

import alpha
from alpha import models
from alpha.batch import PARTS, Batch
from alpha.graphs.groups import BoundGroups
from alpha.graphs.memberships import BoundConcepts
from tests.alpha.worlds import make_days

ALL = [getattr(models, name) for name in models.__all__]
FEATURES = 5
ROWS = tuple("abcdefghijklm")  # kinds of relation, one for each row of neighbours
# Small enough to train in a second; trees need no regularisation on a thousand rows.
SMALL = {
    models.ADD: models.ADD(hidden=8, rounds=1, days_per_step=2, steps=4),
    models.ALSTM: models.ALSTM(hidden=8, layers=1, steps=4),
    models.ASTGNN: models.ASTGNN(hidden=8, weak=4, embedding=4, steps=4),
    models.ASTGNNFactors: models.ASTGNNFactors(factors=4, hidden=8, width=8, steps=4),
    models.GAT: models.GAT(hidden=8, heads=2, steps=4, layers=2),
    models.GATs: models.GATs(hidden=8, steps=4, layers=2),
    models.ChebNet: models.ChebNet(hidden=8, steps=4),
    models.GCN: models.GCN(hidden=8, steps=4),
    models.GRU: models.GRU(hidden=8, steps=4),
    models.GraphSAGE: models.GraphSAGE(hidden=8, steps=4, samples=(4, 2)),
    models.LightGBM: models.LightGBM(rounds=60, l1=0, l2=0.1, leaves=8, learning_rate=0.2),
    models.HIST: models.HIST(hidden=8, steps=4),
    models.IGMTF: models.IGMTF(hidden=8, bank_days=2, neighbours=3, gap=0, steps=4),
    models.LSTM: models.LSTM(hidden=8, layers=1, steps=4),
    models.RSR: models.RSR(hidden=8, types=len(ROWS), steps=4),
    models.SGC: models.SGC(hidden=8, steps=4),
    models.SecondOrder: models.SecondOrder(scales=(1, 5), history=3, hidden=8),
    models.TRA: models.TRA(models.GRU(hidden=8, steps=4), hidden=4, length=3),
    models.Transformer: models.Transformer(hidden=8, layers=1, steps=4),
}
NETWORKS = [kind for kind in ALL if kind is not models.LightGBM]
# Models that look at other stocks, as they are built for the panels made of others' features.
RELATIONAL = {
    models.ASTGNN: models.ASTGNN(hidden=16, weak=4, embedding=4, steps=1),
    models.ASTGNNFactors: models.ASTGNNFactors(factors=4, hidden=16, width=16, steps=1),
    models.GAT: models.GAT(hidden=16, heads=2, steps=1),
    models.GATs: models.GATs(hidden=16, steps=1),
    models.ChebNet: models.ChebNet(hidden=16, steps=1),
    models.GCN: models.GCN(hidden=16, layers=1, steps=1),
    models.GraphSAGE: models.GraphSAGE(hidden=16, layers=1, samples=(8,), steps=1),
    models.HIST: models.HIST(hidden=16, steps=1),
    models.RSR: models.RSR(hidden=16, types=len(ROWS), steps=1),
    models.SGC: models.SGC(hidden=16, layers=1, steps=1),
}


def recipe(kind):
    return SMALL.get(kind, kind())


def days_for(settings, group=6, **world):
    """Random days, with edges among every ``group`` stocks in a row."""
    days = make_days(steps=settings.steps, **world)
    labels = np.arange(days.present.size).reshape(days.present.shape) % days.present.shape[1]
    model = settings.build(days.features)
    days = replace(
        days,
        graph=BoundGroups(labels // group, ROWS),
        typed="edge_type" in model.needs,
        concepts=two_concepts_each(days.present.shape[1]),
        mktcap=np.exp(days.windows.x[..., 0] + 23),
        y_mkt=days.windows.x[..., -1].mean(axis=1),
    )
    return model.furnish(days)


def loss_for(kind):
    """What a model is trained on: TRA needs scores in the units of the labels."""
    return alpha.losses.mse if kind is models.TRA else alpha.losses.ic


def two_concepts_each(stocks):
    """Six stocks in a row, and every fourth one, always."""
    i = np.arange(stocks)
    held = np.stack([np.concatenate([i, i]), np.concatenate([i // 6, 100 + i % 4])])
    always = np.repeat([[0], [1]], 2 * stocks, axis=1)
    return BoundConcepts(held, always, np.zeros(1000), stocks)


def trained(kind, days=None, epochs=1, seed=0):
    """Train briefly on half of the days."""
    found = days if days is not None else days_for(recipe(kind))
    rows = found.servable(np.arange(len(found.dates)))
    middle = len(rows) // 2
    config = alpha.TrainConfig(
        epochs=epochs, every=1, learning_rate=1e-2, patience=epochs, loss=loss_for(kind)
    )
    torch.manual_seed(seed)
    model = recipe(kind).build(found.features)
    found = model.furnish(found)
    history = model.fit(alpha.Task(found, rows[:middle], rows[middle:], config, seed))
    return model, found, history


def begun(kind, days):
    """An untrained model, ready for its first step, and the days as it wants them."""
    torch.manual_seed(0)
    model = recipe(kind).build(FEATURES)
    days = model.furnish(days)
    rows = days.servable(np.arange(len(days.dates)))
    task = alpha.Task(days, rows, rows, alpha.TrainConfig(), 0)
    model.prepare(task)
    model.on_epoch_start(0, task)
    return model, days


def score(model, batch):
    with torch.no_grad():
        return model.scores(batch)


def cut(batch: Batch, keep: np.ndarray) -> Batch:
    """The same day with only the stocks ``keep``, in that order."""
    place = torch.full((len(batch.codes),), -1)
    place[torch.as_tensor(keep)] = torch.arange(len(keep))
    edges = place[batch.edges]
    between = (edges >= 0).all(dim=0)
    held = torch.stack([place[batch.concepts[0]], batch.concepts[1]])
    return replace(
        batch,
        codes=batch.codes[keep],
        x=batch.x[keep],
        present=batch.present[keep],
        label_mask=None if batch.label_mask is None else batch.label_mask[keep],
        y=None if batch.y is None else batch.y[keep],
        edges=edges[:, between],
        edge_type=None if batch.edge_type is None else batch.edge_type[between],
        concepts=held[:, held[0] >= 0],
        mktcap=batch.mktcap[keep],
        memory=None if batch.memory is None else batch.memory[keep],
    )


def hide(batch: Batch, present: torch.Tensor, garbage: float) -> Batch:
    """The same day with the others absent: garbage for all that is known of them, no edges."""
    between = present[batch.edges].all(0)
    return replace(
        batch,
        x=torch.where(present[:, None, None], batch.x, garbage),
        present=present,
        edges=batch.edges[:, between],
        edge_type=None if batch.edge_type is None else batch.edge_type[between],
        mktcap=torch.where(present, batch.mktcap, garbage),
        memory=None
        if batch.memory is None
        else torch.where(present[:, None, None], batch.memory, garbage),
    )


def rank_ic(model, days, rows):
    table = alpha.predict(model, days, rows)
    label = pd.DataFrame(days.y, index=days.dates, columns=days.stocks)
    return alpha.evaluate.rank_ic(table, label).mean()


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
    padded = score(model, hide(batch, present, garbage))
    torch.testing.assert_close(padded[keep], score(model, cut(batch, keep)), rtol=1e-5, atol=1e-6)
    assert torch.isnan(padded[~present]).all()


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_no_gradient_reaches_the_garbage_of_absent_stocks(kind):
    model, days, _ = trained(kind)
    batch = days.batch(20, labelled=True)
    present = torch.arange(24) % 3 > 0
    padded = hide(batch, present, float("nan"))
    x = padded.x.requires_grad_()
    padded = replace(padded, label_mask=batch.label_mask & present)
    model.loss(padded, alpha.losses.mse).backward()
    assert (x.grad[~present] == 0).all()
    assert (x.grad[present] != 0).any()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("count", [1, 2, 73])
def test_a_model_scores_days_of_other_sizes_and_new_names(fitted, count):
    kind, model, _, _ = fitted
    other = days_for(recipe(kind), days=12, stocks=count, seed=9)
    scores = score(model, other.batch(11, labelled=False))
    assert scores.shape == (count,)
    assert torch.isfinite(scores).all()


def test_an_empty_day_has_no_scores(fitted):
    _, model, days, _ = fitted
    batch = days.batch(20, labelled=False)
    nobody = hide(batch, torch.zeros(24, dtype=torch.bool), float("nan"))
    assert torch.isnan(score(model, nobody)).all()


def test_scores_of_a_day_do_not_see_later_days(fitted):
    _, model, days, _ = fitted
    x = days.windows.x.copy()
    x[21:] = 1e6
    y = days.y.copy()
    y[20:] = 3.0
    later = replace(days, windows=replace(days.windows, x=x), y=y)
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
    days = days_for(recipe(kind))
    days.windows.x[:, :, 2] = 0.0
    days.y[10] = np.nan
    model, _, history = trained(kind, days)
    assert torch.isfinite(score(model, days.batch(20, labelled=False))).all()
    assert np.isfinite(history.to_numpy()).all()


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_a_gradient_reaches_every_parameter(kind):
    model, days = begun(kind, days_for(recipe(kind)))
    model.loss(days.batch(20, labelled=True), alpha.losses.mse).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert silent == []


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_a_loss_without_labels_is_refused(kind):
    days = days_for(recipe(kind))
    model = recipe(kind).build(FEATURES)
    with pytest.raises(ValueError, match="2020-01-29 has no labels"):
        model.loss(days.batch(20, labelled=False), alpha.losses.mse)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_model_learns_a_label_that_its_own_features_decide(kind):
    days = days_for(recipe(kind), days=60, stocks=40)
    model, _, history = trained(kind, days, epochs=15)
    first = history["valid"].iloc[0]
    assert history["valid"].max() > first or first > 0.99  # regressions begin at the answer
    assert rank_ic(model, days, np.arange(40, 60)) > 0.9


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_one_day_can_be_learnt_by_heart(kind):  # trees do not: a leaf of theirs holds 20 stocks
    settings = recipe(kind)
    torch.manual_seed(0)
    model = settings.build(FEATURES)
    days = model.furnish(days_for(settings, days=6))
    rows = np.array([5])
    read = getattr(settings, "bank_days", 0)  # days before that are read, not learnt
    config = alpha.TrainConfig(
        epochs=150, every=1, patience=150, learning_rate=2e-2, loss=loss_for(kind)
    )
    model.fit(alpha.Task(days, np.arange(5 - read, 6), rows, config, 0))
    batch = days.batch(5, labelled=True)
    assert 1 - alpha.losses.ic(score(model, batch), batch.y, batch.label_mask) > 0.9


def spillover(x):
    """Mean of the first feature over a stock's group, itself left out."""
    groups = x[..., 0].reshape(len(x), -1, 8)
    others = (groups.sum(axis=2, keepdims=True) - groups) / 7
    return others.reshape(x.shape[:2])


def mood(x):
    """The first feature times the sign of what all stocks have in common, which one alone hardly shows."""
    rng = np.random.default_rng(1)
    sign = rng.choice([-1.0, 1.0], size=(len(x), 1))
    x[..., 1] = 0.2 * x[..., 1] + sign + 2.0 * rng.normal(size=x.shape[:2])
    return x[..., 0] * sign


def panel_score(settings, target):
    """RankIC after the training on a panel of which others decide the labels."""
    days = days_for(settings, group=8, days=130, stocks=40, features=3, target=target)
    config = alpha.TrainConfig(epochs=12, every=1, learning_rate=2e-2, patience=4)
    torch.manual_seed(0)
    model = settings.build(3)
    model.fit(alpha.Task(days, np.arange(90), np.arange(90, 110), config, 0))
    return rank_ic(model, days, np.arange(110, 130))


@cache
def lone_score(target):
    return panel_score(models.GRU(hidden=16, steps=1), target)


@pytest.mark.parametrize("kind", RELATIONAL, ids=lambda kind: kind.__name__)
def test_a_relational_model_sees_what_a_lone_encoder_cannot(kind):
    settings = RELATIONAL[kind]
    target = spillover if "edges" in settings.build(3).needs else mood
    assert panel_score(settings, target) > lone_score(target) + 0.2


def test_only_relational_models_look_at_other_stocks(fitted):
    kind, model, days, _ = fitted
    if kind is models.IGMTF:
        pytest.skip("the others decide which past days are read, in steps: see test_igmtf.py")
    batch = days.batch(20, labelled=False)
    x = batch.x.clone()
    x[0] += 1.0  # a neighbour of the next five
    moved = (score(model, replace(batch, x=x)) - score(model, batch))[1:6].abs()
    assert (moved > 1e-7).any() if kind in RELATIONAL else (moved == 0).all()


def with_dropout(kind):
    """Its small recipe with dropout, and a second layer where dropout acts between layers."""
    names = {f.name for f in fields(kind)}
    deeper = "rnn_layers" if "rnn_layers" in names else "layers"
    return replace(recipe(kind), dropout=0.5, **({deeper: 2} if deeper in names else {}))


@pytest.mark.parametrize(
    "kind",
    [kind for kind in NETWORKS if "dropout" in {f.name for f in fields(kind)}],
    ids=lambda kind: kind.__name__,
)
def test_dropout_acts_in_training_only(kind):
    settings = with_dropout(kind)
    torch.manual_seed(0)
    model = settings.build(FEATURES)
    batch = days_for(settings).batch(20, labelled=False)
    model.train()
    assert not torch.equal(model.scores(batch), model.scores(batch))
    model.eval()
    assert torch.equal(model.scores(batch), model.scores(batch))


def test_settings_that_would_do_nothing_are_refused():
    with pytest.raises(ValueError, match=r"dropout 0\.5 acts between recurrent layers"):
        models.GRU(dropout=0.5).build(FEATURES)
    with pytest.raises(ValueError, match="layers is 0"):
        models.GATs(layers=0)
    with pytest.raises(ValueError, match="hidden 8 is no multiple of heads 3"):
        models.GAT(hidden=8, heads=3)
    with pytest.raises(ValueError, match="mode 'local' is unknown"):
        models.GAT(mode="local")
    with pytest.raises(ValueError, match="multiple of twice the 4 heads"):
        models.Transformer(hidden=12, heads=4).build(FEATURES)
    with pytest.raises(ValueError, match="cell is 'rnn'"):
        models.GATs(cell="rnn").build(FEATURES)
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
