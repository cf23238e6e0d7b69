"""Relation layers, the two stages and the ranking loss of RSR: the example by hand, published traps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import alpha
from alpha.graphs.groups import BoundGroups
from alpha.nn.pairs import misordered
from alpha.nn.relation import RelationLayer
from tests.alpha.worlds import FOUR, make_days

E = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]])
KINDS = {frozenset({0, 1}): [1, 0], frozenset({0, 3}): [0, 1], frozenset({1, 2}): [1, 0]}
KINDS[frozenset({1, 3})] = [1, 1]
TYPES = torch.tensor([KINDS[frozenset(pair)] for pair in FOUR.T.tolist()], dtype=torch.float32)
STRENGTHS = ["uniform", "weighted", "explicit", "implicit"]
RULES = ["degree", "softmax", "softmax_degree", "sender"]


def hand(strength, normalise="degree"):
    """The layer with the weights of the specification: w = (.5, -.25), b = .1, no root of U."""
    layer = RelationLayer(2, 2, strength, normalise, scale=1.0)
    with torch.no_grad():
        if strength != "uniform":
            layer.relation.weight[:] = torch.tensor([[0.5, -0.25]])
            layer.relation.bias.fill_(0.1)
        if strength == "implicit":
            layer.receiver.weight[:] = torch.tensor([[0.1, 0.2]])
            layer.sender.weight[:] = torch.tensor([[-0.3, 0.4]])
    return layer


def by_pair(values):
    """Values of edges as a dense matrix, row i for the stock that receives."""
    dense = torch.zeros(4, 4)
    dense[FOUR[1], FOUR[0]] = values
    return dense


def close(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=0)


def test_uniform_propagation_divides_by_the_senders_degree():
    close(
        hand("uniform")(E, FOUR, TYPES),
        [[1, -0.166667], [2.5, 0.5], [0, 0.333333], [0.5, 0.333333]],
    )


def test_the_importance_of_relation_types_and_explicit_propagation():
    g = by_pair(hand("weighted").strengths(E, FOUR, TYPES))
    close(g, [[0, 0.6, 0, -0.03], [0.6, 0, 0.6, 0.35], [0, 0.6, 0, 0], [-0.03, 0.35, 0, 0]])
    close(
        hand("explicit")(E, FOUR, TYPES),
        [[-0.06, 0.03], [0.25, 0.775], [0, 0.2], [-0.03, -0.116667]],
    )


def test_weighted_propagation_is_importance_over_degree():
    g = by_pair(hand("weighted").strengths(E, FOUR, TYPES))
    sent = torch.tensor([2.0, 3.0, 1.0, 2.0])
    torch.testing.assert_close(hand("weighted")(E, FOUR, TYPES), (g / sent) @ E)


def test_implicit_strengths_and_their_softmax():
    layer = hand("implicit", "softmax")
    close(
        by_pair(layer.strengths(E, FOUR, TYPES)),
        [[0, 1.1, 0, -0.21], [0.5, 0, 0.9, -0.09], [0, 1.3, 0, 0], [-0.09, 0.75, 0, 0]],
    )
    close(by_pair(layer.weights(E, FOUR, TYPES))[0], [0, 0.787513, 0, 0.212487])
    close(
        layer(E, FOUR, TYPES),
        [[0.424974, 0.575026], [1.181976, 0.307764], [0, 1], [0.301535, 0.698465]],
    )
    close(
        hand("implicit", "softmax_degree")(E, FOUR, TYPES),
        [[0.212487, 0.156261], [0.835858, 0.398753], [0, 0.333333], [0.150767, 0.232822]],
    )


def test_the_published_program_normalises_what_a_stock_sends():
    weights = by_pair(hand("implicit", "sender").weights(E, FOUR, TYPES))
    assert weights.sum(0).tolist() == pytest.approx([1, 1, 1, 1])
    assert weights.sum(1).tolist() != pytest.approx([1, 1, 1, 1])


def test_explicit_strengths_are_divided_by_the_root_of_the_width():
    torch.manual_seed(0)
    layer = RelationLayer(64, 2, "explicit")
    free = RelationLayer(64, 2, "explicit", scale=1.0)
    free.load_state_dict(layer.state_dict())
    e = torch.randn(4, 64)
    torch.testing.assert_close(layer.strengths(e, FOUR, TYPES) * 8, free.strengths(e, FOUR, TYPES))


@pytest.mark.parametrize("normalise", RULES)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_stock_without_relations_changes_nobody_and_gets_nothing(strength, normalise):
    """In the published program it is broadcast to everyone, as every -1e9 has the same softmax."""
    layer = hand(strength, normalise)
    alone = layer(torch.cat([E, torch.full((1, 2), 50.0)]), FOUR, TYPES)
    assert torch.equal(alone[:4], layer(E, FOUR, TYPES))
    assert alone[4].tolist() == [0, 0]
    nobody = torch.zeros(2, 0, dtype=torch.int64)
    assert layer(E, nobody, torch.zeros(0, 2)).abs().sum() == 0


@pytest.mark.parametrize("normalise", RULES)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_relations_permute_with_the_stocks(strength, normalise):
    layer, order = hand(strength, normalise), torch.tensor([2, 0, 3, 1])
    place = torch.argsort(order)
    torch.testing.assert_close(
        layer(E[order], place[FOUR], TYPES), layer(E, FOUR, TYPES)[order], rtol=1e-6, atol=1e-6
    )


def test_types_that_are_missing_and_names_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="strength 'weighted' needs the types"):
        hand("weighted")(E, FOUR)
    with pytest.raises(ValueError, match="'loud' is unknown"):
        RelationLayer(2, 2, "loud")
    with pytest.raises(ValueError, match="reduction 'max' is unknown"):
        misordered(E[:, 0], E[:, 1], "max")


# two stages


def pretrained():
    torch.manual_seed(0)
    return alpha.RSR("uniform", hidden=6, pretrain=True, steps=2).build(3)


def task_of(loss, **more):
    """14 training days, three epochs a stage."""
    days = make_days(days=24, stocks=12, features=3, steps=2)
    groups = BoundGroups(np.tile(np.arange(12) // 4, (24, 1)), ("a", "b", "c"))
    config = alpha.TrainConfig(epochs=3, every=1, patience=3, learning_rate=1e-2, loss=loss)
    rows = np.arange(1, 24)
    return alpha.Task(replace(days, graph=groups), rows[:14], rows[16:], config, 0, **more)


def burning(steps=10_000):
    """The loss of either stage, which dies on the training step after so many; and the steps done."""
    done = []

    def ic(scores, y, mask):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(1)
        return alpha.losses.ic(scores, y, mask)

    return ic, done


@pytest.mark.parametrize(
    ("steps", "left", "files"),
    [
        (30, 14 + 42, {"first-checkpoint.pt"}),
        (70, 14, {"first-checkpoint.pt", "checkpoint.pt"}),
    ],
    ids=["first stage", "second stage"],
)
def test_a_training_killed_in_either_stage_ends_as_an_undisturbed_one(tmp_path, steps, left, files):
    whole, (loss, done) = pretrained(), burning()
    whole.fit(task_of(loss))
    assert len(done) == 42 + 42
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        pretrained().fit(task_of(burning(steps)[0], checkpoint=path))
    assert {found.name for found in tmp_path.iterdir()} == files
    again, (loss, done) = pretrained(), burning()
    again.fit(task_of(loss, checkpoint=path))
    assert len(done) == left
    for name, value in whole.state().items():
        assert torch.equal(value, again.state()[name]), name
    assert [found.name for found in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_the_second_stage_keeps_the_recurrent_net_of_the_first():
    model = pretrained()
    task = task_of(alpha.losses.ic)
    model.prepare(task)
    first = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    model = pretrained()
    model.fit(task)
    for name, value in model.encoder.state_dict().items():
        assert torch.equal(value, first[name]), name


# the loss

S, Y = torch.tensor([0.02, 0.01, -0.01]), torch.tensor([0.01, 0.03, -0.02])
ALL = torch.ones(3, dtype=torch.bool)


def test_the_loss_by_hand_and_its_reductions():
    assert float((S - Y).square().sum()) == pytest.approx(6e-4)
    assert float(alpha.losses.mse(S, Y, ALL)) == pytest.approx(2e-4)
    assert float(misordered(S, Y, "sum")) == pytest.approx(4e-4)
    assert float(misordered(S, Y, "published")) == pytest.approx(4.444444e-5)
    assert float(misordered(S, Y)) == pytest.approx(4e-4 / 6)
    loss = alpha.losses.RankingMSE(weight=10.0, reduction="sum")
    assert float(loss(S, Y, ALL)) == pytest.approx(2e-4 + 4e-3)


def test_only_the_first_pair_is_out_of_order():
    s = S.clone().requires_grad_()
    misordered(s, Y, "sum").backward()
    assert s.grad.tolist() == pytest.approx([0.04, -0.04, 0.0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["sum", "mean", "published"]))
def test_the_pair_loss_is_the_double_sum_and_its_gradient(seed, reduction):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    s, y = (torch.from_numpy(rng.normal(size=n)) for _ in range(2))
    plain = s.clone().requires_grad_()
    pairs = torch.relu(-(plain[:, None] - plain[None]) * (y[:, None] - y[None]))
    by_hand = pairs.sum() / {"sum": 1, "mean": n * (n - 1), "published": n * n}[reduction]
    by_hand.backward()
    s = s.requires_grad_()
    loss = misordered(s, y, reduction)
    loss.backward()
    torch.testing.assert_close(loss, by_hand)
    torch.testing.assert_close(s.grad, plain.grad)
    torch.testing.assert_close(misordered(s + 7.0, y, reduction), by_hand)


def test_the_loss_is_zero_where_the_fit_is_exact_and_not_where_only_the_order_is():
    loss = alpha.losses.RankingMSE()
    assert float(loss(Y.clone(), Y, ALL)) == 0
    assert float(misordered(2 * Y + 1, Y)) == 0
    assert float(loss(2 * Y, Y, ALL)) > 0
    assert float(loss(S, Y, ALL)) > float(alpha.losses.mse(S, Y, ALL))


def test_more_stocks_than_a_block_of_pairs_and_days_of_one_stock():
    rng = np.random.default_rng(0)
    s, y = (torch.from_numpy(rng.normal(size=1300)) for _ in range(2))
    dense = torch.relu(-(s[:, None] - s[None]) * (y[:, None] - y[None])).sum()
    torch.testing.assert_close(misordered(s, y, "sum"), dense)
    one = torch.ones(1, dtype=torch.bool)
    assert float(alpha.losses.RankingMSE()(S[:1], Y[:1], one)) == 0
