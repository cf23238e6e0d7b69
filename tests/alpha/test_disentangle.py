"""The parts of ADD: reversed gradients, decoder, heads, weights of hard rows."""

import numpy as np
import pytest
import torch
from torch import nn

from alpha.nn.disentangle import DeepState, Head, WindowDecoder, hard_day, hard_rows
from alpha.nn.reversal import reversal_strength, reverse


@pytest.mark.parametrize("strength", [0.0, 0.2, 1.0])
def test_a_reversed_gradient_is_minus_strength_times_the_plain_one(strength):
    torch.manual_seed(0)
    head = Head(6, 4, 1)
    x = torch.randn(5, 6, requires_grad=True)
    (plain,) = torch.autograd.grad(head(x).square().sum(), x)
    turned = reverse(x, strength)
    assert torch.equal(turned, x)
    (found,) = torch.autograd.grad(head(turned).square().sum(), x)
    torch.testing.assert_close(found, -strength * plain)


def test_the_head_behind_a_reversal_still_learns_its_own_task():
    torch.manual_seed(0)
    head, x = Head(6, 4, 1), torch.randn(5, 6)
    wanted = torch.autograd.grad(head(x).square().sum(), list(head.parameters()))
    found = torch.autograd.grad(head(reverse(x, 0.7)).square().sum(), list(head.parameters()))
    for a, b in zip(wanted, found, strict=True):
        assert torch.equal(a, b)


def test_the_pull_begins_at_nothing_grows_and_stops():
    pull = [reversal_strength(epoch) for epoch in range(60)]
    assert pull[0] == 0.0
    assert (np.diff(pull) >= 0).all()
    assert pull[-1] == 0.2
    assert reversal_strength(2) == pytest.approx(2 / (1 + np.exp(-0.2)) - 1)


def test_deep_states_are_those_of_torch_with_the_same_weights():
    torch.manual_seed(0)
    ours, theirs = DeepState(3, 5, 2), nn.GRU(3, 5, 2)
    for k, layer in enumerate([*ours.below, ours.top.steps]):
        for name, weight in layer.weights.named_parameters():
            getattr(theirs, name.replace("l0", f"l{k}")).data.copy_(weight)
    x = torch.randn(7, 4, 3)
    torch.testing.assert_close(ours(x), theirs(x.transpose(0, 1))[1], rtol=1e-5, atol=1e-6)


def test_the_decoder_feeds_on_its_own_words():
    torch.manual_seed(0)
    decoder = WindowDecoder(3, 4, 1)
    state = torch.randn(1, 6, 4)
    h, word, said = state[0], torch.zeros(6, 3), []
    for _ in range(5):
        h = decoder.cells[0](word, h)
        word = decoder.say(h)
        said.append(word)
    torch.testing.assert_close(decoder(state, 5), torch.stack(said, dim=1))
    deep = WindowDecoder(3, 4, 2)(torch.randn(2, 6, 4), 5)
    assert deep.shape == (6, 5, 3)


def test_a_decoder_learns_to_tell_a_window_again():
    torch.manual_seed(0)
    encoder, decoder = DeepState(2, 16, 1), WindowDecoder(2, 16, 1)
    x = torch.randn(64, 1, 2).expand(64, 3, 2) * torch.tensor([1.0, 0.5, -0.5])[None, :, None]
    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-2)
    for _ in range(60):
        adam.zero_grad()
        loss = (decoder(encoder(x), 3) - x).square().mean()
        loss.backward()
        adam.step()
    assert loss < 0.1 * x.var()


def test_a_head_reads_each_row_alone_in_training_too():
    torch.manual_seed(0)
    head, x = Head(6, 4, 2).train(), torch.randn(5, 6)
    torch.testing.assert_close(head(x)[:1], head(x[:1]))


def test_weights_are_positive_of_mean_one_and_larger_for_what_is_hard():
    error = torch.rand(31, generator=torch.Generator().manual_seed(0))
    weights = hard_rows(error)
    assert weights.mean() == pytest.approx(1.0)
    assert (weights > 0).all()
    assert torch.equal(torch.argsort(weights), torch.argsort(error))
    fits = torch.tensor([0.3, -0.1, 0.05, 0.2])
    days = torch.stack([hard_day(fit, fits) for fit in fits])
    assert days.mean() == pytest.approx(1.0)
    assert days.tolist() == pytest.approx([0.4, 1.6, 1.2, 0.8])
