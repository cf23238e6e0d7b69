"""Aggregators and draws of neighbours (GraphSAGE)."""

import numpy as np
import pytest
import torch

import alpha
from alpha.nn.propagate import BLOCK, maxima
from alpha.nn.sage import SAGEConv
from alpha.nn.sampling import sample
from tests.alpha.worlds import FOUR, edges_of

X = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
KINDS = ["mean", "pool", "mean_pool", "lstm", "gcn"]
NOBODY = torch.zeros(2, 0, dtype=torch.int64)


def layer(kind, inputs=3, outputs=4, **settings):
    torch.manual_seed(0)
    return SAGEConv(inputs, outputs, kind, **settings)


def neighbours(edges, stock):
    return edges[0, edges[1] == stock].tolist()


def star(leaves):
    """Stock 0 receives from all others, which receive nothing."""
    return torch.stack([torch.arange(1, leaves + 1), torch.zeros(leaves, dtype=torch.int64)])


def test_the_mean_over_all_neighbours_of_the_four_nodes():
    near = layer("mean", 1).aggregate(X, FOUR)
    assert near[:, 0].tolist() == pytest.approx([3, 8 / 3, 2, 1.5])
    together = layer("gcn", 1).aggregate(X, FOUR)
    assert together[:, 0].tolist() == pytest.approx([7 / 3, 2.5, 2.5, 7 / 3])


def test_the_maximum_over_neighbours_by_hand():
    conv = layer("pool", 1)
    with torch.no_grad():
        conv.pool.weight.fill_(2.0)
        conv.pool.bias.fill_(-5.0)
    assert conv.aggregate(X, FOUR)[:, 0].tolist() == [3, 3, 0, 0]  # max of relu(2 x - 5)


def test_the_maximum_and_its_gradient_are_those_of_a_loop_over_stocks():
    """On more edges than a block holds, with values that several neighbours share."""
    rng = np.random.default_rng(0)
    linked = torch.from_numpy(rng.random((150, 150)) < 0.6).fill_diagonal_(False)
    linked[3] = False
    edges = edges_of(linked)[:, torch.from_numpy(rng.permutation(int(linked.sum())))]
    assert edges.shape[1] > BLOCK
    h = torch.from_numpy(rng.integers(-3, 60, (150, 2)) / 7.0).requires_grad_()
    probe = torch.from_numpy(rng.normal(size=(150, 2)))
    found = maxima(torch.relu(h), edges)
    (found * probe).sum().backward()
    own = h.detach().clone().requires_grad_()
    rows = [torch.relu(own[linked[i]]).amax(0) if i != 3 else torch.zeros(2) for i in range(150)]
    wanted = torch.stack(rows)
    (wanted * probe).sum().backward()
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(h.grad, own.grad)


def test_no_tensor_of_edges_by_units_is_kept_for_the_gradient_of_a_maximum():
    """600 stocks of six groups: 59,400 edges, which times 64 units would be 15 MB."""
    labels = torch.arange(600) % 6
    edges = edges_of((labels[:, None] == labels).fill_diagonal_(False))
    conv, h = layer("pool", 64), torch.randn(600, 64)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.append(x.numel()) or x, lambda x: x
    ):
        conv(h, edges).sum().backward()
    assert max(kept) == edges.numel() == 2 * 59_400


def test_the_recurrent_aggregate_reads_each_stocks_neighbours_one_after_another():
    """Against a loop over stocks; each has one order, so random orders change nothing."""
    conv = layer("lstm")
    h = torch.randn(5, 3)
    h[1] = h[2] = h[3]  # equal neighbours: their order does not matter
    edges = torch.tensor([[1, 2, 3, 4, 0], [0, 0, 0, 1, 4]])
    found = conv.aggregate(h, edges)
    for stock in range(5):
        near = neighbours(edges, stock)
        expected = torch.zeros(3)
        if near:
            _, (last, _) = conv.lstm(h[near])
            expected = last[0]
        torch.testing.assert_close(found[stock], expected)


def test_the_recurrent_aggregate_depends_on_the_order_and_a_seed_fixes_it():
    conv = layer("lstm")
    h = torch.randn(7, 3)
    one, same, other = (
        conv.aggregate(h, star(6), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


@pytest.mark.parametrize("kind", ["mean", "pool", "mean_pool", "gcn"])
def test_the_order_of_neighbours_does_not_matter(kind):
    conv, h = layer(kind), torch.randn(7, 3)
    order = torch.randperm(6)
    torch.testing.assert_close(conv(h, star(6)[:, order]), conv(h, star(6)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_stock_without_neighbours_gets_a_zero_aggregate(kind):
    conv, h = layer(kind), torch.randn(3, 3)
    near = conv.aggregate(h, NOBODY)
    assert torch.equal(near, h if kind == "gcn" else torch.zeros(3, 3))
    assert torch.isfinite(conv(h, NOBODY)).all()


def test_an_unseen_stock_is_scored_from_its_own_state_and_its_neighbours():
    conv, h = layer("mean"), torch.randn(5, 3)
    edges = torch.tensor([[0, 1, 4], [1, 0, 0]])
    more = torch.cat([h, torch.randn(1, 3)])
    grown = torch.cat([edges, torch.tensor([[2], [5]])], dim=1)
    torch.testing.assert_close(conv(more, grown)[:5], conv(h, edges))


def test_separate_maps_are_the_joint_map_with_two_blocks_of_zeros():
    conv, joint = layer("mean", separate=True), layer("mean")
    with torch.no_grad():
        joint.both.weight.zero_()
        joint.both.weight[:2, :3] = conv.own.weight
        joint.both.weight[2:, 3:] = conv.near.weight
        joint.both.bias[:] = torch.cat([conv.own.bias, conv.near.bias])
    h = torch.randn(4, 3)
    torch.testing.assert_close(conv(h, FOUR), joint(h, FOUR))


def test_states_of_length_one_have_it_after_the_activation_in_every_layer():
    torch.manual_seed(0)
    model = alpha.GraphSAGE(hidden=6, unit=True, samples=None, steps=2).build(3)
    h = torch.randn(4, 6)
    found, by_hand = model.mix(h, FOUR, None), h
    assert found.norm(dim=1).tolist() == pytest.approx([1, 1, 1, 1])
    for conv in model.layers:
        z = torch.relu(conv(by_hand, FOUR))
        by_hand = z / z.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, by_hand)
    with torch.no_grad():
        model.layers[1].both.bias.fill_(-9.0)
    assert model.mix(h, FOUR, None).abs().sum() == 0  # all units silent: nothing to scale


@pytest.mark.parametrize("replacement", [None, True, False])
@pytest.mark.parametrize("leaves", [2, 7])  # fewer and more than the four that are drawn
def test_the_mean_of_a_draw_has_the_full_mean_as_its_expectation(replacement, leaves):
    draws, size = 20_000, 4
    edges = torch.cat([star(leaves) + k * torch.tensor([[0], [leaves + 1]]) for k in range(1)], 1)
    # the same star once per draw: stock d receives from the leaves behind it
    many = torch.stack(
        [edges[0].repeat(draws) - 1 + draws, torch.arange(draws).repeat_interleave(leaves)]
    )
    values = torch.arange(1.0, leaves + 1).square()
    generator = torch.Generator().manual_seed(0)
    drawn = sample(many, draws + leaves, size, generator, replacement=replacement)
    total = torch.zeros(draws).index_add(0, drawn[1], values[drawn[0] - draws])
    count = torch.bincount(drawn[1], minlength=draws)[:draws]
    means = total / count
    error = means.std() / np.sqrt(draws)
    assert abs(float(means.mean() - values.mean())) <= 3 * float(error) + 1e-5
    repeated = replacement or (replacement is None and leaves < size)
    assert set(count.tolist()) == {size if repeated else min(size, leaves)}


def test_a_draw_of_all_neighbours_without_replacement_is_the_full_set():
    drawn = sample(FOUR, 4, 3, replacement=False)
    for stock in range(4):
        assert sorted(neighbours(drawn, stock)) == sorted(neighbours(FOUR, stock))
    exact = sample(star(6), 7, 6)
    assert sorted(exact[0].tolist()) == [1, 2, 3, 4, 5, 6]


def test_a_seed_decides_a_draw_and_a_draw_without_replacement_repeats_nobody():
    first = sample(star(50), 51, 10, torch.Generator().manual_seed(3))
    assert torch.equal(first, sample(star(50), 51, 10, torch.Generator().manual_seed(3)))
    assert not torch.equal(first, sample(star(50), 51, 10, torch.Generator().manual_seed(4)))
    assert len(set(first[0].tolist())) == 10


def test_nothing_is_drawn_where_there_is_nobody():
    assert sample(NOBODY, 5, 3).shape == (2, 0)
    assert neighbours(sample(star(2), 3, 5), 1) == []


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="aggregator 'median' is unknown"):
        SAGEConv(2, 2, "median")
    with pytest.raises(ValueError, match="size is 0"):
        sample(FOUR, 4, 0)
    with pytest.raises(ValueError, match="splits the outputs in two"):
        SAGEConv(2, 3, separate=True)
