"""Optimal transport of stocks to predictors: the hand example, sums of rows and columns, limits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from alpha.nn.sinkhorn import by_range, transport

HAND = torch.tensor([[0, 1], [0.2, 1], [1, 0], [0, 0.5]])


def test_three_rounds_give_the_hand_numbers():
    """Rows are exact, columns are not yet: the last step is one of rows."""
    wanted = [[0.999197, 0.000803], [0.9941, 0.0059], [3e-6, 0.999997], [0.893483, 0.106517]]
    plan = transport(HAND, eps=0.1, iterations=3)
    np.testing.assert_allclose(plan, wanted, atol=1e-5)
    np.testing.assert_allclose(plan.sum(0), [2.886783, 1.113217], atol=1e-5)
    np.testing.assert_allclose(plan.sum(1), 1.0, atol=1e-6)


def test_many_rounds_give_the_balanced_hand_numbers():
    wanted = [[0.973143, 0.026857], [0.830619, 0.169381], [0, 1], [0.196237, 0.803763]]
    plan = transport(HAND, eps=0.1, iterations=1000)
    np.testing.assert_allclose(plan, wanted, atol=1e-5)
    np.testing.assert_allclose(plan.sum(0), [2, 2], atol=1e-4)


def random_costs(seed, n, k):
    return torch.from_numpy(np.random.default_rng(seed).random((n, k)).astype(np.float32))


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_rows_sum_to_one_whatever_the_costs(seed, n, k):
    plan = transport(random_costs(seed, n, k), eps=0.1)
    assert (plan >= 0).all()
    np.testing.assert_allclose(plan.sum(1), 1.0, atol=1e-6)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_columns_share_a_hundred_rows_equally(k):
    plan = transport(random_costs(0, 120, k), eps=0.1, iterations=200)
    np.testing.assert_allclose(plan.sum(0) / (120 / k), 1.0, atol=1e-3)


def test_what_all_predictors_get_wrong_does_not_matter():
    costs = random_costs(1, 30, 3)
    more = costs + torch.linspace(-5, 5, 30)[:, None]
    torch.testing.assert_close(
        transport(by_range(more)), transport(by_range(costs)), rtol=1e-3, atol=1e-4
    )
    both = [transport(c.double(), iterations=1000) for c in (costs, more)]
    torch.testing.assert_close(*both, rtol=1e-5, atol=1e-6)


def test_the_plan_is_uniform_as_eps_grows_and_the_cheapest_as_it_falls():
    costs = random_costs(2, 12, 3)
    np.testing.assert_allclose(transport(costs, eps=1e6), 1 / 3, atol=1e-5)
    rows = np.kron(np.eye(12), np.ones(3))
    columns = np.kron(np.ones(12), np.eye(3))
    best = linprog(
        costs.numpy().ravel(), A_eq=np.r_[rows, columns], b_eq=np.r_[np.ones(12), np.full(3, 4)]
    )
    plan = transport(costs.double(), eps=1e-3, iterations=5000)
    assert float((plan * costs).sum()) == pytest.approx(best.fun, rel=0.01)


def test_nothing_overflows_at_an_eps_that_breaks_exponentials():
    plan = transport(1000 * random_costs(3, 50, 4), eps=0.01)
    assert torch.isfinite(plan).all()
    np.testing.assert_allclose(plan.sum(1), 1.0, atol=1e-6)


def test_no_gradient_goes_through_the_plan():
    assert not transport(random_costs(0, 5, 2).requires_grad_()).requires_grad


def test_no_rows_are_no_plan():
    assert transport(torch.zeros(0, 3)).shape == (0, 3)


def test_a_row_is_scaled_by_its_own_range():
    scaled = by_range(torch.tensor([[2.0, 4.0, 3.0], [0.1, 0.1, 0.1], [-1.0, 0.0, 1.0]]))
    np.testing.assert_allclose(scaled, [[0, 1, 0.5], [0, 0, 0], [0, 0.5, 1]], atol=1e-6)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"eps 0\.0 must be > 0"):
        transport(HAND, eps=0.0)
    with pytest.raises(ValueError, match="iterations 0 >= 1"):
        transport(HAND, iterations=0)
