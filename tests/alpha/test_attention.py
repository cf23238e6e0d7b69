"""Graph attention: the worked examples, and the sorted form against the dense one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alpha.models.gats import GraphLayers
from alpha.nn import AdditiveAttention, attention_weights, dense_attention, sorted_attention

H = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]], dtype=torch.float64)
EDGES = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 0]], dtype=torch.bool)


def close(found, expected, tol=2e-6):
    np.testing.assert_allclose(found.detach().numpy(), np.array(expected), atol=tol)


@pytest.fixture
def four_nodes():
    """The graph attention example: W = diag(1, .5), centre (.5, -1), neighbour (1, .25), slope .2."""
    z = H * torch.tensor([1.0, 0.5], dtype=torch.float64)
    p = z @ torch.tensor([1.0, 0.25], dtype=torch.float64)
    q = z @ torch.tensor([0.5, -1.0], dtype=torch.float64)
    return z, p, q


def test_attention_over_neighbours_without_self(four_nodes):
    z, p, q = four_nodes
    close(
        attention_weights(p, q, 0.2, EDGES),
        [
            [0, 0.148047, 0, 0.851953],
            [0.220652, 0, 0.250031, 0.529317],
            [0, 1, 0, 0],
            [0.705785, 0.294215, 0, 0],
        ],
    )
    close(
        dense_attention(z, p, q, 0.2, EDGES),
        [[1.703906, -0.351953], [1.529317, -0.139643], [0, 0.5], [0.705785, 0.147107]],
    )


def test_attention_over_neighbours_with_self(four_nodes):
    z, p, q = four_nodes
    mask = EDGES | torch.eye(4, dtype=torch.bool)
    close(attention_weights(p, q, 0.2, mask)[0], [0.262073, 0.109248, 0, 0.628679])
    out = dense_attention(z, p, q, 0.2, mask)
    close(out[0], [1.519431, -0.259716])
    close(out[2], [0.731059, 0.5])


def test_attention_over_everyone(four_nodes):
    z, p, q = four_nodes
    weights = attention_weights(p, q, 0.2)
    close(weights[0], [0.202066, 0.084234, 0.228970, 0.484730])
    close(weights[1], [0.196281, 0.110448, 0.222416, 0.470854])
    for attend in (dense_attention, sorted_attention):
        out = attend(z, p, q, 0.2)
        close(out[0], [1.400497, -0.085763])
        close(out[1], [1.360406, -0.068995])


def graph(layers, **kwargs):
    """W = I, neighbour vector (0, 1), centre vector (1, 0), slope .01."""
    net = GraphLayers(2, layers, 0.01, **kwargs).double()
    for attend in net.attend:
        torch.nn.init.eye_(attend.project.weight)
        torch.nn.init.zeros_(attend.project.bias)
        attend.neighbour.data = torch.tensor([0.0, 1.0], dtype=torch.float64)
        attend.centre.data = torch.tensor([1.0, 0.0], dtype=torch.float64)
    return net


def test_one_graph_layer_of_gats():
    weights = attention_weights(H[:, 1], H[:, 0], 0.01)
    close(weights[0], [0.146963, 0.399486, 0.399486, 0.054065])
    close(weights[1], [0.134651, 0.366019, 0.366019, 0.133311])
    out = graph(1, inner_self=True, initial_residual=None)(H, torch.ones(4, dtype=torch.bool))
    close(
        out,
        [[1.654578, 0.744908], [0.767292, 1.598727], [1.654578, 1.744908], [2.654578, -0.255092]],
    )


def test_two_graph_layers_of_gats_with_initial_residual():
    present = torch.ones(4, dtype=torch.bool)
    first = graph(1, inner_self=True, initial_residual=True)(H, present)
    close(
        first,
        [[2.654578, 0.744908], [0.767292, 2.598727], [2.654578, 2.744908], [4.654578, -1.255092]],
    )
    second = graph(2, inner_self=True, initial_residual=None)(H, present)
    close(
        second,
        [[5.519136, 3.256756], [2.647485, 6.089466], [5.519136, 6.256756], [8.519136, 0.256756]],
    )


def inputs(n, seed, spread=1.0):
    g = torch.Generator().manual_seed(seed)
    values = torch.randn(n, 3, generator=g, dtype=torch.float64)
    p, q = spread * torch.randn(2, n, generator=g, dtype=torch.float64)
    return [t.requires_grad_() for t in (values, p.clone(), q.clone())]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(0, 1000),
    st.sampled_from([0.01, 0.2]),
    st.sampled_from([0.1, 1.0, 300.0]),
)
def test_the_sorted_form_equals_the_dense_one_in_values_and_gradients(n, seed, slope, spread):
    values, p, q = inputs(n, seed, spread)
    rows = torch.arange(n, dtype=torch.float64)[:, None].cos()
    results = []
    for attend in (dense_attention, sorted_attention):
        out = attend(values, p, q, slope)
        grads = torch.autograd.grad((out * rows).sum(), (values, p, q))
        results.append((out, *grads))
    for dense, ordered in zip(*results, strict=True):
        torch.testing.assert_close(ordered, dense, rtol=1e-9, atol=1e-10)


def test_the_sorted_form_survives_ties():
    values, _, q = inputs(6, 0)
    p = torch.tensor([0.5, 0.5, 0.5, -1.0, -1.0, 2.0], dtype=torch.float64)
    torch.testing.assert_close(
        sorted_attention(values, p, q, 0.2), dense_attention(values, p, q, 0.2)
    )


def test_the_sorted_form_is_accurate_in_float32_at_market_size():
    values, p, q = (t.detach().float() for t in inputs(3000, 1))
    torch.testing.assert_close(
        sorted_attention(values, p, q, 0.01),
        dense_attention(values, p, q, 0.01),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("attend", [dense_attention, sorted_attention])
def test_absent_stocks_are_as_if_they_were_not_there(attend):
    values, p, q = (t.detach() for t in inputs(7, 3))
    present = torch.tensor([1, 0, 1, 1, 0, 1, 1], dtype=torch.bool)
    whole = attend(values, p, q, 0.2, present)
    part = attend(values[present], p[present], q[present], 0.2)
    torch.testing.assert_close(whole[present], part)


def test_nobody_to_attend_to_gives_zero_and_not_nan():
    values, p, q = inputs(4, 3)
    nobody = torch.zeros(4, dtype=torch.bool)
    assert (sorted_attention(values, p, q, 0.2, nobody) == 0).all()
    assert (dense_attention(values, p, q, 0.2, nobody) == 0).all()
    isolated = torch.zeros(4, 4, dtype=torch.bool)
    isolated[0, 1] = True
    out = dense_attention(values, p, q, 0.2, isolated)
    torch.testing.assert_close(out[0], values[1])  # one neighbour: its value
    assert (out[1:] == 0).all()
    out.sum().backward()
    assert torch.isfinite(values.grad).all()


def test_zero_attention_vectors_give_the_plain_mean():
    layer = AdditiveAttention(3)
    torch.nn.init.zeros_(layer.neighbour)
    torch.nn.init.zeros_(layer.centre)
    h = torch.randn(5, 3)
    out = layer(h, torch.ones(5, dtype=torch.bool))
    torch.testing.assert_close(out, h.mean(dim=0).expand(5, 3))


def test_attention_rows_sum_to_one():
    _, p, q = inputs(9, 2)
    torch.testing.assert_close(
        attention_weights(p, q, 0.2).sum(dim=1), torch.ones(9, dtype=torch.float64)
    )
