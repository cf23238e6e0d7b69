"""Attention with heads, over edges and over everyone; GATs against the formula as qlib writes it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from alpha.batch import Batch
from alpha.models import GAT, GATs
from alpha.nn import GraphAttention, attention_weights, dense_attention, edge_attention
from tests.alpha.worlds import edges_of

H = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]], dtype=torch.float64)
NEIGHBOURS = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 0]])
HERE = torch.ones(4, dtype=torch.bool)


def example(**kwargs):
    """W = diag(1, .5), centre (.5, -1), neighbour (1, .25), slope .2."""
    layer = GraphAttention(2, 2, **kwargs).double()
    with torch.no_grad():
        layer.project.weight.copy_(torch.diag(torch.tensor([1.0, 0.5])))
        layer.centre.copy_(torch.tensor([[0.5, -1.0]]))
        layer.neighbour.copy_(torch.tensor([[1.0, 0.25]]))
    return layer


def close(found, expected, tol=2e-6):
    np.testing.assert_allclose(found.detach().numpy(), np.array(expected), atol=tol)


def test_neighbours_without_self_by_hand():
    out = example(self_loop=False)(H, HERE, edges_of(NEIGHBOURS))
    close(out, [[1.703906, -0.351953], [1.529317, -0.139643], [0, 0.5], [0.705785, 0.147107]])


def test_neighbours_with_self_by_hand():
    out = example()(H, HERE, edges_of(NEIGHBOURS))
    close(out[0], [1.519431, -0.259716])
    close(out[2], [0.731059, 0.5])


def test_everyone_by_hand():
    out = example()(H, HERE)
    close(out[:2], [[1.400497, -0.085763], [1.360406, -0.068995]])


def test_the_attention_is_static():
    """Whoever looks, the neighbours come in the same order, and three of the four rows are one."""
    z = example().project(H)
    weights = attention_weights(
        z @ torch.tensor([1.0, 0.25]).double(), z @ torch.tensor([0.5, -1.0]).double(), 0.2
    )
    assert (weights.argsort(dim=1) == weights[0].argsort()).all()
    same = torch.isclose(weights, weights[0], atol=1e-6).all(dim=1)
    assert same.tolist() == [True, False, True, True]


def layer_of(heads, seed, **kwargs):
    torch.manual_seed(seed)
    layer = GraphAttention(3, 2, heads, **kwargs).double()
    with torch.no_grad():
        for vector in (layer.neighbour, layer.centre):
            vector.mul_(5.0)
    return layer


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 500), st.booleans())
def test_dense_sorted_and_edges_agree_on_the_complete_graph(n, heads, seed, average):
    layer = layer_of(heads, seed, average=average)
    h = torch.randn(n, 3, dtype=torch.float64, requires_grad=True)
    here = torch.ones(n, dtype=torch.bool)
    complete = edges_of(1 - torch.eye(n))
    z = layer.project(h).unflatten(1, (heads, -1)).transpose(0, 1)
    dense = torch.stack(
        [
            dense_attention(z[m], z[m] @ layer.neighbour[m], z[m] @ layer.centre[m], 0.2)
            for m in range(heads)
        ]
    )
    dense = dense.mean(dim=0) if average else dense.transpose(0, 1).flatten(1)
    rows = torch.arange(n, dtype=torch.float64)[:, None].cos()
    results = []
    for out in (dense, layer(h, here), layer(h, here, complete)):
        grads = torch.autograd.grad((out * rows).sum(), [h, *layer.parameters()], retain_graph=True)
        results.append((out, *grads))
    for other in results[1:]:
        for found, expected in zip(other, results[0], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(0, 500))
def test_edges_are_the_dense_form_under_a_mask_in_any_order(n, seed):
    g = torch.Generator().manual_seed(seed)
    mask = torch.rand(n, n, generator=g) < 0.4
    values = torch.randn(n, 3, generator=g, dtype=torch.float64)
    p, q = torch.randn(2, n, generator=g, dtype=torch.float64) * 4
    edges = edges_of(mask)
    edges = edges[:, torch.randperm(edges.shape[1], generator=g)]
    dense = dense_attention(values, p, q, 0.2, mask)
    torch.testing.assert_close(edge_attention(values, p, q, 0.2, edges), dense)


def test_one_neighbour_is_copied_and_none_is_zero():
    layer = layer_of(2, 0, self_loop=False)
    h = torch.randn(3, 3, dtype=torch.float64)
    out = layer(h, torch.ones(3, dtype=torch.bool), torch.tensor([[2], [0]]))
    torch.testing.assert_close(out[0], layer.project(h)[2])
    assert (out[1:] == 0).all()
    nobody = torch.zeros(3, dtype=torch.bool)
    for edges in (None, torch.tensor([[2], [0]])):
        assert (layer(h, nobody, edges) == 0).all()


def test_zero_attention_vectors_give_the_plain_mean():
    layer = layer_of(2, 1)
    torch.nn.init.zeros_(layer.neighbour)
    torch.nn.init.zeros_(layer.centre)
    h = torch.randn(5, 3, dtype=torch.float64)
    here = torch.ones(5, dtype=torch.bool)
    expected = layer.project(h).mean(dim=0).expand(5, 4)
    torch.testing.assert_close(layer(h, here), expected)
    torch.testing.assert_close(layer(h, here, edges_of(1 - torch.eye(5))), expected)


@pytest.mark.parametrize("masked", [True, False])
def test_an_absent_stock_is_nobodys_neighbour_even_if_an_edge_names_it(masked):
    layer = layer_of(2, 2)
    h = torch.randn(6, 3, dtype=torch.float64)
    here = torch.tensor([1, 0, 1, 1, 0, 1], dtype=torch.bool)
    edges = edges_of(torch.rand(6, 6) < 0.6)
    place = torch.cumsum(here, 0) - 1
    kept = place[edges[:, here[edges].all(dim=0)]]
    whole = layer(h, here, edges if masked else None)
    part = layer(h[here], here[here], kept if masked else None)
    torch.testing.assert_close(whole[here], part)
    assert (whole[~here] == 0).all()


def test_dropout_silences_neighbours_in_training_only():
    layer = layer_of(1, 3, dropout=0.5)
    h, here = torch.randn(40, 3, dtype=torch.float64), torch.ones(40, dtype=torch.bool)
    assert not torch.equal(layer.train()(h, here), layer(h, here))
    assert torch.equal(layer.eval()(h, here), layer(h, here))


def as_qlib(network, x):
    """GATs by its original formula: all pairs concatenated, one softmax, states untransformed."""
    states, _ = network.encoder.steps.weights(x.transpose(0, 1))
    h, attend = states[-1], network.graph.attend[0]
    z = attend.project(h)
    n = len(z)
    pairs = torch.cat([z.expand(n, n, -1), z[:, None].expand(n, n, -1)], dim=2)
    scores = pairs @ torch.cat([attend.neighbour, attend.centre])
    h = torch.softmax(F.leaky_relu(scores), dim=1) @ h + h
    return network.head(F.leaky_relu(network.mix(h)))[:, 0]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_one_layer_of_gats_is_the_original_formula(cell):
    torch.manual_seed(0)
    network = GATs(hidden=8, rnn_layers=2, cell=cell, steps=5).build(3)
    x = torch.randn(30, 5, 3)
    batch = Batch(None, None, x, torch.ones(30, dtype=torch.bool), 2)
    ours, theirs = network(x, batch), as_qlib(network, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    pairs = (torch.autograd.grad(y.square().sum(), network.parameters()) for y in (ours, theirs))
    for mine, other in zip(*pairs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_one_stock_attends_to_itself():
    graph = GATs(hidden=4, steps=3).build(2).graph
    h = torch.randn(1, 4)
    torch.testing.assert_close(graph(h, torch.ones(1, dtype=torch.bool)), 2 * h)


def test_a_masked_gat_without_edges_says_which_graph_to_give():
    network = GAT(hidden=8, steps=3).build(2)
    x = torch.randn(4, 3, 2)
    batch = Batch(np.datetime64("2020-01-03").item(), None, x, HERE, 2)
    with pytest.raises(ValueError, match=r"2020-01-03 has no edges.*alpha\.graphs\.industry"):
        network(x, batch)
    assert "edges" not in GAT(mode="global").build(2).needs
