"""Encoders of a window: attention over its steps, and the transformer against torch's."""

import pytest
import torch
from torch import nn

from alpha.nn import AttentionPool, AttentiveEncoder, RecurrentEncoder, TransformerEncoder
from alpha.nn.temporal import positions


def test_attention_over_steps_by_hand():
    """Look = identity, v = (1, 0): scores tanh(0), tanh(1), tanh(-1) weigh the three steps."""
    pool = AttentionPool(2, 2)
    with torch.no_grad():
        pool.look.weight.copy_(torch.eye(2))
        pool.look.bias.zero_()
        pool.weigh.weight.copy_(torch.tensor([[1.0, 0.0]]))
    r = torch.tensor([[[0.0, 1.0], [1.0, 2.0], [-1.0, 4.0]]])
    shares = torch.tensor([1.0, 2.1416, 0.4669]) / 3.6085  # exp of the scores
    torch.testing.assert_close(pool.weights(r)[0], shares, atol=1e-4, rtol=0)
    read = torch.tensor([[-1.0, 4.0, *(shares @ r[0])]])
    torch.testing.assert_close(pool(r), read, atol=1e-3, rtol=0)


def test_shares_of_the_steps_sum_to_one():
    torch.manual_seed(0)
    shares = AttentionPool(6, 3).weights(torch.randn(5, 7, 6))
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(5))
    assert (shares > 0).all()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_attentive_encoder_reads_states_of_squashed_inputs(cell):
    torch.manual_seed(0)
    net, x = AttentiveEncoder(3, 8, layers=2, cell=cell), torch.randn(5, 6, 3)
    steps, _ = net.steps.weights(torch.tanh(net.enter(x)).transpose(0, 1))
    torch.testing.assert_close(net(x), net.pool(steps.transpose(0, 1)), atol=1e-6, rtol=1e-5)
    assert net.pool.look.out_features == 4


def torchs(block, hidden, heads):
    """The same weights in torch's own layer."""
    layer = nn.TransformerEncoderLayer(hidden, heads, 4 * hidden, 0.0, batch_first=True)
    k, v = block.key_value.weight.unflatten(0, (heads, 2, -1)).unbind(1)
    bk, bv = block.key_value.bias.unflatten(0, (heads, 2, -1)).unbind(1)
    copies = {
        "self_attn.in_proj_weight": torch.cat(
            [block.query.weight, k.flatten(0, 1), v.flatten(0, 1)]
        ),
        "self_attn.in_proj_bias": torch.cat([block.query.bias, bk.flatten(), bv.flatten()]),
    }
    for name, part in {
        "self_attn.out_proj": block.out,
        "linear1": block.forth,
        "linear2": block.back,
        "norm1": block.norms[0],
        "norm2": block.norms[1],
    }.items():
        copies |= {f"{name}.{key}": value for key, value in part.state_dict().items()}
    layer.load_state_dict(copies)
    return layer


@pytest.mark.parametrize("layers", [1, 3])
def test_the_transformer_is_torchs_read_at_its_last_step(layers):
    torch.manual_seed(0)
    net, x = TransformerEncoder(3, 8, layers, heads=2), torch.randn(5, 6, 3)
    h = net.enter(x) + positions(6, 8)
    for block in net.blocks:
        h = torchs(block, 8, 2)(h)
    torch.testing.assert_close(net(x), h[:, -1], atol=1e-5, rtol=1e-4)


def test_positions_are_pairs_of_sine_and_cosine():
    expected = torch.tensor(
        [[0.0, 1.0, 0.0, 1.0], [0.841471, 0.540302, 0.0099998, 0.99995]]
    )  # sin 1, cos 1, sin 0.01, cos 0.01
    torch.testing.assert_close(positions(2, 4), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "net", [RecurrentEncoder(3, 8), AttentiveEncoder(3, 8), TransformerEncoder(3, 8)]
)
def test_stocks_do_not_see_each_other_and_every_step_is_seen(net):
    torch.manual_seed(1)
    x = torch.randn(5, 6, 3)
    before = net(x)
    assert before.shape == (5, net.width)
    for step in range(6):
        changed = x.clone()
        changed[2, step] += 1.0
        moved = (net(changed) - before).abs().sum(dim=1)
        assert moved[2] > 0
        assert (moved[[0, 1, 3, 4]] < 1e-6).all()


def test_the_order_of_the_days_matters_to_the_transformer():
    torch.manual_seed(2)
    net, x = TransformerEncoder(3, 8), torch.randn(2, 6, 3)
    swapped = x[:, [1, 0, 2, 3, 4, 5]]
    assert not torch.allclose(net(x), net(swapped), atol=1e-4)
