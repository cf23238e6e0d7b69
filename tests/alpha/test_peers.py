"""Stock less peers, and the recurrent reader: against dense attention and by hand."""

import pytest
import torch
from torch.nn import functional as F

from alpha.nn import AttentiveGRU, PeerDifference, dense_attention, sorted_attention


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return PeerDifference(4, dropout=0.5).double()


def dense(layer, x):
    """One lag at a time, with the N x N weights."""
    lags = []
    for x_t in x:
        h = x_t @ layer.project
        p, q = (h @ a / 8**0.5 for a in (layer.neighbour, layer.centre))
        lags.append(x_t - F.leaky_relu(dense_attention(h, p, q, layer.slope), layer.slope))
    return torch.stack(lags)


def test_batched_sorted_attention_is_dense_attention(layer):
    x = torch.randn(6, 33, 4, dtype=torch.float64, requires_grad=True)
    ours, theirs = layer.eval()(x), dense(layer, x)
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
    weight = torch.randn_like(ours)
    parameters = [x, *layer.parameters()]
    got = torch.autograd.grad((weight * ours).sum(), parameters)
    want = torch.autograd.grad((weight * theirs).sum(), parameters)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=0)


def test_a_neighbour_of_score_minus_infinity_is_not_there():
    torch.manual_seed(1)
    values, p, q = torch.randn(2, 9, 3), torch.randn(2, 9), torch.randn(2, 9)
    gone = torch.zeros(9, dtype=torch.bool)
    gone[[2, 5]] = True
    found = sorted_attention(values, p.masked_fill(gone, -torch.inf), q, 0.01)
    kept = ~gone
    rows = sorted_attention(values[:, kept], p[:, kept], q[:, kept], 0.01)
    torch.testing.assert_close(found[:, kept], rows, atol=1e-6, rtol=1e-5)


def test_an_untrained_layer_without_scores_takes_the_mean_away():
    layer = PeerDifference(2).eval()
    with torch.no_grad():
        layer.neighbour.zero_()
    x = torch.tensor([[[1.0, 0.0], [3.0, 4.0]]])
    torch.testing.assert_close(layer(x), torch.tensor([[[-1.0, -2.0], [1.0, 2.0]]]))


def test_dropout_leaves_a_neighbour_and_is_off_when_scoring(layer):
    x = torch.randn(3, 5, 4, dtype=torch.float64)
    layer.dropout = 1.0
    assert torch.isfinite(layer.train()(x)).all()
    torch.testing.assert_close(layer.eval()(x), layer.eval()(x), atol=0, rtol=0)


def test_the_reader_sees_the_last_step_and_all_steps():
    torch.manual_seed(2)
    reader = AttentiveGRU(2, hidden=3, layers=1, outputs=4)
    with torch.no_grad():
        reader.pool.weigh.weight.zero_()  # equal attention: the mean of the states
    x = torch.randn(5, 6, 2)
    steps, _ = reader.steps.weights(x)
    expected = reader.head(torch.cat([steps[-1], steps.mean(dim=0)], dim=1))
    torch.testing.assert_close(reader(x), expected)
