"""Residual block and bar encoder: what they may not mix, and what they can see."""

import torch

from alpha.nn import bar_encoder
from alpha.nn.bar_encoder import BarEncoder
from alpha.nn.residual import ResidualBlock


def test_a_block_whose_last_map_is_zero_is_the_identity():
    block = ResidualBlock(5)
    torch.nn.init.zeros_(block.branch[-1].weight)
    torch.nn.init.zeros_(block.branch[-1].bias)
    x = torch.randn(7, 5)
    assert torch.equal(block(x), x)


def test_a_block_adds_the_same_for_inputs_that_differ_in_level_and_scale():
    block = ResidualBlock(5)
    x = torch.randn(7, 5)
    torch.testing.assert_close(block(3 * x + 2) - (3 * x + 2), block(x) - x, rtol=1e-3, atol=1e-4)


def test_matrices_do_not_see_each_other(monkeypatch):
    """The whole, its parts one by one, and blocks of another size agree: no statistics of a batch."""
    encoder = BarEncoder(5, 6, outputs=8, channels=4).eval()
    x = torch.randn(10, 30)
    whole = encoder(x)
    assert whole.shape == (10, 8)
    torch.testing.assert_close(torch.cat([encoder(row[None]) for row in x]), whole)
    monkeypatch.setattr(bar_encoder, "CHUNK", 3)
    torch.testing.assert_close(encoder(x), whole)
    with torch.no_grad():
        torch.testing.assert_close(encoder(x), whole)


def test_computing_again_on_the_way_back_gives_the_plain_gradient(monkeypatch):
    encoder, x = BarEncoder(5, 6, outputs=8, channels=4), torch.randn(10, 30)
    plain = torch.autograd.grad(encoder._encode(x).square().sum(), list(encoder.parameters()))
    monkeypatch.setattr(bar_encoder, "CHUNK", 4)
    again = torch.autograd.grad(encoder(x).square().sum(), list(encoder.parameters()))
    for a, b in zip(again, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_encoder_tells_the_order_of_bars_and_of_fields():
    """Bar-major rows: the same numbers moved by a bar, or by a field, are another matrix."""
    torch.manual_seed(0)
    encoder = BarEncoder(5, 6, outputs=8, channels=4)
    matrix = torch.zeros(3, 5, 6)
    matrix[0, 1, 2] = matrix[1, 2, 1] = matrix[2, 0, 2] = 1.0
    out = encoder(matrix.reshape(3, 30))
    assert (out[0] - out[1]).abs().max() > 1e-3
    assert (out[0] - out[2]).abs().max() > 1e-3


def test_one_bar_of_one_field_is_encoded_too():
    assert BarEncoder(1, 1, outputs=8)(torch.randn(3, 1)).shape == (3, 8)
