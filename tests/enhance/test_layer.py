"""The optimiser as a layer: exact gradients, the solver's own weights, and training through it."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch

import enhance
from enhance.check import check
from enhance.constraint import Constraint
from enhance.constraints import Beta, Linear
from enhance.layer import PortfolioLayer
from market import DataError
from tests.enhance.cases import STANDARD, case, names, swap, without

TIGHT = swap(STANDARD, enhance.TrackingError(0.015), enhance.Turnover(0.10))
LOOSE = without(STANDARD, "turnover", "industry_exposure", "constituent_share")
PENALTY = enhance.MaxAlpha(risk_aversion=0.3)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def blocked(n, seed):
    """A rebalance in which some stocks can trade one way only, and some not at all."""
    made, random = case(n=n, members=n // 2, seed=seed), np.random.default_rng(seed)
    made.can_buy = pd.Series(random.random(n) > 0.2, made.alpha.index)
    made.can_sell = pd.Series(random.random(n) > 0.2, made.alpha.index)
    return made.problem()


INSTANCES = {
    "cone, turnover and bounds": (case(n=15, members=8, seed=2).problem(), TIGHT, None),
    "cone alone": (case(n=10, members=10, seed=1).problem(), LOOSE[:2] + LOOSE[-1:], None),
    "penalty alone": (
        case(n=12, members=12, seed=3).problem(),
        without(LOOSE, "tracking_error"),
        PENALTY,
    ),
    "penalty beside a cone": (case(n=30, seed=4).problem(), TIGHT, PENALTY),
    "blocked stocks": (blocked(30, 5), TIGHT, None),
    "share and styles bind": (
        case(n=24, members=10, seed=6).problem(),
        (*swap(LOOSE, enhance.StyleExposure(0.05)), enhance.ConstituentShare(0.93)),
        enhance.MaxAlpha(risk_aversion=0.05),
    ),
    "linear limits of any kind": (
        case(n=24, members=12, seed=9).problem(),
        (*TIGHT, Beta(0.01), Linear(pd.Series(np.arange(24.0), names(24)), upper=6.0, name="own")),
        PENALTY,
    ),
    "costs do not count": (
        case(n=20, members=10, seed=7).problem(),
        TIGHT,
        enhance.MaxAlpha(cost_aversion=0.0),
    ),
}


@pytest.mark.parametrize("name", INSTANCES)
def test_the_gradient_is_the_finite_difference(name):
    problem, constraints, objective = INSTANCES[name]
    layer = PortfolioLayer(constraints, objective)
    alpha = tensor(problem.alpha)
    assert layer(alpha, problem).sum().item() == pytest.approx(1.0, abs=1e-12)
    assert torch.autograd.gradcheck(
        lambda a: layer(a, problem), alpha, eps=1e-7, atol=1e-5, rtol=1e-6,
        fast_mode=len(problem.stocks) > 10,
    )  # fmt: skip
    grad = torch.autograd.functional.jacobian(lambda a: layer(a, problem), alpha)
    assert (grad.diagonal() > 0.1).any()  # not by being zero: a higher score buys more
    torch.testing.assert_close(grad, grad.T, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", INSTANCES)
def test_the_weights_are_those_of_the_solver_and_at_least_as_good(name):
    problem, constraints, objective = INSTANCES[name]
    weights = PortfolioLayer(constraints, objective)(tensor(problem.alpha), problem)
    exact = weights.detach().numpy()
    solved = enhance.solve(problem, constraints, objective or enhance.MaxAlpha())
    assert np.abs(exact - solved.vector).max() < 2e-5  # twice the dust that solve trims
    value = (objective or enhance.MaxAlpha()).value(exact, problem)
    assert value >= solved.objective - 1e-9
    assert check(problem, exact, constraints).passed


def test_a_stock_that_is_held_fast_has_no_gradient_and_gets_none():
    problem = blocked(30, 5)
    alpha = tensor(problem.alpha)
    weights = PortfolioLayer(TIGHT)(alpha, problem)
    fast = (~problem.can_buy & ~problem.can_sell) | (~problem.can_buy & (problem.holdings == 0.0))
    assert fast.sum() > 3
    assert weights.detach().numpy()[fast] == pytest.approx(problem.holdings[fast], abs=1e-15)
    (grad,) = torch.autograd.grad(weights @ torch.arange(30, dtype=torch.float64), alpha)
    assert (grad.numpy()[fast] == 0.0).all()
    assert (grad.numpy()[~fast] != 0.0).any()


def test_at_a_vertex_small_changes_of_alpha_change_nothing():
    problem = case(n=12, members=8, seed=2).problem()
    layer = PortfolioLayer(swap(TIGHT, enhance.TrackingError(0.20)))
    alpha = tensor(problem.alpha)
    weights = layer(alpha, problem)
    (grad,) = torch.autograd.grad(weights[3], alpha)
    assert grad.abs().max() < 1e-6
    moved = layer(alpha + 1e-7 * torch.randn(12, dtype=torch.float64), problem)
    torch.testing.assert_close(moved, weights, rtol=0.0, atol=1e-9)


def test_where_more_limits_meet_than_needed_the_gradient_is_one_sided_and_finite():
    # active weight and industry both at 3%: a full industry binds twice
    problem = case(n=30, members=15, seed=0).problem()
    layer = PortfolioLayer(STANDARD, enhance.MaxAlpha(risk_aversion=0.04))
    alpha = tensor(problem.alpha)
    grad = torch.autograd.functional.jacobian(lambda a: layer(a, problem), alpha)
    assert torch.isfinite(grad).all()
    assert torch.linalg.eigvalsh((grad + grad.T) / 2).min() > -1e-9  # more alpha never means less


def test_a_large_universe_agrees_along_a_direction():
    problem = case(n=300, members=150, seed=8).problem()
    layer = PortfolioLayer(
        swap(TIGHT, enhance.ActiveWeight(0.01)), enhance.MaxAlpha(risk_aversion=0.02)
    )
    direction = torch.randn(300, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    alpha = tensor(problem.alpha)
    up, down = (layer(alpha.detach() + s * 1e-8 * direction, problem) for s in (1.0, -1.0))
    loss = layer(alpha, problem) @ direction
    (grad,) = torch.autograd.grad(loss, alpha)
    slope = float((up - down) @ direction) / 2e-8
    assert float(grad @ direction) == pytest.approx(slope, rel=1e-5)


def test_a_batch_is_its_rows_and_keeps_the_kind_of_float():
    problems = [case(n=12, members=8, seed=s).problem() for s in (2, 3)]
    layer = PortfolioLayer(TIGHT)
    alphas = torch.tensor(np.stack([p.alpha for p in problems]), dtype=torch.float32)
    alphas.requires_grad_()
    weights = layer(alphas, problems)
    assert weights.shape == (2, 12)
    assert weights.dtype == torch.float64
    for row, alpha, problem in zip(weights, alphas, problems, strict=True):
        torch.testing.assert_close(row, layer(alpha, problem))
    torch.testing.assert_close(layer(alphas[:1], problems[0]), weights[:1])
    weights[:, 0].sum().backward()
    assert alphas.grad.dtype == torch.float32


def test_infeasible_limits_raise_with_their_diagnosis():
    problem = case(n=12, members=8, seed=2).problem()
    layer = PortfolioLayer((*swap(STANDARD, enhance.Bounds(0.05)), enhance.Bounds(0.05)))
    with pytest.raises(enhance.InfeasibleError, match="bounds"):
        layer(tensor(problem.alpha), problem)


@dataclass(frozen=True)
class Own(Constraint):
    limit: float = 0.5
    name: str = "own"

    def expression(self, x):
        return x.weights

    def measure(self, weights, problem):
        return weights


def test_what_has_no_useful_gradient_is_refused_at_once():
    with pytest.raises(ValueError, match="no derivative for own"):
        PortfolioLayer((*STANDARD, Own()))
    with pytest.raises(ValueError, match="gradient is zero"):
        PortfolioLayer(without(STANDARD, "tracking_error"))


def test_alphas_that_do_not_fit_are_refused():
    problem = case(n=12, members=8, seed=2).problem()
    layer = PortfolioLayer(STANDARD)
    broken = problem.alpha.copy()
    broken[3] = np.nan
    for alpha, problems, message in (
        (broken, problem, "not finite for 1 stocks"),
        (problem.alpha[:5], problem, "has 12 stocks"),
        (problem.alpha, [problem], "one alpha came with 1"),
        (problem.alpha[None], [problem, problem], "1 alphas came with 2"),
    ):
        with pytest.raises(DataError, match=message):
            layer(tensor(alpha), problems)


def test_a_second_derivative_is_refused_rather_than_wrong():
    problem = case(n=10, members=10, seed=1).problem()
    alpha = tensor(problem.alpha)
    loss = (PortfolioLayer(LOOSE[:2] + LOOSE[-1:])(alpha, problem) ** 2).sum()
    (grad,) = torch.autograd.grad(loss, alpha, create_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        grad.sum().backward()


def test_training_through_the_layer_raises_the_realised_return():
    """Two signals, one of them noise: what the portfolio earned tells which one to trust."""
    random = np.random.default_rng(0)
    weeks = [case(n=20, members=20, seed=s).problem() for s in range(4)]
    signals = random.standard_normal((4, 20, 2))
    returns = 0.02 * signals[..., 0] + 0.002 * random.standard_normal((4, 20))
    benchmark = torch.tensor(np.stack([p.benchmark for p in weeks]))
    layer = PortfolioLayer(without(LOOSE, "no_buy", "no_sell"))
    trust = torch.tensor([0.1, 1.0], dtype=torch.float64, requires_grad=True)
    x, r = torch.tensor(signals), torch.tensor(returns)

    def earned():
        alpha = 0.01 * x @ trust / trust.norm()
        return ((layer(alpha, weeks) - benchmark) * r).sum(1).mean()

    ascent = torch.optim.Adam([trust], lr=0.3, maximize=True)
    before = earned().item()
    for _ in range(8):
        ascent.zero_grad()
        earned().backward()
        ascent.step()
    assert earned().item() > before + 0.004
    assert trust[0] > 3.0 * trust[1].abs()


def test_the_problem_given_is_left_as_it_was():
    problem = case(n=10, members=10, seed=1).problem()
    kept = replace(problem, alpha=problem.alpha.copy())
    PortfolioLayer(STANDARD)(tensor(-problem.alpha), problem)
    assert np.array_equal(kept.alpha, problem.alpha)
