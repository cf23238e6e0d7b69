"""Who may read what of the past: errors when their labels are known, states when the day is open."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from alpha.nn.memory import DayBank, LabelMemory, nearest_rows, read_bank


def filled(horizon=2, sessions=10):
    memory = LabelMemory(width=2, horizon=horizon)
    for row in range(sessions):
        memory.write(row, np.array([[row, -row], [10 + row, 0]], np.float32))
    return memory


def test_a_read_inside_the_horizon_of_the_label_raises():
    memory, both = filled(horizon=2), np.arange(2)
    assert memory.read([7], both, now=9)[0, 0, 0] == 7
    with pytest.raises(ValueError, match="labels of session 8 are known at session 10, 2 later"):
        memory.read([7, 8], both, now=9)
    with pytest.raises(ValueError, match="session 8 asks for them; read rows up to 6"):
        memory.read([7], both, now=8)


@pytest.mark.parametrize("horizon", [1, 2, 11])
def test_the_open_sessions_end_where_labels_are_known(horizon):
    memory = filled(horizon, sessions=30)
    rows = memory.open(now=25, count=4)
    assert list(rows) == [22 - horizon, 23 - horizon, 24 - horizon, 25 - horizon]
    found = memory.read(rows, np.array([1, 0]), now=25)
    assert found.shape == (2, 4, 2)
    np.testing.assert_array_equal(found[1, :, 0], list(rows))
    np.testing.assert_array_equal(found[0, :, 0], [10 + row for row in rows])


def test_what_was_never_written_is_unknown_and_not_perfect():
    memory = LabelMemory(width=2, horizon=1)
    assert np.isnan(memory.read(memory.open(3, 5), np.arange(4), 3)).all()
    memory.write(2, np.array([[0.5, np.nan], [1e9, -1e9]], np.float32))
    found = memory.read([1, 2], np.arange(2), 3)
    assert np.isnan(found[:, 0]).all()
    assert found[0, 1, 0] == 0.5
    assert np.isnan(found[0, 1, 1])
    assert np.isfinite(found[1, 1]).all()


def random_days(count=6, hidden=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    return [(10 * d, torch.randn(3 + d, hidden, generator=g).half()) for d in range(count)]


def test_a_day_is_read_when_it_is_open():
    days = random_days()
    bank, mean = DayBank.of(days), torch.ones(4)
    assert len(bank.nearest(mean, now=-1, count=3)) == 0
    assert torch.equal(bank.nearest(mean, now=9, count=3), days[0][1].float())
    two = bank.nearest(mean, now=10, count=3)
    assert len(two) == 3 + 4
    assert len(bank.nearest(mean, now=10**18, count=100)) == sum(3 + d for d in range(6))


def test_the_days_most_like_today_do_not_hang_on_the_order_of_the_bank():
    days = random_days()
    mean = torch.randn(4, generator=torch.Generator().manual_seed(5))
    wanted = sorted(
        days, key=lambda day: -float(F.cosine_similarity(day[1].float().mean(0), mean, 0))
    )
    found = DayBank.of(days).nearest(mean, now=100, count=2)
    assert torch.equal(found, torch.cat([day for _, day in wanted[:2]]).float())
    assert torch.equal(found, DayBank.of(days[::-1]).nearest(mean, now=100, count=2))


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_rows_are_found_a_chunk_at_a_time_as_they_are_all_at_once(chunk):
    g = torch.Generator().manual_seed(1)
    queries, pool = torch.randn(10, 5, generator=g), torch.randn(40, 5, generator=g)
    cosine = F.cosine_similarity(queries[:, None], pool[None], dim=2)
    found = nearest_rows(queries, pool, 7, chunk)
    assert found.shape == (10, 7)
    assert torch.equal(found, cosine.topk(7, dim=1).indices)
    weights, index = cosine.topk(7, dim=1)
    wanted = (weights[..., None] * pool[index]).sum(1) / 7
    torch.testing.assert_close(read_bank(queries, pool, 7, chunk), wanted)


def test_a_bank_read_by_hand():
    """Cosines 1, 0.6 and -1: the mean of two rows times theirs, and a weight may be negative."""
    query = torch.tensor([[2.0, 0.0]])
    pool = torch.tensor([[3.0, 4.0], [5.0, 0.0], [-1.0, 0.0]])
    torch.testing.assert_close(read_bank(query, pool, 2), torch.tensor([[3.4, 1.2]]))
    torch.testing.assert_close(read_bank(query, pool, 3), torch.tensor([[7.8 / 3, 0.8]]))
    torch.testing.assert_close(read_bank(query, pool, 50), read_bank(query, pool, 3))


def test_an_empty_or_zero_pool_reads_as_nothing():
    query = torch.randn(3, 4)
    assert (read_bank(query, torch.zeros(0, 4), 5) == 0).all()
    assert (read_bank(query, torch.zeros(8, 4), 5) == 0).all()
    assert read_bank(torch.zeros(0, 4), torch.randn(8, 4), 5).shape == (0, 4)


def test_gradients_reach_queries_and_pool():
    query, pool = torch.randn(3, 4).requires_grad_(), torch.randn(9, 4).requires_grad_()
    read_bank(query, pool, 2).sum().backward()
    assert query.grad.abs().sum() > 0
    chosen = nearest_rows(query, pool, 2).unique()
    assert (pool.grad.abs().sum(1) > 0).sum() == len(chosen)
