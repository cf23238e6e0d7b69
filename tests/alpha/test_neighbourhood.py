"""Models on edge lists: stocks without neighbours, weights, draws, two stages, and a whole market."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import alpha
from alpha import graphs, models
from alpha.graphs.groups import BoundGroups
from tests.alpha.worlds import FOUR, make_days

KINDS = ("a", "b", "c", "d")
RECIPES = {
    "ChebNet": models.ChebNet(hidden=8, steps=4),
    "ChebNet of D - W": models.ChebNet(hidden=8, steps=4, laplacian="plain"),
    "GCN": models.GCN(hidden=8, steps=4),
    "GCN by rows": models.GCN(hidden=8, steps=4, rule="row"),
    "SGC": models.SGC(hidden=8, steps=4),
    **{
        f"GraphSAGE {kind}": models.GraphSAGE(kind, hidden=8, steps=4, samples=(3, 2))
        for kind in ("mean", "pool", "mean_pool", "lstm", "gcn")
    },
    **{
        f"RSR {kind}": models.RSR(kind, types=4, hidden=8, steps=4)
        for kind in ("uniform", "weighted", "explicit", "implicit")
    },
    "RSR softmax": models.RSR(normalise="softmax", types=4, hidden=8, steps=4),
    "RSR published": models.RSR(normalise="sender", types=4, hidden=8, steps=4),
}

ORDERLESS = [name for name in RECIPES if name != "GraphSAGE lstm"]  # it reads one after another


def network(name, features=5):
    torch.manual_seed(0)
    return RECIPES[name].build(features).eval()


def day(stocks=24, group=6, **world):
    days = make_days(stocks=stocks, **world)
    labels = np.broadcast_to(np.arange(stocks) // group, days.present.shape)
    return replace(days, graph=BoundGroups(labels, KINDS), typed=True)


@pytest.mark.parametrize("name", RECIPES)
def test_a_day_on_which_all_stocks_are_isolated_is_scored_by_the_stocks_alone(name):
    model = network(name)
    days = day()
    batch = days.batch(20, labelled=True)
    lone = replace(batch, edges=batch.edges[:, :0], edge_type=batch.edge_type[:0])
    with torch.no_grad():
        scores = model.scores(lone)
        assert torch.isfinite(scores).all()
        x = lone.x.clone()
        x[1:] += 1.0
        assert torch.equal(model.scores(replace(lone, x=x))[0], scores[0])
    model.train().loss(lone, alpha.losses.ic).backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("name", ORDERLESS)
def test_an_isolated_stock_changes_nobody(name):
    model, batch = network(name), day().batch(20, labelled=False)
    grown = replace(
        batch,
        codes=batch.codes.append(batch.codes[:1]),
        x=torch.cat([batch.x, torch.full_like(batch.x[:1], 3.0)]),
        present=torch.ones(25, dtype=torch.bool),
    )
    with torch.no_grad():
        torch.testing.assert_close(model.scores(grown)[:24], model.scores(batch), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ORDERLESS)
def test_the_order_of_edges_does_not_matter(name):
    model, batch = network(name), day().batch(20, labelled=False)
    order = torch.randperm(batch.edges.shape[1])
    mixed = replace(batch, edges=batch.edges[:, order], edge_type=batch.edge_type[order])
    with torch.no_grad():
        torch.testing.assert_close(model.scores(mixed), model.scores(batch), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", RECIPES)
def test_edges_of_absent_stocks_are_left_out(name):
    model, batch = network(name), day().batch(20, labelled=False)
    present = torch.ones(24, dtype=torch.bool)
    present[3] = False
    x = batch.x.clone()
    x[3] = float("nan")
    with torch.no_grad():
        scores = model.scores(replace(batch, x=x, present=present))
    assert torch.isfinite(scores[present]).all()
    assert torch.isnan(scores[3])


def test_a_model_says_which_edges_it_misses():
    batch = replace(day().batch(20, labelled=False), edge_type=None)
    with pytest.raises(
        ValueError, match="RSRNetwork: the batch of 2020-01-29 has no edges with ty"
    ):
        network("RSR implicit").scores(batch)
    with pytest.raises(ValueError, match="GCNNetwork: the batch of 2020-01-29 has no edges; fit"):
        network("GCN").scores(replace(batch, edges=None))
    with pytest.raises(
        ValueError, match=r"have 4 types and the settings 2; use alpha.RSR\(types=4"
    ):
        models.RSR(types=2, steps=4).build(5).scores(day().batch(20, labelled=False))


@pytest.mark.parametrize("kind", [models.GCN, models.SGC, models.ChebNet])
def test_weights_of_edges_count_where_they_are_asked_for(kind):
    torch.manual_seed(0)
    plain = kind(hidden=8, steps=4).build(5).eval()
    weighted = kind(hidden=8, steps=4, weighted=True).build(5).eval()
    weighted.load_state_dict(plain.state_dict())
    batch = day().batch(20, labelled=False)
    with torch.no_grad():
        equal = weighted.scores(batch)
        torch.testing.assert_close(equal, plain.scores(batch))
        heavy = replace(batch, edge_type=batch.edge_type * 3.0)
        tilted = torch.where(batch.edge_type[:, :1] > 0, 5.0 * batch.edge_type, batch.edge_type)
        uneven = weighted.scores(replace(batch, edge_type=tilted))
        # D^-1 W forgets a common factor, D + I does not
        assert torch.allclose(weighted.scores(heavy), equal) == (kind is models.ChebNet)
    assert not torch.allclose(uneven[:6], equal[:6]) or kind is models.ChebNet
    torch.testing.assert_close(uneven[6:], equal[6:])


def test_a_directed_graph_needs_the_rule_by_rows():
    batch = day().batch(20, labelled=False)
    arrows = replace(batch, edges=torch.tensor([[0, 1], [1, 2]]), edge_type=None)
    with pytest.raises(ValueError, match="the graph is directed"):
        network("GCN").scores(arrows)
    with torch.no_grad():
        assert torch.isfinite(network("GCN by rows").scores(arrows)).all()


def test_gcn_on_four_stocks_is_its_formula():
    torch.manual_seed(0)
    model = models.GCN(layers=2, hidden=3, steps=4).build(5)
    days = make_days(stocks=4)
    batch = replace(days.batch(20, labelled=False), edges=FOUR)
    w = torch.zeros(4, 4)
    w[FOUR[1], FOUR[0]] = 1.0
    a = w + torch.eye(4)
    a = a / torch.sqrt(a.sum(1)[:, None] * a.sum(1)[None])
    h = z = model.encoder(batch.x)
    for layer in model.layers:
        z = torch.relu(a @ z @ layer.project.weight.T)
    expected = model.head(torch.cat([h, z], dim=1))[:, 0]
    torch.testing.assert_close(model.scores(batch), expected)


def test_sampling_acts_in_training_only_and_a_draw_of_everyone_changes_nothing():
    batch = day().batch(20, labelled=False)
    model = network("GraphSAGE mean")
    with torch.no_grad():
        assert torch.equal(model.scores(batch), model.scores(batch))
        model.train()
        assert not torch.equal(model.scores(batch), model.scores(batch))
        whole = models.GraphSAGE("mean", samples=(5, 5), replacement=False, hidden=8, steps=4)
        full = whole.build(5)
        full.load_state_dict(model.state_dict())
        torch.testing.assert_close(full.train().scores(batch), full.eval().scores(batch))


def test_the_recurrent_aggregate_scores_a_day_the_same_way_twice():
    model, batch = network("GraphSAGE lstm"), day().batch(20, labelled=False)
    with torch.no_grad():
        assert torch.equal(model.scores(batch), model.scores(batch))


def test_two_stages_train_the_recurrent_net_alone_and_keep_it():
    days = day()
    rows = days.servable(np.arange(40))
    config = alpha.TrainConfig(epochs=2, every=1, patience=2, loss=alpha.losses.RankingMSE(0.1))
    task = alpha.Task(days, rows[:20], rows[20:], config, seed=0)
    torch.manual_seed(0)
    model = models.RSR(types=4, hidden=8, steps=4, pretrain=True).build(5)
    before = [p.clone() for p in model.encoder.parameters()]
    model.prepare(task)
    alone = [p.clone() for p in model.encoder.parameters()]
    assert not any(torch.equal(a, b) for a, b in zip(before, alone, strict=True))
    alpha.train.train(model, task)
    assert all(torch.equal(a, p) for a, p in zip(alone, model.encoder.parameters(), strict=True))
    assert not any(p.requires_grad for p in model.encoder.parameters())


def test_a_fit_gives_each_model_the_edges_it_reads(toy):
    codes = pd_labels(toy)
    graph = graphs.from_labels(codes)
    splits = alpha.WalkForward(train="1y", valid="6m", test="6m")
    config = alpha.TrainConfig(epochs=1, every=20)
    for model in (
        models.RSR(types=len(graph.kinds), hidden=4, steps=3),
        models.RSR("uniform", hidden=4, steps=3),
        models.GCN(hidden=4, steps=3),
    ):
        fitted = alpha.fit(model, toy, graph=graph, splits=splits, config=config)
        assert fitted.scores().notna().any(axis=1).all()
    with pytest.raises(ValueError, match="RSRNetwork needs edges"):
        alpha.fit(models.RSR(types=3), toy, splits=splits, config=config)


def pd_labels(market):
    close = market.field("close")
    return close.notna().mul(np.arange(len(market.stocks)) % 3).astype(int)


@pytest.mark.parametrize(
    "name", ["GCN", "GraphSAGE mean", "RSR explicit", "RSR implicit", "ChebNet"]
)
def test_a_market_of_five_thousand_stocks_is_trained_without_square_tensors(name):
    """30 industries make 830,000 edges; what is kept for the gradient is at most one number for each of their types."""
    stocks = 5000
    labels = np.broadcast_to(np.arange(stocks) * 30 // stocks, (4, stocks))
    days = make_days(days=4, stocks=stocks, features=3, steps=2)
    kinds = tuple(map(str, range(30)))
    days = replace(days, graph=BoundGroups(labels, kinds), typed="RSR" in name)
    settings = replace(RECIPES[name], hidden=64, steps=2)
    settings = replace(settings, types=30) if "RSR" in name else settings
    torch.manual_seed(0)
    model, batch = settings.build(3), days.batch(3, labelled=True)
    kept = []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(batch, alpha.losses.ic).backward()
    edges = batch.edges.shape[1]
    assert edges > 800_000
    assert max(kept) <= edges * 30  # the types of the edges; the largest of GCN are the edges
    assert "RSR" in name or max(kept) <= 2 * edges or "GraphSAGE" in name
