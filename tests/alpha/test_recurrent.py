"""Recurrent layers of our own against torch's, which have the same weights."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alpha.nn import Recurrent


def both(net, x, read, rows):
    """States, and gradients of weights and input, of ours in float32 and of torch's in float64."""
    found = []
    for each, inputs in ((net, x), (copy.deepcopy(net).double(), x.double())):
        each.zero_grad()
        inputs = inputs.clone().requires_grad_()
        states = read(each, inputs)
        (states * rows[: len(states)].to(states)).sum().backward()
        found.append([states.detach(), inputs.grad, *(p.grad for p in each.parameters())])
    return zip(*found, strict=True)


@settings(max_examples=15, deadline=None)
@given(
    cell=st.sampled_from(["gru", "lstm"]),
    last=st.booleans(),
    n=st.sampled_from([1, 5, 64, 67]),
    steps=st.integers(1, 6),
    features=st.integers(1, 5),
    hidden=st.sampled_from([1, 3, 16]),
    layers=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_states_and_gradients_are_those_of_torch(
    cell, last, n, steps, features, hidden, layers, seed
):
    torch.manual_seed(seed)
    net = Recurrent(features, hidden, layers, cell=cell)
    x = 2.0 * torch.randn(n, steps, features)
    rows = torch.randn(n, 1) if last else torch.randn(n, steps, 1)
    read = Recurrent.last if last else Recurrent.forward
    for ours, theirs in both(net, x, read, rows):
        scale = 0.1 + float(theirs.abs().max())
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=5e-6 * scale)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_saturated_gates_stay_exact(cell):
    torch.manual_seed(0)
    net = Recurrent(2, 4, cell=cell)
    x = torch.randn(70, 5, 2) * 300.0
    torch.testing.assert_close(
        net.last(x).double(), copy.deepcopy(net).double().last(x.double()), rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # the switch itself warns
def test_without_onednn_the_products_are_torchs(cell):
    torch.manual_seed(0)
    net, x = Recurrent(3, 8, 2, cell=cell), torch.randn(9, 4, 3)
    ours = net.last(x)
    with torch.backends.mkldnn.flags(enabled=False):
        torch.testing.assert_close(net.last(x), ours, rtol=1e-5, atol=1e-6)


def test_a_diverged_weight_shows_as_nan():
    net = Recurrent(2, 4)
    with torch.no_grad():
        net.weights.weight_hh_l0[0, 0] = float("nan")
    assert torch.isnan(net.last(torch.randn(3, 5, 2))).any()


def test_half_precision_around_it_does_not_make_it_coarse():
    torch.manual_seed(0)
    net, x = Recurrent(3, 8), torch.randn(9, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        inside = net.last(x)
    assert torch.equal(inside, net.last(x))


def test_a_second_gradient_of_one_pass_is_refused():
    states = Recurrent(2, 3).last(torch.randn(4, 5, 2))
    states.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="differentiated twice"):
        states.sum().backward()


@pytest.mark.parametrize("n", [64, 67])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_how_windows_lie_in_memory_changes_no_bit(cell, n):
    torch.manual_seed(0)
    net = Recurrent(3, 8, cell=cell)
    rows = torch.randn(n, 5, 3)
    steps = rows.transpose(0, 1).contiguous().transpose(0, 1)
    assert rows.stride() != steps.stride()
    assert torch.equal(net.last(rows), net.last(steps))
    assert torch.equal(net(rows), net(steps))
