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


@pytest.mark.parametrize("loss", [losses.mse, losses.ic])
def test_several_scores_have_the_mean_of_their_losses(loss):
    scores, y = torch.randn(6, 3), torch.randn(6)
    mask = torch.tensor([True, True, False, True, True, True])
    each = [loss(s, y, mask) for s in scores.T]
    torch.testing.assert_close(loss(scores, y, mask), sum(each) / 3)


def test_decorrelation_is_the_mean_squared_correlation_between_columns():
    factors = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    squares = torch.corrcoef(factors.T) ** 2
    expected = (squares.sum() - 4) / 12
    assert losses.decorrelation(factors).item() == pytest.approx(expected.item(), rel=1e-9)
    moved = 5 * factors + 3
    assert losses.decorrelation(moved).item() == pytest.approx(expected.item(), rel=1e-9)


def test_decorrelation_is_one_for_copies_and_zero_for_unlike_columns():
    x = torch.tensor([1.0, -1.0, 1.0, -1.0])
    y = torch.tensor([1.0, 1.0, -1.0, -1.0])
    assert losses.decorrelation(torch.stack([x, -2 * x, x + 1], 1)) == pytest.approx(1.0, abs=1e-6)
    assert losses.decorrelation(torch.stack([x, y], 1)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (5, 1)])
def test_there_is_nothing_to_decorrelate_in_one_stock_or_one_column(shape):
    factors = torch.randn(shape, requires_grad=True)
    value = losses.decorrelation(factors)
    value.backward()
    assert value.item() == 0.0
    assert (factors.grad == 0).all()


NODES = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
PAIR = torch.tensor([[0, 1], [1, 0]])


def test_proximity_of_the_worked_example():
    """Sums by node 1.006409, .626523 and 1.006409."""
    value = losses.proximity(NODES, PAIR, scale=1.0, average=False)
    assert value.item() == pytest.approx(0.879780, abs=1e-6)


def test_proximity_by_means_weighs_neighbours_as_much_as_all_others():
    """Nodes 0 and 1 have one neighbour and one other, node 2 two others: its sum is halved."""
    value = losses.proximity(NODES, PAIR, scale=1.0)
    assert value.item() == pytest.approx((1.006409 + 0.626523 + 1.006409 / 2) / 3, abs=1e-6)


def plain_proximity(states, edges, scale):
    """Pair by pair, as the formula reads."""
    linked = {(int(i), int(j)) for j, i in edges.T if i != j}
    total = 0.0
    for i in range(len(states)):
        near, far = [], []
        for j in range(len(states)):
            s = scale * states[i] @ states[j]
            if i != j:
                sign = 1.0 if (i, j) in linked else -1.0
                (near if sign > 0 else far).append(-torch.log(torch.sigmoid(sign * s)))
        total = total + sum(torch.stack(part).mean() for part in (near, far) if part)
    return total / len(states)


def test_proximity_by_blocks_is_the_formula_in_values_and_gradients(monkeypatch):
    monkeypatch.setattr(losses, "PAIR_ROWS", 3)
    g = torch.Generator().manual_seed(1)
    states = torch.randn(8, 4, generator=g, dtype=torch.float64, requires_grad=True)
    edges = torch.randint(0, 8, (2, 20), generator=g)  # with repeats and self-loops
    found, plain = losses.proximity(states, edges), plain_proximity(states, edges, 0.5)
    torch.testing.assert_close(found, plain)
    ours, theirs = (torch.autograd.grad(value, states)[0] for value in (found, plain))
    torch.testing.assert_close(ours, theirs)


def test_proximity_falls_when_neighbours_become_alike():
    apart = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]])
    together = torch.tensor([[2.0, 0.0], [2.0, 0.0], [-2.0, 0.0]])
    assert losses.proximity(together, PAIR) < losses.proximity(apart, PAIR)
    nobody = torch.zeros(1, 2, requires_grad=True)
    assert losses.proximity(nobody, torch.zeros(2, 0, dtype=torch.long)).item() == 0.0
