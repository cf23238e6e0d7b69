"""Losses of one day by hand."""

import pytest
import torch

from alpha import losses


def test_mse_averages_over_labelled_stocks():
    s, y = torch.tensor([1.0, 2.0, 9.0]), torch.tensor([0.0, 4.0, 0.0])
    mask = torch.tensor([True, True, False])
    assert losses.mse(s, y, mask) == pytest.approx(2.5)


def test_ic_loss_is_zero_for_a_straight_line_two_for_its_reverse():
    y = torch.tensor([1.0, 2.0, 4.0, 8.0])
    everyone = torch.ones(4, dtype=torch.bool)
    assert losses.ic(3 * y - 7, y, everyone) == pytest.approx(0.0, abs=1e-6)
    assert losses.ic(-y, y, everyone) == pytest.approx(2.0, abs=1e-6)


def test_constant_scores_have_loss_one_and_a_finite_gradient():
    s = torch.zeros(4, requires_grad=True)
    loss = losses.ic(s, torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.ones(4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert torch.isfinite(s.grad).all()


@pytest.mark.parametrize("loss", [losses.mse, losses.ic])
def test_a_day_without_labels_is_skipped(loss):
    s = torch.randn(4, requires_grad=True)
    value = loss(s, torch.zeros(4), torch.zeros(4, dtype=torch.bool))
    value.backward()
    assert value.item() == 0.0
    assert (s.grad == 0).all()


@pytest.mark.parametrize("loss", [losses.mse, losses.ic])
def test_unlabelled_and_absent_stocks_have_no_say(loss):
    s = torch.tensor([1.0, 2.0, 5.0, float("nan")], requires_grad=True)
    y = torch.tensor([0.5, 0.0, 1.0, 0.0])
    mask = torch.tensor([True, True, True, False])
    value = loss(s, y, mask)
    value.backward()
    torch.testing.assert_close(value, loss(s[:3], y[:3], mask[:3]))
    assert s.grad[3] == 0
