"""TRA: what the router sees and when, how it is taught, and what is left when there is nothing to route."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import alpha
from alpha.models.igmtf import IGMTFNetwork
from alpha.models.tra import TRA
from alpha.nn.router import Heads, relative
from alpha.nn.sinkhorn import by_range, transport
from alpha.train import train
from tests.alpha.test_models import days_for
from tests.alpha.worlds import fused, make_days

QUICK = alpha.TrainConfig(epochs=2, every=1, patience=2, learning_rate=1e-2, loss=alpha.losses.mse)
SMALL = alpha.GRU(hidden=6, steps=2)


def network(world=None, **settings):
    """An untrained network in use, and days with its memory."""
    torch.manual_seed(0)
    model = TRA(**({"backbone": SMALL, "hidden": 4, "length": 4} | settings)).build(3)
    found = make_days(days=24, stocks=12, features=3, steps=2) if world is None else world
    return model.eval(), model.furnish(found)


def task_of(days, train=14, config=QUICK, **more):
    rows = days.servable(np.arange(len(days.dates)))
    return alpha.Task(days, rows[:train], rows[train + 2 :], config, 0, **more)


def trained(config=QUICK, **settings):
    model, days = network(**settings)
    history = model.fit(task_of(days, config=config))
    return model, days, history


def score(model, batch):
    with torch.no_grad():
        return model.scores(batch)


def test_one_predictor_is_the_backbone_itself():
    torch.manual_seed(0)
    lone = TRA(backbone=SMALL, predictors=1).build(3)
    torch.manual_seed(0)
    bare = SMALL.build(3)
    days = make_days(features=3, steps=2)
    assert type(lone) is type(bare)
    batch = days.batch(20, labelled=False)
    assert torch.equal(score(lone, batch), score(bare, batch))


def test_the_memory_holds_known_errors_of_these_weights_and_no_others():
    """Horizon 2, length 4: session 12 reads 7 to 10, each squared error less the mean of the three."""
    model, days = network()
    batch = days.batch(12, labelled=False)
    assert batch.memory.shape == (12, 4, 3)
    for k, row in enumerate((7, 8, 9, 10)):
        past = replace(days, memory=None).batch(row, labelled=True)
        with torch.no_grad():
            _, guesses = model.guesses(past.x, past)
        wanted = (guesses - past.y[:, None]).square()
        wanted = wanted - wanted.mean(dim=1, keepdim=True)
        torch.testing.assert_close(batch.memory[:, k], wanted, rtol=2e-3, atol=2e-3)
    assert torch.isnan(days.batch(2, labelled=False).memory).all()  # no label is known yet
    known = torch.isfinite(days.batch(4, labelled=False).memory).all(dim=2).all(dim=0)
    assert known.tolist() == [False, False, True, True]  # windows of 2 steps begin with session 1


@pytest.mark.parametrize("memory", ["stock", "day"])
def test_labels_inside_the_horizon_cannot_reach_a_score_and_the_one_before_does(memory):
    info = "errors" if memory == "day" else "both"
    model, days, _ = trained(memory=memory, info=info)
    before = score(model, days.batch(20, labelled=False))
    for row, moves in ((20, False), (19, False), (18, True)):
        y = days.y.copy()
        y[row:] = -3 * y[row:] + 1.0
        after = score(model, replace(days, y=y).batch(20, labelled=False))
        assert torch.equal(before, after) is not moves, row


def test_a_stock_without_a_label_is_unknown_to_the_memory_and_to_the_transport():
    made = make_days(days=24, stocks=12, features=3, steps=2)
    made.y[10, 5] = np.nan
    model, days = network(made)
    known = torch.isfinite(days.batch(12, labelled=False).memory).all(dim=2)
    assert not known[5, 3]
    assert known.sum() == 12 * 4 - 1
    batch = days.batch(10, labelled=True)
    _, guesses = model.guesses(batch.x, batch)
    plan = model.plan(guesses, batch, batch.y, batch.label_mask)
    assert (plan[5] == 0).all()
    np.testing.assert_allclose(plan.sum(1)[torch.arange(12) != 5].detach(), 1.0, atol=1e-6)


def test_a_stock_that_comes_back_remembers_what_was_known_of_it():
    made = make_days(days=24, stocks=12, features=3, steps=2)
    made.present[9, 4] = False
    _, days = network(made)
    known = torch.isfinite(days.batch(12, labelled=False).memory).all(dim=2)
    assert known[4].tolist() == [True, True, False, True]
    assert known.sum() == 12 * 4 - 1


def test_unknown_errors_are_the_mean_of_the_predictors_and_not_perfection():
    nan = float("nan")
    seen = relative(torch.tensor([[[nan, nan], [-2e-3, 2e-3], [4e-3, -4e-3]]]))
    unit = (10e-6) ** 0.5
    wanted = [[0, 0, 0], [-2e-3 / unit, 2e-3 / unit, 1], [4e-3 / unit, -4e-3 / unit, 1]]
    torch.testing.assert_close(seen, torch.tensor([wanted]), rtol=1e-4, atol=1e-5)
    assert (relative(torch.full((2, 3, 2), nan)) == 0).all()


def test_shares_sum_to_one_and_weigh_the_predictors():
    model, days, _ = trained()
    batch = days.batch(20, labelled=False)
    with torch.no_grad():
        told = model.extra(batch)
    assert told["predictor"].shape == told["share"].shape == (12, 3)
    np.testing.assert_allclose(told["share"].sum(1), 1.0, atol=1e-6)
    torch.testing.assert_close((told["predictor"] * told["share"]).sum(1), score(model, batch))


def test_a_hard_route_takes_the_likeliest_predictor():
    model, days, _ = trained(route="hard")
    batch = days.batch(20, labelled=False)
    with torch.no_grad():
        told = model.extra(batch)
        h, _ = model.guesses(batch.x, batch)
        logits = model.router(h, batch.memory)
    chosen = logits.argmax(dim=1)
    assert torch.equal(told["share"], F.one_hot(chosen, 3).float())
    assert torch.equal(score(model, batch), told["predictor"].gather(1, chosen[:, None])[:, 0])


def test_the_loss_is_the_forecast_and_the_cross_entropy_to_the_transport():
    model, days = network(weight=0.7, blend=0.3)
    batch = days.batch(20, labelled=True)
    with torch.no_grad():
        h, guesses = model.guesses(batch.x, batch)
        q = torch.softmax(model.router(h, batch.memory), dim=1)
        costs = by_range((guesses - batch.y[:, None]).square())
        costs = by_range(0.3 * costs + 0.7 * by_range(batch.memory.mean(dim=1)))
        plan = transport(costs, 0.1, 3)
        wanted = ((q * guesses).sum(1) - batch.y).square().mean()
        wanted = wanted - 0.7 * (plan * q.log()).sum(1).mean()
        torch.testing.assert_close(model.loss(batch, alpha.losses.mse), wanted)


def gradients(model, batch):
    model.zero_grad()
    torch.manual_seed(3)
    model.loss(batch, alpha.losses.mse).backward()
    return {name: p.grad for name, p in model.named_parameters()}


def test_without_a_weight_the_transport_leaves_no_gradient():
    model, days = network(weight=0.0)
    batch = days.batch(20, labelled=True)
    found = gradients(model, batch)
    model.zero_grad()
    alpha.losses.mse(model.scores(batch), batch.y, batch.label_mask).backward()
    for name, p in model.named_parameters():
        torch.testing.assert_close(found[name], p.grad, msg=name)


def test_in_the_first_stage_the_transport_chooses_and_the_router_rests():
    model, days = network(pretrain=1)
    batch = days.batch(20, labelled=True)
    model.pretraining = True
    found = gradients(model, batch)
    for name, gradient in found.items():
        assert (gradient is None) == name.startswith("router"), name
    with torch.no_grad():
        _, guesses = model.guesses(batch.x, batch)
        plan = model.plan(guesses, batch, batch.y, batch.label_mask)
        wanted = ((plan * guesses).sum(1) - batch.y).square().mean()
        torch.testing.assert_close(model.loss(batch, alpha.losses.mse), wanted)


def test_scores_of_the_first_stage_take_no_label():
    """Validation by the transport would be validation by the answer."""
    model, days = network(pretrain=1)
    model.pretraining = True
    y = days.y.copy()
    y[19:] = 0.0
    batch = replace(days, y=y).batch(20, labelled=True)
    assert torch.equal(score(model, days.batch(20, labelled=True)), score(model, batch))


def test_a_frozen_backbone_stays_as_the_first_stage_left_it():
    model, days = network(pretrain=1, freeze=True)
    model.fit(task_of(days, config=replace(QUICK, epochs=1)))
    torch.manual_seed(0)
    other = TRA(backbone=SMALL, hidden=4, length=4, pretrain=1).build(3)
    other.pretraining = True
    days = other.furnish(days)
    train(other, task_of(days, config=replace(QUICK, epochs=1, patience=1)))
    mine, theirs = model.state(), other.state()
    for name in mine:
        kept = name.startswith("backbone.") and "head" not in name
        assert torch.equal(mine[name], theirs[name]) == kept, name
    assert all(p.requires_grad for p in model.parameters())


def test_two_stages_are_told_apart_and_leave_one_file(tmp_path):
    model, days = network(pretrain=2)
    history = model.fit(task_of(days, checkpoint=tmp_path / "checkpoint.pt"))
    assert history["stage"].tolist() == [0, 0, 1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_backbone_with_a_first_stage_of_its_own_leaves_one_file_too(tmp_path):
    settings = TRA(alpha.RSR("uniform", hidden=4, pretrain=True, steps=3), hidden=4, length=3)
    torch.manual_seed(0)
    model = settings.build(5)
    days = model.furnish(days_for(settings))
    config = replace(QUICK, epochs=1)
    history = model.fit(task_of(days, config=config, checkpoint=tmp_path / "checkpoint.pt"))
    assert np.isfinite(history.to_numpy()).all()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("pretrain", [0, 2])
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(tmp_path, pretrain):
    config = replace(QUICK, epochs=3, patience=3)
    model, days = network(pretrain=pretrain)
    model.fit(task_of(days, config=config))
    for fuse in (20, 50) if pretrain else (20,):
        other, its = network(pretrain=pretrain)
        with pytest.raises(KeyboardInterrupt):
            fused(other, fuse).fit(task_of(its, config=config, checkpoint=tmp_path / "c.pt"))
    again, its = network(pretrain=pretrain)
    again.fit(task_of(its, config=config, checkpoint=tmp_path / "c.pt"))
    for name, value in model.state().items():
        assert torch.equal(value, again.state()[name]), name


def test_training_reads_errors_of_the_weights_that_the_epoch_began_with():
    model, days = network()
    task = task_of(days)
    model.on_epoch_start(0, task)
    model.train()
    before = days.batch(12, labelled=True).memory
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1)
    assert torch.equal(days.batch(12, labelled=True).memory, before)
    model.eval()
    assert not torch.equal(days.batch(12, labelled=True).memory, before)


def test_lambda_falls_by_the_day_and_starts_where_the_epoch_does():
    model, days = network(decay=0.5, weight=1.0)
    task = task_of(days, train=14)
    batch = days.batch(12, labelled=True)
    model.on_epoch_start(0, task)
    with torch.no_grad():
        first = float(model.loss(batch, alpha.losses.mse))
        model.taken = 3
        third = float(model.loss(batch, alpha.losses.mse))
        model.taken = 10**6
        forecast = float(model.loss(batch, alpha.losses.mse))
    assert third - forecast == pytest.approx((first - forecast) / 8, rel=1e-3)
    model.on_epoch_start(2, task)
    assert model.taken == 28


def test_days_are_routed_whole_and_shared_out_among_the_days_before():
    model, days = network(memory="day", info="errors", predictors=2, blend=1.0, days=3)
    batch = days.batch(20, labelled=True)
    with torch.no_grad():
        told = model.extra(batch)
        assert (told["share"] == told["share"][0]).all()
        assert (batch.memory == batch.memory[:1]).all()
        model.train()
        seen = []
        for row in (17, 18, 19, 20):
            past = days.batch(row, labelled=True)
            _, guesses = model.guesses(past.x, past)
            seen.append(by_range((guesses - past.y[:, None]).square().mean(0, keepdim=True)))
            plan = model.plan(guesses, past, past.y, past.label_mask)
    wanted = transport(torch.cat(seen[1:]), 0.1, 3)[-1:].expand(12, -1)
    torch.testing.assert_close(plan, wanted)


@pytest.mark.parametrize(
    "backbone",
    [
        alpha.ALSTM(hidden=4, layers=1, steps=3),
        alpha.GATs(hidden=4, steps=3),
        alpha.GCN(hidden=4, steps=3),
        alpha.HIST(hidden=4, steps=3),
        alpha.Transformer(hidden=4, layers=1, steps=3),
    ],
    ids=lambda backbone: type(backbone).__name__,
)
def test_a_recipe_with_a_linear_head_is_a_backbone(backbone):
    settings = TRA(backbone, hidden=4, length=3)
    torch.manual_seed(0)
    model = settings.build(5)
    assert model.needs == backbone.build(5).needs | {"memory"}
    days = model.furnish(days_for(settings))
    model.fit(task_of(days, config=replace(QUICK, epochs=1)))
    batch = days.batch(20, labelled=False)
    present = torch.arange(24) > 3
    few = score(model, replace(batch, present=present))
    assert torch.isnan(few[:4]).all()
    assert torch.isfinite(few[4:]).all()
    assert few[4:].std() > 0


def test_what_cannot_be_routed_is_refused():
    with pytest.raises(ValueError, match="SecondOrder does not end in a linear head"):
        TRA(backbone=alpha.SecondOrder()).build(3)
    with pytest.raises(ValueError, match="LightGBM does not end in a linear head"):
        TRA(backbone=alpha.LightGBM()).build(3)
    with pytest.raises(ValueError, match="ASTGNN does not end in a linear head of one output"):
        TRA(backbone=alpha.ASTGNN()).build(3)
    with pytest.raises(ValueError, match="IGMTF makes a memory of its own"):
        TRA(backbone=alpha.IGMTF()).build(3)
    assert isinstance(TRA(backbone=alpha.IGMTF(), predictors=1).build(3), IGMTFNetwork)
    with pytest.raises(ValueError, match="route is 'medium'"):
        TRA(route="medium")
    with pytest.raises(ValueError, match="predictors is 0"):
        TRA(predictors=0)
    with pytest.raises(ValueError, match='use info="errors"'):
        TRA(memory="day")
    with pytest.raises(ValueError, match="set pretrain > 0"):
        TRA(freeze=True)


def test_days_of_another_network_are_refused():
    model, days = network()
    other, _ = network()
    with pytest.raises(ValueError, match="no memory of this network"):
        other.fit(task_of(days))
    bare = replace(days, memory=None).batch(20, labelled=False)
    with pytest.raises(ValueError, match="2020-01-29 has no memory"):
        model.scores(bare)


def cosine(scores, y, mask):
    """Minds the level of scores, and not their scale."""
    return 1 - F.cosine_similarity(scores[mask], y[mask], dim=0)


def absolute(scores, y, mask):
    return (scores - y)[mask].abs().mean()


@pytest.mark.parametrize("loss", [alpha.losses.ic, cosine], ids=["ic", "cosine"])
def test_a_loss_that_does_not_mind_the_scale_of_scores_is_refused(loss):
    model, days = network()
    task = task_of(days, config=replace(QUICK, loss=loss))
    with pytest.raises(
        ValueError, match=rf"TRA: the loss {loss.__name__} .*loss=alpha\.losses\.mse"
    ):
        model.fit(task)
    alone, days = network(predictors=1)
    assert np.isfinite(alone.fit(task_of(days, config=task.config)).to_numpy()).all()


@pytest.mark.parametrize("loss", [absolute, alpha.losses.RankingMSE(2.0)], ids=["mae", "ranking"])
def test_other_losses_in_the_units_of_the_labels_are_taken(loss):
    _, _, history = trained(config=replace(QUICK, epochs=1, loss=loss))
    assert np.isfinite(history.to_numpy()).all()


def test_heads_are_taken_once():
    heads = Heads(4, 2)
    heads(torch.ones(3, 4))
    assert heads.take()[1].shape == (3, 2)
    with pytest.raises(RuntimeError, match="nothing was predicted"):
        heads.take()
