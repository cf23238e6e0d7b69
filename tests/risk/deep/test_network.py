"""The network: stocks in any order, branches, and attention equal to its N x N form."""

from __future__ import annotations

import pytest
import torch

from risk.deep import Deep


@pytest.fixture(params=[True, False], ids=["gat", "no gat"])
def network(request):
    torch.manual_seed(1)
    return Deep(factors=5, gat=request.param, hidden=8).build(3).eval()


def test_permuting_the_stocks_permutes_the_exposures(network):
    x, order = torch.randn(20, 40, 3), torch.randperm(40)
    with torch.no_grad():
        torch.testing.assert_close(network(x[:, order]), network(x)[order], atol=1e-6, rtol=1e-5)


def test_there_is_one_exposure_a_factor(network):
    assert network(torch.randn(20, 7, 3)).shape == (7, 5)


def test_only_the_branch_of_the_peers_sees_other_stocks():
    torch.manual_seed(2)
    network = Deep(factors=5, hidden=8).build(3).eval()
    x = torch.randn(20, 40, 3)
    changed = x.clone()
    changed[:, 1:] += 1.0
    with torch.no_grad():
        moved = (network(changed) - network(x))[0].abs()
    assert (moved[:2] > 1e-4).all()  # two of five factors are relative to the peers
    assert (moved[2:] < 1e-6).all()


def test_every_parameter_learns():
    torch.manual_seed(3)
    network = Deep(factors=4, hidden=8).build(3).train()
    network(torch.randn(20, 30, 3)).pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_settings_that_make_no_network_are_refused():
    with pytest.raises(ValueError, match="inputs 'prices' is unknown; there are"):
        Deep(inputs="prices")
    with pytest.raises(ValueError, match=r"inputs .* is unknown"):
        Deep(inputs=())
    with pytest.raises(ValueError, match="factors 1 must be >= 2"):
        Deep(factors=1)
    assert Deep(factors=1, gat=False).build(3)(torch.randn(20, 6, 3)).shape == (6, 1)
