"""The loss of one date against its N x N form, and the penalty by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from risk.deep.loss import explained, regression_weights, risk_loss, standardized


@pytest.fixture
def day():
    torch.manual_seed(0)
    f, cap = torch.randn(60, 4), torch.exp(2.0 * torch.randn(60))
    y = 0.02 * torch.randn(60, 5) + 0.01 * f @ torch.randn(4, 5)
    return f, y, cap


def projected(z, y, v):
    """R2 and trace by the N x N projection, on one day."""
    x = np.column_stack([np.ones(len(z)), z]) * np.sqrt(v)[:, None]
    ys = np.sqrt(v) * y
    inverse = np.linalg.inv(x.T @ x)
    left = ys - x @ inverse @ x.T @ ys
    return 1.0 - left @ left / (ys @ ys), np.trace(inverse)


def test_the_loss_is_that_of_the_projection(day):
    f, y, cap = day
    z, v = standardized(f, cap).numpy(), regression_weights(cap).numpy()
    days = [projected(z, y[:, h].double().numpy(), v) for h in range(5)]
    expected = 0.03 * 60 / 5 * days[0][1] - np.mean([r2 for r2, _ in days])
    assert float(risk_loss(f, y, cap, penalty=0.03)) == pytest.approx(expected, abs=1e-7)


def test_a_stock_counts_on_the_days_on_which_its_return_is_known(day):
    f, y, cap = day
    y[::7, 2], y[3:9, 4] = torch.nan, torch.nan
    z, v = standardized(f, cap), regression_weights(cap)
    r2, _ = explained(z, y, v)
    for h in range(5):
        known = torch.isfinite(y[:, h])
        own = projected(z[known].numpy(), y[known, h].double().numpy(), v[known].numpy())
        assert float(r2[h]) == pytest.approx(own[0], abs=1e-7)


def test_weights_are_square_roots_clipped_from_above():
    v = regression_weights(torch.tensor([1.0, 4.0, 9.0, 16.0, 1e6]))
    ratio = v / v[0]
    np.testing.assert_allclose(ratio[:4].numpy(), [1.0, 2.0, 3.0, 4.0], rtol=1e-7)
    assert ratio[4] == pytest.approx(4.0 + 0.8 * 996.0)  # the 95th percentile of five values
    assert v.mean() == pytest.approx(1.0)


def test_orthonormal_factors_have_inflation_one():
    signs = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]).double()
    _, inflation = explained(signs, torch.ones(4, 1), torch.ones(4).double())
    assert float(inflation) == pytest.approx(1.0, rel=1e-6)


def test_equicorrelated_factors_are_inflated_as_by_hand():
    n, k, rho = 200, 10, 0.9
    gram = (1 - rho) * np.eye(k) + rho
    noise = np.random.default_rng(0).standard_normal((n, k))
    basis = np.linalg.qr(noise - noise.mean(axis=0))[0] * np.sqrt(n)  # columns of variance 1
    z = torch.from_numpy(basis @ np.linalg.cholesky(gram).T)
    # Eigenvalues 1 - rho, nine times, and 1 + 9 rho; the intercept has its own 1.
    expected = (9 / (1 - rho) + 1 / (1 + 9 * rho) + 1) / 11
    assert expected == pytest.approx(8.28, abs=0.01)
    _, inflation = explained(z, torch.ones(n, 1), torch.ones(n).double())
    assert float(inflation) == pytest.approx(expected, rel=1e-6)


def test_standardised_exposures_are_clipped_centred_and_scaled(day):
    f, _, cap = day
    f[0, 0] = 1e4
    z = standardized(f, cap)
    np.testing.assert_allclose((cap.double() @ z / cap.sum()).numpy(), 0.0, atol=1e-6)
    np.testing.assert_allclose(z.std(dim=0, unbiased=False).numpy(), 1.0, atol=1e-6)
    assert z[0, 0] == z[:, 0].max() < 4.0


def test_scale_and_shift_of_the_outputs_do_not_matter(day):
    f, y, cap = day
    assert float(risk_loss(7.0 * f - 3.0, y, cap)) == pytest.approx(
        float(risk_loss(f, y, cap)), abs=1e-5
    )


def test_gradients_are_finite_for_constant_and_equal_columns(day):
    f, y, cap = day
    f[:, 1], f[:, 2] = 5.0, f[:, 3]
    f.requires_grad_()
    loss = risk_loss(f, y, cap)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(f.grad).all()


def test_the_gradient_is_that_of_finite_differences(day):
    f, y, cap = (part[:30].double() for part in day)

    def smooth(z):
        r2, inflation = explained(z, y, regression_weights(cap))
        return 0.01 * inflation - r2.mean()

    assert torch.autograd.gradcheck(smooth, (f.requires_grad_(),), atol=1e-6)
