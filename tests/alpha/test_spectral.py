"""Laplacians, Chebyshev filters and graph convolutions: the four-node graph by hand, and identities."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import alpha
from alpha.graphs.groups import BoundGroups
from alpha.nn.propagate import degrees, edge_products, edge_softmax, propagate
from alpha.nn.spectral import (
    ChebConv,
    GraphConv,
    chebyshev,
    eigenvalue_bound,
    laplacian,
    normalised_laplacian,
    renormalised,
    rescaled,
    row_normalised,
)
from tests.alpha.test_models import cut, hide
from tests.alpha.worlds import FOUR, edges_of, make_days

X = torch.tensor([[1.0], [2.0], [3.0], [4.0]])


def column(values):
    return pytest.approx(values, abs=1e-5)


def random_graph(seed, count=12, share=0.3, weighted=False):
    rng = np.random.default_rng(seed)
    w = np.triu(rng.random((count, count)) < share, 1).astype(np.float64)
    w = w * rng.random((count, count)) if weighted else w
    w = torch.from_numpy((w + w.T).astype(np.float32))
    edges = edges_of(w)
    return w, edges, w[edges[1], edges[0]]


# the four nodes of the specification


def test_the_laplacian_of_four_nodes_differentiates_a_signal():
    operator = laplacian(FOUR, 4)
    assert operator(X)[:, 0].tolist() == [-4, -2, 1, 5]
    assert float(X[:, 0] @ operator(X)[:, 0]) == 15
    differences = (X[FOUR[0], 0] - X[FOUR[1], 0]).square().sum() / 2  # each edge is there twice
    assert float(differences) == 15


def test_its_eigenvalues_and_the_spectrum_of_a_signal():
    values, vectors = torch.linalg.eigh(laplacian(FOUR, 4).dense().double())
    assert values.tolist() == column([0, 1, 3, 4])
    spectrum = vectors.T @ X[:, 0].double()
    assert spectrum.abs().tolist() == column([5, 0.408248, 2.121320, 0.577350])
    assert float((spectrum.square() * values).sum()) == pytest.approx(15)
    assert (vectors.T @ torch.full((4,), 0.5).double()).abs().tolist() == column([1, 0, 0, 0])
    wave = torch.tensor([0.288675, -0.866025, 0.288675, 0.288675]).double()
    assert (vectors.T @ wave).abs().tolist() == column([0, 0, 0, 1])


def test_the_normalised_laplacian_has_its_spectrum_below_two():
    values = torch.linalg.eigvalsh(normalised_laplacian(FOUR, 4).dense())
    assert values.tolist() == column([0, 0.771286, 1.5, 1.728714])
    # I + D^-1/2 W D^-1/2 = 2 I - L
    other = 2 * X - normalised_laplacian(FOUR, 4)(X)
    assert other[:, 0].tolist() == column([3.816497, 5.773292, 4.154701, 5.316497])
    assert (2 - values).flip(0).tolist() == column([0.271286, 0.5, 1.228714, 2])


def test_the_renormalised_operator_of_four_nodes():
    operator = renormalised(FOUR, 4)
    third, c, s = 1 / 3, 0.288675, 0.353553
    expected = [[third, c, 0, third], [c, 0.25, s, c], [0, s, 0.5, 0], [third, c, 0, third]]
    torch.testing.assert_close(operator.dense(), torch.tensor(expected), atol=1e-6, rtol=1e-5)
    values = torch.linalg.eigvalsh(operator.dense())
    assert values.tolist() == column([-0.147667, 0, 0.564333, 1])
    once = operator(X)
    assert once[:, 0].tolist() == column([2.244017, 3.004036, 2.207107, 2.244017])
    assert operator(once)[:, 0].tolist() == column([2.363202, 2.826923, 2.165640, 2.363202])


def test_means_of_neighbours_with_and_without_the_stock_itself():
    assert row_normalised(FOUR, 4, itself=False)(X)[:, 0].tolist() == column([3, 8 / 3, 2, 1.5])
    assert row_normalised(FOUR, 4)(X)[:, 0].tolist() == column([7 / 3, 2.5, 2.5, 7 / 3])


def test_chebyshev_terms_of_four_nodes_and_their_filter():
    operator = rescaled(laplacian(FOUR, 4), 4.0)
    zero, one, two = chebyshev(operator, X, 3)
    assert zero[:, 0].tolist() == [1, 2, 3, 4]
    assert one[:, 0].tolist() == [-3, -3, -2.5, -1.5]
    assert two[:, 0].tolist() == [3.5, 2, 2.5, 2]
    filtered = 0.5 * zero + 0.25 * one + 0.125 * two
    assert filtered[:, 0].tolist() == [0.1875, 0.5, 1.1875, 1.875]


# identities


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.booleans())
def test_a_polynomial_of_the_laplacian_is_a_filter_of_the_spectrum(seed, terms, weighted):
    w, edges, weights = random_graph(seed, weighted=weighted)
    dense = torch.diag(w.double().sum(1)) - w.double()
    values, vectors = torch.linalg.eigh(dense)
    top = max(float(values[-1]), 1e-3)
    theta = torch.linspace(0.5, -0.3, terms, dtype=torch.float64)
    gain = sum(
        theta[k] * torch.cos(k * torch.arccos((2 * values / top - 1).clamp(-1, 1)))
        for k in range(terms)
    )
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(12, 3)))
    spectral = vectors @ (gain[:, None] * (vectors.T @ x))
    operator = rescaled(laplacian(edges, 12, weights.double()), top)
    spatial = sum(t * z for t, z in zip(theta, chebyshev(operator, x, terms), strict=True))
    torch.testing.assert_close(spatial, spectral, rtol=1e-9, atol=1e-9)


def test_a_chebyshev_layer_is_the_sum_of_its_terms():
    torch.manual_seed(0)
    layer = ChebConv(2, 3, terms=3)
    _, edges, _ = random_graph(1)
    operator = rescaled(normalised_laplacian(edges, 12))
    x = torch.randn(12, 2)
    theta = layer.project.weight.reshape(3, 3, 2)  # outputs, terms, inputs
    by_hand = sum(z @ theta[:, k].T for k, z in enumerate(chebyshev(operator, x, 3)))
    torch.testing.assert_close(layer(x, operator), by_hand + layer.project.bias)


@pytest.mark.parametrize("terms", [1, 2, 3, 4])
def test_terms_see_one_hop_less_than_their_number(terms):
    path = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    torch.manual_seed(0)
    layer = ChebConv(1, 1, terms)
    operator = rescaled(normalised_laplacian(path, 5))
    x = torch.randn(5, 1)
    moved = x.clone()
    moved[4] += 1.0
    changed = (layer(moved, operator) != layer(x, operator))[:, 0]
    assert changed.tolist() == [4 - i < terms for i in range(5)]


def test_without_edges_the_first_term_is_minus_the_signal():
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    operator = laplacian(nothing, 4)
    assert eigenvalue_bound(operator) == 2.0
    for lone in (operator, normalised_laplacian(nothing, 4)):
        assert list(chebyshev(rescaled(lone), X, 2))[1][:, 0].tolist() == [-1, -2, -3, -4]
    assert torch.equal(renormalised(nothing, 4)(X), X)
    assert row_normalised(nothing, 4, itself=False)(X).abs().sum() == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_the_sum_of_two_neighbours_degrees_bounds_the_largest_eigenvalue(seed, weighted):
    w, edges, weights = random_graph(seed, weighted=weighted)
    exact = float(torch.linalg.eigvalsh(torch.diag(w.sum(1)) - w)[-1])
    bound = eigenvalue_bound(laplacian(edges, 12, weights))
    assert exact <= bound * (1 + 1e-5)
    assert bound <= 2 * float(w.sum(1).max()) or not edges.numel()


def test_the_bound_by_hand():
    assert eigenvalue_bound(laplacian(FOUR, 4)) == 5.0  # 2 + 3, above the eigenvalue 4
    hub = torch.tensor([[0, 0, 0, 1, 2, 3], [1, 2, 3, 0, 0, 0]])
    assert eigenvalue_bound(laplacian(hub, 4)) == 4.0  # as it is
    assert eigenvalue_bound(laplacian(hub, 4, torch.zeros(6))) == 2.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_spectra_stay_within_their_bounds(seed):
    _, edges, weights = random_graph(seed, weighted=True)
    normal = torch.linalg.eigvalsh(normalised_laplacian(edges, 12, weights).dense())
    assert normal.min() > -1e-5
    assert normal.max() < 2 + 1e-5
    again = torch.linalg.eigvalsh(renormalised(edges, 12, weights).dense())
    assert again.min() > -1
    assert again.max() < 1 + 1e-5


def test_a_loop_that_is_there_already_is_not_counted_twice():
    loops = torch.arange(4).repeat(2, 1)
    both = torch.cat([FOUR, loops], dim=1)
    for make in (renormalised, row_normalised, laplacian, normalised_laplacian):
        assert torch.equal(make(both, 4).dense(), make(FOUR, 4).dense())


def test_linear_convolutions_are_one_propagation_with_the_product_of_their_weights():
    torch.manual_seed(0)
    first, second = GraphConv(3, 5), GraphConv(5, 2)
    _, edges, weights = random_graph(4, weighted=True)
    operator = renormalised(edges, 12, weights)
    x = torch.randn(12, 3)
    product = first.project.weight.T @ second.project.weight.T
    torch.testing.assert_close(
        second(first(x, operator), operator), operator(operator(x)) @ product
    )


def test_a_ring_keeps_a_constant_signal():
    ring = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 0], [1, 2, 3, 0, 0, 1, 2, 3]])
    torch.testing.assert_close(renormalised(ring, 4)(torch.ones(4, 1)), torch.ones(4, 1))


@pytest.mark.parametrize("kind", ["normalised", "plain"])
def test_a_chebyshev_network_knows_neither_the_order_of_stocks_nor_absent_ones(kind):
    """Groups of 7 to 19 stocks, where fifty steps of a power iteration depend on where they begin."""
    rng = np.random.default_rng(0)
    days = make_days(days=8, stocks=120, steps=4)
    groups = BoundGroups(np.tile(np.sort(rng.integers(0, 8, 120)), (8, 1)), tuple("abcdefgh"))
    nothing = np.ones(days.present.shape, np.float32)
    batch = replace(days, graph=groups, mktcap=nothing).batch(6, labelled=False)
    batch = replace(batch, concepts=torch.zeros(2, 0, dtype=torch.int64))
    torch.manual_seed(0)
    model = alpha.ChebNet(hidden=8, steps=4, terms=4, laplacian=kind).build(5).eval()
    order, keep = rng.permutation(120), np.flatnonzero(rng.random(120) < 0.7)
    present = torch.zeros(120, dtype=torch.bool)
    present[keep] = True
    with torch.no_grad():
        plain, moved = model.scores(batch), model.scores(cut(batch, order))
        few, padded = model.scores(cut(batch, keep)), model.scores(hide(batch, present, 1e9))
    torch.testing.assert_close(moved, plain[order], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(padded[keep], few, rtol=1e-5, atol=1e-6)
    assert plain.std() > 0.01


CYCLE = torch.tensor([[0, 1, 2], [1, 2, 0]])


@pytest.mark.parametrize("make", [laplacian, normalised_laplacian, renormalised])
def test_a_directed_graph_is_refused_where_the_operator_assumes_symmetry(make):
    arrow = torch.tensor([[0, 1], [1, 2]])
    with pytest.raises(ValueError, match=r"2 of 2 pairs .* 1 from position 0 to 1 and 0 back"):
        make(arrow, 3)
    with pytest.raises(ValueError, match=r"3 of 3 pairs .* 1 from position 0 to 1 and 0 back"):
        make(CYCLE, 3)  # each of the three sends what it receives
    assert row_normalised(arrow, 3, itself=False)(X[:3])[:, 0].tolist() == [0, 1, 2]


def test_a_cycle_of_weights_over_a_symmetric_set_of_edges_is_directed_too():
    both = torch.cat([CYCLE, CYCLE.flip(0)], dim=1)
    weights = torch.tensor([0.6, 0.6, 0.6, 0.4, 0.4, 0.4])
    with pytest.raises(
        ValueError, match=r"3 of 3 pairs .* 0\.6 from position 0 to 1 and 0\.4 back"
    ):
        laplacian(both, 3, weights)
    rounded = torch.tensor([0.6, 0.6, 0.6, 0.600001, 0.600001, 0.600001])
    assert laplacian(both, 3, rounded).diagonal.tolist() == column([1.2, 1.2, 1.2])


def test_a_pair_that_is_there_twice_is_symmetric_if_its_reverse_weighs_as_much():
    twice = torch.tensor([[0, 0, 1], [1, 1, 0]])
    assert laplacian(twice, 2, torch.tensor([1.0, 2.0, 3.0])).diagonal.tolist() == [3, 3]
    with pytest.raises(ValueError, match="2 from position 0 to 1 and 1 back"):
        laplacian(twice, 2)


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match=r"2 of 2 edge weights are negative, least -0\.5"):
        renormalised(torch.tensor([[0, 1], [1, 0]]), 2, torch.tensor([-0.5, -0.5]))
    with pytest.raises(ValueError, match="terms is 0"):
        ChebConv(2, 2, 0)


# sums along edges


def test_propagation_and_its_gradients_are_those_of_the_dense_product():
    torch.manual_seed(0)
    w, edges, weights = random_graph(0, weighted=True)
    x, weights = torch.randn(12, 3, requires_grad=True), weights.clone().requires_grad_()
    probe = torch.randn(12, 3)
    (propagate(x, edges, weights) * probe).sum().backward()
    dense_x, dense_w = x.detach().clone().requires_grad_(), w.clone().requires_grad_()
    ((dense_w @ dense_x) * probe).sum().backward()
    torch.testing.assert_close(x.grad, dense_x.grad)
    torch.testing.assert_close(weights.grad, dense_w.grad[edges[1], edges[0]])


def test_products_along_edges_and_their_gradients():
    torch.manual_seed(0)
    _, edges, _ = random_graph(0)
    a, b = (torch.randn(12, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    by_hand = (a[edges[1]] * b[edges[0]]).sum(1)
    torch.testing.assert_close(edge_products(a, b, edges), by_hand)
    assert torch.autograd.gradcheck(lambda a, b: edge_products(a, b, edges), (a, b))
    assert torch.autograd.gradcheck(
        lambda a, b: propagate(a, edges, edge_products(a, b, edges)), (a, b)
    )


def test_the_order_of_edges_does_not_matter_and_repeats_add_up():
    _, edges, weights = random_graph(3, weighted=True)
    order = torch.randperm(edges.shape[1])
    x = torch.randn(12, 2)
    torch.testing.assert_close(
        propagate(x, edges[:, order], weights[order]), propagate(x, edges, weights)
    )
    twice = torch.cat([edges, edges], dim=1)
    torch.testing.assert_close(propagate(x, twice), 2 * propagate(x, edges))


def test_the_softmax_along_edges_sums_to_one_a_stock_whatever_the_level():
    _, edges, _ = random_graph(3)
    scores = torch.randn(edges.shape[1]) * 5
    weights = edge_softmax(scores, edges[1], 12)
    total = degrees(edges, 12, weights)
    assert total[degrees(edges, 12) > 0].tolist() == pytest.approx(
        [1.0] * int((degrees(edges, 12) > 0).sum())
    )
    torch.testing.assert_close(edge_softmax(scores + 1e4, edges[1], 12), weights, atol=2e-3, rtol=0)
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    assert edge_softmax(torch.zeros(0), nothing[1], 3).shape == (0,)
