"""Graphs made from data: the worked example, exact facts, and the chunked form against the dense one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alpha.nn.adaptive import AdaptiveConv, AdaptiveGraph, adaptive_average, adaptive_weights

M = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
X = torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=torch.float64)
EVERYONE = torch.ones(4, dtype=torch.bool)
FLAGS = [{}, {"exclude_self": True}, {"sparse": True}, {"exclude_self": True, "sparse": True}]


def conv(mode, nodes, x=X, **flags):
    """The layer with W = I and similarities as they are."""
    graph = AdaptiveGraph(nodes.shape[1], 1.0, **flags).double()
    layer = AdaptiveConv(x.shape[1], x.shape[1], mode).double()
    torch.nn.init.eye_(layer.project.weight)
    return layer(x, nodes, torch.ones(len(x), dtype=torch.bool), graph).detach()


def near(found, expected, tol=2e-6):
    np.testing.assert_allclose(np.asarray(found.detach()).ravel(), np.ravel(expected), atol=tol)


def random_inputs(n, seed, scale=1.0, width=3):
    g = torch.Generator().manual_seed(seed)
    nodes = scale * torch.randn(n, 4, generator=g, dtype=torch.float64)
    values = torch.randn(n, width, generator=g, dtype=torch.float64)
    return nodes.requires_grad_(), values.requires_grad_()


def test_the_worked_example():
    a = adaptive_weights(M)
    near(a[0], [0.365529, 0.365529, 0.134471, 0.134471])
    near(a[2], [0.174878, 0.174878, 0.475367, 0.174878])
    near(conv("add", M), [3.037883, 4.037883, 5.650245, 6.950734])
    near(conv("subtract", M), [-1.037883, -0.037883, 0.349755, 1.049266])
    near(conv("add", M) + conv("subtract", M), 2 * X)


def test_no_similarity_is_the_mean_of_the_market():
    zero = torch.zeros(4, 2, dtype=torch.float64)
    near(conv("subtract", zero), [-1.5, -0.5, 0.5, 1.5])
    near(conv("add", zero), X + 2.5)


def test_stocks_unlike_all_others_keep_to_themselves():
    apart = 20 * torch.eye(4, dtype=torch.float64)
    near(conv("add", apart), 2 * X)
    near(conv("subtract", apart), np.zeros(4))  # the diagonal deletes what is a stock's own


def test_without_the_diagonal_subtracting_leaves_the_difference_to_the_others():
    apart = 20 * torch.eye(4, dtype=torch.float64)
    others = (X.sum() - X) / 3
    near(conv("subtract", apart, exclude_self=True), X - others)


def test_rows_sum_to_one_and_the_matrix_is_not_symmetric():
    for flags in FLAGS:
        a = adaptive_weights(random_inputs(9, 1)[0].detach(), **flags)
        torch.testing.assert_close(a.sum(dim=1), torch.ones(9, dtype=torch.float64))
        assert (a >= 0).all()
        assert (a - a.T).abs().max() > 0.01


def test_rotating_the_representation_changes_nothing_and_stretching_it_sharpens():
    nodes = random_inputs(9, 2)[0].detach()
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    a = adaptive_weights(nodes)
    torch.testing.assert_close(adaptive_weights(nodes @ turn), a)
    graph = AdaptiveGraph(4, 9.0).double()
    torch.testing.assert_close(graph.weights(nodes), adaptive_weights(3.0 * nodes))
    assert (graph.weights(nodes).amax(dim=1) > a.amax(dim=1)).all()


def test_the_relu_leaves_unlike_stocks_their_weight_and_sparse_takes_it():
    """Of 1,000 stocks in five groups, four fifths of the graph are exp(0) to strangers."""
    nodes = torch.eye(5, dtype=torch.float64)[torch.arange(1000) % 5]
    strangers = (nodes @ nodes.T) <= 0
    assert adaptive_weights(nodes)[strangers].sum() / 1000 == pytest.approx(0.595, abs=0.001)
    sparse = adaptive_weights(nodes, sparse=True)
    assert sparse[strangers].sum() == 0
    near(sparse[0, :6], [1 / 200, 0, 0, 0, 0, 1 / 200], tol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.3, 1.0, 30.0]),
    st.sampled_from([1, 4, 7, 100]),
    st.sampled_from(FLAGS),
)
def test_by_blocks_of_rows_is_the_dense_form_in_values_and_gradients(n, seed, scale, chunk, flags):
    nodes, values = random_inputs(n, seed, scale)
    tilt = torch.arange(n, dtype=torch.float64)[:, None].cos()
    found = adaptive_average(nodes, values, chunk=chunk, **flags)
    plain = adaptive_weights(nodes, **flags) @ values
    torch.testing.assert_close(found, plain, rtol=1e-9, atol=1e-10)
    for of in (nodes, values):
        ours, theirs = (
            torch.autograd.grad((out * tilt).sum(), of, retain_graph=True)[0]
            for out in (found, plain)
        )
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("flags", FLAGS)
def test_the_gradient_is_that_of_finite_differences(flags):
    nodes, values = random_inputs(6, 3)
    assert torch.autograd.gradcheck(
        lambda m, v: adaptive_average(m, v, chunk=4, **flags), (nodes, values)
    )


def test_the_blocks_are_accurate_in_float32_at_market_size():
    nodes, values = (t.detach().float() for t in random_inputs(1500, 4))
    exact = adaptive_weights(nodes.double()) @ values.double()
    torch.testing.assert_close(
        adaptive_average(nodes, values).double(), exact, rtol=1e-4, atol=1e-5
    )


def test_large_similarities_do_not_overflow():
    nodes, values = (t.detach().float() for t in random_inputs(50, 5, scale=100.0))
    out = adaptive_average(nodes, values)
    assert torch.isfinite(out).all()
    torch.testing.assert_close(out, adaptive_weights(nodes) @ values)


@pytest.mark.parametrize("flags", FLAGS)
def test_absent_stocks_are_as_if_they_were_not_there(flags):
    nodes, values = (t.detach().float() for t in random_inputs(7, 6))
    present = torch.tensor([1, 0, 1, 1, 0, 1, 1], dtype=torch.bool)
    graph = AdaptiveGraph(4, **flags)
    whole = graph(nodes, values, present)
    part = graph(nodes[present], values[present], torch.ones(5, dtype=torch.bool))
    torch.testing.assert_close(whole[present], part)
    assert (whole[~present] == 0).all()


def test_nobody_to_average_gives_zero_and_not_nan():
    nodes, values = random_inputs(1, 7)
    for flags in ({"exclude_self": True}, {"exclude_self": True, "sparse": True}):
        out = adaptive_average(nodes, values, **flags)
        assert (out == 0).all()
        grads = torch.autograd.grad(out.sum(), (nodes, values))
        assert all(torch.isfinite(g).all() for g in grads)
    graph = AdaptiveGraph(4).double()
    assert graph(nodes, values, torch.zeros(1, dtype=torch.bool)).shape == values.shape


def test_the_temperature_is_learnt():
    nodes, values = random_inputs(12, 8)
    graph = AdaptiveGraph(4).double()
    assert graph.log_temperature.exp().item() == pytest.approx(0.5)
    everyone = torch.ones(12, dtype=torch.bool)

    def cost():
        return (graph(nodes.detach(), values.detach(), everyone) ** 2).sum()

    cost().backward()
    step = 1e-6
    with torch.no_grad():
        graph.log_temperature += step
        above = cost()
        graph.log_temperature -= 2 * step
        below = cost()
    assert graph.log_temperature.grad.item() == pytest.approx(
        float(above - below) / (2 * step), rel=1e-4
    )


def test_settings_without_a_meaning_are_refused():
    with pytest.raises(ValueError, match="temperature is 0"):
        AdaptiveGraph(4, 0.0)
    with pytest.raises(ValueError, match='use "add" or "subtract"'):
        AdaptiveConv(2, 2, "minus")
